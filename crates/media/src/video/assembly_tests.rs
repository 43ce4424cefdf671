//! Reassembly in virtual time: a sender, a seeded network, and a judge that knows what each picture refers to.

use bytes::Bytes;

use super::super::codec::EncodedPicture;
use super::super::payload::Packetizer;
use super::*;

#[path = "../../tests/support/network.rs"]
mod network;

use network::{Conditions, Network};

const MS: Duration = Duration::from_millis(1);
const TICKS_PER_FRAME: u32 = 3000;

/// How the sender marks its pictures.
#[derive(Clone, Copy, PartialEq)]
enum Marks {
    /// Picture id, layers: as Sightline does.
    Layers,
    /// A picture id and one layer, as browsers do by default.
    PictureId,
    /// A bare descriptor.
    None,
}

/// Makes packets at 30 pictures a second. Each picture's bitstream tells its number and the one it refers to.
struct Sender {
    packetizer: Packetizer,
    marks: Marks,
    packets_per_frame: usize,
    sequence: u16,
    number: u32,
    last_base: u32,
    keyframe_due: bool,
    upper_next: bool,
}

impl Sender {
    fn new(marks: Marks, packets_per_frame: usize, first_sequence: u16) -> Self {
        let packetizer = Packetizer::default();
        let (number, last_base) = (0, 0);
        Self {
            packetizer,
            marks,
            packets_per_frame,
            sequence: first_sequence,
            number,
            last_base,
            keyframe_due: true,
            upper_next: false,
        }
    }

    fn frame(&mut self, now: Instant) -> Vec<RtpPacket> {
        let keyframe = std::mem::take(&mut self.keyframe_due);
        let upper = self.marks == Marks::Layers && self.upper_next && !keyframe;
        self.upper_next = !upper;
        let refers_to = if keyframe { self.number } else { self.last_base };
        // Bit 0 of the first byte is 0 for a keyframe, as in VP8.
        let mut data = vec![u8::from(!keyframe)];
        data.extend(self.number.to_be_bytes());
        data.extend(refers_to.to_be_bytes());
        data.resize((self.packets_per_frame - 1) * 1144 + 700, self.number as u8);
        let picture =
            EncodedPicture { data: &data, keyframe, temporal_layer: u8::from(upper), layer_sync: upper || keyframe };
        self.packetizer.advance(picture.temporal_layer);
        let mut payloads = self.packetizer.packetize(&picture, u32::MAX);
        for payload in &mut payloads {
            *payload = match self.marks {
                Marks::Layers => payload.clone(),
                Marks::PictureId => {
                    let head = [payload[0] & 0x10 | 0x80, 0x80, payload[2], payload[3]];
                    Bytes::from([&head[..], &payload[6..]].concat())
                }
                Marks::None => Bytes::from([&[payload[0] & 0x10][..], &payload[6..]].concat()),
            };
        }
        if !upper {
            self.last_base = self.number;
        }
        let timestamp = self.number.wrapping_mul(TICKS_PER_FRAME);
        self.number += 1;
        let last = payloads.len() - 1;
        let packets = payloads.into_iter().enumerate();
        packets.map(|(index, payload)| self.packet(payload, timestamp, index == last, now)).collect()
    }

    fn packet(&mut self, payload: Bytes, timestamp: u32, marker: bool, now: Instant) -> RtpPacket {
        self.sequence = self.sequence.wrapping_add(1);
        RtpPacket {
            sequence: self.sequence.wrapping_sub(1),
            timestamp,
            marker,
            payload,
            arrived: now,
            captured_us: None,
            is_copy: false,
        }
    }
}

/// What came out of a run.
#[derive(Default)]
struct Outcome {
    numbers: Vec<u32>,
    /// Milliseconds from the sending of a picture to its coming out.
    delays: Vec<u128>,
    requests: Vec<u128>,
    keyframes: usize,
}

