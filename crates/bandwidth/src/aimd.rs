//! The rate that delay allows: multiplicative growth into the unknown, a share of what was measured near the known.
//!
//! Invariant: after overuse the rate is 0.85 of what arrives (draft-ietf-rmcat-gcc-02, 5.5), or a little more if the queue is
//! shallow and the capacity well known; once the queue is empty it stands still at [`HOLD`] of the capacity. It does not
//! creep upward from there until the queue comes back (that is the saw of other estimators): probes tell when there is more.
//!
//! That holds for a link of one's own. Where overuse comes well below what probes measured, others send on it too, and
//! holding a share of the whole would be a fight: then the rate grows by small equal steps and yields, as everyone's does.

use crate::delay::{Reading, Through, Usage};
use crate::judge::Outcome;

/// Of the rate that arrives, after overuse ...
const BACK_OFF: f64 = 0.85;
/// ... and after a shallow one of a link that is known.
const BACK_OFF_KNOWN: f64 = 0.92;
/// Share of the capacity to stay at: what is left empties the queue that frames of uneven size build up.
const HOLD: f64 = 0.95;
/// The same for a slow link, where a single packet is a queue of 30 ms.
const HOLD_SLOW: f64 = 0.92;
const SLOW_BPS: f64 = 500_000.0;
/// Growth per second while the capacity is unknown (5.5).
const GROWTH: f64 = 1.08;
/// The target stays below so much of what arrives (5.5), else one that nobody uses grows without end.
const AHEAD: f64 = 1.5;
const AHEAD_BPS: f64 = 10_000.0;
/// A capacity that nothing has confirmed for so long is forgotten: three probes.
const CAPACITY_FOR_US: i64 = 13_000_000;
/// A measurement farther off than this is another capacity, not noise.
const CAPACITY_SAME: f64 = 0.15;
/// Or than this on a slow link, where a probe is a few packets, and one more or less between them is that much.
const CAPACITY_SAME_SLOW: f64 = 0.3;
/// A queue as deep as this is a link that has become slower, not a rate that is a little too high.
const FALL_QUEUE_MS: f64 = 80.0;
/// A queue this deep keeps the link busy, so that what arrives is its capacity.
const BUSY_QUEUE_MS: f64 = 20.0;
/// A queue up to here comes of a rate that is a trace too high.
const SHALLOW_QUEUE_MS: f64 = 40.0;
/// The queue counts as empty below.
const EMPTY_QUEUE_MS: f64 = 12.0;
/// Feedback comes up to this much after what it reports.
const FEEDBACK_US: i64 = 100_000;
/// After so long of sending less, a queue of ours has shrunk ...
const FOREIGN_MS: f64 = 400.0;
/// ... by a third of what the lower rate makes room for; else it is not ours.
const SHRINKS: f64 = (1.0 - BACK_OFF) / 3.0;
/// Overuse while less than this share of the capacity arrives shows others on the link ...
const SHARED_BELOW: f64 = 0.88;
/// ... with jitter, where measurements are farther apart, less than this ...
const SHARED_BELOW_SHAKY: f64 = 0.7;
const CALM_MS: f64 = 6.0;
/// ... and less than this a link that has become slower.
const SHARED_ABOVE: f64 = 0.4;
/// After so long without overuse the others are gone.
const SHARED_FOR_US: i64 = 40_000_000;
/// It takes two such, so far apart: one may be another route.
const DOUBT_US: (i64, i64) = (1_000_000, 10_000_000);
/// Growth on a shared link, in bits per second each second: equal for all, so that shares become equal.
const SHARED_STEP_BPS: f64 = 25_000.0;
/// The step up after a probe that passed there.
const SHARED_PASSED: f64 = 1.1;
/// A queue that is deep, but not of a fall, is worth so much less, to be gone soon.
const BACK_OFF_DEEP: f64 = 0.7;
/// What was sent at less than this share of the target tells of no fall.
const FALL_OF: f64 = 0.5;
/// Of what was sent before, arrives no more after a fall; or the queue is so deep that it does not matter.
const FALL_TO: f64 = 0.75;
const FALL_ANYWAY_MS: f64 = 160.0;
/// Growth of delay that is none.
const FLAT_MS: f64 = 8.0;
/// One that has fallen rises again within this, or it has become another link.
const FALLEN_FOR_US: i64 = 60_000_000;
/// On a path that loses more, only a probe can tell that there is room.
const BLIND_LOSS: f64 = 0.03;

