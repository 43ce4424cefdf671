//! Incoming sound: every peer's jitter buffer is asked for 10 ms at a time, mixed and played.
//!
//! Invariant: the buffers are asked in real time whatever becomes of the speaker: at its pace while it lives, else by
//! the clock, also while one speaker is exchanged for another. So recordings go on and no buffer fills up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::BLOCK;
use super::exchange::Exchange;
use super::jitter::JitterBuffer;
use super::level::{EnergyMeter, Level, PeakMeter};
use super::opus::OpusDecoder;
use super::output::Output;
use super::pace::Pace;
use super::processing::AudioProcessor;
use crate::clock::unix_micros;
use crate::device::sound::Events;
use crate::device::{DeviceEvent, DeviceKind};
use crate::{LipSync, MediaError, RtpPacket};

const BLOCK_TIME: Duration = Duration::from_millis(10);
/// Packets of one peer that may wait for the player: 5 s, of which the jitter buffer would keep 3.
const QUEUE: usize = 250;

/// Where incoming sound is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    /// Nowhere; it is decoded (and recorded) all the same.
    None,
    /// A speaker by id or part of its name; `None` inside is the default one.
    Device(Option<String>),
}

impl Speaker {
    /// The device that is meant, if any; `None` inside is the default one.
    fn wanted(self) -> Option<Option<String>> {
        match self {
            Self::None => None,
            Self::Device(wanted) => Some(wanted),
        }
    }
}

/// Gets one peer's sound as it is played.
pub trait AudioSink: Send + Sync {
    /// 480 samples, 48 kHz mono. Called on the player's thread: must be quick.
    fn block(&self, samples: &[f32]);
}

/// What became of one peer's sound. All rise only.
#[derive(Debug, Clone, Copy, Default)]
pub struct AudioReceiveCounters {
    /// Samples played since the first packet (`totalSamplesReceived`).
    pub samples_played: u64,
    /// Of these, neither received nor recovered (`concealedSamples`, without comfort noise).
    pub samples_concealed: u64,
    /// Of these, recovered by in-band FEC or from copies.
    pub samples_recovered: u64,
    /// `jitterBufferDelay`.
    pub jitter_buffer_delay: Duration,
    /// `jitterBufferEmittedCount`.
    pub jitter_buffer_emitted: u64,
    /// Squared level times seconds (`totalAudioEnergy`).
    pub energy: f64,
    /// Seconds in that sum (`totalSamplesDuration`).
    pub duration: Duration,
    /// Time spent in the jitter buffer and its decoder.
    pub decode_time: Duration,
    /// When the first packet came.
    pub first_packet: Option<Instant>,
}

/// Decodes, mixes and plays until it is stopped or dropped.
pub struct AudioPlayer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    /// Tracks that the thread has not taken over yet.
    added: Mutex<Vec<Track>>,
    /// Another speaker that it has not taken over yet.
    speaker: Mutex<Option<Speaker>>,
}

impl AudioPlayer {
    /// Fails at once for a missing speaker. One that is lost later is told by `device` and looked for.
    pub fn start(
        speaker: Speaker,
        processor: Option<Arc<AudioProcessor>>,
        device: Box<dyn Fn(DeviceEvent) + Send + Sync>,
    ) -> Result<Self, MediaError> {
        let events: Events = Arc::from(device);
        let wanted = speaker.wanted();
        let output = wanted.clone().map(|wanted| Output::open(wanted, events.clone())).transpose()?;
        let told = events.clone();
        let open = Arc::new(move |wanted| Output::open(wanted, told.clone()));
        let shared =
            Arc::new(Shared { stop: AtomicBool::new(false), added: Mutex::new(Vec::new()), speaker: Mutex::new(None) });
        let worker = Worker {
            output,
            exchange: Exchange::new(DeviceKind::Speaker, wanted, events, open),
            processor,
            shared: Arc::clone(&shared),
            tracks: Vec::new(),
            limiter: opus::SoftClip::new(opus::Channels::Mono),
        };
        let thread = thread::Builder::new().name("audio-play".into()).spawn(move || worker.run());
        Ok(Self { shared, thread: Some(thread.map_err(MediaError::Thread)?) })
    }

    /// Another speaker, or none. The former one is released first; the new one is opened in the background, and by retries if
    /// need be: a [`DeviceEvent`] says what became of it. Nothing is lost but what sounds meanwhile.
    pub fn set_speaker(&self, speaker: Speaker) {
        *lock(&self.shared.speaker) = Some(speaker);
    }

    /// One for each remote audio track; dropping what is returned removes it. `sync` is shared with the peer's pictures.
    pub fn add(&self, sink: Option<Arc<dyn AudioSink>>, sync: LipSync) -> AudioReceiver {
        let slot = Arc::new(Slot {
            packets: Mutex::new(VecDeque::with_capacity(QUEUE)),
            counters: Mutex::new(AudioReceiveCounters::default()),
            gone: AtomicBool::new(false),
            level: Level::default(),
        });
        match OpusDecoder::new() {
            Ok(decoder) => {
                let buffer = JitterBuffer::new(Box::new(decoder));
                let (meter, peaks) = (EnergyMeter::default(), PeakMeter::new(slot.level.clone()));
                lock(&self.shared.added).push(Track { slot: Arc::clone(&slot), sink, sync, buffer, meter, peaks });
            }
            // Out of memory; the others go on.
            Err(error) => tracing::error!(%error, "a peer will not be heard"),
        }
        AudioReceiver { slot }
    }