/// Checks that a picture is whole and that what it refers to came out before it.
fn judge(outcome: &mut Outcome, frame: &CompleteFrame) {
    let word = |at: usize| u32::from_be_bytes(frame.data[at..at + 4].try_into().expect("four bytes"));
    let (number, refers_to) = (word(1), word(5));
    assert!(frame.data[9..].iter().all(|byte| *byte == number as u8), "picture {number} is broken");
    assert!(outcome.numbers.last().is_none_or(|last| number > *last), "picture {number} is out of order");
    assert!(frame.keyframe || outcome.numbers.contains(&refers_to), "picture {number} lacks {refers_to}");
    assert_eq!(frame.timestamp, number.wrapping_mul(TICKS_PER_FRAME));
    outcome.numbers.push(number);
    outcome.keyframes += usize::from(frame.keyframe);
}

struct Run {
    marks: Marks,
    conditions: Conditions,
    seed: u64,
    seconds: u32,
    /// Lost packets are sent again after this time, and again, as NACK and RTX do.
    repair_after: Option<Duration>,
}

impl Run {
    fn go(&self) -> Outcome {
        let start = Instant::now();
        // Starts near the end of the sequence numbers, so that each run wraps.
        let mut sender = Sender::new(self.marks, 5, 65_000);
        let mut network = Network::new(self.seed, self.conditions);
        let mut repairs: Vec<(Instant, RtpPacket)> = Vec::new();
        let mut request_arrives: Option<Instant> = None;
        let mut assembly = Assembly::new();
        let mut outcome = Outcome::default();
        for ms in 0..self.seconds * 1000 {
            let now = start + ms * MS;
            let mut to_send: Vec<RtpPacket> = Vec::new();
            if request_arrives.take_if(|at| *at <= now).is_some() {
                sender.keyframe_due = true;
            }
            // 30 a second, and nothing in the last second, so that all repairs end.
            if ms % 100 % 33 == 0 && ms % 100 < 99 && ms < (self.seconds - 1) * 1000 {
                to_send.extend(sender.frame(now));
            }
            to_send.extend(repairs.extract_if(.., |(at, _)| *at <= now).map(|(_, packet)| packet));
            for packet in to_send {
                if !network.send(packet.clone(), now) {
                    repairs.extend(self.repair_after.map(|after| (now + after, packet)));
                }
            }
            for (arrived, packet) in network.arrived(now) {
                assembly.push(RtpPacket { arrived, ..packet });
            }
            while let Some(frame) = assembly.next_frame(now) {
                judge(&mut outcome, &frame);
                let number = u128::from(*outcome.numbers.last().expect("just pushed"));
                let sent_at = number / 3 * 100 + number % 3 * 33;
                outcome.delays.push(u128::from(ms) - sent_at);
            }
            if assembly.wants_keyframe(now) {
                outcome.requests.push(u128::from(ms));
                request_arrives.get_or_insert(now + self.conditions.delay);
            }
            assert!(assembly.deadline(now).is_none_or(|deadline| deadline > now));
        }
        // The rate limit holds whatever the network does.
        assert!(outcome.requests.windows(2).all(|pair| pair[1] - pair[0] >= 300));
        outcome
    }
}

fn sent(seconds: u32) -> usize {
    (seconds as usize - 1) * 30
}

const ALL_MARKS: [Marks; 3] = [Marks::Layers, Marks::PictureId, Marks::None];

#[test]
fn a_clean_path_gives_each_picture_at_once() {
    for marks in ALL_MARKS {
        let conditions = Conditions { delay: 20 * MS, ..Conditions::default() };
        let outcome = Run { marks, conditions, seed: 1, seconds: 10, repair_after: None }.go();
        assert_eq!(outcome.numbers.len(), sent(10));
        assert!(outcome.delays.iter().all(|delay| *delay == 20) && outcome.requests.is_empty());
    }
}

