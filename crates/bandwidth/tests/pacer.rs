//! What leaves when, in virtual time.

use std::time::{Duration, Instant};

use sightline_bandwidth::{Admission, BitRate, Cluster, Departure, Frame, Kind, Pacer, Packet, ProbeId};

const MS: Duration = Duration::from_millis(1);
/// One packet of 1250 bytes each 10 ms.
const RATE: BitRate = BitRate::kbps(1000);
const BYTES: usize = 1250;

struct Bench {
    start: Instant,
    pacer: Pacer<u32>,
}

impl Bench {
    fn new() -> Self {
        Self { start: Instant::now(), pacer: Pacer::new(RATE) }
    }

    fn frame(&mut self, at: Duration, id: u64, layer: u8, key: bool, packets: u32) -> Admission {
        let frame = Frame { stream: 1, id, layer, key };
        let mut last = Admission::Dropped;
        for index in 0..packets {
            let packet = Packet { kind: Kind::Video(frame), bytes: BYTES, body: id as u32 * 100 + index };
            last = self.pacer.push(self.start + at, packet);
        }
        last
    }

    fn push(&mut self, at: Duration, kind: Kind, body: u32) -> Admission {
        self.pacer.push(self.start + at, Packet { kind, bytes: BYTES, body })
    }

    /// What leaves at `at`.
    fn poll(&mut self, at: Duration) -> Vec<Departure<u32>> {
        let now = self.start + at;
        let mut out = Vec::new();
        while let Some(departure) = self.pacer.poll(now, &mut |_| None) {
            out.push(departure);
        }
        out
    }

    fn bodies(&mut self, at: Duration) -> Vec<u32> {
        self.poll(at).into_iter().map(|departure| departure.body).collect()
    }

    /// Everything that leaves from `from` to `to`, by its own timer, and when.
    fn run(&mut self, from: Duration, to: Duration) -> Vec<(Duration, Departure<u32>)> {
        let mut out = Vec::new();
        let mut at = from;
        while at <= to {
            out.extend(self.poll(at).into_iter().map(|departure| (at, departure)));
            let Some(wake) = self.pacer.wake() else { break };
            at = (wake - self.start).max(at + Duration::from_micros(100));
        }
        out
    }
}

#[test]
fn sound_passes_everything_that_waits_and_repair_passes_video() {
    let mut bench = Bench::new();
    bench.frame(MS, 1, 0, true, 4);
    assert_eq!(bench.bodies(MS), [100]);
    bench.push(2 * MS, Kind::Repair, 7);
    bench.push(2 * MS, Kind::Audio, 8);
    assert_eq!(bench.bodies(2 * MS), [8]);
    assert_eq!(bench.bodies(22 * MS), [7]);
    assert_eq!(bench.bodies(32 * MS), [101]);
}

#[test]
fn video_is_spread_at_the_rate() {
    let mut bench = Bench::new();
    bench.frame(Duration::ZERO, 1, 0, true, 8);
    let out = bench.run(Duration::ZERO, 200 * MS);
    assert_eq!(out.len(), 8);
    for (index, (at, _)) in out.iter().enumerate() {
        let due = 10 * MS * index as u32;
        assert!(at.abs_diff(due) < 2 * MS, "packet {index} at {at:?}");
    }
}

#[test]
fn a_late_timer_catches_up_by_no_more_than_the_burst() {
    let mut bench = Bench::new();
    bench.pacer.set_rates(RATE.times(10.0), RATE.times(10.0));
    assert!(bench.poll(Duration::ZERO).is_empty());
    bench.frame(500 * MS, 1, 0, true, 20);
    // 5 ms at 10 Mbit/s are five packets, and the one that may always leave.
    assert!((5..=6).contains(&bench.poll(500 * MS).len()));
}

