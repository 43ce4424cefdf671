//! What goes over the wire between a Sightline client and the signaling server: messages, REST bodies, error codes.
//! PROTOCOL.md at the root of the repository specifies each for people who write another client.

mod error;
mod message;
mod room;

pub use error::ErrorCode;
pub use message::{
    Change, ClientMessage, IceCandidate, IceServer, LeaveReason, MediaState, Participant, ServerMessage, UserId,
};
pub use room::{RoomCode, RoomCreated, RoomInfo};

/// Version of the protocol. A server answers a hello of another version with `unsupported-version`.
pub const VERSION: u16 = 1;

/// Bounds that both sides keep.
pub mod limits {
    /// Longest message in bytes, both ways.
    pub const MESSAGE_BYTES: usize = 64 * 1024;
    /// Longest chat text in characters.
    pub const CHAT_CHARS: usize = 4000;
    /// Longest participant name in characters.
    pub const NAME_CHARS: usize = 64;
}
