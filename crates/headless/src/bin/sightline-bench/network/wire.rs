//! What the relay saw of a call: each packet, when it was sent and when it arrived.
//!
//! Invariant: figures are of packets as they left a client, lost or not, in UDP payload without RTP header and SRTP tag;
//! nothing is taken from what a client says about itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sightline_netpath::{Party, Relay, Sight};

/// VP8 as both clients number it (`call/src/link/codecs.rs`).
const VP8: u8 = 96;
/// Bytes of the tag with AES-128-GCM, which two of ours agree on.
const SRTP_TAG: usize = 16;
/// A rate is told from so much time: short against the second within which a call is to be at full rate, long against the
/// 33 ms between pictures.
const WINDOW: Duration = Duration::from_millis(500);
/// Full rate is this much of the rate asked for: an encoder does not hit it to the byte.
const FULL: f64 = 0.9;
/// Round trips are told apart by so much time.
const SLICE: Duration = Duration::from_millis(100);
/// Sound, reports and pings are no larger: their own way through a slow link is short against the queue that they meet.
const PING_MOST: usize = 200;
/// Packets kept: ten minutes of 3 Mbit/s both ways.
const MAX_PACKETS: usize = 500_000;

/// Media sent by one of two parties.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    from: Party,
    /// Of VP8 payload, 0 for all else.
    video: usize,
    /// Of everything.
    bytes: usize,
}

/// Time that a packet was under way.
#[derive(Debug, Clone, Copy)]
struct Passed {
    at: Instant,
    from: Party,
    bytes: usize,
    took: Duration,
}

#[derive(Debug, Default)]
struct Log {
    sent: Vec<Sent>,
    passed: Vec<Passed>,
}

/// The log of a call between two.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Log>>);

impl Wire {
    /// Writes down what passes the relay from now on.
    pub(crate) fn tap(relay: &Relay) -> Self {
        let wire = Self::default();
        let log = wire.clone();
        relay.watch(move |sight| log.add(&sight));
        wire
    }

