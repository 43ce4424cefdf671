//! How often something may be tried: sign-ins that failed, by address and by name; new accounts and reports by address;
//! calls by caller.
//!
//! Invariant: what is kept is bounded, whatever names and addresses are tried.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::limiter::{ByAddress, Meter, Rate};

/// Failed sign-ins of one address. A person mistypes a few times; a guesser gets 1440 passwords a day.
const FAILURES_BY_ADDRESS: Rate = Rate { burst: 10, every: Duration::from_secs(60) };

/// Failed sign-ins to one name, from everywhere: 4320 guesses a day, whatever the size of the botnet. It fills faster than
/// that of an address, so that nobody keeps a name's owner out from one address; those who are signed in stay so anyway.
const FAILURES_BY_NAME: Rate = Rate { burst: 30, every: Duration::from_secs(20) };

/// New accounts from one address: a class room at once, and then one a minute.
const REGISTRATIONS: Rate = Rate { burst: 40, every: Duration::from_secs(60) };

/// Reports from one address: nobody meets more than a few in an hour who deserve one.
const REPORTS: Rate = Rate { burst: 10, every: Duration::from_secs(300) };

/// All that is counted for accounts.
#[derive(Debug)]
pub(super) struct Attempts {
    failures: ByAddress,
    failures_by_name: ByKey<String>,
    registrations: ByAddress,
    reports: ByAddress,
}

impl Attempts {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            failures: ByAddress::new(FAILURES_BY_ADDRESS, now),
            failures_by_name: ByKey::new(FAILURES_BY_NAME, now),
            registrations: ByAddress::new(REGISTRATIONS, now),
            reports: ByAddress::new(REPORTS, now),
        }
    }

    /// Whether a password may be tried. Names that nobody has are counted like all, or it would tell which exist.
    pub(super) fn may_try(&self, address: IpAddr, name_key: &str, now: Instant) -> bool {
        self.failures.has_one(address, now) && self.failures_by_name.has_one(name_key, now)
    }

    pub(super) fn failed(&mut self, address: IpAddr, name_key: &str, now: Instant) {
        self.failures.take(address, now);
        self.failures_by_name.take(name_key.to_owned(), now);
    }

    pub(super) fn register(&mut self, address: IpAddr, now: Instant) -> bool {
        self.registrations.take(address, now)
    }

    pub(super) fn report(&mut self, address: IpAddr, now: Instant) -> bool {
        self.reports.take(address, now)
    }
}

/// A bucket for each key, as [`ByAddress`] has one for each address.
#[derive(Debug)]
pub(super) struct ByKey<K> {
    rate: Rate,
    meters: HashMap<K, Meter>,
    /// For the keys that no bucket is left for.
    rest: Meter,
    next_sweep: Instant,
}

/// Keys with a bucket that is not full: about 2 MiB. More at a time is an attack, and shares one bucket.
const MAX_KEYS: usize = 16_384;

/// Between two sweeps; one takes about a millisecond.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl<K: Hash + Eq> ByKey<K> {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, meters: HashMap::new(), rest: Meter::new(now), next_sweep: now }
    }

    pub(super) fn has_one<Q>(&self, key: &Q, now: Instant) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.meters.get(key) {
            Some(meter) => meter.has_one(self.rate, now),
            None => self.meters.len() < MAX_KEYS || self.rest.has_one(self.rate, now),
        }
    }

    pub(super) fn take(&mut self, key: K, now: Instant) -> bool {
        if self.meters.len() >= MAX_KEYS && !self.meters.contains_key(&key) {
            if now >= self.next_sweep {
                // A full bucket is as good as none; it would have one even if it held no more than that.
                let full = Rate { burst: 1, ..self.rate };
                self.meters.retain(|_, meter| !meter.has_one(full, now));
                self.next_sweep = now + SWEEP_EVERY;
            }
            if self.meters.len() >= MAX_KEYS {
                return self.rest.take(self.rate, now);
            }
        }
        self.meters.entry(key).or_insert_with(|| Meter::new(now)).take(self.rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn an_address_that_fails_too_often_waits_and_others_do_not() {
        let start = Instant::now();
        let mut attempts = Attempts::new(start);
        // Another name each time: only the address can stop it.
        let tried = (0..100).take_while(|n| {
            let name = format!("n{n}");
            let may = attempts.may_try(address(1), &name, start);
            attempts.failed(address(1), &name, start);
            may
        });
        assert_eq!(tried.count(), 10);
        assert!(attempts.may_try(address(2), "fresh", start));
        let later = start + Duration::from_secs(60);
        assert!(!attempts.may_try(address(1), "fresh", later - Duration::from_millis(1)));
        assert!(attempts.may_try(address(1), "fresh", later));
    }

    #[test]
    fn a_name_that_is_tried_from_everywhere_waits_and_others_do_not() {
        let start = Instant::now();
        let mut attempts = Attempts::new(start);
        let tried = (0..100).take_while(|n| {
            let may = attempts.may_try(address(*n), "anna", start);
            attempts.failed(address(*n), "anna", start);
            may
        });
        assert_eq!(tried.count(), 30);
        assert!(attempts.may_try(address(1000), "bob", start));
        assert!(attempts.may_try(address(1000), "anna", start + Duration::from_secs(20)));
    }

    #[test]
    fn one_address_cannot_keep_an_owner_out() {
        let start = Instant::now();
        let mut attempts = Attempts::new(start);
        for second in 0..24 * 3600 {
            let now = start + Duration::from_secs(second);
            if attempts.may_try(address(1), "anna", now) {
                attempts.failed(address(1), "anna", now);
            }
            assert!(attempts.may_try(address(2), "anna", now), "after {second} s");
        }
    }

    #[test]
    fn a_flood_of_keys_shares_one_bucket_and_costs_no_more_memory() {
        const RATE: Rate = Rate { burst: 3, every: Duration::from_secs(1) };
        let now = Instant::now();
        let mut by_key = ByKey::new(RATE, now);
        let allowed = (0..2 * MAX_KEYS).filter(|n| by_key.take(*n, now)).count();
        assert_eq!((allowed, by_key.meters.len()), (MAX_KEYS + 3, MAX_KEYS));
        assert!(!by_key.has_one(&usize::MAX, now));
        assert!(by_key.take(usize::MAX, now + Duration::from_secs(1)));
        assert_eq!(by_key.meters.len(), 1);
    }
}
