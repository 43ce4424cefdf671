//! What comes out of the sampler: rows for the record, and the live view.

use crate::derive::{LinkCounts, TrackCounts};
use crate::headline::Standing;
use crate::metric::{LinkMetric, PerMetric, ProcessMetric, TrackMetric};
use crate::spread::Spread;
use crate::verdict::Verdict;
use crate::warning::ActiveWarning;
use crate::window::Span;
use crate::{Event, LinkCounters, ProcessCounters, TrackCounters, TrackKey};

/// A track over at most 15 s.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackRow {
    /// When.
    pub span: Span,
    /// Rates and gauges; `None` is not measured.
    pub values: PerMetric<TrackMetric, Option<Spread>>,
    /// What happened in the window.
    pub counts: TrackCounts,
    /// 1 to 5, where it can be told; see [`crate::audio_score`] and [`crate::video_score`].
    pub score: Option<f64>,
    /// How it was.
    pub verdict: Option<Verdict>,
    /// Raw cumulative counters at the window's end.
    pub counters: TrackCounters,
}

/// The connection to a peer over at most 15 s.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkRow {
    /// When.
    pub span: Span,
    /// Rates and gauges.
    pub values: PerMetric<LinkMetric, Option<Spread>>,
    /// What happened in the window.
    pub counts: LinkCounts,
    /// Raw cumulative counters at the window's end.
    pub counters: LinkCounters,
}

/// This process and the machine over at most 15 s.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessRow {
    /// When.
    pub span: Span,
    /// Rates and gauges.
    pub values: PerMetric<ProcessMetric, Option<Spread>>,
    /// Raw cumulative counters at the window's end.
    pub counters: ProcessCounters,
}

/// Rows to be stored together. Empty most of the time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// One for each track.
    pub tracks: Vec<TrackRow>,
    /// One for each link.
    pub links: Vec<LinkRow>,
    /// There where a window of the session ended, not only one of a peer.
    pub process: Option<ProcessRow>,
    /// How the session stands after a window.
    pub standing: Option<Standing>,
    /// A stretch without readings that was noticed.
    pub gap: Option<Gap>,
}

impl Rows {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A stretch without readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Last reading before, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// First reading after.
    pub end_ms: i64,
    /// Why.
    pub cause: GapCause,
}

/// Why there were no readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// The wall clock went on without the monotonic one: the machine slept.
    Sleep,
    /// Both went on: this program did not get to run.
    Stall,
}

impl GapCause {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Stall => "stall",
        }
    }
}

/// The last second.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// Each track.
    pub tracks: Vec<LiveTrack>,
    /// Each link.
    pub links: Vec<LiveLink>,
    /// This process.
    pub process: PerMetric<ProcessMetric, Option<f64>>,
    /// Warnings that stand.
    pub warnings: Vec<ActiveWarning>,
    /// What the numbers tell that happened: warnings raised and cleared, another codec or limitation.
    pub events: Vec<Event>,
}

/// A track in the last second.
#[derive(Debug, Clone)]
pub struct LiveTrack {
    /// Whose.
    pub key: TrackKey,
    /// Whether it is muted.
    pub muted: bool,
    /// Codec as negotiated.
    pub codec: Option<String>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// Rates and gauges.
    pub values: PerMetric<TrackMetric, Option<f64>>,
    /// 1 to 5, where it can be told.
    pub score: Option<f64>,
}

/// A link in the last second.
#[derive(Debug, Clone)]
pub struct LiveLink {
    /// Participant id of the peer.
    pub peer: String,
    /// Rates and gauges.
    pub values: PerMetric<LinkMetric, Option<f64>>,
}
