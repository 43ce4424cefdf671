//! From a source to encoded, packetised pictures.
//!
//! Invariant: one thread owns the source, one the encoder; between them is a slot, so that an encoder that cannot keep up
//! loses old pictures (counted) and delays none. There is one encoder for each layer that somebody takes, and however many
//! links take it, each picture is encoded once for all of them; a layer that none takes is not encoded.
//!
//! When a camera stalls or is lost nothing is sent: a repeated picture would look alive to the peers' counters. The
//! [`DeviceEvent`] comes within 2.5 s, so that the call can tell them; the self-view is empty from then on.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::encoding::Encoding;
use super::feed::{Command, Feed, Wiring};
use super::layers::{LAYERS, LayerRates};
use super::source::{FrameSink, VideoSettings, VideoSource, clearing};
use super::{LatestFrame, VideoFrame};
use crate::device::DeviceEvent;
use crate::{EncodedVideo, MediaError};

/// Name of the thread that encodes: there is one per sender, and its CPU time can be read from the system.
pub const ENCODE_THREAD: &str = "video-encode";

/// Commands that wait for the thread that owns the source: a user cannot click faster.
const COMMANDS: usize = 16;

/// What a sender calls. All are called on its threads and must be quick.
pub struct VideoSenderHooks {
    /// Each encoded picture.
    pub encoded: Box<dyn Fn(Arc<EncodedVideo>) + Send>,
    /// Each picture as it enters the pipeline: its number in the clip (or since the start) and microseconds since the Unix
    /// epoch.
    pub captured: Option<Box<dyn Fn(u64, i64) + Send>>,
    /// Trouble with the camera, and its end.
    pub device: Box<dyn Fn(DeviceEvent) + Send + Sync>,
}

/// What a sender counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VideoSendCounters {
    /// Pictures that entered the pipeline.
    pub frames_captured: u64,
    /// Pictures encoded, over all layers.
    pub frames_encoded: u64,
    /// Of these, keyframes.
    pub key_frames: u64,
    /// Pictures that the encoder should have taken but had no time for, or failed on.
    pub frames_dropped: u64,
    /// Encoded bytes, without RTP.
    pub bytes: u64,
    /// Time spent in the encoder.
    pub encode_time: Duration,
    /// Of the largest picture that was encoded last, pixels; 0 before the first.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// Of layer 0, whether or not it is encoded, pixels; 0 before the first picture.
    pub full_width: u32,
    /// Likewise.
    pub full_height: u32,
    /// What the encoders were told, bits a second, all together.
    pub target_bps: u32,
    /// Encoders at work: one for each layer that is taken.
    pub encoders_running: u32,
    /// Each layer by itself.
    pub layers: [LayerCounters; LAYERS],
}

/// What was counted for one layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerCounters {
    /// Pictures encoded.
    pub frames_encoded: u64,
    /// Time spent in the encoder.
    pub encode_time: Duration,
    /// Of the last encoded picture, pixels; 0 before the first.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// What the encoder was told, bits a second; 0 while the layer is not encoded.
    pub target_bps: u32,
}

/// What the sender and its threads share.
pub(super) struct Shared {
    pub(super) slot: Arc<LatestFrame>,
    counters: Mutex<VideoSendCounters>,
    /// The user wants pictures to be sent.
    enabled: AtomicBool,
    /// There is something to take them from.
    sourced: AtomicBool,
    /// What each layer is to take, bits a second; 0 where it is not taken.
    rates: [AtomicU32; LAYERS],
    /// All who take pictures would have to wait for them.
    pub(super) waits: AtomicBool,
    /// Somebody needs a keyframe of this layer.
    pub(super) keyframes: [AtomicBool; LAYERS],
    pub(super) stopped: AtomicBool,
}

