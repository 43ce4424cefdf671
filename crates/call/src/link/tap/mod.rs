//! Mends defect 1: the RTCP half of the crate's statistics is never filled (no loss, no round trip, jitter in raw ticks).
//! Mends defect 7: PLI, FIR and NACK that arrive reach the application only through an interceptor.
//!
//! The tap is the stage nearest to the wire and counts all that passes. Invariant: it changes nothing, and what it was
//! never told stays unknown.

mod clock;
mod inbound;
mod outbound;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use sightline_quality::TrackCounters;
use tokio::sync::Notify;

use self::inbound::Inbound;
pub(super) use self::inbound::Sequence;
use self::outbound::Outbound;
use super::stage::Rule;

/// Streams of the peer that are counted. It has two, seldom four, but may change their SSRC at each renegotiation: the
/// oldest goes first.
const MAX_STREAMS: usize = 16;

/// What the tap has counted; shared between the chain, which writes, and the link, which reads once a second.
#[derive(Clone, Default)]
pub(super) struct Counts {
    streams: Arc<Mutex<Streams>>,
    /// Rung when the peer asks for a keyframe. One permit: requests that come together are one.
    pub(super) keyframe: Arc<Notify>,
}

#[derive(Default)]
struct Streams {
    inbound: HashMap<u32, Inbound>,
    /// Keys of `inbound`, oldest first.
    order: VecDeque<u32>,
    outbound: HashMap<u32, Outbound>,
    /// RTX SSRC -> SSRC of the stream it repairs (defect 17: no stream of its own in the figures).
    repairs: HashMap<u32, u32>,
    /// The round trip measured last.
    rtt: Option<Duration>,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the fields of an inbound track that the wire knows.
    pub(super) fn fill_inbound(&self, ssrc: u32, counters: &mut TrackCounters) {
        if let Some(stream) = self.lock().inbound.get(&ssrc) {
            stream.fill(counters);
        }
    }

    /// When what has this timestamp was captured, microseconds since the Unix epoch by the peer's clock; `stamp` is what the packet
    /// says of itself.
    pub(super) fn captured_us(&self, ssrc: u32, timestamp: u32, stamp: Option<i64>) -> Option<i64> {
        self.lock().inbound.get_mut(&ssrc).map_or(stamp, |stream| stream.captured_us(timestamp, stamp))
    }

    /// The round trip measured last, by reports or by ICE.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.lock().rtt
    }

    /// ICE has measured a round trip.
    pub(super) fn note_rtt(&self, rtt: Duration) {
        self.lock().rtt = Some(rtt);
    }

    /// Fills the fields of an outbound track that the wire and the peer's reports know.
    pub(super) fn fill_outbound(&self, ssrc: u32, counters: &mut TrackCounters) {
        if let Some(stream) = self.lock().outbound.get(&ssrc) {
            stream.fill(counters);
        }
    }
}

/// The stage.
pub(super) struct Tap {
    counts: Counts,
}

impl Tap {
    pub(super) fn new(counts: Counts) -> Self {
        Self { counts }
    }
}

impl Rule for Tap {
    fn inbound(&mut self, packet: TaggedPacket) -> Option<TaggedPacket> {
        let mut streams = self.counts.lock();
        match &packet.message.packet {
            Packet::Rtp(rtp) => {
                if let Some(primary) = streams.repairs.get(&rtp.header.ssrc).copied() {
                    // Two bytes carry the original sequence number; with nothing behind them it is padding (RFC 4588, 4).
                    if let [high, low, _, ..] = rtp.payload[..]
                        && let Some(stream) = streams.inbound.get_mut(&primary)
                    {
                        stream.repair(u16::from_be_bytes([high, low]));
                    }
                } else if let Some(stream) = streams.inbound.get_mut(&rtp.header.ssrc) {
                    stream.rtp(packet.now, rtp);
                }
            }
            Packet::Rtcp(feedback) => {
                let wishes = feedback.iter().filter(|one| streams.feedback_in(packet.now, one.as_ref())).count();
                if wishes > 0 {
                    self.counts.keyframe.notify_one();
                }
            }
            _ => {}
        }
        drop(streams);
        Some(packet)
    }

