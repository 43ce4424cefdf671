//! The connections through which the record is read.
//!
//! Invariant: each read sees the file as it was at one moment, and changes nothing. Reads block: async callers run them on
//! threads of their own (`spawn_blocking`).

use std::{
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use sightline_protocol::{
    admin::{AuditPage, CallDetails, CallFilter, CallPage, Totals},
    logs::LogBatch,
};

use super::{BUSY, Export, RecordError, STATEMENTS, calls, reports, totals};

/// A pool of connections that read.
#[derive(Debug)]
pub struct RecordReader {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

/// A connection that goes back into the pool, whatever happens while it is used.
struct Lent<'a> {
    pool: &'a RecordReader,
    connection: Option<Connection>,
}

impl RecordReader {
    /// Opens `connections` connections (at least one) to a file that the store made. As many reads go on at a time;
    /// others wait.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn open(path: &Path, connections: usize) -> Result<Self, RecordError> {
        let open = || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            Ok(connection)
        };
        let idle = (0..connections.max(1)).map(|_| open()).collect::<rusqlite::Result<_>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// A page of the list of calls.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn calls(&self, filter: &CallFilter) -> Result<CallPage, RecordError> {
        self.read(|connection| Ok(calls::calls(connection, filter)?))
    }

    /// One call.
    ///
    /// # Errors
    /// Where there is none, or the file cannot be read.
    pub fn call(&self, room_id: &str) -> Result<CallDetails, RecordError> {
        self.read(|connection| calls::call(connection, room_id)?.ok_or(RecordError::UnknownCall))
    }

    /// What was uploaded of a call: for each session a batch with all of it, with at most `points` windows a track, a
    /// link and the process. Times are the server's.
    ///
    /// # Errors
    /// Where there is no such room, or the file cannot be read.
    pub fn reports(&self, room_id: &str, points: usize) -> Result<Vec<LogBatch>, RecordError> {
        self.read(|connection| reports::reports(connection, room_id, points)?.ok_or(RecordError::UnknownCall))
    }

    /// Totals over a range, whose ends are moved outwards to full hours of UTC.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn totals(&self, from_ms: i64, to_ms: i64) -> Result<Totals, RecordError> {
        self.read(|connection| Ok(totals::totals(connection, from_ms, to_ms)?))
    }

    /// A page of the audit log, the latest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn audit(&self, limit: u32, offset: u32) -> Result<AuditPage, RecordError> {
        self.read(|connection| Ok(calls::audit(connection, limit, offset)?))
    }

    /// The next part of a call as one table for spreadsheets; none where it is complete.
    ///
    /// # Errors
    /// Where there is no such room, or none any more, or the file cannot be read.
    pub fn export_part(&self, export: &mut Export) -> Result<Option<Vec<u8>>, RecordError> {
        self.read(|connection| export.part(connection))
    }

    fn read<T>(&self, look: impl FnOnce(&Connection) -> Result<T, RecordError>) -> Result<T, RecordError> {
        let mut lent = self.lend();
        let Some(connection) = lent.connection.as_mut() else { return Err(RecordError::Closed) };
        // One transaction, so that all statements of a read see the same moment; it has nothing to commit.
        let transaction = connection.transaction()?;
        look(&transaction)
    }

    fn lend(&self) -> Lent<'_> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(connection) => return Lent { pool: self, connection: Some(connection) },
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
        self.pool.returned.notify_one();
    }
}
