//! Charts: what goes before the triangles of a frame.

use serde::Serialize;
use ts_rs::TS;

/// The head of a frame of charts.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChartHead {
    /// The range of time that is shown, Unix ms.
    pub(crate) range_ms: (i64, i64),
    /// What is under the crosshair.
    pub(crate) hover: Option<ChartHover>,
    /// The legend.
    pub(crate) series: Vec<ChartSeries>,
    /// Ask again after so many ms, also without input; null need not be asked for.
    pub(crate) repaint_after_ms: Option<u32>,
    /// Height at which nothing has to be scrolled, CSS pixels.
    pub(crate) height_points: f32,
}

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub(crate) struct ChartSeries {
    /// For `hide`.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// `#rrggbb`.
    pub(crate) color: String,
    /// SVG's `stroke-dasharray` of its lines; '' for a line without pauses.
    pub(crate) dash: String,
    /// Not drawn.
    pub(crate) hidden: bool,
}

/// The moment under the crosshair.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChartHover {
    /// Unix ms.
    pub(crate) at_ms: i64,
    /// What was measured then.
    pub(crate) values: Vec<ChartReading>,
}

/// A value under the crosshair.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub(crate) struct ChartReading {
    /// Title of the chart.
    pub(crate) chart: String,
    /// Which line of it.
    pub(crate) line: String,
    /// Of the numbers.
    pub(crate) unit: String,
    /// Mean of the sample.
    pub(crate) mean: f64,
    /// Its least second.
    pub(crate) min: f64,
    /// Its greatest second.
    pub(crate) max: f64,
}
