//! The queue in virtual time: each rule alone, then long random lives against a model of the rules, then crowds.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sightline_protocol::UserId;

use super::*;
use crate::accounts::AccountId;

struct World {
    queue: Queue<u32>,
    now: Instant,
}

/// Even ones have accounts.
fn person(n: u32) -> Person {
    if n.is_multiple_of(2) { Person::Account(AccountId::nth(n.into())) } else { Person::Guest(UserId(format!("u{n}"))) }
}

fn pair(offerer: u32, answerer: u32) -> Pair<u32> {
    Pair { offerer, answerer }
}

impl World {
    fn new() -> Self {
        Self { queue: Queue::default(), now: Instant::now() }
    }

    fn with(people: impl IntoIterator<Item = u32>) -> Self {
        let mut world = Self::new();
        people.into_iter().for_each(|n| world.enter(n));
        world
    }

    fn enter(&mut self, n: u32) {
        self.queue.enter(n, person(n), [], self.now).expect("may enter");
    }

    fn next(&mut self, n: u32) -> Option<u32> {
        self.queue.next(&n, self.now).expect("is here")
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn tick(&mut self) -> Vec<Pair<u32>> {
        self.queue.tick(self.now)
    }
}

#[test]
fn who_comes_gets_the_one_who_waits_longest_and_offers() {
    let mut world = World::with([1]);
    assert_eq!(world.tick(), []);
    world.queue.block(&person(2), person(1)).expect("few");
    world.enter(2);
    assert_eq!(world.tick(), []);
    world.enter(3);
    assert_eq!(world.tick(), [pair(3, 1)]);
    world.enter(4);
    assert_eq!(world.tick(), [pair(4, 2)]);
    assert_eq!((world.queue.partner(&1), world.queue.partner(&3), world.queue.partner(&5)), (Some(&3), Some(&1), None));
}

#[test]
fn many_who_come_at_once_are_paired_in_their_order() {
    let mut world = World::with(1..=5);
    assert_eq!(world.tick(), [pair(2, 1), pair(4, 3)]);
    assert_eq!(world.queue.waiting(), 1);
}

#[test]
fn next_puts_both_back_and_gives_both_somebody_else() {
    let mut world = World::with([1, 2]);
    world.tick();
    assert_eq!(world.next(1), Some(2));
    assert_eq!(world.tick(), []);
    assert_eq!(world.next(1), None, "waits already");
    world.enter(3);
    assert_eq!(world.tick(), [pair(3, 2)], "the one left behind waits in front");
    world.enter(4);
    assert_eq!(world.tick(), [pair(4, 1)]);
    // Two pairs that break up at once mix.
    world.next(1);
    world.next(2);
    assert_eq!(world.tick(), [pair(3, 4), pair(2, 1)]);
    assert_eq!(world.queue.next(&9, world.now), Err(QueueError::NotHere));
}

#[test]
fn the_same_two_meet_again_only_after_they_were_alone_for_a_while() {
    let mut world = World::with([1, 2]);
    world.tick();
    world.next(2);
    assert_eq!(world.tick(), []);
    assert_eq!(world.queue.next_deadline(), Some(world.now + ALONE_FOR));
    world.pass(4999);
    assert_eq!(world.tick(), []);
    world.pass(1);
    assert_eq!(world.tick(), [pair(2, 1)]);
    assert_eq!(world.queue.next_deadline(), None);
}

#[test]
fn leaving_and_coming_back_is_no_way_round() {
    let mut world = World::with([1, 2]);
    world.tick();
    assert_eq!(world.queue.leave(&1, world.now), Some(2));
    world.pass(59_999);
    world.tick();
    world.enter(1);
    world.enter(2);
    assert_eq!(world.tick(), []);
    world.queue.leave(&1, world.now);
    world.queue.leave(&2, world.now);
    world.pass(60_000);
    world.enter(1);
    world.enter(2);
    assert_eq!(world.tick(), [pair(2, 1)], "a minute later they are strangers again");
}

#[test]
fn leaving_ends_the_pair_for_both() {
    let mut world = World::with([1, 2, 3]);
    world.tick();
    assert_eq!(world.queue.leave(&2, world.now), Some(1));
    assert_eq!(world.queue.leave(&2, world.now), None);
    assert_eq!(world.queue.next(&1, world.now), Err(QueueError::NotHere), "is out, too");
    assert_eq!(world.queue.leave(&3, world.now), None);
    assert_eq!(world.queue.waiting(), 0);
    assert_eq!(world.tick(), []);
}

#[test]
fn one_person_is_here_once() {
    let mut world = World::with([2]);
    assert_eq!(world.queue.enter(2, person(3), [], world.now), Err(QueueError::AlreadyHere));
    assert_eq!(world.queue.enter(3, person(2), [], world.now), Err(QueueError::AlreadyHere), "on another device");
    world.queue.leave(&2, world.now);
    assert_eq!(world.queue.enter(3, person(2), [], world.now), Ok(()));
}

#[test]
fn blocks_hold_both_ways_and_until_they_are_taken_back() {
    for (who, whom) in [(1, 2), (2, 1)] {
        let mut world = World::with([1, 2]);
        world.queue.block(&person(who), person(whom)).expect("few");
        assert_eq!(world.tick(), []);
        world.pass(60_000);
        assert_eq!(world.tick(), [], "being alone does not help");
        world.queue.unblock(&person(who), &person(whom));
        assert_eq!(world.tick(), [pair(2, 1)]);
    }
}

#[test]
fn a_block_within_a_pair_holds_when_it_is_over() {
    let mut world = World::with([1, 2]);
    world.tick();
    world.queue.block(&person(1), person(2)).expect("few");
    world.next(1);
    world.tick();
    world.pass(5000);
    assert_eq!(world.tick(), []);
    // And after leaving, until the guest is gone for good.
    world.queue.leave(&1, world.now);
    world.pass(60_000);
    world.enter(1);
    assert_eq!(world.tick(), []);
    world.queue.forget(&person(1));
    assert_eq!(world.tick(), [], "is here, so nothing is forgotten");
    world.queue.leave(&1, world.now);
    world.queue.forget(&person(1));
    world.enter(1);
    world.tick();
    world.pass(5000);
    assert_eq!(world.tick(), [pair(1, 2)]);
}

#[test]
fn an_accounts_list_counts_from_the_start() {
    let mut world = World::with([1]);
    world.queue.enter(2, person(2), [person(1)], world.now).expect("may enter");
    assert_eq!(world.tick(), []);
}

#[test]
fn a_list_of_blocks_is_bounded() {
    let mut world = World::new();
    for n in 0..MAX_BLOCKS as u32 {
        world.queue.block(&person(1), person(n + 10)).expect("few");
    }
    assert_eq!(world.queue.block(&person(1), person(9)), Err(QueueError::TooManyBlocks));
    assert_eq!(world.queue.block(&person(1), person(10)), Ok(()), "blocked already");
}

#[test]
fn so_many_are_here_and_no_more_and_nothing_is_left_of_those_who_went() {
    let mut world = World::with(0..MAX_PEOPLE as u32);
    let one_more = MAX_PEOPLE as u32;
    assert_eq!(world.queue.enter(one_more, person(one_more), [], world.now), Err(QueueError::Full));
    assert_eq!(world.tick().len(), MAX_PEOPLE / 2);
    for n in 0..MAX_PEOPLE as u32 {
        world.queue.leave(&n, world.now);
    }
    // As many again come, meet and go within the minute: still no more is remembered.
    for n in 0..MAX_PEOPLE as u32 {
        world.enter(n + MAX_PEOPLE as u32);
    }
    world.tick();
    for n in 0..MAX_PEOPLE as u32 {
        world.queue.leave(&(n + MAX_PEOPLE as u32), world.now);
    }
    assert_eq!((world.queue.last.len(), world.queue.forgetting.len()), (MAX_PEOPLE, MAX_PEOPLE));
    world.pass(60_000);
    world.tick();
    assert_empty(&world.queue);
}

#[track_caller]
fn assert_empty(queue: &Queue<u32>) {
    assert!(queue.places.is_empty() && queue.persons.is_empty() && queue.waiting.is_empty());
    assert!(queue.fresh.is_empty() && queue.settled.is_empty() && queue.again.is_empty());
    assert!(queue.last.is_empty() && queue.forgetting.is_empty());
}

/// What the rules say, without any thought of cost.
#[derive(Default)]
struct Model {
    /// In the order of coming, with the time.
    waiting: Vec<(u32, Instant)>,
    pairs: HashMap<u32, u32>,
    blocks: HashSet<(u32, u32)>,
    last: HashMap<u32, (u32, Option<Instant>)>,
    /// Who took a block back since the last tick.
    unblocked: HashSet<u32>,
}

impl Model {
    fn blocked(&self, a: u32, b: u32) -> bool {
        self.blocks.contains(&(a, b)) || self.blocks.contains(&(b, a))
    }

