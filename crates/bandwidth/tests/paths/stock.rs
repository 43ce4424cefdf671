//! The WebRTC crate's own estimator, with our pacer and repair limiter around it, so that only the estimates differ. It has no
//! probes.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rtc::interceptor::{BandwidthEstimator, Gcc, PacketReport};
use rtc::rtcp::transport_feedbacks::cc_feedback_report::Ecn;
use sightline_bandwidth::{BitRate, Departure, Kind, Limits, Pacer, Packet, Repair, RepairLimiter, Report};

use crate::side::{Padding, Side};
use crate::source::{AUDIO, Media};

const SECOND: Duration = Duration::from_secs(1);
/// Feedback on what was sent longer ago does not come any more.
const SENT_FOR: Duration = Duration::from_secs(10);

pub(crate) struct Stock {
    estimator: Gcc,
    pacer: Pacer<Media>,
    repairs: RepairLimiter,
    next: u64,
    /// When sent, and how large.
    sent: BTreeMap<u64, (Instant, usize)>,
    rtt: Duration,
    /// Repair of the last second.
    extra: VecDeque<(Instant, usize)>,
}

impl Stock {
    pub(crate) fn new(limits: Limits) -> Self {
        let [start, min, max] = [limits.start, limits.min, limits.max].map(|rate| rate.as_bps() as f64);
        Self {
            estimator: Gcc::new(start, min, max),
            pacer: Pacer::new(limits.start.times(2.5)),
            repairs: RepairLimiter::new(),
            next: 0,
            sent: BTreeMap::new(),
            rtt: Duration::from_millis(100),
            extra: VecDeque::new(),
        }
    }
}

impl Side for Stock {
    fn push(&mut self, now: Instant, packet: Packet<Media>) {
        self.pacer.push(now, packet);
    }

    fn repair(&mut self, now: Instant, bytes: usize, media: Media) -> bool {
        let key = (1, media.number.unwrap_or(0) as u16);
        let is_sent = self.repairs.ask(now, key, bytes, self.rtt, self.target()) == Repair::Send;
        if is_sent {
            self.pacer.push(now, Packet { kind: Kind::Repair, bytes, body: media });
        }
        is_sent
    }

    fn poll(&mut self, now: Instant, padding: Padding) -> Option<(u64, Departure<Media>)> {
        let departure = self.pacer.poll(now, padding)?;
        let sequence = self.next;
        self.next += 1;
        self.sent.insert(sequence, (now, departure.bytes));
        if departure.kind == Kind::Repair {
            self.extra.push_back((now, departure.bytes));
        }
        Some((sequence, departure))
    }

    fn feedback(&mut self, now: Instant, reports: &[Report]) {
        self.sent.retain(|_, (at, _)| now.duration_since(*at) < SENT_FOR);
        let report = |report: &Report| {
            let (departure, size) = self.sent.remove(&report.sequence)?;
            Some(PacketReport {
                ssrc: 1,
                id: report.sequence,
                rtp_sequence_number: report.sequence as u16,
                is_twcc: true,
                twcc_sequence_number: report.sequence as u16,
                size,
                arrived: report.arrival.is_some(),
                departure,
                arrival: report.arrival,
                ecn: Ecn::NotEct,
            })
        };
        let reports: Vec<PacketReport> = reports.iter().filter_map(report).collect();
        if let Some(newest) = reports.iter().rfind(|report| report.arrived) {
            self.rtt = now.duration_since(newest.departure);
        }
        self.estimator.on_reports(now, &reports);
        self.pacer.set_rates(self.target().times(2.5), self.target().times(2.5));
    }

    fn wake(&self) -> Option<Instant> {
        self.pacer.wake()
    }

    fn target(&self) -> BitRate {
        BitRate::bps(self.estimator.target_bitrate() as u64)
    }

    fn video_target(&mut self, now: Instant) -> BitRate {
        self.extra.retain(|(at, _)| now.duration_since(*at) < SECOND);
        let target = self.estimator.target_bitrate();
        let extra: usize = self.extra.iter().map(|(_, bytes)| bytes * 8).sum();
        BitRate::bps((target - AUDIO - (extra as f64).min(0.3 * target)).max(0.0) as u64)
    }

    fn wants_key_frame(&mut self, now: Instant) -> bool {
        self.pacer.wants_key_frame(now).is_some()
    }
}
