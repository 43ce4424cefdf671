//! What was reported of the call that an admin looks at.
//!
//! Invariant: it is in memory, and that of one call at a time: other people's records are not kept on this computer.

use sightline_charts::{CallRecord, ChartsError, DEFAULT_POINTS, End};
use sightline_history::{CallId, History, import};
use sightline_protocol::logs::LogBatch;
use sightline_quality::Direction;

use crate::history::rows;
use crate::ipc::{AdminCharts, AdminPerson, Answer, ErrorCode, HistoryTable, IpcError};
use crate::words;

/// The reports of a call as a history.
pub(crate) struct Reports {
    room: String,
    code: String,
    history: History,
    people: Vec<Person>,
}

struct Person {
    name: String,
    ids: Vec<String>,
    /// Its sessions, where it reported.
    call: Option<CallId>,
}

impl Reports {
    pub(crate) fn new(room: String, server: &str, code: &str, batches: &[LogBatch]) -> Answer<Self> {
        let imported = import(server, code, batches)?;
        let history = imported.history;
        let reporters = imported.reporters.into_iter();
        let mut people: Vec<Person> =
            reporters.map(|one| Person { name: one.name, ids: one.ids, call: Some(one.call) }).collect();
        for call in people.iter().filter_map(|person| person.call).collect::<Vec<_>>() {
            for session in history.sessions(call)? {
                for stay in history.stays(session.id)? {
                    meet(&mut people, stay.peer, stay.name);
                }
            }
        }
        Ok(Self { room, code: code.to_owned(), history, people })
    }

    pub(crate) fn room(&self) -> &str {
        &self.room
    }

    /// Those who reported, then those whom they met.
    pub(crate) fn people(&self) -> Vec<AdminPerson> {
        let shown = |person: &Person| AdminPerson {
            name: person.name.clone(),
            reported: person.call.is_some(),
            ids: person.ids.clone(),
        };
        self.people.iter().map(shown).collect()
    }

    /// A record for charts, and the name of a file for pictures of them.
    pub(crate) fn record(&self, which: AdminCharts) -> Answer<(CallRecord, String)> {
        match which {
            AdminCharts::Person(number) => {
                let call = self.call(number)?;
                let record = CallRecord::load(&self.history, call, DEFAULT_POINTS).map_err(charts)?;
                Ok((record, self.stem(call)?))
            }
            AdminCharts::End { from, to, received } => {
                let (sender, receiver) = (self.person(from)?, self.person(to)?);
                let ends = [(sender, receiver, Direction::Outbound), (receiver, sender, Direction::Inbound)];
                let load = |(one, other, direction): (&Person, &Person, Direction)| {
                    let Some(call) = one.call else { return Ok(None) };
                    let end = End { call, peers: &other.ids, direction };
                    CallRecord::load_end(&self.history, &end, DEFAULT_POINTS).map(Some).map_err(charts)
                };
                let [sent, arrived] = ends.map(load);
                let [sent, arrived] = match (sent?, arrived?) {
                    (Some(sent), Some(arrived)) => CallRecord::side_by_side(sent, arrived).map(Some),
                    one => one.into(),
                };
                let (record, whose) = if received { (arrived, receiver) } else { (sent, sender) };
                let silent = || IpcError::new(ErrorCode::NotFound, words::admin::did_not_report(&whose.name));
                let call = whose.call.ok_or_else(silent)?;
                Ok((record.ok_or_else(silent)?, self.stem(call)?))
            }
        }
    }

    /// The numbers that somebody reported, over a stretch of time.
    pub(crate) fn table(&self, number: u32, from_ms: i64, to_ms: i64) -> Answer<HistoryTable> {
        rows(&self.history, self.call(number)?, from_ms..to_ms)
    }

    fn person(&self, number: u32) -> Answer<&Person> {
        let nobody = || IpcError::new(ErrorCode::NotFound, words::admin::NOBODY);
        self.people.get(number as usize).ok_or_else(nobody)
    }

    fn call(&self, number: u32) -> Answer<CallId> {
        let person = self.person(number)?;
        let silent = || IpcError::new(ErrorCode::NotFound, words::admin::did_not_report(&person.name));
        person.call.ok_or_else(silent)
    }

    fn stem(&self, call: CallId) -> Answer<String> {
        let line = self.history.call(call)?.ok_or_else(|| IpcError::not_now(words::admin::NO_REPORTS))?;
        Ok(words::file_stem(&self.code, line.started_ms))
    }
}

/// Adds somebody who was met, unless it is known.
fn meet(people: &mut Vec<Person>, peer: String, name: Option<String>) {
    match people.iter_mut().find(|person| person.ids.contains(&peer)) {
        Some(known) if known.name.is_empty() => known.name = name.unwrap_or_default(),
        Some(_) => {}
        None => people.push(Person { name: name.unwrap_or_default(), ids: vec![peer], call: None }),
    }
}

fn charts(error: ChartsError) -> IpcError {
    match error {
        ChartsError::NoSuchCall => IpcError::new(ErrorCode::NotFound, words::admin::NO_SUCH_CALL),
        ChartsError::History(error) => error.into(),
    }
}
