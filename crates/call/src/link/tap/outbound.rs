//! What we sent of one stream, and what the peer reported of it (W3C remote-inbound-rtp).
//!
//! Invariant: everything that only the peer can know stays `None` until its first report.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtp;
use sightline_quality::TrackCounters;

use super::inbound::Sequence;

/// Sender reports remembered: one a second leaves, so a report block may lag half a minute.
const SENDER_REPORTS: usize = 32;

pub(super) struct Outbound {
    clock_rate: u32,
    packets: u64,
    bytes: u64,
    sequence: Option<Sequence>,
    resent: u64,
    pub(super) nacks: u64,
    pub(super) plis: u64,
    pub(super) firs: u64,
    /// Middle 32 bits of the NTP time of our sender reports, and when they left.
    sender_reports: VecDeque<(u32, Instant)>,
    lost: Option<i64>,
    reported: Option<u64>,
    jitter: Option<Duration>,
    total_rtt: Duration,
    rtt_measurements: u64,
}

impl Outbound {
    pub(super) fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            packets: 0,
            bytes: 0,
            sequence: None,
            resent: 0,
            nacks: 0,
            plis: 0,
            firs: 0,
            sender_reports: VecDeque::new(),
            lost: None,
            reported: None,
            jitter: None,
            total_rtt: Duration::ZERO,
            rtt_measurements: 0,
        }
    }

    pub(super) fn rtp(&mut self, packet: &rtp::Packet) {
        let number = packet.header.sequence_number;
        let newest = match &mut self.sequence {
            Some(sequence) => sequence.extend(number),
            none => {
                *none = Some(Sequence::starting(number));
                true
            }
        };
        // Where RTX was not negotiated a packet is resent as it was.
        if newest {
            self.packets += 1;
            self.bytes += packet.payload.len() as u64;
        } else {
            self.resent += 1;
        }
    }

    pub(super) fn resend(&mut self) {
        self.resent += 1;
    }

    pub(super) fn sender_report(&mut self, now: Instant, report: &SenderReport) {
        if self.sender_reports.len() == SENDER_REPORTS {
            self.sender_reports.pop_front();
        }
        self.sender_reports.push_back(((report.ntp_time >> 16) as u32, now));
    }

    /// A report block of the peer (RFC 3550, 6.4.1). Returns the round trip, if it tells that.
    pub(super) fn report(&mut self, now: Instant, block: &ReceptionReport) -> Option<Duration> {
        // Cumulative lost is a signed 24-bit number.
        self.lost = Some(i64::from((block.total_lost << 8) as i32 >> 8));
        self.jitter = Some(Duration::from_secs_f64(f64::from(block.jitter) / f64::from(self.clock_rate)));
        if let Some(sequence) = &self.sequence {
            // Only the low half: peers count the cycles of the high half from different beginnings.
            let highest = sequence.near(block.last_sequence_number as u16);
            self.reported = Some((highest + 1).saturating_sub(sequence.first()));
        }
        if block.last_sender_report == 0 {
            return None;
        }
        let (_, left) = self.sender_reports.iter().find(|(ntp, _)| *ntp == block.last_sender_report)?;
        let held = Duration::from_secs_f64(f64::from(block.delay) / 65_536.0);
        let rtt = now.saturating_duration_since(*left).saturating_sub(held);
        self.total_rtt += rtt;
        self.rtt_measurements += 1;
        Some(rtt)
    }

    pub(super) fn fill(&self, counters: &mut TrackCounters) {
        counters.packets = Some(self.packets);
        counters.bytes = Some(self.bytes);
        counters.packets_lost = self.lost;
        counters.packets_reported = self.reported;
        counters.jitter = self.jitter;
        counters.total_rtt = (self.rtt_measurements > 0).then_some(self.total_rtt);
        counters.rtt_measurements = (self.rtt_measurements > 0).then_some(self.rtt_measurements);
        counters.retransmitted_packets = Some(self.resent);
        counters.nack_count = Some(self.nacks);
        counters.pli_count = Some(self.plis);
        counters.fir_count = Some(self.firs);
    }
}
