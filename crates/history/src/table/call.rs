//! A call: a room code at a server, over time.

use rusqlite::{Connection, params};

use crate::CallId;
use crate::schema::Step;

pub(crate) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "CREATE TABLE call (
        id INTEGER PRIMARY KEY,
        server TEXT NOT NULL,
        code TEXT NOT NULL,
        UNIQUE (server, code)
    ) STRICT;",
}];

/// The call of this code at this server, made if need be.
pub(crate) fn ensure(connection: &Connection, server: &str, code: &str) -> rusqlite::Result<CallId> {
    connection
        .prepare_cached("INSERT INTO call (server, code) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![server, code])?;
    connection
        .prepare_cached("SELECT id FROM call WHERE server = ?1 AND code = ?2")?
        .query_row(params![server, code], |row| row.get(0))
}

/// Deletes a call that has no session left.
pub(crate) fn delete_if_empty(connection: &Connection, call: CallId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM call WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM session WHERE call_id = ?1)")?
        .execute([call])?;
    Ok(())
}
