//! What crosses the face of a link, in words of our own: nothing here names the WebRTC crate.

use sightline_media::RtpPacket;
use sightline_protocol::{IceCandidate, IceServer};
use sightline_quality::{Kind, LinkCounters, Path, TrackCounters};

use super::send_side::SharedUplink;

/// How a link is to be set up.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// Participant id of the peer, for counters and logs.
    pub peer: String,
    /// STUN and TURN servers from the signaling server's welcome.
    pub ice_servers: Vec<IceServer>,
    /// Local UDP addresses. A wildcard stands for every interface, loopback included.
    pub udp_bind: Vec<String>,
    /// Use TURN relays only, so that the peer does not learn our addresses.
    pub relay_only: bool,
    /// The WebRTC crate's own send side at a fixed rate, to be measured beside ours.
    pub stock: bool,
    /// What pictures take at most, RTP payload bit/s: nothing is probed far beyond.
    pub max_video_bps: u32,
    /// Shared with the other links of the call.
    pub uplink: SharedUplink,
}

impl LinkConfig {
    /// A link to `peer` over every interface.
    pub fn new(peer: impl Into<String>, ice_servers: Vec<IceServer>) -> Self {
        let udp_bind = vec!["0.0.0.0:0".to_owned()];
        Self {
            peer: peer.into(),
            ice_servers,
            udp_bind,
            relay_only: false,
            stock: false,
            max_video_bps: 2_500_000,
            uplink: SharedUplink::default(),
        }
    }
}

/// What a link can carry now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkRate {
    /// For pictures, RTP payload bit/s; 0: pictures pause (below 100 kbit/s, sound goes first).
    pub video_bps: u32,
    /// For the Opus encoder, bit/s: 16_000 ..= 32_000.
    pub audio_bps: u32,
    /// Packet loss that the peer reports for our sound, fraction 0..=1, for in-band FEC.
    pub audio_loss: f32,
    /// How many of the packets of sound before it each one brings once more (RFC 2198), where the peer takes that.
    pub audio_copies: usize,
    /// Nothing is heard of what was sent last, so that pictures wait here: one made now would be out of date when it leaves.
    pub waits: bool,
}

impl Default for LinkRate {
    /// What is safe to begin with where nothing was measured: a picture of 180 lines, and full sound that takes some loss.
    fn default() -> Self {
        Self { video_bps: 250_000, audio_bps: 32_000, audio_loss: 0.1, audio_copies: 0, waits: false }
    }
}

/// What a link reports, in the order in which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// One of our candidates, to be sent to the peer; an empty text ends the gathering.
    Candidate(IceCandidate),
    /// ICE found a path.
    IceConnected,
    /// DTLS is up: media flows from here on.
    Connected,
    /// The path stopped answering; it may come back by itself or by an ICE restart.
    Disconnected,
    /// The path is lost; only an ICE restart helps.
    Failed,
    /// The link is closed; nothing follows.
    Closed,
    /// Something changed that takes a new offer.
    NegotiationNeeded,
    /// A candidate pair was selected, or another one.
    Path(Path),
    /// The peer's media begin to arrive.
    TrackStarted(RemoteTrack),
    /// The peer removed the track, or stopped it for good.
    TrackEnded(RemoteTrack),
    /// Something went wrong: a sentence for people that says what and what to do.
    Error(String),
}

/// A track the peer sends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteTrack {
    /// Audio or video.
    pub kind: Kind,
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// The track's id from the session description (RFC 8830 msid).
    pub id: String,
}

/// Takes what arrives. Called from the link's tasks: must be quick and must not block.
pub trait MediaSink: Send + Sync {
    /// A packet of a remote track. Duplicates and disorder are possible.
    fn rtp(&self, track: &RemoteTrack, packet: RtpPacket);
    /// The peer asked for a keyframe (PLI or FIR), or needs one because we dropped a frame.
    fn keyframe_requested(&self);
}

/// What became of a frame or packet given to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Handed to the transport.
    Ok,
    /// Not sent: DTLS is not up yet (or not any more), or the peer does not take this kind. Counted.
    NotReady,
    /// Not sent: the transport is behind. Video: this frame and those up to the next keyframe are left out, and a
    /// keyframe has been asked for. Counted.
    Dropped,
}

/// Counters of a link and its tracks; what media knows (frames, codec, buffers) is left `None`.
#[derive(Debug, Clone)]
pub struct LinkReport {
    /// The connection.
    pub link: LinkCounters,
    /// One entry per track and direction.
    pub tracks: Vec<TrackCounters>,
    /// Opus packets given to the link and not sent.
    pub audio_unsent: Unsent,
    /// Pictures given to the link and not sent.
    pub video_unsent: Unsent,
}

/// Frames or packets given to a link and not sent, since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Because the peer could not take them ([`Sent::NotReady`]).
    pub not_ready: u64,
    /// Because the connection was behind, or pictures waited for a keyframe ([`Sent::Dropped`]).
    pub dropped: u64,
}

/// Why a link refuses.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The link could not be set up on this machine.
    #[error("cannot set up a connection: {0}; check that the network is up and UDP is allowed")]
    Setup(String),
    /// The peer's session description cannot be used.
    #[error("the peer's session description cannot be used: {0}; both sides must speak WebRTC with VP8 and Opus")]
    Description(String),
    /// The call does not fit the state of the negotiation.
    #[error("negotiation is not in a state for that: {0}")]
    State(String),
    /// The peer's candidate cannot be read.
    #[error("the peer's ICE candidate cannot be used: {0}")]
    Candidate(String),
    /// The link is closed.
    #[error("the connection is closed")]
    Closed,
}
