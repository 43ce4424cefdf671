//! What the parts of a call count: cumulative counters and present gauges, read about once a second.
//!
//! Invariant: `None` is 'not known', never 'zero'. Counters only rise while [`TrackCounters::ssrc`] stays the same; one
//! that fell, or another SSRC, starts a new segment (the sampler drops the pair).
//!
//! Field names follow W3C webrtc-stats where it has the field.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One reading of everything, taken at one instant.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When, on the monotonic clock: differences are taken from this, never from an assumed interval.
    pub at: Instant,
    /// When, in milliseconds since the Unix epoch, for the record.
    pub unix_ms: i64,
    /// Each peer that has a link.
    pub links: Vec<LinkCounters>,
    /// Each track of each link.
    pub tracks: Vec<TrackCounters>,
    /// This process and the machine.
    pub process: ProcessCounters,
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl Kind {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// Back from [`Kind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Audio, Self::Video].into_iter().find(|known| known.as_str() == text)
    }
}

/// Which way, seen from this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the peer to us.
    Inbound,
    /// From us to the peer.
    Outbound,
}

impl Direction {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    /// Back from [`Direction::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Inbound, Self::Outbound].into_iter().find(|known| known.as_str() == text)
    }
}

/// Identifies a track within a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrackKey {
    /// Participant id of the peer.
    pub peer: String,
    /// Audio or video.
    pub kind: Kind,
    /// To us or from us.
    pub direction: Direction,
}

/// Type of an ICE candidate (RFC 8445, 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CandidateType {
    /// An address of the host itself.
    Host,
    /// Server-reflexive: what a STUN server saw.
    Srflx,
    /// Peer-reflexive: what the peer saw.
    Prflx,
    /// On a TURN server.
    Relay,
}

/// The selected candidate pair in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Our end.
    pub local: CandidateType,
    /// The peer's end.
    pub remote: CandidateType,
    /// `udp` or `tcp`.
    pub protocol: String,
}

/// Counters of the connection to one peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Participant id of the peer.
    pub peer: String,
    /// Changes when another candidate pair is selected.
    pub pair_id: Option<String>,
    /// What the selected pair is.
    pub path: Option<Path>,
    /// STUN round trip on the selected pair (candidate-pair `currentRoundTripTime`).
    pub path_rtt: Option<Duration>,
    /// The bandwidth estimator's present estimate, bit/s (`availableOutgoingBitrate`).
    pub available_outgoing_bps: Option<u64>,
    /// Bytes sent on the transport.
    pub bytes_sent: Option<u64>,
    /// Bytes received on the transport.
    pub bytes_received: Option<u64>,
    /// How often the selected pair changed.
    pub pair_changes: u64,
    /// How often ICE was restarted.
    pub ice_restarts: u64,
}

