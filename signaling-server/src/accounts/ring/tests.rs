//! Calls by name in virtual time.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

const ANNA: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

struct World {
    rings: Rings<u32>,
    now: Now,
    out: Vec<Told<u32>>,
}

/// Devices of account n are n * 10 and up.
fn request(caller_device: u32, callee: AccountId, devices: &[u32]) -> Request<u32> {
    let caller = i64::from(caller_device / 10);
    Request {
        caller: AccountId(caller),
        caller_name: format!("name {caller}"),
        caller_device,
        callee,
        room: format!("room {caller}"),
        devices: devices.to_vec(),
        blocked: false,
    }
}

impl World {
    fn new() -> Self {
        let now = Now { at: Instant::now(), unix_ms: 1_000_000 };
        Self { rings: Rings::new(now), now, out: Vec::new() }
    }

    fn pass(&mut self, ms: u64) {
        self.now.at += Duration::from_millis(ms);
        self.now.unix_ms += ms as i64;
        self.rings.tick(self.now, &mut self.out);
    }

    fn start(&mut self, request: Request<u32>) -> Result<Started, RingError> {
        self.rings.start(request, self.now, &mut self.out)
    }

    fn ring(&mut self, request: Request<u32>) -> RingId {
        match self.start(request) {
            Ok(Started::Ringing(call)) => call,
            other => panic!("{other:?}"),
        }
    }

    /// What was told since the last look, in short.
    fn told(&mut self) -> Vec<String> {
        let short = |told| match told {
            Told::Ring { device, room, .. } => format!("{device} rings to {room}"),
            Told::Stop { device, why, .. } => format!("{device} stops: {why:?}"),
            Told::Over { device, outcome, .. } => format!("{device} hears {outcome:?}"),
            Told::Missed { callee, caller, room, unix_ms } => {
                format!("{} missed {} to {room} at {unix_ms}", callee.0, caller.name)
            }
        };
        self.out.drain(..).map(short).collect()
    }

    fn is_empty(&self) -> bool {
        let Rings { rings, by_caller, by_callee, deadlines, .. } = &self.rings;
        rings.is_empty() && by_caller.is_empty() && by_callee.is_empty() && deadlines.is_empty()
    }
}

#[test]
fn the_first_to_accept_has_it_and_all_others_stop() {
    let mut world = World::new();
    let call = world.ring(request(10, BOB, &[20, 21, 22]));
    assert_eq!(world.told(), ["20 rings to room 1", "21 rings to room 1", "22 rings to room 1"]);
    assert_eq!(world.rings.count(), 1);
    let taken = world.rings.accept(call, &21, &mut world.out).expect("rings");
    assert_eq!((taken.room.as_str(), taken.caller.name.as_str()), ("room 1", "name 1"));
    let expected = ["20 stops: Accepted { by: 21 }", "22 stops: Accepted { by: 21 }", "10 hears Accepted { by: 21 }"];
    assert_eq!(world.told(), expected);
    assert_eq!(world.rings.accept(call, &20, &mut world.out), Err(RingError::Over));
    assert_eq!(world.rings.decline(call, &22, &mut world.out), Err(RingError::Over));
    assert_eq!(world.rings.cancel(call, &10, &mut world.out), Err(RingError::Over));
    world.pass(60_000);
    assert!(world.told().is_empty() && world.is_empty());
}

#[test]
fn declining_on_one_device_declines_for_the_person_and_nothing_is_missed() {
    let mut world = World::new();
    let call = world.ring(request(10, BOB, &[20, 21]));
    world.told();
    world.rings.decline(call, &20, &mut world.out).expect("rings");
    assert_eq!(world.told(), ["21 stops: Declined", "10 hears Declined"]);
    assert!(world.is_empty());
}

#[test]
fn it_rings_for_45_seconds() {
    let mut world = World::new();
    world.ring(request(10, BOB, &[20]));
    world.told();
    assert_eq!(world.rings.next_deadline(), Some(world.now.at + RING_FOR));
    world.pass(44_999);
    assert!(world.told().is_empty());
    world.pass(1);
    assert_eq!(world.told(), ["2 missed name 1 to room 1 at 1000000", "20 stops: TimedOut", "10 hears TimedOut"]);
    assert_eq!(world.rings.next_deadline(), None);
}

#[test]
fn a_caller_who_gives_up_or_is_gone_leaves_a_missed_call() {
    let mut world = World::new();
    for gone in [false, true] {
        let call = world.ring(request(10, BOB, &[20]));
        world.told();
        assert_eq!(world.rings.cancel(call, &20, &mut world.out), Err(RingError::Over), "not the callee's");
        if gone {
            world.rings.device_gone(ANNA, &10, &mut world.out);
        } else {
            world.rings.cancel(call, &10, &mut world.out).expect("rings");
        }
        let missed = "2 missed name 1 to room 1 at 1000000";
        assert_eq!(world.told(), [missed, "20 stops: Cancelled", "10 hears Cancelled"]);
        assert!(world.is_empty());
    }
}

#[test]
fn who_is_not_here_misses_it_and_who_blocks_never_hears_of_it() {
    let mut world = World::new();
    world.ring(request(10, BOB, &[]));
    assert_eq!(world.told(), ["2 missed name 1 to room 1 at 1000000", "10 hears Unavailable"]);
    world.ring(Request { blocked: true, ..request(10, BOB, &[20]) });
    assert_eq!(world.told(), ["10 hears Unavailable"]);
    assert!(world.is_empty());
}

#[test]
fn only_so_many_ring_at_one_account() {
    let mut world = World::new();
    for caller in 3..3 + MAX_AT_ONE_ACCOUNT as u32 {
        world.ring(request(caller * 10, BOB, &[20]));
    }
    assert_eq!(world.told().len(), MAX_AT_ONE_ACCOUNT);
    world.ring(request(10, BOB, &[20]));
    assert_eq!(world.told(), ["2 missed name 1 to room 1 at 1000000", "10 hears Busy"]);
}

