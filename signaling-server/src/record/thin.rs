//! Fewer windows of the same record, for charts.
//!
//! Invariants: a window made of several has the mean weighted by measured time, the least of the least and the greatest of
//! the greatest, so that no spike is lost. No more windows come out than were asked for. A gap stays a gap as long as there
//! are fewer gaps than windows.

use sightline_protocol::logs::{LogLink, LogProcess, LogSample};

use super::cells::{Window, class_number};

/// Two windows may be this far apart and touch: what two readings of the wall clock differ by rounding, and a step of
/// the clock by a time service.
const TOUCH_MS: i64 = 1000;

/// Of each of the windows of a track, in the order of time, given as start and end: the number of the window it becomes
/// part of, from 0 on and without a number left out.
pub(crate) fn plan(windows: &[(i64, i64)], most: usize) -> Vec<usize> {
    let most = most.max(1);
    if windows.len() <= most {
        return (0..windows.len()).collect();
    }
    let Some((first_ms, _)) = windows.first() else { return Vec::new() };
    let mut reach = i64::MIN;
    let begins_after_gap: Vec<bool> = windows
        .iter()
        .map(|(start_ms, end_ms)| {
            let is_apart = reach != i64::MIN && start_ms.saturating_sub(reach) > TOUCH_MS;
            reach = reach.max(*end_ms);
            is_apart
        })
        .collect();
    let gaps = begins_after_gap.iter().filter(|is| **is).count();
    // Each border between parts cuts at most once, and so does each gap.
    let (parts, keeps_gaps) = if gaps < most { (most - gaps, true) } else { (most, false) };
    let length = i128::from(reach) - i128::from(*first_ms) + 1;
    let part = |ms: i64| (i128::from(ms) - i128::from(*first_ms)) * parts as i128 / length;
    let mut number = 0;
    let mut last = 0;
    let mut numbers = Vec::with_capacity(windows.len());
    for ((start_ms, _), is_apart) in windows.iter().zip(begins_after_gap) {
        let at = part(*start_ms);
        if !numbers.is_empty() && (at != last || (is_apart && keeps_gaps)) {
            number += 1;
        }
        last = at;
        numbers.push(number);
    }
    numbers
}

/// What besides the values can be put together.
pub(crate) trait Merge: Window {
    /// Makes `self`, which comes before `other`, cover it too.
    fn absorb(&mut self, other: &Self);

    fn set_span(&mut self, start_ms: i64, end_ms: i64, measured_ms: u32);

    fn score(&self) -> Option<f32> {
        None
    }

    fn set_score(&mut self, _: f32) {}
}

impl Merge for LogSample {
    fn absorb(&mut self, other: &Self) {
        self.freezes = match (self.freezes, other.freezes) {
            (Some(one), Some(two)) => Some(one.saturating_add(two)),
            (one, two) => one.or(two),
        };
        self.frozen_ms = self.frozen_ms.map_or(other.frozen_ms, |ms| Some(ms + other.frozen_ms.unwrap_or(0.0)));
        let class = |row: &Self| row.class.as_deref().and_then(class_number);
        if class(other) > class(self) {
            self.class.clone_from(&other.class);
            self.cause.clone_from(&other.cause);
        }
        self.codec = other.codec.clone().or(self.codec.take());
        self.width = other.width.or(self.width);
        self.height = other.height.or(self.height);
        self.muted &= other.muted;
    }

    fn set_span(&mut self, start_ms: i64, end_ms: i64, measured_ms: u32) {
        (self.start_ms, self.end_ms, self.measured_ms) = (start_ms, end_ms, measured_ms);
    }

    fn score(&self) -> Option<f32> {
        self.score
    }

    fn set_score(&mut self, score: f32) {
        self.score = Some(score);
    }
}

impl Merge for LogLink {
    fn absorb(&mut self, other: &Self) {
        self.path = other.path.clone().or(self.path.take());
    }

    fn set_span(&mut self, start_ms: i64, end_ms: i64, measured_ms: u32) {
        (self.start_ms, self.end_ms, self.measured_ms) = (start_ms, end_ms, measured_ms);
    }
}

impl Merge for LogProcess {
    fn absorb(&mut self, _: &Self) {}

    fn set_span(&mut self, start_ms: i64, end_ms: i64, measured_ms: u32) {
        (self.start_ms, self.end_ms, self.measured_ms) = (start_ms, end_ms, measured_ms);
    }
}

/// A window being made of several. Means are summed up in `f64`, so that thousands of them do not drift.
#[derive(Debug)]
pub(crate) struct Merging<W> {
    row: W,
    /// Of each value, and of the score at the end: the sum of mean times weight, and of the weights.
    sums: Vec<(f64, f64)>,
}

impl<W: Merge> Merging<W> {
    pub(crate) fn new(row: W) -> Self {
        let weight = weight(&row);
        let mean = |mean: f32| (f64::from(mean) * weight, weight);
        let mut sums: Vec<_> = row.values().map(|value| value.map_or((0.0, 0.0), |spread| mean(spread[0]))).collect();
        sums.push(row.score().map_or((0.0, 0.0), mean));
        Self { row, sums }
    }

