//! A stream of ours as the send side knows it: its numbers, its frames, and what was sent of it of late.
//!
//! Invariant: RTP numbers are given to pictures as they leave, without a gap, so that what was left out before does not
//! look lost. The one exception: where a picture broke off half way, a number is skipped, for its receiver must see that.

use bytes::{BufMut, Bytes, BytesMut};
use rtc::interceptor::StreamInfo;
use rtc::rtp;
use rtc::shared::marshal::MarshalSize;
use sightline_bandwidth::{Frame, Kind};
use sightline_media::video::PayloadInfo;

use super::super::extension;

/// Packets kept for repair: 7 s at 1.5 Mbit/s. A power of two, as numbers are looked up by their last bits.
const HISTORY: usize = 1024;
/// Of these, the newest serve as padding for probes: a repeated packet that is old would be refused as a replay.
const PADDING: u16 = 24;
/// IPv4, UDP, the tag of SRTP (AES-128-GCM: 16 bytes) and the extension that carries the number.
const AROUND: usize = 20 + 8 + 16 + 8;
/// RFC 4588, 4: the number of the original goes before its payload.
const RTX_HEADER: usize = 2;

/// A packet that was sent.
#[derive(Debug, Clone)]
struct Sent {
    packet: rtp::Packet,
    /// And sent again.
    is_repaired: bool,
}

/// One stream of ours.
pub(super) struct LocalStream {
    ssrc: u32,
    is_video: bool,
    /// Id of the extension for transport-wide numbers, where the peer takes it.
    twcc: Option<u8>,
    /// SSRC and payload type of repairs, where the peer takes them.
    rtx: Option<(u32, u8)>,
    rtx_number: u16,
    /// Number of the next packet; that of the first one is the first one's own.
    next: Option<u16>,
    /// Timestamp of the picture whose last packet has not left yet.
    unfinished: Option<u32>,
    /// The picture whose packets come in now, by its timestamp.
    current: Option<(u32, Frame)>,
    /// By the last bits of the number. Filled with the first packet.
    sent: Vec<Option<Sent>>,
    padded: u16,
}

impl LocalStream {
    pub(super) fn new(stream: &StreamInfo) -> Self {
        let mut new = Self {
            ssrc: stream.ssrc,
            is_video: stream.mime_type.to_ascii_lowercase().starts_with("video/"),
            twcc: None,
            rtx: None,
            rtx_number: 0,
            next: None,
            unfinished: None,
            current: None,
            sent: Vec::new(),
            padded: 0,
        };
        new.rebind(stream);
        new
    }

    /// Takes over what was negotiated anew; numbers and history go on.
    pub(super) fn rebind(&mut self, stream: &StreamInfo) {
        let twcc = stream.rtp_header_extensions.iter().find(|one| one.uri == extension::TRANSPORT_CC);
        self.twcc = twcc.and_then(|one| u8::try_from(one.id).ok()).filter(|id| (1..=14).contains(id));
        self.rtx = stream.ssrc_rtx.zip(stream.payload_type_rtx);
    }

    pub(super) fn is_video(&self) -> bool {
        self.is_video
    }

    /// What a packet of this stream is for, in the order in which packets come.
    pub(super) fn kind(&mut self, packet: &rtp::Packet) -> Kind {
        if !self.is_video {
            return Kind::Audio;
        }
        let timestamp = packet.header.timestamp;
        if let Some((current, frame)) = self.current
            && current == timestamp
        {
            return Kind::Video(frame);
        }
        let id = self.current.map_or(0, |(_, before)| before.id + 1);
        let info = PayloadInfo::read(&packet.payload);
        let frame = Frame {
            stream: self.ssrc,
            id,
            layer: info.map_or(0, |info| info.temporal_layer),
            key: info.is_some_and(|info| info.begins_keyframe),
        };
        self.current = Some((timestamp, frame));
        Kind::Video(frame)
    }

    /// A packet leaves for the first time.
    pub(super) fn leave(&mut self, mut packet: rtp::Packet) -> rtp::Packet {
        if self.is_video {
            let mut number = self.next.unwrap_or(packet.header.sequence_number);
            if self.unfinished.is_some_and(|begun| begun != packet.header.timestamp) {
                number = number.wrapping_add(1);
            }
            self.unfinished = (!packet.header.marker).then_some(packet.header.timestamp);
            packet.header.sequence_number = number;
            self.next = Some(number.wrapping_add(1));
            self.sent.resize(HISTORY, None);
            if let Some(place) = self.sent.get_mut(usize::from(number) % HISTORY) {
                *place = Some(Sent { packet: packet.clone(), is_repaired: false });
            }
        }
        packet
    }

    /// A packet that was sent, if it is still known.
    pub(super) fn find(&self, number: u16) -> Option<&rtp::Packet> {
        let sent = self.sent.get(usize::from(number) % HISTORY)?.as_ref();
        sent.map(|sent| &sent.packet).filter(|packet| packet.header.sequence_number == number)
    }

    /// A packet is sent again. True where it was before.
    pub(super) fn repaired(&mut self, number: u16) -> bool {
        let place = self.sent.get_mut(usize::from(number) % HISTORY).and_then(Option::as_mut);
        let sent = place.filter(|sent| sent.packet.header.sequence_number == number);
        sent.is_some_and(|sent| std::mem::replace(&mut sent.is_repaired, true))
    }

    /// A packet for a probe: of those sent of late the one nearest to `wanted` bytes on the wire. Only where it can be told from
    /// what it repeats.
    pub(super) fn padding(&mut self, wanted: usize) -> Option<&rtp::Packet> {
        self.rtx?;
        let next = self.next?;
        self.padded = self.padded.wrapping_add(1) % PADDING;
        let rotated = (0..PADDING).map(|back| (back + self.padded) % PADDING + 1);
        let packets = rotated.filter_map(|back| self.find(next.wrapping_sub(back)));
        packets.min_by_key(|packet| wire_bytes(packet).abs_diff(wanted))
    }

    /// A packet leaves again: as repair on a stream of its own (RFC 4588), or as it was where the peer takes no such stream.
    pub(super) fn repeat(&mut self, original: rtp::Packet) -> rtp::Packet {
        let Some((ssrc, payload_type)) = self.rtx else { return original };
        let mut payload = BytesMut::with_capacity(RTX_HEADER + original.payload.len());
        payload.put_u16(original.header.sequence_number);
        payload.extend_from_slice(&original.payload);
        let header = rtp::header::Header {
            version: 2,
            marker: original.header.marker,
            payload_type,
            sequence_number: self.rtx_number,
            timestamp: original.header.timestamp,
            ssrc,
            ..Default::default()
        };
        self.rtx_number = self.rtx_number.wrapping_add(1);
        rtp::Packet { header, payload: payload.freeze() }
    }

    /// Writes the transport-wide number into a packet that leaves now.
    pub(super) fn number(&self, packet: &mut rtp::Packet, sequence: u64) {
        let number = Bytes::copy_from_slice(&(sequence as u16).to_be_bytes());
        if let Some(id) = self.twcc
            && let Err(error) = packet.header.set_extension(id, number)
        {
            tracing::debug!(%error, "a packet has no room for its number");
        }
    }
}

/// Bytes on the wire, headers down to IP included.
pub(super) fn wire_bytes(packet: &rtp::Packet) -> usize {
    packet.header.marshal_size() + packet.payload.len() + AROUND
}
