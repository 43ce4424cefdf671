//! The send side of a link: one stage that paces, numbers, repairs and probes, and says what the link carries.
//!
//! Mends defects 3 (the crate's pacer queues without bound, sound behind pictures) and 4 (its estimator collapses under
//! random loss), and takes the place of its responder to NACKs, which knows neither round trip nor budget. The decisions are
//! those of [`sightline_bandwidth::SendSide`]; this stage turns RTP and RTCP into its terms and back.
//!
//! Invariant: every packet of media of ours leaves through here, and gets its numbers as it leaves. The stage never waits: what may
//! not leave yet leaves when [`Protocol::poll_timeout`] says. The pacer bounds what waits.

mod feedback;
mod local;
mod rate;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, AttributedPacket, Interceptor, Packet as Wire, StreamInfo, TaggedPacket};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;
use sightline_bandwidth::{BitRate, Departure, Kind, Limits, Packet, Repair, SendSide, State, Uplink};
use tokio::sync::{Notify, watch};

use self::feedback::FeedbackReader;
use self::local::{LocalStream, wire_bytes};
use self::rate::{Budget, RateMaker};
use super::types::LinkRate;

/// A packet that is asked for again is on the wire with two bytes more (RFC 4588, 4).
const RTX_HEADER: usize = 2;
/// Rates of headers, sound and repairs beside pictures at their highest, of 1 and in bit/s.
const HEADROOM: (f64, BitRate) = (1.25, BitRate::kbps(100));

/// A report that comes so soon after the rate had to be lowered is of a time in which a queue ran over: one second, the time between
/// reports, and what feedback takes in a full queue.
const OVERFLOW: Duration = Duration::from_millis(1500);

/// What the send side tells the rest of its link.
#[derive(Clone)]
pub(super) struct Outlook {
    rate: Arc<watch::Sender<LinkRate>>,
    figures: Arc<Mutex<Figures>>,
}

/// Figures for the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// What may be sent, of everything together, bit/s; `None` until the peer's feedback came.
    pub(super) target_bps: Option<u64>,
    /// Pictures left out because they would have been late.
    pub(super) frames_dropped: u64,
}

impl Default for Outlook {
    fn default() -> Self {
        Self { rate: Arc::new(watch::Sender::new(LinkRate::default())), figures: Arc::default() }
    }
}

impl Outlook {
    /// A link that takes pictures at this rate whatever happens.
    pub(super) fn fixed(video_bps: u32) -> Self {
        let rate = LinkRate { video_bps, ..LinkRate::default() };
        Self { rate: Arc::new(watch::Sender::new(rate)), figures: Arc::default() }
    }

    /// Of a link of which this much is known.
    #[cfg(test)]
    pub(super) fn known(target_bps: Option<u64>) -> Self {
        let known = Self::default();
        known.lock().target_bps = target_bps;
        known
    }

    pub(super) fn rate(&self) -> watch::Receiver<LinkRate> {
        self.rate.subscribe()
    }

