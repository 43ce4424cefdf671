//! Sinks that keep what arrives, so that a test can ask what was seen and heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sightline_call::link::RemoteTrack;
use sightline_call::{PeerInfo, SinkFactory};
use sightline_media::audio::AudioSink;
use sightline_media::video::{DecodedFrame, VideoSink, read_frame_counter};

/// What came from one peer, by its name.
#[derive(Debug, Default, Clone)]
pub(crate) struct Received {
    /// Number of each picture in the sender's clip; `None` where it cannot be read.
    pub(crate) pictures: Vec<Option<u64>>,
    /// Sound as played, 48 kHz mono.
    pub(crate) sound: Vec<f32>,
    /// Latency of each picture from capture to decode, microseconds.
    pub(crate) latencies_us: Vec<i64>,
    /// There is a picture to be looked at.
    pub(crate) showing: bool,
}

/// Keeps everything, by the peer's name. Tests last seconds.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory {
    peers: Arc<Mutex<BTreeMap<String, Received>>>,
}

impl Memory {
    /// What came from `name` so far.
    pub(crate) fn of(&self, name: &str) -> Received {
        self.peers.lock().expect("no sink panics").get(name).cloned().unwrap_or_default()
    }

    /// Whether a picture of `name` is shown.
    pub(crate) fn shows(&self, name: &str) -> bool {
        self.peers.lock().expect("no sink panics").get(name).is_some_and(|received| received.showing)
    }

    /// How many pictures came from `name` so far.
    pub(crate) fn pictures(&self, name: &str) -> usize {
        self.peers.lock().expect("no sink panics").get(name).map_or(0, |received| received.pictures.len())
    }
}

impl SinkFactory for Memory {
    fn video(&self, peer: &PeerInfo, _track: &RemoteTrack) -> Arc<dyn VideoSink> {
        Arc::new(Part { memory: self.clone(), name: peer.name.clone() })
    }

    fn audio(&self, peer: &PeerInfo, _track: &RemoteTrack) -> Option<Arc<dyn AudioSink>> {
        Some(Arc::new(Part { memory: self.clone(), name: peer.name.clone() }))
    }
}

struct Part {
    memory: Memory,
    name: String,
}

impl Part {
    fn add(&self, change: impl FnOnce(&mut Received)) {
        change(self.memory.peers.lock().expect("no sink panics").entry(self.name.clone()).or_default());
    }
}

impl VideoSink for Part {
    fn frame(&self, frame: &DecodedFrame) {
        let number = read_frame_counter(&frame.frame);
        let latency = frame.captured_us.map(|captured| frame.decoded_us - captured);
        self.add(|received| {
            received.pictures.push(number);
            received.latencies_us.extend(latency);
            received.showing = true;
        });
    }

    fn interrupted(&self) {
        self.add(|received| received.showing = false);
    }
}

impl AudioSink for Part {
    fn block(&self, samples: &[f32]) {
        self.add(|received| received.sound.extend_from_slice(samples));
    }
}
