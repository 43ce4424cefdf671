//! Whatever comes from the wire or from a clock that is wrong: no panic, no endless loop, bounded memory.

use std::time::{Duration, Instant};

use sightline_bandwidth::{
    BitRate, Estimator, Frame, Kind, Limits, Packet, ReferenceTime, Report, SendSide, Sent, at_or_before,
};
use sightline_netpath::Dice;

const MS: Duration = Duration::from_millis(1);

fn arrival(dice: &mut Dice) -> Option<Duration> {
    match dice.below(8) {
        0 | 1 => None,
        2 => Some(Duration::ZERO),
        3 => Some(Duration::MAX),
        4 => Some(Duration::from_micros(dice.bits())),
        _ => Some(Duration::from_secs(1_000_000) + Duration::from_micros(dice.below(60_000_000))),
    }
}

fn kind(dice: &mut Dice) -> Kind {
    match dice.below(6) {
        0 => Kind::Audio,
        1 => Kind::Repair,
        2 => Kind::Padding,
        _ => Kind::Video(Frame {
            stream: dice.below(40) as u32,
            id: dice.below(50),
            layer: dice.below(3) as u8,
            key: dice.below(9) == 0,
        }),
    }
}

fn bytes(dice: &mut Dice) -> usize {
    match dice.below(10) {
        0 => 0,
        1 => usize::MAX,
        _ => dice.below(1500) as usize,
    }
}

/// A time around `base` that jumps forth and back.
fn time(dice: &mut Dice, base: Instant, step: u64) -> Instant {
    match dice.below(20) {
        0 => base + Duration::from_secs(3600),
        1 => base,
        _ => base + MS * step as u32 + Duration::from_micros(dice.below(20_000)),
    }
}

fn limits(dice: &mut Dice) -> Limits {
    let mut rate = || BitRate::bps(if dice.below(9) == 0 { u64::MAX } else { dice.below(5_000_000) });
    Limits { start: rate(), min: rate(), max: rate() }
}

#[test]
fn a_send_side_bears_anything() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let base = Instant::now();
        let mut side = SendSide::new(limits(&mut dice));
        let mut left = 0u64;
        for step in 0..3000 {
            let now = time(&mut dice, base, step);
            match dice.below(10) {
                0 => {
                    let first = left.saturating_sub(dice.below(400));
                    let count = if dice.below(50) == 0 { 70_000 } else { dice.below(100) };
                    let reports: Vec<Report> = (0..count)
                        .map(|index| {
                            let sequence = if dice.below(20) == 0 { dice.bits() } else { first.wrapping_add(index) };
                            Report { sequence, arrival: arrival(&mut dice) }
                        })
                        .collect();
                    side.feedback(now, &reports);
                }
                1 => {
                    let key = (dice.bits() as u32, dice.bits() as u16);
                    side.push_repair(now, key, bytes(&mut dice), 0);
                }
                2 if dice.below(20) == 0 => side.set_limits(limits(&mut dice)),
                _ => {
                    side.push(now, Packet { kind: kind(&mut dice), bytes: bytes(&mut dice), body: 0u32 });
                }
            }
            let mut polls = 0;
            let has_padding = dice.below(2) == 0;
            while let Some((sequence, departure)) =
                side.poll(now, |wanted| has_padding.then_some(Packet { kind: Kind::Padding, bytes: wanted, body: 0 }))
            {
                assert_eq!(sequence, left, "numbers have no gaps");
                assert!(departure.bytes <= 65_535);
                left += 1;
                polls += 1;
                assert!(polls < 10_000, "polling ends");
            }
            let statistics = side.statistics(now);
            assert_eq!(statistics.state.target, side.target());
            assert!(side.video_target(now) <= side.target());
            side.wake();
            side.wants_key_frame(now);
        }
    }
}

#[test]
fn a_flood_of_feedback_changes_nothing_it_should_not() {
    let start = Instant::now();
    let mut estimator = Estimator::new(Limits::default());
    for sequence in 0..200 {
        estimator.sent(&Sent { sequence, at: start + MS * sequence as u32, bytes: 1200, probe: None });
    }
    let before = estimator.target();
    // Never sent, and known of already.
    let unknown: Vec<Report> =
        (1000..60_000).map(|sequence| Report { sequence, arrival: Some(Duration::ZERO) }).collect();
    for _ in 0..50 {
        assert!(!estimator.feedback(start + 300 * MS, &unknown, false));
    }
    assert_eq!(estimator.target(), before);
    assert_eq!(estimator.state(start + 300 * MS).in_flight, 200 * 1200);
}

#[test]
fn feedback_in_which_nothing_arrived_lowers_nothing() {
    let start = Instant::now();
    let mut estimator = Estimator::new(Limits::default());
    for sequence in 0..2000 {
        estimator.sent(&Sent { sequence, at: start + MS * sequence as u32, bytes: 1200, probe: None });
    }
    let lost: Vec<Report> = (0..2000).map(|sequence| Report { sequence, arrival: None }).collect();
    for _ in 0..10 {
        assert!(!estimator.feedback(start + 2000 * MS, &lost, false));
    }
    assert_eq!(estimator.target(), Limits::default().start);
    assert_eq!(estimator.state(start + 2000 * MS).loss, 0.0, "an outage says nothing of the path");
}

/// Sends 50 packets a second for `seconds` and reports each tenth of one; `arrival` says what became of each.
fn exchange(seconds: u64, mut report: impl FnMut(u64, Duration, &mut Estimator, Instant)) -> Estimator {
    let start = Instant::now();
    let mut estimator = Estimator::new(Limits::default());
    for sequence in 0..seconds * 50 {
        let at = 20 * MS * sequence as u32;
        estimator.sent(&Sent { sequence, at: start + at, bytes: 700, probe: None });
        report(sequence, at, &mut estimator, start + at + 60 * MS);
    }
    estimator
}

#[test]
fn what_was_only_late_is_not_lost() {
    let mut estimator = exchange(5, |sequence, at, estimator, now| {
        let arrival = Some(Duration::from_secs(9) + at);
        // Every tenth is first reported missing, and arrived by the feedback after.
        if sequence % 10 == 0 {
            estimator.feedback(now, &[Report { sequence, arrival: None }], false);
        }
        estimator.feedback(now + MS, &[Report { sequence, arrival }], false);
    });
    assert_eq!(estimator.state(Instant::now() + Duration::from_secs(9)).loss, 0.0);
}

#[test]
fn what_no_feedback_covered_counts_as_nothing() {
    let mut estimator = exchange(10, |sequence, at, estimator, now| {
        // Every fifth feedback is lost.
        if sequence / 5 % 5 != 4 {
            estimator.feedback(now, &[Report { sequence, arrival: Some(Duration::from_secs(9) + at) }], false);
        }
    });
    let state = estimator.state(Instant::now() + Duration::from_secs(12));
    assert_eq!(state.loss, 0.0);
    assert!(state.target >= Limits::default().start, "and does not look like a slow link: {state:?}");
}

#[test]
fn numbers_of_the_wire_are_harmless() {
    let mut dice = Dice::new(1);
    let mut time = ReferenceTime::default();
    for _ in 0..100_000 {
        time.unwrap(dice.bits() as u32);
        let newest = dice.bits();
        if let Some(sequence) = at_or_before(newest, dice.bits() as u16) {
            assert!(sequence <= newest && newest - sequence <= 0xffff);
        }
    }
}
