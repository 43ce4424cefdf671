//! One mapping of the monotonic clock to Unix time for the whole process, so that stamps never run backwards when the
//! machine's clock is set.

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
