//! When each packet leaves.
//!
//! Invariant: audio never waits; repair goes before video. Video leaves at the rate of the link, so that it waits here, where
//! audio passes it, and not in the network. It waits 200 ms at most: before that, whole frames are left out, those of upper
//! temporal layers first, and when that is not enough everything that waits, and a key frame is asked for. A frame of which
//! a packet has left is sent to its end, unless everything is dropped.
//!
//! Packets get their numbers when they leave, not before, else what is left out here looks lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::packet::{BitRate, Frame, Kind, Packet, ProbeId};
use crate::probe::Cluster;

/// Nothing waits longer (but a key frame that is too large for it).
const QUEUE_MOST: Duration = Duration::from_millis(200);
/// With so much waiting, a frame of an upper layer would delay the one after it.
const QUEUE_UPPER: Duration = Duration::from_millis(40);
/// With so much waiting, a frame of the lowest layer would be out of date.
const QUEUE_LOWEST: Duration = Duration::from_millis(150);
/// Timers wake one or two milliseconds late: so much may be caught up with at once.
const BURST: Duration = Duration::from_millis(5);
/// Of any kind: 200 ms at 100 Mbit/s.
const PACKETS_MOST: usize = 2048;
/// No UDP packet is larger; more would only spoil sums.
const PACKET_MOST: usize = 65_535;
/// Streams of video on a link: a camera and a screen, and room.
const STREAMS_MOST: usize = 16;
/// A key frame that has not come by then is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// A probe that lacks packets for so long is given up.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
const PROBES_MOST: usize = 4;
/// Padding is as large as media, but for slow probes, where a few such packets are a queue.
const PADDING: (usize, usize) = (200, 1200);
const PADDING_SLOW: BitRate = BitRate::kbps(500);

/// Whether a packet will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// In its turn.
    Queued,
    /// Never: its frame is left out.
    Dropped,
}

/// A packet that leaves.
#[derive(Debug, Clone)]
pub struct Departure<T> {
    /// What it is for.
    pub kind: Kind,
    /// On the wire, headers down to IP included.
    pub bytes: usize,
    /// The caller's.
    pub body: T,
    /// The probe it is part of.
    pub probe: Option<ProbeId>,
}

#[derive(Debug)]
struct Waiting<T> {
    packet: Packet<T>,
    since: Instant,
    /// It is the first of its frame.
    is_first: bool,
}

#[derive(Debug, Default)]
struct Stream {
    /// The frame whose packets come now, and whether it is sent.
    current: Option<(u64, bool)>,
    /// Since when only a key frame helps, and when one was last asked for.
    broken: Option<Option<Instant>>,
}

#[derive(Debug)]
struct Probe {
    cluster: Cluster,
    made: Instant,
    started: Option<Instant>,
    bytes: usize,
    packets: u32,
}

/// Holds packets of one link until they may leave.
#[derive(Debug)]
pub struct Pacer<T> {
    audio: VecDeque<Packet<T>>,
    repair: VecDeque<Waiting<T>>,
    video: VecDeque<Waiting<T>>,
    waiting_bytes: usize,
    usual: BitRate,
    most: BitRate,
    debt_bits: f64,
    latest: Option<Instant>,
    is_held: bool,
    is_paused: bool,
    /// When the last packet of a key frame left.
    key_left: Option<Instant>,
    streams: BTreeMap<u32, Stream>,
    probes: VecDeque<Probe>,
    ended: Vec<(ProbeId, bool)>,
    frames_dropped: u64,
}

impl<T> Pacer<T> {
    /// Sends at `rate` until told otherwise.
    pub fn new(rate: BitRate) -> Self {
        Self {
            audio: VecDeque::new(),
            repair: VecDeque::new(),
            video: VecDeque::new(),
            waiting_bytes: 0,
            usual: rate,
            most: rate,
            debt_bits: 0.0,
            latest: None,
            is_held: false,
            is_paused: false,
            key_left: None,
            streams: BTreeMap::new(),
            probes: VecDeque::new(),
            ended: Vec::new(),
            frames_dropped: 0,
        }
    }

    /// Sends at `usual`, and at `most` when much is waiting: more, for it to leave in time, or less, for it to be left out.
    pub fn set_rates(&mut self, usual: BitRate, most: BitRate) {
        self.usual = usual.max(BitRate::kbps(1));
        self.most = most.max(BitRate::kbps(1));
    }

