//! The parts together, in virtual time over a perfect path.

use std::time::{Duration, Instant};

use sightline_bandwidth::{BitRate, Frame, Kind, Limits, Packet, Repair, Report, SendSide};

const MS: Duration = Duration::from_millis(1);

struct Link {
    start: Instant,
    side: SendSide<()>,
    /// Sent and not yet reported.
    open: Vec<(u64, Duration)>,
    frame: u64,
    /// Of a frame, 900 bytes each.
    packets: usize,
}

impl Link {
    fn new() -> Self {
        Self { start: Instant::now(), side: SendSide::new(Limits::default()), open: Vec::new(), frame: 0, packets: 1 }
    }

    fn drain(&mut self, at: Duration) -> usize {
        let mut count = 0;
        while let Some((sequence, _)) =
            self.side.poll(self.start + at, |bytes| Some(Packet { kind: Kind::Padding, bytes, body: () }))
        {
            self.open.push((sequence, at));
            count += 1;
        }
        count
    }

    /// Sound and small frames, polled each millisecond; feedback each 50 ms if the path is up. Returns packets sent.
    fn run(&mut self, from: u32, to: u32, has_sound: bool, is_up: bool) -> usize {
        let mut count = 0;
        for ms in from..to {
            let at = MS * ms;
            let now = self.start + at;
            if has_sound && ms % 20 == 0 {
                self.side.push(now, Packet { kind: Kind::Audio, bytes: 138, body: () });
            }
            if ms % 33 == 0 {
                let key = self.frame == 0 || self.side.wants_key_frame(now).is_some();
                let frame = Frame { stream: 1, id: self.frame, layer: 0, key };
                self.frame += 1;
                for _ in 0..self.packets {
                    self.side.push(now, Packet { kind: Kind::Video(frame), bytes: 900, body: () });
                }
            }
            count += self.drain(at);
            if ms % 50 == 49 && is_up {
                self.report(now + 20 * MS);
            }
        }
        count
    }

    /// Feedback comes of all that was sent.
    fn report(&mut self, now: Instant) {
        let report = |(sequence, sent): (u64, Duration)| Report { sequence, arrival: Some(sent + 20 * MS) };
        let reports: Vec<Report> = self.open.drain(..).map(report).collect();
        self.side.feedback(now, &reports);
    }
}

#[test]
fn in_an_outage_only_sound_is_sent_and_afterwards_everything_at_the_rate_before() {
    let mut link = Link::new();
    link.run(0, 2000, true, true);
    let before = link.side.target();
    assert!(before > Limits::default().start, "probes have found the path");
    link.run(2000, 2700, true, false);
    assert!(link.side.statistics(link.start + 2700 * MS).is_outage);
    assert_eq!(link.run(2700, 4700, true, false), 100, "two seconds of sound");
    assert_eq!(link.side.target(), before);

    // The first sound that arrives ends it, though all before is lost.
    let lost: Vec<Report> = link.open.drain(..).map(|(sequence, _)| Report { sequence, arrival: None }).collect();
    link.side.feedback(link.start + 4700 * MS, &lost);
    assert!(link.side.statistics(link.start + 4700 * MS).is_outage);
    link.run(4700, 4800, true, true);
    let after = link.side.statistics(link.start + 4830 * MS);
    assert!(!after.is_outage);
    assert!(link.run(4831, 5831, true, true) >= 75, "sound and video");
    assert!(link.side.target() >= before);
}

#[test]
fn where_both_ways_were_silent_the_peers_first_word_ends_an_outage() {
    let mut link = Link::new();
    link.run(0, 2000, true, true);
    assert!(!link.side.heard(link.start + 2000 * MS));
    link.run(2000, 4000, true, false);
    assert!(link.side.statistics(link.start + 4000 * MS).is_outage);
    assert!(link.side.heard(link.start + 4000 * MS));
    assert!(!link.side.statistics(link.start + 4000 * MS).is_outage);
    // A keyframe is asked for, and leaves before any feedback could come.
    assert!(link.run(4000, 4100, true, false) >= 5 + 3, "sound and video");
    // If it was not so, the outage goes on.
    link.run(4100, 4700, true, false);
    assert!(link.side.statistics(link.start + 4700 * MS).is_outage);
}

#[test]
fn a_peer_that_was_heard_all_the_time_ends_no_outage() {
    let mut link = Link::new();
    link.run(0, 2000, true, true);
    for ms in (2000..4000).step_by(20) {
        assert!(!link.side.heard(link.start + MS * ms));
        link.run(ms, ms + 20, true, false);
    }
    assert!(link.side.statistics(link.start + 4000 * MS).is_outage);
}

