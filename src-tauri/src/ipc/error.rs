//! Errors of commands: a stable code for the page, a sentence for people.

use serde::Serialize;
use sightline_call::CallError;
use sightline_history::HistoryError;
use ts_rs::TS;

use crate::words;

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ErrorCode {
    /// The text is neither a code nor a link.
    BadCode,
    /// The code is fine, but no room has it.
    NoRoom,
    /// Nobody answers at the server's address, or it is no signaling server.
    NoServer,
    /// Every seat of the room is taken.
    RoomFull,
    /// The server speaks another version, or refused for another reason.
    Refused,
    /// A camera, microphone, speaker or file cannot be used.
    Media,
    /// There is a call already, or there is none.
    NotNow,
    /// What was given is out of bounds.
    BadInput,
    /// A file cannot be read or written; the history is one.
    File,
    /// There is nothing of that name or id.
    NotFound,
    /// Nobody is signed in, or not any more; name and password do not fit.
    Unauthorized,
    /// Whoever is signed in may not do this.
    Forbidden,
    /// It was deleted before.
    Gone,
    /// A defect of the app.
    Internal,
}

/// What a command answers when it cannot do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, thiserror::Error)]
#[error("{message}")]
pub(crate) struct IpcError {
    /// For programs.
    pub(crate) code: ErrorCode,
    /// For people: what happened, and what to do.
    pub(crate) message: String,
}

/// The answer of a command.
pub(crate) type Answer<T> = Result<T, IpcError>;

impl IpcError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: words::sentence(&message.into()) }
    }

    pub(crate) fn not_now(message: &str) -> Self {
        Self::new(ErrorCode::NotNow, message)
    }

    pub(crate) fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadInput, message)
    }

    pub(crate) fn file(error: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::File, error.to_string())
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!("a command broke: {error}");
        Self::new(ErrorCode::Internal, words::defect(&error.to_string()))
    }
}

impl From<CallError> for IpcError {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::BadUrl { .. } | CallError::ServerNotThere { .. } | CallError::NotASignalingServer { .. } => {
                ErrorCode::NoServer
            }
            CallError::BadCode(_) | CallError::BadInvitation(_) => ErrorCode::BadCode,
            CallError::UnknownRoom(_) => ErrorCode::NoRoom,
            CallError::RoomFull(_) => ErrorCode::RoomFull,
            CallError::Media(_) => ErrorCode::Media,
            CallError::Stopped => ErrorCode::Internal,
            // What the server may yet come to refuse is a refusal as well.
            _ => ErrorCode::Refused,
        };
        Self::new(code, error.to_string())
    }
}

impl From<HistoryError> for IpcError {
    fn from(error: HistoryError) -> Self {
        Self::file(error)
    }
}
