//! When to ping, when to call a server dead, how long to wait before the next attempt. Time and chance are passed in.

use std::time::{Duration, Instant};

/// Between pings.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Silence after which the server is taken for dead: nearly two pings, so that it is noticed within 10 s.
const SILENCE: Duration = Duration::from_millis(9500);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// What the heartbeat asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Send a ping with this nonce.
    Ping(u64),
    /// The server is dead.
    Dead,
    /// Nothing to do before this moment.
    Wait(Instant),
}

/// Watches one socket.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    heard: Instant,
    next_ping: Instant,
    nonce: u64,
}

impl Heartbeat {
    /// A socket that has just answered.
    pub(crate) fn new(now: Instant) -> Self {
        Self { heard: now, next_ping: now + PING_EVERY, nonce: 0 }
    }

    /// Something came in, whatever it was.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// What is due.
    pub(crate) fn poll(&mut self, now: Instant) -> Beat {
        let dead_at = self.heard + SILENCE;
        if now >= dead_at {
            return Beat::Dead;
        }
        if now >= self.next_ping {
            self.next_ping = now + PING_EVERY;
            self.nonce += 1;
            return Beat::Ping(self.nonce);
        }
        Beat::Wait(self.next_ping.min(dead_at))
    }
}

/// Growing waits between attempts to get back.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    /// No attempt was made yet.
    pub(crate) fn new() -> Self {
        Self { next: FIRST_DELAY }
    }

    /// The wait before the next attempt: 0.2 s, doubled up to 5 s, of which `chance` in 0..1 takes away up to a third,
    /// so that the clients of a server that comes back do not all knock at the same moment.
    pub(crate) fn delay(&mut self, chance: f64) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(LONGEST_DELAY);
        delay.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 3.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_each_five_seconds_while_answered() {
        let start = Instant::now();
        let mut heart = Heartbeat::new(start);
        let mut pings = Vec::new();
        for tenth in 0..300 {
            let now = start + Duration::from_millis(tenth * 100);
            if let Beat::Ping(nonce) = heart.poll(now) {
                pings.push((tenth / 10, nonce));
                heart.heard(now);
            }
        }
        assert_eq!(pings, [(5, 1), (10, 2), (15, 3), (20, 4), (25, 5)]);
    }

    #[test]
    fn a_silent_server_is_dead_within_ten_seconds() {
        let start = Instant::now();
        let mut heart = Heartbeat::new(start);
        assert_eq!(heart.poll(start), Beat::Wait(start + PING_EVERY));
        assert_eq!(heart.poll(start + PING_EVERY), Beat::Ping(1));
        assert_eq!(heart.poll(start + Duration::from_secs(6)), Beat::Wait(start + SILENCE));
        assert_eq!(heart.poll(start + SILENCE), Beat::Dead);
        assert!(SILENCE < Duration::from_secs(10));
    }

    #[test]
    fn waits_grow_to_five_seconds_and_jitter_shortens_them() {
        let mut backoff = Backoff::new();
        let delays: Vec<_> = (0..7).map(|_| backoff.delay(0.0).as_millis()).collect();
        assert_eq!(delays, [200, 400, 800, 1600, 3200, 5000, 5000]);
        let shortest = backoff.delay(1.0);
        assert!((Duration::from_millis(3300)..Duration::from_millis(3400)).contains(&shortest));
    }
}
