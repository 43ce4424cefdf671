//! The messages of the WebSocket, one tagged enum each way, in the envelope `{"event": ..., "data": {...}}`.
//!
//! Invariant: every variant here is specified in PROTOCOL.md, and every text a peer can send either parses into one of
//! them or is answered with [`ServerMessage::Error`]; a bad message never closes the socket.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// What a client says to the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
        /// Session token of an account, from `POST /accounts/sign-in`: this socket is one of its devices.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_token: Option<String>,
    },
    /// Enter a room. Answered with [`ServerMessage::Join`].
    Join {
        /// The room's code, as spoken or typed (see [`crate::RoomCode`]), or its id.
        room_id: String,
        /// Name shown to the others. Empty with a token: the token's.
        #[serde(default)]
        name: String,
        /// What is on at the start.
        #[serde(default)]
        media: MediaState,
        /// Token from `POST /rooms` or `POST /rooms/{id}/token`; says the role. Without one: a guest, where the room is
        /// open to all who know its code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// Only from programs that said no hello: their own name for themselves. They watch the room as an observer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
    },
    /// Leave the room, or stop waiting to be let in or watching. Answered with [`ServerMessage::Leave`]; the socket stays
    /// open.
    Leave {},
    /// Own media state changed; relayed as [`Change::Media`].
    Update {
        /// The new state, whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media: Option<MediaState>,
        /// The room, from programs that said no hello.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room_id: Option<String>,
        /// Who, from programs that said no hello.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
        /// `joined` is the same as join, `left` as leave, `media` needs `media`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
    },
    /// A host's word about the room or somebody in it.
    Host(HostAction),
    /// About people by name: presence, ringing. Needs a hello with an account.
    People(PeopleAction),
    /// About a random partner.
    Meet(MeetAction),
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
        /// Name of the account that the hello's token is of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
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
        /// What the room is like, and what the receiver is in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomState>,
        /// A token for this room under the receiver's role and id: for uploads, and to come in again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// Answer to a join where a host has to let people in first. [`ServerMessage::Join`] follows, or an error.
    Waiting {
        /// The room's code.
        room_id: String,
        /// Its name.
        name: String,
    },
    /// The room is other than it was, or ends soon.
    Room {
        /// The room's code.
        room_id: String,
        /// All of it.
        room: RoomState,
        /// Set in a warning: so many seconds are left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds_left: Option<u32>,
        /// In the place of the one from the join, where the receiver's role changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// The room is over, for all.
    Ended {
        /// The room's code.
        room_id: String,
        /// Why.
        reason: EndReason,
    },
    /// A host asks for something; the client does it and shows that it was asked.
    Asked {
        /// The host.
        from: UserId,
        /// What for.
        request: HostRequest,
    },
    /// About people by name.
    People(PeopleNews),
    /// About a random partner.
    Meet(MeetNews),
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
        /// The sender's name, in those that were sent before the receiver came in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// It was sent before the receiver came in.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        earlier: bool,
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Is something else in the room now.
    Role {
        /// What.
        role: Role,
    },
    /// Waits to be let in. Told to hosts.
    Waiting {
        /// Shown name.
        name: String,
    },
    /// Waits no longer.
    WaitingEnded {},
    /// Watches from now on.
    Watching {
        /// Shown name.
        name: String,
    },
    /// Watches no longer.
    WatchingEnded {},
    /// A change that this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Takes part and decides about the room.
    Host,
    /// Takes part.
    Guest,
    /// Sees who comes and goes, and the chat; sends and gets no media.
    Observer,
}

impl Role {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
            Self::Observer => "observer",
        }
    }
}

/// What a room is like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoomState {
    /// The room's id, unique for good.
    pub id: String,
    /// Shown name.
    pub name: String,
    /// The receiver's role.
    pub role: Role,
    /// Nobody new is let in.
    pub locked: bool,
    /// Newcomers wait for a host.
    pub waiting_room: bool,
    /// When it ends for all, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    /// Who wait to be let in; told to hosts only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Who watch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observers: Vec<Waiting>,
}

/// Somebody at a room who is not a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// As of a participant.
    pub user_id: UserId,
    /// Shown name.
    pub name: String,
}

/// What a host decides, tagged by `action`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum HostAction {
    /// Let one who waits come in.
    Admit {
        /// Who.
        user_id: UserId,
    },
    /// Send one who waits away.
    Deny {
        /// Who.
        user_id: UserId,
    },
    /// Ask a member to switch the microphone off.
    Mute {
        /// Who.
        user_id: UserId,
    },
    /// Put a member out; its token is good no more.
    Remove {
        /// Who.
        user_id: UserId,
    },
    /// Let nobody new in, or let them again.
    Lock {
        /// Which of the two.
        locked: bool,
    },
    /// End the room for all.
    End {},
    /// Make a member the host in the sender's place.
    HandOver {
        /// Who.
        user_id: UserId,
    },
}

