//! How much a path carries, from what was sent and what feedback says of it.
//!
//! Invariant: the target is the lesser of what delay ([`crate::aimd`]) and what loss ([`crate::loss`]) allow, within the
//! limits. Feedback of which nothing is known (never sent, settled before, older than 10 s) changes nothing; feedback in
//! which nothing arrived lowers nothing.

use std::time::{Duration, Instant};

use crate::acked::{self, Acked};
use crate::aimd::{Aimd, Rates, Step};
use crate::delay::{Delay, Reading};
use crate::history::{History, News};
use crate::judge::{Judge, Outcome};
use crate::loss::LossModel;
use crate::meter::Meter;
use crate::packet::{BitRate, ProbeId, Report, Sent};
use crate::timeline::Timeline;

/// Before the first feedback.
const RTT_UNKNOWN_US: i64 = 100_000;
/// What is sent within so short a time makes no queue.
const STOPPING_US: i64 = 60_000;
/// The next frame is so far away, and its first packet is not the whole of it.
const AHEAD_US: i64 = 40_000;
/// The least round trip is that of the last so many seconds ...
const RTT_SLOTS: usize = 10;
const RTT_SLOT_US: i64 = 1_000_000;

/// Between which rates the target stays, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until something is known.
    pub start: BitRate,
    /// The target never falls below, so that there is always something to measure with.
    pub min: BitRate,
    /// What can be used at most; nothing is probed beyond.
    pub max: BitRate,
}

impl Default for Limits {
    /// 300 kbit/s at first, 30 kbit/s (audio) at least, 2.5 Mbit/s at most.
    fn default() -> Self {
        Self { start: BitRate::kbps(300), min: BitRate::kbps(30), max: BitRate::kbps(2500) }
    }
}

impl Limits {
    /// With `min <= start <= max`, whatever was asked for.
    fn in_order(self) -> Self {
        let max = self.max.max(self.min);
        Self { start: self.start.clamp(self.min, max), min: self.min, max }
    }
}

/// What the estimator knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// What may be sent, of everything together.
    pub target: BitRate,
    /// What the link was measured to carry, if that is known of late.
    pub capacity: Option<BitRate>,
    /// What arrives at the far end of late.
    pub arriving: Option<BitRate>,
    /// Whether others send on the link too, so that its capacity says little.
    pub is_shared: bool,
    /// The queue that stands in the path.
    pub queue: Duration,
    /// How much delay differs from packet to packet, on the mean.
    pub jitter: Duration,
    /// The least round trip of the last seconds.
    pub rtt: Duration,
    /// Share of packets lost over the last seconds, of 1.
    pub loss: f64,
    /// Sent and not yet covered by feedback, in bytes.
    pub in_flight: usize,
    /// How long ago the target was last lowered; `None` if it never was.
    pub steady_for: Option<Duration>,
    /// Whether the link carried much more within the last minute.
    pub has_fallen: bool,
}

/// Estimates the rate of one link.
#[derive(Debug)]
pub struct Estimator {
    limits: Limits,
    timeline: Timeline,
    history: History,
    delay: Delay,
    acked: Acked,
    sent: Meter,
    aimd: Aimd,
    loss: LossModel,
    judge: Judge,
    reading: Option<Reading>,
    /// Least round trip of each second, newest last.
    rtts: std::collections::VecDeque<(i64, i64)>,
    target: BitRate,
    /// At most as many as there are open probes.
    outcomes: Vec<Outcome>,
    has_fallen: bool,
}

impl Estimator {
    /// Begins at [`Limits::start`].
    pub fn new(limits: Limits) -> Self {
        let limits = limits.in_order();
        Self {
            limits,
            timeline: Timeline::default(),
            history: History::default(),
            delay: Delay::default(),
            acked: Acked::default(),
            sent: Meter::default(),
            aimd: Aimd::new(limits.start.as_f64()),
            loss: LossModel::default(),
            judge: Judge::default(),
            reading: None,
            rtts: std::collections::VecDeque::new(),
            target: limits.start,
            outcomes: Vec::new(),
            has_fallen: false,
        }
    }

    /// Other limits from now on; the target moves only if it is outside of them.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits.in_order();
        self.aimd.clamp(self.limits.min.as_f64(), self.limits.max.as_f64());
        self.target = self.target.clamp(self.limits.min, self.limits.max);
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// A packet has been sent. Call it for all that carry a transport-wide sequence number.
    pub fn sent(&mut self, packet: &Sent) {
        let now_us = self.timeline.at(packet.at);
        self.history.sent(now_us, packet);
        self.sent.add(now_us, packet.bytes.min(65_535));
        self.judge.sent(now_us, packet.sequence, packet.bytes.min(65_535), packet.probe);
    }

    /// No more packets of this probe will be sent.
    pub fn probe_complete(&mut self, id: ProbeId) {
        self.judge.complete(id);
    }

    /// Nothing is to be made of what was sent of this probe.
    pub fn probe_abandoned(&mut self, id: ProbeId) {
        self.judge.forget(id);
    }

    /// Whether no more than `queue` stands in the path, and not even the newest packet met more.
    pub(crate) fn is_below(&self, queue: Duration) -> bool {
        let queue_us = queue.as_micros() as i64;
        self.reading.is_none_or(|reading| reading.queue_ms * 1000.0 < queue_us as f64)
            && self.delay.newest_us().is_none_or(|(_, met_us)| met_us < queue_us)
    }

    /// The queue that the newest packet met of which anything is known.
    pub(crate) fn newest_queue(&self) -> Duration {
        micros(self.delay.newest_us().map_or(0, |(_, met_us)| met_us) as f64)
    }

