//! Asks the peer for what was lost. Takes the place of the crate's generator, which knows no round trip: it asks for each
//! loss at every tick until the repair is there (defect 2), and forgets everything at each renegotiation (defect 11).
//!
//! Invariant: each request is said twice, and a packet is asked for again only when the answer to the last request is overdue, and
//! not any more once nothing can come of it: after a second, after [`ATTEMPTS`], or when a keyframe began behind it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use sightline_media::video::PayloadInfo;

use super::tap::{Counts, Sequence};

/// Requests for one packet.
const ATTEMPTS: u32 = 10;
/// A repair that takes longer comes after the keyframe that was asked for meanwhile (media's reassembly waits 250 ms).
const USEFUL: Duration = Duration::from_secs(1);
/// Gaps remembered of a stream: more is no loss to repair, but another place in the stream or a dead path.
const MISSING: usize = 512;
/// What a request and its answer take beside the round trip: timers at both ends, and the pacer.
const SLACK: Duration = Duration::from_millis(20);
/// While no round trip was measured.
const RTT_UNKNOWN: Duration = Duration::from_millis(100);
/// A request is said again after so long, for it may be lost as well: where one in twenty is, half of all repairs that fail fail
/// by it. A burst of loss is over by then; a sender does not send a packet twice within a round trip.
const ECHO: Duration = Duration::from_millis(15);
/// Between two requests for the same packet.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(30), Duration::from_millis(500));
/// Packets that overtake each other are waited for as long as such took of late, but no longer: then the repair would be late.
const DISORDER_MOST: Duration = Duration::from_millis(80);
/// What remains of that after each second without disorder.
const DISORDER_FADE: f64 = 0.8;

/// A packet that is missing.
#[derive(Debug, Clone, Copy)]
struct Gap {
    noticed: Instant,
    due: Instant,
    /// When the last request is said again.
    echo: Option<Instant>,
    asked: u32,
}

impl Gap {
    fn wake(&self) -> Instant {
        self.echo.map_or(self.due, |echo| echo.min(self.due))
    }
}

/// What is missing of one stream.
struct Stream {
    sequence: Option<Sequence>,
    missing: BTreeMap<u64, Gap>,
    /// How long packets came late that had only been overtaken.
    disorder: Duration,
    faded: Option<Instant>,
}

impl Stream {
    fn new() -> Self {
        Self { sequence: None, missing: BTreeMap::new(), disorder: Duration::ZERO, faded: None }
    }

    /// A packet is there. `begins_keyframe`: nothing before it is needed any more.
    fn arrived(&mut self, now: Instant, number: u16, begins_keyframe: bool, rtt: Duration) {
        let Some(sequence) = &mut self.sequence else {
            self.sequence = Some(Sequence::starting(number));
            return;
        };
        let (before, place) = (sequence.highest(), sequence.near(number));
        if sequence.extend(number) {
            if place - before > MISSING as u64 {
                self.missing.clear();
            } else {
                let gap = Gap { noticed: now, due: now + self.disorder, echo: None, asked: 0 };
                self.missing.extend((before + 1..place).map(|lost| (lost, gap)));
            }
        } else if let Some(gap) = self.missing.remove(&place) {
            self.note_disorder(now, gap, rtt);
        }
        if begins_keyframe {
            self.missing = self.missing.split_off(&place);
        }
        while self.missing.len() > MISSING {
            self.missing.pop_first();
        }
    }

    /// What comes sooner than a repair can was only overtaken.
    fn note_disorder(&mut self, now: Instant, gap: Gap, rtt: Duration) {
        let late = now.saturating_duration_since(gap.noticed);
        let requested = (gap.asked > 0).then(|| now.saturating_duration_since(gap.noticed + self.disorder));
        if requested.is_none_or(|requested| requested < rtt / 2) {
            self.disorder = self.disorder.max(late.min(DISORDER_MOST));
            self.faded = Some(now);
        }
    }

