//! When to try again.
//!
//! Invariant: the time between two attempts grows with the failures, up to a bound, and is drawn at random from nought on
//! ("full jitter"), so that clients that lost their server together do not come back together. No attempt is made before
//! the time that the server named.

use std::time::Duration;

/// Longest time that a server may ask to be left alone (Retry-After): one that names a year is asked again all the same.
pub(crate) const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// Exponential backoff with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Bound of the first pause; it doubles with each failure.
    pub first: Duration,
    /// Bound of all pauses.
    pub longest: Duration,
}

impl Default for Backoff {
    /// A server that restarts is back in some seconds. One that is away for long is asked every five minutes on average:
    /// that costs nobody anything.
    fn default() -> Self {
        Self { first: Duration::from_secs(5), longest: Duration::from_secs(600) }
    }
}

impl Backoff {
    /// When to try again, in milliseconds since the Unix epoch: after `tries` failures before this one, for a random
    /// number from 0 to 1, and not within the time that the server asked for.
    pub fn next_try_ms(&self, tries: u32, now_ms: i64, wish: Option<Duration>, random: f64) -> i64 {
        let doubled = self.first.saturating_mul(1 << tries.min(20));
        let pause = doubled.min(self.longest).mul_f64(random.clamp(0.0, 1.0));
        let wish = wish.unwrap_or_default().min(LONGEST_WISH);
        now_ms.saturating_add(millis(wish + pause))
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_fill_the_range() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let most = |tries| backoff.next_try_ms(tries, 0, None, 1.0);
        assert_eq!([0, 1, 2, 5, 6, 7, u32::MAX].map(most), [1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(backoff.next_try_ms(3, 500, None, 0.0), 500);
        assert_eq!(backoff.next_try_ms(3, 500, None, 0.25), 2500);
        assert_eq!(backoff.next_try_ms(3, i64::MAX - 1, None, 1.0), i64::MAX);
    }

    #[test]
    fn a_servers_wish_comes_first_and_has_a_bound() {
        let backoff = Backoff::default();
        let wish = Some(Duration::from_secs(30));
        assert_eq!(backoff.next_try_ms(0, 0, wish, 0.0), 30_000);
        assert_eq!(backoff.next_try_ms(0, 0, wish, 1.0), 35_000);
        assert_eq!(backoff.next_try_ms(0, 0, Some(Duration::MAX), 0.0), 3_600_000);
    }

    /// A thousand clients lose their server at the same moment, for ten minutes.
    #[test]
    fn clients_that_lost_their_server_together_do_not_come_back_together() {
        const AWAY_MS: i64 = 600_000;
        let backoff = Backoff::default();
        let mut random = StdRng::seed_from_u64(7);
        let (mut attempts, mut back) = (0, Vec::new());
        for _ in 0..1000 {
            let (mut now_ms, mut tries) = (0, 0);
            while now_ms < AWAY_MS {
                now_ms = backoff.next_try_ms(tries, now_ms, None, random.random());
                tries += 1;
                attempts += 1;
            }
            back.push(now_ms - AWAY_MS);
        }
        assert!(attempts < 12_000, "the server that is away is not worn out: {attempts}");
        assert!(back.iter().all(|after| *after <= 600_000));
        let mut seconds = vec![0_u32; 601];
        back.iter().for_each(|after| seconds[(*after / 1000) as usize] += 1);
        let busiest = seconds.iter().max().copied().unwrap_or_default();
        assert!(busiest <= 20, "{busiest} of 1000 in one second");
    }
}
