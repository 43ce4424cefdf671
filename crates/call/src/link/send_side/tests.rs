//! Two chains with a model of a network path between them, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use rtc::interceptor::{Registry, convert_twcc};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, SymbolTypeTcc,
};
use rtc::shared::marshal::MarshalSize;
use sightline_media::RtpPacket;
use sightline_media::video::Assembly;
use sightline_netpath::{Change, Conditions, Loss, Path};

use super::super::chain::registry;
use super::super::tap::Counts;
use super::super::testing::{AUDIO_SSRC, RTX_SSRC, TWCC, VIDEO_SSRC, Wire as Chain, audio_stream, video, video_stream};
use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const CAP: u32 = 1_500_000;

/// What came out at the far end: when, how long it was under way, and what.
struct Got {
    at: Duration,
    took: Duration,
    packet: rtp::Packet,
}

/// One side sends, the other answers as any receiver does.
struct Run {
    start: Instant,
    now: Instant,
    near: Box<dyn Interceptor>,
    far: Box<dyn Interceptor>,
    forth: Path,
    back: Path,
    outlook: Outlook,
    keyframe: Arc<Notify>,
    under_way: BTreeMap<(Instant, u64), (bool, Wire)>,
    count: u64,
    source: Source,
    /// When sound was made, by its timestamp.
    made: BTreeMap<u32, Instant>,
    got: Vec<Got>,
    /// Packets of media on the wire, by SSRC.
    sent: BTreeMap<u32, usize>,
    asked: usize,
    keyframes: usize,
}

/// Makes pictures of two temporal layers, 30 a second, at the rate it is told, and sound.
#[derive(Default)]
struct Source {
    pictures: u32,
    number: u16,
    sounds: u16,
    base: u8,
}

impl Source {
    fn picture(&mut self, bps: u32, key: bool) -> Vec<rtp::Packet> {
        self.pictures += 1;
        let layer = if key { 0 } else { (self.pictures % 2) as u8 };
        self.base = self.base.wrapping_add(u8::from(layer == 0));
        let bytes = (bps / 8 / 30).max(100) as usize * if key { 5 } else { 1 };
        let count = bytes.div_ceil(1_100);
        let [high, low] = (self.pictures as u16 | 0x8000).to_be_bytes();
        let mut packets = Vec::new();
        for index in 0..count {
            let start = if index == 0 { 0x10 } else { 0 };
            // Upper pictures refer to base ones alone, as our encoder makes them.
            let mut payload = vec![0x80 | start, 0xE0, high, low, self.base, layer << 6 | layer << 5, u8::from(!key)];
            payload.resize(bytes / count, 1);
            let mut packet = video(self.number);
            packet.header.timestamp = self.pictures * 3_000;
            packet.header.marker = index + 1 == count;
            packet.payload = Bytes::from(payload);
            self.number = self.number.wrapping_add(1);
            packets.push(packet);
        }
        packets
    }
}

impl Run {
    fn new(forth: Conditions, seed: u64) -> Self {
        let (counts, outlook) = (Counts::default(), Outlook::default());
        let mut near: Box<dyn Interceptor> =
            Box::new(registry(&counts, outlook.clone(), SharedUplink::default(), CAP).build());
        near.bind_local_stream(&video_stream());
        near.bind_local_stream(&audio_stream());
        let known = Counts::default();
        // By ICE.
        known.note_rtt(2 * forth.delay);
        let mut far: Box<dyn Interceptor> =
            Box::new(registry(&known, Outlook::default(), SharedUplink::default(), CAP).build());
        far.bind_remote_stream(&video_stream());
        far.bind_remote_stream(&audio_stream());
        let start = Instant::now();
        Self {
            start,
            now: start,
            near,
            far,
            forth: Path::new(forth, seed),
            back: Path::new(Conditions { rate: None, ..forth }, !seed),
            outlook,
            keyframe: counts.keyframe,
            under_way: BTreeMap::new(),
            count: 0,
            source: Source::default(),
            made: BTreeMap::new(),
            got: Vec::new(),
            sent: BTreeMap::new(),
            asked: 0,
            keyframes: 0,
        }
    }