#[test]
fn disorder_jitter_and_duplicates_cost_nothing() {
    for marks in ALL_MARKS {
        let conditions = Conditions {
            delay: 20 * MS,
            jitter: 30 * MS,
            duplicate: 0.2,
            reorder: 0.1,
            reorder_by: 15 * MS,
            ..Conditions::default()
        };
        let outcome = Run { marks, conditions, seed: 2, seconds: 20, repair_after: None }.go();
        assert_eq!(outcome.numbers.len(), sent(20));
        assert!(outcome.requests.is_empty());
    }
}

#[test]
fn repaired_losses_are_waited_for_without_a_keyframe() {
    for marks in ALL_MARKS {
        let conditions = Conditions { delay: 25 * MS, jitter: 5 * MS, loss: 0.03, ..Conditions::default() };
        let outcome = Run { marks, conditions, seed: 3, seconds: 30, repair_after: Some(60 * MS) }.go();
        let part = outcome.numbers.len() as f64 / sent(30) as f64;
        // With layers a picture that nothing depends on is not waited for as long as a repair takes.
        assert!(part > if marks == Marks::Layers { 0.92 } else { 0.999 }, "{part}");
        assert!(outcome.requests.len() <= 1, "{:?}", outcome.requests);
        let worst = outcome.delays.iter().max().expect("pictures");
        assert!(*worst <= 25 + 5 + 3 * 90, "waited {worst} ms");
    }
}

#[test]
fn unrepaired_losses_end_with_a_keyframe_each() {
    for marks in ALL_MARKS {
        for burst in [0.0, 0.8] {
            let conditions = Conditions { delay: 25 * MS, loss: 0.002, burst, ..Conditions::default() };
            let outcome = Run { marks, conditions, seed: 4, seconds: 60, repair_after: None }.go();
            assert!(!outcome.requests.is_empty() && outcome.keyframes > 1);
            assert!(outcome.keyframes <= outcome.requests.len() + 1);
            assert!(outcome.numbers.len() > sent(60) * 6 / 10, "{} pictures", outcome.numbers.len());
            assert!(*outcome.numbers.last().expect("pictures") as usize >= sent(60) - 30, "recovers to the end");
        }
    }
}

#[test]
fn heavy_loss_never_shows_a_broken_picture() {
    for (seed, marks) in (10..16).zip(ALL_MARKS.iter().cycle()) {
        let conditions = Conditions {
            delay: 50 * MS,
            jitter: 60 * MS,
            loss: 0.15,
            burst: 0.7,
            duplicate: 0.1,
            reorder: 0.1,
            reorder_by: 80 * MS,
            ..Conditions::default()
        };
        // The judge looks at each picture.
        let outcome = Run { marks: *marks, conditions, seed, seconds: 30, repair_after: Some(130 * MS) }.go();
        assert!(outcome.numbers.len() > 100, "{} pictures", outcome.numbers.len());
    }
}

/// Feeds packets at one moment and gives the numbers of the pictures that come out.
fn feed(assembly: &mut Assembly, packets: &[RtpPacket], now: Instant) -> Vec<u32> {
    packets.iter().for_each(|packet| assembly.push(packet.clone()));
    let mut outcome = Outcome::default();
    std::iter::from_fn(|| assembly.next_frame(now))
        .map(|frame| u32::from_be_bytes(frame.data[1..5].try_into().expect("four bytes")))
        .inspect(|number| outcome.numbers.push(*number))
        .collect()
}

#[test]
fn a_lost_upper_picture_is_stepped_over_without_a_keyframe() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::Layers, 2, 0);
    let mut assembly = Assembly::new();
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0]);
    let upper = sender.frame(now);
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0; 0], "may only be late");
    assert_eq!(assembly.deadline(now), Some(now + DISORDER));
    assert_eq!(feed(&mut assembly, &[], now + 129 * MS), [0; 0]);
    assert_eq!(feed(&mut assembly, &[], now + 130 * MS), [2]);
    assert_eq!(feed(&mut assembly, &upper, now + 131 * MS), [0; 0], "too late");
    assert_eq!(feed(&mut assembly, &sender.frame(now), now + 156 * MS), [3]);
    assert!(!assembly.wants_keyframe(now + 500 * MS));
}

