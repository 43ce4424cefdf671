//! Finding calls: the list of calls, narrowed down by words, time and headline.
//!
//! Invariant: the order is that of the latest session, the newest first, whatever is asked for; so pages of one filter
//! neither overlap nor leave a call out.

use std::collections::HashMap;

use rusqlite::{Connection, named_params};
use sightline_quality::{Class, Headline, Standing};

use crate::CallId;
use crate::cells::Reader;
use crate::table::session::{self, Session};

/// Which calls are wanted; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Words, each of which is in the room code or in somebody's name, in any case.
    pub text: String,
    /// Some session of the call went on at or after this time, milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Some session of the call began before this time.
    pub to_ms: Option<i64>,
    /// How the call was.
    pub standing: Option<Rated>,
}

/// How a call was, taken as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rated {
    /// Its headline is of this class.
    As(Class),
    /// Too little is known of it.
    Unclassified,
}

/// A call in a list, all its sessions together.
#[derive(Debug, Clone, PartialEq)]
pub struct CallLine {
    /// Its id.
    pub id: CallId,
    /// The server.
    pub server: String,
    /// The room code.
    pub code: String,
    /// Start of the first session, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// End of the last one; `None` while it is being recorded.
    pub ended_ms: Option<i64>,
    /// Time in the call, milliseconds: the sessions that have ended, added up.
    pub talk_ms: u64,
    /// Number of sessions.
    pub sessions: u32,
    /// Names of those who were there, each once, in their alphabetical order.
    pub peers: Vec<String>,
    /// What the headline is made of.
    pub standing: Standing,
    /// How it was.
    pub headline: Headline,
    /// It is over, and no link to anybody ever came up.
    pub missed: bool,
    /// A session of it ended with a crash.
    pub crashed: bool,
}

impl CallLine {
    fn new(session: &Session, server: String, code: String) -> Self {
        let mut line = Self {
            id: session.call,
            server,
            code,
            started_ms: session.started_ms,
            ended_ms: session.ended_ms,
            talk_ms: 0,
            sessions: 0,
            peers: Vec::new(),
            standing: Standing::default(),
            headline: Standing::default().headline(),
            missed: false,
            crashed: false,
        };
        line.add(session);
        line
    }

    fn add(&mut self, session: &Session) {
        self.sessions += 1;
        self.ended_ms = self.ended_ms.zip(session.ended_ms).map(|(one, other)| one.max(other));
        let length = session.ended_ms.map_or(0, |ended_ms| ended_ms.saturating_sub(session.started_ms));
        self.talk_ms = self.talk_ms.saturating_add(u64::try_from(length).unwrap_or(0));
        self.standing = self.standing.join(session.standing);
        self.headline = self.standing.headline();
        self.crashed |= session.end_reason.as_deref() == Some("crash");
        self.missed = self.ended_ms.is_some() && !self.standing.connected;
    }
}

/// The words and the headline of a filter: what SQLite cannot compare in any case of any script, and what is not worth
/// a second copy of its rule in SQL.
struct Wanted {
    words: Vec<String>,
    standing: Option<Rated>,
}

impl Wanted {
    fn of(filter: &CallFilter) -> Self {
        let words = filter.text.to_lowercase().split_whitespace().map(str::to_owned).collect();
        Self { words, standing: filter.standing }
    }

    fn everything(&self) -> bool {
        self.words.is_empty() && self.standing.is_none()
    }

    fn includes(&self, line: &CallLine) -> bool {
        let rated = line.headline.class().map_or(Rated::Unclassified, Rated::As);
        if self.standing.is_some_and(|standing| standing != rated) {
            return false;
        }
        if self.words.is_empty() {
            return true;
        }
        let texts: Vec<_> = line.peers.iter().chain([&line.code]).map(|text| text.to_lowercase()).collect();
        self.words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
    }
}

/// A stretch of the list, as SQLite can cut it out.
struct Page {
    call: Option<CallId>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    /// -1 is all.
    limit: i64,
    skip: i64,
}

