//! Links of one call that share one way out.
//!
//! Invariant: links are held to shares only where their queues were seen to grow together, twice: then what arrived of all of
//! them together is what the way out carries, and each gets an equal part of it. Left to themselves such links try for more in
//! turn, each at the cost of all; where there is room for sound alone, pictures would come and go on each of them.
//!
//! What was measured holds for a while. Then the shares grow, and where queues grow together again, it is measured anew and holds
//! for twice as long. So a mistake (a machine without time for its packets delays those of all links) costs seconds, and a line
//! that is slow is tried ever more rarely.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::estimator::State;
use crate::packet::BitRate;

/// A reading older than this says nothing of now: a few feedbacks.
const FRESH: Duration = Duration::from_millis(300);
/// A queue from here on is one that several links may have in common.
const QUEUE: Duration = Duration::from_millis(20);
/// It takes two occasions, so far apart: once may be by chance.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// How long what was measured holds, at first and at most.
const HOLD: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(160));
/// Shares too small for pictures are given only when two measurements in a row agree within so much: a machine without time
/// for its packets measures another rate each time.
const AGREE: f64 = 0.3;
const PICTURES: BitRate = BitRate::kbps(130);
/// Then it grows by so much a second, and is forgotten after this.
const GROWTH: f64 = 0.1;
const GROWS_FOR: Duration = Duration::from_secs(20);
/// Of what arrived, to leave room for what is uneven.
const USED: f64 = 0.92;
/// More links than a call has.
const LINKS_MOST: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    queue: Duration,
    arriving: Option<BitRate>,
    lowered: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Limit {
    total: BitRate,
    links: BTreeSet<u32>,
    since: Instant,
    hold: Duration,
    /// The measurement before said the same.
    is_sure: bool,
}

impl Limit {
    fn holds(&self, now: Instant) -> bool {
        now < self.since + self.hold
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        now >= self.since + self.hold + GROWS_FOR
    }

    fn total(&self, now: Instant) -> BitRate {
        let grows = now.saturating_duration_since(self.since + self.hold);
        self.total.times((1.0 + GROWTH).powf(grows.as_secs_f64()))
    }

    /// Whether the queue of `links` is that of this limit.
    fn explains(&self, now: Instant, links: &BTreeSet<u32>) -> bool {
        !self.is_forgotten(now) && self.links.intersection(links).count() >= 2
    }
}

/// What several links have in common.
#[derive(Debug, Default)]
pub struct Uplink {
    links: BTreeMap<u32, Reading>,
    suspected: Option<(Instant, BTreeSet<u32>)>,
    limit: Option<Limit>,
}