#[derive(Debug, Clone, Copy)]
struct Capacity {
    bps: f64,
    measured_us: i64,
}

impl Capacity {
    fn hold_bps(self) -> f64 {
        self.bps * if self.bps < SLOW_BPS { HOLD_SLOW } else { HOLD }
    }

    fn noise(self) -> f64 {
        if self.bps < SLOW_BPS { CAPACITY_SAME_SLOW } else { CAPACITY_SAME }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Up to the capacity, or into the unknown.
    Grow,
    /// Less than the capacity, until the queue is empty.
    Drain { since_us: i64, from_bps: f64, from_queue_ms: f64, has_fallen: bool },
}

/// What the rates were when the reading was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) sent_bps: f64,
    pub(crate) acked_bps: Option<f64>,
    /// Over a shorter time.
    pub(crate) lately_bps: Option<f64>,
    /// Share of packets lost over the last seconds, of 1.
    pub(crate) loss: f64,
}

/// What a reading led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    None,
    /// The rate was lowered.
    Lowered,
    /// The link has become much slower; its queue is full of what was sent before.
    Fall,
    /// The queue is not ours: the base of the delay is to be taken anew.
    Foreign,
}

#[derive(Debug)]
pub(crate) struct Aimd {
    target_bps: f64,
    capacity: Option<Capacity>,
    phase: Phase,
    lowered_us: Option<i64>,
    fell_us: Option<i64>,
    /// When others were last found on the link.
    shared_us: Option<i64>,
    doubted_us: Option<i64>,
    updated_us: Option<i64>,
    /// What the last probe found beyond the capacity, where it takes another one to believe it.
    found_bps: Option<f64>,
    /// Whether the last probe found nothing.
    was_unclear: bool,
}

impl Aimd {
    pub(crate) fn new(start_bps: f64) -> Self {
        Self {
            target_bps: start_bps,
            capacity: None,
            phase: Phase::Grow,
            lowered_us: None,
            fell_us: None,
            shared_us: None,
            doubted_us: None,
            updated_us: None,
            found_bps: None,
            was_unclear: false,
        }
    }

    pub(crate) fn target_bps(&self) -> f64 {
        self.target_bps
    }

    pub(crate) fn capacity_bps(&self) -> Option<f64> {
        self.capacity.map(|capacity| capacity.bps)
    }

    /// Whether others send on the link too.
    pub(crate) fn is_shared(&self, now_us: i64) -> bool {
        self.shared_us.is_some_and(|shared| now_us - shared < SHARED_FOR_US)
    }

    pub(crate) fn lowered_us(&self) -> Option<i64> {
        self.lowered_us
    }

    /// Whether the link has lately become much slower.
    pub(crate) fn has_fallen(&self, now_us: i64) -> bool {
        self.fell_us.is_some_and(|fell| now_us - fell < FALLEN_FOR_US)
    }

    pub(crate) fn clamp(&mut self, least_bps: f64, most_bps: f64) {
        self.target_bps = self.target_bps.clamp(least_bps, most_bps);
    }

    pub(crate) fn on_reading(&mut self, now_us: i64, reading: &Reading, rates: Rates, rtt_us: i64) -> Step {
        let elapsed_s = (now_us - self.updated_us.replace(now_us).unwrap_or(now_us)).clamp(0, 1_000_000) as f64 / 1e6;
        if let Some(through) = reading.through.filter(|through| self.is_fall(*through)) {
            return self.fall(now_us, reading, through.bps);
        }
        match reading.usage {
            Usage::Over => self.lower(now_us, reading, rates, rtt_us),
            Usage::Under => Step::None,
            Usage::Normal => {
                self.raise(now_us, reading, rates, elapsed_s);
                Step::None
            }
        }
    }

