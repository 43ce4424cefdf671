//! The rate that loss allows.
//!
//! Invariant: loss is blamed on the rate only where that explains it better than a path which loses as much at any rate.
//! The model is that of 'loss-based v2' as published: of packets sent at rate `s` over a capacity `c`, a share `i` is lost in any
//! case, and of the rest what exceeds the capacity, `1 - c / s`. Of a few candidates for `c` the likeliest is taken, with `i`
//! free up to [`INHERENT_MOST`]; below [`TOLERATED`] nothing is asked at all, for bursts fall together with any rate by chance. A time in which nothing at all arrived is an outage and says nothing of rates.

use std::collections::VecDeque;

use crate::history::{Arrived, Missing};

const SLOT_US: i64 = 250_000;
/// Five seconds.
const SLOTS: usize = 20;
/// Weight of a slot against the one after it.
const AGE: f64 = 0.9;
/// What a path may lose at any rate: 10 % is a bad Wi-Fi, and its bursts go above the mean.
const INHERENT_MOST: f64 = 0.16;
/// Share of loss that no rate is lowered for.
const TOLERATED: f64 = 0.12;
const INHERENT_STEP: f64 = 0.005;
/// In favour of the higher candidate, per packet and e-fold: where loss says nothing, more is better.
const BIAS: f64 = 0.02;
/// Too few to tell.
const PACKETS_LEAST: f64 = 20.0;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    index: i64,
    received: f64,
    lost: f64,
    bytes: f64,
}

#[derive(Debug, Default)]
pub(crate) struct LossModel {
    /// By the time of sending, oldest first.
    slots: VecDeque<Slot>,
    limit_bps: Option<f64>,
    judged: i64,
}

impl LossModel {
    /// Takes in one feedback. A packet that came after it had been reported missing counts as received.
    pub(crate) fn update(&mut self, arrived: &[Arrived], missing: &[Missing]) {
        for packet in arrived {
            if let Some(slot) = self.slot(packet.sent_us) {
                slot.received += 1.0;
                if packet.late {
                    slot.lost = (slot.lost - 1.0).max(0.0);
                } else {
                    slot.bytes += packet.bytes as f64;
                }
            }
        }
        for packet in missing {
            if let Some(slot) = self.slot(packet.sent_us) {
                slot.lost += 1.0;
                slot.bytes += packet.bytes as f64;
            }
        }
    }

    /// Share lost over the last seconds, of 1.
    pub(crate) fn share(&self) -> f64 {
        let (lost, all) = self.telling().fold((0.0, 0.0), |(lost, all), (slot, weight)| {
            (lost + weight * slot.lost, all + weight * (slot.lost + slot.received))
        });
        if all > 0.0 { lost / all } else { 0.0 }
    }

    /// The rate that loss allows, if it limits at all: less than what delay allows.
    pub(crate) fn limit_bps(&mut self, delay_bps: f64, acked_bps: Option<f64>) -> Option<f64> {
        let newest = self.slots.back()?.index;
        // The newest slot is not complete; judge when the next has begun.
        if newest == self.judged {
            return self.limit_bps.filter(|limit| *limit < delay_bps);
        }
        self.judged = newest;
        if self.share() < TOLERATED {
            self.limit_bps = None;
            return None;
        }
        let current = self.limit_bps.unwrap_or(delay_bps).min(delay_bps);
        let candidates = [delay_bps, current * 1.05, current, current * 0.95, acked_bps.unwrap_or(current)];
        let best = candidates
            .into_iter()
            .map(|candidate| candidate.min(delay_bps).max(1.0))
            .max_by(|a, b| self.likelihood(*a).total_cmp(&self.likelihood(*b)))?;
        self.limit_bps = (best < delay_bps).then_some(best);
        self.limit_bps
    }

    fn likelihood(&self, capacity_bps: f64) -> f64 {
        let packets: f64 = self.telling().map(|(slot, weight)| weight * (slot.lost + slot.received)).sum();
        if packets < PACKETS_LEAST {
            return capacity_bps;
        }
        let steps = (INHERENT_MOST / INHERENT_STEP) as usize;
        let best = (1..=steps)
            .map(|step| self.likelihood_with(capacity_bps, step as f64 * INHERENT_STEP))
            .fold(f64::NEG_INFINITY, f64::max);
        best + BIAS * capacity_bps.ln() * packets
    }

    fn likelihood_with(&self, capacity_bps: f64, inherent: f64) -> f64 {
        self.telling()
            .map(|(slot, weight)| {
                let sent_bps = slot.bytes * 8e6 / SLOT_US as f64;
                let excess = if sent_bps > capacity_bps { 1.0 - capacity_bps / sent_bps } else { 0.0 };
                let loss = (inherent + (1.0 - inherent) * excess).clamp(1e-6, 1.0 - 1e-6);
                weight * (slot.lost * loss.ln() + slot.received * (1.0 - loss).ln())
            })
            .sum()
    }

    /// Complete slots in which anything arrived, with their weights.
    fn telling(&self) -> impl Iterator<Item = (&Slot, f64)> {
        self.slots
            .iter()
            .rev()
            .enumerate()
            .map(|(age, slot)| (slot, AGE.powi(age as i32)))
            .filter(|(slot, _)| slot.received > 0.0)
    }

    fn slot(&mut self, sent_us: i64) -> Option<&mut Slot> {
        let index = sent_us / SLOT_US;
        if self.slots.back().is_none_or(|newest| newest.index < index) {
            self.slots.push_back(Slot { index, ..Slot::default() });
            if self.slots.len() > SLOTS {
                self.slots.pop_front();
            }
        }
        self.slots.iter_mut().rev().find(|slot| slot.index == index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds at `sent_bps`, of which each `lost(index)` is lost, and the limit at their end.
    fn limit_after(sent_bps: f64, lost: impl Fn(i64) -> bool) -> Option<f64> {
        let mut model = LossModel::default();
        let gap_us = (1000.0 * 8e6 / sent_bps) as i64;
        let mut limit = None;
        for index in 0..10_000_000 / gap_us {
            let sent_us = index * gap_us;
            let sequence = index as u64;
            if lost(index) {
                model.update(&[], &[Missing { sequence, sent_us, bytes: 1000 }]);
            } else {
                let arrival_us = sent_us + 20_000;
                let packet =
                    Arrived { sequence, sent_us, arrival_us, bytes: 1000, late: false, was_untold: false, probe: None };
                model.update(&[packet], &[]);
            }
            limit = model.limit_bps(sent_bps, Some(sent_bps * (1.0 - model.share())));
        }
        limit
    }

    #[test]
    fn loss_that_any_rate_has_is_not_blamed_on_the_rate() {
        assert_eq!(limit_after(1e6, |_| false), None);
        assert_eq!(limit_after(1e6, |index| index % 20 == 0), None);
        assert_eq!(limit_after(1e6, |index| index % 10 == 0), None);
    }

    #[test]
    fn loss_that_no_path_has_lowers_the_rate_to_what_arrives() {
        // Half of it passes.
        let limit = limit_after(1e6, |index| index % 2 == 0).expect("a limit");
        assert!((400_000.0..700_000.0).contains(&limit), "{limit}");
    }

    #[test]
    fn an_outage_says_nothing() {
        // Three seconds of ten.
        assert_eq!(limit_after(1e6, |index| (500..875).contains(&index)), None);
    }
}