/// Cumulative counters of one track. Fields that do not apply to its kind or direction stay `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackCounters {
    /// Whose track.
    pub key: TrackKey,
    /// RTP synchronisation source.
    pub ssrc: Option<u32>,
    /// Codec as negotiated, for example `VP8`.
    pub codec: Option<String>,
    /// Who encodes or decodes, for example `libvpx`.
    pub implementation: Option<String>,
    /// True while our user (outbound) or the peer (inbound) has it muted or the camera off.
    pub muted: bool,
    /// Audio: in-band FEC is in use, as negotiated (RFC 7587, 6.1 `useinbandfec`).
    pub fec: Option<bool>,
    /// Audio: discontinuous transmission is in use, as negotiated (RFC 7587, 6.1 `usedtx`).
    pub dtx: Option<bool>,

    /// RTP packets, without RTX copies.
    pub packets: Option<u64>,
    /// RTP payload bytes.
    pub bytes: Option<u64>,
    /// Inbound: packets lost by sequence gap (RFC 3550; may fall). Outbound: the peer's report (remote-inbound-rtp).
    pub packets_lost: Option<i64>,
    /// Outbound: packets that the peer's reports covered, received and lost together: what `packets_lost` is a part of.
    pub packets_reported: Option<u64>,
    /// Interarrival jitter (RFC 3550, 6.4.1). Outbound: the peer's report.
    pub jitter: Option<Duration>,
    /// Outbound: sum of media round trips (LSR/DLSR).
    pub total_rtt: Option<Duration>,
    /// Outbound: how many round trips are in `total_rtt`.
    pub rtt_measurements: Option<u64>,
    /// Packets sent again, or repairs received.
    pub retransmitted_packets: Option<u64>,
    /// NACK messages, sent for inbound, received for outbound.
    pub nack_count: Option<u64>,
    /// PLI messages, sent for inbound, received for outbound.
    pub pli_count: Option<u64>,
    /// FIR messages, likewise.
    pub fir_count: Option<u64>,

    /// Frames encoded and sent, or decoded.
    pub frames: Option<u64>,
    /// Of these, keyframes.
    pub key_frames: Option<u64>,
    /// Frames lost to us before display: at capture and in the encoder (outbound), in assembly and decoder (inbound).
    pub frames_dropped: Option<u64>,
    /// The same by place, where the places are counted apart.
    pub dropped_at: DroppedFrames,
    /// Frames per second that the sender means to send: its own setting, or what it told us.
    pub expected_fps: Option<u32>,
    /// Last frame's width in pixels.
    pub width: Option<u32>,
    /// Last frame's height in pixels.
    pub height: Option<u32>,
    /// Time spent encoding or decoding.
    pub total_codec_time: Option<Duration>,
    /// Outbound: rate the encoder was told, bit/s.
    pub target_bps: Option<u64>,
    /// Outbound: time for which bandwidth held quality down (`qualityLimitationDurations`).
    pub limited_by_bandwidth: Option<Duration>,
    /// Outbound: time for which the processor held it down.
    pub limited_by_cpu: Option<Duration>,
    /// Inbound: freezes (webrtc-stats `freezeCount`).
    pub freeze_count: Option<u64>,
    /// Inbound: time frozen (`totalFreezesDuration`).
    pub total_freezes: Option<Duration>,
    /// Inbound: sum over frames of decode time minus capture time, where the capture time is on the wire.
    pub total_capture_latency: Option<Duration>,
    /// How many frames are in `total_capture_latency`.
    pub capture_latency_measurements: Option<u64>,

    /// Inbound: time that samples or frames spent in the jitter buffer, summed (`jitterBufferDelay`).
    pub jitter_buffer_delay: Option<Duration>,
    /// Inbound: samples or frames in that sum (`jitterBufferEmittedCount`).
    pub jitter_buffer_emitted: Option<u64>,
    /// Inbound audio: samples played (`totalSamplesReceived`).
    pub samples_played: Option<u64>,
    /// Inbound audio: of these, concealed: neither received nor recovered by FEC (`concealedSamples`).
    pub samples_concealed: Option<u64>,
    /// Inbound audio: samples recovered by in-band FEC.
    pub samples_recovered: Option<u64>,
    /// Audio: sum of squared level times duration (`totalAudioEnergy`).
    pub audio_energy: Option<f64>,
    /// Audio: seconds in that sum (`totalSamplesDuration`).
    pub audio_duration: Option<Duration>,
}

impl TrackCounters {
    /// Counters of which nothing is known yet.
    pub fn unknown(key: TrackKey) -> Self {
        Self {
            key,
            ssrc: None,
            codec: None,
            implementation: None,
            muted: false,
            fec: None,
            dtx: None,
            packets: None,
            bytes: None,
            packets_lost: None,
            packets_reported: None,
            jitter: None,
            total_rtt: None,
            rtt_measurements: None,
            retransmitted_packets: None,
            nack_count: None,
            pli_count: None,
            fir_count: None,
            frames: None,
            key_frames: None,
            frames_dropped: None,
            dropped_at: DroppedFrames::default(),
            expected_fps: None,
            width: None,
            height: None,
            total_codec_time: None,
            target_bps: None,
            limited_by_bandwidth: None,
            limited_by_cpu: None,
            freeze_count: None,
            total_freezes: None,
            total_capture_latency: None,
            capture_latency_measurements: None,
            jitter_buffer_delay: None,
            jitter_buffer_emitted: None,
            samples_played: None,
            samples_concealed: None,
            samples_recovered: None,
            audio_energy: None,
            audio_duration: None,
        }
    }
}

/// Frames lost before display, by place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DroppedFrames {
    /// Outbound: captured, but replaced by a newer one before the encoder took it.
    pub capture: Option<u64>,
    /// Outbound: given up by the encoder.
    pub encoder: Option<u64>,
    /// Inbound: incomplete, or refused by the decoder.
    pub decoder: Option<u64>,
    /// Inbound: decoded, but replaced by a newer one before it was shown.
    pub renderer: Option<u64>,
}

/// CPU and memory of this process and CPU of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessCounters {
    /// CPU time of this process, user and system.
    pub cpu: Option<Duration>,
    /// Busy time of all processors of the machine, summed.
    pub system_busy: Option<Duration>,
    /// Busy and idle time of all processors, summed.
    pub system_total: Option<Duration>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
}
