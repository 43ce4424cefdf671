//! From one link to the decoders: each remote track has a receiver of its own, made when its first packet comes.
//!
//! Invariant: taking a packet never blocks; a peer has at most [`MAX_TRACKS`] receivers, whatever it sends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sightline_media::audio::{AudioPlayer, AudioReceiveCounters, AudioReceiver, AudioSink, Speaker};
use sightline_media::video::{DecodedFrame, VideoReceiveCounters, VideoReceiver, VideoSink};
use sightline_media::{LipSync, MediaError, RtpPacket};
use sightline_quality::Kind;

use crate::forward::{Fanout, MediaQueue};
use crate::levels::LevelBoard;
use crate::link::{MediaSink, RemoteTrack};
use crate::{PeerInfo, SinkFactory};

/// Camera, microphone, a shared screen with its sound, and as much again. Each one costs a thread.
const MAX_TRACKS: usize = 8;

/// The player once it runs; sound that comes before is not missed.
#[derive(Default)]
pub(crate) struct PlayerSlot {
    player: Mutex<Option<AudioPlayer>>,
    levels: Arc<LevelBoard>,
}

impl PlayerSlot {
    /// `levels` gets those of the peers.
    pub(crate) fn new(levels: Arc<LevelBoard>) -> Self {
        Self { player: Mutex::default(), levels }
    }

    pub(crate) fn set(&self, player: AudioPlayer) {
        *self.lock() = Some(player);
    }

    pub(crate) fn take(&self) -> Option<AudioPlayer> {
        self.lock().take()
    }

    pub(crate) fn set_speaker(&self, speaker: Speaker) {
        if let Some(player) = self.lock().as_ref() {
            player.set_speaker(speaker);
        }
    }

    fn add(
        &self,
        peer: &str,
        sink: impl FnOnce() -> Option<Arc<dyn AudioSink>>,
        sync: LipSync,
    ) -> Option<AudioReceiver> {
        let receiver = self.lock().as_ref().map(|player| player.add(sink(), sync))?;
        self.levels.add(peer, receiver.level());
        Some(receiver)
    }

    fn lock(&self) -> MutexGuard<'_, Option<AudioPlayer>> {
        self.player.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a peer's receivers report to.
pub(crate) struct InboundHooks {
    /// Asks the peer for a keyframe of this track.
    pub request_keyframe: Arc<dyn Fn(&RemoteTrack) + Send + Sync>,
    /// The first picture of a track is decoded.
    pub first_frame: Arc<dyn Fn(Instant) + Send + Sync>,
}

/// Counters of one remote track's receiver.
#[derive(Debug, Clone)]
pub(crate) enum ReceiverCounters {
    Video(VideoReceiveCounters),
    Audio(AudioReceiveCounters),
}

enum Receiver {
    Video(VideoReceiver),
    Audio(AudioReceiver),
    /// Could not be made; what comes is dropped.
    Refused,
}

/// The receivers of one link.
pub(crate) struct Inbound {
    peer: PeerInfo,
    sinks: Arc<dyn SinkFactory>,
    player: Arc<PlayerSlot>,
    fanout: Arc<Fanout>,
    /// What goes the other way.
    queue: Arc<MediaQueue>,
    hooks: InboundHooks,
    /// All that this peer sends was captured by one clock.
    sync: LipSync,
    /// By SSRC. `None` once closed.
    receivers: Mutex<Option<HashMap<u32, Receiver>>>,
}

impl Inbound {
    pub(crate) fn new(
        peer: PeerInfo,
        sinks: Arc<dyn SinkFactory>,
        player: Arc<PlayerSlot>,
        fanout: Arc<Fanout>,
        queue: Arc<MediaQueue>,
        hooks: InboundHooks,
    ) -> Self {
        let sync = LipSync::default();
        Self { peer, sinks, player, fanout, queue, hooks, sync, receivers: Mutex::new(Some(HashMap::new())) }
    }

