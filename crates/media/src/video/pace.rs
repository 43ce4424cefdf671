//! How many pictures a second really come, so that an encoder which is told a constant rate of them still keeps its bit rate.
//!
//! Invariant: libvpx sees evenly spaced pictures and never a changing interval. Its rate control takes each change for a
//! new frame rate: told of the true times, it gave 3.8 Mbit/s instead of 1.5 while they wobbled by 30 ms, and after ten
//! seconds of dropped pictures 0.6 Mbit/s for good.

/// Pictures over which the interval is averaged: a second at 30 fps.
const MEMORY: f64 = 30.0;
/// Longer than this is a pause, not a frame rate. Microseconds.
const PAUSE_US: i64 = 1_000_000;
/// The budget is changed when it is off by more than this part.
const SLACK: f64 = 0.1;
/// A picture gets at most so many times its nominal share: a camera at a quarter of its rate needs no better pictures.
const MOST: f64 = 4.0;

/// Watches capture times.
#[derive(Debug)]
pub(crate) struct Pace {
    nominal_us: f64,
    mean_us: f64,
    last_us: Option<i64>,
    applied: f64,
}

impl Pace {
    /// For `fps` pictures a second.
    pub(crate) fn new(fps: u32) -> Self {
        let nominal_us = 1e6 / f64::from(fps.max(1));
        Self { nominal_us, mean_us: nominal_us, last_us: None, applied: 1.0 }
    }

    /// Takes the next capture time, in microseconds. Where it changes, by how much more (or less) than its nominal share
    /// of the bit rate a picture may take.
    pub(crate) fn next(&mut self, captured_us: i64) -> Option<f64> {
        let last = self.last_us.replace(captured_us)?;
        let interval = captured_us.saturating_sub(last);
        if (1..=PAUSE_US).contains(&interval) {
            self.mean_us += (interval as f64 - self.mean_us) / MEMORY;
        }
        let share = (self.mean_us / self.nominal_us).clamp(1.0 / MOST, MOST);
        if (share / self.applied - 1.0).abs() <= SLACK {
            return None;
        }
        self.applied = share;
        Some(share)
    }

    /// So many pictures a second are going to come, which need not be found out.
    pub(crate) fn expect(&mut self, per_second: f64) {
        self.mean_us = (1e6 / per_second.max(1.0)).min(MOST * self.nominal_us);
        self.applied = (self.mean_us / self.nominal_us).clamp(1.0 / MOST, MOST);
    }

    /// The share that is in force.
    pub(crate) fn share(&self) -> f64 {
        self.applied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds pictures this far apart, in microseconds, and gives the changes.
    fn changes(pace: &mut Pace, start_us: i64, intervals: impl IntoIterator<Item = i64>) -> Vec<f64> {
        let mut now = start_us;
        let mut step = |interval| {
            now += interval;
            pace.next(now)
        };
        intervals.into_iter().filter_map(&mut step).collect()
    }

    #[test]
    fn an_even_or_wobbling_rate_changes_nothing() {
        let mut pace = Pace::new(30);
        assert!(changes(&mut pace, 0, [33_333; 100]).is_empty());
        let wobble = (0..100).map(|i| if i % 2 == 0 { 10_000 } else { 56_666 });
        assert!(changes(&mut pace, 3_333_300, wobble).is_empty());
    }

    #[test]
    fn half_the_pictures_get_twice_the_share_and_give_it_back() {
        let mut pace = Pace::new(30);
        let up = changes(&mut pace, 0, [66_666; 200]);
        assert!(up.is_sorted() && up.len() < 10, "{up:?}");
        assert!((pace.share() - 2.0).abs() < 0.25, "{}", pace.share());
        changes(&mut pace, 13_333_200, [33_333; 200]);
        assert!((pace.share() - 1.0).abs() < 0.15, "{}", pace.share());
    }

    #[test]
    fn what_is_expected_counts_at_once_and_what_comes_afterwards() {
        let mut pace = Pace::new(30);
        pace.expect(20.0);
        assert_eq!(pace.share(), 1.5);
        let two_of_three = (0..90).map(|i| if i % 2 == 0 { 33_333 } else { 66_666 });
        assert!(changes(&mut pace, 0, two_of_three).is_empty());
        changes(&mut pace, 4_500_000, [33_333; 200]);
        assert!((pace.share() - 1.0).abs() < 0.15, "{}", pace.share());
    }

    #[test]
    fn pauses_and_clocks_that_step_back_are_no_rates() {
        let mut pace = Pace::new(30);
        assert!(changes(&mut pace, 0, [33_333, 3_600_000_000, 0, -5_000_000, i64::MIN / 2, 33_333]).is_empty());
        changes(&mut pace, 0, [900_000; 500]);
        assert_eq!(pace.share(), MOST);
    }
}
