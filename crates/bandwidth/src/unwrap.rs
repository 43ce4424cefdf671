//! Numbers of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) without their wraps.

use std::time::Duration;

/// The largest number up to `newest` that ends in `low`: which packet a feedback means, given the newest that was sent.
/// `None` if there was none.
pub fn at_or_before(newest: u64, low: u16) -> Option<u64> {
    newest.checked_sub(u64::from((newest as u16).wrapping_sub(low)))
}

/// Unwraps the reference time: 24 bits, in units of 64 ms, so that it wraps after twelve days.
#[derive(Debug, Clone, Default)]
pub struct ReferenceTime {
    /// In units of 64 ms.
    latest: Option<i64>,
}

impl ReferenceTime {
    const WRAP: i64 = 1 << 24;

    /// The time by the receiver's clock, since some fixed time before its start: whichever is nearest to the last one.
    pub fn unwrap(&mut self, reference: u32) -> Duration {
        let reference = i64::from(reference) % Self::WRAP;
        // One wrap ahead, so that a first feedback that is overtaken by an older one does not go below zero.
        let latest = self.latest.unwrap_or(Self::WRAP + reference);
        let ahead = (reference - latest).rem_euclid(Self::WRAP);
        let ahead = if ahead >= Self::WRAP / 2 { ahead - Self::WRAP } else { ahead };
        let unwrapped = latest + ahead;
        // Only forward, so that a peer that runs backward cannot go below zero.
        self.latest = Some(latest.max(unwrapped));
        Duration::from_millis(u64::try_from(unwrapped).unwrap_or(0).saturating_mul(64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_is_found_across_the_wrap() {
        assert_eq!(at_or_before(5, 5), Some(5));
        assert_eq!(at_or_before(65_540, 65_530), Some(65_530));
        assert_eq!(at_or_before(65_540, 4), Some(65_540));
        assert_eq!(at_or_before(65_540, 5), Some(5));
        assert_eq!(at_or_before(5, 6), None);
        assert_eq!(at_or_before(u64::MAX, 0xffff), Some(u64::MAX));
    }

    #[test]
    fn the_reference_time_goes_on_after_twelve_days() {
        let mut time = ReferenceTime::default();
        let before = time.unwrap((1 << 24) - 2);
        assert_eq!(time.unwrap(3) - before, Duration::from_millis(5 * 64));
        // One that was overtaken lies before.
        assert_eq!(time.unwrap((1 << 24) - 1) - before, Duration::from_millis(64));
        assert_eq!(time.unwrap(4) - before, Duration::from_millis(6 * 64));
    }

    #[test]
    fn a_reference_time_of_more_than_24_bits_or_running_back_is_harmless() {
        let mut time = ReferenceTime::default();
        let first = time.unwrap(7);
        assert_eq!(time.unwrap((1 << 24) + 7), first);
        for step in 0..100u32 {
            time.unwrap((1u32 << 24).wrapping_sub(step * ((1 << 23) - 1)));
        }
    }
}