    pub(crate) fn on_probe(&mut self, now_us: i64, outcome: Outcome, jitter_ms: f64) {
        let found = self.found_bps.take();
        let was_unclear = std::mem::replace(&mut self.was_unclear, outcome == Outcome::Unclear);
        match outcome {
            // The link may have been idle for a moment only.
            Outcome::Passed(_) if self.is_shared(now_us) => self.target_bps *= SHARED_PASSED,
            Outcome::Passed(rate) => {
                let mut rate = rate.as_f64();
                if self.capacity.is_some_and(|capacity| rate > capacity.bps) {
                    // Where one probe was unclear, the next one may have passed by chance, and so may any with jitter.
                    if was_unclear || found.is_some() || jitter_ms > CALM_MS {
                        self.found_bps = Some(rate);
                        let Some(found) = found else { return };
                        rate = rate.min(found);
                    }
                    self.capacity = None;
                }
                self.target_bps = self.target_bps.max(rate);
            }
            // What a burst gets of a shared link is more than a share of it.
            Outcome::Saturated(_) if self.is_shared(now_us) => {}
            Outcome::Saturated(rate) => {
                self.measured(now_us, rate.as_f64());
                if let (Some(capacity), Phase::Grow) = (self.capacity, self.phase) {
                    self.target_bps = capacity.hold_bps();
                }
            }
            Outcome::Unclear => {}
        }
    }

    fn lower(&mut self, now_us: i64, reading: &Reading, rates: Rates, rtt_us: i64) -> Step {
        let deep = reading.queue_ms > FALL_QUEUE_MS;
        if let Some(before) = self.lowered_us {
            // Shrinking at least as fast as expected, or not yet to be seen in feedback.
            if now_us - before < rtt_us + FEEDBACK_US && !(deep && reading.growth_ms > 0.0) {
                return Step::None;
            }
            if let Phase::Drain { since_us, from_queue_ms, .. } = self.phase
                && reading.growth_ms < FLAT_MS
                && self.keeps_up(rates)
            {
                // Less is sent, and all of it arrives: the queue shrinks, or it is not ours.
                let drained_ms = (now_us - since_us - rtt_us) as f64 / 1000.0;
                if drained_ms < FOREIGN_MS || reading.queue_ms < from_queue_ms - SHRINKS * drained_ms {
                    return Step::None;
                }
                self.phase = Phase::Grow;
                return Step::Foreign;
            }
        }
        let is_busy = reading.queue_ms > BUSY_QUEUE_MS;
        let arrives = if is_busy { rates.lately_bps.or(rates.acked_bps) } else { rates.acked_bps };
        let arrives = arrives.unwrap_or(self.target_bps);
        // Who sends less than he may and meets a queue meets somebody else's: then a share of the target, not of the little
        // that was sent.
        let is_idle = rates.sent_bps < 0.7 * self.target_bps;
        if is_busy && !is_idle {
            self.look_for_others(now_us, rates, reading.jitter_ms);
            self.measured(now_us, arrives);
        }
        // A link that is not busy carries what is sent, which says nothing of what it would.
        let is_known = |known: &Capacity| {
            arrives > (1.0 - CAPACITY_SAME) * known.bps || (!is_busy && known.bps < SLOW_BPS && self.keeps_up(rates))
        };
        let known = self.capacity.filter(is_known).map(|known| known.bps);
        let (since_us, from_bps, from_queue_ms, has_fallen) = match self.phase {
            Phase::Grow => (now_us, self.target_bps, reading.queue_ms, false),
            Phase::Drain { since_us, from_bps, from_queue_ms, has_fallen } => {
                (since_us, from_bps, from_queue_ms, has_fallen)
            }
        };
        let is_fall = deep && !has_fallen && (arrives < FALL_TO * from_bps || reading.queue_ms > FALL_ANYWAY_MS);
        let lowered = match known {
            Some(known) if reading.queue_ms < SHALLOW_QUEUE_MS => BACK_OFF_KNOWN * known,
            _ if is_idle && !deep => BACK_OFF * self.target_bps,
            _ if deep && !is_fall && !has_fallen => BACK_OFF_DEEP * arrives,
            // What arrives says enough once the rate was lowered: lowering it from there again would never end.
            _ if matches!(self.phase, Phase::Drain { .. }) => BACK_OFF * arrives,
            _ => BACK_OFF * arrives.min(self.target_bps),
        };
        if lowered >= self.target_bps && !is_fall {
            return Step::None;
        }
        self.target_bps = self.target_bps.min(lowered);
        self.lowered_us = Some(now_us);
        self.phase = Phase::Drain { since_us, from_bps, from_queue_ms, has_fallen: has_fallen || is_fall };
        if is_fall {
            self.fell_us = Some(now_us);
            return Step::Fall;
        }
        Step::Lowered
    }

