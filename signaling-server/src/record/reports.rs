//! What was uploaded of a call, as batches again, so that a client can make a history of it and chart it.
//!
//! Invariant: what comes out is bounded by what was asked for, not by what is in the file, and so is the memory that it
//! takes but for a few bytes a row.

use rusqlite::{Connection, OptionalExtension, params};
use sightline_protocol::logs::{
    LOG_SCHEMA, LogBatch, LogBreak, LogEvent, LogLink, LogProcess, LogSample, LogSetup, LogStay, bounds,
};

use super::{
    calls,
    cells::{Head, Window},
    thin::{Merge, Merging, plan},
};

/// Sessions that are given, the first ones: more than a chart can show.
const SESSIONS: usize = 100;

/// Windows of tracks that are given of a whole call; with more tracks each has fewer. Some 40 MB of JSON.
const WINDOWS: usize = 100_000;

/// Fewest windows of a track, however many tracks there are.
const LEAST_POINTS: usize = 20;

/// The largest session is read at least with this many sessions and tracks in mind.
const MOST_POINTS: usize = 10_000;

pub(super) fn reports(
    connection: &Connection,
    room_id: &str,
    points: usize,
) -> rusqlite::Result<Option<Vec<LogBatch>>> {
    let room: Option<i64> = connection
        .prepare_cached("SELECT number FROM room_record WHERE id = ?1")?
        .query_row([room_id], |row| row.get(0))
        .optional()?;
    let Some(room) = room else { return Ok(None) };
    let mut statement = connection.prepare_cached(&calls::sessions_of_room())?;
    let sessions = statement
        .query_map([room], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(18)?, calls::session(row)?)))?
        .take(SESSIONS)
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut count = connection.prepare_cached("SELECT count(*) FROM log_stay WHERE session = ?1")?;
    let mut tracks = 0usize;
    for (number, ..) in &sessions {
        // Sound and pictures, both ways.
        tracks += 4 * count.query_row([number], |row| row.get::<_, u32>(0))? as usize;
    }
    let points = points.clamp(1, MOST_POINTS).min((WINDOWS / tracks.max(1)).max(LEAST_POINTS));
    let mut batches = Vec::with_capacity(sessions.len());
    for (number, last_ms, session) in sessions {
        batches.push(LogBatch {
            schema: LOG_SCHEMA,
            id: session.id.clone(),
            sent_ms: last_ms,
            session,
            stays: stays(connection, number)?,
            samples: windows::<LogSample>(connection, number, points)?,
            links: windows::<LogLink>(connection, number, points)?,
            process: windows::<LogProcess>(connection, number, points)?,
            events: events(connection, number)?,
            breaks: breaks(connection, number)?,
        });
    }
    Ok(Some(batches))
}

/// Windows of a session, those of each track together and in the order of time.
fn windows<W: Merge>(connection: &Connection, session: i64, points: usize) -> rusqlite::Result<Vec<W>> {
    let targets = targets::<W>(connection, session, points)?;
    let count = targets.iter().map(|(_, target)| target + 1).max().unwrap_or(0);
    let mut made: Vec<Option<Merging<W>>> = Vec::new();
    made.resize_with(count, || None);
    let mut next = targets.into_iter();
    each_window(connection, (session, -1), -1, |row: W| {
        // Both go by the row numbers of one moment, so they go side by side, but for rows that are left out.
        let target = next.find(|(seq, _)| *seq == row.head().seq);
        if let Some((_, target)) = target
            && let Some(place) = made.get_mut(target)
        {
            match place {
                Some(merging) => merging.add(&row),
                None => *place = Some(Merging::new(row)),
            }
        }
        Ok::<_, rusqlite::Error>(())
    })?;
    Ok(made.into_iter().flatten().map(Merging::finish).collect())
}