impl Shared {
    /// Of a sender that encodes the full size at `max_bps`.
    pub(super) fn new(is_sourced: bool, max_bps: u32) -> Self {
        Self {
            slot: Arc::default(),
            counters: Mutex::default(),
            enabled: AtomicBool::new(true),
            sourced: AtomicBool::new(is_sourced),
            rates: std::array::from_fn(|layer| AtomicU32::new(if layer == 0 { max_bps } else { 0 })),
            waits: AtomicBool::new(false),
            keyframes: Default::default(),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn counters(&self) -> MutexGuard<'_, VideoSendCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what it was.
    pub(super) fn set_rate(&self, layer: usize, bps: u32) -> u32 {
        self.rates[layer].swap(bps, Ordering::Relaxed)
    }

    pub(super) fn rates(&self) -> LayerRates {
        self.rates.each_ref().map(|rate| rate.load(Ordering::Relaxed))
    }
}

/// Captures and encodes.
pub struct VideoSender {
    shared: Arc<Shared>,
    max_bps: u32,
    commands: SyncSender<Command>,
    threads: Vec<JoinHandle<()>>,
}

impl VideoSender {
    /// Starts, and encodes the full size at the highest rate until [`VideoSender::set_layers`] says otherwise. Fails at once for a missing or broken file or a missing camera. A camera that is lost or stalls later is
    /// reported by [`DeviceEvent`], looked for in the background, and resumes by itself.
    pub fn start(source: VideoSource, settings: VideoSettings, hooks: VideoSenderHooks) -> Result<Self, MediaError> {
        Self::make(Some(source), settings, hooks)
    }

    /// Starts without a source; [`VideoSender::set_source`] gives it one.
    pub fn idle(settings: VideoSettings, hooks: VideoSenderHooks) -> Result<Self, MediaError> {
        Self::make(None, settings, hooks)
    }

    fn make(source: Option<VideoSource>, settings: VideoSettings, hooks: VideoSenderHooks) -> Result<Self, MediaError> {
        let shared = Arc::new(Shared::new(source.is_some(), settings.max_bps));
        let VideoSenderHooks { encoded, captured, device } = hooks;
        let (frames, slot) = (frame_sink(&shared, captured), shared.slot.clone());
        let events = clearing(slot.clone(), Arc::from(device));
        let feed = Feed::open(source, Wiring { settings, frames, events, slot })?;
        let (commands, queue) = sync_channel(COMMANDS);
        let encoding = shared.clone();
        let mut sender = Self { shared, max_bps: settings.max_bps, commands, threads: Vec::new() };
        sender.spawn("video-capture", move || feed.run(&queue))?;
        sender.spawn(ENCODE_THREAD, move || Encoding::new(encoding, settings, encoded).run())?;
        Ok(sender)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), MediaError> {
        let thread = thread::Builder::new().name(name.into()).spawn(work).map_err(MediaError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Camera off: the device is released and nothing is encoded. On: it is opened again, by retries if need be.
    pub fn set_enabled(&self, on: bool) {
        self.shared.enabled.store(on, Ordering::Relaxed);
        self.command(Command::Enable(on));
    }

    /// Another source, or none. The former one is released first; the new one is opened in the background, and by retries if
    /// need be: a [`DeviceEvent`] says what became of it. Receivers notice nothing but the picture.
    pub fn set_source(&self, source: Option<VideoSource>) {
        self.shared.sourced.store(source.is_some(), Ordering::Relaxed);
        self.command(Command::Source(source));
    }

    fn command(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::error!("the camera does not take commands");
        }
    }

    /// Which layers somebody takes, and the rate of each in bits a second, up to the maximum of the settings. A layer that is
    /// new begins with a keyframe; the others go on as they are.
    pub fn set_layers(&self, rates: LayerRates) {
        for (layer, bps) in rates.into_iter().enumerate() {
            let before = self.shared.set_rate(layer, bps.min(self.max_bps));
            if before == 0 && bps > 0 {
                self.request_keyframe(layer);
            }
        }
    }

    /// Encodes nothing while this holds, and goes on from the last picture encoded: those who take pictures would get them too late.
    pub fn set_waiting(&self, waits: bool) {
        self.shared.waits.store(waits, Ordering::Relaxed);
    }

    /// Makes one of the next pictures of a layer a keyframe: the next, but at most one in 150 ms.
    pub fn request_keyframe(&self, layer: usize) {
        if let Some(wanted) = self.shared.keyframes.get(layer) {
            wanted.store(true, Ordering::Relaxed);
        }
    }

    /// What was counted until now.
    pub fn counters(&self) -> VideoSendCounters {
        let Shared { enabled, sourced, .. } = &*self.shared;
        let fed = [enabled, sourced].iter().all(|flag| flag.load(Ordering::Relaxed));
        let mut counters = *self.shared.counters();
        if !fed || self.shared.rates() == [0; LAYERS] {
            counters.encoders_running = 0;
        }
        counters
    }

    /// The newest picture, for the user's view of himself.
    pub fn latest(&self) -> Arc<LatestFrame> {
        self.shared.slot.clone()
    }

    /// Releases the device, ends both threads and waits for them.
    pub fn stop(self) {}
}

impl Drop for VideoSender {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // An error means that the thread is gone already.
        let _ = self.commands.send(Command::Stop);
        self.shared.slot.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the video sender panicked");
            }
        }
    }
}

fn frame_sink(shared: &Arc<Shared>, captured: Option<Box<dyn Fn(u64, i64) + Send>>) -> FrameSink {
    let shared = shared.clone();
    // One thread at a time captures; the lock only carries that over to the next one.
    let captured = captured.map(Mutex::new);
    Arc::new(move |frame: VideoFrame| {
        if !shared.enabled.load(Ordering::Relaxed) {
            return;
        }
        let number = {
            let mut counters = shared.counters();
            counters.frames_captured += 1;
            frame.index().unwrap_or(counters.frames_captured - 1)
        };
        if let Some(captured) = &captured {
            let captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
            captured(number, frame.captured_us());
        }
        shared.slot.put(frame.with_index(number));
    })
}
