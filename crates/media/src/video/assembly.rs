//! Makes whole pictures of packets, and decides which of them may be shown.
//!
//! Invariant: a picture comes out only if everything that it refers to came out before, so a decoder that is fed from here
//! never shows a broken picture. What is missing is waited for, stepped over where nothing depends on it, or answered by
//! asking for a keyframe. Pure: time is passed in.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::payload::{Descriptor, Layer, PictureId, parse};
use super::request::RequestGate;
use crate::RtpPacket;

/// Packets that may wait: 8 s at 1500 kbit/s, at most 2.4 MB.
const WINDOW: usize = 2048;
/// Sequence numbers that a sender may skip and still be the same stream (RFC 3550, appendix A.1: MAX_DROPOUT).
const MAX_JUMP: i64 = 3000;
/// How far back a packet may be a late or repeated one: browsers probe with copies of their last packets.
const MAX_AGE: i64 = 9600;
/// And how far back in time, in RTP ticks: one minute.
const MAX_AGE_TICKS: u32 = 60 * crate::VIDEO_CLOCK_HZ;
/// Packets that may precede the one that arrived first.
const EARLIER_AT_START: i64 = 256;
/// A gap is taken for disorder, not loss, for so long.
const DISORDER: Duration = Duration::from_millis(20);
/// A picture that nothing depends on is waited for so long: a repair takes the round trip and the time to see the gap, and at
/// 5 % loss every tenth picture was given up with 40 ms for it on a path of 50 ms. Under the 150 ms that make a freeze.
const SPARE_WAIT: Duration = Duration::from_millis(130);
/// A repair is waited for so long before a keyframe is asked for, too. Whichever comes first is used. Pictures that are shown
/// later leave as much more time for a repair.
const REPAIR_WAIT: Duration = Duration::from_millis(250);

/// A picture ready to be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteFrame {
    /// The bitstream.
    pub data: Vec<u8>,
    /// RTP timestamp as on the wire.
    pub timestamp: u32,
    /// Decodable without any other.
    pub keyframe: bool,
    /// 0 is the base, or unknown.
    pub temporal_layer: u8,
    /// Capture time in the sender's clock, where the wire carries it.
    pub captured_us: Option<i64>,
    /// When its first packet arrived.
    pub first_arrival: Instant,
}

/// A packet that waits.
struct Waiting {
    packet: RtpPacket,
    /// `None`: padding, or not VP8; it only fills its place in the sequence.
    descriptor: Option<Descriptor>,
}

/// What the pictures that came out leave behind for the next.
#[derive(Default)]
struct Chain {
    /// False until a keyframe came out, and after the decoder failed.
    intact: bool,
    picture_id: Option<PictureId>,
    /// TL0PICIDX of the last base picture.
    base: Option<u8>,
    /// Highest layer of which no picture was stepped over.
    whole_up_to: u8,
}

/// A picture whose packets are all there.
struct Candidate {
    packets: Range<usize>,
    keyframe: bool,
    picture_id: Option<PictureId>,
    layer: Option<Layer>,
}

/// No packet for so long: not a slow camera (5 pictures a second), but a path that was away.
const SILENCE: Duration = Duration::from_millis(250);

/// Reassembly of one stream.
#[derive(Default)]
pub struct Assembly {
    /// Slot 0 has the sequence number `base`, unwrapped. Filled slots are waiting packets.
    slots: VecDeque<Option<Waiting>>,
    base: i64,
    /// Highest unwrapped sequence number, and its timestamp.
    newest: Option<(i64, u32)>,
    /// Pictures came out already.
    started: bool,
    chain: Chain,
    /// Since when output waits for something while later packets are there.
    blocked_since: Option<Instant>,
    /// A packet of what may be a new stream; the next in its sequence proves it.
    stranger: Option<RtpPacket>,
    requests: RequestGate,
    /// When the last packet came.
    last_arrival: Option<Instant>,
    /// How long after the fastest picture's time the others are shown.
    shown_after: Duration,
    dropped: u64,
}

