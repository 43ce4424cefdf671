//! The table, and what each of its rows must hold. `cargo test -p sightline-bandwidth --test paths -- --nocapture` prints it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use sightline_bandwidth::{Limits, Uplink};
use sightline_netpath::Conditions;

use crate::google::Google;
use crate::rows::{
    ALL, BURSTS, CLEAN, Figures, JITTER, LENGTH, LONGER, LOSS_5, LOSS_10, LOSSY_SLOW, OUTAGE, Row, SLOW, SOUND_ONLY,
    STEADY, STEPS, WARM_UP, WIFI,
};
use crate::run::MS;
use crate::side::{Coupled, Ours, Side};
use crate::stock::Stock;

const START: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);
/// With 10, the queue of a link that falls looked empty for a moment, and was not emptied.
const SEEDS: [u64; 4] = [1, 2, 3, 10];

fn ours(limits: Limits, _: Instant) -> Box<dyn Side> {
    Box::new(Ours::new(limits))
}

fn google(limits: Limits, start: Instant) -> Box<dyn Side> {
    Box::new(Google::new(limits, start))
}

fn stock(limits: Limits, _: Instant) -> Box<dyn Side> {
    Box::new(Stock::new(limits))
}

/// Holds `row` against `check` on several seeds.
fn hold(row: &Row, check: impl Fn(&Figures)) {
    for seed in SEEDS {
        let figures = row.run(ours, seed);
        println!("{} seed {seed}: {}", row.name, figures.line());
        check(&figures);
    }
}

fn full_within(figures: &Figures, limit: Duration) {
    let after = figures.full_after(START).expect("the cap is reached");
    assert!(after <= limit, "full after {after:?}");
    assert!(figures.video(WARM_UP, LENGTH) >= 0.98 * figures.row.cap as f64, "and held");
}

#[test]
fn a_clean_link_is_full_at_once_and_stays_empty() {
    hold(&CLEAN, |figures| {
        full_within(figures, SECOND);
        assert!(figures.round_trip(1.0, START, LENGTH) < 30 * MS);
    });
}

#[test]
fn a_steady_link_is_used_without_a_saw_and_without_a_queue() {
    hold(&STEADY, |figures| {
        assert!(figures.video(WARM_UP, LENGTH) >= 1_700_000.0);
        assert!(figures.swing(WARM_UP, LENGTH) <= 0.08);
        assert!(figures.target_swing(WARM_UP, LENGTH) <= 0.08);
        assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < 90 * MS);
    });
}

#[test]
fn a_slow_link_carries_sound_and_pictures() {
    hold(&SLOW, |figures| {
        assert!(figures.video(WARM_UP, LENGTH) >= 193_000.0);
        assert!(figures.frame_rate(WARM_UP, LENGTH) >= 15.0);
        assert!(figures.round_trip(0.95, WARM_UP, LENGTH) <= 90 * MS);
    });
}

#[test]
fn five_percent_of_loss_do_not_lower_the_rate() {
    hold(&LOSS_5, |figures| full_within(figures, SECOND));
}

#[test]
fn ten_percent_of_loss_do_not_lower_the_rate() {
    hold(&LOSS_10, |figures| {
        assert!(figures.video(WARM_UP, LENGTH) >= 1_200_000.0);
        assert!(figures.full_after(START).is_some_and(|after| after <= 2 * SECOND));
    });
}

#[test]
fn bursts_of_loss_do_not_lower_the_rate() {
    hold(&BURSTS, |figures| full_within(figures, SECOND));
}

#[test]
fn jitter_is_not_taken_for_a_queue() {
    hold(&JITTER, |figures| full_within(figures, 3 * SECOND));
}

