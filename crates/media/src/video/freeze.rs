//! Freezes, as webrtc-stats defines `freezeCount`.
//!
//! Invariant: a gap between two pictures is a freeze if it is at least max(3 avg, avg + 150 ms), avg being the mean of the
//! last 30 gaps. Pure: time is passed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Gaps in the mean.
const GAPS: usize = 30;

/// Tells freezes, counts them and adds them up.
#[derive(Debug, Default)]
pub struct FreezeMeter {
    last: Option<Instant>,
    gaps: VecDeque<Duration>,
    /// So many freezes.
    pub count: u64,
    /// So long altogether: the whole gaps.
    pub total: Duration,
}

impl FreezeMeter {
    /// A picture is shown. Gives the gap before it, if that was a freeze.
    pub fn shown(&mut self, now: Instant) -> Option<Duration> {
        let gap = now.saturating_duration_since(self.last.replace(now)?);
        let mut frozen = None;
        if !self.gaps.is_empty() {
            let mean = self.gaps.iter().sum::<Duration>() / self.gaps.len() as u32;
            if gap >= (mean * 3).max(mean + Duration::from_millis(150)) {
                self.count += 1;
                self.total += gap;
                frozen = Some(gap);
            }
        }
        if self.gaps.len() == GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
        frozen
    }

    /// The sender turned its camera off: the gap until the next picture is none.
    pub fn paused(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(gaps_ms: &[u64]) -> FreezeMeter {
        let mut now = Instant::now();
        let mut meter = FreezeMeter::default();
        meter.shown(now);
        for gap in gaps_ms {
            now += Duration::from_millis(*gap);
            meter.shown(now);
        }
        meter
    }

    #[test]
    fn a_gap_counts_from_the_threshold_on() {
        // Mean 40 ms: the threshold is 190 ms.
        let steady = [40; 30];
        assert_eq!(meter(&[&steady[..], &[189]].concat()).count, 0);
        let frozen = meter(&[&steady[..], &[190, 40, 40]].concat());
        assert_eq!((frozen.count, frozen.total), (1, Duration::from_millis(190)));
        // Mean 100 ms: three times the mean, 300 ms, is more than the mean and 150 ms.
        assert_eq!(meter(&[&[100; 30][..], &[299]].concat()).count, 0);
        assert_eq!(meter(&[&[100; 30][..], &[300]].concat()).count, 1);
    }

    #[test]
    fn the_mean_follows_the_last_thirty_gaps() {
        // The first long gaps have left the mean when the 250 ms come.
        assert_eq!(meter(&[&[100; 10][..], &[33; 30], &[250]].concat()).count, 1);
        assert_eq!(meter(&[&[33; 30][..], &[100; 30], &[250]].concat()).count, 0);
    }

    #[test]
    fn a_camera_that_was_off_is_no_freeze() {
        let mut meter = meter(&[40; 30]);
        meter.paused();
        meter.shown(Instant::now() + Duration::from_secs(60));
        assert_eq!(meter.count, 0);
    }
}
