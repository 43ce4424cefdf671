//! The axis of values of a chart, and how numbers are written.
//!
//! Invariant: it begins at zero, ends at a round number no lower than the greatest value shown, and has at most four
//! lines.

/// At most so many lines.
const LINES: f64 = 4.0;

/// Round numbers, to be multiplied by a power of ten.
const ROUND: [f64; 5] = [1.0, 2.0, 2.5, 5.0, 10.0];

/// Heights of pictures are multiples of these.
const PICTURE_STEPS: [f64; 6] = [45.0, 90.0, 180.0, 270.0, 360.0, 540.0];

/// An axis from zero to `top`, with a line at each `step`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) top: f64,
    pub(crate) step: f64,
}

impl Scale {
    /// The axis for values up to `greatest`; never lower than `least_top`, so that noise does not look like a mountain.
    pub(crate) fn new(greatest: f64, least_top: f64, of_pictures: bool) -> Self {
        let greatest = if greatest.is_finite() { greatest.clamp(0.0, 1e15) } else { 0.0 };
        // A little air above the greatest value, or its line would be half cut off.
        let needed = (greatest * 1.04).max(least_top).max(1e-3);
        let finest = needed / LINES;
        let picture = PICTURE_STEPS.into_iter().find(|step| of_pictures && *step >= finest);
        let power = 10f64.powf(finest.log10().floor());
        let round = ROUND.into_iter().map(|round| round * power).find(|step| *step >= finest * (1.0 - 1e-9));
        let step = picture.or(round).unwrap_or(10.0 * power);
        Self { top: step * (needed / step - 1e-9).ceil().max(1.0), step }
    }

    /// The lower end of the chart: a little below zero, so that a line at zero is seen whole.
    pub(crate) fn bottom(self) -> f64 {
        -0.02 * self.top
    }

    /// Where the lines are.
    pub(crate) fn lines(self) -> impl Iterator<Item = f64> {
        let count = (self.top / self.step).round().clamp(1.0, LINES) as usize;
        (1..=count).map(move |number| number as f64 * self.step)
    }

    /// A value on the axis, with as many decimals as the step needs.
    pub(crate) fn label(self, value: f64) -> String {
        let decimals = (0..=3).find(|decimals| {
            let scaled = self.step * 10f64.powi(*decimals);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        });
        for (unit, letter) in [(1e9, 'G'), (1e6, 'M'), (1e3, 'k')] {
            if value >= 100.0 * unit {
                return format!("{:.0}{letter}", value / unit);
            }
        }
        format!("{value:.*}", decimals.unwrap_or(3) as usize)
    }
}

/// A value to be read off: three digits that count.
pub(crate) fn reading(value: f64) -> String {
    let decimals = match value.abs() {
        at_least if at_least >= 99.95 => 0,
        at_least if at_least >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_zero_to_a_round_number_with_at_most_four_lines() {
        assert_eq!(Scale::new(1.0, 0.0, true), Scale { top: 45.0, step: 45.0 });
        let mut greatest = 1e-5;
        while greatest < 1e12 {
            for pictures in [false, true].into_iter().filter(|pictures| !pictures || greatest > 100.0) {
                let scale = Scale::new(greatest, 0.0, pictures);
                assert!(
                    scale.top >= greatest && scale.top <= (greatest * 1.04).max(1e-3) * 2.6,
                    "{greatest} {scale:?}"
                );
                let lines: Vec<_> = scale.lines().collect();
                assert!((1..=4).contains(&lines.len()), "{greatest} {scale:?}");
                assert!((lines[lines.len() - 1] - scale.top).abs() < 1e-6 * scale.top);
                assert!(scale.label(scale.top).len() <= 7, "{}", scale.label(scale.top));
            }
            greatest *= 1.37;
        }
    }

    #[test]
    fn known_ones() {
        let lines = |greatest, least, pictures| {
            let scale = Scale::new(greatest, least, pictures);
            scale.lines().map(|value| scale.label(value)).collect::<Vec<_>>()
        };
        assert_eq!(lines(1.55, 0.0, false), ["0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(lines(0.02, 2.0, false), ["0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(lines(7.3, 2.0, false), ["2", "4", "6", "8"]);
        assert_eq!(lines(720.0, 180.0, true), ["270", "540", "810"]);
        assert_eq!(lines(f64::NAN, 10.0, false), ["2.5", "5.0", "7.5", "10.0"]);
    }

    #[test]
    fn readings_have_three_digits() {
        let words =
            [(0.0, "0.00"), (1.234, "1.23"), (9.996, "10.0"), (48.26, "48.3"), (720.4, "720"), (1e6, "1000000")];
        for (value, expected) in words {
            assert_eq!(reading(value), expected);
        }
    }
}
