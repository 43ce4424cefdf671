//! When a picture has to be taken away because none follows it.
//!
//! Invariant: a picture stays for at most [`ALONE`] without the next one, and for [`OFF`] once the peer said that its camera is
//! off: pictures that were under way still come, and nothing says which is the last. Each is taken away once. Pure: time is
//! passed in.

use std::time::{Duration, Instant};

/// A sender says within 2.5 s that its camera has stalled; this is for when it cannot say it.
const ALONE: Duration = Duration::from_secs(4);
/// Ten pictures, and more than what a jittery path keeps for long.
const OFF: Duration = Duration::from_millis(300);

/// Watches the picture that is shown.
#[derive(Debug, Default)]
pub(crate) struct Stillness {
    shown: Option<Instant>,
    camera_off: bool,
}

impl Stillness {
    /// A picture is shown.
    pub(crate) fn shown(&mut self, now: Instant) {
        self.shown = Some(now);
    }

    /// What the peer says about its camera.
    pub(crate) fn camera(&mut self, on: bool) {
        self.camera_off = !on;
    }

    /// When to ask [`Stillness::is_over`]; `None` while nothing is shown.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.shown.map(|at| at + if self.camera_off { OFF } else { ALONE })
    }

    /// True once for each picture that has to be taken away.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let over = self.deadline().is_some_and(|deadline| now >= deadline);
        if over {
            self.shown = None;
        }
        over
    }

    /// True if a picture is shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.shown.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_picture_that_stays_alone_is_taken_away_once() {
        let start = Instant::now();
        let mut stillness = Stillness::default();
        assert!(stillness.deadline().is_none() && !stillness.is_over(start));
        stillness.shown(start);
        stillness.shown(start + 40 * MS);
        assert!(!stillness.is_over(start + 4039 * MS));
        assert_eq!(stillness.deadline(), Some(start + 4040 * MS));
        assert!(stillness.is_over(start + 4040 * MS));
        assert!(!stillness.is_over(start + 9000 * MS) && !stillness.is_shown());
    }

    #[test]
    fn once_the_camera_is_off_the_last_picture_goes_soon() {
        let start = Instant::now();
        let mut stillness = Stillness::default();
        stillness.shown(start);
        stillness.camera(false);
        // Under way when it was switched off.
        stillness.shown(start + 200 * MS);
        assert!(!stillness.is_over(start + 499 * MS));
        assert!(stillness.is_over(start + 500 * MS));
        stillness.shown(start + 600 * MS);
        assert!(stillness.is_over(start + 900 * MS), "a straggler goes too");
        // Word of the camera's return may come later than its pictures.
        stillness.shown(start + 5000 * MS);
        stillness.camera(true);
        assert!(!stillness.is_over(start + 8999 * MS));
    }

    #[test]
    fn a_camera_that_stalled_before_it_was_said_is_taken_away_at_once() {
        let start = Instant::now();
        let mut stillness = Stillness::default();
        stillness.shown(start);
        stillness.camera(false);
        assert!(stillness.is_over(start + 2500 * MS));
    }
}
