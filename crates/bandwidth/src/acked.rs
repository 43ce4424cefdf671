//! The rate at which packets arrive at the far end.
//!
//! Invariant: measured by the receiver's clock between arrivals, so that the rhythm of feedback does not show in it.

use std::collections::VecDeque;

/// The longest time a rate is taken over.
pub(crate) const LONG_US: i64 = 500_000;
/// The shortest time that evens out the rhythm of frames a little: for a queue, whose exit is steady.
pub(crate) const SHORT_US: i64 = 150_000;
/// Half a second at 30 Mbit/s.
const MOST: usize = 2048;
/// No path delays for so long: the receiver's clock has jumped.
const JUMP_US: i64 = 10_000_000;

#[derive(Debug, Default)]
pub(crate) struct Acked {
    /// In order of arrival: time and bytes.
    arrivals: VecDeque<(i64, usize)>,
}

impl Acked {
    pub(crate) fn add(&mut self, arrival_us: i64, bytes: usize) {
        if let Some((latest, _)) = self.arrivals.back()
            && (arrival_us - latest).abs() > JUMP_US
        {
            self.arrivals.clear();
        }
        let place = self.arrivals.partition_point(|(earlier, _)| *earlier <= arrival_us);
        self.arrivals.insert(place, (arrival_us, bytes));
        let latest = self.arrivals.back().map_or(arrival_us, |(latest, _)| *latest);
        while self.arrivals.len() > MOST || self.arrivals.front().is_some_and(|(at, _)| *at < latest - LONG_US) {
            self.arrivals.pop_front();
        }
    }

    /// Bits per second over the last `window_us` of arrivals; `None` when too little came in it.
    pub(crate) fn rate(&self, window_us: i64) -> Option<f64> {
        let latest = self.arrivals.back()?.0;
        let first = self.arrivals.partition_point(|(at, _)| *at < latest - window_us);
        let span = latest - self.arrivals.get(first)?.0;
        if span < window_us / 2 || self.arrivals.len() - first < 5 {
            return None;
        }
        // The first packet marks the beginning only; its own bytes came before it.
        let bytes: usize = self.arrivals.range(first + 1..).map(|(_, bytes)| *bytes).sum();
        Some(bytes as f64 * 8e6 / span as f64)
    }
}
