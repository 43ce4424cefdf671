//! Stable codes of everything that can be refused, and the refusal that carries one with a sentence for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a message or request was refused. The text form is part of the protocol and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Not JSON, or not the envelope, or a field is missing, of the wrong type or out of its bounds.
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
    /// More messages, codes or rooms in a while than the server takes from one client or address.
    TooFast,
    /// The server has as many connections or rooms as it may have.
    ServerFull,
    /// The server is going down; the socket is closed after this. Connect again with the resume token.
    ShuttingDown,
    /// Another socket resumed this participant; this socket is closed. Do not connect again.
    Replaced,
    /// Something broke inside the server.
    Internal,
    /// A code this client does not know yet, from a newer server.
    #[serde(other)]
    Other,
}

impl ErrorCode {
    /// The code as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "bad-message",
            Self::UnknownEvent => "unknown-event",
            Self::UnsupportedVersion => "unsupported-version",
            Self::HelloFirst => "hello-first",
            Self::UnknownRoom => "unknown-room",
            Self::RoomFull => "room-full",
            Self::NotInRoom => "not-in-room",
            Self::AlreadyInRoom => "already-in-room",
            Self::UnknownPeer => "unknown-peer",
            Self::TooLarge => "too-large",
            Self::TooFast => "too-fast",
            Self::ServerFull => "server-full",
            Self::ShuttingDown => "shutting-down",
            Self::Replaced => "replaced",
            Self::Internal => "internal",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal: the data of an `error` message, and the body of every HTTP answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// Stable, for programs.
    pub code: ErrorCode,
    /// A sentence for people: what happened and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal with this code and sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
