//! What goes over the wire between a Sightline client and the signaling server: messages, REST bodies, error codes.
//! PROTOCOL.md at the root of the repository specifies each for people who write another client.

pub mod admin;
mod error;
pub mod logs;
mod message;
mod parse;
mod room;

pub use error::{ErrorCode, Refusal};
pub use message::{
    Change, ClientMessage, Hint, IceCandidate, IceServer, LeaveReason, MediaState, Participant, ServerMessage, UserId,
};
pub use room::{NotACode, RoomCode, RoomCreated, RoomInfo};

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
    /// Nothing was heard from the client, not even a pong. The client hardly ever gets to read this.
    pub const SILENT: u16 = 4002;
}
