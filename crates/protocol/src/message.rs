//! The messages of the WebSocket, one tagged enum each way, in the envelope `{"event": ..., "data": {...}}`.
//!
//! Invariant: every variant here is specified in PROTOCOL.md, and every text a peer can send either parses into one of
//! them or is answered with [`ServerMessage::Error`]; a bad message never closes the socket.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// What a client says to the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ClientMessage {
    /// First message on every socket. Answered with [`ServerMessage::Welcome`].
    Hello {
        /// Protocol version the client speaks, [`crate::VERSION`].
        version: u16,
        /// Free text for the server's log, for example `sightline/0.1.0`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        client: String,
        /// Token from an earlier welcome, to be the same participant again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_token: Option<String>,
    },
    /// Enter a room. Answered with [`ServerMessage::Join`].
    Join {
        /// The room's code, as spoken or typed; see [`crate::RoomCode`].
        room_id: String,
        /// Name shown to the others.
        name: String,
        /// What is on at the start.
        #[serde(default)]
        media: MediaState,
    },
    /// Leave the room. Answered with [`ServerMessage::Leave`]; the socket stays open.
    Leave {},
    /// Own media state changed; relayed as [`Change::Media`].
    Update {
        /// The new state, whole.
        media: MediaState,
    },
    /// SDP offer for one member of the room (RFC 8829).
    Offer {
        /// Receiver's user id.
        to: UserId,
        /// The session description.
        sdp: String,
    },
    /// SDP answer for one member of the room.
    Answer {
        /// Receiver's user id.
        to: UserId,
        /// The session description.
        sdp: String,
    },
    /// A trickled ICE candidate for one member of the room (RFC 8838).
    IceCandidate {
        /// Receiver's user id.
        to: UserId,
        /// The candidate as RTCIceCandidateInit; an empty `candidate` text ends the gathering.
        candidate: IceCandidate,
    },
    /// Something that one member of the room may want to know about the media between the two.
    Hint {
        /// Receiver's user id.
        to: UserId,
        /// What it is.
        hint: Hint,
    },
    /// Text for everybody in the room.
    Chat {
        /// The text, at most [`crate::limits::CHAT_CHARS`] characters.
        text: String,
    },
    /// Asks for [`ServerMessage::Pong`] with the same nonce.
    Ping {
        /// Echoed. Clients in JavaScript keep it below 2^53.
        nonce: u64,
    },
}

/// What the server says to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// Answer to hello.
    Welcome {
        /// Version the server speaks.
        version: u16,
        /// This client's id, the same again after a resume.
        user_id: UserId,
        /// Secret that makes this client the same participant again within `resume_seconds` of losing its socket.
        resume_token: String,
        /// How long a lost participant's place is kept, in seconds.
        resume_seconds: u32,
        /// True where `resume_token` of the hello was honoured: room and user id are as before.
        resumed: bool,
        /// STUN and TURN servers to use (W3C RTCIceServer).
        ice_servers: Vec<IceServer>,
    },
    /// Answer to join, and to a resumed hello of one who was in a room.
    Join {
        /// The room's code in its canonical spelling.
        room_id: String,
        /// The receiver's own id.
        user_id: UserId,
        /// Who is there already, in the order in which they joined. The receiver joined later than all of them, so it
        /// sends the first offer to each and is the polite side (perfect negotiation).
        participants: Vec<Participant>,
    },
    /// Answer to leave.
    Leave {
        /// The room that was left.
        room_id: String,
        /// The receiver's own id.
        user_id: UserId,
    },
    /// Something about a member of the room changed.
    Update {
        /// The room.
        room_id: String,
        /// Whom it is about.
        user_id: UserId,
        /// What changed.
        #[serde(flatten)]
        change: Change,
    },
    /// Relayed offer.
    Offer {
        /// Sender's user id.
        from: UserId,
        /// The session description.
        sdp: String,
    },
    /// Relayed answer.
    Answer {
        /// Sender's user id.
        from: UserId,
        /// The session description.
        sdp: String,
    },
    /// Relayed ICE candidate.
    IceCandidate {
        /// Sender's user id.
        from: UserId,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// Relayed hint.
    Hint {
        /// Sender's user id.
        from: UserId,
        /// What it is.
        hint: Hint,
    },
    /// Relayed chat text; the sender gets it too, as its receipt.
    Chat {
        /// Sender's user id.
        from: UserId,
        /// The text.
        text: String,
        /// When the server took it, milliseconds since the Unix epoch.
        sent_at_ms: i64,
    },
    /// Answer to ping.
    Pong {
        /// As in the ping.
        nonce: u64,
    },
    /// A message could not be followed. The socket stays open unless the code says otherwise.
    Error {
        /// Stable, for programs.
        code: ErrorCode,
        /// A sentence for people: what happened and what to do.
        message: String,
    },
}

/// What one client tells another about the media between them, tagged by `kind`. The receiver heeds it or not, and nothing
/// is broken where it does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Hint {
    /// How large the sender shows the receiver's pictures, so that no more than that need be sent.
    Tile {
        /// Pixels of the screen; 0 where they are not shown.
        width: u16,
        /// Likewise.
        height: u16,
    },
    /// The sender's pictures for the receiver pause, because the path carries no more than sound, or go on.
    Pictures {
        /// They pause.
        paused: bool,
    },
    /// A hint that this program does not know yet, from a newer client.
    #[serde(other)]
    Other,
}

/// A change in a room, tagged by `action` inside the update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Change {
    /// Came in. The newcomer sends the offer.
    Joined {
        /// Shown name.
        name: String,
        /// What is on.
        media: MediaState,
    },
    /// Is gone for good.
    Left {
        /// Why.
        reason: LeaveReason,
    },
    /// Lost its socket; its place is kept for a while. Media between peers may go on.
    Away {},
    /// Took its place again.
    Back {},
    /// Microphone or camera went on or off.
    Media {
        /// The new state, whole.
        media: MediaState,
    },
}

/// Why somebody is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaveReason {
    /// Said leave.
    Left,
    /// Socket lost and not resumed in time.
    Lost,
    /// Did not read what was sent to it.
    TooSlow,
    /// The server went down, and it did not come back after the restart.
    Shutdown,
    /// A reason this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

/// One member of a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Unique within the server.
    pub user_id: UserId,
    /// Shown name.
    pub name: String,
    /// What is on.
    pub media: MediaState,
    /// Lost its socket and may come back; as after [`Change::Away`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
}

/// What a participant sends at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaState {
    /// Microphone is on.
    pub audio: bool,
    /// Camera is on and delivers pictures.
    pub video: bool,
}

impl Default for MediaState {
    fn default() -> Self {
        Self { audio: true, video: true }
    }
}

/// Identifies a participant; opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub String);

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// W3C RTCIceCandidateInit, as browsers serialise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// The candidate line without `a=`; empty for end-of-candidates.
    pub candidate: String,
    /// Media section by id.
    #[serde(default)]
    pub sdp_mid: Option<String>,
    /// Media section by index.
    #[serde(default, rename = "sdpMLineIndex")]
    pub sdp_m_line_index: Option<u16>,
    /// ICE user fragment the candidate belongs to (RFC 8839).
    #[serde(default)]
    pub username_fragment: Option<String>,
}

/// W3C RTCIceServer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    /// `stun:` and `turn:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}
