//! Stable codes of everything that can be refused.

use serde::{Deserialize, Serialize};

/// Why a message or request was refused. The text form is part of the protocol and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Not JSON, or not the envelope, or a field is missing or of the wrong type.
    BadMessage,
    /// The `event` is not known to this server.
    UnknownEvent,
    /// The client's protocol version is not spoken here.
    UnsupportedVersion,
    /// Hello has to come first.
    HelloFirst,
    /// No room has this code.
    UnknownRoom,
    /// The room has as many members as it may have.
    RoomFull,
    /// The sender is not in a room.
    NotInRoom,
    /// The sender is in a room already; leave first.
    AlreadyInRoom,
    /// The receiver is not a member of the sender's room.
    UnknownPeer,
    /// Longer than the server takes.
    TooLarge,
    /// More messages in a second than the server takes.
    TooFast,
    /// Something broke inside the server.
    Internal,
    /// A code this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}
