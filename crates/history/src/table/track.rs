//! A track: sound or pictures, one way, of a stay.

use rusqlite::{Connection, params};
use sightline_quality::{Direction, Kind, TrackKey};

use crate::cells::Reader;
use crate::schema::Step;
use crate::{SessionId, StayId, TrackId};

pub(crate) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "CREATE TABLE track (
        id INTEGER PRIMARY KEY,
        stay_id INTEGER NOT NULL REFERENCES stay,
        kind TEXT NOT NULL,
        direction TEXT NOT NULL,
        UNIQUE (stay_id, kind, direction)
    ) STRICT;",
}];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM track WHERE stay_id IN (SELECT id FROM stay WHERE session_id = ?1)";

/// Sound or pictures, one way, of a stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// Whose stay.
    pub stay: StayId,
    /// Peer, kind and direction.
    pub key: TrackKey,
}

pub(crate) fn ensure(
    connection: &Connection,
    stay: StayId,
    kind: Kind,
    direction: Direction,
) -> rusqlite::Result<TrackId> {
    let key = params![stay, kind.as_str(), direction.as_str()];
    connection
        .prepare_cached("INSERT INTO track (stay_id, kind, direction) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(key)?;
    connection
        .prepare_cached("SELECT id FROM track WHERE stay_id = ?1 AND kind = ?2 AND direction = ?3")?
        .query_row(key, |row| row.get(0))
}

/// The tracks of a session, by stay.
pub(crate) fn of_session(connection: &Connection, session: SessionId) -> rusqlite::Result<Vec<Track>> {
    let mut statement = connection.prepare_cached(
        "SELECT track.id, stay_id, peer, kind, direction FROM track JOIN stay ON stay.id = stay_id
         WHERE session_id = ?1 ORDER BY joined_ms, stay_id, kind, direction",
    )?;
    let rows = statement.query_map(params![session], |row| {
        let mut row = Reader::new(row);
        let (id, stay, peer) = (row.get()?, row.get()?, row.get()?);
        let (kind, direction) = (row.word(Kind::parse)?, row.word(Direction::parse)?);
        // A kind that a later program may have added is no track to this one.
        Ok(kind.zip(direction).map(|(kind, direction)| Track { id, stay, key: TrackKey { peer, kind, direction } }))
    })?;
    rows.filter_map(Result::transpose).collect()
}
