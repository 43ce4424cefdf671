//! Charts and their lines, out of what was read.

use std::collections::BTreeMap;

use sightline_history::{Point, Run};
use sightline_quality::{Direction, Event, EventKind, Spread};

use crate::kind::{ChartKind, Way};
use crate::series;

/// A line of a chart.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) way: Way,
    /// Number of the person, where it is about one.
    pub(crate) person: Option<usize>,
    pub(crate) runs: Vec<Run>,
}

/// A chart and its lines.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) kind: ChartKind,
    pub(crate) unit: &'static str,
    pub(crate) lines: Vec<Line>,
    /// The axis of values ends no lower, in the unit: where another chart stands beside it that reaches so far.
    pub(crate) reaches: f64,
}

impl Chart {
    pub(crate) fn empty(kind: ChartKind) -> Self {
        Self { kind, unit: kind.unit(), lines: Vec::new(), reaches: 0.0 }
    }

    pub(crate) fn greatest(&self) -> f64 {
        self.lines.iter().flat_map(|line| line.runs.iter().flatten()).map(|point| point.values.max).fold(0.0, f64::max)
    }

    /// Makes the numbers so many times greater, in another unit.
    pub(crate) fn convert(&mut self, unit: &'static str, factor: f64) {
        self.unit = unit;
        for point in self.lines.iter_mut().flat_map(|line| line.runs.iter_mut().flatten()) {
            let Spread { mean, min, max } = point.values;
            point.values = Spread { mean: mean * factor, min: min * factor, max: max * factor };
        }
    }
}

/// Chart, way and person of a line.
pub(crate) type Key = (ChartKind, Way, Option<usize>);

/// How high pictures were, wherever there were any: the record keeps the changes.
pub(crate) fn heights(frame_rate: &[Run], peer: &str, direction: Direction, events: &[Event]) -> Vec<Run> {
    let changes: Vec<(i64, f64)> = events
        .iter()
        .filter(|event| event.peer.as_deref() == Some(peer))
        .filter_map(|event| match event.kind {
            EventKind::Resolution { direction: of, height, .. } if of == direction => {
                Some((event.unix_ms, f64::from(height)))
            }
            _ => None,
        })
        .collect();
    let height_of = |point: &Point| {
        let before = changes.partition_point(|(ms, _)| *ms <= point.start_ms);
        let after = changes.partition_point(|(ms, _)| *ms < point.end_ms).max(before);
        let shown = &changes[before.saturating_sub(1)..after];
        let mean = shown.last()?.1;
        let min = shown.iter().map(|(_, height)| *height).fold(mean, f64::min);
        let max = shown.iter().map(|(_, height)| *height).fold(mean, f64::max);
        Some(Point { values: Spread { mean, min, max }, ..*point })
    };
    frame_rate.iter().map(|run| run.iter().filter_map(height_of).collect()).collect()
}

/// Sorts the lines into charts.
pub(crate) fn charts(lines: BTreeMap<Key, Vec<Run>>) -> Vec<Chart> {
    let mut charts: Vec<Chart> = ChartKind::ALL.into_iter().map(Chart::empty).collect();
    for ((kind, way, person), runs) in lines {
        let line = Line { way, person, runs: series::in_order(runs) };
        if let Some(chart) = charts.iter_mut().find(|chart| chart.kind == kind) {
            chart.lines.push(line);
        }
    }
    charts.retain(|chart| !chart.lines.is_empty() || chart.kind.is_expected());
    for chart in charts.iter_mut().filter(|chart| chart.kind == ChartKind::BitRate) {
        let (greatest, is_empty) = (chart.greatest(), chart.lines.iter().all(|line| line.runs.is_empty()));
        let (unit, factor) = if greatest < 400_000.0 && !is_empty { ("kb/s", 1e-3) } else { ("Mb/s", 1e-6) };
        chart.convert(unit, factor);
    }
    charts
}
