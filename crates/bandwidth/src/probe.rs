//! When to try a higher rate than the target.
//!
//! Invariant: one probe at a time, but for the two at the start; each is a short cluster of packets, and its [`Outcome`]
//! decides on the next. Without probes a link that is or becomes fast is found at 8 % a second.
//!
//! - Start: three and six times the starting rate.
//! - Passed: at once another, of twice the rate found, until one does not pass or the limit is reached.
//! - Unclear: again, up to [`RETRIES`] times; after jitter has become known, longer.
//! - Stable: every [`EVERY`] one of twice the target, also after a fall. On a slow link half as often and smaller, because
//!   there five packets are a queue of a tenth of a second.

use std::time::{Duration, Instant};

use crate::estimator::{Limits, State};
use crate::judge::Outcome;
use crate::packet::{BitRate, ProbeId};

/// With the time it takes to send, arrive and be reported, and once more, a faster link is found within five seconds.
const EVERY: Duration = Duration::from_secs(4);
/// A link that has fallen is likely to rise again.
const EVERY_FALLEN: Duration = Duration::from_secs(3);
const EVERY_SLOW: Duration = Duration::from_secs(8);
const SLOW: BitRate = BitRate::kbps(400);
/// After the rate was lowered, the queue has to empty first.
const REST: Duration = Duration::from_secs(1);
/// Nothing is probed above so much of queue: it shows nothing but that queue.
const QUEUE_MOST: Duration = Duration::from_millis(30);
/// Nor does one probe follow another while more is under way than was sent in a round trip and this: it stands in a queue that was
/// there from the first packet on, so that it is not known as one. On a link of 300 kbit/s the second probe of the start is such
/// a queue. Those in between go on: a machine short of time reports late, too, and would never find out that it carries more.
const UNDER_WAY_MOST: Duration = Duration::from_millis(200);
const START_FACTORS: [f64; 2] = [3.0, 6.0];
const FACTOR: f64 = 2.0;
const FACTOR_SLOW: f64 = 1.5;
/// A long probe of twice the rate of a full link would be a queue as long as itself: a smaller step then, and after it.
const FACTOR_LONG: f64 = 1.25;
const FACTOR_LONG_NEXT: f64 = 1.5;
const RETRIES: u32 = 3;
/// A cluster is at least so long and so many packets ...
const DURATION: Duration = Duration::from_millis(15);
const PACKETS: u32 = 6;
const PACKETS_SLOW: u32 = 4;
/// ... and with jitter above this so many times the jitter, for the slope of delay to show, up to a bound.
const CALM: Duration = Duration::from_millis(6);
const JITTERS: u32 = 10;
const DURATION_MOST: Duration = Duration::from_millis(250);
/// An outcome that has not come by then never comes.
const PATIENCE: Duration = Duration::from_millis(2500);
/// As near to the limit as this there is nothing left to find.
const NEAR: f64 = 0.95;

/// Packets to be sent at a rate above the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Marks its packets.
    pub id: ProbeId,
    /// To be sent at.
    pub rate: BitRate,
    /// For so long at least.
    pub duration: Duration,
    /// So many packets at least.
    pub packets: u32,
}

/// Decides when to probe.
#[derive(Debug, Default)]
pub struct ProbeController {
    has_started: bool,
    next_id: u32,
    /// Probes whose outcome is awaited, and since when.
    awaited: u32,
    last: Option<Instant>,
    last_rate: BitRate,
    /// The last one was long, for jitter.
    is_long: bool,
    retries: u32,
    /// The last one was not sent.
    is_owed: bool,
    /// To be handed out next: a factor of the target, or a rate.
    due: Option<BitRate>,
}

impl ProbeController {
    /// Has not probed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next cluster to be sent, if one is due. Call it again until there is none.
    pub fn next(&mut self, now: Instant, state: &State, limits: Limits) -> Option<Cluster> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) > PATIENCE) {
            self.awaited = 0;
        }
        if !self.has_started {
            self.has_started = true;
            self.due = Some(state.target.times(START_FACTORS[1]));
            return self.cluster(now, state.target.times(START_FACTORS[0]), state, limits);
        }
        if state.queue > QUEUE_MOST + state.jitter / 2 {
            self.due = None;
            return None;
        }
        if is_backed_up(state) {
            self.due = None;
        }
        if let Some(rate) = self.due.take() {
            return self.cluster(now, rate, state, limits);
        }
        let is_slow = state.target < SLOW;
        let usual = if state.has_fallen { EVERY_FALLEN } else { EVERY };
        let every = if is_slow || state.is_shared { EVERY_SLOW } else { usual };
        let is_due =
            (self.is_owed && !is_slow) || self.last.is_none_or(|last| now.saturating_duration_since(last) >= every);
        // A link that is always full is never at rest.
        let is_overdue = self.last.is_none_or(|last| now.saturating_duration_since(last) >= every * 2);
        let has_rested = is_overdue || state.steady_for.is_none_or(|steady| steady >= REST);
        if self.awaited > 0 || !is_due || !has_rested {
            return None;
        }
        self.retries = 0;
        let factor = match state.capacity {
            _ if is_slow => FACTOR_SLOW,
            _ if state.is_shared => FACTOR_LONG,
            Some(_) if state.jitter > CALM => FACTOR_LONG,
            _ => FACTOR,
        };
        self.cluster(now, state.target.times(factor), state, limits)
    }

    /// A probe has ended so.
    pub fn on_outcome(&mut self, outcome: Outcome) {
        self.awaited = self.awaited.saturating_sub(1);
        match outcome {
            Outcome::Passed(rate) => {
                self.retries = 0;
                // The second of the start tells more than the first.
                if self.awaited == 0 {
                    self.due = Some(rate.times(if self.is_long { FACTOR_LONG_NEXT } else { FACTOR }));
                }
            }
            Outcome::Saturated(_) => {
                self.retries = 0;
                self.due = None;
            }
            Outcome::Unclear if self.awaited == 0 && self.retries < RETRIES => {
                self.retries += 1;
                self.due = Some(self.last_rate);
            }
            Outcome::Unclear => {}
        }
    }

    /// A cluster could not be sent; no outcome will come.
    pub fn on_abandoned(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
        self.is_owed = true;
    }

    fn cluster(&mut self, now: Instant, rate: BitRate, state: &State, limits: Limits) -> Option<Cluster> {
        let rate = rate.min(limits.max);
        if rate <= state.target || state.target >= limits.max.times(NEAR) {
            return None;
        }
        self.is_owed = false;
        self.is_long = state.jitter > CALM;
        let duration = if self.is_long { (state.jitter * JITTERS).min(DURATION_MOST) } else { DURATION };
        let packets = if state.target < SLOW && self.retries == 0 { PACKETS_SLOW } else { PACKETS };
        let id = ProbeId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        self.awaited += 1;
        self.last = Some(now);
        self.last_rate = rate;
        Some(Cluster { id, rate, duration, packets })
    }
}

fn is_backed_up(state: &State) -> bool {
    state.target.time_for(state.in_flight) > state.rtt + UNDER_WAY_MOST + state.jitter
}