    fn just_met(&self, a: u32, b: u32) -> bool {
        let met = |who, whom| self.last.get(&who).is_some_and(|(partner, _)| *partner == whom);
        met(a, b) || met(b, a)
    }

    fn strangers(&self, a: u32, b: u32) -> bool {
        a != b && !self.blocked(a, b) && !self.just_met(a, b)
    }

    fn forget_last(&mut self, now: Instant) {
        self.last.retain(|_, (_, until)| until.is_none_or(|until| until > now));
    }

    fn wait(&mut self, n: u32, now: Instant) {
        self.forget_last(now);
        if let Some((_, until)) = self.last.get_mut(&n) {
            *until = None;
        }
        self.waiting.push((n, now));
    }

    fn out(&mut self, n: u32, now: Instant) {
        self.waiting.retain(|(waits, _)| *waits != n);
        self.pairs.remove(&n);
        if let Some((_, until)) = self.last.get_mut(&n) {
            *until = Some(now + REMEMBERED_FOR);
        }
    }

    /// Looks at each pair as it is made, in order.
    fn meet(&mut self, Pair { offerer, answerer }: &Pair<u32>, now: Instant, again: &mut usize) {
        let (offerer, answerer) = (*offerer, *answerer);
        let at = |n| self.waiting.iter().position(|(waits, _)| *waits == n).expect("waits, and is in no other pair");
        let (later, earlier) = (at(offerer), at(answerer));
        assert!(earlier < later, "the latecomer offers");
        assert!(!self.blocked(offerer, answerer), "{offerer} and {answerer} block");
        if self.just_met(offerer, answerer) {
            *again += 1;
            for (n, since) in [self.waiting[later], self.waiting[earlier]] {
                assert!(now - since >= ALONE_FOR, "{n} met the same partner at once");
                let other = self.waiting.iter().find(|(other, _)| self.strangers(n, *other));
                assert_eq!(other, None, "{n} met the same partner while another waited");
            }
        } else {
            let passed_over = self.waiting[..earlier].iter().find(|(other, _)| self.strangers(offerer, *other));
            // One who took a block back was looked for like one who came.
            assert!(passed_over.is_none() || self.unblocked.contains(&answerer), "{passed_over:?} is passed over");
        }
        self.waiting.retain(|(waits, _)| *waits != offerer && *waits != answerer);
        self.pairs.extend([(offerer, answerer), (answerer, offerer)]);
        self.last.extend([(offerer, (answerer, None)), (answerer, (offerer, None))]);
    }

