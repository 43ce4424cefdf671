//! Outgoing sound: source -> processing -> Opus -> whoever takes the packets.
//!
//! Invariant: one thread does all of it. The timestamp counts samples and never falls; it advances over silence that is
//! not sent and over time that was lost, also while one source is exchanged for another.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::exchange::Exchange;
use super::input::{Captured, Input};
use super::level::{EnergyMeter, Level, PeakMeter, dbov};
use super::opus::{AudioEncoder, OpusEncoder};
use super::processing::AudioProcessor;
use super::{BLOCK, FRAME, SAMPLE_RATE};
use crate::clock::unix_micros;
use crate::device::sound::Events;
use crate::device::{DeviceEvent, DeviceKind};
use crate::{EncodedAudio, MediaError};

/// How often the thread looks around while it waits for a device that is being opened.
const OPENING: Duration = Duration::from_millis(5);
/// The same while there is no source, or one that does not open; another source and the end wake it.
const IDLE: Duration = Duration::from_secs(1);

/// Where outgoing sound comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioSource {
    /// 440 Hz.
    Tone,
    /// A WAV file, played over and over.
    File(PathBuf),
    /// A microphone by id or part of its name; `None` is the default one.
    Device(Option<String>),
}

/// How sound is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioSettings {
    /// Of the encoder, bit/s.
    pub bitrate_bps: u32,
    /// Of 100 packets; steers how much redundancy is sent. 0 sends none.
    pub expected_loss_percent: u8,
    /// Leave out silence.
    pub dtx: bool,
    /// Process files and the tone as well; what comes from a device is always processed.
    pub process: bool,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self { bitrate_bps: 32_000, expected_loss_percent: 5, dtx: true, process: false }
    }
}

/// Who is told what. Both are called on the sender's threads and must be quick.
pub struct AudioSenderHooks {
    /// Each packet.
    pub encoded: Box<dyn Fn(Arc<EncodedAudio>) + Send>,
    /// Trouble with the microphone.
    pub device: Box<dyn Fn(DeviceEvent) + Send + Sync>,
}

/// What was sent so far. All rise only.
#[derive(Debug, Clone, Copy, Default)]
pub struct AudioSendCounters {
    /// Packets handed on.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Squared level times seconds (`totalAudioEnergy`); stands still while muted.
    pub energy: f64,
    /// Seconds in that sum (`totalSamplesDuration`); stands still while muted.
    pub duration: Duration,
    /// Time spent encoding.
    pub encode_time: Duration,
}

/// Captures, processes and encodes until it is stopped or dropped.
pub struct AudioSender {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    muted: AtomicBool,
    bitrate: AtomicU32,
    expected_loss: AtomicU8,
    counters: Mutex<AudioSendCounters>,
    level: Level,
    /// Another source, or none, that the thread has not taken over yet.
    source: Mutex<Option<Option<AudioSource>>>,
}

impl AudioSender {
    /// Fails at once for a missing or wrong file or a missing microphone. A microphone that is lost later is told by
    /// [`AudioSenderHooks::device`] and looked for; until it is back silence is sent.
    pub fn start(
        source: AudioSource,
        settings: AudioSettings,
        processor: Option<Arc<AudioProcessor>>,
        hooks: AudioSenderHooks,
    ) -> Result<Self, MediaError> {
        Self::make(Some(source), settings, processor, hooks)
    }

    /// Starts without a source; [`AudioSender::set_source`] gives it one.
    pub fn idle(
        settings: AudioSettings,
        processor: Option<Arc<AudioProcessor>>,
        hooks: AudioSenderHooks,
    ) -> Result<Self, MediaError> {
        Self::make(None, settings, processor, hooks)
    }

