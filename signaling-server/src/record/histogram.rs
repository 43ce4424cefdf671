//! A histogram with bins that grow in proportion, for percentiles over millions of windows in a few bytes.
//!
//! Invariant: a percentile read from it is within [`RELATIVE_ERROR`] of the exact one (nearest rank) for values from
//! [`LEAST`] to [`GREATEST`]; a smaller value reads as 0, a greater one as [`GREATEST`]. The grid is that of DDSketch
//! (Masson, Rim, Lee: DDSketch, VLDB 2019): bin `i` holds values in (LEAST g^(i-1), LEAST g^i], g = (1 + e) / (1 - e).

/// Greatest relative error of a percentile.
pub const RELATIVE_ERROR: f64 = 0.01;

/// What lies below is nothing: a thousandth of a percent of loss, a microsecond of round trip.
pub(crate) const LEAST: f64 = 0.001;

/// The end of the grid: nearly three hours in milliseconds.
pub(crate) const GREATEST: f64 = 1e7;

/// Bin 0 is for 0; the others reach from [`LEAST`] to [`GREATEST`]: ln(1e10) / ln(1.01 / 0.99) is 1151.2.
const BINS: usize = 1 + 1152;

fn growth() -> f64 {
    (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
}

/// Counts of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    bins: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { bins: vec![0; BINS], count: 0 }
    }
}

impl Histogram {
    /// Counts a value; one that is not a number is not counted.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.add_to(bin(value), 1);
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value at or below which `percent` of the values lie (nearest rank); `None` where there is none.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = (percent / 100.0 * self.count as f64).ceil().clamp(1.0, self.count as f64) as u64;
        let mut below = 0;
        let at = self.bins.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        // The point of a bin from which both its ends are equally far, in proportion.
        Some(if at == 0 { 0.0 } else { LEAST * growth().powi(at as i32) * (1.0 - RELATIVE_ERROR) })
    }

    /// Adds all that another one counted.
    pub fn add_all(&mut self, other: &Self) {
        other.bins.iter().enumerate().for_each(|(bin, count)| self.add_to(bin, *count));
    }

    fn add_to(&mut self, bin: usize, count: u64) {
        if let Some(total) = self.bins.get_mut(bin) {
            *total = total.saturating_add(count);
            self.count = self.count.saturating_add(count);
        }
    }

    /// Appends the bins that are not empty: their number, then of each the distance from the one before and the count.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let used = self.bins.iter().filter(|count| **count > 0).count();
        put_varint(out, used as u64);
        let mut last = 0;
        for (bin, count) in self.bins.iter().enumerate().filter(|(_, count)| **count > 0) {
            put_varint(out, (bin - last) as u64);
            put_varint(out, *count);
            last = bin;
        }
    }

    /// Adds what [`Histogram::encode`] wrote; `None` where it is damaged.
    pub(crate) fn add_encoded(&mut self, bytes: &mut &[u8]) -> Option<()> {
        let used = take_varint(bytes)?;
        let mut bin = 0usize;
        for _ in 0..used {
            bin = bin.checked_add(usize::try_from(take_varint(bytes)?).ok()?)?;
            let count = take_varint(bytes)?;
            if bin >= BINS {
                return None;
            }
            self.add_to(bin, count);
        }
        Some(())
    }
}

fn bin(value: f64) -> usize {
    if value < LEAST {
        return 0;
    }
    // At least 1, as the value at the lower end belongs to the first bin.
    let place = ((value.min(GREATEST) / LEAST).ln() / growth().ln()).ceil().max(1.0);
    (place as usize).min(BINS - 1)
}

/// Seven bits a byte, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn exact(sorted: &[f64], percent: f64) -> f64 {
        let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
        sorted[rank - 1]
    }

    #[test]
    fn percentiles_are_within_the_stated_error_of_the_exact_ones() {
        let mut rng = StdRng::seed_from_u64(7);
        for count in [1, 2, 19, 1000, 50_000] {
            // From the least to the greatest evenly in proportion, and a tenth of nothing at all.
            let mut values: Vec<f64> = (0..count)
                .map(|_| if rng.random_bool(0.1) { 0.0 } else { LEAST * 1e10f64.powf(rng.random::<f64>()) })
                .collect();
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.add(*value));
            values.sort_by(f64::total_cmp);
            for percent in [0.0, 1.0, 50.0, 90.0, 95.0, 99.0, 100.0] {
                let (is, should) = (histogram.percentile(percent).unwrap(), exact(&values, percent));
                assert!((is - should).abs() <= should * RELATIVE_ERROR * 1.000_001, "{count} {percent}: {is} {should}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_grid() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50.0), None);
        histogram.add(f64::NAN);
        assert_eq!(histogram.count(), 0);
        histogram.add(-1.0);
        histogram.add(LEAST / 2.0);
        assert_eq!(histogram.percentile(100.0), Some(0.0));
        histogram.add(f64::INFINITY);
        let most = histogram.percentile(100.0).unwrap();
        assert!((most - GREATEST).abs() <= GREATEST * 0.02, "{most}");
    }

    #[test]
    fn what_is_written_is_read_and_added() {
        let mut one = Histogram::default();
        [0.0, 0.5, 0.5, 90.0, 1e9].into_iter().for_each(|value| one.add(value));
        let mut bytes = Vec::new();
        one.encode(&mut bytes);
        let mut sum = one.clone();
        let mut rest = bytes.as_slice();
        sum.add_encoded(&mut rest).unwrap();
        assert!(rest.is_empty());
        assert_eq!(sum.count(), 10);
        assert_eq!(sum.percentile(50.0), one.percentile(50.0));
        for length in 0..bytes.len() {
            assert_eq!(Histogram::default().add_encoded(&mut &bytes[..length]), None, "cut at {length}");
        }
        assert_eq!(Histogram::default().add_encoded(&mut [1, 0xff, 0xff, 0x7f, 1].as_slice()), None, "beyond the grid");
    }
}
