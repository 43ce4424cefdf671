//! One metric over time, thinned to as many points as a chart can show.
//!
//! Invariant: a run of points touches without a gap, so that a chart may draw one line through it; between two runs
//! nothing was measured. Thinning keeps every minimum and maximum.

use std::ops::Range;

use rusqlite::{Connection, params};
use sightline_quality::{Metric, Spread};

use crate::cells::spread;

/// A stretch of a series: one sample, or several taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// Mean over time, least and greatest.
    pub values: Spread,
}

/// Points that touch.
pub type Run = Vec<Point>;

/// Two samples of a run may be this far apart: what two readings of the wall clock differ by rounding, and a step of
/// the clock by a time service.
const TOUCH_MS: i64 = 1000;

/// A sample as it is stored: what lies between `start_ms` and `end_ms`, of which `weight` ms were measured.
#[derive(Debug, Clone, Copy)]
struct Sample {
    start_ms: i64,
    end_ms: i64,
    weight: f64,
    values: Option<Spread>,
}

/// Reads a metric from a table of samples. `table` and `owner_column` are names in this crate, never input.
pub(crate) fn read<M: Metric>(
    connection: &Connection,
    (table, owner_column): (&str, &str),
    owner: i64,
    metric: M,
    range: &Range<i64>,
    max_points: usize,
) -> rusqlite::Result<Vec<Run>> {
    let mut statement = connection.prepare_cached(&query(table, owner_column, metric.name()))?;
    let samples = statement.query_map(params![owner, range.start, range.end], |row| {
        Ok(Sample {
            start_ms: row.get(0)?,
            end_ms: row.get(1)?,
            weight: row.get::<_, i64>(2)?.max(1) as f64,
            values: spread(row.get(3)?, row.get(4)?, row.get(5)?),
        })
    })?;
    Ok(thin(&samples.collect::<rusqlite::Result<Vec<_>>>()?, max_points))
}

fn query(table: &str, owner_column: &str, metric: &str) -> String {
    format!(
        "SELECT start_ms, end_ms, measured_ms, {metric}_mean, {metric}_min, {metric}_max FROM {table}
         WHERE {owner_column} = ?1 AND start_ms < ?3 AND end_ms > ?2 ORDER BY start_ms, id"
    )
}

/// Cuts the time from the first to the last sample into `max_points` equal parts and makes one point of the samples
/// that begin in the same part and touch. So there are at most `max_points`, and one more for each gap.
fn thin(samples: &[Sample], max_points: usize) -> Vec<Run> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let length = i128::from(last.end_ms.max(last.start_ms)) - i128::from(first.start_ms) + 1;
    let part = |ms: i64| (i128::from(ms) - i128::from(first.start_ms)) * max_points.max(1) as i128 / length;
    let mut runs: Vec<Run> = Vec::new();
    // End of the sample before, part and weight of the point being made; none at the start and after a gap.
    let mut open: Option<(i64, i128, f64)> = None;
    for sample in samples {
        let Some(values) = sample.values else {
            open = None;
            continue;
        };
        let (at, weight) = (part(sample.start_ms), sample.weight);
        let touching = open.filter(|(end_ms, ..)| (sample.start_ms - end_ms).abs() <= TOUCH_MS);
        match (touching, runs.last_mut().and_then(|run| run.last_mut())) {
            (Some((_, of, before)), Some(point)) if of == at => {
                let mean = (point.values.mean * before + values.mean * weight) / (before + weight);
                let (min, max) = (point.values.min.min(values.min), point.values.max.max(values.max));
                *point = Point { end_ms: sample.end_ms, values: Spread { mean, min, max }, ..*point };
                open = Some((sample.end_ms, of, before + weight));
                continue;
            }
            (Some(_), Some(_)) => {}
            _ => runs.push(Run::new()),
        }
        if let Some(run) = runs.last_mut() {
            run.push(Point { start_ms: sample.start_ms, end_ms: sample.end_ms, values });
        }
        open = Some((sample.end_ms, at, weight));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: i64, value: Option<f64>) -> Sample {
        Sample {
            start_ms: number * 15_000,
            end_ms: (number + 1) * 15_000,
            weight: 15_000.0,
            values: value.map(|mean| Spread { mean, min: mean - 1.0, max: mean + 1.0 }),
        }
    }

    #[test]
    fn a_series_is_read_by_its_index_and_not_by_looking_at_every_sample() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        for (table, owner, metric, index) in [
            ("sample", "track_id", "loss_percent", "sample_by_track"),
            ("link_sample", "stay_id", "path_rtt_ms", "link_sample_by_stay"),
            ("process_sample", "session_id", "cpu_percent", "process_sample_by_session"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN {}", query(table, owner, metric));
            let plan: String = connection.query_row(&sql, params![1, 0, 1], |row| row.get("detail")).unwrap();
            assert!(plan.contains(&format!("USING INDEX {index}")), "{plan}");
        }
    }

    #[test]
    fn few_samples_come_as_they_are() {
        let runs = thin(&[sample(0, Some(1.0)), sample(1, Some(2.0))], 100);
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].iter().map(|point| point.values.mean).collect::<Vec<_>>(), [1.0, 2.0]);
    }

    #[test]
    fn many_samples_keep_their_extremes() {
        let mut samples: Vec<_> = (0..1000).map(|number| sample(number, Some(10.0))).collect();
        samples[317] = sample(317, Some(500.0));
        samples[650] = sample(650, Some(-500.0));
        let runs = thin(&samples, 50);
        let points: Vec<_> = runs.iter().flatten().collect();
        assert_eq!((runs.len(), points.len()), (1, 50));
        let max = points.iter().map(|point| point.values.max).fold(f64::MIN, f64::max);
        let min = points.iter().map(|point| point.values.min).fold(f64::MAX, f64::min);
        assert_eq!((min, max), (-501.0, 501.0));
        assert_eq!((points[0].start_ms, points[49].end_ms), (0, 15_000_000));
        assert!(points.windows(2).all(|pair| pair[0].end_ms == pair[1].start_ms));
        // 20 samples a point: (19 * 10 + 500) / 20
        assert!(points.iter().any(|point| (point.values.mean - 34.5).abs() < 1e-9));
    }

    #[test]
    fn what_was_not_measured_and_what_is_not_there_both_end_a_run() {
        let unknown = thin(&[sample(0, Some(1.0)), sample(1, None), sample(2, Some(2.0))], 100);
        assert_eq!(unknown.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        let missing = thin(&[sample(0, Some(1.0)), sample(5, Some(2.0)), sample(6, Some(3.0))], 1);
        assert_eq!(missing.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1], "however much is thinned");
        assert_eq!(missing[1][0].values, Spread { mean: 2.5, min: 1.0, max: 4.0 });
    }

    #[test]
    fn nothing_and_next_to_nothing() {
        assert_eq!(thin(&[], 10), Vec::<Run>::new());
        assert_eq!(thin(&[sample(0, None)], 10), Vec::<Run>::new());
        assert_eq!(thin(&[sample(0, Some(1.0))], 0).len(), 1, "no points asked for is one");
    }
}