    fn outbound(&mut self, packet: TaggedPacket) -> Option<TaggedPacket> {
        let mut streams = self.counts.lock();
        match &packet.message.packet {
            Packet::Rtp(rtp) => {
                if let Some(primary) = streams.repairs.get(&rtp.header.ssrc).copied() {
                    // A copy that nobody asked for fills up a probe.
                    if packet.message.has(&Attribute::Retransmission)
                        && let Some(stream) = streams.outbound.get_mut(&primary)
                    {
                        stream.resend();
                    }
                } else if let Some(stream) = streams.outbound.get_mut(&rtp.header.ssrc) {
                    stream.rtp(rtp);
                }
            }
            Packet::Rtcp(feedback) => {
                for one in feedback {
                    streams.feedback_out(packet.now, one.as_ref());
                }
            }
            _ => {}
        }
        drop(streams);
        Some(packet)
    }

    fn bind_local(&mut self, stream: &StreamInfo) {
        let mut streams = self.counts.lock();
        streams.outbound.entry(stream.ssrc).or_insert_with(|| Outbound::new(stream.clock_rate));
        if let Some(rtx) = stream.ssrc_rtx {
            streams.repairs.insert(rtx, stream.ssrc);
        }
    }

    fn bind_remote(&mut self, stream: &StreamInfo) {
        let mut streams = self.counts.lock();
        if streams.repairs.contains_key(&stream.ssrc) || stream.mime_type.ends_with("/rtx") {
            return;
        }
        // A second bind of the same stream is a renegotiation: the counters go on (defect 11).
        if !streams.inbound.contains_key(&stream.ssrc) {
            if streams.order.len() == MAX_STREAMS
                && let Some(oldest) = streams.order.front().copied()
            {
                streams.forget(oldest);
            }
            streams.inbound.insert(stream.ssrc, Inbound::new(stream.clock_rate));
            streams.order.push_back(stream.ssrc);
        }
        if let Some(rtx) = stream.ssrc_rtx {
            streams.repairs.retain(|_, primary| *primary != stream.ssrc);
            streams.repairs.insert(rtx, stream.ssrc);
        }
    }

    fn unbind_remote(&mut self, stream: &StreamInfo) {
        self.counts.lock().forget(stream.ssrc);
    }
}

impl Streams {
    /// Drops a stream of the peer.
    fn forget(&mut self, ssrc: u32) {
        self.inbound.remove(&ssrc);
        self.order.retain(|one| *one != ssrc);
        self.repairs.retain(|_, primary| *primary != ssrc);
    }

    /// Counts what the peer says of our streams; true when it wants a keyframe.
    fn feedback_in(&mut self, now: Instant, packet: &dyn rtc::rtcp::Packet) -> bool {
        let any = packet.as_any();
        if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            self.reports(now, &report.reports);
        } else if let Some(report) = any.downcast_ref::<SenderReport>() {
            // One that sends as well puts its report blocks here (RFC 3550, 6.4.1).
            self.reports(now, &report.reports);
            if let Some(stream) = self.inbound.get_mut(&report.ssrc) {
                stream.sender_report(report);
            }
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            if let Some(stream) = self.outbound.get_mut(&nack.media_ssrc) {
                stream.nacks += 1;
            }
        } else if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            if let Some(stream) = self.outbound.get_mut(&pli.media_ssrc) {
                stream.plis += 1;
                return true;
            }
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            let mut wanted = false;
            for entry in &fir.fir {
                if let Some(stream) = self.outbound.get_mut(&entry.ssrc) {
                    stream.firs += 1;
                    wanted = true;
                }
            }
            return wanted;
        }
        false
    }

    fn reports(&mut self, now: Instant, blocks: &[ReceptionReport]) {
        for block in blocks {
            if let Some(stream) = self.outbound.get_mut(&block.ssrc) {
                self.rtt = stream.report(now, block).or(self.rtt);
            }
        }
    }

    /// Counts what we say of the peer's streams, and notes when our sender reports leave.
    fn feedback_out(&mut self, now: Instant, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(report) = any.downcast_ref::<SenderReport>() {
            if let Some(stream) = self.outbound.get_mut(&report.ssrc) {
                stream.sender_report(now, report);
            }
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            if let Some(stream) = self.inbound.get_mut(&nack.media_ssrc) {
                stream.nacks += 1;
            }
        } else if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            if let Some(stream) = self.inbound.get_mut(&pli.media_ssrc) {
                stream.plis += 1;
            }
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            for entry in &fir.fir {
                if let Some(stream) = self.inbound.get_mut(&entry.ssrc) {
                    stream.firs += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