#[test]
fn a_lost_base_picture_stops_output_until_the_keyframe() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::Layers, 2, 0);
    let mut assembly = Assembly::new();
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0]);
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [1]);
    sender.frame(now);
    (3..30).for_each(|_| assert_eq!(feed(&mut assembly, &sender.frame(now), now + 200 * MS), [0; 0]));
    assert!(!assembly.wants_keyframe(now + 449 * MS), "a repair may come");
    assert!(assembly.wants_keyframe(now + 450 * MS));
    assert!(!assembly.wants_keyframe(now + 749 * MS));
    assert!(assembly.wants_keyframe(now + 750 * MS));
    sender.keyframe_due = true;
    assert_eq!(feed(&mut assembly, &sender.frame(now), now + 760 * MS), [30]);
    assert_eq!(assembly.dropped(), 27);
    assert!(!assembly.wants_keyframe(now + 5000 * MS));
}

#[test]
fn a_path_that_was_away_is_asked_anew_at_once() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::Layers, 2, 0);
    let mut assembly = Assembly::new();
    feed(&mut assembly, &sender.frame(now), now);
    feed(&mut assembly, &sender.frame(now), now);
    // The path dies with a picture, and several requests with it.
    sender.frame(now);
    feed(&mut assembly, &sender.frame(now), now);
    let asked: Vec<u32> = (0..4000).filter(|ms| assembly.wants_keyframe(now + *ms * MS)).collect();
    assert!(asked.len() >= 4, "{asked:?}");
    let back = now + 4000 * MS;
    assert!(!assembly.wants_keyframe(back), "the next one is more than a second away: {asked:?}");
    let back = now + (asked[asked.len() - 1] + 300) * MS;
    feed(&mut assembly, &sender.frame(back), back);
    assert!(assembly.wants_keyframe(back), "the first packet shows that requests arrive again");
    // Not so after a slow picture.
    let slow = back + 200 * MS;
    feed(&mut assembly, &sender.frame(slow), slow);
    assert!(!assembly.wants_keyframe(slow));
}

#[test]
fn joining_in_the_middle_asks_at_once_and_starts_with_the_keyframe() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::PictureId, 3, 100);
    let mut assembly = Assembly::new();
    sender.frame(now);
    assert!(!assembly.wants_keyframe(now), "nothing came yet");
    assert_eq!(feed(&mut assembly, &sender.frame(now)[1..], now), [0; 0]);
    assert!(assembly.wants_keyframe(now + 20 * MS));
    sender.keyframe_due = true;
    let keyframe = sender.frame(now);
    assert_eq!(feed(&mut assembly, &keyframe[..2], now + 50 * MS), [0; 0]);
    assert!(!assembly.wants_keyframe(now + 5000 * MS), "a slow keyframe needs no second one");
    assert_eq!(feed(&mut assembly, &keyframe[2..], now + 5001 * MS), [2]);
}

#[test]
fn padding_takes_sequence_numbers_and_nothing_else() {
    let now = Instant::now();
    for marks in ALL_MARKS {
        let mut sender = Sender::new(marks, 2, 65_530);
        let mut assembly = Assembly::new();
        assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0]);
        for number in 1..20 {
            let padding: Vec<_> = (0..3).map(|_| sender.packet(Bytes::new(), number, false, now)).collect();
            let frame = sender.frame(now);
            assert_eq!(feed(&mut assembly, &[padding, frame].concat(), now), [number]);
        }
        if marks != Marks::None {
            // Lost padding: the picture ids tell that nothing else is missing.
            sender.packet(Bytes::new(), 0, false, now);
            assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0; 0]);
            assert_eq!(feed(&mut assembly, &[], now + 130 * MS), [20]);
        }
    }
}