    /// Signals the thread and waits for its end.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for AudioPlayer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that plays sound ended in a panic");
        }
    }
}

/// One remote audio track.
pub struct AudioReceiver {
    slot: Arc<Slot>,
}

impl AudioReceiver {
    /// Takes a packet; never blocks. If the player does not keep up, the oldest packet makes room.
    pub fn push(&self, packet: RtpPacket) {
        let mut packets = lock(&self.slot.packets);
        if packets.len() >= QUEUE {
            packets.pop_front();
        }
        packets.push_back(packet);
    }

    /// How loud it is at the moment, as played.
    pub fn level(&self) -> Level {
        self.slot.level.clone()
    }

    /// What became of the sound so far.
    pub fn counters(&self) -> AudioReceiveCounters {
        *lock(&self.slot.counters)
    }
}

impl Drop for AudioReceiver {
    fn drop(&mut self) {
        self.slot.gone.store(true, Ordering::Relaxed);
    }
}

struct Slot {
    packets: Mutex<VecDeque<RtpPacket>>,
    counters: Mutex<AudioReceiveCounters>,
    gone: AtomicBool,
    level: Level,
}

/// The player's side of a receiver.
struct Track {
    slot: Arc<Slot>,
    sink: Option<Arc<dyn AudioSink>>,
    sync: LipSync,
    buffer: JitterBuffer,
    meter: EnergyMeter,
    peaks: PeakMeter,
}

impl Track {
    /// `output` is how long it takes from here to the ear.
    fn pull(&mut self, now: Instant, output: Duration, block: &mut [f32; BLOCK]) {
        let started = Instant::now();
        let mut first_packet = None;
        for packet in lock(&self.slot.packets).drain(..) {
            first_packet.get_or_insert(packet.arrived);
            self.buffer.insert(packet);
        }
        let before = self.buffer.counters().samples_played;
        self.buffer.pull(now, block);
        if let Some(captured_us) = self.buffer.heard() {
            let played_us = unix_micros(now + output);
            if let Some(delay_us) = played_us.checked_sub(captured_us) {
                self.sync.heard(now, delay_us, self.buffer.delay());
            }
            self.buffer.set_least_delay(self.sync.least_for_sound(now));
        }
        let counts = self.buffer.counters();
        if counts.samples_played > before {
            self.meter.add(block);
        }
        self.peaks.add(block);
        if let Some(sink) = &self.sink {
            sink.block(block);
        }
        let mut counters = lock(&self.slot.counters);
        *counters = AudioReceiveCounters {
            samples_played: counts.samples_played,
            samples_concealed: counts.samples_concealed,
            samples_recovered: counts.samples_recovered,
            jitter_buffer_delay: counts.delay,
            jitter_buffer_emitted: counts.emitted,
            energy: self.meter.energy(),
            duration: self.meter.duration(),
            decode_time: counters.decode_time + started.elapsed(),
            first_packet: counters.first_packet.or(first_packet),
        };
    }
}

struct Worker {
    output: Option<Output>,
    exchange: Exchange<Option<String>, Output>,
    processor: Option<Arc<AudioProcessor>>,
    shared: Arc<Shared>,
    tracks: Vec<Track>,
    limiter: opus::SoftClip,
}

impl Worker {
    fn run(mut self) {
        let mut pace = Pace::new(Instant::now(), BLOCK_TIME);
        while !self.shared.stop.load(Ordering::Relaxed) {
            if let Some(speaker) = lock(&self.shared.speaker).take() {
                self.exchange.want(speaker.wanted());
            }
            self.exchange.poll(Instant::now(), &mut self.output);
            let by_speaker = self.output.as_ref().is_some_and(Output::alive);
            match &self.output {
                Some(output) if by_speaker => {
                    pace = Pace::new(Instant::now(), BLOCK_TIME);
                    if !output.wait_for_room(BLOCK_TIME) {
                        continue;
                    }
                }
                _ => {
                    pace.wait();
                }
            }
            let delay = self.output.as_ref().map_or(Duration::ZERO, Output::delay);
            let mixed = self.mix(Instant::now(), delay);
            if let Some(processor) = &self.processor {
                processor.render(&mixed, delay);
            }
            if let Some(output) = self.output.as_mut().filter(|_| by_speaker) {
                output.play(&mixed);
            }
        }
    }

    fn mix(&mut self, now: Instant, output: Duration) -> [f32; BLOCK] {
        self.tracks.append(&mut lock(&self.shared.added));
        self.tracks.retain(|track| !track.slot.gone.load(Ordering::Relaxed));
        let (mut mixed, mut block) = ([0.0; BLOCK], [0.0; BLOCK]);
        for track in &mut self.tracks {
            track.pull(now, output, &mut block);
            mixed.iter_mut().zip(&block).for_each(|(sum, sample)| *sum += sample);
        }
        self.limiter.apply(&mut mixed);
        mixed
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
