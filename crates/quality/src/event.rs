//! What happens in a call besides its numbers.

use serde::{Deserialize, Serialize};

use crate::{CandidateType, Direction, Kind, Path};

/// Something that happened at one moment of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// Whom it concerns; `None` for this client or the whole call.
    pub peer: Option<String>,
    /// What.
    pub kind: EventKind,
}

/// Kinds of events (docs/metrics.md: Events). Stored as the tag and its details as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// This client entered the room.
    Joined {
        /// Set-up times.
        setup: SetupTimes,
    },
    /// This client left.
    Left {
        /// Why: `left`, `crash`, `connection-lost`, ...
        reason: String,
    },
    /// A peer came in.
    PeerJoined {
        /// Shown name.
        name: String,
    },
    /// A peer went.
    PeerLeft {
        /// Why.
        reason: String,
    },
    /// Set-up of the link to a peer is complete (first frame decoded, or DTLS done where no video comes).
    PeerConnected {
        /// Set-up times.
        setup: SetupTimes,
    },
    /// State of the peer connection.
    LinkState {
        /// `new`, `connecting`, `connected`, `disconnected`, `failed`, `closed`.
        state: String,
    },
    /// Another candidate pair was selected.
    PathChanged {
        /// The new one.
        path: Path,
    },
    /// ICE was restarted.
    IceRestart,
    /// The connection (to the server where `peer` is none, else to the peer) is lost; a break in the record begins.
    Reconnecting {
        /// Cause as far as known.
        cause: String,
    },
    /// It is back; the break ends.
    Reconnected,
    /// Microphone (audio) or camera (video) went off, ours or the peer's.
    Muted {
        /// Which.
        media: Kind,
    },
    /// And on.
    Unmuted {
        /// Which.
        media: Kind,
    },
    /// A device was lost, stalled or came back.
    Device {
        /// Camera is video, microphone and speaker are audio; outbound is capture.
        media: Kind,
        /// Outbound: capture. Inbound: playback.
        direction: Direction,
        /// `lost`, `stalled`, `back`, `changed`.
        state: String,
        /// A sentence for people.
        detail: String,
    },
    /// The size of pictures changed.
    Resolution {
        /// Sent or received.
        direction: Direction,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// Another codec is in use.
    CodecChanged {
        /// Audio or video.
        media: Kind,
        /// Sent or received.
        direction: Direction,
        /// The new one.
        codec: String,
    },
    /// What we send is held down from now on.
    LimitationBegan {
        /// `bandwidth` or `cpu`.
        reason: String,
    },
    /// And no longer.
    LimitationEnded {
        /// `bandwidth` or `cpu`.
        reason: String,
    },
    /// A warning began.
    WarningRaised {
        /// Its name: [`crate::Warning::name`].
        warning: String,
        /// The track it is about, where it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media: Option<Kind>,
        /// Its direction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
    },
    /// And ended.
    WarningCleared {
        /// Its name.
        warning: String,
        /// The track it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media: Option<Kind>,
        /// Its direction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
    },
    /// The user marked 'it is bad now'.
    Mark,
}

/// How long each step of set-up took, in milliseconds from 'join pressed' on. Steps not reached are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SetupTimes {
    /// Room entered over signaling.
    pub signaling_ms: Option<f64>,
    /// ICE connected.
    pub ice_ms: Option<f64>,
    /// DTLS done: media can flow.
    pub dtls_ms: Option<f64>,
    /// First remote frame decoded.
    pub first_frame_ms: Option<f64>,
}

impl CandidateType {
    /// The type as it stands in a candidate line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Srflx => "srflx",
            Self::Prflx => "prflx",
            Self::Relay => "relay",
        }
    }

    /// Back from [`CandidateType::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Host, Self::Srflx, Self::Prflx, Self::Relay].into_iter().find(|known| known.as_str() == text)
    }
}