impl Assembly {
    /// An empty one that waits for a keyframe.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a packet, in any order, any number of times.
    pub fn push(&mut self, packet: RtpPacket) {
        let silence = self.last_arrival.map(|last| packet.arrived.saturating_duration_since(last));
        if silence.is_some_and(|silence| silence >= SILENCE) {
            // The path was away, and what was asked for meanwhile never got anywhere.
            self.requests.satisfied();
        }
        self.last_arrival = self.last_arrival.max(Some(packet.arrived));
        let Some((newest, newest_time)) = self.newest else {
            return self.restart(packet);
        };
        let sequence = newest + i64::from(packet.sequence.wrapping_sub(newest as u16) as i16);
        let age = newest_time.wrapping_sub(packet.timestamp);
        let known = match sequence - newest {
            ahead @ 1.. => ahead <= MAX_JUMP,
            behind => behind >= -MAX_AGE && age <= MAX_AGE_TICKS,
        };
        if known {
            self.stranger = None;
            self.insert(sequence, packet);
        } else if let Some(first) =
            self.stranger.take_if(|stranger| packet.sequence == stranger.sequence.wrapping_add(1))
        {
            // Two in a row far from everything before: the sender began again (RFC 3550, appendix A.1).
            self.restart(first);
            self.push(packet);
        } else {
            self.stranger = Some(packet);
        }
    }

    fn restart(&mut self, packet: RtpPacket) {
        let dropped = self.dropped + self.pictures_in(0..self.slots.len());
        let (requests, shown_after) = (std::mem::take(&mut self.requests), self.shown_after);
        *self = Self { dropped, requests, shown_after, ..Self::default() };
        self.base = i64::from(packet.sequence);
        self.insert(self.base, packet);
    }

    fn insert(&mut self, sequence: i64, packet: RtpPacket) {
        if sequence < self.base {
            let earlier = self.base - sequence;
            if self.started || earlier > EARLIER_AT_START {
                return;
            }
            (0..earlier).for_each(|_| self.slots.push_front(None));
            self.base = sequence;
        }
        if sequence - self.base >= WINDOW as i64 {
            self.make_room(sequence);
        }
        if self.newest.is_none_or(|(newest, _)| sequence > newest) {
            self.newest = Some((sequence, packet.timestamp));
        }
        let at = (sequence - self.base) as usize;
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        if let Some(slot @ None) = self.slots.get_mut(at) {
            let descriptor = parse(&packet.payload);
            *slot = Some(Waiting { packet, descriptor });
        }
    }

    /// Nothing came out for a whole window: gives up the older half of it, so that a keyframe finds room.
    fn make_room(&mut self, sequence: i64) {
        self.chain.intact = false;
        let keep_from = sequence - WINDOW as i64 / 2;
        let passed = usize::try_from(keep_from - self.base).unwrap_or(0).min(self.slots.len());
        self.dropped += self.pictures_in(0..passed);
        self.slots.drain(..passed);
        self.base = keep_from;
    }

    /// The next picture that may be decoded; call until `None`.
    pub fn next_frame(&mut self, now: Instant) -> Option<CompleteFrame> {
        loop {
            self.skip_padding();
            if self.slots.is_empty() {
                self.blocked_since = None;
                return None;
            }
            if let Some(candidate) = self.complete_at(0) {
                // Nothing is missing before it.
                if self.decodable(&candidate, true) {
                    return Some(self.take(candidate));
                }
                if self.chain.intact {
                    // Of a layer of which a picture was stepped over.
                    self.drop_to(candidate.packets.end);
                    continue;
                }
            }
            if self.chain.intact && !self.has_gap() {
                // The rest of a picture is on its way.
                self.blocked_since = None;
                return None;
            }
            let waited = now.saturating_duration_since(*self.blocked_since.get_or_insert(now));
            let candidate = self.beyond_gap(waited)?;
            self.step_over(&candidate);
            return Some(self.take(Candidate { packets: 0..candidate.packets.len(), ..candidate }));
        }
    }

