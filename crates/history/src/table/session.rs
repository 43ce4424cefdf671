//! A session: one unbroken presence of this client in a call.
//!
//! Invariant: a session without an end is being recorded by a living process, or was by one that died; its lock tells
//! which (see `alive.rs`).

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use sightline_quality::{Factor, SetupTimes, Standing};

use crate::cells::Reader;
use crate::schema::Step;
use crate::{CallId, SessionId, SessionStart};

pub(crate) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "CREATE TABLE session (
        id INTEGER PRIMARY KEY,
        call_id INTEGER NOT NULL REFERENCES call,
        own_id TEXT NOT NULL,
        own_name TEXT NOT NULL,
        client_version TEXT NOT NULL,
        lock_token TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        ended_ms INTEGER,
        end_reason TEXT,
        setup_signaling_ms REAL,
        setup_ice_ms REAL,
        setup_dtls_ms REAL,
        setup_first_frame_ms REAL,
        windows INTEGER NOT NULL DEFAULT 0,
        good_windows INTEGER NOT NULL DEFAULT 0,
        connected INTEGER NOT NULL DEFAULT 0,
        heard INTEGER NOT NULL DEFAULT 0,
        worst_cause TEXT,
        worst_kind TEXT,
        worst_direction TEXT
    ) STRICT;
    CREATE INDEX session_by_call ON session (call_id, started_ms);
    CREATE INDEX session_open ON session (id) WHERE ended_ms IS NULL;",
}];

/// Deletes the session itself, when nothing refers to it any more.
pub(crate) const DELETE: &str = "DELETE FROM session WHERE id = ?1";

/// One unbroken presence of this client in a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its call.
    pub call: CallId,
    /// Our participant id.
    pub own_id: String,
    /// Our name.
    pub own_name: String,
    /// Version of the program that recorded it.
    pub client_version: String,
    /// Milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// `None` while it is being recorded.
    pub ended_ms: Option<i64>,
    /// `left`, `crash`, ...
    pub end_reason: Option<String>,
    /// Set-up times of this client.
    pub setup: SetupTimes,
    /// What its headline is made of.
    pub standing: Standing,
}

/// The columns of [`Session`], in its order.
pub(crate) const COLUMNS: &str = "session.id, call_id, own_id, own_name, client_version, started_ms, ended_ms, \
    end_reason, setup_signaling_ms, setup_ice_ms, setup_dtls_ms, setup_first_frame_ms, windows, good_windows, \
    connected, heard, worst_cause, worst_kind, worst_direction";

pub(crate) fn read(row: &mut Reader<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get()?,
        call: row.get()?,
        own_id: row.get()?,
        own_name: row.get()?,
        client_version: row.get()?,
        started_ms: row.get()?,
        ended_ms: row.get()?,
        end_reason: row.get()?,
        setup: read_setup(row)?,
        standing: Standing {
            windows: row.get()?,
            good: row.get()?,
            connected: row.get()?,
            heard: row.get()?,
            worst: read_factor(row)?,
        },
    })
}

pub(crate) fn read_setup(row: &mut Reader<'_>) -> rusqlite::Result<SetupTimes> {
    Ok(SetupTimes { signaling_ms: row.get()?, ice_ms: row.get()?, dtls_ms: row.get()?, first_frame_ms: row.get()? })
}

fn read_factor(row: &mut Reader<'_>) -> rusqlite::Result<Option<Factor>> {
    let (cause, kind, direction): (Option<String>, Option<String>, Option<String>) =
        (row.get()?, row.get()?, row.get()?);
    Ok(cause.zip(kind).zip(direction).and_then(|((cause, kind), direction)| Factor::parse(&cause, &kind, &direction)))
}