    fn make(
        source: Option<AudioSource>,
        settings: AudioSettings,
        processor: Option<Arc<AudioProcessor>>,
        hooks: AudioSenderHooks,
    ) -> Result<Self, MediaError> {
        let encoder = OpusEncoder::new(settings.bitrate_bps, settings.expected_loss_percent, settings.dtx)?;
        let events: Events = Arc::from(hooks.device);
        let input = source.clone().map(|source| Input::open(source, events.clone())).transpose()?;
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            muted: AtomicBool::new(false),
            bitrate: AtomicU32::new(settings.bitrate_bps),
            expected_loss: AtomicU8::new(settings.expected_loss_percent),
            counters: Mutex::new(AudioSendCounters::default()),
            level: Level::default(),
            source: Mutex::new(None),
        });
        let told = events.clone();
        let open = Arc::new(move |source| Input::open(source, told.clone()));
        let worker = Worker {
            input,
            processed: is_processed(source.as_ref(), settings),
            exchange: Exchange::new(DeviceKind::Microphone, source, events, open),
            fresh: false,
            encoder,
            settings,
            processor,
            encoded: hooks.encoded,
            peaks: PeakMeter::new(shared.level.clone()),
            shared: Arc::clone(&shared),
            meter: EnergyMeter::default(),
            timeline: None,
            muted: false,
            bitrate: settings.bitrate_bps,
            expected_loss: settings.expected_loss_percent,
        };
        let thread = thread::Builder::new().name("audio-send".into()).spawn(move || worker.run());
        Ok(Self { shared, thread: Some(thread.map_err(MediaError::Thread)?) })
    }

    /// Muted, the device stays open (so that the echo canceller stays in step) and the encoder gets silence, of which
    /// DTX sends two small packets every 400 ms.
    pub fn set_muted(&self, muted: bool) {
        self.shared.muted.store(muted, Ordering::Relaxed);
    }

    /// Another source, or none: then nothing is sent. The former one is released first; the new one is opened in the
    /// background, and by retries if need be: a [`DeviceEvent`] says what became of it.
    pub fn set_source(&self, source: Option<AudioSource>) {
        *self.shared.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
        self.wake();
    }

    /// How loud it is at the moment, as sent: 0 while muted.
    pub fn level(&self) -> Level {
        self.shared.level.clone()
    }

    fn wake(&self) {
        self.thread.iter().for_each(|thread| thread.thread().unpark());
    }

    /// Of the encoder, bit/s, from the next frame on; never more than the settings say.
    pub fn set_bitrate(&self, bps: u32) {
        self.shared.bitrate.store(bps, Ordering::Relaxed);
    }

    /// Of 100 packets, from the receivers' reports.
    pub fn set_expected_loss(&self, percent: u8) {
        self.shared.expected_loss.store(percent, Ordering::Relaxed);
    }

    /// What was sent so far.
    pub fn counters(&self) -> AudioSendCounters {
        *self.shared.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signals the thread and waits for its end.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for AudioSender {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that sends sound ended in a panic");
        }
    }
}

/// What comes from a device is always processed.
fn is_processed(source: Option<&AudioSource>, settings: AudioSettings) -> bool {
    settings.process || matches!(source, Some(AudioSource::Device(_)))
}

struct Worker {
    input: Option<Input>,
    exchange: Exchange<AudioSource, Input>,
    processed: bool,
    /// The input has just taken the place of another.
    fresh: bool,
    encoder: OpusEncoder,
    settings: AudioSettings,
    processor: Option<Arc<AudioProcessor>>,
    encoded: Box<dyn Fn(Arc<EncodedAudio>) + Send>,
    shared: Arc<Shared>,
    meter: EnergyMeter,
    peaks: PeakMeter,
    timeline: Option<Timeline>,
    muted: bool,
    bitrate: u32,
    expected_loss: u8,
}

