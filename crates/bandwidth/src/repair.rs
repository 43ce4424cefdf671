//! Keeps repair from becoming a storm.
//!
//! Invariant: no packet is sent again within one round trip of the last time (the first copy is still under way), and all
//! copies together take at most [`SHARE`] of the target over any while.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::packet::BitRate;
use crate::timeline::Timeline;

/// Of the target. More would starve the media that the repair is for.
const SHARE: f64 = 0.3;
/// What may come at once, as a time at that share: the loss of a few packets in a row.
const BURST_S: f64 = 0.25;
/// A few packets may always come at once, however low the target.
const BURST_LEAST_BITS: f64 = 20_000.0;
/// Packets remembered: more than are sent in the longest round trip that is waited for.
const MOST: usize = 4096;
/// Bounds of the round trip: below, a second request is not yet an answer; above, waiting is worse than a copy.
const RTT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What to do with a packet that is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Send it.
    Send,
    /// The last copy is still under way.
    TooSoon,
    /// Repair has had its share.
    OverBudget,
}

/// Decides which packets are sent again.
#[derive(Debug, Default)]
pub struct RepairLimiter {
    timeline: Timeline,
    last_sent: BTreeMap<(u32, u16), i64>,
    tokens_bits: Option<f64>,
    last_us: i64,
}

impl RepairLimiter {
    /// None was sent yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether packet `sequence` (RTP) of stream `ssrc` is sent again at `now`, `bytes` on the wire.
    pub fn ask(
        &mut self,
        now: Instant,
        (ssrc, sequence): (u32, u16),
        bytes: usize,
        rtt: Duration,
        target: BitRate,
    ) -> Repair {
        let now_us = self.timeline.at(now);
        let rtt_us = rtt.clamp(RTT.0, RTT.1).as_micros() as i64;
        if self.last_sent.get(&(ssrc, sequence)).is_some_and(|last| now_us - last < rtt_us) {
            return Repair::TooSoon;
        }
        let rate = SHARE * target.as_f64();
        let full = BURST_S * rate + BURST_LEAST_BITS;
        let elapsed = (now_us - self.last_us) as f64 / 1e6;
        let tokens = self.tokens_bits.map_or(full, |tokens| (tokens + elapsed * rate).min(full));
        self.last_us = now_us;
        let bits = bytes as f64 * 8.0;
        if tokens < bits {
            self.tokens_bits = Some(tokens);
            return Repair::OverBudget;
        }
        self.tokens_bits = Some(tokens - bits);
        if self.last_sent.len() >= MOST {
            self.last_sent.retain(|_, last| now_us - *last < RTT.1.as_micros() as i64);
        }
        if self.last_sent.len() >= MOST {
            // More repairs in a second than any target allows: forgetting costs a copy, not memory.
            self.last_sent.clear();
        }
        self.last_sent.insert((ssrc, sequence), now_us);
        Repair::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT_100: Duration = Duration::from_millis(100);
    const TARGET: BitRate = BitRate::kbps(1000);

    #[test]
    fn the_same_packet_is_not_sent_again_within_a_round_trip() {
        let (start, mut limiter) = (Instant::now(), RepairLimiter::new());
        let mut ask = |ms, packet| limiter.ask(start + Duration::from_millis(ms), packet, 1200, RTT_100, TARGET);
        assert_eq!(ask(0, (1, 7)), Repair::Send);
        assert_eq!(ask(50, (1, 7)), Repair::TooSoon);
        assert_eq!(ask(50, (2, 7)), Repair::Send);
        assert_eq!(ask(99, (1, 7)), Repair::TooSoon);
        assert_eq!(ask(100, (1, 7)), Repair::Send);
    }

    #[test]
    fn repair_takes_no_more_than_its_share() {
        let (start, mut limiter) = (Instant::now(), RepairLimiter::new());
        let mut sent = 0;
        for index in 0..10_000u32 {
            let now = start + Duration::from_millis(u64::from(index));
            if limiter.ask(now, (1, index as u16), 1250, RTT_100, TARGET) == Repair::Send {
                sent += 10_000;
            }
        }
        // Ten seconds at 300 kbit/s, and what may come at once.
        assert!((2_900_000..=3_100_000).contains(&sent), "{sent} bits");
    }

    #[test]
    fn memory_is_bounded_and_a_clock_that_steps_back_is_harmless() {
        let (start, mut limiter) = (Instant::now() + Duration::from_secs(9), RepairLimiter::new());
        for index in 0..100_000u32 {
            limiter.ask(start, (index, 0), 0, Duration::MAX, BitRate::bps(u64::MAX));
            assert!(limiter.last_sent.len() <= MOST);
        }
        limiter.ask(start - Duration::from_secs(5), (1, 1), usize::MAX, Duration::ZERO, BitRate::bps(0));
    }
}
