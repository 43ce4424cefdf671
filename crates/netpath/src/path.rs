//! The path itself.
//!
//! Invariant: the queue of the bottleneck is kept in bits and emptied at the rate in force, so that a change of rate acts on
//! what waits already. Times that step back are taken as the latest time seen.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::loss::Losing;
use crate::{Dice, Loss};

/// The longest delay or jitter; more is a mistake, and could overflow the clock.
const LONGEST: Duration = Duration::from_secs(60);

/// What one direction of a path does at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Delay of each packet, without queue and jitter.
    pub delay: Duration,
    /// More delay, evenly between zero and this, for each packet on its own.
    pub jitter: Duration,
    /// Whether jitter may let packets overtake each other.
    pub reorder: bool,
    /// Loss that does not come from the queue.
    pub loss: Loss,
    /// What the bottleneck carries, in bits per second; `None` for any amount.
    pub rate: Option<u64>,
    /// What the bottleneck's queue holds, as the time it takes to empty it; a packet that finds it full is dropped.
    pub queue: Duration,
}

impl Default for Conditions {
    /// A perfect path, but for a queue of 300 ms should a rate be set.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: false,
            loss: Loss::None,
            rate: None,
            queue: Duration::from_millis(300),
        }
    }
}

/// Something that happens to the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// All conditions anew.
    Conditions(Conditions),
    /// Another rate of the bottleneck.
    Rate(Option<u64>),
    /// Another loss.
    Loss(Loss),
    /// Another delay.
    Delay(Duration),
    /// Nothing passes until [`Change::Up`].
    Down,
    /// The end of an outage.
    Up,
    /// The far end has another address from now on: what is sent to the one before is lost.
    Address,
}

/// Why a packet is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// By [`Conditions::loss`].
    Chance,
    /// The queue was full.
    Queue,
    /// During an outage.
    Down,
    /// Sent to an address that is no more.
    Address,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It comes out then.
    Arrives(Instant),
    /// It does not come out.
    Lost(Reason),
}

impl Fate {
    /// When it comes out, if it does.
    pub fn arrival(self) -> Option<Instant> {
        match self {
            Self::Arrives(at) => Some(at),
            Self::Lost(_) => None,
        }
    }
}

/// Packets so far. All rise only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that come out.
    pub passed: u64,
    /// Packets lost by chance.
    pub lost: u64,
    /// Packets for which the queue had no room.
    pub overflowed: u64,
    /// Packets lost to outages and to addresses that are no more.
    pub unreachable: u64,
}

/// One direction of a path.
#[derive(Debug, Clone)]
pub struct Path {
    conditions: Conditions,
    /// Changes to come, in order of time.
    plan: VecDeque<(Instant, Change)>,
    dice: Dice,
    losing: Losing,
    is_down: bool,
    address: u32,
    now: Option<Instant>,
    waiting_bits: f64,
    last_out: Option<Instant>,
    counters: Counters,
}

