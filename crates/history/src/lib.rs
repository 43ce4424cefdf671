//! The SQLite record of every call: call > session > stay of a peer > track > sample, with events and breaks.
//!
//! [`Recorder`] writes, [`History`] reads, [`Outbox`] gives what is shared and [`import()`] reads it back, [`delete_call`] and [`keep_for`] delete; several processes may do any of it at
//! once. Every entry is committed as it is made. NULL is 'not measured', never 0.

mod alive;
mod cells;
mod error;
mod export;
mod file;
mod find;
mod history;
mod ids;
mod import;
mod outbox;
mod recorder;
mod schema;
mod series;
mod table;
mod upkeep;
mod writer;

pub use error::HistoryError;
pub use export::{export_csv, export_json};
pub use find::{CallFilter, CallLine, Rated};
pub use history::{History, TrackTotals};
pub use ids::{CallId, SessionId, StayId, TrackId};
pub use import::{Imported, Reporter, import};
pub use outbox::{Next, NextBatch, Outbox, Standing as UploadStanding, preview, renew_token, stop_sharing};
pub use recorder::Recorder;
pub use series::{Point, Run};
pub use table::breaks::Break;
pub use table::session::Session;
pub use table::stay::Stay;
pub use table::track::Track;
pub use upkeep::{delete_call, keep_for};

/// That a session is shared, and with whom. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    /// Address of the server over HTTP, for example `https://calls.example.org`; `/api/logs` is put behind it.
    pub endpoint: String,
    /// The room token that lets a client upload.
    pub token: String,
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Share").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What is known when a session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    /// Room code.
    pub code: String,
    /// Address of the server.
    pub server: String,
    /// Our name.
    pub own_name: String,
    /// Our participant id.
    pub own_id: String,
    /// Version of this program.
    pub client_version: String,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: i64,
}
