//! The list of calls, one call, and the audit log.
//!
//! Invariant: the order of a list is total, so that pages of one filter neither overlap nor leave a call out.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use sightline_protocol::{
    account::name_key,
    admin::{
        AuditLine, AuditPage, CallBreak, CallDetails, CallFilter, CallLine, CallPage, CallQuality, CallSession,
        CallSort, CallStay, Coverage, PathType,
    },
    logs::{LogSession, LogSetup},
};

use super::summary::OBSERVER;

/// Calls or entries on a page where nothing is said.
const DEFAULT_LIMIT: u32 = 50;

/// Most on a page: some 100 kB.
const MOST_LIMIT: u32 = 500;

/// Words that are looked for; nobody types more.
const WORDS: usize = 8;

/// Stays, sessions and breaks of one call that are given, of each: more than a page can show.
const DETAILS: usize = 2000;

const LINE: &str =
    "SELECT id, code, name, started_ms, s.ended_ms, present, r.ended_ms, end_reason, people, names, talk_ms,
    reporters, windows, good, quality, worst, reasons FROM call_summary AS s JOIN room_record AS r ON number = room";

pub(super) fn calls(connection: &Connection, filter: &CallFilter) -> rusqlite::Result<CallPage> {
    let (wanted, mut parameters) = conditions(filter);
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM call_summary AS s WHERE {wanted}"))?
        .query_row(params_from_iter(&parameters), |row| row.get(0))?;
    let order = match filter.sort {
        CallSort::Newest => "started_ms DESC, room DESC",
        CallSort::Oldest => "started_ms, room",
        CallSort::Longest => "CASE present WHEN 0 THEN s.ended_ms ELSE last_ms END - started_ms DESC, room DESC",
        CallSort::Worst => "share IS NULL, share, spoilt DESC, room DESC",
        CallSort::People => "people DESC, started_ms DESC, room DESC",
    };
    parameters.push(Box::new(limit(filter.limit)));
    parameters.push(Box::new(filter.offset));
    // The page is found in the summaries alone, and only its own rooms are looked up.
    let sql = format!(
        "{LINE} WHERE room IN (SELECT room FROM call_summary AS s WHERE {wanted} ORDER BY {order} LIMIT ? OFFSET ?)
         ORDER BY {order}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let calls = statement.query_map(params_from_iter(&parameters), line)?.collect::<rusqlite::Result<_>>()?;
    Ok(CallPage { calls, total: total.unsigned_abs() })
}

fn limit(asked: u32) -> u32 {
    if asked == 0 { DEFAULT_LIMIT } else { asked.min(MOST_LIMIT) }
}

/// What a filter asks for, as SQL over the summaries with its parameters in order.
fn conditions(filter: &CallFilter) -> (String, Vec<Box<dyn ToSql>>) {
    let mut wanted = vec!["1"];
    let mut parameters: Vec<Box<dyn ToSql>> = Vec::new();
    if let Some(from_ms) = filter.from_ms {
        wanted.push("(present > 0 OR s.ended_ms >= ?)");
        parameters.push(Box::new(from_ms));
    }
    if let Some(to_ms) = filter.to_ms {
        wanted.push("started_ms < ?");
        parameters.push(Box::new(to_ms));
    }
    for word in name_key(&filter.text).split_whitespace().take(WORDS) {
        // Not LIKE: its wildcards would have to be escaped, and it knows no case but that of ASCII.
        wanted.push("instr(search, ?)");
        parameters.push(Box::new(word.to_owned()));
    }
    if let Some(quality) = filter.quality {
        wanted.push("quality = ?");
        parameters.push(Box::new(quality as u8));
    }
    if let Some(reason) = &filter.reason {
        wanted.push("instr(reasons, char(10) || ? || char(10))");
        parameters.push(Box::new(reason.clone()));
    }
    (wanted.join(" AND "), parameters)
}

fn line(row: &Row<'_>) -> rusqlite::Result<CallLine> {
    let lines = |text: String| text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let is_over = row.get::<_, i64>(5)? == 0;
    Ok(CallLine {
        room_id: row.get(0)?,
        code: row.get(1)?,
        name: row.get(2)?,
        started_ms: row.get(3)?,
        ended_ms: row.get::<_, Option<i64>>(4)?.filter(|_| is_over),
        room_ended_ms: row.get(6)?,
        end_reason: row.get(7)?,
        people: row.get(8)?,
        names: lines(row.get(9)?),
        talk_ms: row.get(10)?,
        reporters: row.get(11)?,
        windows: count(row.get(12)?),
        good_windows: count(row.get(13)?),
        quality: CallQuality::ALL.get(usize::from(row.get::<_, u8>(14)?)).copied().unwrap_or_default(),
        worst: row.get(15)?,
        reasons: lines(row.get(16)?),
    })
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The worst calls of those that went on in a range.
pub(super) fn worst(connection: &Connection, from_ms: i64, to_ms: i64, most: u32) -> rusqlite::Result<Vec<CallLine>> {
    let sql = format!(
        "{LINE} WHERE started_ms < ?2 AND (present > 0 OR s.ended_ms >= ?1) AND share < 1
         ORDER BY share, spoilt DESC, room DESC LIMIT ?3"
    );
    connection.prepare_cached(&sql)?.query_map(params![from_ms, to_ms, most], line)?.collect()
}

pub(super) fn call(connection: &Connection, room_id: &str) -> rusqlite::Result<Option<CallDetails>> {
    let room: Option<(i64, i64, Option<String>)> = connection
        .prepare_cached("SELECT number, created_ms, created_by FROM room_record WHERE id = ?1")?
        .query_row([room_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((room, created_ms, created_by)) = room else { return Ok(None) };
    let found = connection.prepare_cached(&format!("{LINE} WHERE room = ?1"))?.query_row([room], line).optional()?;
    let Some(call) = found else { return Ok(None) };
    let mut stays = stays(connection, room)?;
    let mut sessions = sessions(connection, room)?;
    let mut breaks = between(&stays);
    breaks.extend(uploaded_breaks(connection, room)?);
    breaks.sort_by(|one, other| (one.start_ms, &one.user_id).cmp(&(other.start_ms, &other.user_id)));
    let lengths = [stays.len(), sessions.len(), breaks.len()];
    let left_out = lengths.iter().map(|length| length.saturating_sub(DETAILS) as u64).sum();
    stays.truncate(DETAILS);
    sessions.truncate(DETAILS);
    breaks.truncate(DETAILS);
    // A client may report before its stay is written down.
    let coverage = Coverage { reported: call.reporters, of: call.people.max(call.reporters) };
    Ok(Some(CallDetails { call, created_ms, created_by, stays, sessions, breaks, coverage, left_out }))
}

/// The first stays, one more than are given, so that it can be said that there are more.
fn stays(connection: &Connection, room: i64) -> rusqlite::Result<Vec<CallStay>> {
    let mut statement = connection.prepare_cached(
        "SELECT user, account, name, role, joined_ms, left_ms, reason FROM stay WHERE room = ?1
         ORDER BY joined_ms, number",
    )?;
    let rows = statement.query_map([room], |row| {
        Ok(CallStay {
            user_id: row.get(0)?,
            account: row.get(1)?,
            name: row.get(2)?,
            role: row.get(3)?,
            joined_ms: row.get(4)?,
            left_ms: row.get(5)?,
            reason: row.get(6)?,
        })
    })?;
    rows.collect()
}

pub(super) const SESSION: &str = "SELECT number, id, user, name, client_version, platform, started_ms, ended_ms,
    end_reason, signaling_ms, ice_ms, dtls_ms, first_frame_ms, windows, good, worst, path, clock_ms, last_ms
    FROM log_session";

/// Of a room, in the order of their start.
pub(super) fn sessions_of_room() -> String {
    format!("{SESSION} WHERE room = ?1 ORDER BY started_ms, number")
}

/// A row of [`SESSION`], from its second column on.
pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<LogSession> {
    Ok(LogSession {
        id: row.get(1)?,
        user_id: row.get(2)?,
        name: row.get(3)?,
        client_version: row.get(4)?,
        platform: row.get(5)?,
        started_ms: row.get(6)?,
        ended_ms: row.get(7)?,
        end_reason: row.get(8)?,
        setup: LogSetup {
            signaling_ms: row.get(9)?,
            ice_ms: row.get(10)?,
            dtls_ms: row.get(11)?,
            first_frame_ms: row.get(12)?,
        },
        windows: row.get(13)?,
        good_windows: row.get(14)?,
        worst: row.get(15)?,
    })
}

fn sessions(connection: &Connection, room: i64) -> rusqlite::Result<Vec<CallSession>> {
    let mut statement = connection.prepare_cached(&sessions_of_room())?;
    let rows = statement.query_map([room], |row| {
        let session = session(row)?;
        Ok(CallSession {
            quality: CallQuality::of(session.windows.into(), session.good_windows.into()),
            session,
            path: PathType::from_number(row.get(16)?),
            clock_ms: row.get(17)?,
        })
    })?;
    rows.collect()
}

/// Where somebody left and came again. Who comes again may have a new participant id; then the account tells, or the
/// name.
fn between(stays: &[CallStay]) -> Vec<CallBreak> {
    let mut before: HashMap<&str, &CallStay> = HashMap::new();
    let mut breaks = Vec::new();
    for stay in stays.iter().filter(|stay| stay.role != OBSERVER) {
        let person = stay.account.as_deref().unwrap_or(&stay.name);
        if let Some(earlier) = before.get(person)
            && let Some(start_ms) = earlier.left_ms
            && start_ms < stay.joined_ms
        {
            breaks.push(CallBreak {
                user_id: stay.user_id.clone(),
                name: stay.name.clone(),
                peer: None,
                start_ms,
                end_ms: Some(stay.joined_ms),
                cause: earlier.reason.clone().unwrap_or_default(),
                between_stays: true,
            });
        }
        before.insert(person, stay);
    }
    breaks
}

fn uploaded_breaks(connection: &Connection, room: i64) -> rusqlite::Result<Vec<CallBreak>> {
    let mut statement = connection.prepare_cached(
        "SELECT s.user, s.name, p.user, b.start_ms, b.end_ms, b.cause FROM log_session AS s
         JOIN log_break AS b ON b.session = s.number
         LEFT JOIN log_stay AS p ON p.session = s.number AND p.stay = b.stay
         WHERE s.room = ?1 ORDER BY b.start_ms LIMIT ?2",
    )?;
    let rows = statement.query_map(params![room, DETAILS as i64 + 1], |row| {
        Ok(CallBreak {
            user_id: row.get(0)?,
            name: row.get(1)?,
            peer: row.get(2)?,
            start_ms: row.get(3)?,
            end_ms: row.get(4)?,
            cause: row.get(5)?,
            between_stays: false,
        })
    })?;
    rows.collect()
}

pub(super) fn audit(connection: &Connection, asked: u32, offset: u32) -> rusqlite::Result<AuditPage> {
    let mut statement = connection.prepare_cached(
        "SELECT unix_ms, who, action, what, detail FROM audit ORDER BY number DESC LIMIT ?1 OFFSET ?2",
    )?;
    let rows = statement.query_map(params![limit(asked), offset], |row| {
        Ok(AuditLine {
            unix_ms: row.get(0)?,
            who: row.get(1)?,
            action: row.get(2)?,
            what: row.get(3)?,
            detail: row.get(4)?,
        })
    })?;
    let entries = rows.collect::<rusqlite::Result<_>>()?;
    let total: i64 = connection.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))?;
    Ok(AuditPage { entries, total: count(total) })
}
