//! Lines of a chart: what several tracks measured, made one.
//!
//! Invariant: the points of a line are in the order of time and do not overlap; those of a run touch, and between two
//! runs nothing was measured. No value is anything but a finite number from zero up.

use std::ops::Range;

use sightline_history::{Point, Run};
use sightline_quality::Spread;

/// Points this near touch, as in the history: two readings of the wall clock differ by rounding.
const TOUCH_MS: i64 = 1000;

/// Shorter pieces come from rounding, not from measuring: the shortest reading is about a second.
const SLIVER_MS: i64 = 250;

/// No chart shows more (a petabit, a year of delay): what is beyond was not measured.
const GREATEST: f64 = 1e15;

/// Times beyond are no times; with those within one can reckon.
const LATEST_MS: i64 = 1 << 53;

/// How two lines become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// Rates that go side by side.
    Sum,
    /// The greater one: sound and pictures that share a path, where neither may hide the other's trouble.
    Worst,
}

impl Join {
    fn of(self, one: Spread, other: Spread) -> Spread {
        match self {
            Self::Sum => Spread { mean: one.mean + other.mean, min: one.min + other.min, max: one.max + other.max },
            Self::Worst => {
                Spread { mean: one.mean.max(other.mean), min: one.min.min(other.min), max: one.max.max(other.max) }
            }
        }
    }
}

/// Puts points into runs, in the order of time.
pub(crate) fn runs(mut points: Vec<Point>) -> Vec<Run> {
    for point in &mut points {
        point.start_ms = point.start_ms.clamp(-LATEST_MS, LATEST_MS);
        point.end_ms = point.end_ms.clamp(-LATEST_MS, LATEST_MS);
    }
    points.retain(|point| point.end_ms > point.start_ms);
    points.sort_by_key(|point| point.start_ms);
    let mut runs: Vec<Run> = Vec::new();
    let mut end_ms = i64::MIN;
    for mut point in points {
        let Some(values) = sound(point.values) else { continue };
        point.values = values;
        // A step of the wall clock may lay one sample over another.
        point.start_ms = point.start_ms.max(end_ms);
        if point.start_ms >= point.end_ms {
            continue;
        }
        let touches = point.start_ms.saturating_sub(end_ms) <= TOUCH_MS;
        end_ms = point.end_ms;
        match runs.last_mut().filter(|_| touches) {
            Some(run) => run.push(point),
            None => runs.push(vec![point]),
        }
    }
    runs
}

/// Values that can be drawn: the mean between the extremes, all of them finite and not negative.
fn sound(values: Spread) -> Option<Spread> {
    let known = [values.mean, values.min, values.max];
    if known.iter().any(|value| !value.is_finite() || value.abs() > GREATEST) {
        return None;
    }
    let mean = values.mean.max(0.0);
    Some(Spread { mean, min: values.min.clamp(0.0, mean), max: values.max.max(mean) })
}

/// Makes one line of two. Where only one was measured, it stands alone.
pub(crate) fn join(one: Vec<Run>, other: Vec<Run>, how: Join) -> Vec<Run> {
    if one.is_empty() || other.is_empty() {
        return if one.is_empty() { other } else { one };
    }
    let (one, other): (Vec<Point>, Vec<Point>) = (one.concat(), other.concat());
    let edges_of = |points: &[Point]| points.iter().flat_map(|p| [p.start_ms, p.end_ms]).collect::<Vec<_>>();
    let mut edges = [edges_of(&one), edges_of(&other)].concat();
    edges.sort_unstable();
    edges.dedup();
    let (mut of_one, mut of_other) = (Follower::new(&one), Follower::new(&other));
    let mut joined = Vec::with_capacity(one.len().max(other.len()));
    for pair in edges.windows(2) {
        let (start_ms, end_ms) = (pair[0], pair[1]);
        if end_ms - start_ms < SLIVER_MS {
            continue;
        }
        let values = match (of_one.at(start_ms), of_other.at(start_ms)) {
            (Some(one), Some(other)) => how.of(one, other),
            (Some(values), None) | (None, Some(values)) => values,
            (None, None) => continue,
        };
        joined.push(Point { start_ms, end_ms, values });
    }
    runs(joined)
}

/// Walks along points as time goes on.
struct Follower<'a> {
    points: &'a [Point],
}

impl<'a> Follower<'a> {
    fn new(points: &'a [Point]) -> Self {
        Self { points }
    }

    /// What holds from `ms` on, which never falls.
    fn at(&mut self, ms: i64) -> Option<Spread> {
        while self.points.first().is_some_and(|point| point.end_ms <= ms) {
            self.points = &self.points[1..];
        }
        self.points.first().filter(|point| point.start_ms <= ms).map(|point| point.values)
    }
}

