//! Whole decisions, in virtual time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::{Demand, Planner, Source};

const HD: Source = Source { size: (1280, 720), fps: 30, max_bps: 1_500_000 };
const STEP: Duration = Duration::from_millis(50);

/// A call in virtual time; links are numbered from 0.
struct Room {
    planner: Planner,
    source: Source,
    now: Instant,
    plan: Plan,
}

impl Room {
    fn new(source: Source) -> Self {
        let plan = Plan { rates: [0; 3], links: BTreeMap::new() };
        Self { planner: Planner::default(), source, now: Instant::now(), plan }
    }

    /// Goes on for so long with the rates that `kbps` gives for each step.
    fn run(&mut self, time: Duration, mut kbps: impl FnMut(u32) -> Vec<u32>) -> &Plan {
        for step in 0..(time.as_millis() / STEP.as_millis()) as u32 {
            self.now += STEP;
            let demand = |kbps: u32| Demand { video_bps: kbps * 1000, tile: None };
            let demands = (0..).zip(kbps(step).into_iter().map(demand)).collect();
            self.plan = self.planner.plan(self.now, self.source, 0, &demands);
            self.check(&demands);
        }
        &self.plan
    }

    /// What holds in every plan: nobody gets more than it carries, and what is encoded is taken.
    fn check(&self, demands: &BTreeMap<u32, Demand>) {
        let Plan { rates, links } = &self.plan;
        for (link, layer) in links {
            let Some(layer) = layer else { continue };
            assert!(rates[*layer] <= demands[link].video_bps && rates[*layer] > 0, "{link}: {:?}", self.plan);
        }
        for (layer, rate) in rates.iter().enumerate() {
            assert_eq!(*rate > 0, links.values().any(|taken| *taken == Some(layer)), "{:?}", self.plan);
        }
    }

