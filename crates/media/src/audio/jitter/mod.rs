//! The audio jitter buffer: packets in as they come, 10 ms of sound out whenever asked.
//!
//! Invariant: nothing here knows the clock; the caller hands in `now`. A packet is needed `delay` after the time at which
//! the fastest packet would have brought it, and `delay` is steered towards [`DelayTarget`](crate::delay::DelayTarget): in
//! silence by waiting or skipping, in sound by leaving out or repeating periods of the voice. A frame that is missing when it is due comes from the redundancy of
//! the next packet (RFC 6716, 2.1.7), else it is concealed. A jump of timestamps without a gap of sequence numbers is
//! silence that was not sent (RFC 3551, 4.1), not loss.

mod arrivals;
mod playout;
mod steering;
mod stretch;

use std::time::{Duration, Instant};

use self::arrivals::{Arrivals, Queued};
use self::playout::{Origin, Playout};
use super::level::mean_square;
use super::opus::AudioDecoder;
use super::{BLOCK, duration_of};
use crate::RtpPacket;

/// Nothing came for this long: the peer has stopped sending, which is neither sound nor concealment.
const IDLE_AFTER: Duration = Duration::from_secs(5);
/// A recovered frame is played if that makes the delay no longer than this above the wanted one.
const RECOVER_WITHIN_US: i64 = 40_000;
/// -50 dBov: what is not sent after sound as quiet as this is silence first of all ...
const QUIET: f64 = 1e-5;
/// ... until the packet is overdue that renews comfort noise every 400 ms.
const QUIET_FOR: Duration = Duration::from_millis(450);
/// Half a block: what is due within it is due now.
const DUE_US: i64 = 5_000;

/// What became of the samples so far. All rise only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JitterCounters {
    /// Samples played, of whatever origin; none before the first packet or while nothing is sent.
    pub samples_played: u64,
    /// Of these, made up for packets neither received nor recovered (webrtc-stats `concealedSamples`, without
    /// comfort noise).
    pub samples_concealed: u64,
    /// Of these, recovered from redundancy.
    pub samples_recovered: u64,
    /// Time that samples waited, summed (`jitterBufferDelay`).
    pub delay: Duration,
    /// Samples in that sum (`jitterBufferEmittedCount`).
    pub emitted: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that are not valid, or had to make room.
    pub discarded: u64,
    /// Samples left out to shorten the delay (`removedSamplesForAcceleration`).
    pub samples_removed: u64,
    /// Samples repeated to lengthen it (`insertedSamplesForDeceleration`).
    pub samples_inserted: u64,
}

/// One remote track's buffer, with its decoder.
pub struct JitterBuffer {
    decoder: Box<dyn AudioDecoder>,
    arrivals: Arrivals,
    playout: Playout,
    counters: JitterCounters,
    state: State,
    /// Delay at which the last packets were needed, newest last.
    delays: Vec<i64>,
    /// Delay that is wanted for other reasons than jitter, microseconds.
    least_us: i64,
    /// A sample whose capture time is known: media time in samples, and microseconds since the Unix epoch.
    captured: Option<(i64, i64)>,
    /// See [`JitterBuffer::heard`].
    heard: Option<i64>,
    since_change: u32,
    scratch: Vec<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No packet, or the first one is held back.
    Waiting,
    /// Sound flows.
    Playing {
        /// Media time (samples) that follows what is decoded.
        next: i64,
        /// Sequence number of what was decoded last.
        sequence: i64,
        /// The last packet said that silence begins.
        silence: bool,
        /// The last packet was so quiet that the one which says so may have been lost.
        quiet: bool,
        /// Delay at which the last packet was needed.
        delay_us: i64,
    },
}

/// What to append to the decoded sound.
enum Step {
    Decode(Queued),
    Recover(Queued),
    Conceal,
    Noise,
}

impl JitterBuffer {
    /// A buffer that has heard nothing.
    pub fn new(decoder: Box<dyn AudioDecoder>) -> Self {
        Self {
            decoder,
            arrivals: Arrivals::new(),
            playout: Playout::new(),
            counters: JitterCounters::default(),
            state: State::Waiting,
            delays: Vec::new(),
            least_us: 0,
            captured: None,
            heard: None,
            since_change: 0,
            scratch: Vec::new(),
        }
    }

    /// Takes a packet, in any order, as often as it comes.
    pub fn insert(&mut self, packet: RtpPacket) {
        let samples = match packet.payload.is_empty() {
            // Padding takes a sequence number and no time.
            true => 0,
            false => match self.decoder.samples_in(&packet.payload) {
                Some(samples) => samples,
                None => {
                    self.counters.discarded += 1;
                    return;
                }
            },
        };
        let redundant = self.decoder.has_redundancy(&packet.payload);
        let played = match self.state {
            State::Playing { sequence, .. } => Some(sequence),
            State::Waiting => None,
        };
        match self.arrivals.insert(packet, samples, redundant, played) {
            arrivals::Fate::Queued => {}
            arrivals::Fate::Duplicate => self.counters.duplicates += 1,
            arrivals::Fate::Late => self.counters.late += 1,
            arrivals::Fate::Discarded => self.counters.discarded += 1,
            arrivals::Fate::Restarted => {
                self.state = State::Waiting;
                self.decoder.reset();
                self.delays.clear();
                self.captured = None;
            }
        }
    }

