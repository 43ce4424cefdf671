//! The clock of sources and of playing without a device.
//!
//! Invariant: ticks lie on an absolute schedule, so that errors of single sleeps never add up.

use std::thread;
use std::time::{Duration, Instant};

/// Behind by more than this (a suspended machine, a starved process) ticks are skipped instead of made up for: a burst
/// of old sound helps nobody. Twice what a loaded machine was seen to keep a thread waiting.
const MAX_BEHIND: Duration = Duration::from_millis(200);

/// Even ticks.
#[derive(Debug)]
pub(crate) struct Pace {
    next: Instant,
    step: Duration,
}

/// A tick that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick {
    /// When it was due.
    pub(crate) due: Instant,
    /// Ticks were skipped before it.
    pub(crate) skipped: bool,
}

impl Pace {
    /// The first tick is due one step after `now`.
    pub(crate) fn new(now: Instant, step: Duration) -> Self {
        Self { next: now + step, step }
    }

    /// The next tick and how long to wait for it.
    fn tick(&mut self, now: Instant) -> (Tick, Duration) {
        let skipped = now.saturating_duration_since(self.next) > MAX_BEHIND;
        if skipped {
            self.next = now;
        }
        let due = self.next;
        self.next += self.step;
        (Tick { due, skipped }, due.saturating_duration_since(now))
    }

    /// Sleeps until the next tick.
    pub(crate) fn wait(&mut self) -> Tick {
        let (tick, wait) = self.tick(Instant::now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
        tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_ticks_are_made_up_for_until_too_late() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut pace = Pace::new(start, ms(10));
        assert_eq!(pace.tick(start), (Tick { due: start + ms(10), skipped: false }, ms(10)));
        // 35 ms late: three ticks at once, then in step again.
        for due in [20, 30, 40] {
            assert_eq!(pace.tick(start + ms(45)), (Tick { due: start + ms(due), skipped: false }, ms(0)));
        }
        assert_eq!(pace.tick(start + ms(45)).1, ms(5));
        // A second late: one tick, and on from there.
        assert_eq!(pace.tick(start + ms(1060)), (Tick { due: start + ms(1060), skipped: true }, ms(0)));
        assert_eq!(pace.tick(start + ms(1060)).1, ms(10));
    }
}
