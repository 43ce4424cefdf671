//! Batches of uploaded records, from a checked body into the tables.
//!
//! Invariants: a batch is stored whole or not at all. A row is stored and counted once, however often it comes. Times are
//! on the server's clock. A session stays with the room and the participant it came with first.
//!
//! **Clocks.** What is added to a session's times is `received - sent` of its first batch, so that its windows keep
//! touching although each batch is some time on its way; or nothing where that is less than [`CLOCK_NOISE_MS`], as a
//! clock that is kept by a time service is better than that measurement. A batch that is off from it by more than
//! [`CLOCK_STEP_MS`] comes from a clock that was set meanwhile, and brings a correction of its own. So a clock that is
//! years off does no harm as long as it goes evenly. Where a corrected time is before the room was made or after now, by
//! more than [`CLOCK_SLACK_MS`], the clock was set between recording and sending: nobody knows when that was, and the
//! batch is refused.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sightline_protocol::{
    admin::PathType,
    logs::{LogAccepted, LogBatch, LogLink, LogSample},
};

use super::{
    IngestError,
    cells::{Window, class_number},
    check::{self, Times},
    remove::is_deleted,
    rollup::{Parts, path_type},
    summary,
};

/// Most of what a batch takes on its way, and least by which an unkept clock is off.
pub const CLOCK_NOISE_MS: i64 = 2000;

/// A batch that was held up longer than this on its way was given up by its client.
pub const CLOCK_STEP_MS: i64 = 10_000;

/// A clock drifts by less over the longest session.
pub const CLOCK_SLACK_MS: i64 = 300_000;

/// Rows of a session: a week of the largest call (20 participants: 96 rows each 15 s).
pub const SESSION_ROWS: i64 = 4_000_000;

/// Stays of a session. Their paths are read with each batch.
pub const SESSION_STAYS: usize = 4096;

/// Sessions of a room. They are gone through when one of them grows.
pub const ROOM_SESSIONS: i64 = 10_000;

/// A batch that came in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The room of the token it came with.
    pub room_id: String,
    /// What [`super::parse`] made of the body.
    pub batch: LogBatch,
    /// The server's clock, milliseconds since the Unix epoch.
    pub received_ms: i64,
}

/// Stores a batch in a transaction of its own.
///
/// # Errors
/// Why it is refused, or why it cannot be stored now; nothing of it is stored then.
pub fn ingest(
    connection: &mut Connection,
    room_id: &str,
    batch: &LogBatch,
    received_ms: i64,
) -> Result<LogAccepted, IngestError> {
    let times = check::check(batch)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut changed = Changed::default();
    let accepted = store(&transaction, room_id, batch, times, received_ms, &mut changed)?;
    changed.summarise(&transaction)?;
    transaction.commit()?;
    Ok(accepted)
}

/// Stores several batches in one transaction. Each is answered for itself; where the transaction fails, all are.
pub fn ingest_all(connection: &mut Connection, arrivals: &[Arrival]) -> Vec<Result<LogAccepted, IngestError>> {
    in_one_transaction(connection, arrivals)
        .unwrap_or_else(|error| arrivals.iter().map(|_| Err(error.clone())).collect())
}

fn in_one_transaction(
    connection: &mut Connection,
    arrivals: &[Arrival],
) -> Result<Vec<Result<LogAccepted, IngestError>>, IngestError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut changed = Changed::default();
    let mut answers = Vec::with_capacity(arrivals.len());
    for Arrival { room_id, batch, received_ms } in arrivals {
        let answer = check::check(batch).and_then(|times| {
            let savepoint = transaction.savepoint()?;
            let accepted = store(&savepoint, room_id, batch, times, *received_ms, &mut changed)?;
            savepoint.commit()?;
            Ok(accepted)
        });
        match answer {
            // What is wrong with the file is wrong for all; SQLite may even have ended the transaction.
            Err(error) if !error.is_refusal() => return Err(error),
            answer => answers.push(answer),
        }
    }
    changed.summarise(&transaction)?;
    transaction.commit()?;
    Ok(answers)
}