    /// The numbers to be asked for at `now`.
    fn due(&mut self, now: Instant, rtt: Duration) -> Vec<u16> {
        let since = *self.faded.get_or_insert(now);
        if now.saturating_duration_since(since) >= Duration::from_secs(1) {
            self.disorder = self.disorder.mul_f64(DISORDER_FADE);
            self.faded = Some(now);
        }
        let patience = (rtt + SLACK).clamp(PATIENCE.0, PATIENCE.1);
        let may_ask = |gap: &Gap| gap.asked < ATTEMPTS || gap.echo.is_some();
        self.missing.retain(|_, gap| may_ask(gap) && now.saturating_duration_since(gap.noticed) < USEFUL);
        let due = self.missing.iter_mut().filter(|(_, gap)| gap.wake() <= now);
        due.map(|(number, gap)| {
            gap.echo = (gap.due <= now).then_some(now + ECHO);
            if gap.due <= now {
                gap.asked += 1;
                gap.due = now + patience;
            }
            *number as u16
        })
        .collect()
    }

    fn wake(&self) -> Option<Instant> {
        self.missing.values().map(Gap::wake).min()
    }
}

/// The stage.
pub(super) struct NackStage {
    counts: Counts,
    sender_ssrc: u32,
    /// By SSRC. As many as the session description makes.
    streams: HashMap<u32, Stream>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl NackStage {
    /// `counts` knows the round trip.
    pub(super) fn new(counts: Counts) -> Self {
        Self {
            counts,
            sender_ssrc: rand::random(),
            streams: HashMap::new(),
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
        }
    }

    fn rtt(&self) -> Duration {
        self.counts.rtt().unwrap_or(RTT_UNKNOWN)
    }

    fn ask(&mut self, now: Instant) {
        let rtt = self.rtt();
        for (ssrc, stream) in &mut self.streams {
            let numbers = stream.due(now, rtt);
            if numbers.is_empty() {
                continue;
            }
            let nacks = nack_pairs_from_sequence_numbers(&numbers);
            let nack = TransportLayerNack { sender_ssrc: self.sender_ssrc, media_ssrc: *ssrc, nacks };
            let message = AttributedPacket::new(Packet::Rtcp(vec![Box::new(nack)]));
            self.outbound.push_back(TaggedPacket { now, transport: Default::default(), message });
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for NackStage {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        let rtt = self.rtt();
        if let Packet::Rtp(rtp) = &packet.message.packet
            && let Some(stream) = self.streams.get_mut(&rtp.header.ssrc)
        {
            let begins_keyframe = PayloadInfo::read(&rtp.payload).is_some_and(|info| info.begins_keyframe);
            stream.arrived(packet.now, rtp.header.sequence_number, begins_keyframe, rtt);
            self.ask(packet.now);
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.ask(now);
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.streams.values().filter_map(Stream::wake).min()
    }
}

impl Interceptor for NackStage {
    fn bind_local_stream(&mut self, _stream: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _stream: &StreamInfo) {}

    fn bind_remote_stream(&mut self, stream: &StreamInfo) {
        // A second bind of the same stream is a renegotiation. RTX streams are bound on their own (defect 17), but no packet of
        // theirs comes up here.
        if stream.rtcp_feedback.iter().any(|one| one.typ == "nack" && one.parameter.is_empty()) {
            self.streams.entry(stream.ssrc).or_insert_with(Stream::new);
        }
    }

    fn unbind_remote_stream(&mut self, stream: &StreamInfo) {
        self.streams.remove(&stream.ssrc);
    }
}

#[cfg(test)]
mod tests {
    use rtc::interceptor::{Registry, Slot};

    use super::super::testing::{Wire, repair, video, video_stream};
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NONE: [u16; 0] = [];

    fn wire(rtt: Duration) -> Wire {
        let counts = Counts::default();
        counts.note_rtt(rtt);
        let mut wire = Wire::new(Registry::new().with(Slot::NackGenerator, NackStage::new(counts)));
        wire.bind_remote(&video_stream());
        wire
    }

    /// What is asked for within `ms`.
    fn asked(wire: &mut Wire, ms: u32) -> Vec<u16> {
        wire.advance(ms * MS);
        wire.nacked()
    }

    #[test]
    fn a_loss_is_asked_for_at_once_and_again_when_the_answer_is_overdue() {
        for rtt in [20, 60, 150] {
            let mut wire = wire(rtt * MS);
            for sequence in [65_534, 65_535, 1] {
                wire.receive(video(sequence));
            }
            assert_eq!(asked(&mut wire, 1), [0]);
            assert_eq!(asked(&mut wire, 16), [0], "the request may be lost");
            assert_eq!(asked(&mut wire, rtt), NONE, "its answer is under way");
            assert_eq!(asked(&mut wire, 5), [0]);
            // The repair is unwrapped below.
            wire.receive(video(0));
            assert_eq!(asked(&mut wire, 2_000), NONE);
        }
    }

    #[test]
    fn nothing_is_asked_for_that_comes_too_late() {
        let mut wire = wire(20 * MS);
        wire.receive(video(1));
        wire.receive(video(3));
        assert_eq!(asked(&mut wire, 10_000).len(), 2 * 10);
        let mut far = self::wire(400 * MS);
        far.receive(video(1));
        far.receive(video(3));
        assert_eq!(asked(&mut far, 10_000).len(), 2 * 3, "within a second");
    }

    #[test]
    fn a_keyframe_makes_what_was_lost_before_it_useless() {
        let mut wire = wire(20 * MS);
        wire.receive(video(1));
        let mut keyframe = video(5);
        keyframe.payload = bytes::Bytes::from_static(&[0x10, 0x00, 0x00]);
        wire.receive(keyframe);
        wire.receive(video(8));
        assert_eq!(asked(&mut wire, 1), [6, 7]);
    }

    #[test]
    fn what_was_only_overtaken_is_not_asked_for() {
        let mut wire = wire(50 * MS);
        wire.receive(video(1));
        wire.receive(video(3));
        assert_eq!(asked(&mut wire, 14), [2], "nothing is known of disorder yet");
        wire.receive(video(2));
        for sequence in (4..400).step_by(2) {
            wire.receive(video(sequence + 1));
            assert_eq!(asked(&mut wire, 10), NONE, "at {sequence}");
            wire.receive(video(sequence));
        }
        // It is forgotten where it does not happen any more.
        for sequence in 400..1_000 {
            wire.receive(video(sequence));
            assert_eq!(asked(&mut wire, 10), NONE);
        }
        wire.receive(video(1_001));
        assert_eq!(asked(&mut wire, 6), [1_000]);
    }

    #[test]
    fn a_jump_is_not_a_thousand_losses() {
        let mut wire = wire(50 * MS);
        wire.receive(video(1));
        wire.receive(video(5_000));
        assert_eq!(asked(&mut wire, 100), NONE);
        for sequence in (5_002..20_000).step_by(2) {
            wire.receive(video(sequence));
        }
        let mut most = asked(&mut wire, 200);
        most.sort_unstable();
        most.dedup();
        assert!(most.len() <= 8_000, "bounded: {}", most.len());
    }

    #[test]
    fn a_renegotiation_forgets_nothing_and_another_stream_begins_afresh() {
        let mut wire = wire(50 * MS);
        for sequence in [10, 11, 14] {
            wire.receive(video(sequence));
        }
        wire.bind_remote(&video_stream());
        wire.receive(video(15));
        wire.receive(video(17));
        assert_eq!(asked(&mut wire, 1), [12, 13, 16]);
        wire.unbind_remote(&video_stream());
        wire.bind_remote(&video_stream());
        wire.receive(video(900));
        assert_eq!(asked(&mut wire, 100), NONE);
    }

    #[test]
    fn repairs_that_nobody_unwrapped_are_not_counted_as_packets() {
        let mut wire = wire(50 * MS);
        wire.receive(video(1));
        wire.receive(repair(7, 9));
        assert_eq!(asked(&mut wire, 100), NONE);
    }
}
