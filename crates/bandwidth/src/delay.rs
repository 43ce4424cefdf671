//! Whether the path's queue grows: the trend of one-way delay (draft-ietf-rmcat-gcc-02, 5), and the queue that stands.
//!
//! Invariant: a trend alone never counts as overuse. Jitter makes trends out of nothing, but it does not lift the least
//! delay of a tenth of a second above the least delay of the last 20 s; only a queue does. The other way round, a queue
//! that stands and does not shrink although less is sent is not ours: then the base is taken anew (a longer route, or
//! somebody else's queue).

use std::collections::VecDeque;

use crate::history::Arrived;

/// Packets sent within it are one group: they leave together and say one thing.
const GROUP_US: i64 = 5_000;
/// The trend is taken over so much of sending: several frames, so that their rhythm does not show.
const TREND_US: i64 = 300_000;
/// More groups of 5 ms do not fit, but for a clock of the sender that stands.
const TREND_MOST: usize = 64;
const TREND_LEAST: usize = 6;
/// The least delay within it is the queue that stands: less than what frames build up and leave empty.
const STANDING_US: i64 = 120_000;
/// A link that falls to a third fills its queue within two tenths of a second: the least of a shorter time shows it sooner,
/// if there are enough packets in it and it is well above what frames and jitter do.
const SUDDEN_US: i64 = 30_000;
const SUDDEN_PACKETS: usize = 5;
const SUDDEN_MS: f64 = 60.0;
/// What a link carries shows while it has no rest, over at least and at most so much time and so many packets ...
const BUSY_US: (i64, i64) = (30_000, 80_000);
const BUSY_PACKETS: (usize, usize) = (5, 256);
/// ... once a packet met more queue than frames and jitter make.
const DEEP_MS: f64 = 45.0;
/// At 20 Mbit/s 250 packets are sent in that time.
const STANDING_MOST: usize = 512;
/// The base is the least of so many slots of a second.
const BASE_SLOTS: usize = 20;
const BASE_SLOT_US: i64 = 1_000_000;

/// Growth over the window that counts, at first and within which bounds it adapts (draft-ietf-rmcat-gcc-02, 5.4).
const THRESHOLD_MS: f64 = 12.5;
const THRESHOLD_BOUNDS_MS: (f64, f64) = (6.0, 600.0);
const THRESHOLD_UP_PER_MS: f64 = 0.0087;
const THRESHOLD_DOWN_PER_MS: f64 = 0.039;
/// Growth farther above the threshold is a change of the path, not noise to adapt to.
const THRESHOLD_OUTLIER_MS: f64 = 15.0;

/// A growing queue counts from here on: less comes and goes with frames of uneven size ...
const QUEUE_LEAST_MS: f64 = 15.0;
/// ... and one that stands, however slowly it came, from here on.
const QUEUE_STANDING_MS: f64 = 35.0;
/// Just after a probe the queue is the probe's, up to here.
const QUEUE_PROBED_MS: f64 = 80.0;
const PROBED_US: i64 = 600_000;
/// No path changes its delay by so much: the receiver's clock was set.
const JUMP_US: i64 = 10_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Under,
    Normal,
    Over,
}

/// What the delays say after a feedback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) usage: Usage,
    /// The queue that stands.
    pub(crate) queue_ms: f64,
    /// By how much delay grew over the window of the trend.
    pub(crate) growth_ms: f64,
    /// Mean difference of delay between one packet and the next.
    pub(crate) jitter_ms: f64,
    /// What came through a deep queue, if there was one.
    pub(crate) through: Option<Through>,
}

/// At what rate packets were sent into a queue, and at what rate they came out of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Through {
    pub(crate) sent_bps: f64,
    pub(crate) bps: f64,
}

/// A packet that went through the link with no rest before it.
#[derive(Debug, Clone, Copy)]
struct Busy {
    sent_us: i64,
    left_us: i64,
    bytes: usize,
    /// As it was known then: a queue that grows is not jitter.
    jitter_ms: f64,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent_us: i64,
    delays_us: f64,
    packets: f64,
}

#[derive(Debug)]
pub(crate) struct Delay {
    /// Least delay of each second, newest last.
    base: VecDeque<(i64, i64)>,
    /// Of single packets: when sent, delay.
    recent: VecDeque<(i64, i64)>,
    group: Option<Group>,
    /// Of groups: when sent, mean delay.
    trend: VecDeque<(i64, f64)>,
    threshold_ms: f64,
    adapted_us: i64,
    jitter_us: f64,
    /// Differences in that mean, up to those that count.
    differences: u8,
    /// Of the packet before.
    last_delay_us: Option<i64>,
    /// When the last packet of a probe was sent.
    probed_us: Option<i64>,
    /// The last packets between which the link had no rest.
    busy: VecDeque<Busy>,
    /// The newest of this feedback.
    through: Option<Through>,
}