/// Rooms whose sessions changed: earliest start, latest arrival, why sessions ended.
#[derive(Debug, Default)]
struct Changed(BTreeMap<i64, (i64, i64, Vec<String>)>);

impl Changed {
    fn add(&mut self, room: i64, started_ms: i64, received_ms: i64, reason: Option<&str>) {
        let (start, arrival, reasons) = self.0.entry(room).or_insert((started_ms, received_ms, Vec::new()));
        *start = started_ms.min(*start);
        *arrival = received_ms.max(*arrival);
        reasons.extend(reason.map(str::to_owned));
    }

    fn summarise(self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for (room, (started_ms, received_ms, reasons)) in self.0 {
            summary::reported(transaction, room, started_ms, received_ms)?;
            for reason in reasons {
                summary::add_reason(transaction, room, &reason, received_ms)?;
            }
        }
        Ok(())
    }
}

/// A session as the tables have it.
struct Session {
    number: i64,
    clock_ms: i64,
    row_count: i64,
    path: PathType,
    /// No later batch was here before.
    is_latest: bool,
}

fn store(
    connection: &Connection,
    room_id: &str,
    batch: &LogBatch,
    times: Times,
    received_ms: i64,
    changed: &mut Changed,
) -> Result<LogAccepted, IngestError> {
    let (room, created_ms) = find_room(connection, room_id)?;
    let rows = batch.samples.len() + batch.links.len() + batch.process.len() + batch.events.len() + batch.breaks.len();
    let all_known = LogAccepted { id: batch.id.clone(), stored: 0, known: rows as u32 };
    let before = find_session(connection, room, batch)?;
    if let Some(before) = &before
        && connection
            .prepare_cached("SELECT 1 FROM log_batch WHERE session = ?1 AND id = ?2")?
            .exists(params![before.number, batch.id])?
    {
        return Ok(all_known);
    }
    let clock_ms = clock(before.as_ref().map(|session| session.clock_ms), received_ms - batch.sent_ms);
    let (first_ms, last_ms) = (times.first_ms + clock_ms, times.last_ms + clock_ms);
    if first_ms < created_ms - CLOCK_SLACK_MS || last_ms > received_ms + CLOCK_SLACK_MS {
        return Err(IngestError::Invalid(format!(
            "times from {first_ms} to {last_ms} (corrected by {clock_ms} ms) are not between the room's making \
             ({created_ms}) and now ({received_ms}); was the clock set after they were recorded?"
        )));
    }
    let mut session = match before {
        Some(session) => session,
        None => new_session(connection, room, batch, clock_ms)?,
    };
    session.clock_ms = clock_ms;
    let mut writer = Writer { connection, session: session.number, clock_ms, stored: 0, cells: Vec::new() };
    let paths = writer.stays(batch)?;
    let mut parts = Parts::default();
    let mut tracks = Paths::of(batch, paths);
    writer.windows(&batch.links, |link| {
        let part = parts.at(link.start_ms + clock_ms, tracks.at(link.stay, link.start_ms));
        part.connected_ms += u64::from(link.measured_ms);
        link.path_rtt_ms.iter().for_each(|[mean, ..]| part.rtt.add(f64::from(*mean)));
    })?;
    writer.windows(&batch.samples, |sample: &LogSample| {
        let part = parts.at(sample.start_ms + clock_ms, tracks.at(sample.stay, sample.start_ms));
        if let Some(class) = sample.class.as_deref().and_then(class_number) {
            part.rated += 1;
            part.good += u64::from(class <= 2);
        }
        sample.values.loss_percent.iter().for_each(|[mean, ..]| part.loss.add(f64::from(*mean)));
    })?;
    writer.windows(&batch.process, |_| ())?;
    writer.events_and_breaks(batch)?;
    let stored = writer.stored;
    parts.store(connection, session.number)?;
    if session.path == PathType::Unknown {
        session.path = tracks.first();
    }
    if session.row_count + i64::from(stored) > SESSION_ROWS {
        return Err(IngestError::Invalid(format!("the session has more than {SESSION_ROWS} rows")));
    }
    update_session(connection, &session, batch, last_ms, stored)?;
    if stored > 0 {
        // A batch that brings no row needs no memory: it changes nothing when it comes again.
        connection
            .prepare_cached("INSERT INTO log_batch (session, id) VALUES (?1, ?2)")?
            .execute(params![session.number, batch.id])?;
    }
    let reason = batch.session.end_reason.as_deref().filter(|_| session.is_latest);
    changed.add(room, batch.session.started_ms + clock_ms, received_ms, reason);
    Ok(LogAccepted { stored, known: all_known.known - stored, ..all_known })
}

