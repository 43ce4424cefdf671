//! A stay: one presence of a peer in a session. Who leaves and joins again has two.

use rusqlite::{Connection, OptionalExtension, params};
use sightline_quality::SetupTimes;

use crate::cells::Reader;
use crate::schema::Step;
use crate::table::session::read_setup;
use crate::{SessionId, StayId};

pub(crate) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "CREATE TABLE stay (
        id INTEGER PRIMARY KEY,
        session_id INTEGER NOT NULL REFERENCES session,
        peer TEXT NOT NULL,
        name TEXT,
        joined_ms INTEGER NOT NULL,
        left_ms INTEGER,
        leave_reason TEXT,
        setup_signaling_ms REAL,
        setup_ice_ms REAL,
        setup_dtls_ms REAL,
        setup_first_frame_ms REAL
    ) STRICT;
    CREATE INDEX stay_by_session ON stay (session_id, peer);",
}];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM stay WHERE session_id = ?1";

/// One presence of a peer in a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Stay {
    /// Its id.
    pub id: StayId,
    /// Its session.
    pub session: SessionId,
    /// Participant id.
    pub peer: String,
    /// Shown name, if it was ever told.
    pub name: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub joined_ms: i64,
    /// `None` while the peer is there.
    pub left_ms: Option<i64>,
    /// Why it ended.
    pub leave_reason: Option<String>,
    /// Set-up times of the link.
    pub setup: SetupTimes,
}

/// Begins a stay, unless the peer is there already; a name that was not known is added.
pub(crate) fn join(
    connection: &Connection,
    session: SessionId,
    peer: &str,
    name: Option<&str>,
    unix_ms: i64,
) -> rusqlite::Result<StayId> {
    let present = connection
        .prepare_cached("SELECT id FROM stay WHERE session_id = ?1 AND peer = ?2 AND left_ms IS NULL")?
        .query_row(params![session, peer], |row| row.get(0))
        .optional()?;
    if let Some(stay) = present {
        connection
            .prepare_cached("UPDATE stay SET name = coalesce(?2, name) WHERE id = ?1")?
            .execute(params![stay, name])?;
        return Ok(stay);
    }
    connection
        .prepare_cached("INSERT INTO stay (session_id, peer, name, joined_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![session, peer, name, unix_ms])?;
    Ok(StayId(connection.last_insert_rowid()))
}

/// Stores a stay as it was told; its id is a new one.
pub(crate) fn insert(connection: &Connection, told: &Stay) -> rusqlite::Result<StayId> {
    connection
        .prepare_cached(
            "INSERT INTO stay (session_id, peer, name, joined_ms, left_ms, leave_reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![told.session, told.peer, told.name, told.joined_ms, told.left_ms, told.leave_reason])?;
    let id = StayId(connection.last_insert_rowid());
    set_setup(connection, id, &told.setup)?;
    Ok(id)
}

/// The newest stay of a peer. What concerns a peer that nobody announced begins one: no row is dropped for that.
pub(crate) fn newest(
    connection: &Connection,
    session: SessionId,
    peer: &str,
    unix_ms: i64,
) -> rusqlite::Result<StayId> {
    let newest = connection
        .prepare_cached("SELECT id FROM stay WHERE session_id = ?1 AND peer = ?2 ORDER BY id DESC LIMIT 1")?
        .query_row(params![session, peer], |row| row.get(0))
        .optional()?;
    newest.map_or_else(|| join(connection, session, peer, None, unix_ms), Ok)
}

/// Ends the stay of a peer, where it did not end before.
pub(crate) fn leave(
    connection: &Connection,
    session: SessionId,
    peer: &str,
    reason: &str,
    unix_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE stay SET left_ms = max(joined_ms, ?3), leave_reason = ?4
             WHERE session_id = ?1 AND peer = ?2 AND left_ms IS NULL",
        )?
        .execute(params![session, peer, unix_ms, reason])?;
    Ok(())
}

/// Ends all stays with their session.
pub(crate) fn close_all(
    connection: &Connection,
    session: SessionId,
    reason: &str,
    unix_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE stay SET left_ms = max(joined_ms, ?2), leave_reason = ?3
             WHERE session_id = ?1 AND left_ms IS NULL",
        )?
        .execute(params![session, unix_ms, reason])?;
    Ok(())
}

pub(crate) fn set_setup(connection: &Connection, stay: StayId, setup: &SetupTimes) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE stay SET setup_signaling_ms = ?2, setup_ice_ms = ?3, setup_dtls_ms = ?4,
                setup_first_frame_ms = ?5 WHERE id = ?1",
        )?
        .execute(params![stay, setup.signaling_ms, setup.ice_ms, setup.dtls_ms, setup.first_frame_ms])?;
    Ok(())
}

/// The stays in a session, in the order in which they began.
pub(crate) fn of_session(connection: &Connection, session: SessionId) -> rusqlite::Result<Vec<Stay>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, session_id, peer, name, joined_ms, left_ms, leave_reason, setup_signaling_ms, setup_ice_ms,
            setup_dtls_ms, setup_first_frame_ms FROM stay WHERE session_id = ?1 ORDER BY joined_ms, id",
    )?;
    let rows = statement.query_map(params![session], |row| {
        let mut row = Reader::new(row);
        Ok(Stay {
            id: row.get()?,
            session: row.get()?,
            peer: row.get()?,
            name: row.get()?,
            joined_ms: row.get()?,
            left_ms: row.get()?,
            leave_reason: row.get()?,
            setup: read_setup(&mut row)?,
        })
    })?;
    rows.collect()
}
