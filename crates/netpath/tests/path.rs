//! What the model promises, in virtual time.

use std::time::{Duration, Instant};

use sightline_netpath::{Change, Conditions, Fate, Loss, Path, Reason};

const MS: Duration = Duration::from_millis(1);

/// Sends `count` packets of 1000 bytes, one each `gap`.
fn send(path: &mut Path, start: Instant, count: u32, gap: Duration) -> Vec<Fate> {
    (0..count).map(|index| path.send(start + gap * index, 1000)).collect()
}

fn share_lost(fates: &[Fate]) -> f64 {
    fates.iter().filter(|fate| fate.arrival().is_none()).count() as f64 / fates.len() as f64
}

#[test]
fn equal_seeds_give_equal_runs() {
    let conditions = Conditions {
        delay: 20 * MS,
        jitter: 60 * MS,
        reorder: true,
        loss: Loss::Bursts { mean: 0.05, length: 5.0 },
        rate: Some(1_000_000),
        ..Conditions::default()
    };
    let start = Instant::now();
    let run = |seed| send(&mut Path::new(conditions, seed), start, 2000, 7 * MS);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn delay_is_exact_and_jitter_stays_within_its_bounds() {
    let start = Instant::now();
    let conditions = Conditions { delay: 20 * MS, ..Conditions::default() };
    let mut plain = Path::new(conditions, 1);
    assert_eq!(plain.send(start, 1000), Fate::Arrives(start + 20 * MS));

    let mut shaky = Path::new(Conditions { jitter: 60 * MS, reorder: true, ..conditions }, 1);
    let delays: Vec<Duration> =
        (0..1000).map(|index| shaky.send(start + MS * index, 1000).arrival().unwrap() - (start + MS * index)).collect();
    assert!(delays.iter().all(|delay| (20 * MS..=80 * MS).contains(delay)));
    assert!(delays.iter().any(|delay| *delay < 25 * MS) && delays.iter().any(|delay| *delay > 75 * MS));
}

#[test]
fn packets_overtake_each_other_only_if_allowed() {
    let start = Instant::now();
    for reorder in [false, true] {
        let conditions = Conditions { jitter: 60 * MS, reorder, ..Conditions::default() };
        let out: Vec<Instant> =
            send(&mut Path::new(conditions, 3), start, 500, 5 * MS).into_iter().filter_map(Fate::arrival).collect();
        assert_eq!(out.is_sorted(), !reorder);
    }
}

#[test]
fn random_loss_has_its_probability() {
    let conditions = Conditions { loss: Loss::Random { probability: 0.1 }, ..Conditions::default() };
    let lost = share_lost(&send(&mut Path::new(conditions, 5), Instant::now(), 100_000, MS));
    assert!((0.097..0.103).contains(&lost), "{lost}");
}

#[test]
fn bursts_have_their_mean_and_their_length() {
    let conditions = Conditions { loss: Loss::Bursts { mean: 0.05, length: 5.0 }, ..Conditions::default() };
    let fates = send(&mut Path::new(conditions, 5), Instant::now(), 400_000, MS);
    let lost = share_lost(&fates);
    assert!((0.045..0.055).contains(&lost), "{lost}");
    let bursts = fates.windows(2).filter(|pair| pair[0].arrival().is_some() && pair[1].arrival().is_none()).count();
    let length = lost * fates.len() as f64 / bursts as f64;
    assert!((4.7..5.3).contains(&length), "{length}");
}

#[test]
fn the_bottleneck_carries_its_rate_and_its_queue_is_bounded() {
    let start = Instant::now();
    // 2 Mbit/s offered to 1 Mbit/s with 300 ms of queue.
    let conditions = Conditions { rate: Some(1_000_000), ..Conditions::default() };
    let mut path = Path::new(conditions, 1);
    let fates = send(&mut path, start, 2500, 4 * MS);
    let passed = fates.iter().filter(|fate| fate.arrival().is_some()).count() as f64;
    assert!((passed * 8000.0 - 10_300_000.0).abs() < 50_000.0, "{passed}");
    for (index, fate) in fates.iter().enumerate() {
        match fate {
            Fate::Arrives(at) => assert!(*at - (start + 4 * MS * index as u32) <= 309 * MS),
            Fate::Lost(reason) => assert_eq!(*reason, Reason::Queue),
        }
    }
    assert_eq!(path.counters().overflowed, 2500 - passed as u64);
}

#[test]
fn a_fall_of_the_rate_acts_on_what_waits() {
    let start = Instant::now();
    let conditions = Conditions { rate: Some(3_000_000), queue: Duration::from_secs(5), ..Conditions::default() };
    let mut path = Path::new(conditions, 1);
    path.schedule(start + 100 * MS, Change::Rate(Some(1_000_000)));
    // 75 000 bytes: 200 ms at 3 Mbit/s, of which 100 ms are left when the rate falls to a third.
    for _ in 0..75 {
        path.send(start, 1000);
    }
    assert_eq!(path.queue(start + 99 * MS).as_millis(), 101);
    assert_eq!(path.queue(start + 101 * MS).as_millis(), 299);
    assert_eq!(path.queue(start + 401 * MS), Duration::ZERO);
}

#[test]
fn an_outage_loses_everything_and_ends() {
    let start = Instant::now();
    let mut path = Path::new(Conditions::default(), 1);
    path.schedule_outage(start + 1000 * MS, start + 4000 * MS);
    assert!(path.send(start + 999 * MS, 100).arrival().is_some());
    assert_eq!(path.send(start + 1000 * MS, 100), Fate::Lost(Reason::Down));
    assert_eq!(path.send(start + 3999 * MS, 100), Fate::Lost(Reason::Down));
    assert!(path.send(start + 4000 * MS, 100).arrival().is_some());
}

#[test]
fn what_is_sent_to_an_address_that_is_no_more_is_lost() {
    let start = Instant::now();
    let mut path = Path::new(Conditions::default(), 1);
    path.schedule(start + 10 * MS, Change::Address);
    let old = path.address(start);
    assert!(path.send_to(start, 100, old).arrival().is_some());
    assert_eq!(path.send_to(start + 10 * MS, 100, old), Fate::Lost(Reason::Address));
    let new = path.address(start + 10 * MS);
    assert!(path.send_to(start + 11 * MS, 100, new).arrival().is_some());
}

#[test]
fn nonsense_does_not_panic() {
    let start = Instant::now();
    let mut path = Path::new(
        Conditions {
            delay: Duration::MAX,
            jitter: Duration::MAX,
            reorder: false,
            loss: Loss::Bursts { mean: f64::NAN, length: -1.0 },
            rate: Some(1),
            queue: Duration::MAX,
        },
        1,
    );
    path.send(start + MS, usize::MAX);
    path.send(start, 0);
    path.schedule(start, Change::Rate(Some(0)));
    assert_eq!(path.send(start, 1), Fate::Lost(Reason::Queue));
    path.schedule(start, Change::Loss(Loss::Random { probability: 7.0 }));
    path.schedule(start, Change::Rate(None));
    assert_eq!(path.send(start, 1), Fate::Lost(Reason::Chance));
}
