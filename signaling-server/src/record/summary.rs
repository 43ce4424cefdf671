//! The line of a call in the list, kept beside its rows: finding calls reads no rows of stays or samples.
//!
//! Invariant: after each transaction the line says what [`rebuild`] would make of the rows.

use rusqlite::{Connection, OptionalExtension, params};
use sightline_protocol::admin::CallQuality;

/// Of all names together, in bytes; so a call has room for some fifty, and a list of calls stays small.
const NAMES_BYTES: usize = 1024;

/// Of all reasons together, in bytes. There are a dozen of them; only a client that makes them up has more.
const REASONS_BYTES: usize = 512;

/// Stays of this role do not count as participants: nobody of the call talks to them.
pub(crate) const OBSERVER: &str = "observer";

/// The number of a room that was made and not deleted.
pub(crate) fn room_number(connection: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT number FROM room_record WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

fn ensure(connection: &Connection, room: i64, unix_ms: i64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO call_summary (room, started_ms, ended_ms, last_ms, present, people, talk_ms, sessions,
            reporters, windows, good, spoilt, quality, names, search, reasons)
         SELECT number, ?2, ?2, ?2, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', char(10) FROM room_record WHERE number = ?1",
    )?;
    if statement.execute(params![room, unix_ms])? > 0 {
        set_names(connection, room, "")?;
        let reason: Option<String> = connection
            .prepare_cached("SELECT end_reason FROM room_record WHERE number = ?1")?
            .query_row([room], |row| row.get(0))?;
        if let Some(reason) = reason {
            add_reason(connection, room, &reason, unix_ms)?;
        }
    }
    Ok(())
}

fn set_names(connection: &Connection, room: i64, names: &str) -> rusqlite::Result<()> {
    let (code, name): (String, Option<String>) = connection
        .prepare_cached("SELECT code, name FROM room_record WHERE number = ?1")?
        .query_row([room], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let search = format!("{code}\n{}\n{names}", name.unwrap_or_default()).to_lowercase();
    connection
        .prepare_cached("UPDATE call_summary SET names = ?2, search = ?3 WHERE room = ?1")?
        .execute(params![room, names, search])?;
    Ok(())
}

fn names(connection: &Connection, room: i64) -> rusqlite::Result<String> {
    connection.prepare_cached("SELECT names FROM call_summary WHERE room = ?1")?.query_row([room], |row| row.get(0))
}

/// A name as a line; lines are parted by line feeds.
fn with_name(names: &str, name: &str) -> Option<String> {
    let name = name.replace(['\n', '\r'], " ");
    let room = names.len() + name.len() < NAMES_BYTES;
    (room && !names.lines().any(|line| line == name)).then(|| format!("{names}{name}\n"))
}

/// Somebody came in, whose stay is written.
pub(crate) fn came(
    connection: &Connection,
    room: i64,
    user: &str,
    name: &str,
    role: &str,
    unix_ms: i64,
) -> rusqlite::Result<()> {
    ensure(connection, room, unix_ms)?;
    let is_new = role != OBSERVER
        && connection
            .prepare_cached("SELECT count(*) FROM stay WHERE room = ?1 AND user = ?2 AND role <> ?3")?
            .query_row(params![room, user, OBSERVER], |row| row.get::<_, i64>(0))?
            == 1;
    connection
        .prepare_cached(
            "UPDATE call_summary SET present = present + 1, people = people + ?2, started_ms = min(started_ms, ?3),
                last_ms = max(last_ms, ?3) WHERE room = ?1",
        )?
        .execute(params![room, is_new, unix_ms])?;
    if let Some(names) = with_name(&names(connection, room)?, name) {
        set_names(connection, room, &names)?;
    }
    Ok(())
}

/// Somebody went, whose stay is closed.
pub(crate) fn went(
    connection: &Connection,
    room: i64,
    joined_ms: i64,
    left_ms: i64,
    reason: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE call_summary SET present = present - 1, talk_ms = talk_ms + ?2, ended_ms = max(ended_ms, ?3)
             WHERE room = ?1",
        )?
        .execute(params![room, left_ms - joined_ms, left_ms])?;
    add_reason(connection, room, reason, left_ms)
}

