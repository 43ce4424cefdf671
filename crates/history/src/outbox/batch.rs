//! A batch, made of the rows that the server does not have yet.
//!
//! Invariant: the same rows make the same batch, under the same id, and a row has the same number in each batch it is
//! in: its position in the session. Those are in the order of the rows' ids, which rise while a session is recorded,
//! also where other processes write to the same tables.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;
use serde::Serialize;
use sightline_protocol::logs::{LOG_SCHEMA, LogBatch, LogBreak, LogEvent, LogLink, LogProcess, LogSample, LogStay};

use super::plain;
use super::rows::{log_break, log_event, log_link, log_process, log_sample, log_session, log_stay};
use crate::table::stay::{self, Stay};
use crate::table::told::{self, Told};
use crate::table::upload::{Mark, Marks, Upload};
use crate::table::{breaks, event, link_sample, process_sample, sample, session};
use crate::{SessionId, StayId};

/// A batch, and what its acknowledgement will mean.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) batch: LogBatch,
    pub(super) marks: Marks,
    pub(super) told: Vec<Told>,
    pub(super) session_digest: String,
    /// Whether there is more than what was asked for.
    pub(super) more: bool,
    /// Whether the session goes on.
    pub(super) live: bool,
}

/// Makes a batch of at most so many rows of each kind; `None` where the server has all there is.
pub(super) fn make(connection: &Connection, upload: &Upload, now_ms: i64, rows: u32) -> rusqlite::Result<Option<Made>> {
    let session = session::get(connection, upload.session)?;
    let mut stays = stay::of_session(connection, upload.session)?;
    stays.sort_by_key(|stay| stay.id);
    let numbers = stays.iter().zip(0..).map(|(stay, number)| (stay.id, number)).collect();
    let (marks, referred) = (upload.marks, BTreeSet::new());
    let session_id = upload.session;
    let mut maker =
        Maker { connection, session: session_id, rows, numbers, marks, referred, told: Vec::new(), more: false };
    let (samples, links) = (maker.samples()?, maker.links()?);
    let (process, events, breaks) = (maker.process()?, maker.events()?, maker.breaks()?);
    // Last: by then it is known which stays the rows refer to.
    let stays = maker.stays(&stays)?;
    let session_row = log_session(&upload.upload_id, &session);
    let session_digest = digest(&session_row);
    let Maker { marks, told, more, .. } = maker;
    if marks == upload.marks && told.is_empty() && session_digest == upload.session_digest {
        return Ok(None);
    }
    let (schema, id, sent_ms) = (LOG_SCHEMA, String::new(), 0);
    let mut batch =
        LogBatch { schema, id, sent_ms, session: session_row, stays, samples, links, process, events, breaks };
    // Of all that is in it but the time: a server that has this id has this content. What has changed since, such as the
    // end of the session, makes another batch.
    batch.id = format!("{}-{}", upload.upload_id, digest(&batch));
    batch.sent_ms = now_ms;
    Ok(Some(Made { batch, marks, told, session_digest, more, live: session.ended_ms.is_none() }))
}

/// Takes rows that the server does not have yet.
struct Maker<'a> {
    connection: &'a Connection,
    session: SessionId,
    /// Most of each kind.
    rows: u32,
    /// Numbers of the stays within the session.
    numbers: HashMap<StayId, u32>,
    /// Up to where rows were taken.
    marks: Marks,
    /// Stays that they refer to.
    referred: BTreeSet<u32>,
    /// Stays and breaks that the server does not know as they are now.
    told: Vec<Told>,
    more: bool,
}

