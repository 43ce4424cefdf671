//! When a higher rate is tried.

use std::time::{Duration, Instant};

use sightline_bandwidth::{BitRate, Limits, Outcome, ProbeController, State};

const MS: Duration = Duration::from_millis(1);
const LIMITS: Limits = Limits { start: BitRate::kbps(500), min: BitRate::kbps(30), max: BitRate::kbps(6000) };

fn state(kbps: u64) -> State {
    State {
        target: BitRate::kbps(kbps),
        capacity: None,
        arriving: None,
        is_shared: false,
        queue: Duration::ZERO,
        jitter: Duration::ZERO,
        rtt: 40 * MS,
        loss: 0.0,
        in_flight: 0,
        steady_for: None,
        has_fallen: false,
    }
}

/// The rates, in kbit/s, tried at `now`.
fn tried(prober: &mut ProbeController, now: Instant, state: &State) -> Vec<u64> {
    std::iter::from_fn(|| prober.next(now, state, LIMITS)).map(|cluster| cluster.rate.as_bps() / 1000).collect()
}

/// A controller past its start, and when that was.
fn started() -> (ProbeController, Instant) {
    let (mut prober, now) = (ProbeController::new(), Instant::now());
    tried(&mut prober, now, &state(500));
    prober.on_outcome(Outcome::Saturated(BitRate::kbps(1000)));
    prober.on_outcome(Outcome::Saturated(BitRate::kbps(1000)));
    (prober, now)
}

#[test]
fn it_starts_with_two_and_doubles_until_one_does_not_pass() {
    let (mut prober, now) = (ProbeController::new(), Instant::now());
    assert_eq!(tried(&mut prober, now, &state(500)), [1500, 3000]);
    prober.on_outcome(Outcome::Passed(BitRate::kbps(1500)));
    assert!(tried(&mut prober, now + 100 * MS, &state(1500)).is_empty());
    prober.on_outcome(Outcome::Passed(BitRate::kbps(3000)));
    assert_eq!(tried(&mut prober, now + 101 * MS, &state(3000)), [6000]);
    prober.on_outcome(Outcome::Saturated(BitRate::kbps(4000)));
    assert!(tried(&mut prober, now + 200 * MS, &state(3800)).is_empty());
}

#[test]
fn a_link_that_the_start_has_filled_is_not_probed_for_longer() {
    let (mut prober, now) = (ProbeController::new(), Instant::now());
    tried(&mut prober, now, &state(300));
    prober.on_outcome(Outcome::Unclear);
    prober.on_outcome(Outcome::Unclear);
    // All that arrived met the same queue, and so it seems to be none.
    let full = State { in_flight: 22_000, jitter: 14 * MS, rtt: 150 * MS, ..state(300) };
    assert!(tried(&mut prober, now + 560 * MS, &full).is_empty());
    let (mut prober, now) = (ProbeController::new(), Instant::now());
    tried(&mut prober, now, &state(300));
    prober.on_outcome(Outcome::Unclear);
    prober.on_outcome(Outcome::Unclear);
    let shaky = State { in_flight: 6_000, jitter: 20 * MS, ..state(300) };
    assert_eq!(tried(&mut prober, now + 200 * MS, &shaky), [1800]);
}

#[test]
fn one_that_could_not_be_sent_is_made_good_once_the_rate_has_rested() {
    let (mut prober, now) = started();
    assert_eq!(tried(&mut prober, now + 4000 * MS, &state(900)), [1800]);
    prober.on_abandoned();
    let lowered = State { steady_for: Some(500 * MS), ..state(400) };
    assert!(tried(&mut prober, now + 4500 * MS, &lowered).is_empty());
    let rested = State { steady_for: Some(1000 * MS), ..lowered };
    assert_eq!(tried(&mut prober, now + 5000 * MS, &rested), [800]);
}

#[test]
fn nothing_is_tried_beyond_the_limit() {
    let (mut prober, now) = started();
    assert_eq!(tried(&mut prober, now + 4000 * MS, &state(4000)), [6000]);
    prober.on_outcome(Outcome::Passed(BitRate::kbps(6000)));
    for second in 5..60 {
        assert!(tried(&mut prober, now + 1000 * MS * second, &state(6000)).is_empty());
    }
}

#[test]
fn a_stable_link_is_tried_every_four_seconds_and_one_that_has_fallen_every_three() {
    for (has_fallen, every, count) in [(false, 4000 * MS, 7), (true, 3000 * MS, 9)] {
        let (mut prober, now) = started();
        let mut times = Vec::new();
        for tick in 0..1200u32 {
            let at = 25 * MS * tick;
            if !tried(&mut prober, now + at, &State { has_fallen, ..state(1000) }).is_empty() {
                times.push(at);
                prober.on_outcome(Outcome::Saturated(BitRate::kbps(1050)));
            }
        }
        assert_eq!(times.len(), count);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == every), "{times:?}");
    }
}

#[test]
fn a_queue_or_a_fall_puts_it_off() {
    let (mut prober, now) = started();
    let queue = State { queue: 60 * MS, ..state(1000) };
    assert!(tried(&mut prober, now + 4000 * MS, &queue).is_empty());
    let fallen = State { steady_for: Some(500 * MS), ..state(1000) };
    assert!(tried(&mut prober, now + 4100 * MS, &fallen).is_empty());
    assert_eq!(tried(&mut prober, now + 4600 * MS, &State { steady_for: Some(1000 * MS), ..fallen }), [2000]);
}

#[test]
fn an_unclear_one_is_repeated_a_few_times_and_longer_with_jitter() {
    let (mut prober, now) = started();
    let shaky = State { jitter: 20 * MS, ..state(1000) };
    let at = now + 4000 * MS;
    let cluster = prober.next(at, &state(1000), LIMITS).expect("it is due");
    assert_eq!(cluster.duration, 15 * MS);
    for _ in 0..3 {
        prober.on_outcome(Outcome::Unclear);
        let again = prober.next(at, &shaky, LIMITS).expect("again");
        assert_eq!((again.rate, again.duration), (cluster.rate, 200 * MS));
    }
    prober.on_outcome(Outcome::Unclear);
    assert_eq!(prober.next(at, &shaky, LIMITS), None);
}

#[test]
fn an_outcome_that_never_comes_does_not_end_probing() {
    let (mut prober, now) = started();
    assert_eq!(tried(&mut prober, now + 4000 * MS, &state(1000)), [2000]);
    assert!(tried(&mut prober, now + 6000 * MS, &state(1000)).is_empty());
    assert_eq!(tried(&mut prober, now + 8000 * MS, &state(1000)), [2000]);
}