/// Something ended for this reason.
pub(crate) fn add_reason(connection: &Connection, room: i64, reason: &str, unix_ms: i64) -> rusqlite::Result<()> {
    let reason = reason.replace(['\n', '\r'], " ");
    connection
        .prepare_cached(
            "UPDATE call_summary SET last_ms = max(last_ms, ?3), reasons =
                CASE WHEN instr(reasons, char(10) || ?2 || char(10)) OR octet_length(reasons) > ?4 THEN reasons
                ELSE reasons || ?2 || char(10) END
             WHERE room = ?1",
        )?
        .execute(params![room, reason, unix_ms, REASONS_BYTES as i64])?;
    Ok(())
}

/// Sessions of the room were uploaded, or grew.
pub(crate) fn reported(connection: &Connection, room: i64, started_ms: i64, unix_ms: i64) -> rusqlite::Result<()> {
    ensure(connection, room, started_ms)?;
    connection
        .prepare_cached("UPDATE call_summary SET last_ms = max(last_ms, ?2) WHERE room = ?1")?
        .execute(params![room, unix_ms])?;
    count_sessions(connection, room)
}

fn count_sessions(connection: &Connection, room: i64) -> rusqlite::Result<()> {
    let (windows, good): (i64, i64) = connection
        .prepare_cached("SELECT coalesce(sum(windows), 0), coalesce(sum(good), 0) FROM log_session WHERE room = ?1")?
        .query_row([room], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let quality = CallQuality::of(windows.unsigned_abs(), good.unsigned_abs());
    let share = (quality != CallQuality::Unknown).then(|| good as f64 / windows as f64);
    connection
        .prepare_cached(
            "UPDATE call_summary SET windows = ?2, good = ?3, quality = ?4, share = ?5,
                sessions = (SELECT count(*) FROM log_session WHERE room = ?1),
                reporters = (SELECT count(DISTINCT user) FROM log_session WHERE room = ?1),
                (spoilt, worst) = (SELECT coalesce(max(windows - good), 0), worst FROM log_session WHERE room = ?1)
             WHERE room = ?1",
        )?
        .execute(params![room, windows, good, quality as u8, share])?;
    Ok(())
}

/// Makes the line anew from the rows. Gives whether there is anything left to make it from; if not, there is no line.
pub(crate) fn rebuild(connection: &Connection, room: i64) -> rusqlite::Result<bool> {
    let bounds: (Option<i64>, Option<i64>, i64, i64, i64) = connection
        .prepare_cached(
            "SELECT min(joined_ms), max(left_ms), count(*) - count(left_ms), coalesce(sum(left_ms - joined_ms), 0),
                count(DISTINCT CASE WHEN role <> ?2 THEN user END) FROM stay WHERE room = ?1",
        )?
        .query_row(params![room, OBSERVER], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
    let session: (Option<i64>, Option<i64>) = connection
        .prepare_cached("SELECT min(started_ms), max(last_ms) FROM log_session WHERE room = ?1")?
        .query_row([room], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let before: Option<i64> = connection
        .prepare_cached("DELETE FROM call_summary WHERE room = ?1 RETURNING last_ms")?
        .query_row([room], |row| row.get(0))
        .optional()?;
    let Some(started_ms) = bounds.0.or(session.0) else { return Ok(false) };
    ensure(connection, room, started_ms)?;
    connection
        .prepare_cached(
            "UPDATE call_summary SET ended_ms = ?2, last_ms = ?3, present = ?4, talk_ms = ?5, people = ?6
             WHERE room = ?1",
        )?
        .execute(params![
            room,
            bounds.1.unwrap_or(started_ms),
            // Of it nothing but the line tells.
            before.or(session.1).or(bounds.1).unwrap_or(started_ms),
            bounds.2,
            bounds.3,
            bounds.4
        ])?;
    let mut all = String::new();
    let mut statement = connection.prepare_cached("SELECT name FROM stay WHERE room = ?1 ORDER BY number")?;
    let mut rows = statement.query([room])?;
    while let Some(row) = rows.next()? {
        if let Some(more) = with_name(&all, &row.get::<_, String>(0)?) {
            all = more;
        }
    }
    set_names(connection, room, &all)?;
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT reason FROM stay WHERE room = ?1 AND reason IS NOT NULL UNION
         SELECT end_reason FROM log_session WHERE room = ?1 AND end_reason IS NOT NULL",
    )?;
    let reasons = statement.query_map([room], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    for reason in reasons {
        add_reason(connection, room, &reason, started_ms)?;
    }
    count_sessions(connection, room)?;
    Ok(true)
}
