//! Outgoing sound: source -> processing -> Opus -> whoever takes the packets.
//!
//! Invariant: one thread does all of it. The timestamp counts samples and never falls; it advances over silence that is
//! not sent and over time that was lost.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::input::{Captured, Input};
use super::level::{EnergyMeter, dbov};
use super::opus::{AudioEncoder, OpusEncoder};
use super::processing::AudioProcessor;
use super::{BLOCK, FRAME, SAMPLE_RATE};
use crate::clock::unix_micros;
use crate::device::DeviceEvent;
use crate::{EncodedAudio, MediaError};

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
    expected_loss: AtomicU8,
    counters: Mutex<AudioSendCounters>,
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
        let processor = processor.filter(|_| settings.process || matches!(source, AudioSource::Device(_)));
        let encoder = OpusEncoder::new(settings.bitrate_bps, settings.expected_loss_percent, settings.dtx)?;
        let input = Input::open(source, Arc::from(hooks.device))?;
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            muted: AtomicBool::new(false),
            expected_loss: AtomicU8::new(settings.expected_loss_percent),
            counters: Mutex::new(AudioSendCounters::default()),
        });
        let worker = Worker {
            input,
            encoder,
            settings,
            processor,
            encoded: hooks.encoded,
            shared: Arc::clone(&shared),
            meter: EnergyMeter::default(),
            timeline: None,
            muted: false,
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
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that sends sound ended in a panic");
        }
    }
}

struct Worker {
    input: Input,
    encoder: OpusEncoder,
    settings: AudioSettings,
    processor: Option<Arc<AudioProcessor>>,
    encoded: Box<dyn Fn(Arc<EncodedAudio>) + Send>,
    shared: Arc<Shared>,
    meter: EnergyMeter,
    timeline: Option<Timeline>,
    muted: bool,
    expected_loss: u8,
}

impl Worker {
    fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.frame() {
                tracing::error!(%error, "no sound is sent any more");
                return;
            }
        }
    }

    fn frame(&mut self) -> Result<(), MediaError> {
        let mut frame = [0.0; FRAME];
        let (first, second) = frame.split_at_mut(BLOCK);
        let mut begun = self.block(first)?;
        loop {
            let captured = self.block(second)?;
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
        self.encode(&frame, timestamp, begun.at)
    }

    fn block(&mut self, out: &mut [f32]) -> Result<Captured, MediaError> {
        let mut block = [0.0; BLOCK];
        let captured = self.input.next(&mut block)?;
        if let Some(processor) = &self.processor {
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
