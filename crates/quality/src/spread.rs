//! Quotients of counter differences, and their mean, minimum and maximum over a window.
//!
//! Invariant: a quotient without a denominator is no value at all, and no value ever becomes 0. The mean of a window
//! is taken from the summed parts, so that a second with few packets does not weigh as much as one with many.

/// Two differences that are divided by each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quotient {
    /// `part / whole`.
    Ratio { part: f64, whole: f64 },
    /// `100 part / (part + rest)`, in percent. The part may be negative (late packets take losses back): it counts as
    /// 0 where the quotient is read, but keeps its sign in a sum, so that a late packet settles an earlier loss.
    Share { part: f64, rest: f64 },
}

impl Quotient {
    /// `None` where there is nothing to divide by.
    pub(crate) fn value(self) -> Option<f64> {
        let (part, whole) = match self {
            Self::Ratio { part, whole } => (part, whole),
            Self::Share { part, rest } => (100.0 * part.max(0.0), part.max(0.0) + rest),
        };
        let value = part / whole;
        (whole > 0.0 && value.is_finite()).then_some(value)
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Ratio { part, whole }, Self::Ratio { part: p, whole: w }) => {
                Self::Ratio { part: part + p, whole: whole + w }
            }
            (Self::Share { part, rest }, Self::Share { part: p, rest: r }) => {
                Self::Share { part: part + p, rest: rest + r }
            }
            // A metric is always derived the same way.
            (_, other) => other,
        }
    }
}

/// Mean, minimum and maximum of a rate or gauge over a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Over the whole window.
    pub mean: f64,
    /// Of the single readings, about a second each.
    pub min: f64,
    /// Likewise.
    pub max: f64,
}

impl Spread {
    pub(crate) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { mean: f(self.mean), min: f(self.min), max: f(self.max) }
    }
}

/// Gathers the readings of one metric in one window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gathered {
    sum: Option<Quotient>,
    range: Option<(f64, f64)>,
}

impl Gathered {
    /// Adds a reading. One over a very short time (`brief`) counts for the mean, but says nothing of extremes: two
    /// packets within 3 ms are no peak of the bit rate.
    pub(crate) fn add(&mut self, quotient: Quotient, brief: bool) {
        let Some(value) = quotient.value() else { return };
        self.sum = Some(self.sum.map_or(quotient, |sum| sum.plus(quotient)));
        if !brief {
            let (min, max) = self.range.unwrap_or((value, value));
            self.range = Some((min.min(value), max.max(value)));
        }
    }

    /// `None` where nothing was measured.
    pub(crate) fn spread(&self) -> Option<Spread> {
        let mean = self.sum?.value()?;
        // A brief reading may pull the mean past the extremes of the others.
        let (min, max) = self.range.map_or((mean, mean), |(min, max)| (min.min(mean), max.max(mean)));
        Some(Spread { mean, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(part: f64, rest: f64) -> Quotient {
        Quotient::Share { part, rest }
    }

    #[test]
    fn mean_weighs_by_what_was_counted() {
        let mut gathered = Gathered::default();
        gathered.add(share(10.0, 0.0), false); // 100 % of 10
        gathered.add(share(0.0, 90.0), false); // 0 % of 90
        // (10 + 0) / (10 + 90) = 10 %, not the 50 % that the mean of the two percentages would give.
        assert_eq!(gathered.spread(), Some(Spread { mean: 10.0, min: 0.0, max: 100.0 }));
    }

    #[test]
    fn losses_taken_back_are_settled_in_the_window_and_clamped_in_the_second() {
        let mut gathered = Gathered::default();
        gathered.add(share(4.0, 96.0), false); // 4 %
        gathered.add(share(-4.0, 104.0), false); // clamped: 0 %
        // Sum: 0 lost of 200.
        assert_eq!(gathered.spread(), Some(Spread { mean: 0.0, min: 0.0, max: 4.0 }));
        gathered.add(share(-1.0, 101.0), false);
        assert_eq!(gathered.spread().map(|spread| spread.mean), Some(0.0), "never below zero");
    }

    #[test]
    fn nothing_counted_is_no_value() {
        let mut gathered = Gathered::default();
        assert_eq!(gathered.spread(), None);
        gathered.add(share(0.0, 0.0), false);
        gathered.add(Quotient::Ratio { part: 5.0, whole: 0.0 }, false);
        gathered.add(Quotient::Ratio { part: f64::NAN, whole: 1.0 }, false);
        gathered.add(Quotient::Ratio { part: 1.0, whole: -1.0 }, false);
        assert_eq!(gathered.spread(), None);
    }

    #[test]
    fn a_brief_reading_is_no_extreme() {
        let mut gathered = Gathered::default();
        gathered.add(Quotient::Ratio { part: 1000.0, whole: 1.0 }, false);
        gathered.add(Quotient::Ratio { part: 100.0, whole: 0.001 }, true); // 100 000 per second for a millisecond
        let spread = gathered.spread().expect("measured");
        // 1100 / 1.001 = 1098.9
        assert!((spread.mean - 1098.9).abs() < 0.1);
        assert_eq!((spread.min, spread.max), (1000.0, spread.mean));
        let mut alone = Gathered::default();
        alone.add(Quotient::Ratio { part: 3.0, whole: 0.1 }, true);
        assert_eq!(alone.spread().map(|s| (s.min, s.max)), Some((30.0, 30.0)), "a lone one is its own extreme");
    }
}
