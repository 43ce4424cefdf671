//! How much loss the audio encoder should expect, from what the peers report about the sound they get from us.
//!
//! Invariant: the expectation follows the worst peer, since all of them get the same packets; without reports it stays
//! where it is.

use std::collections::HashMap;

/// Before the first report: enough that Opus puts FEC into its packets from the start.
const AT_START: f64 = 10.0;
/// Part of the way to a higher value in one reading: quick, as speech is being lost.
const RISE: f64 = 0.5;
/// And to a lower one: slow, as loss comes in bursts.
const FALL: f64 = 0.05;
/// Opus gains nothing from expecting more.
const MOST: f64 = 50.0;

/// Cumulative counters of one peer's reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported {
    /// Packets lost; signed, may fall (RFC 3550, 6.4.1).
    pub lost: i64,
    /// Packets the reports covered, lost ones among them.
    pub covered: u64,
}

/// Smoothed expectation.
#[derive(Debug)]
pub(crate) struct ExpectedLoss {
    percent: f64,
    last: HashMap<String, Reported>,
}

impl ExpectedLoss {
    /// Nothing is reported yet.
    pub(crate) fn new() -> Self {
        Self { percent: AT_START, last: HashMap::new() }
    }

    /// Takes one reading of all peers' counters and returns the loss to expect, in percent.
    pub(crate) fn update(&mut self, peers: impl IntoIterator<Item = (String, Reported)>) -> u8 {
        let now: HashMap<_, _> = peers.into_iter().collect();
        let worst =
            now.iter().filter_map(|(peer, reported)| percent(*self.last.get(peer)?, *reported)).reduce(f64::max);
        self.last = now;
        if let Some(worst) = worst {
            let part = if worst > self.percent { RISE } else { FALL };
            self.percent += (worst - self.percent) * part;
        }
        self.percent.clamp(0.0, MOST).round() as u8
    }
}

/// Loss between two readings; `None` where no new report came in or the counters started anew.
fn percent(before: Reported, after: Reported) -> Option<f64> {
    let covered = after.covered.checked_sub(before.covered).filter(|covered| *covered > 0)?;
    let lost = after.lost.saturating_sub(before.lost).max(0);
    Some((100.0 * lost as f64 / covered as f64).min(100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(lost: i64, covered: u64) -> Vec<(String, Reported)> {
        vec![("a".into(), Reported { lost, covered })]
    }

    #[test]
    fn starts_at_ten_percent_and_stays_there_without_reports() {
        let mut loss = ExpectedLoss::new();
        for _ in 0..100 {
            assert_eq!(loss.update(reading(0, 0)), 10);
        }
    }

    #[test]
    fn falls_slowly_on_a_clean_path_and_rises_quickly() {
        let mut loss = ExpectedLoss::new();
        let mut covered = 0;
        let mut seen = 10;
        for _ in 0..100 {
            covered += 50;
            let next = loss.update(reading(0, covered));
            assert!(next <= seen);
            seen = next;
        }
        assert_eq!(seen, 0);
        let mut lost = 0;
        for _ in 0..4 {
            covered += 50;
            lost += 10;
            seen = loss.update(reading(lost, covered));
        }
        assert!((17..=20).contains(&seen), "20 % of loss for 4 s, expected {seen} %");
    }

    #[test]
    fn follows_the_worst_peer() {
        let mut loss = ExpectedLoss::new();
        let both = |covered, lost| {
            [("good".to_owned(), Reported { lost: 0, covered }), ("bad".to_owned(), Reported { lost, covered })]
        };
        let mut percent = 0;
        for step in 0..20 {
            percent = loss.update(both(step * 100, step as i64 * 30));
        }
        assert_eq!(percent, 30);
    }

    #[test]
    fn counters_that_fall_or_start_anew_are_no_loss() {
        let mut loss = ExpectedLoss::new();
        loss.update(reading(50, 1000));
        assert_eq!(loss.update(reading(0, 10)), 10, "a new segment says nothing yet");
        assert_eq!(loss.update(reading(-3, 1010)), 10, "late packets repaired: the step down is slow");
    }
}
