//! For tests in virtual time: a chain of interceptors, and two peers that both control ICE.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::interceptor::{
    Attribute, AttributedPacket, Interceptor, Packet, RTCPFeedback, RTPHeaderExtension, Registry, StreamInfo,
    TaggedPacket,
};
use rtc::peer_connection::configuration::setting_engine::SettingEngine;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::sansio::Protocol;

use super::extension;

pub(super) const NACK_INTERVAL: Duration = Duration::from_millis(100);
pub(super) const VIDEO_SSRC: u32 = 0x1111;
pub(super) const RTX_SSRC: u32 = 0x2222;
pub(super) const AUDIO_SSRC: u32 = 0x3333;
/// Id of the extension with transport-wide numbers.
pub(super) const TWCC: u16 = 5;

pub(super) fn video_stream() -> StreamInfo {
    StreamInfo {
        ssrc: VIDEO_SSRC,
        ssrc_rtx: Some(RTX_SSRC),
        payload_type: 96,
        payload_type_rtx: Some(97),
        clock_rate: 90_000,
        mime_type: "video/VP8".to_owned(),
        rtcp_feedback: vec![RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() }],
        rtp_header_extensions: vec![RTPHeaderExtension { uri: extension::TRANSPORT_CC.to_owned(), id: TWCC }],
        ..Default::default()
    }
}

pub(super) fn audio_stream() -> StreamInfo {
    StreamInfo {
        ssrc: AUDIO_SSRC,
        payload_type: 111,
        clock_rate: 48_000,
        mime_type: "audio/opus".to_owned(),
        rtp_header_extensions: vec![RTPHeaderExtension { uri: extension::TRANSPORT_CC.to_owned(), id: TWCC }],
        ..Default::default()
    }
}

pub(super) fn audio(sequence: u16) -> rtp::Packet {
    let mut packet = video(sequence);
    (packet.header.ssrc, packet.header.payload_type) = (AUDIO_SSRC, 111);
    packet.header.timestamp = u32::from(sequence) * 960;
    packet
}

pub(super) fn video(sequence: u16) -> rtp::Packet {
    rtp::Packet {
        header: rtp::header::Header {
            version: 2,
            ssrc: VIDEO_SSRC,
            payload_type: 96,
            sequence_number: sequence,
            ..Default::default()
        },
        payload: Bytes::from(vec![sequence as u8; 100]),
    }
}

/// The RTX packet `sequence` that repeats `original` of [`video`].
pub(super) fn repair(sequence: u16, original: u16) -> rtp::Packet {
    let mut payload = original.to_be_bytes().to_vec();
    payload.extend_from_slice(&video(original).payload);
    let mut packet = video(sequence);
    packet.header.ssrc = RTX_SSRC;
    packet.header.payload_type = 97;
    packet.payload = payload.into();
    packet
}

/// A chain, a clock, and what came out at the wire.
pub(super) struct Wire {
    pub(super) chain: Box<dyn Interceptor>,
    pub(super) now: Instant,
    sent: Vec<Packet>,
}

impl Wire {
    pub(super) fn new(registry: Registry) -> Self {
        Self { chain: Box::new(registry.build()), now: Instant::now(), sent: Vec::new() }
    }

    pub(super) fn bind_remote(&mut self, stream: &StreamInfo) {
        self.chain.bind_remote_stream(stream);
    }

    pub(super) fn unbind_remote(&mut self, stream: &StreamInfo) {
        self.chain.unbind_remote_stream(stream);
    }

    fn tagged(&self, packet: Packet) -> TaggedPacket {
        TaggedPacket { now: self.now, transport: Default::default(), message: AttributedPacket::new(packet) }
    }

    /// From the wire.
    pub(super) fn receive(&mut self, packet: rtp::Packet) {
        let packet = self.tagged(Packet::Rtp(packet));
        self.chain.handle_read(packet).expect("the chain takes a packet");
    }

    pub(super) fn receive_rtcp(&mut self, packet: impl rtc::rtcp::Packet + 'static) {
        let packet = self.tagged(Packet::Rtcp(vec![Box::new(packet)]));
        self.chain.handle_read(packet).expect("the chain takes a packet");
    }

    /// To the wire.
    pub(super) fn send(&mut self, packet: rtp::Packet) {
        let packet = self.tagged(Packet::Rtp(packet));
        self.chain.handle_write(packet).expect("the chain takes a packet");
        self.collect();
    }

    /// To the wire, because it was asked for.
    pub(super) fn resend(&mut self, packet: rtp::Packet) {
        let mut packet = self.tagged(Packet::Rtp(packet));
        packet.message.add(Attribute::Retransmission);
        self.chain.handle_write(packet).expect("the chain takes a packet");
        self.collect();
    }

    pub(super) fn send_rtcp(&mut self, packet: impl rtc::rtcp::Packet + 'static) {
        let packet = self.tagged(Packet::Rtcp(vec![Box::new(packet)]));
        self.chain.handle_write(packet).expect("the chain takes a packet");
        self.collect();
    }

