//! What crosses between media and the links: encoded frames out, RTP packets in.
//!
//! Invariant: an encoded frame is packetised once and shared by all links; a link adds only what is its own (SSRC,
//! sequence number, timestamp offset, header extensions).

use std::time::Instant;

use bytes::Bytes;

/// RTP clock of video (RFC 7741: 90 kHz).
pub const VIDEO_CLOCK_HZ: u32 = 90_000;
/// RTP clock of Opus (RFC 7587: always 48 kHz).
pub const AUDIO_CLOCK_HZ: u32 = 48_000;
/// Largest RTP payload in bytes: leaves room for RTP, RTX, SRTP, TURN and IPv6 headers in 1280.
pub const MAX_PAYLOAD: usize = 1150;

/// One encoded picture, cut into RTP payloads.
#[derive(Debug, Clone)]
pub struct EncodedVideo {
    /// RTP payloads in order, each with its VP8 payload descriptor (RFC 7741); the last one carries the marker.
    pub payloads: Vec<Bytes>,
    /// 90 kHz timestamp, derived from the capture time; a link adds its own random offset.
    pub timestamp: u32,
    /// When the picture was captured, microseconds since the Unix epoch.
    pub captured_us: i64,
    /// Decodable without any other.
    pub keyframe: bool,
    /// 0 is the base; frames of layer 1 can be left out.
    pub temporal_layer: u8,
    /// Which of the encoders made it: 0 is the full size, each further one halves it. Pictures of the same moment share
    /// timestamp and picture id in all layers, so that a link may go over from one layer to another at a keyframe, and must
    /// not send both.
    pub spatial_layer: u8,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// One Opus packet.
#[derive(Debug, Clone)]
pub struct EncodedAudio {
    /// The RTP payload (RFC 7587).
    pub payload: Bytes,
    /// 48 kHz timestamp; a link adds its own random offset. Jumps over silence that DTX did not send.
    pub timestamp: u32,
    /// When its first sample was captured, microseconds since the Unix epoch.
    pub captured_us: i64,
    /// First packet after silence (RFC 3551, 4.1).
    pub marker: bool,
    /// Level in -dBov, 0 loud to 127 silent (RFC 6464).
    pub level: u8,
}

/// A received RTP packet, decrypted, RTX already unwrapped. Duplicates and disorder are possible.
#[derive(Debug, Clone)]
pub struct RtpPacket {
    /// Sequence number as on the wire.
    pub sequence: u16,
    /// Timestamp as on the wire.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// Payload; may be empty (padding takes a sequence number too).
    pub payload: Bytes,
    /// When it arrived.
    pub arrived: Instant,
    /// Capture time in the sender's clock, microseconds since the Unix epoch, where the abs-capture-time extension or sender reports
    /// tell it.
    pub captured_us: Option<i64>,
    /// A later packet brought it, as redundancy (RFC 2198): that one's arrival is the time of this one.
    pub is_copy: bool,
}
