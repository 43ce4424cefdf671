//! From a source to encoded, packetised pictures.
//!
//! Invariant: one thread owns the source, one the encoder; between them is a slot, so that an encoder that cannot keep up
//! loses old pictures (counted) and delays none. However many links take the result, each picture is encoded once; if none
//! takes it, not at all.
//!
//! When a camera stalls or is lost nothing is sent: a repeated picture would look alive to the peers' counters. The
//! [`DeviceEvent`] comes within 2.5 s, so that the call can tell them; the self-view is empty from then on.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::codec::{EncoderSettings, VideoEncoder};
use super::payload::Packetizer;
use super::request::KeyframeGate;
use super::source::{Capture, DeviceSink, FrameSink, VideoSettings, VideoSource, clearing};
use super::vpx::Vp8Encoder;
use super::{LatestFrame, Scaler, VideoFrame};
use crate::device::{DeviceEvent, DeviceKind, DeviceState};
use crate::{EncodedVideo, MediaError};

/// Name of the thread that encodes: there is one per sender, and its CPU time can be read from the system.
pub const ENCODE_THREAD: &str = "video-encode";

/// How often a source that could not be opened again is tried.
const RETRY: Duration = Duration::from_secs(1);
/// Commands that wait for the thread that owns the source: a user cannot click faster.
const COMMANDS: usize = 16;
/// How often the encode thread looks whether it is to end while no picture comes; the end itself wakes it.
const IDLE: Duration = Duration::from_secs(1);

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
    /// Pictures encoded.
    pub frames_encoded: u64,
    /// Of these, keyframes.
    pub key_frames: u64,
    /// Pictures that the encoder should have taken but had no time for, or failed on.
    pub frames_dropped: u64,
    /// Encoded bytes, without RTP.
    pub bytes: u64,
    /// Time spent in the encoder.
    pub encode_time: Duration,
    /// Of the last encoded picture, pixels; 0 before the first.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// What the encoder was told, bits a second.
    pub target_bps: u32,
    /// Encoders at work: 0 or 1.
    pub encoders_running: u32,
}

struct Shared {
    slot: Arc<LatestFrame>,
    counters: Mutex<VideoSendCounters>,
    enabled: AtomicBool,
    takers: AtomicBool,
    keyframe: AtomicBool,
    target_bps: AtomicU32,
    stopped: AtomicBool,
}

impl Shared {
    fn counters(&self) -> MutexGuard<'_, VideoSendCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Command {
    Enable(bool),
    Stop,
}

/// Captures and encodes.
pub struct VideoSender {
    shared: Arc<Shared>,
    max_bps: u32,
    commands: SyncSender<Command>,
    threads: Vec<JoinHandle<()>>,
}

impl VideoSender {
    /// Starts; fails at once for a missing or broken file or a missing camera. A camera that is lost or stalls later is
    /// reported by [`DeviceEvent`], looked for in the background, and resumes by itself.
    pub fn start(source: VideoSource, settings: VideoSettings, hooks: VideoSenderHooks) -> Result<Self, MediaError> {
        let shared = Arc::new(Shared {
            slot: Arc::default(),
            counters: Mutex::default(),
            enabled: AtomicBool::new(true),
            takers: AtomicBool::new(true),
            keyframe: AtomicBool::new(false),
            target_bps: AtomicU32::new(settings.max_bps),
            stopped: AtomicBool::new(false),
        });
        let VideoSenderHooks { encoded, captured, device } = hooks;
        let (frames, slot) = (frame_sink(&shared, captured), shared.slot.clone());
        let events = clearing(slot.clone(), Arc::from(device));
        let source = Source { source, settings, frames, events, slot };
        let capture = source.open()?;

        let (commands, queue) = sync_channel(COMMANDS);
        let encoding = shared.clone();
        let mut sender = Self { shared, max_bps: settings.max_bps, commands, threads: Vec::new() };
        sender.spawn("video-capture", move || source.run(capture, &queue))?;
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
        if self.commands.try_send(Command::Enable(on)).is_err() {
            tracing::error!("the camera does not take commands");
        }
    }

    /// Whether anybody takes what is encoded. The first picture for new takers is a keyframe.
    pub fn set_takers(&self, any: bool) {
        if !self.shared.takers.swap(any, Ordering::Relaxed) && any {
            self.request_keyframe();
        }
    }

    /// Changes the rate, in bits a second, up to the maximum of the settings.
    pub fn set_bitrate(&self, bps: u32) {
        self.shared.target_bps.store(bps.min(self.max_bps), Ordering::Relaxed);
    }

    /// Makes one of the next pictures a keyframe: the next, but at most one in 150 ms.
    pub fn request_keyframe(&self) {
        self.shared.keyframe.store(true, Ordering::Relaxed);
    }

