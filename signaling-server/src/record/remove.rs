//! Deleting a call, and forgetting what is older than it is kept.
//!
//! Invariant: what is deleted is gone from every list, detail and total in the one short transaction that deletes it. Its
//! windows, which may be millions, are only marked there ([`purge`] removes them in steps), so that no writer waits for
//! long. Pages that become free are used again; the file does not become smaller.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{RecordError, summary};

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The call is gone.
    Done,
    /// Somebody deleted it before.
    AlreadyGone,
    /// The room can still be joined; end it first.
    StillOpen,
    /// There never was such a room, or it is so long ago that nothing is known of it.
    Unknown,
}

/// Windows that are removed in one transaction: some ten milliseconds.
pub(crate) const PURGE_ROWS: usize = 5000;

/// Sessions, stays and rooms that retention takes in one transaction: likewise.
const KEEP_STEP: usize = 200;

const DAY_MS: i64 = 86_400_000;

/// Deletes a room's record: the room, its stays and all that was uploaded. The audit log says who did it.
///
/// # Errors
/// What SQLite says; nothing is deleted then.
pub fn delete_call(
    connection: &mut Connection,
    room_id: &str,
    who: &str,
    unix_ms: i64,
) -> Result<Deleted, RecordError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: Option<(i64, bool)> = transaction
        .prepare_cached("SELECT number, ended_ms IS NULL FROM room_record WHERE id = ?1")?
        .query_row([room_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let room = match found {
        Some((room, false)) => room,
        Some((_, true)) => return Ok(Deleted::StillOpen),
        None => {
            let gone = is_deleted(&transaction, room_id)?;
            return Ok(if gone { Deleted::AlreadyGone } else { Deleted::Unknown });
        }
    };
    let mut sessions = transaction.prepare_cached("SELECT number FROM log_session WHERE room = ?1")?;
    let numbers = sessions.query_map([room], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    drop(sessions);
    for session in numbers {
        doom(&transaction, session)?;
    }
    for sql in [
        "DELETE FROM stay WHERE room = ?1",
        "DELETE FROM call_summary WHERE room = ?1",
        "DELETE FROM room_record WHERE number = ?1",
    ] {
        transaction.prepare_cached(sql)?.execute([room])?;
    }
    transaction.execute("INSERT OR REPLACE INTO deleted_call VALUES (?1, ?2)", params![room_id, unix_ms])?;
    audit(&transaction, unix_ms, who, "delete-call", Some(room_id), None)?;
    transaction.commit()?;
    Ok(Deleted::Done)
}

/// Whether a call was deleted by an admin.
pub(super) fn is_deleted(connection: &Connection, room_id: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM deleted_call WHERE id = ?1")?.exists([room_id])
}

/// One step of forgetting what ended more than `days` days before `now_ms`: stays, uploaded sessions, rooms of which
/// nothing is left. A room that can still be joined loses its old stays and keeps the others. Gives whether there is
/// more to do: call it again then. The audit log is kept.
///
/// # Errors
/// What SQLite says; the step is not done then.
pub fn keep_days(connection: &mut Connection, days: u32, now_ms: i64) -> Result<bool, RecordError> {
    let before_ms = now_ms.saturating_sub(i64::from(days) * DAY_MS);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut rooms = BTreeSet::new();
    let mut old = transaction.prepare_cached("SELECT number, room FROM log_session WHERE last_ms < ?1 LIMIT ?2")?;
    let sessions = old
        .query_map(params![before_ms, KEEP_STEP as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    drop(old);
    for (session, room) in &sessions {
        doom(&transaction, *session)?;
        rooms.insert(*room);
    }
    let mut old = transaction.prepare_cached(
        "DELETE FROM stay WHERE number IN (SELECT number FROM stay WHERE left_ms < ?1 LIMIT ?2) RETURNING room",
    )?;
    let stays = old
        .query_map(params![before_ms, KEEP_STEP as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    drop(old);
    rooms.extend(&stays);
    for room in rooms {
        summary::rebuild(&transaction, room)?;
    }
    let ended = transaction
        .prepare_cached(
            "DELETE FROM room_record WHERE number IN (SELECT number FROM room_record WHERE ended_ms < ?1
                AND NOT EXISTS (SELECT 1 FROM stay WHERE room = room_record.number)
                AND NOT EXISTS (SELECT 1 FROM log_session WHERE room = room_record.number) LIMIT ?2)",
        )?
        .execute(params![before_ms, KEEP_STEP as i64])?;
    transaction.execute(
        "DELETE FROM deleted_call WHERE id IN (SELECT id FROM deleted_call WHERE deleted_ms < ?1 LIMIT ?2)",
        params![before_ms, KEEP_STEP as i64],
    )?;
    let removed = [sessions.len(), stays.len(), ended];
    if removed.iter().any(|count| *count > 0) {
        let detail = format!(
            "older than {days} days: {} stays, {} uploaded sessions, {ended} rooms",
            stays.len(),
            sessions.len()
        );
        audit(&transaction, now_ms, "server", "keep-days", None, Some(&detail))?;
    }
    transaction.commit()?;
    Ok(removed.contains(&KEEP_STEP))
}

/// Removes at most `rows` rows of sessions that were deleted. Gives whether there may be more.
///
/// # Errors
/// What SQLite says; the step is not done then.
pub fn purge(connection: &mut Connection, rows: usize) -> Result<bool, RecordError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let session: Option<i64> = transaction
        .prepare_cached("SELECT session FROM log_doomed LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(session) = session else { return Ok(false) };
    let mut left = rows;
    for (table, key) in [
        ("log_sample", "seq"),
        ("log_link", "seq"),
        ("log_process", "seq"),
        ("log_event", "seq"),
        ("log_break", "seq"),
        ("log_stay", "stay"),
        ("log_batch", "id"),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE session = ?1
             AND {key} IN (SELECT {key} FROM {table} WHERE session = ?1 ORDER BY {key} LIMIT ?2)"
        );
        left -= transaction.prepare_cached(&sql)?.execute(params![session, left as i64])?.min(left);
    }
    if left > 0 {
        transaction.execute("DELETE FROM log_doomed WHERE session = ?1", [session])?;
    }
    transaction.commit()?;
    Ok(true)
}

/// Takes a session out of everything that is read.
fn doom(transaction: &Transaction<'_>, session: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM log_rollup WHERE session = ?1",
        "INSERT INTO log_doomed VALUES (?1)",
        "DELETE FROM log_session WHERE number = ?1",
    ] {
        transaction.prepare_cached(sql)?.execute([session])?;
    }
    Ok(())
}

fn audit(
    transaction: &Transaction<'_>,
    unix_ms: i64,
    who: &str,
    action: &str,
    what: Option<&str>,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO audit (unix_ms, who, action, what, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![unix_ms, who, action, what, detail])?;
    Ok(())
}