    /// The next 10 ms.
    pub fn pull(&mut self, now: Instant, out: &mut [f32; BLOCK]) {
        if !self.ready(now) {
            out.fill(0.0);
            return;
        }
        while self.playout.len() < BLOCK {
            let step = self.next_step(now);
            self.watch_delay(&step, now);
            self.run(step);
        }
        self.steer();
        let counters = &mut self.counters;
        self.playout.take(out, |origin, samples| {
            counters.samples_played += samples;
            match origin {
                Origin::Received { arrived } | Origin::Recovered { arrived } => {
                    let waited = now.saturating_duration_since(arrived).as_nanos() as u64;
                    counters.delay += Duration::from_nanos(waited.saturating_mul(samples));
                    counters.emitted += samples;
                    if matches!(origin, Origin::Recovered { .. }) {
                        counters.samples_recovered += samples;
                    }
                }
                Origin::Concealed => counters.samples_concealed += samples,
                Origin::Noise => {}
            }
        });
    }

    /// What became of the samples so far.
    pub fn counters(&self) -> JitterCounters {
        self.counters
    }

    /// The delay that is steered for: from the fastest packet to playing.
    pub fn target_delay(&self) -> Duration {
        Duration::from_micros(self.target_us() as u64)
    }

    /// The delay at which the last packet was needed: from the fastest packet to playing.
    pub fn delay(&self) -> Duration {
        let delay_us = match self.state {
            State::Playing { delay_us, .. } => delay_us,
            State::Waiting => 0,
        };
        Duration::from_micros(delay_us.max(0) as u64)
    }

    /// The delay that is steered for where jitter asks for less.
    pub fn set_least_delay(&mut self, least: Duration) {
        self.least_us = least.as_micros() as i64;
    }

    /// When the first sample of the last block was captured, microseconds since the Unix epoch by the sender's clock; once for
    /// each packet that was decoded for a block, and only where packets carry capture times.
    pub fn heard(&mut self) -> Option<i64> {
        self.heard.take()
    }

    fn target_us(&self) -> i64 {
        self.arrivals.target_us().max(self.least_us)
    }

    /// Whether there is anything to play; begins with the first packet that has waited long enough, ends when nothing
    /// has come for long.
    fn ready(&mut self, now: Instant) -> bool {
        match self.state {
            State::Playing { .. } => {
                let idle = self.arrivals.since_last(now) > IDLE_AFTER && self.arrivals.first().is_none();
                if idle {
                    self.state = State::Waiting;
                    self.playout.clear();
                    self.delays.clear();
                }
                !idle
            }
            State::Waiting => {
                let Some(first) = self.arrivals.first() else { return false };
                let (next, sequence) = (first.media, first.sequence - 1);
                let delay_us = self.arrivals.delay_us(now, next);
                if delay_us + DUE_US < self.target_us() {
                    return false;
                }
                self.state = State::Playing { next, sequence, silence: false, quiet: false, delay_us };
                true
            }
        }
    }

    fn next_step(&mut self, now: Instant) -> Step {
        let State::Playing { next, sequence, silence, quiet, delay_us } = self.state else { return Step::Noise };
        let Some(first) = self.arrivals.first() else {
            let silence = silence || quiet && self.arrivals.since_last(now) < QUIET_FOR;
            return if silence { Step::Noise } else { Step::Conceal };
        };
        let gap = first.media - next;
        let delay = self.arrivals.delay_us(now, first.media);
        let target = self.target_us();
        let lost = first.sequence != sequence + 1;
        let wanted = if lost { target.min(delay_us) } else { target };
        let recovered = delay + micros(first.samples);
        let recover = lost
            && first.redundant
            && gap >= first.samples as i64
            && (wanted - DUE_US..=wanted + RECOVER_WITHIN_US).contains(&recovered);
        if recover {
            return Step::Recover(first.clone());
        }
        if gap > 0 && delay + DUE_US < wanted {
            return if lost { Step::Conceal } else { Step::Noise };
        }
        match self.arrivals.pop() {
            Some(packet) => Step::Decode(packet),
            None => Step::Conceal,
        }
    }

    fn run(&mut self, step: Step) {
        self.scratch.clear();
        let State::Playing { next, sequence, silence, quiet, .. } = &mut self.state else { return };
        let (made, origin) = match step {
            Step::Decode(packet) => {
                *sequence = packet.sequence;
                *next = packet.media + packet.samples as i64;
                if packet.samples == 0 {
                    return;
                }
                if let Some(captured_us) = packet.captured_us {
                    self.captured = Some((packet.media, captured_us));
                }
                // What is decoded already is played before it.
                let first = packet.media - self.playout.len() as i64;
                self.heard =
                    self.captured.map(|(media, captured_us)| captured_us.saturating_add((first - media) * 125 / 6));
                *silence = self.decoder.is_silence(&packet.payload);
                let made = self.decoder.decode(&packet.payload, &mut self.scratch);
                *quiet = mean_square(&self.scratch) < QUIET;
                let arrived = packet.arrived;
                (made, if packet.is_copy { Origin::Recovered { arrived } } else { Origin::Received { arrived } })
            }
            Step::Recover(packet) => {
                *sequence = packet.sequence - 1;
                *next = packet.media;
                *silence = false;
                let made = self.decoder.recover(&packet.payload, packet.samples, &mut self.scratch);
                (made, Origin::Recovered { arrived: packet.arrived })
            }
            Step::Conceal => (self.decoder.conceal(BLOCK, &mut self.scratch), Origin::Concealed),
            Step::Noise => (self.decoder.conceal(BLOCK, &mut self.scratch), Origin::Noise),
        };
        if let Err(error) = made {
            tracing::debug!(%error, "an audio packet could not be decoded");
        }
        if self.scratch.is_empty() {
            // The decoder gave nothing: the caller still needs a block.
            self.scratch.resize(BLOCK, 0.0);
            self.playout.push(&self.scratch, Origin::Concealed);
        } else {
            self.playout.push(&self.scratch, origin);
        }
    }
}

fn micros(samples: usize) -> i64 {
    duration_of(samples as u64).as_micros() as i64
}
