//! What was sent and not yet settled, and what feedback settles of it.
//!
//! Invariant: a packet is settled by its arrival, and only once. One reported lost is kept, because a later feedback may
//! report it after all (it was overtaken, or feedback was cut off); one that no feedback ever covers counts neither as
//! received nor as lost.

use std::collections::BTreeMap;

use crate::packet::{ProbeId, Report, Sent};

/// A report that comes later than this is of no use.
const KEEP_US: i64 = 10_000_000;
/// 35 years. A clock that is set later is broken, and sums of such times would overflow.
const LATEST_US: i64 = 1 << 50;
/// Ten seconds at 15 Mbit/s of full packets.
const MOST: usize = 16_384;

/// A packet that arrived. Times are in microseconds, each by its own end's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) sequence: u64,
    pub(crate) sent_us: i64,
    pub(crate) arrival_us: i64,
    pub(crate) bytes: usize,
    /// It had been reported lost.
    pub(crate) late: bool,
    /// It had been passed without a word.
    pub(crate) was_untold: bool,
    pub(crate) probe: Option<ProbeId>,
}

impl Arrived {
    /// One-way delay, but for a constant.
    pub(crate) fn delay_us(&self) -> i64 {
        self.arrival_us - self.sent_us
    }
}

/// A packet that is reported missing for the first time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Missing {
    pub(crate) sequence: u64,
    pub(crate) sent_us: i64,
    pub(crate) bytes: usize,
}

/// A packet that feedback has passed without a word: the feedback that told of it was lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Untold {
    pub(crate) sequence: u64,
    pub(crate) sent_us: i64,
    pub(crate) bytes: usize,
}

/// What one feedback tells that is new, in order of sending.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) untold: Vec<Untold>,
    pub(crate) arrived: Vec<Arrived>,
    pub(crate) missing: Vec<Missing>,
}

#[derive(Debug)]
struct Open {
    sent_us: i64,
    bytes: usize,
    probe: Option<ProbeId>,
    reported_missing: bool,
    is_untold: bool,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    open: BTreeMap<u64, Open>,
    /// First sequence number that no feedback has passed.
    unreported: u64,
    in_flight: usize,
}

impl History {
    pub(crate) fn sent(&mut self, sent_us: i64, packet: &Sent) {
        // The same number twice is a mistake of the caller; the first one stands.
        if self.open.contains_key(&packet.sequence) {
            return;
        }
        while let Some(oldest) = self.open.first_entry()
            && (oldest.get().sent_us < sent_us - KEEP_US || self.open.len() >= MOST)
        {
            if let Some((sequence, old)) = self.open.pop_first()
                && sequence >= self.unreported
            {
                self.in_flight -= old.bytes;
            }
        }
        // No packet is larger; more would only spoil sums.
        let bytes = packet.bytes.min(65_535);
        if packet.sequence >= self.unreported {
            self.in_flight += bytes;
        }
        self.open.insert(
            packet.sequence,
            Open { sent_us, bytes, probe: packet.probe, reported_missing: false, is_untold: false },
        );
    }

    /// Bytes sent after the newest packet that feedback has covered.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// When the oldest of those was sent.
    pub(crate) fn oldest_in_flight_us(&self) -> Option<i64> {
        self.open.range(self.unreported..).next().map(|(_, open)| open.sent_us)
    }

    pub(crate) fn settle(&mut self, reports: &[Report]) -> News {
        let mut news = News::default();
        let Some(newest_sent) = self.open.last_key_value().map(|(sequence, _)| *sequence) else { return news };
        let known = || reports.iter().map(|report| report.sequence).filter(|sequence| *sequence <= newest_sent);
        if let Some(first) = known().min() {
            self.skip_to(first, &mut news);
        }
        for report in reports {
            if report.sequence > newest_sent {
                continue;
            }
            self.pass(report.sequence);
            let Some(open) = self.open.get_mut(&report.sequence) else { continue };
            let Some(arrival) = report.arrival else {
                if !std::mem::replace(&mut open.reported_missing, true) {
                    news.missing.push(Missing { sequence: report.sequence, sent_us: open.sent_us, bytes: open.bytes });
                }
                continue;
            };
            news.arrived.push(Arrived {
                sequence: report.sequence,
                sent_us: open.sent_us,
                arrival_us: i64::try_from(arrival.as_micros()).unwrap_or(LATEST_US).min(LATEST_US),
                bytes: open.bytes,
                late: open.reported_missing,
                was_untold: open.is_untold,
                probe: open.probe,
            });
            self.open.remove(&report.sequence);
        }
        news.arrived.sort_unstable_by_key(|packet| packet.sequence);
        news
    }

    /// A feedback begins with `first`: what no feedback has passed before it was told of in one that was lost.
    fn skip_to(&mut self, first: u64, news: &mut News) {
        // Before the first feedback there may be packets that had not their extension yet.
        if self.unreported == 0 || first <= self.unreported {
            return;
        }
        for (sequence, open) in self.open.range_mut(self.unreported..first) {
            open.is_untold = true;
            news.untold.push(Untold { sequence: *sequence, sent_us: open.sent_us, bytes: open.bytes });
        }
        self.pass(first - 1);
    }

    /// Everything up to `sequence` is under way no longer.
    fn pass(&mut self, sequence: u64) {
        if sequence < self.unreported {
            return;
        }
        let passed: usize = self.open.range(self.unreported..=sequence).map(|(_, open)| open.bytes).sum();
        self.in_flight -= passed;
        self.unreported = sequence + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn send(history: &mut History, sequence: u64, sent_us: i64) {
        history.sent(sent_us, &Sent { sequence, at: Instant::now(), bytes: 100, probe: None });
    }

    fn received(sequence: u64) -> Report {
        Report { sequence, arrival: Some(Duration::from_secs(1)) }
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_not_in_flight() {
        let mut history = History::default();
        for sequence in 0..100_000 {
            send(&mut history, sequence, 0);
        }
        assert_eq!(history.open.len(), MOST);
        assert_eq!(history.in_flight(), MOST * 100);
        send(&mut history, 100_000, KEEP_US + 1);
        assert_eq!((history.open.len(), history.in_flight()), (1, 100));
    }

    #[test]
    fn a_packet_is_settled_once() {
        let mut history = History::default();
        send(&mut history, 5, 0);
        assert_eq!(history.settle(&[received(5), received(5)]).arrived.len(), 1);
        assert_eq!(history.settle(&[received(5)]).arrived.len(), 0);
        assert_eq!(history.in_flight(), 0);
    }

    #[test]
    fn one_that_was_reported_missing_may_come_late() {
        let mut history = History::default();
        for sequence in 0..3 {
            send(&mut history, sequence, 0);
        }
        let missing = Report { sequence: 1, arrival: None };
        let news = history.settle(&[received(0), missing, received(2)]);
        assert_eq!((news.arrived.len(), news.missing.len()), (2, 1));
        assert_eq!(history.settle(&[missing]).missing.len(), 0);
        assert!(history.settle(&[received(1)]).arrived[0].late);
    }

    #[test]
    fn what_feedback_skips_is_untold_and_neither_lost_nor_in_flight() {
        let mut history = History::default();
        for sequence in 0..10 {
            send(&mut history, sequence, 0);
        }
        history.settle(&[received(0), received(1)]);
        let news = history.settle(&[received(6)]);
        assert_eq!(news.untold.iter().map(|packet| packet.sequence).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert!(news.missing.is_empty());
        assert_eq!((history.in_flight(), history.oldest_in_flight_us()), (300, Some(0)));
        assert!(history.settle(&[received(3)]).arrived[0].was_untold);
    }
}