    /// After a tick nobody waits who may meet somebody.
    fn check(&self, now: Instant) {
        for (index, (a, a_since)) in self.waiting.iter().enumerate() {
            for (b, b_since) in &self.waiting[..index] {
                assert!(!self.strangers(*a, *b), "{a} and {b} wait, though they may meet");
                let alone = now - *a_since.max(b_since) >= ALONE_FOR;
                assert!(self.blocked(*a, *b) || !alone, "{a} and {b} wait, though they may meet again");
            }
        }
    }
}

#[test]
fn whatever_people_do_nobody_is_passed_over_or_meets_whom_they_should_not() {
    let (mut met, mut again, mut blocked) = (0, 0, 0);
    for seed in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed);
        // From a few who know each other to more than ever wait at once.
        let crowd = [3, 5, 8, 40][seed as usize % 4];
        let block_chance = [0.0, 0.3, 1.0][seed as usize % 3];
        let mut world = World::new();
        let mut model = Model::default();
        for _ in 0..10_000 {
            let n = rng.random_range(0..crowd);
            let other = rng.random_range(0..crowd);
            let now = world.now;
            let is_here = model.pairs.contains_key(&n) || model.waiting.iter().any(|(waits, _)| *waits == n);
            match rng.random_range(0..10) {
                0..3 if !is_here => {
                    world.enter(n);
                    model.wait(n, now);
                }
                0..3 => assert_eq!(world.queue.enter(n, person(n), [], now), Err(QueueError::AlreadyHere)),
                3..6 if is_here => {
                    let left = world.queue.next(&n, now).expect("is here");
                    assert_eq!(left, model.pairs.remove(&n));
                    if let Some(left) = left {
                        model.pairs.remove(&left);
                        model.wait(left, now);
                        model.wait(n, now);
                    }
                }
                3..6 => assert_eq!(world.queue.next(&n, now), Err(QueueError::NotHere)),
                6 => {
                    let left = world.queue.leave(&n, now);
                    assert_eq!(left, model.pairs.get(&n).copied());
                    if is_here {
                        model.out(n, now);
                    }
                    if let Some(left) = left {
                        model.out(left, now);
                    }
                }
                7 if n != other && rng.random_bool(block_chance) => {
                    // A fifth of all pairs at most, or nobody meets anybody in the end.
                    let many = model.blocks.len() as u32 * 5 >= crowd * crowd;
                    let taken_back = model.blocks.iter().copied().min_by_key(|pair| (pair.0 * 31 + pair.1 * 17) % 61);
                    match taken_back {
                        Some((who, whom)) if many || rng.random_bool(0.3) => {
                            world.queue.unblock(&person(who), &person(whom));
                            model.blocks.remove(&(who, whom));
                            model.unblocked.insert(who);
                        }
                        _ => {
                            world.queue.block(&person(n), person(other)).expect("few");
                            model.blocks.insert((n, other));
                            blocked += 1;
                        }
                    }
                }
                _ => world.pass(*[1, 100, 2000, 5000, 30_000].choose(&mut rng).expect("some")),
            }
            // Not after each step: then several come between two looks.
            if rng.random_bool(0.6) {
                let now = world.now;
                model.forget_last(now);
                for pair in world.tick() {
                    model.meet(&pair, now, &mut again);
                    met += 1;
                }
                model.check(now);
                model.unblocked.clear();
                assert_eq!(world.queue.waiting(), model.waiting.len());
                for n in 0..crowd {
                    assert_eq!(world.queue.partner(&n), model.pairs.get(&n), "{n}");
                }
            }
        }
        for n in 0..crowd {
            world.queue.leave(&n, world.now);
        }
        world.pass(60_000);
        world.tick();
        assert_empty(&world.queue);
    }
    assert!(met > 5000 && again > 100 && blocked > 500, "{met} met, {again} again, {blocked} blocked");
}