/// Of each row, in the order of row numbers: the number and which window it becomes part of.
fn targets<W: Window>(connection: &Connection, session: i64, points: usize) -> rusqlite::Result<Vec<(u32, usize)>> {
    let sql =
        format!("SELECT track, start_ms, start_ms + length_ms, seq FROM {} WHERE session = ?1 ORDER BY seq", W::TABLE);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement
        .query_map([session], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64, i64, u32)>>>()?;
    rows.sort_unstable();
    let mut targets = Vec::with_capacity(rows.len());
    let mut first = 0;
    for track in rows.chunk_by(|one, other| one.0 == other.0) {
        let spans: Vec<_> = track.iter().map(|(_, start_ms, end_ms, _)| (*start_ms, *end_ms)).collect();
        let numbers = plan(&spans, points);
        let count = numbers.last().map_or(0, |last| last + 1);
        targets.extend(track.iter().zip(numbers).map(|((.., seq), number)| (*seq, first + number)));
        first += count;
    }
    targets.sort_unstable();
    Ok(targets)
}

/// Reads rows of a session by their numbers, so many behind a number (a negative limit is none); gives the number of the last
/// one, if there was any. A row whose cells are damaged is left out.
pub(super) fn each_window<W: Window, E: From<rusqlite::Error>>(
    connection: &Connection,
    (session, after): (i64, i64),
    limit: i64,
    mut look: impl FnMut(W) -> Result<(), E>,
) -> Result<Option<i64>, E> {
    let sql = format!(
        "SELECT seq, track, start_ms, length_ms, measured_ms, cells FROM {} WHERE session = ?1 AND seq > ?2
         ORDER BY seq LIMIT ?3",
        W::TABLE
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([session, after, limit])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let start_ms: i64 = row.get(2)?;
        let head = Head {
            seq: row.get(0)?,
            track: row.get(1)?,
            start_ms,
            end_ms: start_ms + row.get::<_, i64>(3)?,
            measured_ms: row.get(4)?,
        };
        let cells = row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?;
        last = Some(i64::from(head.seq));
        match W::unpack(head, cells) {
            Some(window) => look(window)?,
            None => tracing::error!(table = W::TABLE, session, seq = head.seq, "a row cannot be read and is left out"),
        }
    }
    Ok(last)
}

pub(super) fn stays(connection: &Connection, session: i64) -> rusqlite::Result<Vec<LogStay>> {
    let mut statement = connection.prepare_cached(
        "SELECT stay, user, name, joined_ms, left_ms, leave_reason, signaling_ms, ice_ms, dtls_ms, first_frame_ms
         FROM log_stay WHERE session = ?1 ORDER BY stay",
    )?;
    let rows = statement.query_map([session], |row| {
        Ok(LogStay {
            stay: row.get(0)?,
            user_id: row.get(1)?,
            name: row.get(2)?,
            joined_ms: row.get(3)?,
            left_ms: row.get(4)?,
            leave_reason: row.get(5)?,
            setup: LogSetup {
                signaling_ms: row.get(6)?,
                ice_ms: row.get(7)?,
                dtls_ms: row.get(8)?,
                first_frame_ms: row.get(9)?,
            },
        })
    })?;
    rows.collect()
}

/// The first events, as many as a batch may have.
fn events(connection: &Connection, session: i64) -> rusqlite::Result<Vec<LogEvent>> {
    let mut statement = connection
        .prepare_cached("SELECT seq, unix_ms, peer, event FROM log_event WHERE session = ?1 ORDER BY seq LIMIT ?2")?;
    let rows = statement.query_map(params![session, bounds::ROWS as i64], |row| {
        let event: String = row.get(3)?;
        Ok(LogEvent {
            seq: row.get(0)?,
            unix_ms: row.get(1)?,
            peer: row.get(2)?,
            // It was written from such a map.
            event: serde_json::from_str(&event).unwrap_or_default(),
        })
    })?;
    rows.collect()
}

fn breaks(connection: &Connection, session: i64) -> rusqlite::Result<Vec<LogBreak>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, stay, start_ms, end_ms, cause FROM log_break WHERE session = ?1 ORDER BY seq LIMIT ?2",
    )?;
    let rows = statement.query_map(params![session, bounds::ROWS as i64], |row| {
        Ok(LogBreak {
            seq: row.get(0)?,
            stay: row.get(1)?,
            start_ms: row.get(2)?,
            end_ms: row.get(3)?,
            cause: row.get(4)?,
        })
    })?;
    rows.collect()
}
