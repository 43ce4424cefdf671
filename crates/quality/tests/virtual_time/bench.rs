//! A session in virtual time: counters as functions of the second.

use std::time::{Duration, Instant};

use sightline_quality::{
    Direction, Kind, LinkCounters, Live, ProcessCounters, Rows, Sampler, Snapshot, TrackCounters, TrackKey,
};

/// Wall clock at the start of every test session.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

/// A sampler with a clock.
pub(crate) struct Bench {
    pub(crate) sampler: Sampler,
    epoch: Instant,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { sampler: Sampler::new(), epoch: Instant::now() }
    }

    /// A reading at `seconds` on both clocks.
    pub(crate) fn feed(&mut self, seconds: f64, tracks: Vec<TrackCounters>, links: Vec<LinkCounters>) -> (Live, Rows) {
        self.feed_at(seconds, seconds, tracks, links)
    }

    /// A reading with the two clocks apart.
    pub(crate) fn feed_at(
        &mut self,
        monotonic: f64,
        wall: f64,
        tracks: Vec<TrackCounters>,
        links: Vec<LinkCounters>,
    ) -> (Live, Rows) {
        self.sampler.feed(&Snapshot {
            at: self.epoch + Duration::from_secs_f64(monotonic),
            unix_ms: START_MS + (wall * 1000.0).round() as i64,
            links,
            tracks,
            process: ProcessCounters::default(),
        })
    }
}

pub(crate) fn key(kind: Kind, direction: Direction) -> TrackKey {
    TrackKey { peer: "ada".to_owned(), kind, direction }
}

/// Incoming sound: 50 packets of 80 bytes a second, none lost.
pub(crate) fn sound(second: u64) -> TrackCounters {
    TrackCounters {
        ssrc: Some(1),
        packets: Some(50 * second),
        bytes: Some(4000 * second),
        packets_lost: Some(0),
        ..TrackCounters::unknown(key(Kind::Audio, Direction::Inbound))
    }
}

/// A link with a path and a round trip of 40 ms.
pub(crate) fn link() -> LinkCounters {
    LinkCounters { peer: "ada".to_owned(), path_rtt: Some(Duration::from_millis(40)), ..LinkCounters::default() }
}