    /// Nothing passes either way from one time to the other.
    fn outage(mut self, from: Duration, until: Duration) -> Self {
        for path in [&mut self.forth, &mut self.back] {
            path.schedule_outage(self.start + from, self.start + until);
        }
        self
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass up to `until` after the start; `each` sees the link after every picture.
    fn until(&mut self, until: Duration, mut each: impl FnMut(&Self)) {
        let end = self.start + until;
        let (mut picture, mut sound) = (self.now, self.now);
        while self.now < end {
            let due =
                [self.near.poll_timeout(), self.far.poll_timeout(), self.under_way.keys().next().map(|(at, _)| *at)];
            let next = due.into_iter().flatten().chain([picture, sound, end]).min().unwrap_or(end);
            // Timers wake late, as they do in the world.
            self.now = self.now.max(next);
            if self.now >= picture {
                picture += SECOND / 30;
                self.picture();
                each(self);
            }
            if self.now >= sound {
                sound += 20 * MS;
                self.sound();
            }
            self.deliver();
            self.near.handle_timeout(self.now).expect("takes the time");
            self.far.handle_timeout(self.now).expect("takes the time");
            self.collect();
            // A chain that wants to be called at once must not stop the clock.
            self.now += Duration::from_micros(50);
        }
    }

    fn picture(&mut self) {
        let wanted = pin!(self.keyframe.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let key = wanted || self.source.pictures == 0;
        self.keyframes += usize::from(key);
        let bps = self.outlook.rate().borrow().video_bps.min(CAP);
        if bps > 0 {
            for packet in self.source.picture(bps, key) {
                self.write(packet);
            }
        }
    }

    fn sound(&mut self) {
        self.source.sounds = self.source.sounds.wrapping_add(1);
        let packet = super::super::testing::audio(self.source.sounds);
        self.made.insert(packet.header.timestamp, self.now);
        self.write(packet);
    }

    fn write(&mut self, packet: rtp::Packet) {
        let packet = self.tagged(Wire::Rtp(packet));
        self.near.handle_write(packet).expect("takes a packet");
        self.collect();
    }

    fn tagged(&self, packet: Wire) -> TaggedPacket {
        TaggedPacket { now: self.now, transport: Default::default(), message: AttributedPacket::new(packet) }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (is_forth, packet) = entry.remove();
            let packet = self.tagged(packet);
            let end = if is_forth { &mut self.far } else { &mut self.near };
            end.handle_read(packet).expect("takes a packet");
            while let Some(read) = self.far.poll_read() {
                let Wire::Rtp(packet) = read.message.packet else { continue };
                let made = self.made.get(&packet.header.timestamp).filter(|_| packet.header.ssrc == AUDIO_SSRC);
                let took = made.map_or(Duration::ZERO, |made| self.now - *made);
                self.got.push(Got { at: self.elapsed(), took, packet });
            }
            while self.near.poll_read().is_some() {}
            self.collect();
        }
    }

    fn collect(&mut self) {
        for is_forth in [true, false] {
            let (end, path) =
                if is_forth { (&mut self.near, &mut self.forth) } else { (&mut self.far, &mut self.back) };
            while let Some(packet) = end.poll_write() {
                let packet = packet.message.packet;
                let bytes = match &packet {
                    Wire::Rtp(rtp) => {
                        *self.sent.entry(rtp.header.ssrc).or_default() += 1;
                        rtp.marshal_size() + 44
                    }
                    Wire::Rtcp(all) => {
                        let nacks = all.iter().filter_map(|one| one.as_any().downcast_ref::<TransportLayerNack>());
                        let numbers = nacks.flat_map(|nack| nack.nacks.iter().flat_map(|pair| pair.packet_list()));
                        self.asked += numbers.count();
                        100
                    }
                    _ => 100,
                };
                if let Some(at) = path.send(self.now, bytes).arrival() {
                    self.count += 1;
                    self.under_way.insert((at, self.count), (is_forth, packet));
                }
            }
        }
    }

    fn video_bps(&self) -> u32 {
        self.outlook.rate().borrow().video_bps
    }

    /// Payload of pictures that came between two times, bit/s, each packet once.
    fn received_bps(&self, from: Duration, until: Duration) -> f64 {
        let mut seen = BTreeSet::new();
        let came = self.got.iter().filter(|got| got.packet.header.ssrc == VIDEO_SSRC);
        let new = came.filter(|got| seen.insert((got.packet.header.timestamp, got.packet.header.sequence_number)));
        let within = new.filter(|got| (from..until).contains(&got.at));
        within.map(|got| got.packet.payload.len()).sum::<usize>() as f64 * 8.0 / (until - from).as_secs_f64()
    }

    /// Delays of sound that came after `from`, sorted.
    fn sound_delays(&self, from: Duration) -> Vec<Duration> {
        let sound = self.got.iter().filter(|got| got.packet.header.ssrc == AUDIO_SSRC && got.at >= from);
        let mut delays: Vec<_> = sound.map(|got| got.took).collect();
        delays.sort_unstable();
        delays
    }

    /// Numbers of pictures' packets that never came, up to the last that did.
    fn holes(&self) -> usize {
        let numbers: BTreeSet<u16> = self
            .got
            .iter()
            .filter(|got| got.packet.header.ssrc == VIDEO_SSRC)
            .map(|got| got.packet.header.sequence_number)
            .collect();
        let (first, last) = (numbers.first().expect("some came"), numbers.last().expect("some came"));
        usize::from(last - first) + 1 - numbers.len()
    }
}

/// What a receiver makes of the pictures that came after `from`: those that were left out or stepped over, and for how long none was
/// whole at the most.
fn pictures(run: &Run, from: Duration, shown_after: Duration) -> (u64, Duration) {
    let (mut assembly, mut now) = (Assembly::new(), run.start);
    assembly.shown_after(shown_after);
    let (mut whole, mut last, mut longest, mut dropped) = (0, run.start, Duration::ZERO, 0);
    let mut take = |assembly: &mut Assembly, now: Instant| {
        while assembly.next_frame(now).is_some() {
            if now > run.start + from {
                longest = longest.max(now - last);
                whole += 1;
            } else {
                dropped = assembly.dropped();
            }
            last = now;
        }
    };
    for got in run.got.iter().filter(|got| got.packet.header.ssrc == VIDEO_SSRC) {
        let arrived = run.start + got.at;
        while let Some(deadline) = assembly.deadline(now).filter(|deadline| *deadline < arrived) {
            now = deadline;
            take(&mut assembly, now);
        }
        now = arrived;
        let rtp::Packet { header, payload } = got.packet.clone();
        assembly.push(RtpPacket {
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            payload,
            arrived,
            captured_us: None,
            is_copy: false,
        });
        take(&mut assembly, now);
    }
    assert!(whole > 0, "pictures came");
    (assembly.dropped() - dropped, longest)
}

fn path(rate: u64, delay_ms: u32) -> Conditions {
    Conditions { rate: Some(rate), delay: delay_ms * MS, ..Conditions::default() }
}

#[test]
fn a_fast_link_is_known_within_a_second() {
    let mut run = Run::new(path(10_000_000, 10), 1);
    let mut reached = None;
    run.until(5 * SECOND, |run| {
        if reached.is_none() && run.video_bps() >= CAP {
            reached = Some(run.elapsed());
        }
    });
    assert!(reached.is_some_and(|after| after < SECOND), "{reached:?}");
    assert_eq!(run.outlook.figures().frames_dropped, 0);
}

#[test]
fn sound_is_unharmed_by_pictures_on_300_kbit() {
    let mut run = Run::new(path(300_000, 25), 2);
    run.until(30 * SECOND, |_| {});
    let all = run.sound_delays(Duration::ZERO).len();
    assert!(all > 1_495, "all of it comes: {all}");
    // The first probes are a queue that cannot be avoided where nothing is known.
    let delays = run.sound_delays(5 * SECOND);
    let (usual, late) = (delays[delays.len() / 2], delays[delays.len() * 99 / 100]);
    assert!(usual < 60 * MS && late < 130 * MS, "{usual:?}, {late:?}");
    let video = run.received_bps(10 * SECOND, 30 * SECOND);
    assert!(video > 170_000.0, "pictures have the rest: {video}");
    assert_eq!(run.outlook.rate().borrow().audio_bps, 20_000, "what is hardly heard of sound is seen of pictures");
}

#[test]
fn what_is_lost_is_repaired_once() {
    let lossy = Conditions { loss: Loss::Random { probability: 0.05 }, ..path(10_000_000, 25) };
    let mut run = Run::new(lossy, 3);
    run.until(20 * SECOND, |_| {});
    let (pictures, repairs) = (run.sent[&VIDEO_SSRC], run.sent[&RTX_SSRC]);
    let lost = pictures / 20;
    assert!(run.holes() < pictures / 500, "{} of {pictures} stay lost", run.holes());
    assert!(repairs < lost * 8 / 5, "{repairs} repairs for some {lost} losses, probes among them");
    assert!(run.asked < lost * 5 / 2, "{} requests, each said twice, for some {lost} losses", run.asked);
    assert!(run.received_bps(2 * SECOND, 20 * SECOND) > 1_300_000.0, "{}", run.received_bps(2 * SECOND, 20 * SECOND));
}

#[test]
fn repairs_are_in_time_for_nearly_all_pictures() {
    // The schedule comes to some 80 ms where a repair takes 50, and to its most where it takes 100.
    // Bursts are so many packets, of which few go back where nobody sends: there they would last for half a second.
    let random = |probability| Loss::Random { probability };
    for (name, delay_ms, loss, back, shown_after, most) in [
        ("5 %", 25, random(0.05), random(0.05), 75, 190),
        ("10 %", 50, random(0.1), random(0.1), 200, 380),
        ("bursts", 25, Loss::Bursts { mean: 0.05, length: 5.0 }, random(0.05), 75, 250),
    ] {
        let mut run = Run::new(Conditions { loss, ..path(10_000_000, delay_ms) }, 8);
        run.back = Path::new(Conditions { loss: back, ..path(10_000_000, delay_ms) }, 9);
        run.until(42 * SECOND, |_| {});
        let (missing, longest) = pictures(&run, 2 * SECOND, shown_after * MS);
        assert!(missing <= 2, "{name}: {missing} of 1200 pictures are missing");
        assert!(longest < most * MS, "{name}: none for {longest:?}");
    }
}

#[test]
fn what_is_left_out_does_not_look_lost() {
    let mut run = Run::new(path(3_000_000, 20), 4);
    run.forth.schedule(run.start + 5 * SECOND, Change::Rate(Some(400_000)));
    run.until(20 * SECOND, |_| {});
    let left_out = run.outlook.figures().frames_dropped;
    let overflowed = run.forth.counters().overflowed as usize;
    assert!(left_out > 0, "the link fell to a seventh");
    assert!(run.holes() <= overflowed, "{} holes, of which the path made {overflowed}", run.holes());
    assert!(run.received_bps(10 * SECOND, 20 * SECOND) > 220_000.0);
    assert!(run.keyframes > 1, "pictures go on with a keyframe");
}

#[test]
fn an_outage_costs_no_rate() {
    let mut run = Run::new(path(10_000_000, 20), 5).outage(5 * SECOND, 8 * SECOND);
    run.until(8 * SECOND, |_| {});
    let keyframes = run.keyframes;
    run.until(12 * SECOND, |_| {});
    let picture = run.got.iter().find(|got| got.at > 8 * SECOND && got.packet.header.ssrc == VIDEO_SSRC);
    let back = picture.expect("pictures are back").at - 8 * SECOND;
    assert!(back < 300 * MS, "{back:?}");
    assert!(run.keyframes > keyframes);
    let full = run.received_bps(9 * SECOND, 12 * SECOND);
    assert!(full > 1_400_000.0, "{full}");
}

#[test]
fn a_picture_that_broke_off_leaves_a_gap_to_see() {
    let mut wire = Chain::new(registry(&Counts::default(), Outlook::default(), SharedUplink::default(), CAP));
    wire.chain.bind_local_stream(&video_stream());
    let mut source = Source::default();
    let mut whole = source.picture(700_000, true);
    whole.pop();
    let cut = whole.len();
    let next = source.picture(30_000, false);
    for packet in whole.into_iter().chain(next) {
        wire.send(packet);
        wire.advance(50 * MS);
    }
    let numbers: Vec<u16> = wire
        .sent_media()
        .iter()
        .filter(|one| one.header.ssrc == VIDEO_SSRC)
        .map(|one| one.header.sequence_number)
        .collect();
    assert_eq!(numbers.len(), cut + 1);
    assert_eq!(numbers[cut], numbers[cut - 1] + 2);
}

#[test]
fn every_packet_has_its_number_and_padding_is_a_repair_that_was_not_asked_for() {
    let mut run = Run::new(path(10_000_000, 10), 6);
    let mut numbers = Vec::new();
    // Without a far end that takes packets out: all that leaves is looked at.
    let mut source = Source::default();
    for _ in 0..20 {
        for packet in source.picture(250_000, false) {
            run.near.handle_write(run.tagged(Wire::Rtp(packet))).expect("takes a packet");
        }
        run.now += SECOND / 30;
        run.near.handle_timeout(run.now).expect("takes the time");
        while let Some(packet) = run.near.poll_write() {
            let Wire::Rtp(packet) = packet.message.packet else { continue };
            let number = packet.header.get_extension(TWCC as u8).expect("it is numbered");
            numbers.push((u16::from_be_bytes([number[0], number[1]]), packet.header.ssrc));
        }
    }
    assert!(numbers.iter().enumerate().all(|(index, (number, _))| index == usize::from(*number)), "{numbers:?}");
    assert!(numbers.iter().any(|(_, ssrc)| *ssrc == RTX_SSRC), "a probe was filled up");
}

/// A feedback of the peer on three packets, of which the second is lost. Its only chunk has room for seven.
fn feedback() -> TransportLayerCc {
    use rtc::rtcp::transport_feedbacks::transport_layer_cc::{StatusVectorChunk, SymbolSizeTypeTcc};
    let received = SymbolTypeTcc::PacketReceivedSmallDelta;
    let mut symbol_list = vec![SymbolTypeTcc::PacketNotReceived; 7];
    (symbol_list[0], symbol_list[2]) = (received, received);
    let chunk = StatusVectorChunk {
        type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
        symbol_size: SymbolSizeTypeTcc::TwoBit,
        symbol_list,
    };
    TransportLayerCc {
        base_sequence_number: 65_535,
        packet_status_count: 3,
        reference_time: 2,
        packet_chunks: vec![PacketStatusChunk::StatusVectorChunk(chunk)],
        recv_deltas: vec![RecvDelta { type_tcc_packet: received, delta: 1_000 }; 2],
        ..Default::default()
    }
}

#[test]
fn feedback_is_about_as_many_packets_as_it_says() {
    let reports = FeedbackReader::default().read(&feedback(), |low| Some(0x1_0000 | u64::from(low)));
    let told: Vec<_> = reports.iter().map(|report| (report.sequence, report.arrival.is_some())).collect();
    assert_eq!(told, [(65_535, true), (65_536, false), (65_537, true)]);
    let arrivals: Vec<_> = reports.iter().filter_map(|report| report.arrival).collect();
    assert_eq!(arrivals[1] - arrivals[0], MS);
    // The defect is still there; when this fails, the count need not be looked at.
    assert_eq!(convert_twcc(&feedback()).len(), 7);
}

#[test]
fn feedback_about_nothing_or_about_what_was_never_sent_is_harmless() {
    let mut reader = FeedbackReader::default();
    assert!(reader.read(&TransportLayerCc::default(), |_| Some(3)).is_empty());
    assert!(reader.read(&feedback(), |_| None).is_empty());
    assert!(reader.read(&feedback(), |_| Some(1)).is_empty(), "it would begin before the first packet");
    let run = RunLengthChunk {
        type_tcc: StatusChunkTypeTcc::RunLengthChunk,
        packet_status_symbol: SymbolTypeTcc::PacketReceivedLargeDelta,
        run_length: u16::MAX,
    };
    let lies = TransportLayerCc {
        packet_status_count: u16::MAX,
        reference_time: u32::MAX,
        packet_chunks: vec![PacketStatusChunk::RunLengthChunk(run)],
        recv_deltas: vec![RecvDelta { type_tcc_packet: SymbolTypeTcc::PacketReceivedLargeDelta, delta: i64::MIN }],
        ..Default::default()
    };
    reader.read(&lies, |_| Some(1 << 40));
    let mut stage = Chain::new(Registry::new().with(
        rtc::interceptor::Slot::TwccSender,
        SendStage::new(CAP, SharedUplink::default(), Outlook::default(), Arc::default()),
    ));
    stage.receive_rtcp(lies);
    stage.send(video(1));
    assert_eq!(stage.sent_media().len(), 1, "a stream that is not ours passes");
}