#[test]
fn devices_that_come_ring_and_devices_that_go_do_not() {
    let mut world = World::new();
    let call = world.ring(request(10, BOB, &[20]));
    world.told();
    world.rings.device_gone(BOB, &20, &mut world.out);
    assert!(world.told().is_empty(), "it may be back");
    world.rings.device_came(BOB, &21, &mut world.out);
    world.rings.device_came(BOB, &21, &mut world.out);
    world.rings.device_came(ANNA, &11, &mut world.out);
    assert_eq!(world.told(), ["21 rings to room 1"]);
    assert_eq!(world.rings.accept(call, &20, &mut world.out), Err(RingError::Over));
    world.rings.accept(call, &21, &mut world.out).expect("rings");
    assert_eq!(world.told(), ["10 hears Accepted { by: 21 }"]);
}

#[test]
fn two_who_call_each_other_are_in_one_call() {
    let mut world = World::new();
    let call = world.ring(request(10, BOB, &[20, 21]));
    world.told();
    let Ok(Started::Crossed(taken)) = world.start(request(20, ANNA, &[10])) else { panic!("not crossed") };
    assert_eq!((taken.call, taken.room.as_str()), (call, "room 1"));
    assert_eq!(world.told(), ["21 stops: Accepted { by: 20 }", "10 hears Accepted { by: 20 }"]);
    assert!(world.is_empty());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = World::new();
    assert_eq!(world.start(request(10, ANNA, &[11])), Err(RingError::Yourself));
    world.ring(request(10, BOB, &[20]));
    assert_eq!(world.start(request(10, AccountId(3), &[30])), Err(RingError::AlreadyCalling));
    assert_eq!(world.rings.accept(RingId(99), &20, &mut world.out), Err(RingError::Over));
}

#[test]
fn one_account_cannot_call_without_end() {
    let mut world = World::new();
    let calls = (0..100).take_while(|_| world.start(request(10, BOB, &[])) != Err(RingError::TooFast));
    assert_eq!(calls.count(), 10);
    assert!(world.start(request(30, BOB, &[])).is_ok());
    world.pass(20_000);
    assert!(world.start(request(10, BOB, &[])).is_ok());
}

#[test]
fn nothing_rings_at_or_from_an_account_that_is_deleted() {
    let mut world = World::new();
    world.ring(request(10, BOB, &[20]));
    world.ring(request(30, ANNA, &[10]));
    world.told();
    world.rings.account_gone(ANNA, &mut world.out);
    let expected = [
        "2 missed name 1 to room 1 at 1000000",
        "20 stops: Cancelled",
        "10 hears Cancelled",
        "10 stops: Unavailable",
        "30 hears Unavailable",
    ];
    assert_eq!(world.told(), expected);
    assert!(world.is_empty());
}

/// Whatever is done in whatever order: each call that rang ends once, and each device that began to ring stops or
/// accepts or is gone.
#[test]
fn every_call_ends_once_and_no_device_rings_on() {
    for seed in 0..6 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new();
        let mut started = BTreeSet::new();
        let mut over = BTreeSet::new();
        let mut ringing = BTreeSet::new();
        for _ in 0..3000 {
            let device = rng.random_range(10..60);
            let account = AccountId(i64::from(device / 10));
            let call = RingId(rng.random_range(world.rings.next_id.saturating_sub(6)..=world.rings.next_id));
            match rng.random_range(0..7) {
                0 | 1 => {
                    let callee = rng.random_range(1..6);
                    let devices: Vec<u32> = (0..rng.random_range(0..4)).map(|n| callee * 10 + n).collect();
                    match world.start(request(device, AccountId(i64::from(callee)), &devices)) {
                        Ok(Started::Ringing(call)) => assert!(started.insert(call)),
                        Ok(Started::Crossed(taken)) => assert!(ringing.remove(&(taken.call, device))),
                        Err(_) => {}
                    }
                }
                2 => {
                    if world.rings.accept(call, &device, &mut world.out).is_ok() {
                        assert!(ringing.remove(&(call, device)));
                    }
                }
                3 => {
                    if world.rings.decline(call, &device, &mut world.out).is_ok() {
                        assert!(ringing.remove(&(call, device)));
                    }
                }
                4 => drop(world.rings.cancel(call, &device, &mut world.out)),
                5 if rng.random() => world.rings.device_came(account, &device, &mut world.out),
                5 => {
                    world.rings.device_gone(account, &device, &mut world.out);
                    ringing.retain(|(_, other)| *other != device);
                }
                _ => world.pass(rng.random_range(0..20_000)),
            }
            for told in world.out.drain(..) {
                match told {
                    Told::Ring { device, call, .. } => assert!(ringing.insert((call, device))),
                    Told::Stop { device, call, .. } => assert!(ringing.remove(&(call, device))),
                    Told::Over { call, .. } => assert!(over.insert(call), "{call} is over twice"),
                    Told::Missed { .. } => {}
                }
            }
            let known: BTreeSet<_> = started.difference(&over).copied().collect();
            assert_eq!(world.rings.rings.keys().copied().collect::<BTreeSet<_>>(), known);
        }
        world.pass(45_000);
        for told in world.out.drain(..) {
            match told {
                Told::Stop { device, call, .. } => assert!(ringing.remove(&(call, device))),
                Told::Over { call, .. } => assert!(over.insert(call)),
                _ => {}
            }
        }
        assert_eq!(started, over);
        assert!(ringing.is_empty() && world.is_empty());
        assert!(started.len() > 200, "{}", started.len());
    }
}