    /// For how long nothing was heard of the oldest packet under way, beyond what a round trip takes.
    pub(crate) fn unheard_for(&mut self, now: Instant) -> Duration {
        let now_us = self.timeline.at(now);
        let oldest_us = self.history.oldest_in_flight_us();
        micros(oldest_us.map_or(0, |oldest| now_us - oldest - self.rtt_us()) as f64)
    }

    /// Whether the path's queue has emptied by the time the next frame is there, if all but a trace of sending stopped at `since`: a packet sent then has
    /// met a queue that must be gone by now. Earlier than feedback can tell of it.
    pub(crate) fn must_be_empty(&mut self, now: Instant, since: Instant) -> bool {
        let now_us = self.timeline.at(now);
        let since_us = now_us - now.saturating_duration_since(since).as_micros() as i64;
        self.delay.newest_us().is_some_and(|(sent_us, queue_us)| {
            sent_us > since_us - STOPPING_US && sent_us + queue_us + queue_us / 16 - AHEAD_US <= now_us
        })
    }

    /// Takes in a feedback that came at `now`, and that was awaited for longer than usual if `is_overdue`: then what went through the
    /// path meanwhile tells at once how much slower it is. Returns whether any packet arrived.
    pub fn feedback(&mut self, now: Instant, reports: &[Report], is_overdue: bool) -> bool {
        let now_us = self.timeline.at(now);
        let news = self.history.settle(reports);
        self.loss.update(&news.arrived, &news.missing);
        self.judge.settle(&news);
        self.outcomes.clear();
        self.note_rtt(now_us, &news);
        self.count_arrivals(&news);
        if !news.arrived.is_empty() {
            self.reading = self.delay.update(&news.arrived);
            self.step(now_us, is_overdue);
        }
        while let Some(outcome) = self.judge.next(now_us, self.loss.share(), self.delay.jitter_ms()) {
            self.aimd.on_probe(now_us, outcome, self.delay.jitter_ms());
            self.outcomes.push(outcome);
        }
        self.settle_target();
        !news.arrived.is_empty()
    }

    /// What probes have found since the last call, in order of sending.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    /// Whether the link has become so much slower that what waits to be sent is out of date; once.
    pub fn take_fall(&mut self) -> bool {
        std::mem::take(&mut self.has_fallen)
    }

    /// What may be sent, of everything together.
    pub fn target(&self) -> BitRate {
        self.target
    }

    /// What is known at `now`.
    pub fn state(&mut self, now: Instant) -> State {
        let now_us = self.timeline.at(now);
        State {
            target: self.target,
            capacity: self.aimd.capacity_bps().map(BitRate::from_f64),
            arriving: self.acked.rate(acked::LONG_US).map(BitRate::from_f64),
            is_shared: self.aimd.is_shared(now_us),
            queue: micros(self.reading.map_or(0.0, |reading| reading.queue_ms) * 1000.0),
            jitter: micros(self.delay.jitter_ms() * 1000.0),
            rtt: micros(self.rtt_us() as f64),
            loss: self.loss.share(),
            in_flight: self.history.in_flight(),
            steady_for: self.aimd.lowered_us().map(|lowered| micros((now_us - lowered) as f64)),
            has_fallen: self.aimd.has_fallen(now_us),
        }
    }

    fn step(&mut self, now_us: i64, is_overdue: bool) {
        let Some(reading) = self.reading else { return };
        let reading = Reading { through: reading.through.filter(|_| is_overdue), ..reading };
        let rates = Rates {
            sent_bps: self.sent.rate(now_us),
            acked_bps: self.acked.rate(acked::LONG_US),
            lately_bps: self.acked.rate(acked::SHORT_US),
            loss: self.loss.share(),
        };
        match self.aimd.on_reading(now_us, &reading, rates, self.rtt_us()) {
            Step::None | Step::Lowered => {}
            Step::Fall => self.has_fallen = true,
            Step::Foreign => self.delay.rebase(),
        }
    }

    fn settle_target(&mut self) {
        self.aimd.clamp(self.limits.min.as_f64(), self.limits.max.as_f64());
        let delay_bps = self.aimd.target_bps();
        let loss_bps = self.loss.limit_bps(delay_bps, self.acked.rate(acked::LONG_US));
        let target = BitRate::from_f64(loss_bps.unwrap_or(delay_bps).min(delay_bps));
        self.target = target.clamp(self.limits.min, self.limits.max);
    }

    fn count_arrivals(&mut self, news: &News) {
        if let Some(first) = news.arrived.first() {
            // A feedback that was lost must not look like a link that stood still.
            let share = 1.0 - self.loss.share();
            for packet in &news.untold {
                self.acked.add(packet.sent_us + first.delay_us(), (packet.bytes as f64 * share) as usize);
            }
        }
        for packet in news.arrived.iter().filter(|packet| !packet.was_untold) {
            self.acked.add(packet.arrival_us, packet.bytes);
        }
    }

    fn note_rtt(&mut self, now_us: i64, news: &News) {
        let Some(rtt) = news.arrived.iter().map(|packet| now_us - packet.sent_us).min() else { return };
        let slot = now_us / RTT_SLOT_US;
        match self.rtts.back_mut() {
            Some((last, least)) if *last == slot => *least = rtt.min(*least),
            _ => self.rtts.push_back((slot, rtt)),
        }
        while self.rtts.len() > RTT_SLOTS {
            self.rtts.pop_front();
        }
    }

    fn rtt_us(&self) -> i64 {
        self.rtts.iter().map(|(_, least)| *least).min().unwrap_or(RTT_UNKNOWN_US)
    }
}

fn micros(micros: f64) -> Duration {
    Duration::from_micros(micros.max(0.0) as u64)
}
