//! Which part of the axis of time is shown.
//!
//! Invariant: `0 <= start < end <= length`, whatever is asked for; all charts show the same window.

use std::ops::Range;

/// Nothing shorter is worth a look: samples are 15 s long.
const SHORTEST: f64 = 10.0;

/// The part that is shown, in seconds from the left end of the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    start: f64,
    end: f64,
    length: f64,
}

impl Window {
    /// All of an axis that is `length` seconds long.
    pub(crate) fn whole(length: f64) -> Self {
        Self { start: 0.0, end: length, length }
    }

    /// The places that are shown.
    pub(crate) fn range(&self) -> Range<f64> {
        self.start..self.end
    }

    /// How long it is, in seconds.
    pub(crate) fn width(&self) -> f64 {
        self.end - self.start
    }

    /// Whether nothing is left out.
    pub(crate) fn is_whole(&self) -> bool {
        *self == Self::whole(self.length)
    }

    /// Shows from one place to another, as far as there is something to show.
    pub(crate) fn show(&mut self, one: f64, other: f64) {
        if !one.is_finite() || !other.is_finite() {
            return;
        }
        let width = (one - other).abs().clamp(SHORTEST.min(self.length), self.length);
        let middle = one.min(other) + (one - other).abs() / 2.0;
        self.start = (middle - width / 2.0).clamp(0.0, self.length - width);
        self.end = (self.start + width).min(self.length);
    }

    /// Moves it to the right; stops at the ends.
    pub(crate) fn pan(&mut self, seconds: f64) {
        let width = self.width();
        let start = (self.start + seconds).clamp(0.0, self.length - width);
        if start.is_finite() {
            (self.start, self.end) = (start, (start + width).min(self.length));
        }
    }

    /// Makes it `factor` times as long; what is at `around` stays where it is.
    pub(crate) fn zoom(&mut self, factor: f64, around: f64) {
        if !(factor.is_finite() && factor > 0.0 && around.is_finite()) {
            return;
        }
        let width = (self.width() * factor).clamp(SHORTEST.min(self.length), self.length);
        let share = ((around - self.start) / self.width()).clamp(0.0, 1.0);
        let start = (around.clamp(self.start, self.end) - share * width).clamp(0.0, self.length - width);
        (self.start, self.end) = (start, (start + width).min(self.length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooming_keeps_what_is_under_the_pointer_and_goes_back_to_the_whole() {
        let mut window = Window::whole(1000.0);
        window.zoom(0.5, 250.0);
        assert_eq!(window.range(), 125.0..625.0);
        window.zoom(0.5, 250.0);
        assert_eq!(window.range(), 187.5..437.5);
        window.pan(-1000.0);
        assert_eq!(window.range(), 0.0..250.0);
        assert!(!window.is_whole());
        window.zoom(100.0, 10.0);
        assert!(window.is_whole());
    }

    #[test]
    fn it_stays_within_the_axis_and_is_never_empty_whatever_is_asked() {
        let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, -5.0, 0.0, 1e-300, 0.3, 7.0, 1e300];
        for length in [1e-3, 1.0, 12.0, 7200.0, 1e9] {
            let mut window = Window::whole(length);
            for one in wild {
                for other in wild {
                    for action in 0..3 {
                        match action {
                            0 => window.show(one, other),
                            1 => window.pan(one),
                            _ => window.zoom(one, other),
                        }
                        let Range { start, end } = window.range();
                        assert!(start >= 0.0 && end <= length && end > start, "{one} {other} {window:?}");
                        assert!(end - start >= SHORTEST.min(length) * 0.999, "{window:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_range_is_shown_whichever_end_comes_first() {
        let mut window = Window::whole(1000.0);
        window.show(400.0, 300.0);
        assert_eq!(window.range(), 300.0..400.0);
        window.show(500.0, 500.0);
        assert_eq!(window.range(), 495.0..505.0);
        window.show(-50.0, 20.0);
        assert_eq!(window.range(), 0.0..70.0);
    }
}
