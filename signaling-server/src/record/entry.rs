//! What the hub has written down of rooms and stays, and what is closed after a crash.
//!
//! Invariant: an entry about a room or stay that is not there (its call was deleted, or it is closed already) changes
//! nothing and is no error, so that it does not take the entries along that share its transaction.

use rusqlite::{Connection, Transaction, named_params, params};

use super::summary;

/// Something to be written down for good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the columns of schema.sql, where they are described")]
pub enum RecordEntry {
    /// A room can be joined from now on.
    RoomMade { id: String, code: String, name: Option<String>, unix_ms: i64, by: Option<String> },
    /// It cannot any more.
    RoomEnded { id: String, reason: String, unix_ms: i64 },
    /// Somebody came in; `room` is its id.
    StayBegan { room: String, user: String, name: String, account: Option<String>, role: String, unix_ms: i64 },
    /// The stay of that participant which is open ended.
    StayEnded { room: String, user: String, reason: String, unix_ms: i64 },
    /// An admin, or the server on its own, did something that must be traceable.
    Audit { unix_ms: i64, who: String, action: String, what: Option<String>, detail: Option<String> },
}

/// Why a stay or a room ended that was open when the server stopped without saying so.
pub const CRASH: &str = "crash";

/// Writes an entry down, in the transaction of whoever writes.
///
/// # Errors
/// What SQLite says.
pub fn apply(transaction: &Connection, entry: &RecordEntry) -> rusqlite::Result<()> {
    let run =
        |sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]| transaction.prepare_cached(sql)?.execute(parameters);
    match entry {
        RecordEntry::RoomMade { id, code, name, unix_ms, by } => {
            run(
                "INSERT OR IGNORE INTO room_record (id, code, name, created_ms, created_by)
                 VALUES (:id, :code, :name, :at, :by)",
                named_params! {":id": id, ":code": code, ":name": name, ":at": unix_ms, ":by": by},
            )?;
        }
        RecordEntry::RoomEnded { id, reason, unix_ms } => {
            let changed = run(
                "UPDATE room_record SET ended_ms = :at, end_reason = :reason WHERE id = :id AND ended_ms IS NULL",
                named_params! {":at": unix_ms, ":reason": reason, ":id": id},
            )?;
            if changed > 0
                && let Some(room) = summary::room_number(transaction, id)?
            {
                summary::add_reason(transaction, room, reason, *unix_ms)?;
            }
        }
        RecordEntry::StayBegan { room, user, name, account, role, unix_ms } => {
            let Some(room) = summary::room_number(transaction, room)? else { return Ok(()) };
            let changed = run(
                "INSERT OR IGNORE INTO stay (room, user, account, name, role, joined_ms)
                 VALUES (:room, :user, :account, :name, :role, :at)",
                named_params! {
                    ":room": room, ":user": user, ":account": account, ":name": name, ":role": role, ":at": unix_ms,
                },
            )?;
            if changed > 0 {
                summary::came(transaction, room, user, name, role, *unix_ms)?;
            }
        }
        RecordEntry::StayEnded { room, user, reason, unix_ms } => {
            let Some(room) = summary::room_number(transaction, room)? else { return Ok(()) };
            end_stay(transaction, room, user, reason, *unix_ms)?;
        }
        RecordEntry::Audit { unix_ms, who, action, what, detail } => {
            run(
                "INSERT INTO audit (unix_ms, who, action, what, detail) VALUES (:at, :who, :action, :what, :detail)",
                named_params! {":at": unix_ms, ":who": who, ":action": action, ":what": what, ":detail": detail},
            )?;
        }
    }
    Ok(())
}

fn end_stay(transaction: &Connection, room: i64, user: &str, reason: &str, unix_ms: i64) -> rusqlite::Result<()> {
    // The clock may have been set back meanwhile; no stay is shorter than nothing.
    let mut statement = transaction.prepare_cached(
        "UPDATE stay SET left_ms = max(joined_ms, ?3), reason = ?4 WHERE room = ?1 AND user = ?2 AND left_ms IS NULL
         RETURNING role, joined_ms, left_ms",
    )?;
    let mut rows = statement.query(params![room, user, unix_ms, reason])?;
    let ended: Option<(String, i64, i64)> =
        rows.next()?.map(|row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?, row.get(2)?))).transpose()?;
    drop(rows);
    if let Some((role, joined_ms, left_ms)) = ended {
        summary::went(transaction, room, &role, joined_ms, left_ms, reason)?;
    }
    Ok(())
}

/// Closes what a server that stopped without saying so left open: stays with the reason [`CRASH`], and rooms that the hub
/// does not have any more (table `rooms`), at the last time anything was known, which is when anything was last written
/// that bears a time. `unix_ms` is now: nothing ends later.
///
/// # Errors
/// What SQLite says.
pub fn close_open(transaction: &Transaction<'_>, unix_ms: i64) -> rusqlite::Result<()> {
    let mut open =
        transaction.prepare_cached("SELECT room, user FROM stay WHERE left_ms IS NULL ORDER BY room, number")?;
    let stays =
        open.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    let mut left = transaction.prepare_cached(
        "SELECT number FROM room_record WHERE ended_ms IS NULL AND code NOT IN (SELECT code FROM rooms)",
    )?;
    let rooms = left.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    if stays.is_empty() && rooms.is_empty() {
        return Ok(());
    }
    let known: Option<i64> = transaction.query_row(
        "SELECT max(at) FROM (SELECT max(last_ms) AS at FROM call_summary UNION ALL
         SELECT max(created_ms) FROM room_record UNION ALL SELECT max(ended_ms) FROM room_record UNION ALL
         SELECT unix_ms FROM (SELECT unix_ms FROM audit ORDER BY number DESC LIMIT 1))",
        [],
        |row| row.get(0),
    )?;
    let at = known.unwrap_or(unix_ms).min(unix_ms);
    for (room, user) in stays {
        end_stay(transaction, room, &user, CRASH, at)?;
    }
    let mut end = transaction
        .prepare_cached("UPDATE room_record SET ended_ms = max(created_ms, ?2), end_reason = ?3 WHERE number = ?1")?;
    for room in rooms {
        end.execute(params![room, at, CRASH])?;
        summary::add_reason(transaction, room, CRASH, at)?;
    }
    Ok(())
}