    /// A packet is missing before one that is there, or what is there cannot be the start of a picture.
    fn has_gap(&self) -> bool {
        let front = self.slots.front().and_then(Option::as_ref).and_then(|waiting| waiting.descriptor);
        !front.is_some_and(|descriptor| descriptor.first) || self.slots.iter().any(Option::is_none)
    }

    /// Leaves out padding and what is no VP8 at the front: it took a sequence number and holds nothing.
    fn skip_padding(&mut self) {
        while matches!(self.slots.front(), Some(Some(Waiting { descriptor: None, .. }))) {
            self.slots.pop_front();
            self.base += 1;
        }
    }

    /// The picture whose first packet is in slot `start`, if all of it is there.
    fn complete_at(&self, start: usize) -> Option<Candidate> {
        let first = self.slots.get(start)?.as_ref()?;
        let descriptor = first.descriptor.filter(|descriptor| descriptor.first)?;
        let mut end = start;
        for slot in self.slots.range(start..) {
            let waiting = slot.as_ref()?;
            if waiting.packet.timestamp != first.packet.timestamp {
                // The marker may be lacking; the next picture ends this one as well.
                break;
            }
            end += 1;
            if waiting.packet.marker {
                break;
            }
        }
        // The last packet that is there ends it only by its marker.
        let ended = end < self.slots.len() || self.slots[end - 1].as_ref().is_some_and(|last| last.packet.marker);
        ended.then_some(Candidate {
            packets: start..end,
            keyframe: descriptor.keyframe,
            picture_id: descriptor.picture_id,
            layer: descriptor.layer,
        })
    }

    /// Whether all that this picture refers to came out; `adjacent`: no packet is missing before it.
    fn decodable(&self, picture: &Candidate, adjacent: bool) -> bool {
        if picture.keyframe {
            return true;
        }
        if !self.chain.intact {
            return false;
        }
        let follows = adjacent || self.follows(picture);
        match picture.layer {
            None => follows,
            Some(Layer { id: 0, base, .. }) => {
                follows || self.chain.base.is_some_and(|before| base == before.wrapping_add(1))
            }
            Some(layer) => {
                let base_there = follows || self.chain.base == Some(layer.base);
                base_there && (layer.sync || (follows && layer.id <= self.chain.whole_up_to))
            }
        }
    }

    /// Pictures are shown so long after the fastest one's time: what is missing may take as much longer.
    pub fn shown_after(&mut self, delay: Duration) {
        self.shown_after = delay;
    }

    fn spare_wait(&self) -> Duration {
        (SPARE_WAIT + self.shown_after).min(REPAIR_WAIT)
    }

    fn repair_wait(&self) -> Duration {
        REPAIR_WAIT + self.shown_after / 2
    }

    /// The first picture behind the gap that needs nothing from it, if it was waited for long enough.
    fn beyond_gap(&self, waited: Duration) -> Option<Candidate> {
        let starts = (0..self.slots.len()).filter(|at| {
            let waiting = self.slots[*at].as_ref();
            waiting.and_then(|waiting| waiting.descriptor).is_some_and(|descriptor| descriptor.first)
        });
        let mut usable = starts.filter_map(|at| self.complete_at(at)).filter(|picture| self.decodable(picture, false));
        if !self.chain.intact {
            // Whatever precedes a keyframe is of no use any more.
            return usable.next();
        }
        usable.find(|picture| waited >= if picture.keyframe { DISORDER } else { self.spare_wait() })
    }

    /// Gives up what is before this picture: pictures of upper layers, or nothing but padding.
    fn step_over(&mut self, picture: &Candidate) {
        self.drop_to(picture.packets.start);
        if !self.follows(picture) {
            self.chain.whole_up_to = 0;
        }
    }

    /// By the picture ids nothing is between the last picture that came out and this one.
    fn follows(&self, picture: &Candidate) -> bool {
        picture.picture_id.zip(self.chain.picture_id).is_some_and(|(id, before)| id.follows(before))
    }

