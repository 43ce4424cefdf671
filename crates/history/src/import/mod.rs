//! A history made of what others uploaded of one call, for an admin who looks at it as at one of their own.
//!
//! Invariants: it is in memory only, for it is other people's record. Each reporter has a call of its own in it, with all of
//! the reporter's sessions: so every reader of a [`History`] works on it, and nobody's rows are taken for another's. A
//! value that no batch has is NULL, as one that was not measured.

mod rows;

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use sightline_protocol::logs::{LogBatch, LogBreak, LogEvent, LogLink, LogProcess, LogSample, LogSession, LogStay};

use crate::table::{breaks, call, event, link_sample, process_sample, sample, session, stay, track};
use crate::{CallId, History, HistoryError, SessionId, SessionStart, StayId};

/// A history that was made of batches.
#[derive(Debug)]
pub struct Imported {
    /// To be read like any other.
    pub history: History,
    /// Those who reported, in the order of their first session.
    pub reporters: Vec<Reporter>,
}

/// A participant who reported, and its part of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// Its sessions, as a call.
    pub call: CallId,
    /// Its name; not unique.
    pub name: String,
    /// Its participant ids: one for each time that it came anew.
    pub ids: Vec<String>,
}

/// Makes a history of the batches of one call, in whatever order and however often they came.
///
/// # Errors
/// Where memory cannot hold it.
pub fn import(server: &str, code: &str, batches: &[LogBatch]) -> Result<Imported, HistoryError> {
    let history = History::in_memory()?;
    let reporters = history.said(fill(history.connection(), server, code, batches))?;
    Ok(Imported { history, reporters })
}

fn fill(connection: &Connection, server: &str, code: &str, batches: &[LogBatch]) -> rusqlite::Result<Vec<Reporter>> {
    let writing = connection.unchecked_transaction()?;
    let mut reporters = Vec::new();
    for Person { name, ids, sessions } in people(&gathered(batches)) {
        let call = call::ensure(&writing, server, &name_of_call(code, &name, &reporters))?;
        for session in sessions {
            insert_session(&writing, call, server, code, session)?;
        }
        reporters.push(Reporter { call, name, ids });
    }
    writing.commit()?;
    Ok(reporters)
}

/// Tells the calls of the reporters apart, also in a picture of charts: `amber-canoe · Ada`, `amber-canoe · Ada (2)`.
fn name_of_call(code: &str, name: &str, before: &[Reporter]) -> String {
    match before.iter().filter(|reporter| reporter.name == name).count() {
        0 => format!("{code} · {name}"),
        more => format!("{code} · {name} ({})", more + 1),
    }
}

/// What all batches say of a session: of each row the latest.
struct Gathered<'a> {
    session: &'a LogSession,
    stays: BTreeMap<u32, &'a LogStay>,
    samples: BTreeMap<u32, &'a LogSample>,
    links: BTreeMap<u32, &'a LogLink>,
    process: BTreeMap<u32, &'a LogProcess>,
    events: BTreeMap<u32, &'a LogEvent>,
    breaks: BTreeMap<u32, &'a LogBreak>,
}

impl<'a> Gathered<'a> {
    fn of(batch: &'a LogBatch) -> Self {
        let mut gathered = Self {
            session: &batch.session,
            stays: BTreeMap::new(),
            samples: BTreeMap::new(),
            links: BTreeMap::new(),
            process: BTreeMap::new(),
            events: BTreeMap::new(),
            breaks: BTreeMap::new(),
        };
        gathered.add(batch);
        gathered
    }

    /// Takes in a batch that was sent later.
    fn add(&mut self, batch: &'a LogBatch) {
        self.session = &batch.session;
        self.stays.extend(batch.stays.iter().map(|row| (row.stay, row)));
        self.samples.extend(batch.samples.iter().map(|row| (row.seq, row)));
        self.links.extend(batch.links.iter().map(|row| (row.seq, row)));
        self.process.extend(batch.process.iter().map(|row| (row.seq, row)));
        self.events.extend(batch.events.iter().map(|row| (row.seq, row)));
        self.breaks.extend(batch.breaks.iter().map(|row| (row.seq, row)));
    }
}

/// The sessions in the order of their start.
fn gathered(batches: &[LogBatch]) -> Vec<Gathered<'_>> {
    let mut in_order: Vec<&LogBatch> = batches.iter().collect();
    in_order.sort_by_key(|batch| batch.sent_ms);
    let mut sessions: HashMap<&str, Gathered<'_>> = HashMap::new();
    for batch in in_order {
        let known = sessions.entry(&batch.session.id);
        known.and_modify(|known| known.add(batch)).or_insert_with(|| Gathered::of(batch));
    }
    let mut sessions: Vec<_> = sessions.into_values().collect();
    sessions.sort_by(|one, other| {
        let key = |of: &Gathered<'_>| of.session.started_ms;
        key(one).cmp(&key(other)).then_with(|| one.session.id.cmp(&other.session.id))
    });
    sessions
}

