//! Units in types, for formulas that mix them.

use std::time::Duration;

/// A span of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Millis(pub f64);

/// A share in percent: 1.0 is one in a hundred, never a fraction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

/// A rate in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct BitRate(pub f64);

/// A rate in frames per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct FrameRate(pub f64);

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(millis(duration))
    }
}

/// The duration in milliseconds, with fractions.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
