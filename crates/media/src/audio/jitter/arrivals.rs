//! Packets that wait to be decoded, and the clock they set.
//!
//! Invariant: sequence numbers and timestamps are unwrapped against the newest packet (RFC 3550, A.1); what does not fit
//! is a new stream only if two packets in a row say so. At most [`MAX_PACKETS`] wait.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::RtpPacket;
use crate::delay::DelayTarget;

/// 3 s of 20 ms: a burst after an outage fits, older sound is of no use.
const MAX_PACKETS: usize = 150;
/// A jump of more is another stream: 20 s of 20 ms.
const MAX_SEQUENCE_JUMP: i64 = 1000;
/// A packet that seems to come this much before its time belongs to another time line.
const MAX_EARLY_US: i64 = 1_000_000;
/// And so does one that seems to come this much after it.
const MAX_LATE_US: i64 = 5_000_000;
/// Sequence numbers remembered to know copies: as many as a jump may span.
const REMEMBERED: usize = 1024;

/// A packet in order of its sequence number.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    /// Unwrapped sequence number.
    pub(super) sequence: i64,
    /// Unwrapped timestamp, in samples.
    pub(super) media: i64,
    pub(super) samples: usize,
    pub(super) redundant: bool,
    pub(super) is_copy: bool,
    pub(super) payload: Bytes,
    pub(super) arrived: Instant,
    /// When its first sample was captured, in the sender's clock, where the packet says so.
    pub(super) captured_us: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Queued,
    Duplicate,
    /// Its time is over.
    Late,
    /// Does not fit the stream (so far), or no room.
    Discarded,
    /// Queued as the first of a new stream: forget the old one.
    Restarted,
}

#[derive(Debug)]
struct Stream {
    /// Zero of all times in here.
    epoch: Instant,
    /// Newest sequence number and its timestamp.
    sequence: i64,
    media: i64,
    last_arrival: Instant,
    target: DelayTarget,
}

#[derive(Debug)]
pub(super) struct Arrivals {
    stream: Option<Stream>,
    waiting: BTreeMap<i64, Queued>,
    /// By sequence number modulo [`REMEMBERED`]: the last one that came.
    seen: Vec<i64>,
    /// What would follow the last packet that did not fit.
    stranger: Option<u16>,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self { stream: None, waiting: BTreeMap::new(), seen: vec![i64::MIN; REMEMBERED], stranger: None }
    }

    /// `played` is the sequence number that was decoded last.
    pub(super) fn insert(&mut self, packet: RtpPacket, samples: usize, redundant: bool, played: Option<i64>) -> Fate {
        let Some(stream) = &mut self.stream else {
            self.begin(packet, samples, redundant);
            return Fate::Queued;
        };
        let step = i64::from(packet.sequence.wrapping_sub(stream.sequence as u16) as i16);
        let sequence = stream.sequence + step;
        let media = stream.media + i64::from(packet.timestamp.wrapping_sub(stream.media as u32) as i32);
        let arrived_us = packet.arrived.saturating_duration_since(stream.epoch).as_micros() as i64;
        let offset = arrived_us - media_us(media);
        let late = offset - stream.target.fastest();
        let fits = step.abs() <= MAX_SEQUENCE_JUMP
            && (-MAX_EARLY_US..=MAX_LATE_US).contains(&late)
            && (step > 0) == (media > stream.media || step > 0 && samples == 0 && media == stream.media);
        if !fits && step != 0 {
            let expected = self.stranger.replace(packet.sequence.wrapping_add(1));
            if expected != Some(packet.sequence) {
                return Fate::Discarded;
            }
            self.begin(packet, samples, redundant);
            return Fate::Restarted;
        }
        let seen = &mut self.seen[sequence.rem_euclid(REMEMBERED as i64) as usize];
        if std::mem::replace(seen, sequence) == sequence {
            return Fate::Duplicate;
        }
        self.stranger = None;
        stream.last_arrival = stream.last_arrival.max(packet.arrived);
        if samples > 0 {
            let late = match packet.is_copy {
                true => stream.target.copy(late),
                false => stream.target.packet(arrived_us, offset, media_us(samples as i64)),
            };
            if step > 1 && redundant {
                stream.target.recoverable(late + media_us(samples as i64));
            }
        }
        if played.is_some_and(|played| sequence <= played) {
            return Fate::Late;
        }
        if step > 0 {
            (stream.sequence, stream.media) = (sequence, media);
        }
        self.queue(packet, sequence, media, samples, redundant);
        match self.waiting.len() > MAX_PACKETS {
            true => {
                self.waiting.pop_first();
                Fate::Discarded
            }
            false => Fate::Queued,
        }
    }

    fn begin(&mut self, packet: RtpPacket, samples: usize, redundant: bool) {
        let (sequence, media) = (i64::from(packet.sequence), i64::from(packet.timestamp));
        let mut target = DelayTarget::new();
        target.packet(0, -media_us(media), media_us(samples as i64));
        let (epoch, last_arrival) = (packet.arrived, packet.arrived);
        self.stream = Some(Stream { epoch, sequence, media, last_arrival, target });
        self.waiting.clear();
        self.seen.fill(i64::MIN);
        self.seen[sequence as usize % REMEMBERED] = sequence;
        self.stranger = None;
        self.queue(packet, sequence, media, samples, redundant);
    }

    fn queue(&mut self, packet: RtpPacket, sequence: i64, media: i64, samples: usize, redundant: bool) {
        let RtpPacket { payload, arrived, captured_us, is_copy, .. } = packet;
        let queued = Queued { sequence, media, samples, redundant, is_copy, payload, arrived, captured_us };
        self.waiting.insert(sequence, queued);
    }

    /// The packet to be played first.
    pub(super) fn first(&self) -> Option<&Queued> {
        self.waiting.first_key_value().map(|(_, packet)| packet)
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        self.waiting.pop_first().map(|(_, packet)| packet)
    }

    /// How long `now` is after the time at which the fastest packet would have brought the sample at `media`.
    pub(super) fn delay_us(&self, now: Instant, media: i64) -> i64 {
        self.stream.as_ref().map_or(0, |stream| {
            let now_us = now.saturating_duration_since(stream.epoch).as_micros() as i64;
            now_us - media_us(media) - stream.target.fastest()
        })
    }

    pub(super) fn target_us(&self) -> i64 {
        self.stream.as_ref().map_or(0, |stream| stream.target.target_us())
    }

    pub(super) fn since_last(&self, now: Instant) -> Duration {
        self.stream.as_ref().map_or(Duration::ZERO, |stream| now.saturating_duration_since(stream.last_arrival))
    }
}

fn media_us(samples: i64) -> i64 {
    samples * 125 / 6
}