    /// What was counted until now.
    pub fn counters(&self) -> VideoSendCounters {
        let at_work = self.shared.enabled.load(Ordering::Relaxed) && self.shared.takers.load(Ordering::Relaxed);
        let mut counters = *self.shared.counters();
        if !at_work {
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

/// What the capturing thread owns.
struct Source {
    source: VideoSource,
    settings: VideoSettings,
    frames: FrameSink,
    events: DeviceSink,
    slot: Arc<LatestFrame>,
}

impl Source {
    fn open(&self) -> Result<Capture, MediaError> {
        Capture::start(&self.source, self.settings, self.frames.clone(), self.events.clone())
    }

    /// Opens and releases the device as told.
    fn run(&self, capture: Capture, commands: &Receiver<Command>) {
        let mut capture = Some(capture);
        let mut wanted = true;
        let mut lost = false;
        loop {
            let wait = if wanted && capture.is_none() { RETRY } else { Duration::MAX };
            match commands.recv_timeout(wait) {
                Ok(Command::Enable(on)) => wanted = on,
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    return capture.into_iter().for_each(Capture::stop);
                }
            }
            if !wanted {
                capture.take().into_iter().for_each(Capture::stop);
                self.slot.clear();
                lost = false;
            } else if capture.is_none() {
                capture = self.reopen(&mut lost);
            }
        }
    }

    fn reopen(&self, lost: &mut bool) -> Option<Capture> {
        let event = |state, detail| (self.events)(DeviceEvent { kind: DeviceKind::Camera, state, detail });
        match self.open() {
            Ok(capture) => {
                if std::mem::take(lost) {
                    event(DeviceState::Back, "the camera is back".into());
                }
                Some(capture)
            }
            Err(error) => {
                if !std::mem::replace(lost, true) {
                    event(DeviceState::Lost, error.to_string());
                }
                None
            }
        }
    }
}

/// What the encode thread owns.
struct Encoding {
    shared: Arc<Shared>,
    settings: VideoSettings,
    hook: Box<dyn Fn(Arc<EncodedVideo>) + Send>,
    encoder: Option<Encoder>,
    packetizer: Packetizer,
    scaler: Scaler,
    keyframes: KeyframeGate,
    /// Of the last picture, so that the next one's is higher.
    timestamp: Option<u32>,
}

struct Encoder {
    codec: Box<dyn VideoEncoder>,
    size: (u32, u32),
    bps: u32,
}

impl Encoding {
    fn new(shared: Arc<Shared>, settings: VideoSettings, hook: Box<dyn Fn(Arc<EncodedVideo>) + Send>) -> Self {
        Self {
            shared,
            settings,
            hook,
            encoder: None,
            packetizer: Packetizer::default(),
            scaler: Scaler::new(),
            keyframes: KeyframeGate::default(),
            timestamp: None,
        }
    }

    fn run(mut self) {
        let mut seen = 0;
        let mut idle = true;
        while !self.shared.stopped.load(Ordering::Relaxed) {
            let Some((sequence, frame)) = self.shared.slot.wait_newer_than(seen, IDLE) else { continue };
            let missed = sequence - seen - 1;
            seen = sequence;
            if !self.shared.takers.load(Ordering::Relaxed) {
                idle = true;
                continue;
            }
            if !std::mem::take(&mut idle) {
                self.shared.counters().frames_dropped += missed;
            }
            if let Err(error) = self.encode(&frame) {
                tracing::error!(%error, "a picture could not be encoded");
                self.shared.counters().frames_dropped += 1;
                self.encoder = None;
            }
        }
    }

    fn encode(&mut self, frame: &VideoFrame) -> Result<(), MediaError> {
        let frame = self.scaler.fit(frame, self.settings.width, self.settings.height)?;
        let size = (frame.width(), frame.height());
        let bps = self.shared.target_bps.load(Ordering::Relaxed);
        self.encoder.take_if(|encoder| encoder.size != size);
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => {
                let (width, height) = size;
                let settings = EncoderSettings { width, height, fps: self.settings.fps, bitrate_bps: bps };
                // Its first picture is a keyframe whether or not one is asked for.
                self.shared.keyframe.store(true, Ordering::Relaxed);
                self.keyframes = KeyframeGate::default();
                none.insert(Encoder { codec: Box::new(Vp8Encoder::new(settings)?), size, bps })
            }
        };
        if encoder.bps != bps {
            encoder.codec.set_bitrate(bps)?;
            encoder.bps = bps;
        }
        let begun = Instant::now();
        let force = self.keyframes.grant(self.shared.keyframe.load(Ordering::Relaxed), begun);
        if force {
            self.shared.keyframe.store(false, Ordering::Relaxed);
        }
        let picture = encoder.codec.encode(&frame, force)?;
        let took = begun.elapsed();
        let encoded = picture.map(|picture| {
            // Capture time in units of 90 kHz; two pictures never share a timestamp.
            let captured = (frame.captured_us() * 9 / 100) as u32;
            let timestamp = match self.timestamp {
                Some(before) if (captured.wrapping_sub(before) as i32) <= 0 => before.wrapping_add(1),
                _ => captured,
            };
            self.timestamp = Some(timestamp);
            EncodedVideo {
                payloads: self.packetizer.packetize(&picture),
                timestamp,
                captured_us: frame.captured_us(),
                keyframe: picture.keyframe,
                temporal_layer: picture.temporal_layer,
                width: size.0,
                height: size.1,
            }
        });
        let mut counters = self.shared.counters();
        counters.encode_time += took;
        counters.target_bps = bps;
        counters.encoders_running = 1;
        (counters.width, counters.height) = size;
        let Some(encoded) = encoded else {
            counters.frames_dropped += 1;
            return Ok(());
        };
        counters.frames_encoded += 1;
        counters.key_frames += u64::from(encoded.keyframe);
        counters.bytes += encoded.payloads.iter().map(|payload| payload.len() as u64).sum::<u64>();
        drop(counters);
        (self.hook)(Arc::new(encoded));
        Ok(())
    }
}