#[test]
fn a_link_that_falls_is_emptied_at_once_and_one_that_rises_is_found() {
    let at = Duration::from_secs;
    hold(&STEPS, |figures| {
        assert!(figures.time_above(200 * MS, at(30), at(55)) <= SECOND);
        assert!(figures.freeze(at(30), at(55)) <= 400 * MS);
        // After the break each second holds.
        for second in 32..55 {
            let rate = figures.video(at(second), at(second + 1));
            assert!(rate >= 750_000.0, "{rate} at {second} s");
        }
        assert!(figures.reaches(at(55), 2_000_000.0).is_some_and(|after| after <= 5 * SECOND));
        assert!(figures.video(at(60), at(80)) >= 2_000_000.0);
    });
}

#[test]
fn after_an_outage_everything_is_back_at_once() {
    let back = Duration::from_secs(43);
    hold(&OUTAGE, |figures| {
        let picture = figures.measured.pictures.iter().find(|at| **at >= back).expect("a picture comes back");
        assert!(*picture - back <= 300 * MS, "picture after {:?}", *picture - back);
        let cap = figures.row.cap as f64;
        assert!(figures.reaches(back, 0.95 * cap).is_some_and(|after| after <= SECOND));
        assert!(figures.video(back + SECOND, back + 4 * SECOND) >= 0.95 * cap);
    });
}

#[test]
fn another_route_is_not_taken_for_a_queue() {
    hold(&LONGER, |figures| {
        assert!(figures.video(WARM_UP, 40 * SECOND) >= 1_700_000.0);
        assert!(figures.video(42 * SECOND, LENGTH) >= 1_600_000.0);
        assert!(figures.round_trip(0.95, 42 * SECOND, LENGTH) < 150 * MS);
    });
}

#[test]
fn video_comes_back_to_a_link_that_only_had_room_for_sound() {
    let rise = 40 * SECOND;
    hold(&SOUND_ONLY, |figures| {
        println!("before {} after {:?}", figures.video(WARM_UP, rise), figures.reaches(rise, 1_400_000.0));
        assert!(figures.round_trip(0.95, WARM_UP, rise) < 200 * MS);
        assert!(figures.reaches(rise, 1_400_000.0).is_some_and(|after| after <= 10 * SECOND));
    });
}

#[test]
fn a_shaky_slow_link_is_used() {
    hold(&WIFI, |figures| {
        assert!(figures.video(WARM_UP, LENGTH) >= 1_600_000.0);
        assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < 120 * MS);
    });
}

#[test]
fn a_slow_link_with_loss_is_used() {
    hold(&LOSSY_SLOW, |figures| {
        assert!(figures.video(WARM_UP, LENGTH) >= 1_500_000.0);
        assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < 100 * MS);
    });
}

#[test]
fn calls_that_share_a_link_leave_room_for_each_other() {
    for count in [2, 5] {
        let all = STEADY.run_shared(count, ours, 1);
        for figures in &all {
            println!("{count} on {}: {}", STEADY.name, figures.line());
            let fair = 1_600_000.0 / count as f64;
            assert!(figures.video(WARM_UP, LENGTH) >= 0.5 * fair, "nobody starves");
            assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < 110 * MS);
            assert!(figures.freeze(WARM_UP, LENGTH) < 300 * MS);
        }
        assert!(all.iter().map(|figures| figures.video(WARM_UP, LENGTH)).sum::<f64>() >= 1_400_000.0);
    }
}

/// Equal within what the rhythm of frames and feedback does.
const TIE: f64 = 0.99;

