//! What a probe has found.
//!
//! Invariant: the answer is taken from how delay grew while the probe was sent, which loss does not change; where jitter
//! hides that, the answer is 'unclear' and never a low rate.

use std::collections::VecDeque;

use crate::delay::Line;
use crate::history::{Arrived, News};
use crate::packet::{BitRate, ProbeId};

/// Probes open at a time: two at the start, and one that is late.
const OPEN_MOST: usize = 8;
/// Packets taken of one: 200 ms at 20 Mbit/s.
const PACKETS_MOST: usize = 512;
const PACKETS_LEAST: usize = 4;
/// A probe whose feedback has not come by then never gets it.
const PATIENCE_US: i64 = 2_000_000;
/// With jitter, what is missing may yet come until then.
const LATE_US: i64 = 300_000;
/// Growth of delay per time that is a queue, if the noise is below half of it.
const SLOPE_LEAST: f64 = 0.08;
/// Noise of the slope from which on nothing can be said.
const ERROR_MOST: f64 = 0.15;
/// Jitter up to which the time between arrivals is exact enough.
const CALM_MS: f64 = 6.0;
/// Loss above that of the path which shows a policer, in a probe of enough packets.
const EXCESS_LOSS: f64 = 0.15;
const EXCESS_LOSS_PACKETS: usize = 12;

/// What a probe has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The path carries at least this.
    Passed(BitRate),
    /// The path carries this and no more.
    Saturated(BitRate),
    /// Too few packets arrived, or delays vary too much.
    Unclear,
}

#[derive(Debug)]
struct Open {
    id: ProbeId,
    /// First and last sequence number. What is sent between them takes part: audio shares the queue.
    range: (u64, u64),
    sent_us: (i64, i64),
    bytes: usize,
    last_bytes: usize,
    packets: usize,
    /// Bytes and packets since the last one of the probe; they count if another follows.
    between: (usize, usize),
    is_complete: bool,
    arrived: Vec<Arrived>,
    missing: usize,
    /// Nothing will be told of these.
    untold: usize,
}

/// Collects what becomes of probes.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    open: VecDeque<Open>,
}

impl Judge {
    pub(crate) fn sent(&mut self, sent_us: i64, sequence: u64, bytes: usize, probe: Option<ProbeId>) {
        if let Some(open) = self.open.back_mut().filter(|open| !open.is_complete) {
            if probe.is_some_and(|id| id != open.id) {
                open.is_complete = true;
            } else {
                open.between.0 += bytes;
                open.between.1 += 1;
                if probe.is_some() {
                    open.range.1 = sequence;
                    open.sent_us.1 = sent_us;
                    open.last_bytes = bytes;
                    let (bytes, packets) = std::mem::take(&mut open.between);
                    open.bytes += bytes;
                    open.packets += packets;
                }
                return;
            }
        }
        let Some(id) = probe else { return };
        if self.open.len() >= OPEN_MOST {
            self.open.pop_front();
        }
        self.open.push_back(Open {
            id,
            range: (sequence, sequence),
            sent_us: (sent_us, sent_us),
            bytes,
            last_bytes: bytes,
            packets: 1,
            between: (0, 0),
            is_complete: false,
            arrived: Vec::new(),
            missing: 0,
            untold: 0,
        });
    }

    /// No more packets of the probe will be sent.
    pub(crate) fn complete(&mut self, id: ProbeId) {
        if let Some(open) = self.open.iter_mut().find(|open| open.id == id) {
            open.is_complete = true;
        }
    }

    /// There will be no answer.
    pub(crate) fn forget(&mut self, id: ProbeId) {
        self.open.retain(|open| open.id != id);
    }

    pub(crate) fn settle(&mut self, news: &News) {
        for open in &mut self.open {
            let within = |sequence: u64| (open.range.0..=open.range.1).contains(&sequence);
            open.untold += news.untold.iter().filter(|packet| within(packet.sequence)).count();
            let room = PACKETS_MOST.saturating_sub(open.arrived.len());
            open.arrived.extend(news.arrived.iter().filter(|packet| within(packet.sequence)).take(room));
            // What was only overtaken is not lost.
            let late = news.arrived.iter().filter(|packet| packet.late && within(packet.sequence)).count();
            open.missing = open.missing.saturating_sub(late);
            open.missing += news.missing.iter().filter(|packet| within(packet.sequence)).count();
        }
    }

    /// The next answer there is, if any. `loss` is that of the path, of 1; `jitter_ms` as in [`crate::delay::Delay`].
    pub(crate) fn next(&mut self, now_us: i64, loss: f64, jitter_ms: f64) -> Option<Outcome> {
        let place = self.open.iter().position(|open| {
            let age_us = now_us - open.sent_us.1;
            let is_settled =
                open.is_complete && open.arrived.len() + open.missing + open.untold >= open.packets.min(PACKETS_MOST);
            let waits_for_late = open.missing > 0 && jitter_ms > CALM_MS && age_us < LATE_US;
            (is_settled && !waits_for_late) || age_us > PATIENCE_US
        })?;
        let open = self.open.remove(place)?;
        Some(open.judge(loss, jitter_ms))
    }
}

