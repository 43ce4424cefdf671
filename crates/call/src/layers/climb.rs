//! One link's way up and down: down at once, up after a while.

use std::time::{Duration, Instant};

/// How long something larger has to be affordable before it is taken. At the start of a call this is most of the time from
/// the first picture to the full size.
const FIRST_HOLD: Duration = Duration::from_millis(500);
/// After a step up that did not last.
const SECOND_HOLD: Duration = Duration::from_secs(4);
/// Longest.
const MAX_HOLD: Duration = Duration::from_secs(32);
/// A step up that lasts so long was right.
const PROVEN: Duration = Duration::from_secs(10);

/// Where a link stands on a ladder of which 0 is the top.
#[derive(Debug, Clone, Copy)]
pub(super) struct Climb {
    at: usize,
    /// Since when a higher step has been affordable without a break.
    affordable: Option<Instant>,
    hold: Duration,
    /// The last step up.
    up: Option<Instant>,
}

impl Climb {
    /// Begins where the first look says.
    pub(super) fn new(at: usize) -> Self {
        Self { at, affordable: None, hold: FIRST_HOLD, up: None }
    }

    /// The step that is in force, given the highest that may be kept and the highest that may be climbed to.
    pub(super) fn update(&mut self, now: Instant, keep: usize, climb: usize) -> usize {
        if keep > self.at {
            self.at = keep;
            self.affordable = None;
            if let Some(up) = self.up.take() {
                let lasted = now.saturating_duration_since(up) >= PROVEN;
                self.hold = if lasted { FIRST_HOLD } else { (self.hold * 2).clamp(SECOND_HOLD, MAX_HOLD) };
            }
        } else if climb < self.at {
            let since = *self.affordable.get_or_insert(now);
            if now.saturating_duration_since(since) >= self.hold {
                self.at = climb;
                self.affordable = None;
                self.up = Some(now);
            }
        } else {
            self.affordable = None;
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_at_once_and_up_after_a_while_that_grows() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut climb = Climb::new(0);
        assert_eq!(climb.update(at(0), 2, 2), 2, "at once");
        let mut ups = Vec::new();
        for ms in (0..60_000).step_by(50) {
            let before = climb.at;
            // As soon as it is up, it fails.
            let after = if before < 2 { climb.update(at(ms), 2, 2) } else { climb.update(at(ms), 0, 0) };
            if after < before {
                ups.push(ms);
            }
        }
        let waits: Vec<u64> = ups.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(ups[0], 500);
        assert!(waits.is_sorted() && waits[0] >= 4000 && waits.len() <= 4, "{ups:?}");
    }

    #[test]
    fn a_step_up_that_lasted_is_not_held_against_the_next() {
        let start = Instant::now();
        let mut climb = Climb::new(1);
        climb.update(start, 0, 0);
        assert_eq!(climb.update(start + FIRST_HOLD, 0, 0), 0);
        assert_eq!(climb.update(start + FIRST_HOLD + PROVEN, 1, 1), 1);
        let again = start + FIRST_HOLD + PROVEN + FIRST_HOLD;
        climb.update(again, 0, 0);
        assert_eq!(climb.update(again + FIRST_HOLD, 0, 0), 0);
    }

    #[test]
    fn a_moment_of_doubt_starts_the_wait_again() {
        let start = Instant::now();
        let mut climb = Climb::new(1);
        for step in 0..100u32 {
            let higher = if step % 5 == 4 { 1 } else { 0 };
            assert_eq!(climb.update(start + Duration::from_millis(100) * step, 0, higher), 1);
        }
    }
}
