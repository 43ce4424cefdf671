//! Once a second: read all counters and make a snapshot of them.
//!
//! Invariant: reading never holds the driver up; it is a task of its own, and a link that does not answer is left out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sightline_media::clock;
use sightline_quality::{Direction, EventKind, TrackCounters};
use tokio::time::timeout;

use crate::cpu;
use crate::driver::Driver;
use crate::event::CallEvent;
use crate::stats::{Assembler, OwnReading, PeerReading};

/// A link answers in well under a millisecond; one that takes longer than this is stuck.
const LINK_PATIENCE: Duration = Duration::from_millis(250);

/// What was read at one instant.
pub(crate) struct Readings {
    at: Instant,
    peers: Vec<PeerReading>,
    own: OwnReading,
}

/// What is kept from one second to the next.
pub(crate) struct Reporting {
    assembler: Assembler,
    /// Sizes of pictures by peer, SSRC and direction.
    sizes: HashMap<(String, Option<u32>, Direction), (u32, u32)>,
    fps: u32,
    dtx: bool,
    most_encoders: u32,
}

impl Reporting {
    /// `fps` and `dtx` are what we mean to send.
    pub(crate) fn new(fps: u32, dtx: bool) -> Self {
        Self { assembler: Assembler::default(), sizes: HashMap::new(), fps, dtx, most_encoders: 0 }
    }

    /// Most video encoders seen at work at a time.
    pub(crate) fn most_encoders(&self) -> u32 {
        self.most_encoders
    }
}

impl Driver {
    /// The work of reading, to be done elsewhere.
    pub(crate) fn read(&self) -> impl Future<Output = Readings> + Send + use<> {
        let at = Instant::now();
        let local = self.local.as_ref();
        let own = OwnReading {
            video: local.and_then(|local| local.video.as_ref()).map(|video| video.counters()),
            audio: local.and_then(|local| local.audio.as_ref()).map(|audio| audio.counters()),
            media: self.media.now(),
            fps: self.reporting.fps,
            dtx: self.reporting.dtx,
            process: cpu::read(),
        };
        let links: Vec<_> =
            self.peers.values().filter_map(|peer| Some((peer.link.as_ref()?.sources.clone(), peer.media))).collect();
        async move {
            let mut peers = Vec::with_capacity(links.len());
            for (sources, media) in links {
                let Some(link) = sources.link.get() else { continue };
                match timeout(LINK_PATIENCE, link.counters(at)).await {
                    Ok(report) => {
                        let (queue, receivers) = (sources.queue.counters(), sources.inbound.counters());
                        peers.push(PeerReading { report, queue, receivers, media });
                    }
                    Err(_) => tracing::warn!("a link does not give its counters"),
                }
            }
            Readings { at, peers, own }
        }
    }

    /// Makes the snapshot and tells it.
    pub(crate) fn publish(&mut self, readings: Readings) {
        let Readings { at, peers, own } = readings;
        let encoders = own.video.as_ref().map_or(0, |video| video.encoders_running);
        self.reporting.most_encoders = self.reporting.most_encoders.max(encoders);
        let snapshot = self.reporting.assembler.assemble(at, clock::unix_micros(at) / 1000, peers, &own);
        self.record_sizes(&snapshot.tracks);
        self.events.emit(CallEvent::Snapshot(Box::new(snapshot)));
    }

    fn record_sizes(&mut self, tracks: &[TrackCounters]) {
        // A link that did not answer this time is not forgotten.
        let peers = &self.peers;
        self.reporting.sizes.retain(|(peer, ..), _| peers.keys().any(|id| id.0 == *peer));
        for track in tracks {
            let (Some(width), Some(height)) = (track.width, track.height) else { continue };
            let direction = track.key.direction;
            let key = (track.key.peer.clone(), track.ssrc, direction);
            // The first size is news as well.
            if self.reporting.sizes.insert(key, (width, height)) != Some((width, height)) {
                self.record(Some(&track.key.peer), EventKind::Resolution { direction, width, height });
            }
        }
    }
}
