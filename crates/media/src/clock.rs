//! One mapping of the monotonic clock to Unix time for the whole process, so that stamps never run backwards when the
//! machine's clock is set.
//!
//! Invariant: one anchor, taken at the first use, serves the whole process.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static ANCHOR: OnceLock<(Instant, i64)> = OnceLock::new();

fn anchor() -> (Instant, i64) {
    *ANCHOR.get_or_init(|| {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        (Instant::now(), unix.as_micros() as i64)
    })
}

/// Microseconds since the Unix epoch of a monotonic instant.
pub fn unix_micros(at: Instant) -> i64 {
    let (instant, unix) = anchor();
    match at.checked_duration_since(instant) {
        Some(later) => unix + later.as_micros() as i64,
        None => unix - instant.duration_since(at).as_micros() as i64,
    }
}

/// Microseconds since the Unix epoch, now. For threads that own a device or a codec; pure logic is handed its time.
pub fn now_micros() -> i64 {
    unix_micros(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_time_moves_with_the_monotonic_clock() {
        let (anchored, unix) = anchor();
        assert_eq!(unix_micros(anchored + Duration::from_millis(250)), unix + 250_000);
        if let Some(before) = anchored.checked_sub(Duration::from_millis(10)) {
            assert_eq!(unix_micros(before), unix - 10_000);
        }
    }
}
