//! From counters to samples, scores, warnings and causes. Pure arithmetic: no I/O, time passed in.

mod counters;
mod event;

pub use counters::{
    CandidateType, Direction, DroppedFrames, Kind, LinkCounters, Path, ProcessCounters, Snapshot, TrackCounters,
    TrackKey,
};
pub use event::{Event, EventKind, SetupTimes};
