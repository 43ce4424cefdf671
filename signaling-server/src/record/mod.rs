//! What the server keeps for good: who was in which room when, what clients recorded of their calls, what admins did.
//!
//! Invariants: what was acknowledged is in the file, whatever happens to the process afterwards (WAL, synchronous NORMAL).
//! Two threads write, the hub's store ([`apply`]) and the [`LogWriter`], in turns and each in short transactions; everybody
//! else reads through a [`RecordReader`], whose reads neither wait for writers nor hold them up.
//!
//! ```text
//! entry    rooms and stays from the hub           ingest, check    uploaded batches
//! summary  one line a call, for the list          rollup, histogram    what totals are made of
//! writer   the thread that stores batches         remove    deletion and retention
//! reader   the pool                               calls, reports, totals, export    what is read through it
//! cells    rows as bytes        thin    fewer windows        synthetic    records of calls that never were
//! ```

mod calls;
mod cells;
mod check;
mod entry;
mod error;
mod export;
mod histogram;
mod ingest;
mod reader;
mod remove;
mod reports;
mod rollup;
mod summary;
pub mod synthetic;
#[cfg(test)]
mod tests;
mod thin;
mod totals;
mod writer;

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

pub use check::{SPAN_MS, parse};
pub use entry::{CRASH, RecordEntry, apply, close_open};
pub use error::{IngestError, RecordError};
pub use export::Export;
pub use histogram::{Histogram, RELATIVE_ERROR};
pub use ingest::{
    Arrival, CLOCK_NOISE_MS, CLOCK_SLACK_MS, CLOCK_STEP_MS, ROOM_SESSIONS, SESSION_ROWS, SESSION_STAYS, ingest,
    ingest_all,
};
pub use reader::RecordReader;
pub use remove::{Deleted, delete_call, keep_days, purge};
pub use writer::{LogHandle, LogWriter, Turn};

/// The tables, as a step of the store's migrations.
pub const SCHEMA: &str = include_str!("schema.sql");

/// How long a writer waits for another process's lock, for example that of somebody who looks at the file by hand.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared on a connection; there are some forty.
const STATEMENTS: usize = 64;

/// Opens a connection that writes, to a file that the store made.
///
/// # Errors
/// Where there is no such file, or SQLite cannot open it.
pub fn open_to_write(path: &Path) -> Result<Connection, RecordError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}
