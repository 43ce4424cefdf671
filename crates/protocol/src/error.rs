//! Stable codes of everything that can be refused, and the refusal that carries one with a sentence for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a message or request was refused. The text form is part of the protocol and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// No token, or one that is not good: expired, tampered with, of another server.
    Unauthorized,
    /// The token is good, and not for this.
    Forbidden,
    /// The room has a password, and it was not given or was wrong.
    PasswordNeeded,
    /// The room lets nobody new in.
    Locked,
    /// A host did not let the sender in, or put it out.
    Denied,
    /// The room is for accounts that were invited.
    NotInvited,
    /// No account has this name.
    UnknownPerson,
    /// An account has this name already.
    NameTaken,
    /// Name and password do not fit together.
    WrongPassword,
    /// There is nothing under this address or id.
    NotFound,
    /// The person is not here, or cannot be rung now.
    NotHere,
    /// The server cannot do this at the moment, for example because its disk is full.
    Unavailable,
    /// It is over or was deleted.
    Gone,
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
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::PasswordNeeded => "password-needed",
            Self::Locked => "locked",
            Self::Denied => "denied",
            Self::NotInvited => "not-invited",
            Self::UnknownPerson => "unknown-person",
            Self::NameTaken => "name-taken",
            Self::WrongPassword => "wrong-password",
            Self::NotFound => "not-found",
            Self::NotHere => "not-here",
            Self::Unavailable => "unavailable",
            Self::Gone => "gone",
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
