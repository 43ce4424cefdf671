//! Brings the delay to its target while sound is played.
//!
//! Invariant: no change overshoots the target so far that it would be undone, so the voice is not stretched to and fro.

use std::time::Instant;

use super::arrivals::Queued;
use super::{BLOCK, JitterBuffer, State, Step, micros, stretch};

/// Packets over whose minimum the delay is steered: a device that asks for several blocks at once makes it swing by 20 ms.
const STEER_PACKETS: usize = 5;
/// A delay of this much more than the target is shortened ...
const TOO_LONG_US: i64 = 8_000;
/// ... to this much less than it at most. (Sound is taken in blocks, so the delay changes in steps of 10 ms.)
const SHORTEN_BELOW_US: i64 = 2_000;
/// A delay of this much less than the target is lengthened ...
const TOO_SHORT_US: i64 = 4_000;
/// ... to this much more than it at most: less than would be shortened again.
const LENGTHEN_ABOVE_US: i64 = 7_000;
/// Beyond this the voice is stretched in haste, less alike periods too.
const HASTE_US: i64 = 60_000;
/// Beyond this sound is skipped: no conversation can wait for it to be stretched away.
const SKIP_US: i64 = 500_000;
/// Blocks between two changes, so that a voice does not flutter.
const CALM_BLOCKS: u32 = 6;
/// The same in haste.
const CALM_BLOCKS_IN_HASTE: u32 = 2;

impl JitterBuffer {
    pub(super) fn watch_delay(&mut self, step: &Step, now: Instant) {
        let needed = match step {
            Step::Decode(packet) if packet.samples > 0 => packet.media,
            Step::Recover(packet) => packet.media - packet.samples as i64,
            Step::Decode(_) => return,
            Step::Conceal | Step::Noise => return self.delays.clear(),
        };
        let delay = self.arrivals.delay_us(now, needed);
        if let State::Playing { delay_us, .. } = &mut self.state {
            *delay_us = delay;
        }
        if self.delays.len() == STEER_PACKETS {
            self.delays.remove(0);
        }
        self.delays.push(delay);
    }

    /// Brings the delay nearer to the target, if the sound that is about to be played allows it.
    pub(super) fn steer(&mut self) {
        self.since_change = self.since_change.saturating_add(1);
        if self.delays.len() < STEER_PACKETS || !self.playout.starts_with_sent() {
            return;
        }
        let lowest = self.delays.iter().copied().min().unwrap_or_default();
        let error = lowest - self.target_us();
        let haste = error.abs() > HASTE_US;
        let calm = if haste { CALM_BLOCKS_IN_HASTE } else { CALM_BLOCKS };
        if error > SKIP_US {
            self.skip(error);
        } else if self.since_change >= calm && error > TOO_LONG_US {
            self.shorten(lowest, haste);
        } else if self.since_change >= calm && error < -TOO_SHORT_US {
            self.lengthen(lowest, haste);
        }
    }

    /// Leaves out one period, decoding ahead for it only what is in order.
    fn shorten(&mut self, lowest: i64, haste: bool) {
        let most = samples(lowest - self.target_us() + SHORTEN_BELOW_US);
        while self.playout.len() < stretch::NEEDED {
            let State::Playing { next, sequence, .. } = self.state else { return };
            let in_order = |first: &Queued| first.sequence == sequence + 1 && first.media == next;
            if !self.arrivals.first().is_some_and(in_order) {
                return;
            }
            let Some(packet) = self.arrivals.pop() else { return };
            self.run(Step::Decode(packet));
        }
        let Some((drop, removed)) = stretch::shorten(self.playout.ahead(), most, haste, &mut self.scratch) else {
            return;
        };
        let by_us = needed_later_us(self.playout.len(), self.playout.len() - removed);
        if lowest + by_us >= self.target_us() - SHORTEN_BELOW_US {
            self.playout.replace(drop, &self.scratch);
            self.counters.samples_removed += removed as u64;
            self.changed(by_us);
        }
    }

    /// Repeats one period of at most `most` samples.
    fn lengthen(&mut self, lowest: i64, haste: bool) {
        let target = self.target_us();
        let most = samples(target + LENGTHEN_ABOVE_US - lowest);
        let (before, ahead) = self.playout.around();
        let Some((drop, added)) = stretch::lengthen(before, ahead, most, haste, &mut self.scratch) else { return };
        let by_us = needed_later_us(self.playout.len(), self.playout.len() + added);
        if lowest + by_us <= target + LENGTHEN_ABOVE_US {
            self.playout.replace(drop, &self.scratch);
            self.counters.samples_inserted += added as u64;
            self.changed(by_us);
        }
    }

    /// Drops queued packets of `excess_us`; what is decoded already is still played.
    fn skip(&mut self, excess_us: i64) {
        let mut skipped = 0;
        while skipped < excess_us {
            let Some(packet) = self.arrivals.pop() else { break };
            skipped += micros(packet.samples);
            self.counters.discarded += 1;
            if let State::Playing { next, sequence, .. } = &mut self.state {
                *next = packet.media + packet.samples as i64;
                *sequence = packet.sequence;
            }
        }
        self.changed(-skipped);
    }

    fn changed(&mut self, by_us: i64) {
        self.since_change = 0;
        for delay in &mut self.delays {
            *delay += by_us;
        }
    }
}

/// How much later the next packet is needed when `from` samples become `to`: sound is taken in whole blocks.
fn needed_later_us(from: usize, to: usize) -> i64 {
    ((to / BLOCK) as i64 - (from / BLOCK) as i64) * micros(BLOCK)
}

fn samples(micros: i64) -> usize {
    (micros * 6 / 125).max(0) as usize
}