/// What is added to the client's times, see the head of this file. `before` is what was added to the session's so far.
fn clock(before: Option<i64>, measured_ms: i64) -> i64 {
    match before {
        Some(before) if (measured_ms - before).abs() <= CLOCK_STEP_MS => before,
        _ if measured_ms.abs() <= CLOCK_NOISE_MS => 0,
        _ => measured_ms,
    }
}

fn find_room(connection: &Connection, room_id: &str) -> Result<(i64, i64), IngestError> {
    let found = connection
        .prepare_cached("SELECT number, created_ms FROM room_record WHERE id = ?1")?
        .query_row([room_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some(room) => Ok(room),
        None if is_deleted(connection, room_id)? => Err(IngestError::Deleted),
        None => Err(IngestError::UnknownRoom),
    }
}

fn find_session(connection: &Connection, room: i64, batch: &LogBatch) -> Result<Option<Session>, IngestError> {
    let found = connection
        .prepare_cached("SELECT number, room, user, clock_ms, row_count, path, sent_ms FROM log_session WHERE id = ?1")?
        .query_row([&batch.session.id], |row| {
            let session = Session {
                number: row.get(0)?,
                clock_ms: row.get(3)?,
                row_count: row.get(4)?,
                path: PathType::from_number(row.get(5)?),
                is_latest: row.get::<_, i64>(6)? <= batch.sent_ms,
            };
            Ok((session, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((session, its_room, user)) = found else { return Ok(None) };
    if its_room != room || user != batch.session.user_id {
        return Err(IngestError::Conflict("the session belongs to another room or participant".to_owned()));
    }
    Ok(Some(session))
}

fn new_session(connection: &Connection, room: i64, batch: &LogBatch, clock_ms: i64) -> Result<Session, IngestError> {
    let sessions: Option<i64> = connection
        .prepare_cached("SELECT count(*) FROM log_session WHERE room = ?1")?
        .query_row([room], |row| row.get(0))
        .optional()?;
    if sessions.is_some_and(|sessions| sessions >= ROOM_SESSIONS) {
        return Err(IngestError::Invalid(format!("the room has {ROOM_SESSIONS} sessions already")));
    }
    let LogBatch { session, .. } = batch;
    connection
        .prepare_cached(
            "INSERT INTO log_session (id, room, user, name, client_version, platform, started_ms, windows, good, path,
                sent_ms, clock_ms, last_ms, row_count) VALUES (?1, ?2, ?3, '', '', '', ?4, 0, 0, 0, ?5, ?6, ?4, 0)",
        )?
        .execute(params![session.id, room, session.user_id, session.started_ms + clock_ms, batch.sent_ms, clock_ms])?;
    let number = connection.last_insert_rowid();
    Ok(Session { number, clock_ms, row_count: 0, path: PathType::Unknown, is_latest: true })
}

fn update_session(
    connection: &Connection,
    known: &Session,
    batch: &LogBatch,
    last_ms: i64,
    stored: u32,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE log_session SET row_count = row_count + ?2, last_ms = max(last_ms, ?3), path = ?4, clock_ms = ?5
             WHERE number = ?1",
        )?
        .execute(params![known.number, stored, last_ms, known.path.number(), known.clock_ms])?;
    if !known.is_latest {
        return Ok(());
    }
    let LogBatch { session, .. } = batch;
    connection
        .prepare_cached(
            "UPDATE log_session SET name = ?2, client_version = ?3, platform = ?4, started_ms = ?5, ended_ms = ?6,
                end_reason = ?7, signaling_ms = ?8, ice_ms = ?9, dtls_ms = ?10, first_frame_ms = ?11, windows = ?12,
                good = ?13, worst = ?14, sent_ms = ?15
             WHERE number = ?1",
        )?
        .execute(params![
            known.number,
            session.name,
            session.client_version,
            session.platform,
            session.started_ms + known.clock_ms,
            session.ended_ms.map(|at| at + known.clock_ms),
            session.end_reason,
            session.setup.signaling_ms,
            session.setup.ice_ms,
            session.setup.dtls_ms,
            session.setup.first_frame_ms,
            session.windows,
            session.good_windows,
            session.worst,
            batch.sent_ms,
        ])?;
    Ok(())
}

/// By which path a peer was reached at a time: as the batch's own links say, else as was known before.
struct Paths {
    /// By stay, in the order of time (the client's).
    told: HashMap<u32, Vec<(i64, PathType)>>,
    before: HashMap<u32, PathType>,
}

impl Paths {
    fn of(batch: &LogBatch, before: HashMap<u32, PathType>) -> Self {
        let mut told: HashMap<u32, Vec<(i64, PathType)>> = HashMap::new();
        for link in &batch.links {
            if let Some(path) = path_of(link) {
                told.entry(link.stay).or_default().push((link.start_ms, path));
            }
        }
        told.values_mut().for_each(|paths| paths.sort_by_key(|(start_ms, _)| *start_ms));
        Self { told, before }
    }

    fn at(&mut self, stay: u32, unix_ms: i64) -> PathType {
        let before = self.before.get(&stay).copied().unwrap_or_default();
        let Some(paths) = self.told.get(&stay) else { return before };
        match paths[..paths.partition_point(|(start_ms, _)| *start_ms <= unix_ms)].last() {
            Some((_, path)) => *path,
            None if before == PathType::Unknown => paths[0].1,
            None => before,
        }
    }

    /// The first that the batch tells.
    fn first(&self) -> PathType {
        self.told.values().filter_map(|paths| paths.first()).min().map_or(PathType::Unknown, |(_, path)| *path)
    }
}

fn path_of(link: &LogLink) -> Option<PathType> {
    link.path.as_deref().map(path_type).filter(|path| *path != PathType::Unknown)
}

struct Writer<'a> {
    connection: &'a Connection,
    session: i64,
    clock_ms: i64,
    stored: u32,
    cells: Vec<u8>,
}

impl Writer<'_> {
    /// Writes what is told of stays; gives by which path each was last reached before this batch.
    fn stays(&mut self, batch: &LogBatch) -> Result<HashMap<u32, PathType>, IngestError> {
        let mut read = self.connection.prepare_cached("SELECT stay, path, user FROM log_stay WHERE session = ?1")?;
        let known = read.query_map([self.session], |row| {
            Ok((row.get::<_, u32>(0)?, (PathType::from_number(row.get(1)?), row.get::<_, String>(2)?)))
        })?;
        let mut known = known.collect::<rusqlite::Result<HashMap<_, _>>>()?;
        let mut write = self.connection.prepare_cached(
            "INSERT INTO log_stay (session, stay, user, name, joined_ms, left_ms, leave_reason, signaling_ms, ice_ms,
                dtls_ms, first_frame_ms, path, sent_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12)
             ON CONFLICT DO UPDATE SET name = excluded.name, joined_ms = excluded.joined_ms,
                left_ms = excluded.left_ms, leave_reason = excluded.leave_reason,
                signaling_ms = excluded.signaling_ms, ice_ms = excluded.ice_ms, dtls_ms = excluded.dtls_ms,
                first_frame_ms = excluded.first_frame_ms, sent_ms = excluded.sent_ms
             WHERE excluded.sent_ms >= log_stay.sent_ms",
        )?;
        for stay in &batch.stays {
            let (_, user) = known.entry(stay.stay).or_insert_with(|| (PathType::Unknown, stay.user_id.clone()));
            if *user != stay.user_id {
                return Err(IngestError::Conflict(format!("stay {} belongs to another participant", stay.stay)));
            }
            write.execute(params![
                self.session,
                stay.stay,
                stay.user_id,
                stay.name,
                stay.joined_ms + self.clock_ms,
                stay.left_ms.map(|at| at + self.clock_ms),
                stay.leave_reason,
                stay.setup.signaling_ms,
                stay.setup.ice_ms,
                stay.setup.dtls_ms,
                stay.setup.first_frame_ms,
                batch.sent_ms,
            ])?;
        }
        if known.len() > SESSION_STAYS {
            return Err(IngestError::Invalid(format!("the session has more than {SESSION_STAYS} stays")));
        }
        let samples = batch.samples.iter().map(|row| row.stay);
        let breaks = batch.breaks.iter().filter_map(|row| row.stay);
        for stay in samples.chain(batch.links.iter().map(|row| row.stay)).chain(breaks) {
            if !known.contains_key(&stay) {
                return Err(IngestError::Invalid(format!("rows refer to stay {stay}, of which nothing is told")));
            }
        }
        self.remember_paths(batch)?;
        Ok(known.into_iter().map(|(stay, (path, _))| (stay, path)).collect())
    }

    fn remember_paths(&self, batch: &LogBatch) -> rusqlite::Result<()> {
        let mut latest: HashMap<u32, (i64, PathType)> = HashMap::new();
        for link in &batch.links {
            if let Some(path) = path_of(link) {
                let at = latest.entry(link.stay).or_insert((link.start_ms, path));
                *at = (*at).max((link.start_ms, path));
            }
        }
        let mut write = self
            .connection
            .prepare_cached("UPDATE log_stay SET path = ?3 WHERE session = ?1 AND stay = ?2 AND path <> ?3")?;
        for (stay, (_, path)) in latest {
            write.execute(params![self.session, stay, path.number()])?;
        }
        Ok(())
    }

    /// Writes rows; `count` is called for each that is new.
    fn windows<W: Window>(&mut self, rows: &[W], mut count: impl FnMut(&W)) -> rusqlite::Result<()> {
        let mut write = self.connection.prepare_cached(&format!(
            "INSERT OR IGNORE INTO {} (session, seq, track, start_ms, length_ms, measured_ms, cells)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            W::TABLE
        ))?;
        for row in rows {
            let head = row.head();
            row.pack(&mut self.cells);
            let (start_ms, length_ms) = (head.start_ms + self.clock_ms, head.end_ms - head.start_ms);
            let is_new = write.execute(params![
                self.session,
                head.seq,
                head.track,
                start_ms,
                length_ms,
                head.measured_ms,
                self.cells
            ])?;
            if is_new > 0 {
                self.stored += 1;
                count(row);
            }
        }
        Ok(())
    }

    fn events_and_breaks(&mut self, batch: &LogBatch) -> rusqlite::Result<()> {
        let mut write = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO log_event (session, seq, unix_ms, peer, event) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for row in &batch.events {
            // A map of strings to JSON values can be written as JSON.
            let event = serde_json::to_string(&row.event).unwrap_or_default();
            let is_new = write.execute(params![self.session, row.seq, row.unix_ms + self.clock_ms, row.peer, event])?;
            self.stored += is_new as u32;
        }
        let mut write = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO log_break (session, seq, stay, start_ms, end_ms, cause)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let mut end = self.connection.prepare_cached(
            "UPDATE log_break SET end_ms = max(start_ms, ?3) WHERE session = ?1 AND seq = ?2 AND end_ms IS NULL",
        )?;
        for row in &batch.breaks {
            let end_ms = row.end_ms.map(|at| at + self.clock_ms);
            let start_ms = row.start_ms + self.clock_ms;
            let is_new = write.execute(params![self.session, row.seq, row.stay, start_ms, end_ms, row.cause])?;
            self.stored += is_new as u32;
            if is_new == 0 && end_ms.is_some() {
                end.execute(params![self.session, row.seq, end_ms])?;
            }
        }
        Ok(())
    }
}