    /// Whether the link has become much slower, by what went through it. Sound alone says nothing: what it meets is somebody else's.
    fn is_fall(&self, through: Through) -> bool {
        through.sent_bps > FALL_OF * self.target_bps
            && through.bps < FALL_TO * self.target_bps.min(through.sent_bps)
            && !matches!(self.phase, Phase::Drain { has_fallen: true, .. })
    }

    /// The rate is lowered to a share of what went through.
    fn fall(&mut self, now_us: i64, reading: &Reading, through: f64) -> Step {
        self.measured(now_us, through);
        self.phase = Phase::Drain {
            since_us: now_us,
            from_bps: self.target_bps,
            from_queue_ms: reading.queue_ms,
            has_fallen: true,
        };
        self.target_bps = BACK_OFF * through;
        (self.lowered_us, self.fell_us) = (Some(now_us), Some(now_us));
        Step::Fall
    }

    fn look_for_others(&mut self, now_us: i64, rates: Rates, jitter_ms: f64) {
        if self.is_shared(now_us) {
            self.shared_us = Some(now_us);
            return;
        }
        let (Some(capacity), Some(arrives)) = (self.capacity, rates.acked_bps) else { return };
        let below = if jitter_ms < CALM_MS { SHARED_BELOW } else { SHARED_BELOW_SHAKY };
        if !(SHARED_ABOVE..below).contains(&(arrives / capacity.bps)) {
            return;
        }
        let since_us = self.doubted_us.map_or(i64::MAX, |doubted| now_us - doubted);
        if since_us > DOUBT_US.1 {
            self.doubted_us = Some(now_us);
        } else if since_us > DOUBT_US.0 {
            self.shared_us = Some(now_us);
            self.capacity = None;
        }
    }

    /// Whether what is sent arrives, but for what is lost.
    fn keeps_up(&self, rates: Rates) -> bool {
        let sent_bps = self.target_bps.min(rates.sent_bps) * (1.0 - rates.loss);
        rates.lately_bps.is_some_and(|arrives| arrives > (1.0 - CAPACITY_SAME) * sent_bps)
    }

    fn raise(&mut self, now_us: i64, reading: &Reading, rates: Rates, elapsed_s: f64) {
        if let Phase::Drain { .. } = self.phase {
            if reading.queue_ms > EMPTY_QUEUE_MS {
                return;
            }
            self.phase = Phase::Grow;
        }
        if self.capacity.is_some_and(|capacity| now_us - capacity.measured_us > CAPACITY_FOR_US) {
            self.capacity = None;
        }
        if let Some(capacity) = self.capacity {
            self.target_bps = self.target_bps.max(capacity.hold_bps());
            return;
        }
        if self.is_shared(now_us) {
            self.target_bps += SHARED_STEP_BPS * elapsed_s;
            return;
        }
        let arrives = rates.acked_bps.unwrap_or(0.0);
        let most = AHEAD * arrives + AHEAD_BPS;
        if self.target_bps < most && rates.sent_bps > 0.7 * self.target_bps && rates.loss < BLIND_LOSS {
            self.target_bps = (self.target_bps * GROWTH.powf(elapsed_s)).min(most);
        }
    }

