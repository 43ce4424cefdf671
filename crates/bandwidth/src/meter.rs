//! How much was sent of late.

use std::collections::VecDeque;

/// What the rate is taken over.
const WINDOW_US: i64 = 1_000_000;
/// Slots of the window; fifty of 20 ms bound the memory at any rate.
const SLOT_US: i64 = 20_000;

/// A rate over the last second.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    slots: VecDeque<(i64, usize)>,
    bytes: usize,
    since_us: Option<i64>,
}

impl Meter {
    pub(crate) fn add(&mut self, now_us: i64, bytes: usize) {
        self.forget(now_us);
        self.since_us.get_or_insert(now_us);
        let slot = now_us / SLOT_US;
        match self.slots.back_mut() {
            Some((last, sum)) if *last == slot => *sum += bytes,
            _ => self.slots.push_back((slot, bytes)),
        }
        self.bytes += bytes;
    }

    /// Bits per second.
    pub(crate) fn rate(&mut self, now_us: i64) -> f64 {
        self.forget(now_us);
        let Some(since) = self.since_us else { return 0.0 };
        self.bytes as f64 * 8e6 / (now_us - since).clamp(WINDOW_US / 5, WINDOW_US) as f64
    }

    /// Bits of the last second, however little of it there was.
    pub(crate) fn last_second(&mut self, now_us: i64) -> f64 {
        self.forget(now_us);
        self.bytes as f64 * 8.0
    }

    fn forget(&mut self, now_us: i64) {
        while let Some((slot, bytes)) = self.slots.front().copied()
            && slot <= (now_us - WINDOW_US) / SLOT_US
        {
            self.slots.pop_front();
            self.bytes -= bytes;
        }
    }
}