#[test]
fn frames_of_the_upper_layer_go_before_anything_is_delayed() {
    let mut bench = Bench::new();
    bench.poll(Duration::ZERO);
    bench.frame(Duration::ZERO, 1, 0, true, 6);
    // 60 ms are waiting.
    assert_eq!(bench.frame(MS, 2, 1, false, 1), Admission::Dropped);
    assert_eq!(bench.frame(2 * MS, 3, 0, false, 1), Admission::Queued);
    assert_eq!(bench.pacer.frames_dropped(), 1);
    // Nothing depends on what was left out.
    assert_eq!(bench.pacer.wants_key_frame(bench.start + 3 * MS), None);
    let out = bench.run(3 * MS, 300 * MS);
    assert_eq!(out.last().map(|(_, departure)| departure.body), Some(300));
}

#[test]
fn too_much_is_dropped_in_whole_frames_and_a_key_frame_is_asked_for() {
    let mut bench = Bench::new();
    bench.frame(Duration::ZERO, 1, 0, true, 1);
    bench.poll(Duration::ZERO);
    let mut admitted = 0;
    for id in 2..10 {
        if bench.frame(MS, id, 0, false, 5) == Admission::Queued {
            admitted += 1;
        }
    }
    assert!(admitted < 8);
    assert!(bench.pacer.queue() <= 200 * MS);
    let now = bench.start + 2 * MS;
    assert_eq!(bench.pacer.wants_key_frame(now), Some(1));
    assert_eq!(bench.pacer.wants_key_frame(now + 100 * MS), None);
    // It does not come: asked again.
    assert_eq!(bench.pacer.wants_key_frame(now + 600 * MS), Some(1));
    assert_eq!(bench.frame(700 * MS, 20, 0, false, 1), Admission::Dropped);
    assert_eq!(bench.frame(700 * MS, 21, 0, true, 1), Admission::Queued);
    assert_eq!(bench.frame(700 * MS, 22, 0, false, 1), Admission::Queued);
    assert_eq!(bench.pacer.wants_key_frame(now + 2000 * MS), None);
    assert_eq!(bench.run(700 * MS, 800 * MS).iter().map(|(_, d)| d.body).collect::<Vec<_>>(), [2100, 2200]);
}

#[test]
fn nothing_leaves_that_waited_for_more_than_200_ms() {
    let mut bench = Bench::new();
    bench.frame(Duration::ZERO, 1, 0, true, 1);
    bench.poll(Duration::ZERO);
    bench.frame(MS, 2, 0, false, 12);
    // The timer did not fire for long.
    assert!(bench.poll(250 * MS).is_empty());
    assert_eq!(bench.pacer.queue(), Duration::ZERO);
    assert_eq!(bench.pacer.wants_key_frame(bench.start + 250 * MS), Some(1));
}

#[test]
fn no_key_frame_is_asked_for_that_could_not_leave() {
    let mut bench = Bench::new();
    bench.frame(Duration::ZERO, 0, 0, true, 1);
    bench.poll(Duration::ZERO);
    bench.pacer.pause(true);
    bench.frame(33 * MS, 1, 0, false, 1);
    bench.poll(300 * MS);
    let now = |at: u32| bench.start + MS * at;
    let (paused, over) = (now(300), now(330));
    assert_eq!(bench.pacer.wants_key_frame(paused), None, "what waited is out of date, and nothing leaves yet");
    bench.pacer.pause(false);
    assert_eq!(bench.pacer.wants_key_frame(over), Some(1));
}

#[test]
fn a_key_frame_replaces_what_waits_of_its_stream() {
    let mut bench = Bench::new();
    bench.frame(Duration::ZERO, 1, 0, true, 1);
    bench.poll(Duration::ZERO);
    bench.frame(MS, 2, 0, false, 6);
    bench.frame(2 * MS, 3, 0, true, 2);
    let bodies: Vec<u32> = bench.run(2 * MS, 100 * MS).iter().map(|(_, departure)| departure.body).collect();
    assert_eq!(bodies, [300, 301]);
}

#[test]
fn while_held_only_sound_leaves() {
    let mut bench = Bench::new();
    bench.frame(Duration::ZERO, 1, 0, true, 3);
    bench.pacer.hold(true);
    bench.push(MS, Kind::Audio, 9);
    assert_eq!(bench.bodies(MS), [9]);
    assert_eq!(bench.frame(2 * MS, 2, 0, false, 1), Admission::Dropped);
    assert_eq!(bench.pacer.wants_key_frame(bench.start + 2 * MS), None);
    bench.pacer.hold(false);
    assert_eq!(bench.pacer.wants_key_frame(bench.start + 3 * MS), Some(1));
}