#[test]
fn copies_of_old_packets_are_no_new_stream() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::PictureId, 4, 0);
    let mut assembly = Assembly::new();
    let mut history = Vec::new();
    for number in 0..1000 {
        let frame = sender.frame(now);
        history.extend(frame.iter().cloned());
        assert_eq!(feed(&mut assembly, &frame, now), [number]);
        // As Chromium probes: many copies, in order.
        let probe = &history[history.len().saturating_sub(2000)..][..4];
        assert_eq!(feed(&mut assembly, probe, now), [0; 0]);
    }
    assert_eq!(assembly.dropped(), 0);
}

#[test]
fn a_sender_that_begins_again_is_followed() {
    let now = Instant::now();
    for jump in [20_000u16, 40_000] {
        let mut assembly = Assembly::new();
        let mut sender = Sender::new(Marks::Layers, 3, 1000);
        assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0]);
        let mut again = Sender::new(Marks::Layers, 3, 1000u16.wrapping_add(jump));
        // Other timestamps, too.
        again.number = 1_000_000;
        assert_eq!(feed(&mut assembly, &again.frame(now), now), [1_000_000]);
        assert_eq!(feed(&mut assembly, &again.frame(now), now), [1_000_001]);
    }
}

#[test]
fn a_stray_packet_does_not_disturb() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::Layers, 3, 1000);
    let mut assembly = Assembly::new();
    for number in 0..100 {
        let mut stray = sender.frame(now);
        assert_eq!(feed(&mut assembly, &stray, now), [number]);
        stray[0].sequence = stray[0].sequence.wrapping_add(30_000 + number as u16 * 7);
        stray[0].timestamp = number.wrapping_mul(77_777_777);
        assert_eq!(feed(&mut assembly, &stray[..1], now), [0; 0]);
    }
}

#[test]
fn memory_is_bounded_and_garbage_is_survived() {
    let now = Instant::now();
    let mut assembly = Assembly::new();
    let mut sender = Sender::new(Marks::None, 1, 0);
    let mut bits = 1u32;
    let mut random = move || {
        bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bits >> 8
    };
    for step in 0..60_000u32 {
        let length = random() % 12;
        let payload: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        let mut packet = sender.packet(Bytes::from(payload), random() % 50, random() % 40 == 0, now);
        if random() % 8 == 0 {
            packet.sequence = random() as u16;
        }
        assembly.push(packet);
        while assembly.next_frame(now + step * MS).is_some() {}
        assembly.wants_keyframe(now + step * MS);
        assert!(assembly.slots.len() <= WINDOW);
    }
    // And it works afterwards.
    let mut sender = Sender::new(Marks::Layers, 2, sender.sequence);
    sender.number = 5_000_000;
    let later = now + 100_000_000 * MS;
    let numbers: Vec<u32> = (0..2).flat_map(|_| feed(&mut assembly, &sender.frame(later), later)).collect();
    assert_eq!(numbers, [5_000_000, 5_000_001]);
}

#[test]
fn a_flood_without_keyframe_keeps_the_newest() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::PictureId, 3, 0);
    let mut assembly = Assembly::new();
    sender.frame(now);
    for _ in 0..3000 {
        assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0; 0]);
        assert!(assembly.slots.len() <= WINDOW);
    }
    sender.keyframe_due = true;
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [3001]);
    // A picture of which part was given up earlier counts again.
    assert!((3000..3010).contains(&assembly.dropped()), "{}", assembly.dropped());
}

#[test]
fn a_failed_decoder_gets_nothing_but_a_keyframe() {
    let now = Instant::now();
    let mut sender = Sender::new(Marks::Layers, 2, 0);
    let mut assembly = Assembly::new();
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0]);
    assembly.decoder_failed();
    assert!(assembly.wants_keyframe(now));
    assert!(assembly.deadline(now).is_some_and(|deadline| deadline > now));
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [0; 0]);
    sender.keyframe_due = true;
    assert_eq!(feed(&mut assembly, &sender.frame(now), now), [2]);
}
