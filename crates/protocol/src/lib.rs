//! What goes over the wire between a Sightline client and the signaling server: messages, REST bodies, error codes.
//! PROTOCOL.md at the root of the repository specifies each for people who write another client.

pub mod account;
pub mod admin;
mod error;
pub mod logs;
mod message;
mod parse;
mod problem;
mod room;

pub use error::{ErrorCode, Refusal};
pub use message::{
    Change, ClientMessage, EndReason, Hint, HostAction, HostRequest, IceCandidate, IceServer, LeaveReason, MediaState,
    MeetAction, MeetNews, Participant, PeopleAction, PeopleNews, Role, RoomState, ServerMessage, UserId, Waiting,
};
pub use problem::Problem;
pub use room::{
    LiveRoom, NotACode, RoomCode, RoomCreated, RoomInfo, RoomLine, RoomList, RoomWish, TokenIssued, TokenWish,
};

/// Version of the protocol. A server answers a hello of another version with `unsupported-version`.
pub const VERSION: u16 = 1;

/// Bounds that both sides keep.
pub mod limits {
    /// Longest message of a client in bytes of UTF-8.
    pub const MESSAGE_BYTES: usize = 64 * 1024;
    /// Longest message of a server in bytes of UTF-8: the longest of a client may become a little longer when it is
    /// relayed, by `from` for `to` and by optional fields that were left out.
    pub const SERVER_MESSAGE_BYTES: usize = MESSAGE_BYTES + 256;
    /// Longest chat text in characters (Unicode scalar values).
    pub const CHAT_CHARS: usize = 4000;
    /// Longest participant name in characters (Unicode scalar values).
    pub const NAME_CHARS: usize = 64;
    /// Longest name of a room in characters.
    pub const ROOM_NAME_CHARS: usize = 80;
    /// Longest password of a room in characters.
    pub const ROOM_PASSWORD_CHARS: usize = 128;
    /// Most minutes that a room can be given: a year.
    pub const ROOM_MINUTES: u32 = 366 * 24 * 60;
    /// Most accounts on a room's list.
    pub const INVITED: usize = 200;
    /// Longest room code in bytes, in its canonical spelling.
    pub const CODE_BYTES: usize = 128;
}

/// The codes of WebSocket close frames the server sends (RFC 6455, 7.4).
pub mod close {
    /// The participant was resumed on another socket; do not connect again.
    pub const REPLACED: u16 = 4001;
    /// The server is going down; connect again in a moment with the resume token (IANA: Service Restart).
    pub const RESTART: u16 = 1012;
    /// A message was so long that it was not even read.
    pub const TOO_BIG: u16 = 1009;
    /// The room is over, or a host put the participant out; do not connect again with the same token.
    pub const OUT: u16 = 4003;
    /// Nothing was heard from the client, not even a pong. The client hardly ever gets to read this.
    pub const SILENT: u16 = 4002;
}
