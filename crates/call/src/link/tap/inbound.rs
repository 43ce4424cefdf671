//! Reception statistics of one stream of the peer, as in RFC 3550, appendix A.
//!
//! Invariant: only packets sent for the first time count; repairs are counted apart, so that loss is the path's, not what
//! is left after repair.

use std::time::{Duration, Instant};

use rtc::rtcp::sender_report::SenderReport;
use rtc::rtp;
use sightline_quality::TrackCounters;

use super::clock::SenderClock;

/// A jump this long between two frames is a pause of the sender, not jitter (as in libwebrtc).
const PAUSE: Duration = Duration::from_secs(5);
/// Numbers remembered, to know a repair from a copy that only fills up a probe: more than a browser repeats.
const SEEN: usize = 1024;

pub(super) struct Inbound {
    clock_rate: u32,
    packets: u64,
    bytes: u64,
    sequence: Option<Sequence>,
    jitter: Jitter,
    /// Extended numbers that came, by their last bits.
    seen: Vec<u64>,
    repairs: u64,
    clock: SenderClock,
    pub(super) nacks: u64,
    pub(super) plis: u64,
    pub(super) firs: u64,
}

impl Inbound {
    pub(super) fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            packets: 0,
            bytes: 0,
            sequence: None,
            jitter: Jitter::default(),
            seen: vec![0; SEEN],
            repairs: 0,
            clock: SenderClock::default(),
            nacks: 0,
            plis: 0,
            firs: 0,
        }
    }

    pub(super) fn rtp(&mut self, now: Instant, packet: &rtp::Packet) {
        self.packets += 1;
        self.bytes += packet.payload.len() as u64;
        let newest = match &mut self.sequence {
            Some(sequence) => sequence.extend(packet.header.sequence_number),
            none => {
                *none = Some(Sequence::starting(packet.header.sequence_number));
                true
            }
        };
        self.see(packet.header.sequence_number);
        if newest {
            self.jitter.frame(now, packet.header.timestamp, self.clock_rate);
        }
    }

    /// A packet came on the stream of repairs, as a copy of this one.
    pub(super) fn repair(&mut self, number: u16) {
        self.repairs += u64::from(self.see(number));
    }

    pub(super) fn sender_report(&mut self, report: &SenderReport) {
        self.clock.report(report);
    }

    /// See [`SenderClock::captured_us`].
    pub(super) fn captured_us(&mut self, timestamp: u32, stamp: Option<i64>) -> Option<i64> {
        self.clock.captured_us(timestamp, self.clock_rate, stamp)
    }

    /// True where the number was not seen before.
    fn see(&mut self, number: u16) -> bool {
        let Some(sequence) = &self.sequence else { return false };
        let extended = sequence.near(number);
        let place = self.seen.get_mut(extended as usize % SEEN);
        place.is_some_and(|seen| std::mem::replace(seen, extended) != extended)
    }

    pub(super) fn fill(&self, counters: &mut TrackCounters) {
        counters.packets = Some(self.packets);
        counters.bytes = Some(self.bytes);
        counters.packets_lost = self.sequence.as_ref().map(|s| s.expected() as i64 - self.packets as i64);
        counters.jitter = self.jitter.mean.map(|ticks| Duration::from_secs_f64(ticks / f64::from(self.clock_rate)));
        counters.retransmitted_packets = Some(self.repairs);
        counters.nack_count = Some(self.nacks);
        counters.pli_count = Some(self.plis);
        counters.fir_count = Some(self.firs);
    }
}

/// Sequence numbers extended to 64 bits (RFC 3550, A.1).
pub(in crate::link) struct Sequence {
    first: u64,
    highest: u64,
}

impl Sequence {
    pub(in crate::link) fn starting(number: u16) -> Self {
        // One cycle ahead, so that a packet from before the first one does not run below zero.
        let first = 0x1_0000 + u64::from(number);
        Self { first, highest: first }
    }

    /// True when the number is the highest so far.
    pub(in crate::link) fn extend(&mut self, number: u16) -> bool {
        let extended = self.near(number);
        self.first = self.first.min(extended);
        let newest = extended > self.highest;
        self.highest = self.highest.max(extended);
        newest
    }

    /// The extended number with these low bits that lies nearest to the highest.
    pub(in crate::link) fn near(&self, number: u16) -> u64 {
        let difference = number.wrapping_sub(self.highest as u16) as i16;
        self.highest.saturating_add_signed(i64::from(difference))
    }

    pub(super) fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    /// The highest number so far.
    pub(in crate::link) fn highest(&self) -> u64 {
        self.highest
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }
}

/// Interarrival jitter (RFC 3550, 6.4.1 and A.8), measured between frames: the packets of one frame share a timestamp
/// and leave in a burst, which is no jitter of the path.
#[derive(Default)]
struct Jitter {
    last: Option<(Instant, u32)>,
    /// In ticks of the RTP clock; `None` until two frames came.
    mean: Option<f64>,
}

impl Jitter {
    fn frame(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        let Some((then, before)) = self.last else {
            self.last = Some((now, timestamp));
            return;
        };
        if timestamp == before {
            return;
        }
        self.last = Some((now, timestamp));
        let arrival = now.saturating_duration_since(then).as_secs_f64() * f64::from(clock_rate);
        let difference = (arrival - f64::from(timestamp.wrapping_sub(before) as i32)).abs();
        if difference < PAUSE.as_secs_f64() * f64::from(clock_rate) {
            let mean = self.mean.unwrap_or(0.0);
            self.mean = Some(mean + (difference - mean) / 16.0);
        }
    }
}
