//! What is shared with servers.

use serde::Serialize;
use ts_rs::TS;

/// How sharing stands, and what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sharing {
    /// Calls are shared.
    pub(crate) on: bool,
    /// Rows of the record that wait to be sent.
    pub(crate) waiting_rows: u64,
    /// When a server last took something, since sharing was switched on or before; null where none did.
    pub(crate) last_success_ms: Option<i64>,
    /// The latest trouble that is not over; null where all is well.
    pub(crate) last_error: Option<String>,
    /// Every field that is sent.
    pub(crate) fields: Vec<SharedField>,
    /// What is sent next, or, where nothing waits, an example of the latest call; null where no call was recorded.
    pub(crate) example: Option<String>,
}

/// A field of what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct SharedField {
    /// Where it is; `[]` stands for each of a list.
    pub(crate) path: &'static str,
    /// What it says, as a sentence.
    pub(crate) says: &'static str,
}