    fn layers(&self) -> Vec<Option<usize>> {
        self.plan.links.values().copied().collect()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn one_link_gets_the_size_that_its_rate_is_good_for() {
    let mut room = Room::new(HD);
    room.run(STEP, |_| vec![300]);
    assert_eq!((room.layers(), room.plan.rates), (vec![Some(1)], [0, 300_000, 0]));
    room.run(seconds(1), |_| vec![1400]);
    assert_eq!((room.layers(), room.plan.rates), (vec![Some(0)], [1_400_000, 0, 0]));
    room.run(seconds(1), |_| vec![5000]);
    assert_eq!(room.plan.rates, [1_500_000, 0, 0], "never more than was asked for");
    room.run(STEP, |_| vec![110]);
    assert_eq!((room.layers(), room.plan.rates), (vec![Some(2)], [0, 0, 110_000]), "down at once");
}

#[test]
fn five_keep_their_layer_and_rate_when_the_sixth_is_weak() {
    let mut room = Room::new(Source { size: (640, 360), ..HD });
    room.run(seconds(5), |_| vec![1500; 6]);
    assert_eq!(room.layers(), [Some(0); 6]);
    room.run(STEP, |_| vec![1500, 1500, 400, 1500, 1500, 1500]);
    assert_eq!(room.layers()[2], Some(1), "it could carry the large one, but all others would have to follow");
    assert_eq!(room.plan.rates, [1_500_000, 400_000, 0]);
    room.run(seconds(3), |_| vec![1500, 1500, 1400, 1500, 1500, 1500]);
    assert_eq!((room.layers()[2], room.plan.rates), (Some(0), [1_400_000, 0, 0]));
}

#[test]
fn most_are_not_sent_away_for_the_sake_of_one() {
    let mut room = Room::new(Source { size: (640, 360), ..HD });
    room.run(seconds(2), |_| vec![400, 1500, 420, 410]);
    assert_eq!((room.layers(), room.plan.rates), (vec![Some(0); 4], [400_000, 0, 0]));
    room.run(seconds(2), |_| vec![400, 1500, 1500, 1500]);
    assert_eq!(room.layers()[0], Some(1));
}

#[test]
fn one_who_comes_in_costs_no_encoder_unless_it_is_weak() {
    let mut room = Room::new(Source { size: (640, 360), ..HD });
    room.run(seconds(5), |_| vec![1500; 3]);
    // A new link begins with a guess, and is found to be as good as the others.
    room.run(seconds(1), |step| vec![1500, 1500, 1500, if step < 8 { 250 } else { 1500 }]);
    assert_eq!((room.layers(), room.plan.rates), (vec![Some(0); 4], [1_500_000, 0, 0]));
    let encoders = room.run(seconds(1), |_| vec![1500, 1500, 1500, 1500, 250]).rates;
    assert_eq!((room.layers()[4], encoders), (Some(1), [1_500_000, 250_000, 0]));
}

#[test]
fn below_the_least_rate_pictures_pause_and_come_back_calmly() {
    let mut room = Room::new(HD);
    room.run(seconds(1), |_| vec![300, 300]);
    room.run(STEP, |_| vec![0, 300]);
    assert_eq!((room.layers(), room.plan.rates), (vec![None, Some(1)], [0, 300_000, 0]));
    room.run(STEP, |_| vec![150, 300]);
    assert_eq!(room.layers()[0], None, "not at the first sign");
    room.run(seconds(1), |_| vec![150, 300]);
    assert!(room.layers()[0].is_some());
    // On and off for a minute: each time it takes longer to be believed.
    let mut changes = 0;
    let mut before = true;
    for step in 0..60 {
        room.run(seconds(1), |_| vec![if step % 2 == 0 { 0 } else { 150 }, 300]);
        let now = room.layers()[0].is_some();
        changes += u32::from(now != before);
        before = now;
    }
    assert!(changes <= 4, "{changes} changes");
    let mut all_gone = Room::new(HD);
    all_gone.run(STEP, |_| vec![0, 0]);
    assert_eq!(all_gone.plan.rates, [0; 3]);
}

/// Every rate, with a sixth of noise on it: a layer is left only for good.
#[test]
fn a_noisy_estimate_does_not_make_layers_flap() {
    let mut bits = 4711u32;
    let mut noise = move || {
        bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        0.85 + f64::from(bits >> 8) / f64::from(1 << 24) * 0.3
    };
    for kbps in (110..1500).step_by(15) {
        for others in [vec![], vec![1500, 1500]] {
            let mut room = Room::new(HD);
            let mut changes = 0;
            let mut before = None;
            for second in 0..60 {
                room.run(seconds(1), |_| {
                    let noisy = (f64::from(kbps) * noise()) as u32;
                    std::iter::once(noisy).chain(others.iter().copied()).collect()
                });
                let now = room.layers()[0];
                changes += u32::from(second > 2 && now != before);
                before = now;
            }
            assert!(changes <= 2, "{changes} changes in a minute at {kbps} kbit/s");
        }
    }
}

#[test]
fn a_tile_caps_the_layer_and_a_slow_machine_does_for_all() {
    let mut planner = Planner::default();
    let now = Instant::now();
    let demand = |tile| Demand { video_bps: 1_500_000, tile };
    let demands = BTreeMap::from([(1, demand(Some((200, 200)))), (2, demand(None)), (3, demand(Some((640, 360))))]);
    let plan = planner.plan(now, HD, 0, &demands);
    assert_eq!(plan.links, BTreeMap::from([(1, Some(2)), (2, Some(0)), (3, Some(1))]));
    assert!(plan.rates.is_sorted_by(|larger, smaller| larger > smaller && *smaller > 0), "{plan:?}");
    // Made larger, it is served at once: the rate was there all the time.
    let demands = BTreeMap::from([(1, demand(Some((1280, 720)))), (2, demand(None))]);
    assert_eq!(planner.plan(now + STEP, HD, 0, &demands).links, BTreeMap::from([(1, Some(0)), (2, Some(0))]));
    assert_eq!(planner.plan(now + STEP, HD, 1, &demands).links, BTreeMap::from([(1, Some(1)), (2, Some(1))]));
}
