//! What a server was told of rows that may still change: stays and breaks.
//!
//! Invariant: a row is told again exactly when its digest differs from the one that was acknowledged last.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::SessionId;
use crate::schema::Step;

pub(crate) const STEPS: &[Step] = &[Step {
    version: 3,
    sql: "CREATE TABLE told (
        id INTEGER PRIMARY KEY,
        session_id INTEGER NOT NULL REFERENCES session,
        kind TEXT NOT NULL,
        row_id INTEGER NOT NULL,
        digest TEXT NOT NULL,
        UNIQUE (session_id, kind, row_id)
    ) STRICT;",
}];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM told WHERE session_id = ?1";

/// `stay` or `break`.
pub(crate) const STAY: &str = "stay";
/// Likewise.
pub(crate) const BREAK: &str = "break";

/// A row that was told, as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: &'static str,
    pub(crate) row: i64,
    pub(crate) digest: String,
}

/// Digests of what the server knows, by row.
pub(crate) fn of_session(
    connection: &Connection,
    session: SessionId,
    kind: &str,
) -> rusqlite::Result<HashMap<i64, String>> {
    let mut statement =
        connection.prepare_cached("SELECT row_id, digest FROM told WHERE session_id = ?1 AND kind = ?2")?;
    statement.query_map(params![session, kind], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The server knows the row as it was then.
pub(crate) fn set(connection: &Connection, session: SessionId, told: &Told) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO told (session_id, kind, row_id, digest) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (session_id, kind, row_id) DO UPDATE SET digest = excluded.digest",
        )?
        .execute(params![session, told.kind, told.row, told.digest])?;
    Ok(())
}

/// Nothing will be told any more of sessions that are not shared (any more).
pub(crate) fn clear_closed(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM told WHERE session_id IN (SELECT session_id FROM upload WHERE state IN ('done', 'stopped'))",
        [],
    )?;
    Ok(())
}
