//! What can go wrong with a call, in sentences that say what to do.

use sightline_protocol::ErrorCode;
use thiserror::Error;

/// Why a call, or a room, did not come to be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server's address cannot be used.
    #[error("'{url}' is not the address of a signaling server: {problem}; write it like ws://host:port")]
    BadUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers there.
    #[error("no signaling server answers at {url} ({cause}); is sightline-server running?")]
    ServerNotThere {
        /// Where.
        url: String,
        /// What the system said.
        cause: String,
    },
    /// Somebody answers, but it does not speak the protocol.
    #[error("what answers at {url} is not a Sightline signaling server ({cause}); check host and port")]
    NotASignalingServer {
        /// Where.
        url: String,
        /// What it did.
        cause: String,
    },
    /// TLS with it does not come about.
    #[error(
        "the server at {url} cannot be trusted or does not speak TLS ({cause}); check the address and its certificate"
    )]
    NotTrusted {
        /// Where.
        url: String,
        /// What was found.
        cause: String,
    },
    /// The code is not one.
    #[error("'{0}' is not a room code; it is words joined by '-'")]
    BadCode(String),
    /// What was typed or pasted asks into no room.
    #[error("'{0}' is neither a code nor a link to a call; a code is a few words, like amber-canoe-violet-magnet")]
    BadInvitation(String),
    /// No such room.
    #[error("no room has the code '{0}'; check the spelling, or make a new room")]
    UnknownRoom(String),
    /// Every seat is taken.
    #[error("the room '{0}' is full; somebody has to leave first")]
    RoomFull(String),
    /// Client and server do not speak the same version.
    #[error("the server does not speak version {ours} of the protocol ({message}); update whichever is older")]
    Version {
        /// Ours.
        ours: u16,
        /// What the server said.
        message: String,
    },
    /// Another refusal.
    #[error("the server refused: {message}")]
    Refused {
        /// Stable code.
        code: ErrorCode,
        /// The server's sentence.
        message: String,
    },
    /// A camera, a microphone, a speaker or a file cannot be used.
    #[error(transparent)]
    Media(#[from] sightline_media::MediaError),
    /// The engine stopped; the log says why.
    #[error("the call's engine stopped while joining; this is a defect, please report it with the log")]
    Stopped,
}