impl Maker<'_> {
    fn samples(&mut self) -> rusqlite::Result<Vec<LogSample>> {
        let found = sample::after(self.connection, self.session, self.marks.samples.id, self.rows)?;
        self.more |= is_full(&found, self.rows);
        let mut taken = Vec::new();
        for (id, stay, row) in found {
            let seq = next(&mut self.marks.samples, id);
            if let (Some(seq), Some(stay), Some(row)) = (seq, self.refer(stay), row) {
                taken.push(log_sample(seq, stay, &row));
            }
        }
        Ok(taken)
    }

    fn links(&mut self) -> rusqlite::Result<Vec<LogLink>> {
        let found = link_sample::after(self.connection, self.session, self.marks.links.id, self.rows)?;
        self.more |= is_full(&found, self.rows);
        let mut taken = Vec::new();
        for (id, stay, row) in found {
            let seq = next(&mut self.marks.links, id);
            if let (Some(seq), Some(stay)) = (seq, self.refer(stay)) {
                taken.push(log_link(seq, stay, &row));
            }
        }
        Ok(taken)
    }

    fn process(&mut self) -> rusqlite::Result<Vec<LogProcess>> {
        let found = process_sample::after(self.connection, self.session, self.marks.process.id, self.rows)?;
        self.more |= is_full(&found, self.rows);
        let taken =
            found.into_iter().filter_map(|(id, row)| Some(log_process(next(&mut self.marks.process, id)?, &row)));
        Ok(taken.collect())
    }

    fn events(&mut self) -> rusqlite::Result<Vec<LogEvent>> {
        let found = event::after(self.connection, self.session, self.marks.events.id, self.rows)?;
        self.more |= is_full(&found, self.rows);
        let taken = found.into_iter().filter_map(|(id, event)| log_event(next(&mut self.marks.events, id)?, &event?));
        Ok(taken.collect())
    }

    fn breaks(&mut self) -> rusqlite::Result<Vec<LogBreak>> {
        let known = told::of_session(self.connection, self.session, told::BREAK)?;
        let mut taken = Vec::new();
        for ((id, row), seq) in breaks::by_id(self.connection, self.session)?.into_iter().zip(0..) {
            let stay = row.stay.and_then(|stay| self.numbers.get(&stay).copied());
            let made = log_break(seq, stay, &row);
            let digest = digest(&made);
            if known.get(&id) == Some(&digest) {
                continue;
            }
            if is_full(&taken, self.rows) {
                self.more = true;
                break;
            }
            self.referred.extend(stay);
            self.told.push(Told { kind: told::BREAK, row: id, digest });
            taken.push(made);
        }
        Ok(taken)
    }

    /// Those that changed, and those that the rows refer to.
    fn stays(&mut self, all: &[Stay]) -> rusqlite::Result<Vec<LogStay>> {
        let known = told::of_session(self.connection, self.session, told::STAY)?;
        let (mut taken, mut changed) = (Vec::new(), 0);
        for (row, number) in all.iter().zip(0..) {
            let made = log_stay(number, row);
            let digest = digest(&made);
            let is_news = known.get(&row.id.0) != Some(&digest);
            if is_news && changed >= self.rows && !self.referred.contains(&number) {
                self.more = true;
            } else if is_news {
                changed += 1;
                self.told.push(Told { kind: told::STAY, row: row.id.0, digest });
                taken.push(made);
            } else if self.referred.contains(&number) {
                taken.push(made);
            }
        }
        Ok(taken)
    }

    /// The number of a stay that a row in the batch is about.
    fn refer(&mut self, stay: StayId) -> Option<u32> {
        let number = *self.numbers.get(&stay)?;
        self.referred.insert(number);
        Some(number)
    }
}

fn is_full<T>(found: &[T], rows: u32) -> bool {
    found.len() >= rows as usize
}

/// Passes a row, and gives its number: its position. A session of more than 2^32 windows would end its upload there; at
/// one in 15 s that is after 2000 years.
fn next(mark: &mut Mark, id: i64) -> Option<u32> {
    let seq = u32::try_from(mark.count).ok();
    *mark = Mark { id, count: mark.count + 1 };
    seq
}

fn digest(of: &impl Serialize) -> String {
    // The types are plain structs, of which serde_json always makes a text.
    plain::digest(&serde_json::to_vec(of).unwrap_or_default())
}