    fn measured(&mut self, now_us: i64, bps: f64) {
        if self.is_shared(now_us) {
            return;
        }
        let bps = match self.capacity {
            Some(known) if (bps / known.bps - 1.0).abs() < known.noise() => known.bps + 0.3 * (bps - known.bps),
            _ => bps,
        };
        self.capacity = Some(Capacity { bps, measured_us: now_us });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::BitRate;

    const RTT_US: i64 = 60_000;

    fn rates(sent_bps: f64, acked_bps: f64) -> Rates {
        Rates { sent_bps, acked_bps: Some(acked_bps), lately_bps: Some(acked_bps), loss: 0.0 }
    }

    fn over(queue_ms: f64) -> Reading {
        Reading { usage: Usage::Over, queue_ms, growth_ms: 10.0, jitter_ms: 5.0, through: None }
    }

    /// Knows its link by a probe.
    fn knowing(bps: u32) -> Aimd {
        let mut aimd = Aimd::new(f64::from(bps));
        aimd.on_probe(0, Outcome::Saturated(BitRate::bps(u64::from(bps))), 0.0);
        aimd
    }

    #[test]
    fn a_packet_more_in_a_slow_link_that_is_not_busy_lowers_nothing() {
        let mut aimd = knowing(280_000);
        let held = aimd.target_bps();
        // Pictures came out small: less was sent, and all of it arrived.
        assert_eq!(aimd.on_reading(1_000_000, &over(18.0), rates(215_000.0, 215_000.0), RTT_US), Step::None);
        assert_eq!(aimd.target_bps(), held);
        // Less arrives than was sent: the link has become slower.
        assert_eq!(aimd.on_reading(2_000_000, &over(18.0), rates(250_000.0, 190_000.0), RTT_US), Step::Lowered);
        assert!(aimd.target_bps() < 0.7 * held);
    }

    #[test]
    fn what_went_through_a_path_without_rest_is_what_it_carries() {
        let fell = |sent_bps, bps| {
            let mut aimd = knowing(3_000_000);
            let through = Some(Through { sent_bps, bps });
            let reading = Reading { through, usage: Usage::Normal, ..over(10.0) };
            (aimd.on_reading(1_000_000, &reading, rates(2_600_000.0, 2_600_000.0), RTT_US), aimd.capacity_bps())
        };
        assert_eq!(fell(2_600_000.0, 1_000_000.0), (Step::Fall, Some(1_000_000.0)));
        assert_eq!(fell(2_600_000.0, 2_400_000.0), (Step::None, Some(3_000_000.0)), "nearly as much");
        assert_eq!(fell(60_000.0, 50_000.0), (Step::None, Some(3_000_000.0)), "sound alone");
    }

    #[test]
    fn a_fall_is_remembered_for_a_minute() {
        let mut aimd = knowing(3_000_000);
        assert!(!aimd.has_fallen(0));
        let through = Some(Through { sent_bps: 2_600_000.0, bps: 1_000_000.0 });
        let reading = Reading { through, usage: Usage::Normal, ..over(10.0) };
        aimd.on_reading(1_000_000, &reading, rates(2_600_000.0, 2_600_000.0), RTT_US);
        assert!(aimd.has_fallen(60_000_000) && !aimd.has_fallen(61_000_000));
        // The other way to see one: a deep queue, and less arrives.
        let mut aimd = knowing(3_000_000);
        assert_eq!(aimd.on_reading(0, &over(100.0), rates(2_600_000.0, 1_000_000.0), RTT_US), Step::Fall);
        assert!(aimd.has_fallen(0));
    }

    #[test]
    fn after_an_unclear_probe_or_with_jitter_it_takes_two_to_raise_a_known_capacity() {
        for (before, jitter_ms) in [(Some(Outcome::Unclear), 0.0), (None, 10.0)] {
            let mut aimd = knowing(2_000_000);
            let held = aimd.target_bps();
            before.into_iter().for_each(|outcome| aimd.on_probe(0, outcome, jitter_ms));
            aimd.on_probe(0, Outcome::Passed(BitRate::bps(3_300_000)), jitter_ms);
            assert_eq!((aimd.target_bps(), aimd.capacity_bps()), (held, Some(2_000_000.0)));
            aimd.on_probe(0, Outcome::Passed(BitRate::bps(4_000_000)), jitter_ms);
            assert_eq!((aimd.target_bps(), aimd.capacity_bps()), (3_300_000.0, None));
        }
        let mut sure = knowing(2_000_000);
        sure.on_probe(0, Outcome::Passed(BitRate::bps(3_300_000)), 0.0);
        assert_eq!(sure.target_bps(), 3_300_000.0);
    }

    #[test]
    fn one_probe_of_a_slow_link_does_not_settle_what_it_carries() {
        let measured = |bps| {
            let mut aimd = knowing(280_000);
            aimd.on_probe(1_000_000, Outcome::Saturated(BitRate::bps(bps)), 0.0);
            aimd.capacity_bps().map(f64::round)
        };
        assert_eq!(measured(340_000), Some(298_000.0));
        assert_eq!(measured(600_000), Some(600_000.0), "that is another link");
    }
}
