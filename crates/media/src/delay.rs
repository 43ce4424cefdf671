//! How long to hold packets or pictures back: an estimate of how late they come.
//!
//! Invariant: lateness is measured against the fastest packet of the last seconds, so that the sender's clock, however
//! it drifts, is the measure of itself; the target is the lateness that only few packets exceed.

use std::collections::VecDeque;

/// The fastest packet is sought in this time: long enough to see one between bursts, short enough that 200 ppm of
/// drift stay below 1 ms.
const WINDOW_US: i64 = 4_000_000;
/// Packets remembered in that time, falling towards the present: 4 s of the shortest Opus packets (2.5 ms) at most.
const MAX_WINDOW: usize = 1600;
/// Width of a step of the histogram.
const STEP_US: i64 = 2_500;
/// The histogram ends at 500 ms: who is later than this is lost for a conversation.
const STEPS: usize = 200;
/// Weight that a packet keeps when the next one comes: a memory of 10 s at 50 packets/s.
const FORGET: f32 = 0.998;
/// Share of packets that must be in time.
const IN_TIME: f32 = 0.97;
/// For threads that are late themselves.
const MARGIN_US: i64 = 4_000;
/// Part of the lateness on top: the more packets scatter, the further the latest of them are from those seen.
const BEYOND: i64 = 20;
/// Target before there is a measure.
const FIRST_US: i64 = 20_000;
/// Packets until the measure is trusted.
const WARM_UP: u32 = 10;
/// Weight of a packet that comes together with others: a hold-up is one event, however many packets it held up.
const IN_A_BURST: f32 = 0.05;
/// Weight of a packet that came as a copy: it is known to come on a path that loses packets, so it is worth to be waited for
/// where one in a hundred is one.
const COPY: f32 = 4.0;

/// Times are microseconds on the buffer's clock; an offset is arrival time minus media time.
#[derive(Debug)]
pub(crate) struct DelayTarget {
    /// (arrival, offset), both rising: the front is the smallest offset of the window.
    fastest: VecDeque<(i64, i64)>,
    histogram: [f32; STEPS],
    weight: f32,
    seen: u32,
    last_arrival: i64,
}

impl DelayTarget {
    pub(crate) fn new() -> Self {
        Self { fastest: VecDeque::new(), histogram: [0.0; STEPS], weight: 0.0, seen: 0, last_arrival: i64::MIN / 2 }
    }

    /// Takes a packet that lasts `duration_us` into account; returns how late it is.
    pub(crate) fn packet(&mut self, arrived_us: i64, offset_us: i64, duration_us: i64) -> i64 {
        while self.fastest.back().is_some_and(|&(_, offset)| offset >= offset_us) {
            self.fastest.pop_back();
        }
        self.fastest.push_back((arrived_us, offset_us));
        while self.fastest.len() > MAX_WINDOW
            || self.fastest.front().is_some_and(|&(arrived, _)| arrived < arrived_us - WINDOW_US)
        {
            self.fastest.pop_front();
        }
        let late = offset_us - self.fastest();
        let since_last = (arrived_us - self.last_arrival) as f32 / duration_us.max(1) as f32;
        self.last_arrival = self.last_arrival.max(arrived_us);
        self.learn(late, since_last.clamp(IN_A_BURST, 1.0));
        late
    }

    /// A packet that a later one brought once more is so late.
    pub(crate) fn copy(&mut self, late_us: i64) -> i64 {
        self.learn(late_us, COPY);
        late_us
    }

    /// A frame that can be recovered comes as late as the packet that carries it again.
    pub(crate) fn recoverable(&mut self, late_us: i64) {
        self.learn(late_us, 1.0);
    }

    fn learn(&mut self, late_us: i64, weight: f32) {
        for share in &mut self.histogram {
            *share *= FORGET;
        }
        let step = (late_us.max(0) / STEP_US).min(STEPS as i64 - 1) as usize;
        self.histogram[step] += weight;
        self.weight = self.weight * FORGET + weight;
        self.seen = self.seen.saturating_add(1);
    }

    /// Offset of the fastest packet.
    pub(crate) fn fastest(&self) -> i64 {
        self.fastest.front().map_or(0, |&(_, offset)| offset)
    }

    /// How long after the fastest packet's time sound should be played.
    pub(crate) fn target_us(&self) -> i64 {
        if self.seen < WARM_UP {
            return FIRST_US;
        }
        let mut rest = self.weight * IN_TIME;
        let steps = self.histogram.iter().take_while(|&&share| {
            rest -= share;
            rest > 0.0
        });
        let late_us = (steps.count() as i64 + 1) * STEP_US;
        late_us + late_us / BEYOND + MARGIN_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `n` packets of 20 ms whose lateness `late` gives, and returns the target.
    fn after(target: &mut DelayTarget, from: i64, n: i64, drift_ppm: i64, late: impl Fn(i64) -> i64) -> i64 {
        for i in from..from + n {
            let media = i * 20_000;
            let arrived = 7_000_000 + media + media * drift_ppm / 1_000_000 + late(i);
            target.packet(arrived, arrived - media, 20_000);
        }
        target.target_us()
    }

    #[test]
    fn without_jitter_it_is_small_whatever_the_drift() {
        for drift in [-200, 0, 200] {
            assert_eq!(after(&mut DelayTarget::new(), 0, 3000, drift, |_| 0), 6_625, "{drift} ppm");
        }
    }

    #[test]
    fn it_covers_jitter_and_forgets_it() {
        let mut target = DelayTarget::new();
        let jittery = after(&mut target, 0, 1000, 0, |i| if i % 10 == 0 { 60_000 } else { 0 });
        assert!((64_000..=70_000).contains(&jittery), "{jittery}");
        let calm = after(&mut target, 1000, 1500, 0, |_| 0);
        assert_eq!(calm, 6_625);
        let rare = after(&mut target, 2500, 1000, 0, |i| if i % 100 == 0 { 300_000 } else { 0 });
        assert_eq!(rare, 6_625, "one in a hundred is not waited for");
    }

    #[test]
    fn a_longer_path_is_soon_the_new_measure() {
        let mut target = DelayTarget::new();
        after(&mut target, 0, 500, 0, |_| 0);
        after(&mut target, 500, 1500, 0, |_| 150_000);
        assert_eq!(target.fastest(), 7_150_000);
        assert_eq!(target.target_us(), 6_625);
    }

    #[test]
    fn a_hold_up_is_one_event() {
        let mut target = DelayTarget::new();
        // 1.5 s of packets come at once.
        let held = |i: i64| if (500..575).contains(&i) { (575 - i) * 20_000 } else { 0 };
        assert_eq!(after(&mut target, 0, 600, 0, held), 6_625);
    }

    #[test]
    fn it_never_asks_for_more_than_half_a_second() {
        let far = after(&mut DelayTarget::new(), 0, 2000, 0, |i| (i % 7) * 900_000);
        assert_eq!(far, 529_000);
    }
}