impl Uplink {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what link number `link` knows at `now`. Call it after each feedback.
    pub fn report(&mut self, now: Instant, link: u32, state: &State) {
        let lowered = state.steady_for.and_then(|steady| now.checked_sub(steady));
        let before = self.links.get(&link).and_then(|reading| reading.lowered);
        if self.links.len() < LINKS_MOST || self.links.contains_key(&link) {
            let reading = Reading { at: now, queue: state.queue, arriving: state.arriving, lowered };
            self.links.insert(link, reading);
        }
        // A millisecond for what rounding does to one and the same time.
        let is_new = match (before, lowered) {
            (Some(before), Some(lowered)) => lowered > before + Duration::from_millis(1),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if is_new && state.queue >= QUEUE {
            self.met_a_queue(now);
        }
    }

    /// The link is closed.
    pub fn leave(&mut self, link: u32) {
        self.links.remove(&link);
        if let Some(limit) = &mut self.limit {
            let share = limit.total.times(1.0 / limit.links.len().max(1) as f64);
            if limit.links.remove(&link) {
                // What it had is there for the others, but its measure is gone with it: they share what is left and grow.
                limit.total = BitRate::bps(limit.total.as_bps().saturating_sub(share.as_bps() / 2));
            }
        }
        self.limit.take_if(|limit| limit.links.len() < 2);
    }

    /// What the link may take of everything, if it is known to share its way out.
    pub fn share(&self, now: Instant, link: u32) -> Option<BitRate> {
        let limit = self.limit.as_ref().filter(|limit| !limit.is_forgotten(now) && limit.links.contains(&link))?;
        let share = limit.total(now).times(1.0 / limit.links.len() as f64);
        Some(if limit.is_sure { share } else { share.max(PICTURES) })
    }

    /// One link has just been slowed by a queue: do others stand in it?
    fn met_a_queue(&mut self, now: Instant) {
        let is_fresh = |reading: &&Reading| now.saturating_duration_since(reading.at) < FRESH && reading.queue >= QUEUE;
        let together: BTreeMap<u32, Reading> = self
            .links
            .iter()
            .filter(|(_, reading)| is_fresh(reading))
            .map(|(link, reading)| (*link, *reading))
            .collect();
        if together.len() < 2 {
            return;
        }
        let links: BTreeSet<u32> = together.keys().copied().collect();
        let known = self.limit.as_ref().is_some_and(|limit| limit.explains(now, &links));
        if !known {
            let is_again = self.suspected.as_ref().is_some_and(|(before, suspects)| {
                let after = now.saturating_duration_since(*before);
                (AGAIN.0..AGAIN.1).contains(&after) && suspects.intersection(&links).count() >= 2
            });
            let is_same =
                self.suspected.as_ref().is_some_and(|(before, _)| now.saturating_duration_since(*before) < AGAIN.0);
            if !is_again {
                if !is_same {
                    self.suspected = Some((now, links));
                }
                return;
            }
        }
        self.measure(now, links);
    }

    fn measure(&mut self, now: Instant, mut links: BTreeSet<u32>) {
        let (mut since, mut hold) = (now, HOLD.0);
        if let Some(limit) = self.limit.as_ref().filter(|limit| limit.explains(now, &links)) {
            links.extend(limit.links.iter().filter(|link| self.links.contains_key(link)));
            // A queue before its end says only that it is less.
            (since, hold) =
                if limit.holds(now) { (limit.since, limit.hold) } else { (now, (limit.hold * 2).min(HOLD.1)) };
        }
        let arriving = links.iter().filter_map(|link| self.links.get(link)?.arriving);
        let total = BitRate::bps(arriving.map(BitRate::as_bps).sum()).times(USED);
        if total > BitRate::default() {
            let agrees = |limit: &Limit| (total.as_f64() / limit.total.as_f64() - 1.0).abs() < AGREE;
            let is_sure = self.limit.as_ref().is_some_and(agrees);
            self.limit = Some(Limit { total, links, since, hold, is_sure });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What a link reports that has `queue_ms` and gets `kbps` through, and was slowed `steady_ms` ago.
    fn state(queue_ms: u32, kbps: u64, steady_ms: Option<u32>) -> State {
        State {
            target: BitRate::kbps(kbps),
            capacity: None,
            arriving: Some(BitRate::kbps(kbps)),
            is_shared: false,
            queue: queue_ms * MS,
            jitter: Duration::ZERO,
            rtt: 50 * MS,
            loss: 0.0,
            in_flight: 0,
            steady_for: steady_ms.map(|ms| ms * MS),
            has_fallen: false,
        }
    }

    /// Three links of 100 kbit/s each, of which the first two meet a queue together each second for `seconds`.
    fn queued(uplink: &mut Uplink, start: Instant, seconds: u32) -> Instant {
        let mut now = start;
        for _ in 0..seconds {
            now += 1000 * MS;
            uplink.report(now, 3, &state(0, 100, None));
            uplink.report(now, 2, &state(50, 100, None));
            uplink.report(now + 10 * MS, 1, &state(60, 100, Some(0)));
        }
        now
    }

    #[test]
    fn links_whose_queues_grow_together_share_what_arrives_of_them() {
        let (mut uplink, start) = (Uplink::new(), Instant::now());
        let now = queued(&mut uplink, start, 1);
        assert_eq!(uplink.share(now, 1), None, "once may be by chance");
        let now = queued(&mut uplink, now, 1);
        let share = uplink.share(now, 1).expect("known by now");
        assert_eq!(share, uplink.share(now, 2).expect("both"));
        assert_eq!(share, PICTURES, "it may have been a mistake");
        assert_eq!(uplink.share(now, 3), None, "it has no queue");
        let now = queued(&mut uplink, now, 1);
        let share = uplink.share(now, 1).expect("known by now");
        assert!((90..93).contains(&(share.as_bps() / 1000)), "{share:?}");
    }

    #[test]
    fn links_that_are_slowed_at_different_times_are_left_alone() {
        let (mut uplink, mut now) = (Uplink::new(), Instant::now());
        for second in 0..60 {
            now += 1000 * MS;
            let (first, second) = if second % 2 == 0 { (60, 0) } else { (0, 60) };
            uplink.report(now, 1, &state(first, 100, (first > 0).then_some(0)));
            uplink.report(now, 2, &state(second, 100, (second > 0).then_some(0)));
        }
        assert_eq!((uplink.share(now, 1), uplink.share(now, 2)), (None, None));
    }

    #[test]
    fn a_share_holds_for_a_while_and_longer_each_time_it_is_confirmed() {
        let (mut uplink, start) = (Uplink::new(), Instant::now());
        let now = queued(&mut uplink, start, 3);
        let share = uplink.share(now, 1).expect("known");
        assert_eq!(uplink.share(now + 3_000 * MS, 1), Some(share));
        assert!(
            uplink.share(now + 13_000 * MS, 1).is_some_and(|later| later > share.times(2.0)),
            "it may be a mistake"
        );
        assert_eq!(uplink.share(now + 26_000 * MS, 1), None);
        let again = queued(&mut uplink, now + 10_000 * MS, 1);
        assert_eq!(uplink.share(again + 9_000 * MS, 1), uplink.share(again, 1), "twice as long");
        let later = queued(&mut uplink, again + 100_000 * MS, 1);
        assert_eq!(uplink.share(later, 1), None, "long ago: once may be by chance");
    }

    #[test]
    fn who_leaves_makes_room_and_the_last_one_is_free() {
        let (mut uplink, start) = (Uplink::new(), Instant::now());
        let mut now = start;
        for _ in 0..3 {
            now += 1000 * MS;
            for link in [2, 3] {
                uplink.report(now, link, &state(50, 100, None));
            }
            uplink.report(now, 1, &state(50, 100, Some(0)));
        }
        let before = uplink.share(now, 2).expect("known");
        uplink.leave(1);
        assert!(uplink.share(now, 2).is_some_and(|after| after > before));
        uplink.leave(2);
        assert_eq!(uplink.share(now, 3), None);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut uplink, now) = (Uplink::new(), Instant::now());
        for link in 0..10_000 {
            uplink.report(now, link, &state(50, 100, Some(0)));
        }
        assert!(uplink.links.len() <= LINKS_MOST);
    }
}
