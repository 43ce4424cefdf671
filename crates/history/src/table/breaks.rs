//! Breaks: stretches in which nothing could be measured, or the server was away. Charts leave them empty.

use rusqlite::{Connection, params};
use sightline_quality::Gap;

use crate::cells::Reader;
use crate::schema::Step;
use crate::{SessionId, StayId};

pub(crate) const STEPS: &[Step] = &[
    Step {
        version: 1,
        sql: "CREATE TABLE break (
        id INTEGER PRIMARY KEY,
        session_id INTEGER NOT NULL REFERENCES session,
        stay_id INTEGER REFERENCES stay,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER,
        cause TEXT NOT NULL
    ) STRICT;
    CREATE INDEX break_by_session ON break (session_id, start_ms);",
    },
    // For deletion, as in `event.rs`.
    Step { version: 2, sql: "CREATE INDEX break_by_stay ON break (stay_id);" },
];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM break WHERE session_id = ?1";

/// A stretch in which nothing could be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The session it is in or, between two sessions of a call, the one before it.
    pub session: SessionId,
    /// The stay it is about; `None` where it is about this client. A lost server has none, though media may go on.
    pub stay: Option<StayId>,
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// `None` while it lasts.
    pub end_ms: Option<i64>,
    /// `sleep`, `stall`, what the event 'reconnecting' said, or why the session before it ended.
    pub cause: String,
}

/// Begins a break, unless one is open already.
pub(crate) fn begin(
    connection: &Connection,
    session: SessionId,
    stay: Option<StayId>,
    start_ms: i64,
    cause: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO break (session_id, stay_id, start_ms, cause) SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS
                (SELECT 1 FROM break WHERE session_id = ?1 AND stay_id IS ?2 AND end_ms IS NULL)",
        )?
        .execute(params![session, stay, start_ms, cause])?;
    Ok(())
}

/// Stores a break of this client that is over.
pub(crate) fn insert(connection: &Connection, session: SessionId, gap: &Gap) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO break (session_id, start_ms, end_ms, cause) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![session, gap.start_ms, gap.end_ms, gap.cause.as_str()])?;
    Ok(())
}

/// Stores a break as it was told.
pub(crate) fn insert_told(connection: &Connection, told: &Break) -> rusqlite::Result<()> {
    let Break { session, stay, start_ms, end_ms, cause } = told;
    connection
        .prepare_cached("INSERT INTO break (session_id, stay_id, start_ms, end_ms, cause) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![session, stay, start_ms, end_ms, cause])?;
    Ok(())
}

/// Ends what is open of a stay, or of this client.
pub(crate) fn end(
    connection: &Connection,
    session: SessionId,
    stay: Option<StayId>,
    end_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE break SET end_ms = max(start_ms, ?3)
             WHERE session_id = ?1 AND stay_id IS ?2 AND end_ms IS NULL",
        )?
        .execute(params![session, stay, end_ms])?;
    Ok(())
}

/// Ends all that is open, with the session.
pub(crate) fn close_all(connection: &Connection, session: SessionId, end_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE break SET end_ms = max(start_ms, ?2) WHERE session_id = ?1 AND end_ms IS NULL")?
        .execute(params![session, end_ms])?;
    Ok(())
}

/// The breaks within a session.
pub(crate) fn of_session(connection: &Connection, session: SessionId) -> rusqlite::Result<Vec<Break>> {
    let mut statement = connection.prepare_cached(
        "SELECT session_id, stay_id, start_ms, end_ms, cause FROM break WHERE session_id = ?1 ORDER BY start_ms, id",
    )?;
    let rows = statement.query_map(params![session], |row| read(&mut Reader::new(row)))?;
    rows.collect()
}

fn read(row: &mut Reader<'_>) -> rusqlite::Result<Break> {
    Ok(Break { session: row.get()?, stay: row.get()?, start_ms: row.get()?, end_ms: row.get()?, cause: row.get()? })
}

/// The breaks within a session with their ids, in the order of these.
pub(crate) fn by_id(connection: &Connection, session: SessionId) -> rusqlite::Result<Vec<(i64, Break)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, session_id, stay_id, start_ms, end_ms, cause FROM break WHERE session_id = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map(params![session], |row| {
        let mut row = Reader::new(row);
        Ok((row.get()?, read(&mut row)?))
    })?;
    rows.collect()
}