/// The calls that a filter asks for: `limit` of them, after the first `skip`.
pub(crate) fn find(
    connection: &Connection,
    filter: &CallFilter,
    limit: u32,
    skip: u32,
) -> rusqlite::Result<Vec<CallLine>> {
    let wanted = Wanted::of(filter);
    let (call, from_ms, to_ms) = (None, filter.from_ms, filter.to_ms);
    if wanted.everything() {
        return read(connection, &Page { call, from_ms, to_ms, limit: limit.into(), skip: skip.into() });
    }
    let all = read(connection, &Page { call, from_ms, to_ms, limit: -1, skip: 0 })?;
    let found = all.into_iter().filter(|line| wanted.includes(line));
    Ok(found.skip(skip as usize).take(limit as usize).collect())
}

/// One call; `None` where there is none of this id.
pub(crate) fn call(connection: &Connection, id: CallId) -> rusqlite::Result<Option<CallLine>> {
    let page = Page { call: Some(id), from_ms: None, to_ms: None, limit: 1, skip: 0 };
    Ok(read(connection, &page)?.pop())
}

/// The calls of a page. A session that has no end yet goes on.
fn page_sql(one: bool) -> String {
    // Two statements rather than one with 'OR :call IS NULL', which no index could serve.
    let only = if one { "WHERE call_id = :call" } else { "WHERE :call IS NULL" };
    format!(
        "WITH page AS (SELECT call_id, max(started_ms) AS latest FROM session {only} GROUP BY call_id
            HAVING max(coalesce(started_ms < :to, 1) AND coalesce(coalesce(ended_ms, :from) >= :from, 1))
            ORDER BY latest DESC, call_id DESC LIMIT :limit OFFSET :skip)"
    )
}

/// Ordered by the latest session; the sessions of a call follow each other, the first one first.
fn sessions_sql(one: bool) -> String {
    format!(
        "{} SELECT {}, server, code FROM page JOIN session USING (call_id) JOIN call ON call.id = call_id
         ORDER BY latest DESC, call_id DESC, started_ms, session.id",
        page_sql(one),
        session::COLUMNS
    )
}

fn names_sql(one: bool) -> String {
    format!(
        "{} SELECT DISTINCT call_id, name FROM page JOIN session USING (call_id)
         JOIN stay ON session_id = session.id WHERE name IS NOT NULL ORDER BY call_id, name",
        page_sql(one)
    )
}

fn read(connection: &Connection, page: &Page) -> rusqlite::Result<Vec<CallLine>> {
    let one = page.call.is_some();
    let parameters = named_params! {
        ":call": page.call, ":from": page.from_ms, ":to": page.to_ms, ":limit": page.limit, ":skip": page.skip,
    };
    let mut lines: Vec<CallLine> = Vec::new();
    let mut statement = connection.prepare_cached(&sessions_sql(one))?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let mut row = Reader::new(row);
        let session = session::read(&mut row)?;
        match lines.last_mut().filter(|line| line.id == session.call) {
            Some(line) => line.add(&session),
            None => lines.push(CallLine::new(&session, row.get()?, row.get()?)),
        }
    }
    let mut names: HashMap<CallId, Vec<String>> = HashMap::new();
    let mut statement = connection.prepare_cached(&names_sql(one))?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        names.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    for line in &mut lines {
        line.peers = names.remove(&line.id).unwrap_or_default();
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        for one in [false, true] {
            for sql in [sessions_sql(one), names_sql(one)] {
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let parameters = named_params! { ":call": 1, ":from": 0, ":to": 0, ":limit": 1, ":skip": 0 };
                let plan = statement.query_map(parameters, |row| row.get::<_, String>("detail")).unwrap();
                let plan: Vec<String> = plan.map(Result::unwrap).collect();
                // The list goes through the sessions once, by their index; all else is looked up.
                let looked_up = |step: &&String| step.starts_with("SEARCH");
                let scans = plan.iter().filter(|step| step.starts_with("SCAN") && *step != "SCAN page");
                assert!(scans.into_iter().all(|step| step.contains("INDEX session_by_call")), "{plan:?}");
                let table =
                    if sql.contains("stay") { "stay USING INDEX stay_by_session" } else { "INDEX session_by_call" };
                assert!(plan.iter().filter(looked_up).any(|step| step.contains(table)), "{plan:?}");
            }
        }
    }
}