    fn drop_to(&mut self, end: usize) {
        self.dropped += self.pictures_in(0..end);
        self.slots.drain(..end);
        self.base += end as i64;
    }

    /// How many pictures have packets there.
    fn pictures_in(&self, range: Range<usize>) -> u64 {
        let mut count = 0;
        let mut before = None;
        for waiting in self.slots.range(range).flatten().filter(|waiting| waiting.descriptor.is_some()) {
            count += u64::from(before != Some(waiting.packet.timestamp));
            before = Some(waiting.packet.timestamp);
        }
        count
    }

    /// Takes out the picture at the front.
    fn take(&mut self, picture: Candidate) -> CompleteFrame {
        let packets: Vec<Waiting> = self.slots.drain(..picture.packets.end).flatten().collect();
        self.base += picture.packets.end as i64;
        self.started = true;
        self.blocked_since = None;
        self.requests.satisfied();
        self.chain.intact = true;
        self.chain.picture_id = picture.picture_id.or(self.chain.picture_id);
        match picture.layer {
            Some(Layer { id: 0, base, .. }) => self.chain.base = Some(base),
            Some(layer) if layer.sync => self.chain.whole_up_to = self.chain.whole_up_to.max(layer.id),
            _ => {}
        }
        if picture.keyframe {
            self.chain.whole_up_to = u8::MAX;
        }
        let mut data = Vec::with_capacity(packets.iter().map(|waiting| waiting.packet.payload.len()).sum());
        let mut first_arrival = packets[0].packet.arrived;
        for Waiting { packet, descriptor } in &packets {
            if let Some(descriptor) = descriptor {
                data.extend_from_slice(&packet.payload[descriptor.header_len..]);
            }
            first_arrival = first_arrival.min(packet.arrived);
        }
        CompleteFrame {
            data,
            timestamp: packets[0].packet.timestamp,
            keyframe: picture.keyframe,
            temporal_layer: picture.layer.map_or(0, |layer| layer.id),
            captured_us: packets.iter().find_map(|waiting| waiting.packet.captured_us),
            first_arrival,
        }
    }

    /// The decoder could not use what it was given: nothing comes out until a keyframe does.
    pub fn decoder_failed(&mut self) {
        self.chain.intact = false;
    }

    /// True if a keyframe should be asked for now. Asking is rate-limited here.
    pub fn wants_keyframe(&mut self, now: Instant) -> bool {
        self.lacks_keyframe(now) && self.requests.ask(now)
    }

    fn lacks_keyframe(&self, now: Instant) -> bool {
        let waited = self.blocked_since.map(|since| now.saturating_duration_since(since));
        if self.chain.intact {
            return waited.is_some_and(|waited| waited >= self.repair_wait());
        }
        // After the decoder failed it is needed whether or not packets came since.
        let Some(waited) = waited else { return self.started };
        let begun = self.slots.iter().position(|slot| {
            let descriptor = slot.as_ref().and_then(|waiting| waiting.descriptor);
            descriptor.is_some_and(|descriptor| descriptor.keyframe)
        });
        match begun {
            None => waited >= DISORDER,
            // A keyframe is on its way: what it lacks may be repaired; if nothing is missing, it is only slow.
            Some(at) => waited >= self.repair_wait() && self.slots.range(at..).any(Option::is_none),
        }
    }

    /// When to call again at the latest, though no packet comes. Always later than `now`.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let steps =
            self.blocked_since.map(|since| [DISORDER, self.spare_wait(), self.repair_wait()].map(|wait| since + wait));
        let next_step = steps.into_iter().flatten().find(|at| *at > now);
        let next_request = self.lacks_keyframe(now).then(|| self.requests.next(now)).filter(|at| *at > now);
        next_step.into_iter().chain(next_request).min()
    }

    /// Pictures of which packets came, and which did not come out.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
#[path = "assembly_tests.rs"]
mod tests;