/// Ours carries as much, as evenly and as soon, and its round trips are no longer, than of another that carries as much.
fn wins_or_ties(row: &Row, name: &str, theirs: impl Fn(Limits, Instant) -> Box<dyn Side>) {
    let (ours, theirs) = (row.run(ours, 1), row.run(theirs, 1));
    println!("| {} | ours | {} |", row.name, ours.line());
    println!("| {} | {name} | {} |", row.name, theirs.line());
    let rates = [ours.video(WARM_UP, LENGTH), theirs.video(WARM_UP, LENGTH)];
    assert!(rates[0] >= TIE * rates[1], "{}: rates {rates:?}", row.name);
    let swings = [ours.target_swing(WARM_UP, LENGTH), theirs.target_swing(WARM_UP, LENGTH)];
    let is_steady = row.changes.is_empty();
    assert!(!is_steady || swings[0] <= swings[1] + 0.01, "{}: swings {swings:?}", row.name);
    let trips = [ours.round_trip(0.95, WARM_UP, LENGTH), theirs.round_trip(0.95, WARM_UP, LENGTH)];
    assert!(trips[0] <= trips[1] + trips[1] / 10, "{}: round trips {trips:?}", row.name);
    // Time to the cap, where the link carries it: what passes it for a moment in a queue has not reached it. One feedback more or
    // less is a tie.
    let carries_cap = row.conditions.rate.is_none_or(|rate| rate > row.cap);
    if let Some(theirs) = theirs.full_after(START).filter(|_| carries_cap) {
        let after = ours.full_after(START).expect("ours reaches the cap too");
        assert!(after <= theirs.max(SECOND / 5) + 100 * MS, "{}: {after:?} against {theirs:?}", row.name);
    }
}

#[test]
fn ours_wins_or_ties_every_row_against_goog_cc() {
    ALL.iter().for_each(|row| wins_or_ties(row, "goog_cc", google));
}

#[test]
fn ours_wins_or_ties_every_row_against_the_crates_own() {
    ALL.iter().for_each(|row| wins_or_ties(row, "Gcc", stock));
}

/// Links of one call on one way out of `rate`, that know of each other.
fn run_call(count: usize, rate: u64, seed: u64) -> Vec<Figures> {
    let row = Row { conditions: Conditions { rate: Some(rate), ..SLOW.conditions }, ..SLOW };
    let (uplink, links) = (Rc::<RefCell<Uplink>>::default(), Cell::new(0));
    let side = |limits, _| -> Box<dyn Side> {
        links.set(links.get() + 1);
        Box::new(Coupled::new(limits, links.get(), uplink.clone()))
    };
    row.run_shared(count, side, seed)
}

#[test]
fn links_of_one_call_share_their_way_out_evenly() {
    for seed in [1, 2] {
        for figures in run_call(5, 1_000_000, seed) {
            println!("5 links on 1 M: {}", figures.line());
            // On their own, from 65 to 230 kbit/s, with pictures that stand still for seconds.
            assert!(figures.video(WARM_UP, LENGTH) >= 100_000.0);
            assert!(figures.freeze(WARM_UP, LENGTH) < 200 * MS);
            assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < 90 * MS);
        }
    }
}

#[test]
fn links_of_one_call_leave_sound_alone_where_there_is_no_room_for_pictures() {
    for seed in [1, 2] {
        for figures in run_call(5, 400_000, seed) {
            println!("5 links on 400 k: {}", figures.line());
            // On their own, where pictures come and go on each of them, 100 to 140 ms.
            assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < 80 * MS);
        }
    }
}

#[test]
fn both_ways_of_a_call_stay_empty() {
    for (row, trip, rate) in [(SLOW, 110 * MS, 185_000.0), (STEADY, 75 * MS, 1_700_000.0)] {
        for figures in SEEDS.into_iter().flat_map(|seed| row.run_duplex(ours, seed)) {
            println!("both ways, {}: {}", row.name, figures.line());
            assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < trip);
            assert!(figures.video(WARM_UP, LENGTH) >= rate);
        }
    }
}

/// At 300 kbit/s it kept the path's queue full, and asked for a key frame each half second.
#[test]
fn an_encoder_that_makes_too_much_fills_no_queue() {
    for floor in [220_000, 260_000, 320_000] {
        hold(&Row { floor, ..SLOW }, |figures| {
            assert!(figures.round_trip(0.95, WARM_UP, LENGTH) < 160 * MS);
            assert!(figures.frame_rate(WARM_UP, LENGTH) >= 15.0);
            assert!(figures.freeze(WARM_UP, LENGTH) < 200 * MS);
            assert!(figures.measured.key_frames < 30);
        });
    }
}