/// Cuts stretches of time out: a sample of 15 s may have a break of 5 s in it, across which no line may go.
pub(crate) fn cut(line: Vec<Run>, gaps: &[Range<i64>]) -> Vec<Run> {
    if gaps.is_empty() {
        return line;
    }
    let mut left: Vec<Run> = Vec::with_capacity(line.len());
    for run in line {
        let mut current = Run::new();
        for point in run {
            for piece in pieces(point, gaps) {
                // Within a run the pieces touch, unless a gap lies between them.
                let end_ms = current.last().map_or(piece.start_ms, |last| last.end_ms);
                if gaps.iter().any(|gap| gap.start >= end_ms && gap.start <= piece.start_ms && gap.end > gap.start) {
                    left.extend((!current.is_empty()).then(|| std::mem::take(&mut current)));
                }
                current.push(piece);
            }
        }
        left.extend((!current.is_empty()).then_some(current));
    }
    left
}

/// What is left of a point.
fn pieces(point: Point, gaps: &[Range<i64>]) -> Vec<Point> {
    let mut pieces = vec![point];
    for gap in gaps.iter().filter(|gap| gap.start < point.end_ms && gap.end > point.start_ms) {
        pieces = pieces
            .into_iter()
            .flat_map(|piece| {
                let before = Point { end_ms: piece.end_ms.min(gap.start), ..piece };
                let after = Point { start_ms: piece.start_ms.max(gap.end), ..piece };
                [before, after]
            })
            .filter(|piece| piece.end_ms > piece.start_ms)
            .collect();
    }
    pieces
}

/// Puts the runs of several stays in the order of time; what overlaps is shortened.
pub(crate) fn in_order(mut line: Vec<Run>) -> Vec<Run> {
    line.retain(|run| !run.is_empty());
    line.sort_by_key(|run| run[0].start_ms);
    let mut end_ms = i64::MIN;
    for run in &mut line {
        for point in run.iter_mut() {
            point.start_ms = point.start_ms.max(end_ms);
            end_ms = end_ms.max(point.end_ms);
        }
        run.retain(|point| point.start_ms < point.end_ms);
    }
    line.retain(|run| !run.is_empty());
    line
}

/// What was measured at a moment.
pub(crate) fn at(line: &[Run], ms: i64) -> Option<Spread> {
    let run = &line[line.partition_point(|run| run[0].start_ms <= ms).checked_sub(1)?];
    let point = run[run.partition_point(|point| point.start_ms <= ms).checked_sub(1)?];
    // Between two points of a run the one before still holds; past its end nothing is known.
    run.last().filter(|last| ms <= last.end_ms).map(|_| point.values)
}

/// The points of a run that touch a range, and one on each side, so that the line goes on to the edge.
pub(crate) fn within(run: &[Point], range: &Range<i64>) -> Range<usize> {
    let first = run.partition_point(|point| point.end_ms <= range.start);
    let last = run.partition_point(|point| point.start_ms < range.end);
    first.saturating_sub(1)..(last + 1).min(run.len()).max(first.saturating_sub(1))
}

/// Takes points together until there are at most `most`, keeping each minimum and maximum.
pub(crate) fn thin(points: &[Point], most: usize) -> Vec<Point> {
    let together = points.len().div_ceil(most.max(1)).max(1);
    if together == 1 {
        return points.to_vec();
    }
    points.chunks(together).filter_map(take_together).collect()
}

fn take_together(points: &[Point]) -> Option<Point> {
    let (first, last) = (points.first()?, points.last()?);
    let length = |point: &Point| (point.end_ms - point.start_ms) as f64;
    let whole: f64 = points.iter().map(length).sum();
    let mean = points.iter().map(|point| point.values.mean * length(point)).sum::<f64>() / whole;
    let min = points.iter().map(|point| point.values.min).fold(f64::INFINITY, f64::min);
    let max = points.iter().map(|point| point.values.max).fold(0.0, f64::max);
    Some(Point { start_ms: first.start_ms, end_ms: last.end_ms, values: Spread { mean, min, max } })
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "these are lists of ranges")]
mod tests {
    use super::*;

    fn point(start_s: i64, end_s: i64, mean: f64) -> Point {
        let values = Spread { mean, min: mean - 1.0, max: mean + 1.0 };
        Point { start_ms: start_s * 1000, end_ms: end_s * 1000, values }
    }

    fn spans(line: &[Run]) -> Vec<Vec<(i64, i64)>> {
        line.iter().map(|run| run.iter().map(|p| (p.start_ms / 1000, p.end_ms / 1000)).collect()).collect()
    }