    pub(crate) fn add(&mut self, other: &W) {
        let weight = weight(other);
        let means = other.values().map(|value| value.map(|spread| spread[0])).chain([other.score()]);
        for ((sum, of), mean) in self.sums.iter_mut().zip(means) {
            if let Some(mean) = mean {
                *sum += f64::from(mean) * weight;
                *of += weight;
            }
        }
        for (value, other) in self.row.values_mut().zip(other.values()) {
            *value = match (*value, *other) {
                (Some([mean, min, max]), Some([_, least, greatest])) => Some([mean, min.min(least), max.max(greatest)]),
                (one, two) => one.or(two),
            };
        }
        let (own, more) = (self.row.head(), other.head());
        self.row.absorb(other);
        self.row.set_span(
            own.start_ms.min(more.start_ms),
            own.end_ms.max(more.end_ms),
            own.measured_ms.saturating_add(more.measured_ms),
        );
    }

    pub(crate) fn finish(mut self) -> W {
        for (value, (sum, of)) in self.row.values_mut().zip(&self.sums) {
            if let Some([mean, min, max]) = value
                && *of > 0.0
            {
                // Rounding must not carry it past the ends.
                *mean = ((sum / of) as f32).max(*min).min(*max);
            }
        }
        if let Some((sum, of)) = self.sums.last().filter(|(_, of)| *of > 0.0) {
            self.row.set_score((sum / of) as f32);
        }
        self.row
    }
}

/// A window in which nothing could be compared still has a value now and then; it counts as a millisecond.
fn weight<W: Window>(row: &W) -> f64 {
    f64::from(row.head().measured_ms.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::cells::Head;

    fn windows(count: i64) -> Vec<(i64, i64)> {
        (0..count).map(|number| (number * 15_000, (number + 1) * 15_000)).collect()
    }

    #[test]
    fn never_more_windows_than_asked_for() {
        let mut gappy = windows(1000);
        for (number, window) in gappy.iter_mut().enumerate() {
            // A gap after each 7th.
            let late = number as i64 / 7 * 5000;
            *window = (window.0 + late, window.1 + late);
        }
        for all in [windows(0), windows(1), windows(99), windows(100), windows(101), windows(1000), gappy] {
            for most in [0, 1, 2, 50, 100, 142, 143, 144, 2000] {
                let numbers = plan(&all, most);
                assert_eq!(numbers.len(), all.len());
                let count = numbers.last().map_or(0, |last| last + 1);
                assert!(count <= most.max(1), "{count} of {most}");
                assert!(numbers.first().is_none_or(|first| *first == 0));
                assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] <= 1));
                assert!(all.len() < most || count * 2 > most || all.len() < 2, "{count} of {most} is too coarse");
            }
        }
    }

    #[test]
    fn a_gap_is_kept_however_much_is_thinned() {
        let mut all = windows(200);
        all[100..].iter_mut().for_each(|window| *window = (window.0 + 5000, window.1 + 5000));
        for most in [2, 3, 10, 150] {
            let numbers = plan(&all, most);
            assert_ne!(numbers[99], numbers[100], "{most}");
        }
        assert_eq!(plan(&all, 1), vec![0; 200], "one window asked for is one");
    }

    #[test]
    fn means_are_weighted_and_extremes_kept() {
        let head = |seq: u32, measured_ms| Head {
            seq,
            track: 0,
            start_ms: i64::from(seq) * 15_000,
            end_ms: i64::from(seq + 1) * 15_000,
            measured_ms,
        };
        let mut rows: Vec<LogSample> = (0..3).map(|seq| LogSample::of(head(seq, 15_000))).collect();
        rows[0].values.rtt_ms = Some([10.0, 5.0, 20.0]);
        rows[0].muted = true;
        rows[1].values.loss_percent = Some([1.0, 0.0, 9.0]);
        (rows[1].class, rows[1].cause) = (Some("bad".into()), Some("loss".into()));
        (rows[1].score, rows[1].freezes) = (Some(2.0), Some(3));
        rows[2].measured_ms = 5000;
        rows[2].values.rtt_ms = Some([50.0, 40.0, 60.0]);
        (rows[2].class, rows[2].freezes, rows[2].width) = (Some("ok".into()), Some(1), Some(320));
        let mut merging = Merging::new(rows[0].clone());
        rows[1..].iter().for_each(|row| merging.add(row));
        let merged = merging.finish();
        assert_eq!(merged.values.rtt_ms, Some([20.0, 5.0, 60.0]), "(10 * 15 + 50 * 5) / 20");
        assert_eq!(merged.values.loss_percent, Some([1.0, 0.0, 9.0]));
        assert_eq!(merged.values.fps, None, "not measured, never 0");
        assert_eq!((merged.start_ms, merged.end_ms, merged.measured_ms), (0, 45_000, 35_000));
        assert_eq!((merged.class.as_deref(), merged.cause.as_deref()), (Some("bad"), Some("loss")));
        assert_eq!((merged.score, merged.freezes, merged.width, merged.muted), (Some(2.0), Some(4), Some(320), false));
    }
}
