//! Which charts there are, in the order in which they are shown, and what their lines stand for.

use std::fmt;

use sightline_quality::{Kind, TrackMetric};

use crate::series::Join;

/// A chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ChartKind {
    BitRate,
    Loss,
    RoundTrip,
    Jitter,
    FrameRate,
    PictureHeight,
    Buffer,
    Concealed,
    Cpu,
}

impl ChartKind {
    /// All, in their order.
    pub(crate) const ALL: [Self; 9] = [
        Self::BitRate,
        Self::Loss,
        Self::RoundTrip,
        Self::Jitter,
        Self::FrameRate,
        Self::PictureHeight,
        Self::Buffer,
        Self::Concealed,
        Self::Cpu,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::BitRate => "Bit rate",
            Self::Loss => "Packet loss",
            Self::RoundTrip => "Round trip",
            Self::Jitter => "Jitter",
            Self::FrameRate => "Frame rate",
            Self::PictureHeight => "Picture height",
            Self::Buffer => "Jitter-buffer delay",
            Self::Concealed => "Concealed sound",
            Self::Cpu => "Processor",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::BitRate => "Mb/s",
            Self::Loss | Self::Concealed | Self::Cpu => "%",
            Self::RoundTrip | Self::Jitter | Self::Buffer => "ms",
            Self::FrameRate => "fps",
            Self::PictureHeight => "px",
        }
    }

    /// What one has to know to read it, where the title and the unit do not say it.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::BitRate => "sound and pictures together",
            Self::Loss | Self::Jitter | Self::Buffer => "the worse of sound and pictures",
            _ => "",
        }
    }

    /// The axis of values reaches at least so far, in the unit: less than this is calm, and must look it.
    pub(crate) fn least_top(self) -> f64 {
        match self {
            Self::BitRate => 0.1,
            Self::Loss | Self::Concealed => 2.0,
            Self::RoundTrip | Self::Buffer => 50.0,
            Self::Jitter => 20.0,
            Self::FrameRate => 30.0,
            Self::PictureHeight => 180.0,
            Self::Cpu => 50.0,
        }
    }

    /// Shown, and said to be empty, even where nothing was measured.
    pub(crate) fn is_expected(self) -> bool {
        matches!(self, Self::BitRate | Self::Loss)
    }
}

/// Where the lines of a chart come from, for those that tracks measure: one for each peer and direction.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) chart: ChartKind,
    pub(crate) metric: TrackMetric,
    pub(crate) media: &'static [Kind],
    pub(crate) join: Join,
}

const ALL: &[Kind] = &[Kind::Audio, Kind::Video];

/// What is counted of a track; what a direction does not have (a buffer, concealment) is not measured there.
pub(crate) const SOURCES: [Source; 6] = [
    Source { chart: ChartKind::BitRate, metric: TrackMetric::Bitrate, media: ALL, join: Join::Sum },
    Source { chart: ChartKind::Loss, metric: TrackMetric::Loss, media: ALL, join: Join::Worst },
    Source { chart: ChartKind::Jitter, metric: TrackMetric::Jitter, media: ALL, join: Join::Worst },
    Source { chart: ChartKind::FrameRate, metric: TrackMetric::FrameRate, media: &[Kind::Video], join: Join::Worst },
    Source { chart: ChartKind::Buffer, metric: TrackMetric::Buffer, media: ALL, join: Join::Worst },
    Source { chart: ChartKind::Concealed, metric: TrackMetric::Concealed, media: &[Kind::Audio], join: Join::Worst },
];

/// What a line stands for, besides the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// From us to the peer.
    Sent,
    /// From the peer to us.
    Received,
    /// There and back.
    Both,
    /// This program.
    App,
    /// The whole computer.
    Computer,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Both => "there and back",
            Self::App => "Sightline, of one core",
            Self::Computer => "computer, of all cores",
        }
    }

    /// The entry of the legend that shows and hides it; none for what no legend can tell apart.
    pub(crate) fn series(self) -> Option<SeriesId> {
        match self {
            Self::Sent => Some(SeriesId::Sent),
            Self::Received => Some(SeriesId::Received),
            Self::App => Some(SeriesId::App),
            Self::Computer => Some(SeriesId::Computer),
            Self::Both => None,
        }
    }
}

/// An entry of the legend. It holds for all charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SeriesId {
    Sent,
    Received,
    /// By number.
    Person(usize),
    App,
    Computer,
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("sent"),
            Self::Received => f.write_str("received"),
            Self::App => f.write_str("app"),
            Self::Computer => f.write_str("computer"),
            Self::Person(number) => write!(f, "peer-{number}"),
        }
    }
}
