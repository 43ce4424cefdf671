//! Notices that this machine slept: the monotonic clock stands still meanwhile (Linux: CLOCK_MONOTONIC), the clock on the wall
//! does not. All that is measured by the former still looks fine, while addresses and mappings have gone.
//!
//! Invariant: told once for each sleep. A wall clock that is set forward looks the same; one that is set back does not.

use std::time::{Duration, Instant, SystemTime};

/// The clocks may go apart by so much from one look to the next: NTP moves the one on the wall by less at a time.
const APART: Duration = Duration::from_secs(3);

/// Compares the two clocks.
#[derive(Debug, Default)]
pub(crate) struct SleepWatch {
    before: Option<(Instant, SystemTime)>,
}

impl SleepWatch {
    /// How long the machine slept since the last look, if it did.
    pub(crate) fn slept(&mut self, now: Instant, wall: SystemTime) -> Option<Duration> {
        let (before, wall_before) = self.before.replace((now, wall))?;
        let awake = now.saturating_duration_since(before);
        let slept = wall.duration_since(wall_before).ok()?.checked_sub(awake)?;
        (slept >= APART).then_some(slept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sleep_is_told_once() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let mut watch = SleepWatch::default();
        assert_eq!(watch.slept(now, wall), None);
        assert_eq!(watch.slept(now + SECOND, wall + 61 * SECOND), Some(60 * SECOND));
        assert_eq!(watch.slept(now + 2 * SECOND, wall + 62 * SECOND), None);
    }

    #[test]
    fn clocks_that_are_set_a_little_or_back_are_no_sleep() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let mut watch = SleepWatch::default();
        watch.slept(now, wall);
        assert_eq!(watch.slept(now + SECOND, wall + 3 * SECOND), None);
        assert_eq!(watch.slept(now + 2 * SECOND, wall - 3600 * SECOND), None);
        assert_eq!(watch.slept(now + 60 * SECOND, wall - 3542 * SECOND), None, "a machine that stood still, awake");
    }
}
