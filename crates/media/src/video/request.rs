//! When keyframes are asked for, and when such requests are granted.
//!
//! Invariant: a keyframe costs the rate of ten pictures, so neither side lets itself be made to send or ask for many.

use std::time::{Duration, Instant};

/// First interval between two requests: the answer needs a round trip and an encoding.
const FIRST_INTERVAL: Duration = Duration::from_millis(300);
/// Longest.
const MAX_INTERVAL: Duration = Duration::from_secs(3);
/// Shortest interval between two keyframes on request.
const MIN_KEYFRAME_INTERVAL: Duration = Duration::from_millis(150);

/// The asking side: the first at once, then ever more rarely until a picture comes.
#[derive(Debug, Default)]
pub(crate) struct RequestGate {
    last: Option<Instant>,
    /// How long to wait after that; zero if pictures came since.
    interval: Duration,
}

impl RequestGate {
    /// True if it may be asked now; it is then taken for asked.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        if now < self.next(now) {
            return false;
        }
        self.interval =
            if self.interval.is_zero() { FIRST_INTERVAL } else { (self.interval * 3 / 2).min(MAX_INTERVAL) };
        self.last = Some(now);
        true
    }

    /// Pictures come again. A stream that breaks each few pictures still has to wait the first interval.
    pub(crate) fn satisfied(&mut self) {
        self.interval = Duration::ZERO;
    }

    /// When it may be asked again.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        self.last.map_or(now, |last| last + self.interval.max(FIRST_INTERVAL))
    }
}

/// The granting side: requests of many receivers within a short time get one keyframe.
#[derive(Debug, Default)]
pub(crate) struct KeyframeGate {
    last: Option<Instant>,
}

impl KeyframeGate {
    /// Whether a request that is pending is granted with the picture to be encoded now.
    pub(crate) fn grant(&mut self, pending: bool, now: Instant) -> bool {
        let granted = pending && self.last.is_none_or(|last| now >= last + MIN_KEYFRAME_INTERVAL);
        if granted {
            self.last = Some(now);
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn asking_grows_rarer_until_pictures_come() {
        let start = Instant::now();
        let mut gate = RequestGate::default();
        let asked = |gate: &mut RequestGate, range: std::ops::Range<u32>| -> Vec<u32> {
            range.step_by(10).filter(|ms| gate.ask(start + *ms * MS)).collect()
        };
        assert_eq!(asked(&mut gate, 0..4000), [0, 300, 750, 1430, 2450, 3970]);
        let rare = asked(&mut gate, 4000..30_000);
        assert!(rare.windows(2).all(|pair| pair[1] - pair[0] <= 3000) && rare.len() >= 8, "{rare:?}");
        gate.satisfied();
        assert_eq!(asked(&mut gate, 30_000..31_000).len(), 3, "after {:?}", rare.last());
    }

    #[test]
    fn requests_in_a_short_time_get_one_keyframe() {
        let start = Instant::now();
        let mut gate = KeyframeGate::default();
        assert!(!gate.grant(false, start));
        assert!(gate.grant(true, start));
        assert!(!gate.grant(true, start + 149 * MS));
        assert!(gate.grant(true, start + 150 * MS));
    }
}