    /// Lets time pass, from one timer of the chain to the next but for 10 ms at most.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while self.now < end {
            let due = self.chain.poll_timeout().unwrap_or(end).max(self.now + Duration::from_micros(100));
            self.now = due.min(self.now + Duration::from_millis(10)).min(end);
            self.chain.handle_timeout(self.now).expect("the chain takes the time");
            self.collect();
        }
    }

    fn collect(&mut self) {
        while let Some(packet) = self.chain.poll_write() {
            self.sent.push(packet.message.packet);
        }
    }

    /// Media packets at the wire since the last call.
    pub(super) fn sent_media(&mut self) -> Vec<rtp::Packet> {
        let media = |packet| match packet {
            Packet::Rtp(rtp) => Some(rtp),
            _ => None,
        };
        std::mem::take(&mut self.sent).into_iter().filter_map(media).collect()
    }

    /// What reached the application.
    pub(super) fn delivered(&mut self) -> Vec<rtp::Packet> {
        std::iter::from_fn(|| self.chain.poll_read())
            .filter_map(|packet| match packet.message.packet {
                Packet::Rtp(rtp) => Some(rtp),
                _ => None,
            })
            .collect()
    }

    fn rtcp(&self) -> impl Iterator<Item = &Box<dyn rtc::rtcp::Packet>> {
        self.sent.iter().flat_map(|packet| match packet {
            Packet::Rtcp(packets) => packets.as_slice(),
            _ => &[],
        })
    }

    /// Sequence numbers asked for since the last call.
    pub(super) fn nacked(&mut self) -> Vec<u16> {
        let asked = self
            .rtcp()
            .filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerNack>())
            .flat_map(|nack| nack.nacks.iter().flat_map(|pair| pair.packet_list()))
            .collect();
        self.sent.clear();
        asked
    }

    /// How many packets each feedback since the last call is about.
    pub(super) fn told(&mut self) -> Vec<u16> {
        let feedback = self.rtcp().filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerCc>());
        let told = feedback.map(|feedback| feedback.packet_status_count).collect();
        self.sent.clear();
        told
    }

    /// Cumulative lost of the last receiver report.
    pub(super) fn reported_lost(&self) -> Option<u32> {
        self.rtcp()
            .filter_map(|packet| packet.as_any().downcast_ref::<ReceiverReport>())
            .flat_map(|report| report.reports.iter())
            .map(|block| block.total_lost)
            .last()
    }
}

fn offering(settings: SettingEngine, now: Instant) -> (RTCPeerConnection, String) {
    let mut peer = RTCPeerConnectionBuilder::new().with_setting_engine(settings).build(now).expect("a peer");
    peer.create_data_channel("probe", None).expect("a channel");
    let offer = peer.create_offer(None).expect("an offer");
    peer.set_local_description(now, offer.clone()).expect("fits");
    (peer, offer.sdp)
}

/// What two peers send that both offered first, so that both control ICE, in two seconds of virtual time.
pub(super) fn role_conflict([a, b]: [SettingEngine; 2]) -> [Vec<Vec<u8>>; 2] {
    let mut now = Instant::now();
    let (a, offer_a) = offering(a, now);
    let (b, offer_b) = offering(b, now);
    let mut peers = [a, b];
    for (index, (offer, role)) in [(offer_b, "active"), (offer_a, "passive")].into_iter().enumerate() {
        let answer = offer.replace("a=setup:actpass", &format!("a=setup:{role}"));
        let answer = RTCSessionDescription::answer(answer).expect("an answer");
        peers[index].set_remote_description(now, answer).expect("fits");
        for (port, local) in [(1 + index, true), (2 - index, false)] {
            let candidate = format!("candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host");
            let candidate = RTCIceCandidateInit { candidate, ..Default::default() };
            let peer = &mut peers[index];
            if local { peer.add_local_candidate(candidate) } else { peer.add_remote_candidate(candidate) }
                .expect("a candidate");
        }
    }
    let mut sent = [Vec::new(), Vec::new()];
    for _ in 0..2_000 {
        let mut under_way = Vec::new();
        for (index, peer) in peers.iter_mut().enumerate() {
            under_way.extend(std::iter::from_fn(|| peer.poll_write()).map(|packet| (index, packet)));
        }
        now += Duration::from_millis(1);
        for (from, mut packet) in under_way {
            sent[from].push(packet.message.to_vec());
            std::mem::swap(&mut packet.transport.local_addr, &mut packet.transport.peer_addr);
            packet.now = now;
            let _ = peers[1 - from].handle_read(packet);
        }
        for peer in &mut peers {
            while peer.poll_event().is_some() {}
            while peer.poll_read().is_some() {}
            peer.handle_timeout(now).expect("time passes");
        }
    }
    sent
}