#[test]
fn ten_thousand_who_come_at_once_take_a_look_each() {
    let mut world = World::with(0..10_000);
    assert_eq!(world.tick().len(), 5000);
    assert_eq!(world.queue.looks(), 5000);
    // And all of them press 'next' at once, again and again.
    for round in 1..=10 {
        for n in 0..10_000 {
            world.next(n);
        }
        let before = world.queue.looks();
        let pairs = world.tick();
        assert!(pairs.len() >= 4999, "round {round}: {} pairs", pairs.len());
        let looks = world.queue.looks() - before;
        assert!(looks <= 20_000, "round {round}: {looks} looks");
    }
}

/// As many as can wait without meeting when each blocks 200.
#[test]
fn a_look_passes_only_those_whom_the_newcomer_may_not_meet() {
    const BLOCKS: u32 = 200;
    let crowd = 2 * BLOCKS + 1;
    let mut world = World::new();
    for n in 0..crowd {
        let ahead = (1..=BLOCKS).map(|k| person((n + k) % crowd));
        world.queue.enter(n, person(n), ahead, world.now).expect("may enter");
    }
    assert_eq!(world.tick(), []);
    assert_eq!(world.queue.waiting(), crowd as usize);
    let before = world.queue.looks();
    world.enter(1000);
    assert_eq!(world.tick(), [pair(1000, 0)]);
    assert_eq!(world.queue.looks() - before, 1);
    world.queue.enter(1001, person(1001), (1..=BLOCKS).map(person), world.now).expect("may enter");
    assert_eq!(world.tick(), [pair(1001, BLOCKS + 1)]);
    assert_eq!(world.queue.looks() - before, 1 + u64::from(BLOCKS) + 1);
}