    /// Counters of every receiver by SSRC.
    pub(crate) fn counters(&self) -> Vec<(u32, ReceiverCounters)> {
        let receivers = self.lock();
        let read = |(ssrc, receiver): (&u32, &Receiver)| {
            let counters = match receiver {
                Receiver::Video(video) => ReceiverCounters::Video(video.counters()),
                Receiver::Audio(audio) => ReceiverCounters::Audio(audio.counters()),
                Receiver::Refused => return None,
            };
            Some((*ssrc, counters))
        };
        receivers.iter().flatten().filter_map(read).collect()
    }

    /// What the peer says about its camera: off, its last picture is taken away, and what does not come is no freeze.
    pub(crate) fn camera(&self, on: bool) {
        for receiver in self.lock().iter().flat_map(HashMap::values) {
            if let Receiver::Video(video) = receiver {
                video.camera(on);
            }
        }
    }

    /// The peer removed the track. Joins the decoder's thread: not for an async task.
    pub(crate) fn ended(&self, track: &RemoteTrack) {
        let receiver = self.lock().as_mut().and_then(|receivers| receivers.remove(&track.ssrc));
        receiver.into_iter().for_each(Receiver::stop);
    }

    /// Ends all receivers for good. Joins their threads: not for an async task.
    pub(crate) fn close(&self) {
        let receivers = self.lock().take();
        receivers.into_iter().flatten().for_each(|(_, receiver)| receiver.stop());
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<u32, Receiver>>> {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` where sound cannot be taken yet.
    fn receiver(&self, track: &RemoteTrack) -> Option<Receiver> {
        let made = match track.kind {
            Kind::Video => self.video(track).map(Receiver::Video),
            Kind::Audio => {
                let sink = || self.sinks.audio(&self.peer, track);
                Ok(Receiver::Audio(self.player.add(&self.peer.id, sink, self.sync.clone())?))
            }
        };
        Some(made.unwrap_or_else(|error| {
            tracing::error!(%error, "a remote track cannot be taken");
            Receiver::Refused
        }))
    }

    fn video(&self, track: &RemoteTrack) -> Result<VideoReceiver, MediaError> {
        let sink = FirstFrame {
            inner: self.sinks.video(&self.peer, track),
            seen: AtomicBool::new(false),
            hook: self.hooks.first_frame.clone(),
        };
        let (request, track) = (self.hooks.request_keyframe.clone(), track.clone());
        VideoReceiver::start(Arc::new(sink), Box::new(move || request(&track)), self.sync.clone())
    }
}

impl MediaSink for Inbound {
    fn rtp(&self, track: &RemoteTrack, packet: RtpPacket) {
        let mut guard = self.lock();
        let Some(receivers) = guard.as_mut() else { return };
        if !receivers.contains_key(&track.ssrc) {
            if receivers.len() >= MAX_TRACKS {
                tracing::trace!("a peer sends more tracks than are taken");
                return;
            }
            let Some(receiver) = self.receiver(track) else { return };
            receivers.insert(track.ssrc, receiver);
        }
        match receivers.get(&track.ssrc) {
            Some(Receiver::Video(video)) => video.push(packet),
            Some(Receiver::Audio(audio)) => audio.push(packet),
            Some(Receiver::Refused) | None => {}
        }
    }

    fn keyframe_requested(&self) {
        self.fanout.ask_for(&self.queue);
    }
}

impl Receiver {
    fn stop(self) {
        match self {
            Self::Video(video) => video.stop(),
            // Dropping it takes it out of the player.
            Self::Audio(audio) => drop(audio),
            Self::Refused => {}
        }
    }
}

/// Notes when the first picture is there, and passes everything on.
struct FirstFrame {
    inner: Arc<dyn VideoSink>,
    seen: AtomicBool,
    hook: Arc<dyn Fn(Instant) + Send + Sync>,
}

impl VideoSink for FirstFrame {
    fn frame(&self, frame: &DecodedFrame) {
        if !self.seen.swap(true, Ordering::Relaxed) {
            (self.hook)(Instant::now());
        }
        self.inner.frame(frame);
    }

    fn interrupted(&self) {
        self.inner.interrupted();
    }
}