impl Path {
    /// A path that behaves so until told otherwise.
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        Self {
            conditions,
            plan: VecDeque::new(),
            dice: Dice::new(seed),
            losing: Losing::default(),
            is_down: false,
            address: 0,
            now: None,
            waiting_bits: 0.0,
            last_out: None,
            counters: Counters::default(),
        }
    }

    /// Has `change` happen at `at`, or with the next packet if that has passed.
    pub fn schedule(&mut self, at: Instant, change: Change) {
        let place = self.plan.partition_point(|(earlier, _)| *earlier <= at);
        self.plan.insert(place, (at, change));
    }

    /// Has an outage from `from` until `until`.
    pub fn schedule_outage(&mut self, from: Instant, until: Instant) {
        self.schedule(from, Change::Down);
        self.schedule(until, Change::Up);
    }

    /// What becomes of a packet of `bytes`, headers included, that enters at `now`.
    pub fn send(&mut self, now: Instant, bytes: usize) -> Fate {
        self.advance(now);
        let address = self.address;
        self.send_to(now, bytes, address)
    }

    /// As [`send`](Self::send), for a packet to the given one of the far end's addresses (see [`address`](Self::address)).
    pub fn send_to(&mut self, now: Instant, bytes: usize, address: u32) -> Fate {
        self.pass(now, bytes, address, true)
    }

    /// As [`send_to`](Self::send_to), for a packet that [`Conditions::loss`] spares: it throws no dice for it. The queue,
    /// outages and former addresses lose it all the same.
    pub fn spare_to(&mut self, now: Instant, bytes: usize, address: u32) -> Fate {
        self.pass(now, bytes, address, false)
    }

    fn pass(&mut self, now: Instant, bytes: usize, address: u32, lossy: bool) -> Fate {
        let now = self.advance(now);
        let fate = self.decide(now, bytes, address, lossy);
        match fate {
            Fate::Arrives(_) => self.counters.passed += 1,
            Fate::Lost(Reason::Chance) => self.counters.lost += 1,
            Fate::Lost(Reason::Queue) => self.counters.overflowed += 1,
            Fate::Lost(Reason::Down | Reason::Address) => self.counters.unreachable += 1,
        }
        fate
    }

    /// Which of its addresses the far end has at `now`: 0, and one more with each [`Change::Address`].
    pub fn address(&mut self, now: Instant) -> u32 {
        self.advance(now);
        self.address
    }

    /// How long a packet that entered at `now` would wait in the bottleneck's queue.
    pub fn queue(&mut self, now: Instant) -> Duration {
        self.advance(now);
        match self.conditions.rate {
            Some(rate) if rate > 0 => seconds(self.waiting_bits / rate as f64),
            _ => Duration::ZERO,
        }
    }

    /// What has become of all packets so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn decide(&mut self, now: Instant, bytes: usize, address: u32, lossy: bool) -> Fate {
        if address != self.address {
            return Fate::Lost(Reason::Address);
        }
        if self.is_down {
            return Fate::Lost(Reason::Down);
        }
        let Conditions { delay, jitter, reorder, loss, rate, queue } = self.conditions;
        let mut out = now;
        if let Some(rate) = rate {
            // A path that carries nothing has a queue that is always full.
            if rate == 0 || self.waiting_bits > queue.as_secs_f64() * rate as f64 {
                return Fate::Lost(Reason::Queue);
            }
            self.waiting_bits += bytes as f64 * 8.0;
            out += seconds(self.waiting_bits / rate as f64);
        }
        if lossy && self.losing.next(loss, &mut self.dice) {
            return Fate::Lost(Reason::Chance);
        }
        out += delay.min(LONGEST) + jitter.min(LONGEST).mul_f64(self.dice.unit());
        if !reorder {
            out = self.last_out.map_or(out, |last| last.max(out));
            self.last_out = Some(out);
        }
        Fate::Arrives(out)
    }

    /// Empties the queue up to `now` and lets happen what is due. Returns the time that counts.
    fn advance(&mut self, now: Instant) -> Instant {
        while let Some((at, change)) = self.plan.front().copied()
            && at <= now
        {
            self.plan.pop_front();
            self.drain(at);
            self.apply(change);
        }
        self.drain(now)
    }

    fn drain(&mut self, now: Instant) -> Instant {
        let before = self.now.unwrap_or(now);
        let now = before.max(now);
        if let Some(rate) = self.conditions.rate {
            self.waiting_bits = (self.waiting_bits - (now - before).as_secs_f64() * rate as f64).max(0.0);
        }
        self.now = Some(now);
        now
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Conditions(conditions) => self.conditions = conditions,
            Change::Rate(rate) => self.conditions.rate = rate,
            Change::Loss(loss) => self.conditions.loss = loss,
            Change::Delay(delay) => self.conditions.delay = delay,
            Change::Down => self.is_down = true,
            Change::Up => self.is_down = false,
            Change::Address => self.address = self.address.wrapping_add(1),
        }
        if self.conditions.rate.is_none() {
            self.waiting_bits = 0.0;
        }
    }
}

/// As a duration, at most [`LONGEST`].
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |duration| duration.min(LONGEST))
}