    /// While held, only audio leaves, and video is left out: what would be sent then is out of date when it arrives.
    pub fn hold(&mut self, is_held: bool) {
        if is_held && !self.is_held {
            self.drop_all();
            self.end_probes();
        }
        self.is_held = is_held;
    }

    /// While paused, only audio leaves; the rest waits for as long as it is worth it.
    pub fn pause(&mut self, is_paused: bool) {
        if is_paused && !self.is_paused {
            self.end_probes();
        }
        self.is_paused = is_paused;
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Sends `cluster` as soon as there are packets for it.
    pub fn probe(&mut self, now: Instant, cluster: Cluster) {
        if self.probes.len() < PROBES_MOST {
            self.probes.push_back(Probe { cluster, made: now, started: None, bytes: 0, packets: 0 });
        } else {
            self.ended.push((cluster.id, false));
        }
    }

    /// Probes that have ended since the last call, and whether they were sent.
    pub fn take_ended(&mut self) -> Vec<(ProbeId, bool)> {
        std::mem::take(&mut self.ended)
    }

    /// How long what waits will take at the usual rate.
    pub fn queue(&self) -> Duration {
        self.usual.time_for(self.waiting_bytes)
    }

    /// Frames left out so far.
    pub fn frames_dropped(&self) -> u64 {
        self.frames_dropped
    }

    /// A stream of video that needs a key frame, if any; again if it does not come.
    pub fn wants_key_frame(&mut self, now: Instant) -> Option<u32> {
        // Made before it can leave it would be of a rate that is over, and late; and the next one would have to wait.
        if self.is_held || self.is_paused {
            return None;
        }
        self.streams.iter_mut().find_map(|(id, stream)| {
            let asked = stream.broken.as_mut()?;
            if asked.is_some_and(|asked| now.saturating_duration_since(asked) < ASK_AGAIN) {
                return None;
            }
            *asked = Some(now);
            Some(*id)
        })
    }

    /// Takes a packet. Those of a frame come one after the other.
    pub fn push(&mut self, now: Instant, mut packet: Packet<T>) -> Admission {
        packet.bytes = packet.bytes.min(PACKET_MOST);
        let now = self.latest.map_or(now, |latest| latest.max(now));
        match packet.kind {
            Kind::Audio => {
                // Only if nobody polls.
                if self.audio.len() >= PACKETS_MOST {
                    self.audio.pop_front();
                }
                self.audio.push_back(packet);
                Admission::Queued
            }
            Kind::Repair | Kind::Padding => {
                if self.is_held || self.repair.len() >= PACKETS_MOST || self.queue() > QUEUE_LOWEST {
                    return Admission::Dropped;
                }
                self.waiting_bytes += packet.bytes;
                self.repair.push_back(Waiting { packet, since: now, is_first: false });
                Admission::Queued
            }
            Kind::Video(frame) => {
                let (is_sent, is_first) = self.admit(frame);
                if !is_sent {
                    return Admission::Dropped;
                }
                self.waiting_bytes += packet.bytes;
                self.video.push_back(Waiting { packet, since: now, is_first });
                Admission::Queued
            }
        }
    }

    /// The next packet that leaves at `now`, if any. Call it again until there is none. `padding` makes a packet of about so
    /// many bytes to fill a probe; a copy of one sent before does.
    pub fn poll(&mut self, now: Instant, padding: &mut dyn FnMut(usize) -> Option<Packet<T>>) -> Option<Departure<T>> {
        let now = self.pay_off(now);
        if let Some(packet) = self.audio.pop_front() {
            return Some(self.leave(packet, None));
        }
        self.drop_outdated(now);
        if self.is_held || self.is_paused {
            return None;
        }
        if let Some(departure) = self.poll_probe(now, padding) {
            return Some(departure);
        }
        if self.probes.front().is_some_and(|probe| probe.started.is_some()) || self.debt_bits > 0.0 {
            return None;
        }
        let packet = self.pop(now)?;
        Some(self.leave(packet, None))
    }

    /// When to poll next; `None` while there is nothing to send.
    pub fn wake(&self) -> Option<Instant> {
        let latest = self.latest?;
        if !self.audio.is_empty() {
            return Some(latest);
        }
        if self.is_held || self.is_paused {
            return None;
        }
        if let Some(probe) = self.probes.front()
            && let Some(started) = probe.started
        {
            return Some((started + probe.cluster.rate.time_for(probe.bytes)).max(latest));
        }
        if self.repair.is_empty() && self.video.is_empty() {
            return None;
        }
        let wait = (self.debt_bits / self.rate().as_f64()).clamp(0.0, 1.0);
        Some(latest + Duration::from_secs_f64(wait) + Duration::from_micros(1))
    }

    /// Whether packets of `frame` are sent, and whether this is its first.
    fn admit(&mut self, frame: Frame) -> (bool, bool) {
        let is_full = self.video.len() >= PACKETS_MOST;
        if let Some(stream) = self.streams.get_mut(&frame.stream)
            && let Some((id, is_sent)) = &mut stream.current
            && *id == frame.id
        {
            if is_full && std::mem::take(is_sent) {
                stream.broken.get_or_insert(None);
            }
            return (*is_sent, false);
        }
        if self.streams.len() >= STREAMS_MOST && !self.streams.contains_key(&frame.stream) {
            return (false, true);
        }
        let is_sent = self.admit_frame(frame);
        if !is_sent {
            self.frames_dropped += 1;
        }
        let stream = self.streams.entry(frame.stream).or_default();
        stream.current = Some((frame.id, is_sent));
        if is_sent && frame.key {
            stream.broken = None;
        }
        if !is_sent && frame.layer == 0 && stream.broken.is_none() {
            stream.broken = Some(None);
        }
        (is_sent, true)
    }

    fn admit_frame(&mut self, frame: Frame) -> bool {
        let is_broken = self.streams.get(&frame.stream).is_some_and(|stream| stream.broken.is_some());
        if self.is_held || self.video.len() >= PACKETS_MOST {
            return false;
        }
        if frame.key {
            // What waits of the stream is of no use after it.
            self.drop_frames(|other| other.stream == frame.stream);
            return true;
        }
        if is_broken || (frame.layer > 0 && self.queue() > QUEUE_UPPER) {
            return false;
        }
        if self.queue() > QUEUE_LOWEST {
            self.drop_frames(|other| other.layer > 0);
        }
        // Behind a key frame that is merely large it is worth to wait, else the next one would be as late.
        let is_key = |waiting: &Waiting<T>| matches!(waiting.packet.kind, Kind::Video(Frame { key: true, .. }));
        if self.most.time_for(self.waiting_bytes) <= QUEUE_LOWEST || self.video.iter().any(is_key) {
            return true;
        }
        self.drop_all();
        false
    }

    fn drop_outdated(&mut self, now: Instant) {
        let oldest = self.repair.front();
        if oldest.is_some_and(|waiting| now.saturating_duration_since(waiting.since) > QUEUE_MOST) {
            self.repair.clear();
            self.count_waiting();
        }
        let Some(oldest) = self.video.front() else { return };
        let is_key = matches!(oldest.packet.kind, Kind::Video(Frame { key: true, .. }));
        // What waited behind a large key frame would, if it were dropped for that, only lead to the next one.
        let since = self.key_left.map_or(oldest.since, |left| left.max(oldest.since));
        if !is_key && now.saturating_duration_since(since) > QUEUE_MOST {
            self.drop_all();
        }
    }

    /// Drops all video and repair that waits. Streams that lose a frame others depend on are broken from then on.
    fn drop_all(&mut self) {
        let mut lost = BTreeSet::new();
        for waiting in self.video.drain(..) {
            if let Kind::Video(frame) = waiting.packet.kind {
                lost.insert((frame.stream, frame.id, frame.layer));
            }
        }
        self.frames_dropped += lost.len() as u64;
        for (stream, id, _) in lost {
            let stream = self.streams.entry(stream).or_default();
            stream.broken.get_or_insert(None);
            if let Some((current, is_sent)) = &mut stream.current
                && *current == id
            {
                *is_sent = false;
            }
        }
        self.repair.clear();
        self.count_waiting();
    }

    /// Drops those frames of which nothing has left yet.
    fn drop_frames(&mut self, which: impl Fn(&Frame) -> bool) {
        let begun = self.video.front().and_then(|waiting| match waiting.packet.kind {
            Kind::Video(frame) if !waiting.is_first => Some((frame.stream, frame.id)),
            _ => None,
        });
        let mut dropped = 0;
        self.video.retain(|waiting| match waiting.packet.kind {
            Kind::Video(frame) if which(&frame) && begun != Some((frame.stream, frame.id)) => {
                dropped += u64::from(waiting.is_first);
                false
            }
            _ => true,
        });
        self.frames_dropped += dropped;
        self.count_waiting();
    }

    /// Ends those that have not begun: what they would find is of a path that is another one now.
    fn end_probes(&mut self) {
        let waiting = self.probes.iter().filter(|probe| probe.started.is_none());
        self.ended.extend(waiting.map(|probe| (probe.cluster.id, false)));
        self.probes.retain(|probe| probe.started.is_some());
    }

    fn poll_probe(
        &mut self,
        now: Instant,
        padding: &mut dyn FnMut(usize) -> Option<Packet<T>>,
    ) -> Option<Departure<T>> {
        let probe = self.probes.front_mut()?;
        let cluster = probe.cluster;
        let is_whole = probe.bytes as f64 * 8.0 >= cluster.rate.as_f64() * cluster.duration.as_secs_f64()
            && probe.packets >= cluster.packets;
        let is_late = now.saturating_duration_since(probe.made) > PROBE_PATIENCE;
        if is_whole || is_late {
            self.ended.push((cluster.id, probe.packets > 0));
            self.probes.pop_front();
            return self.poll_probe(now, padding);
        }
        if probe.started.is_some_and(|started| now < started + cluster.rate.time_for(probe.bytes)) {
            return None;
        }
        let started = probe.started;
        let bits = cluster.rate.as_f64() * cluster.duration.as_secs_f64() / f64::from(cluster.packets.max(1));
        let is_slow = cluster.rate < PADDING_SLOW;
        let wanted = if is_slow { ((bits / 8.0) as usize).clamp(PADDING.0, PADDING.1) } else { PADDING.1 };
        let Some(packet) = self.pop(now).or_else(|| padding(wanted)) else {
            if started.is_some() {
                self.ended.push((cluster.id, true));
                self.probes.pop_front();
            }
            return None;
        };
        if let Some(probe) = self.probes.front_mut() {
            probe.started.get_or_insert(now);
            probe.bytes += packet.bytes.min(PACKET_MOST);
            probe.packets += 1;
        }
        Some(self.leave(packet, Some(cluster.id)))
    }

    fn pop(&mut self, now: Instant) -> Option<Packet<T>> {
        let waiting = self.repair.pop_front().or_else(|| self.video.pop_front())?;
        if let Kind::Video(Frame { key: true, .. }) = waiting.packet.kind {
            self.key_left = Some(now);
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(waiting.packet.bytes);
        Some(waiting.packet)
    }

    fn leave(&mut self, packet: Packet<T>, probe: Option<ProbeId>) -> Departure<T> {
        let bytes = packet.bytes.min(PACKET_MOST);
        self.debt_bits += bytes as f64 * 8.0;
        // A probe may owe so much, not more: what follows it is not to wait for it.
        self.debt_bits = self.debt_bits.min(self.most.as_f64() * BURST.as_secs_f64() * 4.0 + 12_000.0);
        Departure { kind: packet.kind, bytes, body: packet.body, probe }
    }

    /// Takes off what could have been sent since the last time. Returns the time that counts.
    fn pay_off(&mut self, now: Instant) -> Instant {
        let before = self.latest.unwrap_or(now);
        let now = before.max(now);
        self.latest = Some(now);
        let rate = self.rate().as_f64();
        let paid = (now - before).as_secs_f64() * rate;
        self.debt_bits = (self.debt_bits - paid).max(-BURST.as_secs_f64() * rate);
        now
    }

    fn rate(&self) -> BitRate {
        if self.queue() > QUEUE_UPPER * 2 { self.most } else { self.usual }
    }

    fn count_waiting(&mut self) {
        self.waiting_bytes = self.repair.iter().chain(&self.video).map(|waiting| waiting.packet.bytes).sum();
    }
}