/// What a host asks a client for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HostRequest {
    /// Switch the microphone off.
    Mute,
    /// A request that this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

/// Why a room is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// Its time was up.
    Expired,
    /// Nobody was in it for long enough.
    Empty,
    /// A host ended it.
    Host,
    /// An admin ended it.
    Admin,
    /// The random partner left.
    Partner,
    /// The server was killed, and nobody came back.
    Crash,
    /// A reason this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

impl EndReason {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Empty => "empty",
            Self::Host => "host",
            Self::Admin => "admin",
            Self::Partner => "partner",
            Self::Crash => "crash",
            Self::Other => "other",
        }
    }
}

/// What a signed-in client does about people, tagged by `action`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PeopleAction {
    /// Tell whether these are here, now and whenever it changes. Replaces the list before.
    Watch {
        /// Account names.
        names: Vec<String>,
    },
    /// Ring on all devices of an account, for the room that the sender is in or has the code of.
    Ring {
        /// Account name.
        name: String,
        /// The room's code or id.
        room_id: String,
    },
    /// The caller rings no longer.
    Cancel {
        /// From [`PeopleNews::Ringing`].
        ring_id: String,
    },
    /// Accept on this device.
    Accept {
        /// From [`PeopleNews::Incoming`].
        ring_id: String,
    },
    /// Decline on all devices.
    Decline {
        /// From [`PeopleNews::Incoming`].
        ring_id: String,
    },
}

/// What a signed-in client is told about people, tagged by `news`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "news", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PeopleNews {
    /// Of somebody who is watched.
    Presence {
        /// Account name.
        name: String,
        /// At least one device is connected.
        here: bool,
    },
    /// To the caller: it rings on so many devices.
    Ringing {
        /// Names this call.
        ring_id: String,
        /// Whom.
        name: String,
        /// How many devices.
        devices: u32,
    },
    /// To each device of the one who is called.
    Incoming {
        /// Names this call.
        ring_id: String,
        /// Who calls: account name.
        from: String,
        /// Code of the room.
        room_id: String,
        /// Rings for so many seconds.
        seconds: u32,
    },
    /// To the caller and to all devices: it rings no longer.
    RingEnded {
        /// Which.
        ring_id: String,
        /// `accepted`, `elsewhere`, `declined`, `cancelled`, `timed-out`, `unreachable`, `busy`.
        outcome: String,
    },
    /// While nobody was here: called in vain.
    Missed {
        /// Who called.
        from: String,
        /// When, milliseconds since the Unix epoch.
        unix_ms: i64,
    },
    /// The session by which this socket said hello is over: it was signed out, the password was changed elsewhere, or the
    /// account was deleted. The socket is nobody's device any more; a call on it goes on.
    SignedOut {},
    /// News that this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

/// What one does who wants a random partner, tagged by `action`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum MeetAction {
    /// Enter the queue.
    Enter {
        /// Name shown to the partner.
        #[serde(default)]
        name: String,
    },
    /// Another partner: both go back into the queue.
    Next {},
    /// Leave the queue, or the partner.
    Leave {},
    /// Never this partner again; and next.
    Block {},
    /// Tell the admin about this partner.
    Report {
        /// What was wrong, at most 500 characters.
        reason: String,
    },
}

/// What one is told who wants a random partner, tagged by `news`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "news", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum MeetNews {
    /// In the queue.
    Queued {
        /// How many others wait.
        others: u32,
    },
    /// There is a partner: join this room.
    Paired {
        /// Code of a fresh room of two.
        room_id: String,
        /// Token for it.
        token: String,
        /// Shown name of the partner.
        partner: String,
        /// The receiver sends the first offer. (Its join is answered when the partner is in the room.)
        offers: bool,
    },
    /// The partner left or went on; the receiver is in the queue again.
    PartnerLeft {},
    /// Out of the queue.
    Left {},
    /// The admin has the report.
    Reported {},
    /// News that this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

/// Why somebody is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Put out by a host.
    Removed,
    /// The room ended.
    Ended,
    /// A reason this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

impl LeaveReason {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost => "lost",
            Self::TooSlow => "too-slow",
            Self::Shutdown => "shutdown",
            Self::Removed => "removed",
            Self::Ended => "ended",
            Self::Other => "other",
        }
    }
}

/// One member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// What it is.
    #[serde(default = "guest", skip_serializing_if = "is_guest")]
    pub role: Role,
}

fn guest() -> Role {
    Role::Guest
}

fn is_guest(role: &Role) -> bool {
    *role == Role::Guest
}

/// What a participant sends at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UserId(pub String);

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// W3C RTCIceCandidateInit, as browsers serialise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
