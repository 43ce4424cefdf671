//! Events: what happened, when, to whom.

use rusqlite::{Connection, params};
use sightline_quality::{Event, EventKind};

use crate::schema::Step;
use crate::{SessionId, StayId};

pub(crate) const STEPS: &[Step] = &[
    Step {
        version: 1,
        sql: "CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        session_id INTEGER NOT NULL REFERENCES session,
        stay_id INTEGER REFERENCES stay,
        unix_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX event_by_session ON event (session_id, unix_ms);",
    },
    // Without it, each stay that is deleted is looked for in all events there are.
    Step { version: 2, sql: "CREATE INDEX event_by_stay ON event (stay_id);" },
];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM event WHERE session_id = ?1";

/// Stores an event: its tag as `kind`, the whole as JSON in `detail`.
pub(crate) fn insert(
    connection: &Connection,
    session: SessionId,
    stay: Option<StayId>,
    unix_ms: i64,
    kind: &EventKind,
) -> rusqlite::Result<()> {
    let detail = serde_json::to_value(kind).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    insert_detail(connection, session, stay, unix_ms, &detail)
}

/// Stores an event as it was told, also one that this program does not know.
pub(crate) fn insert_detail(
    connection: &Connection,
    session: SessionId,
    stay: Option<StayId>,
    unix_ms: i64,
    detail: &serde_json::Value,
) -> rusqlite::Result<()> {
    let tag = detail.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default();
    connection
        .prepare_cached("INSERT INTO event (session_id, stay_id, unix_ms, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![session, stay, unix_ms, tag, detail.to_string()])?;
    Ok(())
}

/// The events of a session in the order of time. One of a kind that this program does not know is left out.
pub(crate) fn of_session(connection: &Connection, session: SessionId) -> rusqlite::Result<Vec<Event>> {
    let mut statement = connection.prepare_cached(
        "SELECT event.unix_ms, peer, detail FROM event LEFT JOIN stay ON stay.id = stay_id
         WHERE event.session_id = ?1 ORDER BY event.unix_ms, event.id",
    )?;
    let rows = statement.query_map(params![session], |row| {
        let detail: String = row.get(2)?;
        let kind = serde_json::from_str(&detail).ok();
        let (unix_ms, peer) = (row.get(0)?, row.get(1)?);
        Ok(kind.map(|kind| Event { unix_ms, peer, kind }))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// The events of a session after a row, in the order of their ids. One of a kind that this program does not know is
/// `None`.
pub(crate) fn after(
    connection: &Connection,
    session: SessionId,
    id: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, Option<Event>)>> {
    let mut statement = connection.prepare_cached(
        "SELECT event.id, event.unix_ms, peer, detail FROM event LEFT JOIN stay ON stay.id = stay_id
         WHERE event.session_id = ?1 AND +event.id > ?2 ORDER BY event.id LIMIT ?3",
    )?;
    let rows = statement.query_map(params![session, id, limit], |row| {
        let (id, unix_ms, peer, detail): (_, _, _, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let kind = serde_json::from_str(&detail).ok();
        Ok((id, kind.map(|kind| Event { unix_ms, peer, kind })))
    })?;
    rows.collect()
}