#[test]
fn without_sound_an_outage_is_felt_out_with_a_packet_each_tenth_of_a_second() {
    let mut link = Link::new();
    link.run(0, 2000, false, true);
    link.run(2000, 2800, false, false);
    let sent = link.run(2800, 4800, false, false);
    assert!((19..=21).contains(&sent), "{sent}");
}

/// Of a link that falls the first feedback may be from before the fall. Twice as much would be sent until the next one is due.
#[test]
fn after_a_long_wait_that_nothing_explains_two_pictures_leave_and_their_feedback_is_awaited() {
    let mut link = Link { packets: 10, ..Link::new() };
    link.run(0, 4000, true, true);
    let target = link.side.target();
    link.run(4000, 4300, true, false);
    assert!(link.side.is_waiting());
    link.report(link.start + 4300 * MS);
    assert!(!link.side.is_waiting());
    let sound = 7;
    let sent = link.run(4300, 4440, true, false) - sound;
    assert_eq!(sent, (target.times(0.066).as_bps() as usize).div_ceil(900 * 8));
    assert!(link.side.is_waiting());
    link.report(link.start + 4440 * MS);
    assert!(!link.side.is_waiting());
    assert!(link.run(4440, 4580, true, true) - sound > 35);
}

#[test]
fn after_a_short_wait_it_goes_on_as_before() {
    let mut link = Link { packets: 10, ..Link::new() };
    link.run(0, 4000, true, true);
    link.run(4000, 4200, true, false);
    assert!(link.side.is_waiting());
    link.report(link.start + 4200 * MS);
    assert!(link.run(4200, 4300, true, false) > 30);
}

#[test]
fn a_peer_that_never_reports_is_no_outage() {
    let mut link = Link::new();
    link.run(0, 5000, true, false);
    assert!(!link.side.statistics(link.start + 5000 * MS).is_outage);
    assert_eq!(link.side.target(), Limits::default().start);
}

#[test]
fn video_gets_what_sound_and_repair_leave() {
    let mut link = Link::new();
    link.run(0, 3000, true, true);
    let now = link.start + 3000 * MS;
    let spare = |link: &mut Link| link.side.target().as_bps() - link.side.video_target(now).as_bps();
    // 50 packets of 138 bytes each second.
    assert!((54_000..=57_000).contains(&spare(&mut link)), "{}", spare(&mut link));
    assert_eq!(link.side.push_repair(now, (1, 1), 1250, ()), Repair::Send);
    assert_eq!(link.side.push_repair(now, (1, 1), 1250, ()), Repair::TooSoon);
    assert_eq!(link.drain(3000 * MS), 1);
    assert!((64_000..=67_000).contains(&spare(&mut link)), "{}", spare(&mut link));
}

#[test]
fn numbers_of_the_wire_are_found_again() {
    let mut link = Link::new();
    assert_eq!(link.side.sequence(0), None);
    link.run(0, 1000, true, true);
    link.run(1000, 1040, true, false);
    let newest = link.open.last().expect("something was sent").0;
    assert_eq!(link.side.sequence(newest as u16), Some(newest));
    assert_eq!(link.side.sequence(0), Some(0));
    assert_eq!(link.side.sequence(newest as u16 + 1), None, "never sent");
}

/// Feedback tells of a fall while video waits for it: what stands in the path then has drained since the wait began.
#[test]
fn a_queue_drains_from_when_video_began_to_wait() {
    let mut link = Link { packets: 10, ..Link::new() };
    link.run(0, 4000, true, true);
    link.report(link.start + 4020 * MS);
    link.run(4000, 4400, true, false);
    // Sound alone leaves while video waits, a packet each 20 ms.
    let last = link.open.windows(2).rev().find(|pair| pair[1].1 - pair[0].1 < 15 * MS);
    let stopped = last.expect("there was video")[1].1;
    // At 1 Mbit/s from now on.
    let mut free = Duration::ZERO;
    let reports: Vec<Report> = link
        .open
        .iter()
        .filter(|(_, sent)| *sent < stopped.saturating_sub(30 * MS))
        .map(|(sequence, sent)| {
            free = free.max(*sent) + Duration::from_micros(7_200);
            Report { sequence: *sequence, arrival: Some(free + 20 * MS) }
        })
        .collect();
    link.side.feedback(link.start + 4400 * MS, &reports);
    assert!(link.side.target() < BitRate::kbps(1000), "a fall");
    let sound = 4;
    assert!(link.run(4400, 4480, true, false) > sound);
}