impl Default for Delay {
    fn default() -> Self {
        Self {
            base: VecDeque::new(),
            recent: VecDeque::new(),
            group: None,
            trend: VecDeque::new(),
            threshold_ms: THRESHOLD_MS,
            adapted_us: 0,
            jitter_us: 0.0,
            differences: 0,
            last_delay_us: None,
            probed_us: None,
            busy: VecDeque::new(),
            through: None,
        }
    }
}

impl Delay {
    /// Takes in what arrived, in order of sending.
    pub(crate) fn update(&mut self, arrived: &[Arrived]) -> Option<Reading> {
        self.through = None;
        for packet in arrived {
            let delay = packet.delay_us();
            if self.last_delay_us.is_some_and(|last| (delay - last).abs() > JUMP_US) {
                *self = Self::default();
            }
            self.take(packet, delay);
        }
        self.read()
    }

    /// Mean difference of delay between one packet and the next.
    pub(crate) fn jitter_ms(&self) -> f64 {
        self.jitter_us / 1000.0
    }

    /// When the newest packet was sent that has arrived, and the queue it met.
    pub(crate) fn newest_us(&self) -> Option<(i64, i64)> {
        let (sent, delay) = self.recent.back()?;
        Some((*sent, delay - self.base_us()?))
    }

    /// The delay of the empty path.
    fn base_us(&self) -> Option<i64> {
        self.base.iter().map(|(_, least)| *least).min()
    }

    /// Takes the delay of now for that of the empty path.
    pub(crate) fn rebase(&mut self) {
        self.base.clear();
        let lately: Vec<(i64, i64)> = self.recent.iter().copied().collect();
        for (sent, delay) in lately {
            self.note_base(sent, delay);
        }
        self.trend.clear();
    }

    fn take(&mut self, packet: &Arrived, delay_us: i64) {
        if let Some(last) = self.last_delay_us.replace(delay_us) {
            // The first few count in full, for the second probe is made by them.
            self.differences = (self.differences + 1).min(16);
            self.jitter_us += ((delay_us - last).abs() as f64 - self.jitter_us) / f64::from(self.differences);
        }
        self.note_base(packet.sent_us, delay_us);
        self.note_busy(packet, delay_us);
        self.recent.push_back((packet.sent_us, delay_us));
        while self.recent.len() > STANDING_MOST
            || self.recent.front().is_some_and(|(sent, _)| *sent < packet.sent_us - STANDING_US)
        {
            self.recent.pop_front();
        }
        // A probe makes a queue on purpose; it has its own judge.
        if packet.probe.is_some() {
            self.probed_us = Some(packet.sent_us);
            return;
        }
        match &mut self.group {
            Some(group) if packet.sent_us < group.first_sent_us => {}
            Some(group) if packet.sent_us <= group.first_sent_us + GROUP_US => {
                group.delays_us += delay_us as f64;
                group.packets += 1.0;
            }
            group => {
                let new = Group { first_sent_us: packet.sent_us, delays_us: delay_us as f64, packets: 1.0 };
                if let Some(done) = group.replace(new) {
                    self.trend.push_back((done.first_sent_us, done.delays_us / done.packets));
                }
                while self.trend.len() > TREND_MOST
                    || self.trend.front().is_some_and(|(sent, _)| *sent < packet.sent_us - TREND_US)
                {
                    self.trend.pop_front();
                }
            }
        }
    }

    fn note_base(&mut self, sent_us: i64, delay_us: i64) {
        let slot = sent_us / BASE_SLOT_US;
        match self.base.back_mut() {
            Some((last, least)) if *last >= slot => *least = delay_us.min(*least),
            _ => self.base.push_back((slot, delay_us)),
        }
        while self.base.len() > BASE_SLOTS {
            self.base.pop_front();
        }
    }

    /// Measures what the link carries while packets come to it before it is done with those before them.
    fn note_busy(&mut self, packet: &Arrived, delay_us: i64) {
        let Some(base) = self.base_us() else { return };
        // It would have come after the one before had left.
        if self.busy.back().is_some_and(|before| packet.sent_us + base > before.left_us) {
            self.busy.clear();
        }
        let oldest = packet.arrival_us - BUSY_US.1;
        self.busy.push_back(Busy {
            sent_us: packet.sent_us,
            left_us: packet.arrival_us,
            bytes: packet.bytes,
            jitter_ms: self.jitter_ms(),
        });
        while self.busy.len() > BUSY_PACKETS.1 || self.busy.front().is_some_and(|first| first.left_us < oldest) {
            self.busy.pop_front();
        }
        let Some(first) = self.busy.front() else { return };
        let (sent_us, left_us) = (packet.sent_us - first.sent_us, packet.arrival_us - first.left_us);
        let queue_ms = (delay_us - base) as f64 / 1000.0;
        if left_us >= BUSY_US.0 && self.busy.len() >= BUSY_PACKETS.0 && queue_ms > DEEP_MS + 2.0 * first.jitter_ms {
            // The first marks the beginning only; its own bytes went before it.
            let bits: f64 = self.busy.iter().skip(1).map(|one| one.bytes as f64 * 8.0).sum();
            let rate = |us: i64| bits * 1e6 / us.max(1) as f64;
            self.through = Some(Through { sent_bps: rate(sent_us), bps: rate(left_us) });
        }
    }

