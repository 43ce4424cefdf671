//! The admin mode. What the server tells goes to the page as it is (`sightline_protocol::admin`); here is the rest.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What one signs in with.
#[derive(Clone, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AdminKey {
    /// The token that the server was started with.
    Token {
        /// It.
        token: String,
    },
    /// An account that is an admin's.
    Account {
        /// Its name.
        name: String,
        /// Its password.
        password: String,
    },
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token",
            Self::Account { .. } => "Account",
        })
    }
}

/// Who is signed in, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct AdminSession {
    /// The server.
    pub(crate) server: String,
    /// The account; null with the admin token.
    pub(crate) name: Option<String>,
}

/// A room that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AdminRoom {
    /// Its id.
    pub(crate) room_id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its code; null where the server did not tell.
    pub(crate) code: Option<String>,
    /// When it was made, Unix ms; null where the server's time cannot be read.
    pub(crate) created_ms: Option<i64>,
    /// When it ends, Unix ms; null where it has no end.
    pub(crate) expires_ms: Option<i64>,
    /// Nobody new is let in.
    pub(crate) locked: bool,
    /// Most members at a time; null where the server did not tell.
    pub(crate) max_participants: Option<u32>,
    /// Members in the order in which they came.
    pub(crate) people: Vec<AdminMember>,
    /// How many wait to be let in.
    pub(crate) waiting: u32,
    /// How many watch.
    pub(crate) observers: u32,
}

/// A member of an open room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct AdminMember {
    /// Participant id.
    pub(crate) id: String,
    /// Shown name.
    pub(crate) name: String,
    /// Decides about the room.
    pub(crate) host: bool,
    /// The microphone is on.
    pub(crate) microphone: bool,
    /// The camera is on.
    pub(crate) camera: bool,
    /// Lost its connection, and may come back.
    pub(crate) away: bool,
}

/// Somebody in the reports of a call; its place in the list names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct AdminPerson {
    /// Shown name; '' where it was never told.
    pub(crate) name: String,
    /// Reported itself; the others are known from those who did.
    pub(crate) reported: bool,
    /// Its participant ids.
    pub(crate) ids: Vec<String>,
}

/// Charts of the reports of a call; persons by their place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AdminCharts {
    /// All that somebody reported.
    Person(u32),
    /// One end of a stream.
    End {
        /// Who sends.
        from: u32,
        /// Who receives.
        to: u32,
        /// The receiver's end.
        received: bool,
    },
}