    fn add(&self, sight: &Sight<'_>) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sight.arrived {
            None if log.sent.len() < MAX_PACKETS => {
                log.sent.push(Sent {
                    at: sight.sent,
                    from: sight.from,
                    video: video_bytes(sight.packet),
                    bytes: sight.packet.len(),
                });
            }
            Some(at) if log.passed.len() < MAX_PACKETS => {
                log.passed.push(Passed { at, from: sight.from, bytes: sight.packet.len(), took: at - sight.sent });
            }
            _ => {}
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When the first picture was sent by `from`.
    pub(crate) fn first_picture(&self, from: Party) -> Option<Instant> {
        self.read(|log| log.sent.iter().find(|one| one.from == from && one.video > 0).map(|one| one.at))
    }

    /// What each party sent in each tenth of a second since the first packet, as a table with commas.
    pub(crate) fn by_slice(&self) -> String {
        let mut table = "ms,party,video_kbps,all_kbps\n".to_owned();
        let slices = self.read(|log| {
            let mut slices: BTreeMap<(u128, usize), (usize, usize)> = BTreeMap::new();
            for one in &log.sent {
                let slice = (one.at - log.sent[0].at).as_millis() / SLICE.as_millis();
                let sum = slices.entry((slice, one.from.0)).or_default();
                *sum = (sum.0 + one.video, sum.1 + one.bytes);
            }
            slices
        });
        for ((slice, party), (video, all)) in slices {
            let kbps = |bytes: usize| bytes as u128 * 8 / SLICE.as_millis();
            table.push_str(&format!("{},{party},{},{}\n", slice * SLICE.as_millis(), kbps(video), kbps(all)));
        }
        table
    }

    /// How long after `start` the party had sent its pictures at full rate for half a second.
    pub(crate) fn full_rate_after(&self, from: Party, start: Instant, bps: u64) -> Option<Duration> {
        let enough = bps as f64 * FULL * WINDOW.as_secs_f64() / 8.0;
        self.read(|log| {
            let sent: Vec<&Sent> = log.sent.iter().filter(|one| one.from == from && one.at >= start).collect();
            let (mut first, mut bytes) = (0, 0);
            for one in &sent {
                bytes += one.video;
                while one.at - sent[first].at > WINDOW {
                    bytes -= sent[first].video;
                    first += 1;
                }
                if bytes as f64 >= enough {
                    return Some(one.at - start);
                }
            }
            None
        })
    }

    /// The lowest rate of pictures in any two seconds between two times, bit/s.
    pub(crate) fn lowest_rate(&self, from: Party, begin: Instant, end: Instant) -> Option<f64> {
        const SPAN: Duration = Duration::from_secs(2);
        let mut lowest: Option<f64> = None;
        let mut at = begin;
        while at + SPAN <= end {
            let bps = self.video_bytes(from, at, at + SPAN) as f64 * 8.0 / SPAN.as_secs_f64();
            lowest = Some(lowest.map_or(bps, |known| known.min(bps)));
            at += SLICE;
        }
        lowest
    }

    fn video_bytes(&self, from: Party, begin: Instant, end: Instant) -> usize {
        self.read(|log| {
            let span = log.sent.iter().filter(|one| one.from == from && (begin..end).contains(&one.at));
            span.map(|one| one.video).sum()
        })
    }

    /// For how long between two times a packet and its answer took more than `limit`.
    pub(crate) fn slower_than(&self, limit: Duration, begin: Instant, end: Instant) -> Duration {
        let mut slow = Duration::ZERO;
        let mut at = begin;
        while at < end {
            let there = self.longest(Party(0), at, at + SLICE);
            let back = self.longest(Party(1), at, at + SLICE);
            if there.unwrap_or_default() + back.unwrap_or_default() > limit {
                slow += SLICE;
            }
            at += SLICE;
        }
        slow
    }

    /// Mean time that packets no larger than a ping took from one side and from the other, together, between two times.
    pub(crate) fn mean_round_trip(&self, begin: Instant, end: Instant) -> Option<Duration> {
        let mean = |from: Party| {
            self.read(|log| {
                let span = log
                    .passed
                    .iter()
                    .filter(|one| one.from == from && one.bytes <= PING_MOST && (begin..end).contains(&one.at));
                let (count, sum) = span.fold((0_u32, Duration::ZERO), |(count, sum), one| (count + 1, sum + one.took));
                sum.checked_div(count)
            })
        };
        Some(mean(Party(0))? + mean(Party(1))?)
    }

    fn longest(&self, from: Party, begin: Instant, end: Instant) -> Option<Duration> {
        self.read(|log| {
            let span = log.passed.iter().filter(|one| one.from == from && (begin..end).contains(&one.at));
            span.map(|one| one.took).max()
        })
    }
}

/// Bytes of VP8 in a UDP payload; 0 for all else. RFC 3550, 5.1: V P X CC, M PT, and the extension's length at its end.
fn video_bytes(packet: &[u8]) -> usize {
    let [first, second, ..] = packet else { return 0 };
    if !(128..=191).contains(first) || second & 0x7f != VP8 {
        return 0;
    }
    let mut header = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let Some([high, low]) = packet.get(header + 2..header + 4) else { return 0 };
        header += 4 + 4 * usize::from(u16::from_be_bytes([*high, *low]));
    }
    packet.len().saturating_sub(header + SRTP_TAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A VP8 packet of 1000 bytes of payload with an extension of one word.
    fn vp8() -> Vec<u8> {
        let mut packet = vec![0x90, 0x80 | VP8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 0, 0, 0, 0];
        packet.resize(packet.len() + 1000 + SRTP_TAG, 7);
        packet
    }

    #[test]
    fn only_payload_of_pictures_counts() {
        assert_eq!(video_bytes(&vp8()), 1000);
        assert_eq!(video_bytes(&[0x80, 111, 0, 0]), 0, "sound");
        assert_eq!(video_bytes(&[0x90, 96]), 0, "cut off");
        assert_eq!(video_bytes(&[22, 96, 0, 0]), 0, "DTLS");
    }

    /// 1 Mbit/s for a second, then 2 Mbit/s; each packet takes 20 ms, later 150 ms.
    fn wire(start: Instant) -> Wire {
        let wire = Wire::default();
        let packet = vp8();
        for millis in (0..1000).step_by(8).chain((1000..4000).step_by(4)) {
            let sent = start + MS * millis;
            let took = if millis < 3000 { 20 * MS } else { 150 * MS };
            let sight = Sight { from: Party(0), to: Party(1), sent, arrived: None, packet: &packet };
            wire.add(&sight);
            wire.add(&Sight { arrived: Some(sent + took), ..sight });
        }
        wire
    }

    #[test]
    fn full_rate_is_half_a_second_of_it() {
        let start = Instant::now();
        let wire = wire(start);
        assert_eq!(wire.first_picture(Party(0)), Some(start));
        assert_eq!(wire.first_picture(Party(1)), None);
        let early = wire.full_rate_after(Party(0), start, 1_000_000).expect("reached");
        assert!((440 * MS..460 * MS).contains(&early), "{early:?}");
        let late = wire.full_rate_after(Party(0), start, 2_000_000).expect("reached");
        assert!((1390 * MS..1410 * MS).contains(&late), "{late:?}");
        assert_eq!(wire.full_rate_after(Party(0), start, 3_000_000), None);
    }

    #[test]
    fn a_round_trip_is_the_mean_of_small_packets_both_ways() {
        let (start, wire) = (Instant::now(), Wire::default());
        let passed = |from: usize, length: usize, took: u32| {
            let packet = vec![0; length];
            let sight = Sight { from: Party(from), to: Party(1 - from), sent: start, arrived: None, packet: &packet };
            wire.add(&Sight { arrived: Some(start + MS * took), ..sight });
        };
        [(0, 100, 20), (0, 100, 40), (0, 1200, 400)]
            .into_iter()
            .for_each(|(from, length, took)| passed(from, length, took));
        assert_eq!(wire.mean_round_trip(start, start + 500 * MS), None, "nothing came back");
        passed(1, 90, 30);
        assert_eq!(wire.mean_round_trip(start, start + 500 * MS), Some(60 * MS));
    }

    #[test]
    fn the_lowest_rate_and_slow_times_are_found() {
        let start = Instant::now();
        let wire = wire(start);
        let lowest = wire.lowest_rate(Party(0), start, start + 4000 * MS).expect("long enough");
        assert!((lowest - 1_500_000.0).abs() < 10_000.0, "{lowest}");
        assert_eq!(wire.lowest_rate(Party(0), start, start + 1000 * MS), None);
        let slow = wire.slower_than(100 * MS, start, start + 5000 * MS);
        assert!((900 * MS..=1100 * MS).contains(&slow), "{slow:?}");
    }
}
