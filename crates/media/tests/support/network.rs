//! A path through a bad network, in virtual time.
//!
//! Invariant: the same seed and the same sends give the same arrivals, on every machine: nothing here reads a clock.

use std::time::{Duration, Instant};

/// What the path does to packets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Conditions {
    /// Time that each packet takes at least.
    pub(crate) delay: Duration,
    /// Longest addition to it, evenly spread. Packets do not overtake each other by it.
    pub(crate) jitter: Duration,
    /// Longest further addition, by which packets do overtake each other.
    pub(crate) scatter: Duration,
    /// Probability that a packet begins a loss.
    pub(crate) loss: f64,
    /// Probability that the packet after a lost one is lost as well: 0 gives single losses, 0.8 bursts of 5.
    pub(crate) burst: f64,
    /// Probability that a packet arrives twice.
    pub(crate) duplicate: f64,
    /// Probability that a packet is held up so that later ones overtake it.
    pub(crate) reorder: f64,
    /// How long it is held up then.
    pub(crate) reorder_by: Duration,
}

/// The path: packets go in by `send` and come out, in the order of their arrival, by `arrived`.
pub(crate) struct Network<T> {
    conditions: Conditions,
    random: Random,
    in_burst: bool,
    /// Of the packet sent last and not reordered; later ones do not arrive before it.
    last_arrival: Option<Instant>,
    /// Sorted by arrival.
    under_way: Vec<(Instant, T)>,
}

impl<T: Clone> Network<T> {
    /// A path of these conditions.
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Self {
        Self { conditions, random: Random(seed), in_burst: false, last_arrival: None, under_way: Vec::new() }
    }

    /// Sends a packet; false if it is lost.
    pub(crate) fn send(&mut self, packet: T, now: Instant) -> bool {
        let Conditions { delay, jitter, scatter, loss, burst, duplicate, reorder, reorder_by } = self.conditions;
        // Each packet draws the same number of times, so that one condition does not shift the others' dice.
        let [lost, twice, late, wobble, again, apart] = std::array::from_fn(|_| self.random.fraction());
        self.in_burst = lost < if self.in_burst { burst.max(loss) } else { loss };
        if self.in_burst {
            return false;
        }
        let mut arrival = now + delay + jitter.mul_f64(wobble);
        if let Some(last) = self.last_arrival {
            arrival = arrival.max(last);
        }
        if late < reorder {
            self.deliver(arrival + reorder_by, packet.clone());
        } else {
            self.last_arrival = Some(arrival);
            self.deliver(arrival + scatter.mul_f64(apart), packet.clone());
        }
        if twice < duplicate {
            self.deliver(arrival + Duration::from_millis(20).mul_f64(again), packet);
        }
        true
    }

    fn deliver(&mut self, arrival: Instant, packet: T) {
        let at = self.under_way.partition_point(|(other, _)| *other <= arrival);
        self.under_way.insert(at, (arrival, packet));
    }

    /// Takes out what has arrived until `now`, with the time of each arrival.
    pub(crate) fn arrived(&mut self, now: Instant) -> Vec<(Instant, T)> {
        let count = self.under_way.partition_point(|(arrival, _)| *arrival <= now);
        self.under_way.drain(..count).collect()
    }
}

/// SplitMix64 (Steele, Lea, Flood): small, and the same everywhere.
struct Random(u64);

impl Random {
    /// From 0 up to, not including, 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ bits >> 31) as f64 / 2f64.powi(64)
    }
}
