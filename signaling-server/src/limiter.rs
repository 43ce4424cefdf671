//! Token buckets: for the messages of a client, and for codes and rooms by address.
//!
//! Invariant: in any stretch of time `t` a meter lets through at most `burst + t / every`, and what is kept for it is one
//! instant. (The bucket is kept as the time at which it is full again: the 'generic cell rate algorithm'.)

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// And one more in each such time.
    pub every: Duration,
}

/// One bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    full_at: Instant,
}

impl Meter {
    /// A full bucket.
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether [`Self::take`] would succeed.
    pub(crate) fn has_one(&self, rate: Rate, now: Instant) -> bool {
        self.full_at.saturating_duration_since(now) + rate.every <= rate.every * rate.burst
    }

    /// Takes one if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let allowed = self.has_one(rate, now);
        if allowed {
            self.full_at = self.full_at.max(now) + rate.every;
        }
        allowed
    }
}

/// A bucket for each address; IPv6 by its /64, which is what one household is given.
#[derive(Debug)]
pub(crate) struct ByAddress {
    rate: Rate,
    meters: HashMap<IpAddr, Meter>,
    /// For the addresses that no bucket is left for.
    rest: Meter,
    /// Full buckets are not looked for again before this: a flood of addresses would pay for each with a look at all.
    next_sweep: Instant,
}

/// Addresses with a bucket that is not full: about 1 MiB. More than that at a time is an attack, and shares one bucket.
/// PROTOCOL.md works out what that leaves to one who guesses.
pub(crate) const MAX_ADDRESSES: usize = 16_384;

/// Between two sweeps; one takes about a millisecond.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl ByAddress {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, meters: HashMap::new(), rest: Meter::new(now), next_sweep: now }
    }

    /// How many buckets are kept.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.meters.len()
    }

    /// Whether this address has one left.
    pub(crate) fn has_one(&self, address: IpAddr, now: Instant) -> bool {
        match self.meters.get(&network(address)) {
            Some(meter) => meter.has_one(self.rate, now),
            None => self.meters.len() < MAX_ADDRESSES || self.rest.has_one(self.rate, now),
        }
    }

    /// Takes one of this address's if there is one.
    pub(crate) fn take(&mut self, address: IpAddr, now: Instant) -> bool {
        let key = network(address);
        if self.meters.len() >= MAX_ADDRESSES && !self.meters.contains_key(&key) {
            if now >= self.next_sweep {
                // A full bucket is as good as none.
                self.meters.retain(|_, meter| meter.full_at > now);
                self.next_sweep = now + SWEEP_EVERY;
            }
            if self.meters.len() >= MAX_ADDRESSES {
                return self.rest.take(self.rate, now);
            }
        }
        self.meters.entry(key).or_insert_with(|| Meter::new(now)).take(self.rate, now)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: Duration::from_secs(1) };

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut taken = |ms| meter.take(RATE, start + Duration::from_millis(ms));
        assert_eq!([taken(0), taken(0), taken(0), taken(0)], [true, true, true, false]);
        assert_eq!([taken(999), taken(1000), taken(1000)], [false, true, false]);
        // It fills up to the burst and no further.
        assert_eq!([taken(60_000), taken(60_000), taken(60_000), taken(60_000)], [true, true, true, false]);
    }

    #[test]
    fn asking_takes_nothing() {
        let now = Instant::now();
        let mut meter = Meter::new(now);
        assert!((0..10).all(|_| meter.has_one(RATE, now)));
        assert_eq!((0..10).filter(|_| meter.take(RATE, now)).count(), 3);
        assert!(!meter.has_one(RATE, now));
    }

    #[test]
    fn addresses_are_counted_apart_and_networks_together() {
        let now = Instant::now();
        let mut limiter = ByAddress::new(RATE, now);
        for _ in 0..3 {
            assert!(limiter.take(address("192.0.2.1"), now));
            assert!(limiter.take(address("2001:db8::1"), now));
        }
        for spent in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::ffff:1"] {
            assert!(!limiter.has_one(address(spent), now), "{spent}");
            assert!(!limiter.take(address(spent), now), "{spent}");
        }
        for fresh in ["192.0.2.2", "2001:db8:0:1::1"] {
            assert!(limiter.has_one(address(fresh), now), "{fresh}");
        }
    }

    #[test]
    fn a_flood_of_addresses_shares_one_bucket_and_costs_no_more_memory() {
        let now = Instant::now();
        let mut limiter = ByAddress::new(RATE, now);
        let nth = |n: u32| IpAddr::from(n.to_be_bytes());
        let allowed = (0..2 * MAX_ADDRESSES as u32).filter(|n| limiter.take(nth(*n), now)).count();
        assert_eq!(allowed, MAX_ADDRESSES + RATE.burst as usize);
        assert_eq!(limiter.meters.len(), MAX_ADDRESSES);
        assert!(!limiter.has_one(nth(u32::MAX), now));
        // Who was refused is taken again once there is room.
        assert!(limiter.take(nth(u32::MAX), now + Duration::from_secs(4)));
        assert_eq!(limiter.meters.len(), 1);
    }
}
