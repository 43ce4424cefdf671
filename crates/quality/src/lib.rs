//! From counters to samples, scores, warnings and causes. Pure arithmetic: no I/O, time passed in.
//!
//! [`Sampler`] takes a [`Snapshot`] each second and gives the last second ([`Live`]) and, each 15 s, [`Rows`] for the
//! record. `None` is 'not measured' throughout, never 0.

mod counters;
mod derive;
mod event;
pub mod findings;
mod headline;
mod limit;
mod metric;
mod sample;
mod sampler;
mod score;
mod side;
mod spread;
mod track;
mod units;
mod verdict;
mod warning;
mod window;
mod words;

pub use counters::{
    CandidateType, Direction, DroppedFrames, Kind, LinkCounters, Path, ProcessCounters, Snapshot, TrackCounters,
    TrackKey,
};
pub use derive::{LinkCounts, TrackCounts};
pub use event::{Event, EventKind, SetupTimes};
pub use findings::findings;
pub use headline::{Headline, Standing, Unclassified};
pub use limit::{Limit, Limiter, Limits};
pub use metric::{LinkMetric, Metric, PerMetric, ProcessMetric, TrackMetric, Unit};
pub use sample::{Gap, GapCause, LinkRow, Live, LiveLink, LiveTrack, ProcessRow, Rows, TrackRow};
pub use sampler::{Sampler, WINDOW};
pub use score::{AudioConditions, AudioScore, VideoConditions, audio_score, codec_efficiency, video_score};
pub use side::{Part, Side, Trouble};
pub use spread::Spread;
pub use units::{BitRate, FrameRate, Millis, Percent};
pub use verdict::{Cause, Class, Factor, StreamFigures, Verdict, judge, poor_stream};
pub use warning::{ActiveWarning, Warning};
pub use window::Span;
pub use words::isolated;
