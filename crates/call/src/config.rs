//! What a call is made of: whom to meet where, what to send, where to put what comes in.

use std::sync::Arc;

use sightline_media::audio::{AudioSettings, AudioSink, AudioSource, Speaker};
use sightline_media::video::{VideoSettings, VideoSink, VideoSource};

use crate::link::RemoteTrack;

/// Everything [`crate::Call::join`] needs.
pub struct CallConfig {
    /// Signaling server, `ws://host:port`.
    pub server: String,
    /// The room's code as people type it.
    pub code: String,
    /// Our name, shown to the others.
    pub name: String,
    /// Room token, which says our role; without one we are a guest who knows the code.
    pub token: Option<String>,
    /// Called with the room's name where a host has to let us in first.
    pub on_waiting: Option<OnWaiting>,
    /// Where pictures come from; `None` sends none.
    pub video: Option<VideoSource>,
    /// Size, rate and bit rate of our pictures.
    pub video_settings: VideoSettings,
    /// Where sound comes from; `None` sends none.
    pub audio: Option<AudioSource>,
    /// Bit rate and processing of our sound.
    pub audio_settings: AudioSettings,
    /// Where the peers' sound is played.
    pub speaker: Speaker,
    /// What is on at first, and what has to work.
    pub entry: Entry,
    /// Takes what the peers send.
    pub sinks: Arc<dyn SinkFactory>,
    /// Each of our pictures as it enters the pipeline: its number and Unix microseconds. From the capture thread.
    pub on_captured: Option<OnCaptured>,
    /// How peers are reached.
    pub link: LinkOptions,
}

/// Called with a room's name.
pub type OnWaiting = Box<dyn Fn(&str) + Send + Sync>;

/// Called with a picture's number and the Unix microseconds of its capture.
pub type OnCaptured = Box<dyn Fn(u64, i64) + Send>;

/// How one comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Unmuted from the start.
    pub microphone: bool,
    /// Camera on from the start; off, the device is not opened before it is switched on.
    pub camera: bool,
    /// A device or file that cannot be used is the end of the call, at once. Otherwise it is told by
    /// [`crate::CallEvent::Warning`] and tried again and again, and joining waits for no device.
    pub devices_required: bool,
}

impl Default for Entry {
    fn default() -> Self {
        Self { microphone: true, camera: true, devices_required: true }
    }
}

/// How peers are reached.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// Local UDP addresses.
    pub udp_bind: Vec<String>,
    /// TURN relays only, so that peers do not learn our addresses.
    pub relay_only: bool,
    /// The WebRTC crate's own send side at a fixed rate, to be measured beside ours.
    pub stock: bool,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self { udp_bind: vec!["0.0.0.0:0".to_owned()], relay_only: false, stock: false }
    }
}

/// Makes the place where a peer's pictures or sound go, when they begin to come. Must be quick.
pub trait SinkFactory: Send + Sync {
    /// For a video track; a peer may have several.
    fn video(&self, peer: &PeerInfo, track: &RemoteTrack) -> Arc<dyn VideoSink>;
    /// For an audio track, besides the speaker; `None` where nothing else is wanted.
    fn audio(&self, peer: &PeerInfo, track: &RemoteTrack) -> Option<Arc<dyn AudioSink>>;
}

/// Another participant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerInfo {
    /// Participant id; opaque.
    pub id: String,
    /// Shown name; not unique.
    pub name: String,
}
