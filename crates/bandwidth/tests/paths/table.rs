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

/// A single run is two per cent off by chance, the mean of so many less than one.
const RUNS: u64 = 8;

/// What counts, as means over so many runs.
#[derive(Debug)]
struct Means {
    rate: f64,
    swing: f64,
    target_swing: f64,
    round_trip: f64,
    /// Seconds; `None` if a run did not reach the cap.
    full_after: Option<f64>,
}

impl Means {
    fn of(row: &Row, name: &str, side: impl Fn(Limits, Instant) -> Box<dyn Side>, count: u64) -> Self {
        let runs: Vec<_> = (1..=count).map(|seed| row.run(&side, seed)).collect();
        println!("| {} | {name} | {} |", row.name, runs[0].line());
        let mean = |figure: &dyn Fn(&Figures) -> f64| runs.iter().map(figure).sum::<f64>() / count as f64;
        let full_after = runs.iter().map(|run| run.full_after(START).map(|after| after.as_secs_f64()));
        Self {
            rate: mean(&|run| run.video(WARM_UP, LENGTH)),
            swing: mean(&|run| run.swing(WARM_UP, LENGTH)),
            target_swing: mean(&|run| run.target_swing(WARM_UP, LENGTH)),
            round_trip: mean(&|run| run.round_trip(0.95, WARM_UP, LENGTH).as_secs_f64()),
            full_after: full_after.sum::<Option<f64>>().map(|sum| sum / count as f64),
        }
    }
}

/// Ours carries as much, as evenly and as soon, and its round trips are no longer, than of another that carries as much.
/// In one run, and on the mean of [`RUNS`].
fn wins_or_ties(row: &Row, name: &str, theirs: impl Fn(Limits, Instant) -> Box<dyn Side>) {
    for count in [1, RUNS] {
        let (ours, theirs) = (Means::of(row, "ours", ours, count), Means::of(row, name, &theirs, count));
        is_no_worse(row, &ours, &theirs, count);
    }
}

fn is_no_worse(row: &Row, ours: &Means, theirs: &Means, count: u64) {
    println!("{} over {count}: ours {ours:.3?} against {theirs:.3?}", row.name);
    let both = |figure: fn(&Means) -> f64| (figure(ours), figure(theirs));
    let (our_rate, their_rate) = both(|means| means.rate);
    assert!(our_rate >= TIE * their_rate, "{}: rates {our_rate} and {their_rate}", row.name);
    if row.changes.is_empty() {
        // Who sends no pictures sends them evenly.
        let (our_swing, their_swing) = both(|means| if means.rate > 0.0 { means.swing } else { f64::MAX });
        assert!(our_swing <= their_swing + 0.01, "{}: swings {our_swing} and {their_swing}", row.name);
        let (our_target, their_target) = both(|means| means.target_swing);
        let is_even = our_target <= their_target + 0.01;
        assert!(is_even, "{}: swings of the target {our_target} and {their_target}", row.name);
    }
    let (our_trip, their_trip) = both(|means| means.round_trip);
    assert!(our_trip <= 1.1 * their_trip, "{}: round trips {our_trip} and {their_trip}", row.name);
    // Time to the cap, where the link carries it: what passes it for a moment in a queue has not reached it. One feedback more or
    // less is a tie.
    let carries_cap = row.conditions.rate.is_none_or(|rate| rate > row.cap);
    if let Some(theirs) = theirs.full_after.filter(|_| carries_cap) {
        let after = ours.full_after.expect("ours reaches the cap too");
        assert!(after <= theirs.max(0.2) + 0.1, "{}: {after} s against {theirs} s", row.name);
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
        for figures in SEEDS.into_iter().flat_map(|seed| row.run_duplex(ours, seed, Duration::ZERO)) {
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

/// The phase of frames and feedback at which a link falls decides how much of it is known when: one run tells little. Without waiting
/// for overdue feedback, and without a picture made meanwhile, a third of these froze for more than 400 ms.
#[test]
fn a_call_whose_both_ways_fall_goes_on_at_any_phase() {
    let at = Duration::from_secs;
    for seed in SEEDS {
        for late in (0..12).map(|phase| phase * 8 * MS) {
            for figures in STEPS.run_duplex(ours, seed, late) {
                let freeze = figures.freeze(at(29), at(55));
                let above = figures.time_above(200 * MS, at(30), at(55));
                let held = (32..55).map(|second| figures.video(at(second), at(second + 1))).fold(f64::MAX, f64::min);
                let risen = figures.reaches(at(55) + late, 2_000_000.0);
                println!("both ways fall, seed {seed}, {late:?} later: {freeze:?} {above:?} {held:.0} bit/s {risen:?}");
                assert!(freeze <= 400 * MS && above <= SECOND);
                assert!(held >= 750_000.0);
                assert!(risen.is_some_and(|after| after <= 5 * SECOND));
            }
        }
    }
}