    pub(super) fn figures(&self) -> Figures {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the links of one call have in common: each is given the same. Links that leave by one slow line are held to even shares
/// of it.
#[derive(Debug, Clone, Default)]
pub struct SharedUplink {
    uplink: Arc<Mutex<Uplink>>,
    links: Arc<AtomicU32>,
}

impl SharedUplink {
    fn lock(&self) -> MutexGuard<'_, Uplink> {
        self.uplink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One link's place in it.
struct Place {
    shared: SharedUplink,
    number: u32,
}

impl Place {
    fn new(shared: SharedUplink) -> Self {
        let number = shared.links.fetch_add(1, Ordering::Relaxed);
        Self { shared, number }
    }

    /// Tells what the link knows, and takes what it may send, if that is known.
    fn report(&self, now: Instant, state: &State) -> Option<BitRate> {
        let mut uplink = self.shared.lock();
        uplink.report(now, self.number, state);
        uplink.share(now, self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().leave(self.number);
    }
}

/// The limits of a link whose pictures take `max_video_bps` at most, without headers.
fn limits(max_video_bps: u32) -> Limits {
    let pictures = BitRate::bps(u64::from(max_video_bps)).times(HEADROOM.0);
    let max = BitRate::bps(pictures.as_bps() + HEADROOM.1.as_bps());
    Limits { max, ..Limits::default() }
}

/// A packet on its way through the pacer, and the stream it belongs to.
#[derive(Debug)]
struct Body {
    ssrc: u32,
    packet: rtp::Packet,
    transport: TransportContext,
}

/// The stage.
pub(super) struct SendStage {
    side: SendSide<Body>,
    limits: Limits,
    place: Place,
    /// By SSRC. As many as the session description makes.
    streams: HashMap<u32, LocalStream>,
    feedback: FeedbackReader,
    is_reported: bool,
    rate: RateMaker,
    outlook: Outlook,
    keyframe: Arc<Notify>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl SendStage {
    /// `keyframe` is rung when a keyframe has to be made, because pictures were left out.
    pub(super) fn new(max_video_bps: u32, uplink: SharedUplink, outlook: Outlook, keyframe: Arc<Notify>) -> Self {
        let limits = limits(max_video_bps);
        Self {
            side: SendSide::new(limits),
            limits,
            place: Place::new(uplink),
            streams: HashMap::new(),
            feedback: FeedbackReader::default(),
            is_reported: false,
            rate: RateMaker::new(),
            outlook,
            keyframe,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
        }
    }

    /// Lets leave what may leave, and says what has changed.
    fn pump(&mut self, now: Instant) {
        loop {
            let streams = &mut self.streams;
            let padding = |wanted: usize| {
                let (ssrc, stream) = streams.iter_mut().find(|(_, stream)| stream.is_video())?;
                let packet = stream.padding(wanted)?.clone();
                let bytes = wire_bytes(&packet) + RTX_HEADER;
                let body = Body { ssrc: *ssrc, packet, transport: TransportContext::default() };
                Some(Packet { kind: Kind::Padding, bytes, body })
            };
            let Some((sequence, departure)) = self.side.poll(now, padding) else { break };
            self.leave(now, sequence, departure);
        }
        if let Some(ssrc) = self.side.wants_key_frame(now) {
            tracing::debug!(ssrc, "pictures were left out: a keyframe is needed");
            self.keyframe.notify_one();
        }
        self.tell(now);
    }

    fn leave(&mut self, now: Instant, sequence: u64, departure: Departure<Body>) {
        let Body { ssrc, packet, transport } = departure.body;
        let Some(stream) = self.streams.get_mut(&ssrc) else { return };
        if let Kind::Video(_) = departure.kind {
            self.rate.sent(departure.bytes, packet.payload.len());
        }
        let mut packet = match departure.kind {
            Kind::Audio | Kind::Video(_) => stream.leave(packet),
            Kind::Repair | Kind::Padding => stream.repeat(packet),
        };
        stream.number(&mut packet, sequence);
        let mut message = AttributedPacket::new(Wire::Rtp(packet));
        if departure.kind == Kind::Repair {
            message.add(Attribute::Retransmission);
        }
        self.outbound.push_back(TaggedPacket { now, transport, message });
    }

    fn tell(&mut self, now: Instant) {
        let target = self.side.target();
        let budget = Budget { target, video: self.side.video_target(now), waits: self.side.is_waiting() };
        if let Some(rate) = self.rate.news(now, budget) {
            tracing::debug!(target_bps = target.as_bps(), ?rate, state = ?self.side.state(now), "the link's rate");
            self.outlook.rate.send_replace(rate);
        }
        let figures = Figures {
            target_bps: self.is_reported.then_some(target.as_bps()),
            frames_dropped: self.side.statistics(now).frames_dropped,
        };
        *self.outlook.lock() = figures;
    }

    fn take_in(&mut self, now: Instant, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(feedback) = any.downcast_ref::<TransportLayerCc>() {
            let reports = self.feedback.read(feedback, |low| self.side.sequence(low));
            self.is_reported = true;
            self.side.feedback(now, &reports);
            let share = self.place.report(now, &self.side.state(now));
            let max = share.map_or(self.limits.max, |share| share.min(self.limits.max));
            self.side.set_limits(Limits { max, ..self.limits });
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            self.repair(now, nack);
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            self.reported(now, &report.reports);
        } else if let Some(report) = any.downcast_ref::<SenderReport>() {
            self.reported(now, &report.reports);
        }
    }

    fn repair(&mut self, now: Instant, nack: &TransportLayerNack) {
        let Some(stream) = self.streams.get_mut(&nack.media_ssrc) else { return };
        for number in nack.nacks.iter().flat_map(|pair| pair.packet_list()) {
            let Some(packet) = stream.find(number).cloned() else { continue };
            let bytes = wire_bytes(&packet) + RTX_HEADER;
            let body = Body { ssrc: nack.media_ssrc, packet, transport: TransportContext::default() };
            let spare = Body { packet: body.packet.clone(), ..body };
            let answer = self.side.push_repair(now, (nack.media_ssrc, number), bytes, body);
            tracing::trace!(?answer, number, "asked for again");
            if answer == Repair::Send && stream.repaired(number) {
                // The copy before was lost, and the pictures behind it have waited for two round trips: not for a third.
                self.side.push(now, Packet { kind: Kind::Repair, bytes, body: spare });
            }
        }
    }

    fn reported(&mut self, now: Instant, blocks: &[ReceptionReport]) {
        let overflow = self.side.state(now).steady_for.is_some_and(|steady| steady < OVERFLOW);
        for block in blocks {
            if self.streams.get(&block.ssrc).is_some_and(|stream| !stream.is_video()) {
                self.rate.reported(f32::from(block.fraction_lost) / 256.0, overflow);
            }
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for SendStage {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        let mut is_news = self.side.heard(packet.now);
        if let Wire::Rtcp(all) = &packet.message.packet {
            for one in all {
                self.take_in(packet.now, one.as_ref());
            }
            is_news = true;
        }
        if is_news {
            self.pump(packet.now);
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        let TaggedPacket { now, transport, message } = packet;
        let AttributedPacket { packet, attributes } = message;
        match packet {
            Wire::Rtp(packet) if self.streams.contains_key(&packet.header.ssrc) => {
                let ssrc = packet.header.ssrc;
                if let Some(stream) = self.streams.get_mut(&ssrc) {
                    let (kind, bytes) = (stream.kind(&packet), wire_bytes(&packet));
                    let admission = self.side.push(now, Packet { kind, bytes, body: Body { ssrc, packet, transport } });
                    tracing::trace!(?admission, ssrc);
                }
                self.pump(now);
            }
            packet => {
                let message = AttributedPacket { packet, attributes };
                self.outbound.push_back(TaggedPacket { now, transport, message });
            }
        }
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.pump(now);
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.side.wake()
    }
}

impl Interceptor for SendStage {
    fn bind_local_stream(&mut self, stream: &StreamInfo) {
        // A second bind of the same stream is a renegotiation: numbers go on (defect 11).
        self.streams
            .entry(stream.ssrc)
            .and_modify(|known| known.rebind(stream))
            .or_insert_with(|| LocalStream::new(stream));
    }

    fn unbind_local_stream(&mut self, stream: &StreamInfo) {
        self.streams.remove(&stream.ssrc);
    }

    fn bind_remote_stream(&mut self, _stream: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _stream: &StreamInfo) {}
}