    #[test]
    fn sums_and_worst_of_points_that_lie_alike() {
        let one = runs(vec![point(0, 15, 5.0), point(15, 30, 6.0)]);
        let other = runs(vec![point(0, 15, 2.0), point(15, 30, 9.0)]);
        let sum = join(one.clone(), other.clone(), Join::Sum).concat();
        assert_eq!(sum.iter().map(|p| p.values.mean).collect::<Vec<_>>(), [7.0, 15.0]);
        assert_eq!(sum[0].values, Spread { mean: 7.0, min: 5.0, max: 9.0 });
        let worst = join(one, other, Join::Worst).concat();
        assert_eq!(worst[0].values, Spread { mean: 5.0, min: 1.0, max: 6.0 });
        assert_eq!(worst[1].values.mean, 9.0);
    }

    #[test]
    fn where_only_one_was_measured_it_stands_alone_and_where_none_was_there_is_a_gap() {
        let sound = runs(vec![point(0, 15, 1.0), point(15, 30, 1.0), point(60, 75, 1.0)]);
        let pictures = runs(vec![point(20, 40, 5.0)]);
        let joined = join(sound, pictures, Join::Sum);
        assert_eq!(spans(&joined), [vec![(0, 15), (15, 20), (20, 30), (30, 40)], vec![(60, 75)]]);
        let means: Vec<_> = joined[0].iter().map(|p| p.values.mean).collect();
        assert_eq!(means, [1.0, 1.0, 6.0, 5.0]);
    }

    #[test]
    fn a_break_within_a_sample_is_cut_out_of_it() {
        let line = runs(vec![point(0, 15, 1.0), point(15, 30, 2.0), point(30, 45, 3.0)]);
        assert_eq!(spans(&cut(line.clone(), &[20_000..25_000])), [vec![(0, 15), (15, 20)], vec![(25, 30), (30, 45)]]);
        assert_eq!(spans(&cut(line.clone(), &[15_000..30_000])), [vec![(0, 15)], vec![(30, 45)]]);
        assert_eq!(spans(&cut(line.clone(), &[10_000..50_000])), [vec![(0, 10)]]);
        assert_eq!(spans(&cut(line.clone(), &[0..15_000])), [vec![(15, 30), (30, 45)]]);
        assert_eq!(spans(&cut(line, &[15_000..15_500, 29_000..31_000])).len(), 3);
    }

    #[test]
    fn what_is_no_number_is_not_measured_and_what_overlaps_is_shortened() {
        let mut bad = point(15, 30, f64::NAN);
        assert_eq!(spans(&runs(vec![point(0, 15, 1.0), bad, point(30, 45, 1.0)])), [vec![(0, 15)], vec![(30, 45)]]);
        bad.values = Spread { mean: -3.0, min: -9.0, max: f64::INFINITY };
        assert!(runs(vec![bad]).is_empty());
        bad.values = Spread { mean: -3.0, min: 4.0, max: -9.0 };
        assert_eq!(runs(vec![bad])[0][0].values, Spread { mean: 0.0, min: 0.0, max: 0.0 });
        let stepped = runs(vec![point(10, 25, 2.0), point(0, 15, 1.0), point(12, 14, 9.0), point(7, 7, 1.0)]);
        assert_eq!(spans(&stepped), [vec![(0, 15), (15, 25)]]);
        let eternal = Point { start_ms: i64::MIN, end_ms: i64::MAX, values: point(0, 1, 2.0).values };
        let line = runs(vec![eternal, eternal]);
        assert_eq!(thin(&join(line.clone(), line, Join::Sum)[0], 1)[0].values.mean, 4.0);
    }

    #[test]
    fn a_moment_is_looked_up() {
        let line = runs(vec![point(0, 15, 1.0), point(15, 30, 2.0), point(60, 75, 3.0)]);
        let mean = |ms| at(&line, ms).map(|values| values.mean);
        assert_eq!((mean(-1), mean(0), mean(14_999)), (None, Some(1.0), Some(1.0)));
        assert_eq!((mean(15_000), mean(30_000), mean(30_001)), (Some(2.0), Some(2.0), None));
        assert_eq!((mean(59_999), mean(75_000), mean(75_001)), (None, Some(3.0), None));
        assert_eq!(at(&[], 0), None);
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let mut points: Vec<_> = (0..1000).map(|n| point(n, n + 1, 10.0)).collect();
        points[317].values.max = 500.0;
        points[650].values.min = 0.0;
        let thinned = thin(&points, 100);
        assert_eq!((thinned.len(), thinned[0].start_ms, thinned[99].end_ms), (100, 0, 1_000_000));
        assert_eq!(thinned.iter().map(|p| p.values.max).fold(0.0, f64::max), 500.0);
        assert_eq!(thinned.iter().map(|p| p.values.min).fold(f64::MAX, f64::min), 0.0);
        assert_eq!((thin(&points, 0).len(), thin(&[], 5).len()), (1, 0));
        let run = &runs(points)[0];
        assert_eq!(within(run, &(10_000..12_000)), 9..13);
        assert_eq!(within(run, &(-5..1)), 0..2);
        assert_eq!(within(run, &(5_000_000..6_000_000)), 999..1000);
    }
}
