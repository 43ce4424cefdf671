//! Times of the steps from 'join pressed' to the first remote frame, per peer.
//!
//! Invariant: each step is timed once, the first time it is reached, and never changes afterwards.

use std::time::Instant;

use sightline_quality::SetupTimes;

/// A step of set-up, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// ICE found a path.
    Ice,
    /// DTLS is done.
    Dtls,
    /// The first remote frame was decoded.
    FirstFrame,
}

/// Stop-watch for one peer.
#[derive(Debug, Clone)]
pub(crate) struct SetupTimer {
    start: Instant,
    times: SetupTimes,
}

impl SetupTimer {
    /// For a peer who was in the room when we entered it: counts from `pressed`.
    pub(crate) fn since_join(pressed: Instant, entered: Instant) -> Self {
        let signaling_ms = Some(millis(pressed, entered));
        Self { start: pressed, times: SetupTimes { signaling_ms, ..SetupTimes::default() } }
    }

    /// For a peer who came later: counts from the moment it was announced; there is no signaling step of ours.
    pub(crate) fn since_arrival(arrived: Instant) -> Self {
        Self { start: arrived, times: SetupTimes::default() }
    }

    /// Notes that a step is reached; true the first time.
    pub(crate) fn reached(&mut self, step: Step, at: Instant) -> bool {
        let slot = match step {
            Step::Ice => &mut self.times.ice_ms,
            Step::Dtls => &mut self.times.dtls_ms,
            Step::FirstFrame => &mut self.times.first_frame_ms,
        };
        if slot.is_some() {
            return false;
        }
        *slot = Some(millis(self.start, at));
        true
    }

    /// The times so far.
    pub(crate) fn times(&self) -> SetupTimes {
        self.times
    }
}

fn millis(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn steps_count_from_the_press_and_are_timed_once() {
        let pressed = Instant::now();
        let at = |ms| pressed + Duration::from_millis(ms);
        let mut timer = SetupTimer::since_join(pressed, at(12));
        assert!(timer.reached(Step::Ice, at(40)));
        assert!(timer.reached(Step::Dtls, at(70)));
        assert!(!timer.reached(Step::Ice, at(9000)), "an ICE restart is not set-up");
        let expected =
            SetupTimes { signaling_ms: Some(12.0), ice_ms: Some(40.0), dtls_ms: Some(70.0), first_frame_ms: None };
        assert_eq!(timer.times(), expected);
        assert!(timer.reached(Step::FirstFrame, at(150)));
        assert_eq!(timer.times().first_frame_ms, Some(150.0));
    }

    #[test]
    fn a_later_peer_counts_from_its_arrival() {
        let now = Instant::now();
        let mut timer = SetupTimer::since_arrival(now);
        timer.reached(Step::Ice, now + Duration::from_millis(30));
        assert_eq!(timer.times(), SetupTimes { ice_ms: Some(30.0), ..SetupTimes::default() });
    }
}
