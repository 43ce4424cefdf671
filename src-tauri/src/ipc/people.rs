//! People by name, calls to and from them, random partners.

use serde::Serialize;
use ts_rs::TS;

use super::Invitation;

/// Everything about people outside a call, as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeopleState {
    /// The server has accounts; null where that is not known (yet).
    pub(crate) accounts: Option<bool>,
    /// The account that is signed in to; null where none is.
    pub(crate) name: Option<String>,
    /// It may look into everything on the server.
    pub(crate) admin: bool,
    /// It can be called now: the server knows that this computer is there.
    pub(crate) here: bool,
    /// What is to be said about the account, in a sentence.
    pub(crate) note: Option<String>,
    /// Whom the user knows, in the order of the alphabet.
    pub(crate) contacts: Vec<Contact>,
    /// Calls that nobody took, the latest first.
    pub(crate) missed: Vec<MissedCall>,
    /// A call that comes in.
    pub(crate) incoming: Option<IncomingCall>,
    /// A call to somebody who has not answered yet.
    pub(crate) outgoing: Option<OutgoingCall>,
    /// A random partner.
    pub(crate) meet: MeetState,
}

/// Somebody the user knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct Contact {
    /// Account name.
    pub(crate) name: String,
    /// Is there to be called; null where that is not known.
    pub(crate) here: Option<bool>,
}

/// A call that nobody took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MissedCall {
    /// Who called: account name.
    pub(crate) from: String,
    /// When, Unix ms.
    pub(crate) at_ms: i64,
    /// The user was shown it before.
    pub(crate) seen: bool,
}

/// A call that comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IncomingCall {
    /// For `acceptCall` and `declineCall`.
    pub(crate) id: String,
    /// Who calls: account name.
    pub(crate) from: String,
    /// How many more call at the same time.
    pub(crate) others: u32,
    /// It makes no sound (any more).
    pub(crate) silent: bool,
    /// It was accepted, and the server has not said yet that we have it.
    pub(crate) accepted: bool,
}

/// A call to somebody who has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct OutgoingCall {
    /// Account name.
    pub(crate) name: String,
    /// It rings on so many devices; null while that is not known.
    pub(crate) devices: Option<u32>,
}

/// Where one is with random partners.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MeetPhase {
    /// Wants none.
    #[default]
    Idle,
    /// On the way into the queue.
    Entering,
    /// In the queue.
    Waiting,
    /// In a call with one, or on the way into it.
    Paired,
}

/// A random partner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
pub(crate) struct MeetState {
    /// Where one is.
    pub(crate) phase: MeetPhase,
    /// How many others wait.
    pub(crate) others: u32,
    /// Shown name of the partner; '' without one.
    pub(crate) partner: String,
    /// What happened, in a sentence.
    pub(crate) note: Option<String>,
}

/// A call that the app enters by itself; how it goes is told as of any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnteredCall {
    /// Where it is.
    pub(crate) invitation: Invitation,
    /// Shown name of the random partner in it; null where it is a call by name.
    pub(crate) partner: Option<String>,
    /// Microphone is on from the start.
    pub(crate) microphone_on: bool,
    /// Camera is on from the start.
    pub(crate) camera_on: bool,
}

/// Something to be said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct Said {
    /// In a sentence.
    pub(crate) sentence: String,
    /// It went wrong.
    pub(crate) bad: bool,
}