#[test]
fn a_probe_is_sent_at_its_rate_with_media_first_and_padding_then() {
    let mut bench = Bench::new();
    let cluster = Cluster { id: ProbeId(3), rate: BitRate::kbps(5000), duration: 15 * MS, packets: 6 };
    bench.frame(Duration::ZERO, 1, 0, true, 2);
    bench.pacer.probe(bench.start, cluster);
    let mut out = Vec::new();
    let mut at = Duration::ZERO;
    while bench.pacer.take_ended().is_empty() {
        let mut padding = |bytes| Some(Packet { kind: Kind::Padding, bytes, body: 0 });
        while let Some(departure) = bench.pacer.poll(bench.start + at, &mut padding) {
            out.push((at, departure));
        }
        at += MS;
        assert!(at < 50 * MS, "it ends");
    }
    let probe: Vec<_> = out.iter().filter(|(_, departure)| departure.probe == Some(ProbeId(3))).collect();
    assert_eq!(probe[0].1.body, 100);
    assert_eq!(probe[1].1.body, 101);
    assert!(probe[2..].iter().all(|(_, departure)| departure.kind == Kind::Padding));
    let bytes: usize = probe.iter().map(|(_, departure)| departure.bytes).sum();
    assert!((9375..=9375 + 1250).contains(&bytes), "{bytes}");
    assert!(probe.last().unwrap().0 <= 16 * MS);
}

#[test]
fn a_probe_without_packets_is_given_up() {
    let mut bench = Bench::new();
    let cluster = Cluster { id: ProbeId(3), rate: BitRate::kbps(5000), duration: 15 * MS, packets: 6 };
    bench.pacer.probe(bench.start, cluster);
    assert!(bench.poll(500 * MS).is_empty());
    assert!(bench.pacer.take_ended().is_empty());
    bench.poll(1001 * MS);
    assert_eq!(bench.pacer.take_ended(), [(ProbeId(3), false)]);
}

/// Sent after a pause it would be a burst at twice the rate of a path that has become slow.
#[test]
fn a_probe_that_a_pause_holds_up_is_never_sent() {
    for is_held in [false, true] {
        let mut bench = Bench::new();
        let cluster = Cluster { id: ProbeId(3), rate: BitRate::kbps(5000), duration: 15 * MS, packets: 6 };
        bench.frame(Duration::ZERO, 1, 0, true, 6);
        bench.pacer.probe(bench.start, cluster);
        let halt = |pacer: &mut Pacer<u32>, halts| if is_held { pacer.hold(halts) } else { pacer.pause(halts) };
        halt(&mut bench.pacer, true);
        assert_eq!(bench.pacer.take_ended(), [(ProbeId(3), false)]);
        assert!(bench.poll(100 * MS).is_empty());
        halt(&mut bench.pacer, false);
        bench.frame(110 * MS, 2, 0, true, 6);
        let out = bench.poll(110 * MS);
        assert!(!out.is_empty() && out.iter().all(|departure| departure.probe.is_none()), "{out:?}");
    }
}

#[test]
fn memory_is_bounded_when_nobody_polls() {
    let mut bench = Bench::new();
    assert_eq!(bench.frame(Duration::ZERO, 1, 0, true, 100_000), Admission::Dropped);
    for index in 0..100_000 {
        bench.push(Duration::ZERO, Kind::Audio, index);
        bench.push(Duration::ZERO, Kind::Repair, index);
    }
    assert_eq!(bench.pacer.wants_key_frame(bench.start), Some(1));
    bench.pacer.set_rates(BitRate::kbps(10_000_000), BitRate::kbps(10_000_000));
    let left = bench.poll(10 * MS).len() + bench.poll(20 * MS).len();
    assert!(left <= 3 * 2048, "{left}");
}
