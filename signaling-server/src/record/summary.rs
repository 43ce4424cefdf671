//! The line of a call in the list, kept beside its rows: finding calls reads no rows of stays or samples.
//!
//! Invariant: after each transaction the line says what [`rebuild`] would make of the rows.

use rusqlite::{Connection, OptionalExtension, params};
use sightline_protocol::{account::name_key, admin::CallQuality};

/// Of all names together, in bytes; so a call has room for some fifty, and a list of calls stays small.
const NAMES_BYTES: usize = 1024;

/// Of all that a call is found by: its code, its name, and as many names again, of those who watched among them.
const SEARCH_BYTES: usize = 4 * NAMES_BYTES;

/// Of all reasons together, in bytes. There are a dozen of them; only a client that makes them up has more.
const REASONS_BYTES: usize = 512;

/// Stays of this role do not count as participants: nobody of the call talks to them. They are stays like others in a call's
/// details, and a call is found by their names; its beginning, end, length and reasons are those of participants, as long as it
/// has any.
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
        let (code, name, reason): (String, Option<String>, Option<String>) = connection
            .prepare_cached("SELECT code, name, end_reason FROM room_record WHERE number = ?1")?
            .query_row([room], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let search = format!("{}\n{}\n", name_key(&code), name_key(&name.unwrap_or_default()));
        connection
            .prepare_cached("UPDATE call_summary SET search = ?2 WHERE room = ?1")?
            .execute(params![room, search])?;
        if let Some(reason) = reason {
            add_reason(connection, room, &reason, unix_ms)?;
        }
    }
    Ok(())
}

/// The call is found by this name from now on, and shows it if it is a participant's.
fn add_name(connection: &Connection, room: i64, name: &str, role: &str) -> rusqlite::Result<()> {
    let (names, search): (String, String) = connection
        .prepare_cached("SELECT names, search FROM call_summary WHERE room = ?1")?
        .query_row([room], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let name = name.replace(['\n', '\r'], " ");
    let shown = with_line(&names, &name, NAMES_BYTES).filter(|_| role != OBSERVER);
    let found = with_line(&search, &name_key(&name), SEARCH_BYTES);
    if shown.is_some() || found.is_some() {
        connection
            .prepare_cached("UPDATE call_summary SET names = ?2, search = ?3 WHERE room = ?1")?
            .execute(params![room, shown.unwrap_or(names), found.unwrap_or(search)])?;
    }
    Ok(())
}

/// The lines with one more, if it is new and there is room for it.
fn with_line(lines: &str, line: &str, most_bytes: usize) -> Option<String> {
    let fits = lines.len() + line.len() < most_bytes;
    (fits && !lines.lines().any(|known| known == line)).then(|| format!("{lines}{line}\n"))
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
    if role == OBSERVER {
        connection
            .prepare_cached(
                "UPDATE call_summary SET last_ms = max(last_ms, ?2),
                    started_ms = CASE people WHEN 0 THEN min(started_ms, ?2) ELSE started_ms END WHERE room = ?1",
            )?
            .execute(params![room, unix_ms])?;
        return add_name(connection, room, name, role);
    }
    let is_new = connection
        .prepare_cached("SELECT count(*) FROM stay WHERE room = ?1 AND user = ?2 AND role <> ?3")?
        .query_row(params![room, user, OBSERVER], |row| row.get::<_, i64>(0))?
        == 1;
    connection
        .prepare_cached(
            "UPDATE call_summary SET present = present + 1, people = people + ?2, last_ms = max(last_ms, ?3),
                started_ms = CASE people WHEN 0 THEN ?3 ELSE min(started_ms, ?3) END,
                ended_ms = CASE people WHEN 0 THEN ?3 ELSE ended_ms END WHERE room = ?1",
        )?
        .execute(params![room, is_new, unix_ms])?;
    add_name(connection, room, name, role)
}

/// Somebody went, whose stay is closed.
pub(crate) fn went(
    connection: &Connection,
    room: i64,
    role: &str,
    joined_ms: i64,
    left_ms: i64,
    reason: &str,
) -> rusqlite::Result<()> {
    if role == OBSERVER {
        connection
            .prepare_cached(
                "UPDATE call_summary SET last_ms = max(last_ms, ?2),
                    ended_ms = CASE people WHEN 0 THEN max(ended_ms, ?2) ELSE ended_ms END WHERE room = ?1",
            )?
            .execute(params![room, left_ms])?;
        return Ok(());
    }
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
    // Of participants, or of all where there was none.
    let bounds: (Option<i64>, Option<i64>, i64, i64, i64) = connection
        .prepare_cached(
            "SELECT coalesce(min(joined_ms) FILTER (WHERE role <> ?2), min(joined_ms)),
                CASE count(*) FILTER (WHERE role <> ?2) WHEN 0 THEN max(left_ms)
                    ELSE max(left_ms) FILTER (WHERE role <> ?2) END,
                count(*) FILTER (WHERE role <> ?2 AND left_ms IS NULL),
                coalesce(sum(left_ms - joined_ms) FILTER (WHERE role <> ?2), 0),
                count(DISTINCT user) FILTER (WHERE role <> ?2) FROM stay WHERE room = ?1",
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
    let mut statement = connection.prepare_cached("SELECT name, role FROM stay WHERE room = ?1 ORDER BY number")?;
    let mut rows = statement.query([room])?;
    while let Some(row) = rows.next()? {
        add_name(connection, room, &row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT reason FROM stay WHERE room = ?1 AND reason IS NOT NULL AND role <> ?2 UNION
         SELECT end_reason FROM log_session WHERE room = ?1 AND end_reason IS NOT NULL",
    )?;
    let reasons =
        statement.query_map(params![room, OBSERVER], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    for reason in reasons {
        add_reason(connection, room, &reason, started_ms)?;
    }
    count_sessions(connection, room)?;
    Ok(true)
}