pub(crate) fn insert(
    connection: &Connection,
    call: CallId,
    start: &SessionStart,
    lock_token: &str,
) -> rusqlite::Result<SessionId> {
    connection
        .prepare_cached(
            "INSERT INTO session (call_id, own_id, own_name, client_version, lock_token, started_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![call, start.own_id, start.own_name, start.client_version, lock_token, start.unix_ms])?;
    Ok(SessionId(connection.last_insert_rowid()))
}

/// Sessions without an end, with their locks.
pub(crate) fn open(connection: &Connection) -> rusqlite::Result<Vec<(SessionId, String)>> {
    let mut statement = connection.prepare("SELECT id, lock_token FROM session WHERE ended_ms IS NULL ORDER BY id")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The locks of a call's sessions without an end.
pub(crate) fn open_of_call(connection: &Connection, call: CallId) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT lock_token FROM session WHERE call_id = ?1 AND ended_ms IS NULL")?;
    statement.query_map([call], |row| row.get(0))?.collect()
}

/// Sessions that ended before a time, with their calls.
pub(crate) fn ended_before(connection: &Connection, unix_ms: i64) -> rusqlite::Result<Vec<(SessionId, CallId)>> {
    let mut statement = connection.prepare("SELECT id, call_id FROM session WHERE ended_ms < ?1 ORDER BY id")?;
    statement.query_map([unix_ms], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The time of the last sample; of the start, where there is none.
pub(crate) fn last_sample_ms(connection: &Connection, session: SessionId) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT max(ms) FROM (
            SELECT started_ms AS ms FROM session WHERE id = ?1
            UNION ALL SELECT max(end_ms) FROM process_sample WHERE session_id = ?1
            UNION ALL SELECT max(end_ms) FROM link_sample WHERE stay_id IN (SELECT id FROM stay WHERE session_id = ?1)
            UNION ALL SELECT max(end_ms) FROM sample WHERE track_id IN
                (SELECT track.id FROM track JOIN stay ON stay.id = stay_id WHERE session_id = ?1))",
        params![session],
        |row: &Row<'_>| row.get(0),
    )
}

pub(crate) fn close(connection: &Connection, session: SessionId, reason: &str, unix_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE session SET ended_ms = max(started_ms, ?2), end_reason = ?3 WHERE id = ?1")?
        .execute(params![session, unix_ms, reason])?;
    Ok(())
}

pub(crate) fn set_setup(connection: &Connection, session: SessionId, setup: &SetupTimes) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE session SET setup_signaling_ms = ?2, setup_ice_ms = ?3, setup_dtls_ms = ?4,
                setup_first_frame_ms = ?5 WHERE id = ?1",
        )?
        .execute(params![session, setup.signaling_ms, setup.ice_ms, setup.dtls_ms, setup.first_frame_ms])?;
    Ok(())
}

pub(crate) fn set_standing(connection: &Connection, session: SessionId, standing: &Standing) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE session SET windows = :windows, good_windows = :good, connected = :connected, heard = :heard,
                worst_cause = :cause, worst_kind = :kind, worst_direction = :direction WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": session,
            ":windows": standing.windows,
            ":good": standing.good,
            ":connected": standing.connected,
            ":heard": standing.heard,
            ":cause": standing.worst.map(|worst| worst.cause.as_str()),
            ":kind": standing.worst.map(|worst| worst.kind.as_str()),
            ":direction": standing.worst.map(|worst| worst.direction.as_str()),
        })?;
    Ok(())
}

/// The sessions of a call, the first one first.
pub(crate) fn of_call(connection: &Connection, call: CallId) -> rusqlite::Result<Vec<Session>> {
    let sql = format!("SELECT {COLUMNS} FROM session WHERE call_id = ?1 ORDER BY started_ms, id");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![call], |row| read(&mut Reader::new(row)))?.collect()
}

/// One session.
pub(crate) fn get(connection: &Connection, session: SessionId) -> rusqlite::Result<Session> {
    let sql = format!("SELECT {COLUMNS} FROM session WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row(params![session], |row| read(&mut Reader::new(row)))
}

/// Whether there is a session without an end.
pub(crate) fn is_any_open(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM session WHERE ended_ms IS NULL)")?
        .query_row([], |row| row.get(0))
}

/// The session that began last.
pub(crate) fn latest(connection: &Connection) -> rusqlite::Result<Option<SessionId>> {
    connection
        .prepare_cached("SELECT id FROM session ORDER BY started_ms DESC, id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}
