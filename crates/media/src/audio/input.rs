//! Where outgoing sound comes from, as blocks of 10 ms in real time.
//!
//! Invariant: blocks come at the rate of the clock as long as the call lasts; a microphone that is gone gives silence
//! until it is back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::resample::Resampler;
use super::tone::Tone;
use super::wav::WavSource;
use super::{AudioSource, BLOCK, SAMPLE_RATE};
use crate::MediaError;
use crate::device::DeviceKind;
use crate::device::sound::{Events, SoundDevice};

const BLOCK_TIME: Duration = Duration::from_millis(10);
/// No sound from the microphone for this long: silence takes its place. Longer than any device's period.
const SILENT_AFTER: Duration = Duration::from_millis(150);

/// When a block was captured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Captured {
    /// Time of its first sample.
    pub(super) at: Instant,
    /// Time passed before it that is in no block.
    pub(super) gap: bool,
}

pub(super) enum Input {
    Tone(Tone, Beat),
    File(Box<WavSource>, Beat),
    Microphone(Box<Microphone>),
}

impl Input {
    pub(super) fn open(source: AudioSource, events: Events) -> Result<Self, MediaError> {
        let beat = Beat { pace: Pace::new(Instant::now(), 2 * BLOCK_TIME), second: None };
        Ok(match source {
            AudioSource::Tone => Self::Tone(Tone::default(), beat),
            AudioSource::File(path) => Self::File(Box::new(WavSource::open(&path)?), beat),
            AudioSource::Device(wanted) => Self::Microphone(Box::new(Microphone::open(wanted, events)?)),
        })
    }

    /// Waits for the next block.
    pub(super) fn next(&mut self, block: &mut [f32; BLOCK]) -> Result<Captured, MediaError> {
        let beat = match self {
            Self::Tone(tone, beat) => {
                tone.fill(block);
                beat
            }
            Self::File(file, beat) => {
                file.fill(block);
                beat
            }
            Self::Microphone(microphone) => return microphone.next(block),
        };
        Ok(beat.next())
    }
}

/// Blocks in pairs, as a microphone with a period of 20 ms gives them: half of the wake-ups, and an Opus frame is ready
/// no later.
pub(super) struct Beat {
    pace: Pace,
    /// Time of the second block of a pair.
    second: Option<Instant>,
}

impl Beat {
    fn next(&mut self) -> Captured {
        if let Some(at) = self.second.take() {
            return Captured { at, gap: false };
        }
        // A block is there when its last sample is.
        let tick = self.pace.wait();
        self.second = Some(before(tick.due, BLOCK_TIME));
        Captured { at: before(tick.due, 2 * BLOCK_TIME), gap: tick.skipped }
    }
}

/// Just after the machine's start the clock may not reach back.
fn before(at: Instant, by: Duration) -> Instant {
    at.checked_sub(by).unwrap_or(at)
}

pub(super) struct Microphone {
    device: SoundDevice,
    resampler: Resampler,
    rate: u32,
    raw: Vec<f32>,
    /// At most one block and what the resampler gives at once.
    ready: VecDeque<f32>,
    /// Set while silence takes the place of the microphone.
    silence: Option<Pace>,
    last_sound: Instant,
}

impl Microphone {
    fn open(wanted: Option<String>, events: Events) -> Result<Self, MediaError> {
        let device = SoundDevice::open(DeviceKind::Microphone, wanted, events)?;
        let rate = device.port().rate();
        Ok(Self {
            resampler: Resampler::new(rate, SAMPLE_RATE)?,
            rate,
            device,
            raw: Vec::new(),
            ready: VecDeque::new(),
            silence: None,
            last_sound: Instant::now(),
        })
    }

    fn next(&mut self, block: &mut [f32; BLOCK]) -> Result<Captured, MediaError> {
        let was_silent = self.silence.is_some();
        while self.ready.len() < BLOCK {
            let limit = if self.silence.is_some() { Duration::ZERO } else { BLOCK_TIME };
            if self.read(limit)? {
                self.last_sound = Instant::now();
                self.silence = None;
            } else if let Some(pace) = &mut self.silence {
                block.fill(0.0);
                let tick = pace.wait();
                return Ok(Captured { at: before(tick.due, BLOCK_TIME), gap: tick.skipped });
            } else if self.last_sound.elapsed() > SILENT_AFTER {
                self.ready.clear();
                self.silence = Some(Pace::new(Instant::now(), BLOCK_TIME));
                block.fill(0.0);
                return Ok(Captured { at: before(Instant::now(), BLOCK_TIME), gap: true });
            }
        }
        block.iter_mut().zip(self.ready.drain(..BLOCK)).for_each(|(to, from)| *to = from);
        let port = self.device.port();
        let age = super::duration_of((BLOCK + self.ready.len()) as u64) + port.queued() + port.latency();
        Ok(Captured { at: before(Instant::now(), age), gap: was_silent })
    }

    /// Takes 10 ms from the device if they are there in time.
    fn read(&mut self, limit: Duration) -> Result<bool, MediaError> {
        let rate = self.device.port().rate();
        if rate != self.rate {
            // It came back as another device.
            self.resampler = Resampler::new(rate, SAMPLE_RATE)?;
            self.rate = rate;
        }
        if !self.device.port().take(rate as usize / 100, limit, &mut self.raw) {
            return Ok(false);
        }
        let ready = &mut self.ready;
        self.resampler.process(&self.raw, |piece| ready.extend(piece));
        Ok(true)
    }
}