/// A reporter and its sessions.
struct Person<'a> {
    name: String,
    ids: Vec<String>,
    sessions: Vec<&'a Gathered<'a>>,
}

impl Person<'_> {
    /// The same participant; or the same name at another time, as after a crash. Charts tell their people apart by the
    /// same rule.
    fn is(&self, session: &LogSession) -> bool {
        let end = |of: &LogSession| of.ended_ms.unwrap_or(i64::MAX);
        let apart = |of: &&Gathered<'_>| end(of.session) <= session.started_ms || end(session) <= of.session.started_ms;
        self.ids.contains(&session.user_id)
            || (!session.name.is_empty() && self.name == session.name && self.sessions.iter().all(apart))
    }
}

fn people<'a>(sessions: &'a [Gathered<'a>]) -> Vec<Person<'a>> {
    let mut people: Vec<Person<'_>> = Vec::new();
    for gathered in sessions {
        let session = gathered.session;
        match people.iter_mut().find(|person| person.is(session)) {
            Some(person) => {
                person.sessions.push(gathered);
                if !person.ids.contains(&session.user_id) {
                    person.ids.push(session.user_id.clone());
                }
            }
            None => people.push(Person {
                name: session.name.clone(),
                ids: vec![session.user_id.clone()],
                sessions: vec![gathered],
            }),
        }
    }
    people
}

fn insert_session(
    to: &Connection,
    call: CallId,
    server: &str,
    code: &str,
    from: &Gathered<'_>,
) -> rusqlite::Result<()> {
    let told = from.session;
    let start = SessionStart {
        code: code.to_owned(),
        server: server.to_owned(),
        own_name: told.name.clone(),
        own_id: told.user_id.clone(),
        client_version: told.client_version.clone(),
        unix_ms: told.started_ms,
    };
    // No process of this machine records it: its lock is none that there could be.
    let session = session::insert(to, call, &start, "")?;
    session::set_setup(to, session, &rows::setup(&told.setup))?;
    session::set_standing(
        to,
        session,
        &rows::standing(told, from.links.values().copied(), from.samples.values().copied()),
    )?;
    if let Some(ended_ms) = told.ended_ms {
        session::close(to, session, told.end_reason.as_deref().unwrap_or_default(), ended_ms)?;
    }
    Stays::insert(to, session, from)?.rows(from)
}

/// The stays of a session, by the numbers that batches have for them.
struct Stays<'a> {
    to: &'a Connection,
    session: SessionId,
    by_number: BTreeMap<u32, (StayId, &'a str)>,
}

impl<'a> Stays<'a> {
    fn insert(to: &'a Connection, session: SessionId, from: &Gathered<'a>) -> rusqlite::Result<Self> {
        let mut by_number = BTreeMap::new();
        for (number, told) in &from.stays {
            let id = stay::insert(to, &rows::stay(session, told))?;
            by_number.insert(*number, (id, told.user_id.as_str()));
        }
        Ok(Self { to, session, by_number })
    }

    /// All else. A row about a stay that no batch tells of is about nobody, and left out.
    fn rows(&self, from: &Gathered<'_>) -> rusqlite::Result<()> {
        let to = self.to;
        for told in from.samples.values() {
            let Some((stay, peer)) = self.by_number.get(&told.stay) else { continue };
            let row = rows::track_row(told, peer);
            let key = &row.counters.key;
            sample::insert(to, track::ensure(to, *stay, key.kind, key.direction)?, &row)?;
        }
        for told in from.links.values() {
            let Some((stay, peer)) = self.by_number.get(&told.stay) else { continue };
            link_sample::insert(to, *stay, &rows::link_row(told, peer))?;
        }
        for told in from.process.values() {
            process_sample::insert(to, self.session, &rows::process_row(told))?;
        }
        for told in from.events.values() {
            let stay = match &told.peer {
                Some(peer) => Some(stay::newest(to, self.session, peer, told.unix_ms)?),
                None => None,
            };
            event::insert_detail(to, self.session, stay, told.unix_ms, &told.event.clone().into())?;
        }
        for told in from.breaks.values() {
            let about = told.stay.map(|number| self.by_number.get(&number).map(|(id, _)| *id));
            let Some(stay) = about.map_or(Some(None), |known| known.map(Some)) else { continue };
            breaks::insert_told(to, &rows::gap(self.session, stay, told))?;
        }
        Ok(())
    }
}