impl Open {
    fn judge(mut self, loss: f64, jitter_ms: f64) -> Outcome {
        self.arrived.sort_unstable_by_key(|packet| packet.sequence);
        let (Some(first), Some(last)) = (self.arrived.first(), self.arrived.last()) else { return Outcome::Unclear };
        let sent_us = self.sent_us.1 - self.sent_us.0;
        let covered_us = last.sent_us - first.sent_us;
        if self.arrived.len() < PACKETS_LEAST || sent_us <= 0 || covered_us < sent_us / 2 {
            return Outcome::Unclear;
        }
        let sent_bps = (self.bytes - self.last_bytes) as f64 * 8e6 / sent_us as f64;
        let points = self
            .arrived
            .iter()
            .map(|packet| ((packet.sent_us - first.sent_us) as f64, (packet.delay_us() - first.delay_us()) as f64));
        let Some(line) = Line::through(points) else { return Outcome::Unclear };
        let lost = self.missing as f64 / self.packets as f64;
        let is_lossy = lost > loss + EXCESS_LOSS;
        // A full queue does not grow. Few packets may be a burst of loss as well.
        if line.error > ERROR_MOST || (is_lossy && self.packets < EXCESS_LOSS_PACKETS) {
            return Outcome::Unclear;
        }
        if line.slope > SLOPE_LEAST.max(2.0 * line.error) {
            // A busy link spaces out what it carries; what was lost after it is missing from that.
            let arrived_us = last.arrival_us - first.arrival_us;
            let bytes: usize = self.arrived.iter().skip(1).map(|packet| packet.bytes).sum();
            let is_exact = jitter_ms < CALM_MS && self.missing == 0 && arrived_us > 0;
            let spaced_bps = bytes as f64 * 8e6 / arrived_us as f64;
            return Outcome::Saturated(BitRate::from_f64(if is_exact {
                spaced_bps.min(sent_bps)
            } else {
                sent_bps / (1.0 + line.slope)
            }));
        }
        if is_lossy {
            return Outcome::Saturated(BitRate::from_f64(sent_bps * (1.0 - lost)));
        }
        // Noise counts against it: a rate that is too high costs more than one more probe.
        Outcome::Passed(BitRate::from_f64(sent_bps / (1.0 + (line.slope + line.error).max(0.0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Missing;

    const BYTES: usize = 1250;

    /// Sends 12 packets at 4 Mbit/s into a link of `link_bps`; `noise_us` is added to each delay, `is_lost` loses some.
    fn probe(link_bps: f64, noise_us: impl Fn(u64) -> i64, is_lost: impl Fn(u64) -> bool) -> Option<Outcome> {
        let (mut judge, mut news) = (Judge::default(), News::default());
        let mut free_us: i64 = 0;
        for sequence in 0..12 {
            let sent_us = sequence as i64 * 2500;
            judge.sent(sent_us, sequence, BYTES, Some(ProbeId(1)));
            free_us = free_us.max(sent_us) + (BYTES as f64 * 8e6 / link_bps) as i64;
            if is_lost(sequence) {
                news.missing.push(Missing { sequence, sent_us, bytes: BYTES });
                continue;
            }
            let arrival_us = free_us + 20_000 + noise_us(sequence);
            let probe = Some(ProbeId(1));
            news.arrived.push(Arrived {
                sequence,
                sent_us,
                arrival_us,
                bytes: BYTES,
                late: false,
                was_untold: false,
                probe,
            });
        }
        judge.settle(&news);
        assert_eq!(judge.next(100_000, 0.0, 1.0), None, "it is not complete yet");
        judge.complete(ProbeId(1));
        judge.next(100_000, 0.0, 1.0)
    }

    fn kbps(outcome: Option<Outcome>) -> (bool, u64) {
        match outcome {
            Some(Outcome::Passed(rate)) => (true, rate.as_bps() / 1000),
            Some(Outcome::Saturated(rate)) => (false, rate.as_bps() / 1000),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_link_with_room_passes_and_a_full_one_tells_its_capacity() {
        let (passed, rate) = kbps(probe(10e6, |_| 0, |_| false));
        assert!(passed && (3900..=4000).contains(&rate), "{rate}");
        let (passed, rate) = kbps(probe(2e6, |_| 0, |_| false));
        assert!(!passed && (1950..=2050).contains(&rate), "{rate}");
    }

    #[test]
    fn loss_does_not_change_the_answer() {
        let (passed, rate) = kbps(probe(10e6, |_| 0, |sequence| sequence == 4));
        assert!(passed && (3900..=4000).contains(&rate), "{rate}");
        let (passed, rate) = kbps(probe(2e6, |_| 0, |sequence| sequence == 4));
        assert!(!passed && (1900..=2100).contains(&rate), "{rate}");
    }

    #[test]
    fn a_policer_shows_by_its_loss() {
        let (passed, rate) = kbps(probe(10e6, |_| 0, |sequence| sequence % 2 == 1));
        assert!(!passed && (1800..=2200).contains(&rate), "{rate}");
    }

    #[test]
    fn jitter_makes_it_unclear_and_not_low() {
        let noise = |sequence: u64| [0, 31_000, 7_000, 55_000, 12_000, 44_000][sequence as usize % 6];
        assert_eq!(probe(10e6, noise, |_| false), Some(Outcome::Unclear));
        assert_eq!(probe(10e6, |_| 0, |sequence| sequence > 1), Some(Outcome::Unclear));
    }
}
