//! Time as a number that never runs back.

use std::time::Instant;

/// Microseconds since the first time seen.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    origin: Option<Instant>,
    latest: i64,
}

impl Timeline {
    /// `now` in microseconds; a time before the latest one counts as the latest.
    pub(crate) fn at(&mut self, now: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(now);
        let micros = now.saturating_duration_since(origin).as_micros();
        self.latest = self.latest.max(i64::try_from(micros).unwrap_or(i64::MAX / 4));
        self.latest
    }
}