    fn read(&mut self) -> Option<Reading> {
        let now_us = self.recent.back()?.0;
        let base = self.base_us()?;
        let standing = self.recent.iter().map(|(_, delay)| *delay).min()?;
        let sudden_ms = self.sudden_us(now_us).map_or(0.0, |least| (least - base) as f64 / 1000.0);
        let is_sudden = sudden_ms > SUDDEN_MS + 2.0 * self.jitter_ms();
        let standing_ms = (standing - base) as f64 / 1000.0;
        let queue_ms = if is_sudden { sudden_ms } else { standing_ms };
        let growth_ms = self.growth_ms().unwrap_or(0.0);
        let grows = growth_ms > self.threshold_ms && queue_ms > QUEUE_LEAST_MS;
        let stands = standing_ms > QUEUE_STANDING_MS + self.jitter_ms() / 2.0 && growth_ms > -2.0;
        let bursts = is_sudden && growth_ms > self.threshold_ms;
        let is_probed = self.probed_us.is_some_and(|probed| now_us - probed < PROBED_US);
        let is_excused = is_probed && queue_ms < QUEUE_PROBED_MS;
        let usage = if (grows || stands || bursts) && !is_excused {
            Usage::Over
        } else if growth_ms < -self.threshold_ms {
            Usage::Under
        } else {
            Usage::Normal
        };
        self.adapt(now_us, growth_ms.abs());
        Some(Reading { usage, queue_ms, growth_ms, jitter_ms: self.jitter_ms(), through: self.through })
    }

    /// The least delay of the last packets, if there are enough.
    fn sudden_us(&self, now_us: i64) -> Option<i64> {
        let first = self.recent.partition_point(|(sent, _)| *sent < now_us - SUDDEN_US);
        let least = self.recent.range(first..).map(|(_, delay)| *delay).min();
        least.filter(|_| self.recent.len() - first >= SUDDEN_PACKETS)
    }

    /// Least squares over the window: slope times length.
    fn growth_ms(&self) -> Option<f64> {
        let (first, last) = (self.trend.front()?, self.trend.back()?);
        if self.trend.len() < TREND_LEAST {
            return None;
        }
        let line = Line::through(self.trend.iter().map(|(sent, delay)| ((sent - first.0) as f64, *delay)))?;
        Some(line.slope * (last.0 - first.0) as f64 / 1000.0)
    }

    fn adapt(&mut self, now_us: i64, growth_ms: f64) {
        let elapsed_ms = ((now_us - self.adapted_us) as f64 / 1000.0).clamp(0.0, 100.0);
        self.adapted_us = now_us;
        if growth_ms > self.threshold_ms + THRESHOLD_OUTLIER_MS {
            return;
        }
        let gain = if growth_ms < self.threshold_ms { THRESHOLD_DOWN_PER_MS } else { THRESHOLD_UP_PER_MS };
        let step = (gain * elapsed_ms).min(1.0) * (growth_ms - self.threshold_ms);
        self.threshold_ms = (self.threshold_ms + step).clamp(THRESHOLD_BOUNDS_MS.0, THRESHOLD_BOUNDS_MS.1);
    }
}

/// A straight line through points by least squares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) slope: f64,
    /// Standard error of the slope, widened where what deviates from the line hangs together from point to point.
    pub(crate) error: f64,
}

impl Line {
    /// `None` for fewer than two points, or all at one place.
    pub(crate) fn through(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let count = points.clone().count() as f64;
        let sum = points.clone().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        let mean = (sum.0 / count, sum.1 / count);
        let (xx, xy) = points.clone().fold((0.0, 0.0), |(xx, xy), (x, y)| {
            let dx = x - mean.0;
            (xx + dx * dx, xy + dx * (y - mean.1))
        });
        if count < 2.0 || xx <= 0.0 {
            return None;
        }
        let slope = xy / xx;
        let (mut squares, mut neighbours, mut before) = (0.0, 0.0, 0.0);
        for (x, y) in points {
            let residual = (y - mean.1) - slope * (x - mean.0);
            squares += residual * residual;
            neighbours += residual * before;
            before = residual;
        }
        if count < 3.0 {
            return Some(Self { slope, error: f64::INFINITY });
        }
        let correlation = if squares > 0.0 { (neighbours / squares).clamp(0.0, 0.9) } else { 0.0 };
        let error = (squares / (count - 2.0) / xx * (1.0 + correlation) / (1.0 - correlation)).sqrt();
        Some(Self { slope, error })
    }
}