impl Worker {
    fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.step() {
                tracing::error!(%error, "no sound is sent any more");
                return;
            }
        }
    }

    fn step(&mut self) -> Result<(), MediaError> {
        let wanted = self.shared.source.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(wanted) = wanted {
            self.processed = is_processed(wanted.as_ref(), self.settings);
            self.exchange.want(wanted);
        }
        self.fresh |= self.exchange.poll(Instant::now(), &mut self.input);
        let Some(mut input) = self.input.take() else {
            self.peaks.clear();
            thread::park_timeout(if self.exchange.is_busy() { OPENING } else { IDLE });
            return Ok(());
        };
        let sent = self.frame(&mut input);
        self.input = Some(input);
        sent
    }

    fn frame(&mut self, input: &mut Input) -> Result<(), MediaError> {
        let mut frame = [0.0; FRAME];
        let (first, second) = frame.split_at_mut(BLOCK);
        let mut begun = self.block(input, first)?;
        loop {
            let captured = self.block(input, second)?;
            if !captured.gap {
                break;
            }
            // What was before the gap belongs to no frame.
            first.copy_from_slice(second);
            begun = captured;
        }
        let timeline = self.timeline.get_or_insert_with(|| Timeline::new(begun.at));
        let timestamp = timeline.frame(begun);
        self.apply_settings()?;
        if self.muted {
            frame.fill(0.0);
        } else {
            self.meter.add(&frame);
        }
        self.peaks.add(&frame);
        self.encode(&frame, timestamp, begun.at)
    }

    fn block(&mut self, input: &mut Input, out: &mut [f32]) -> Result<Captured, MediaError> {
        let mut block = [0.0; BLOCK];
        let mut captured = input.next(&mut block)?;
        captured.gap |= std::mem::take(&mut self.fresh);
        if let Some(processor) = self.processor.as_ref().filter(|_| self.processed) {
            processor.capture(&mut block, captured.at.elapsed());
        }
        out.copy_from_slice(&block);
        Ok(captured)
    }

    fn apply_settings(&mut self) -> Result<(), MediaError> {
        let muted = self.shared.muted.load(Ordering::Relaxed);
        if muted != self.muted {
            self.encoder.set_dtx(muted || self.settings.dtx)?;
            self.muted = muted;
        }
        let bitrate = self.shared.bitrate.load(Ordering::Relaxed).min(self.settings.bitrate_bps);
        if bitrate != self.bitrate {
            self.encoder.set_bitrate(bitrate)?;
            self.bitrate = bitrate;
        }
        let expected_loss = self.shared.expected_loss.load(Ordering::Relaxed);
        if expected_loss != self.expected_loss {
            self.encoder.set_expected_loss(expected_loss)?;
            self.expected_loss = expected_loss;
        }
        Ok(())
    }

    fn encode(&mut self, frame: &[f32; FRAME], timestamp: u32, captured: Instant) -> Result<(), MediaError> {
        let mut payload = Vec::new();
        let started = Instant::now();
        let encoded = self.encoder.encode(frame, &mut payload)?;
        let encode_time = started.elapsed();
        {
            let mut counters = self.shared.counters.lock().unwrap_or_else(PoisonError::into_inner);
            counters.encode_time += encode_time;
            counters.energy = self.meter.energy();
            counters.duration = self.meter.duration();
            if encoded.is_some() {
                counters.packets += 1;
                counters.bytes += payload.len() as u64;
            }
        }
        if let Some(encoded) = encoded {
            (self.encoded)(Arc::new(EncodedAudio {
                payload: Bytes::from(payload),
                timestamp,
                captured_us: unix_micros(captured),
                marker: encoded.marker,
                level: dbov(frame),
            }));
        }
        Ok(())
    }
}

/// Timestamps by counting, set right where time was lost.
struct Timeline {
    origin: Instant,
    samples: u64,
}

impl Timeline {
    fn new(origin: Instant) -> Self {
        Self { origin, samples: 0 }
    }

    fn frame(&mut self, captured: Captured) -> u32 {
        if captured.gap {
            let passed = captured.at.saturating_duration_since(self.origin);
            let samples = (passed.as_secs_f64() * f64::from(SAMPLE_RATE)) as u64;
            self.samples = self.samples.max(samples / BLOCK as u64 * BLOCK as u64);
        }
        let timestamp = self.samples as u32;
        self.samples += FRAME as u64;
        timestamp
    }
}
