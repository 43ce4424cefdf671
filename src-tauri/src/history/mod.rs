//! The history as the page shows it. Every question opens the file anew, which takes a millisecond, on a thread that may
//! wait for the disk.
//!
//! Invariant: a history that does not exist yet is an empty one; one that cannot be read is an error that says why.

mod export;
mod table;

use std::collections::HashMap;
use std::path::Path;

use sightline_history::{CallFilter, CallId, History, HistoryError, Rated, StayId};
use sightline_quality::{Class, EventKind};

pub(crate) use export::{Written, export, write_new};
pub(crate) use table::{rows, table};

use crate::ipc::{
    Answer, BreakLine, CallDetail, CallLine, ErrorCode, EventLine, FindingLine, HeadlineLine, HistoryFilter, IpcError,
    QualityClass, SessionLine, StayLine, SummaryLine,
};
use crate::words;

/// Lines that are given at a time.
const MAX_LINES: u32 = 1000;

/// Opens the history; `None` where there is none yet.
pub(crate) fn open(path: &Path) -> Answer<Option<History>> {
    match History::open(path) {
        Ok(history) => Ok(Some(history)),
        Err(HistoryError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn open_existing(path: &Path) -> Answer<History> {
    open(path)?.ok_or_else(no_such_call)
}

fn no_such_call() -> IpcError {
    IpcError::new(ErrorCode::NotFound, words::NO_SUCH_CALL)
}

/// The history with a call that is in it.
pub(crate) fn find(path: &Path, id: i64) -> Answer<(History, sightline_history::CallLine)> {
    let history = open_existing(path)?;
    let line = history.call(CallId(id))?.ok_or_else(no_such_call)?;
    Ok((history, line))
}

/// The calls that a filter asks for.
pub(crate) fn calls(path: &Path, filter: &HistoryFilter, limit: u32, skip: u32) -> Answer<Vec<CallLine>> {
    let Some(history) = open(path)? else { return Ok(Vec::new()) };
    let filter = CallFilter {
        text: filter.text.clone(),
        from_ms: filter.from_ms,
        to_ms: filter.to_ms,
        standing: filter.class.map(|class| Rated::As(class.into())),
    };
    Ok(history.find(&filter, limit.min(MAX_LINES), skip)?.into_iter().map(CallLine::from).collect())
}

/// One call in whole.
pub(crate) fn call(path: &Path, id: i64, now_ms: i64) -> Answer<CallDetail> {
    let (history, line) = find(path, id)?;
    let id = line.id;
    let end_ms = line.ended_ms.unwrap_or(now_ms);
    let (mut sessions, mut peers, mut events) = (Vec::new(), Vec::new(), Vec::new());
    let mut stay_names = HashMap::<StayId, String>::new();
    for session in history.sessions(id)? {
        let stays = history.stays(session.id)?;
        let names: HashMap<_, _> = stays.iter().map(|stay| (stay.peer.clone(), name(&stay.name))).collect();
        for stay in stays {
            stay_names.insert(stay.id, name(&stay.name));
            peers.push(StayLine {
                name: name(&stay.name),
                joined_ms: stay.joined_ms,
                left_ms: stay.left_ms,
                reason: stay.leave_reason,
            });
        }
        for event in history.events(session.id)? {
            // The states of a link repeat what the events of losing and mending it say.
            if matches!(event.kind, EventKind::LinkState { .. }) {
                continue;
            }
            let who = event.peer.map(|peer| names.get(&peer).cloned().unwrap_or(peer));
            events.push(EventLine { at_ms: event.unix_ms, who, words: words::event_words(&event.kind) });
        }
        sessions.push(SessionLine {
            id: session.id.0,
            started_ms: session.started_ms,
            ended_ms: session.ended_ms,
            reason: session.end_reason,
        });
    }
    let breaks = history.breaks(id)?.into_iter().map(|gap| {
        let about = gap.stay.and_then(|stay| stay_names.get(&stay)).map(String::as_str);
        BreakLine {
            from_ms: gap.start_ms,
            to_ms: gap.end_ms.unwrap_or(end_ms),
            words: words::break_words(&gap.cause, about),
            cause: gap.cause,
        }
    });
    let breaks = breaks.collect();
    let report = history.findings(id)?;
    let summary =
        SummaryLine { sentence: report.summary.sentence(), class: report.summary.headline.class().map(Into::into) };
    let findings = report.findings.into_iter().map(|finding| FindingLine {
        sentence: finding.sentence(&words::time_of_day),
        from_ms: finding.from_ms,
        to_ms: finding.to_ms,
        class: finding.class.into(),
    });
    let findings = findings.collect();
    Ok(CallDetail { line: line.into(), summary, sessions, breaks, peers, events, findings })
}

fn name(known: &Option<String>) -> String {
    known.clone().unwrap_or_else(|| words::SOMEBODY.to_owned())
}

impl From<sightline_history::CallLine> for CallLine {
    fn from(line: sightline_history::CallLine) -> Self {
        let good_share = match line.headline {
            sightline_quality::Headline::Classified { share, .. } => Some(share.0),
            sightline_quality::Headline::Unclassified(_) => None,
        };
        Self {
            id: line.id.0,
            code: line.code,
            started_ms: line.started_ms,
            duration_ms: i64::try_from(line.talk_ms).unwrap_or(i64::MAX),
            peers: line.peers,
            headline: HeadlineLine {
                class: line.headline.class().map(QualityClass::from),
                good_share,
                words: words::headline(&line.headline),
            },
            under_way: line.ended_ms.is_none(),
        }
    }
}

impl From<QualityClass> for Class {
    fn from(class: QualityClass) -> Self {
        match class {
            QualityClass::Good => Self::Good,
            QualityClass::Ok => Self::Ok,
            QualityClass::Bad => Self::Bad,
            QualityClass::Terrible => Self::Terrible,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
