//! What the recorder does to the file, one transaction each.
//!
//! Invariant: nothing is remembered between two transactions but the id of the session, so that one which failed can
//! simply be tried again.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use sightline_quality::{Event, EventKind, Rows};

use crate::alive::{Alive, clear_dead, is_alive};
use crate::table::{breaks, call, event, link_sample, process_sample, sample, session, stay, track, upload};
use crate::{HistoryError, SessionId, SessionStart, Share};

/// Something to be recorded.
#[derive(Debug)]
pub(crate) enum Entry {
    Joined { peer: String, name: String, unix_ms: i64 },
    Left { peer: String, reason: String, unix_ms: i64 },
    Rows(Box<Rows>),
    Event(Box<Event>),
    End { reason: String, unix_ms: i64 },
}

/// The file, and the session that is being recorded.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    path: PathBuf,
    session: Option<(SessionId, Alive)>,
}

impl Writer {
    /// Takes over a connection that is open for writing; closes sessions whose process died.
    pub(crate) fn new(connection: Connection, path: &Path) -> Result<Self, HistoryError> {
        // Whoever opens the file by another name must look for the same locks.
        let path = path.canonicalize().map_err(|source| HistoryError::Lock { path: path.to_owned(), source })?;
        let mut writer = Self { connection, path, session: None };
        writer.close_crashed()?;
        Ok(writer)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn close_crashed(&mut self) -> Result<(), HistoryError> {
        let said = |source| HistoryError::from_sqlite(&self.path, source);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
        let locks = |source| HistoryError::Lock { path: self.path.clone(), source };
        clear_dead(&self.path).map_err(locks)?;
        for (id, token) in session::open(&transaction).map_err(said)? {
            if !is_alive(&self.path, &token).map_err(locks)? {
                crashed(&transaction, id).map_err(said)?;
                tracing::info!(session = id.0, "closed a session that a crash left open");
            }
        }
        transaction.commit().map_err(said)
    }

    /// Begins a session, which is uploaded only where it is to be shared.
    pub(crate) fn start(&mut self, start: &SessionStart, share: Option<&Share>) -> Result<SessionId, HistoryError> {
        if self.session.is_some() {
            return Err(HistoryError::SessionRunning);
        }
        let said = |source| HistoryError::from_sqlite(&self.path, source);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
        let token: String =
            transaction.query_row("SELECT lower(hex(randomblob(8)))", [], |row| row.get(0)).map_err(said)?;
        let alive =
            Alive::mark(&self.path, &token).map_err(|source| HistoryError::Lock { path: self.path.clone(), source })?;
        let inserted = call::ensure(&transaction, &start.server, &start.code)
            .and_then(|call| session::insert(&transaction, call, start, &token))
            .and_then(|id| share.map_or(Ok(()), |share| upload::insert(&transaction, id, share)).map(|()| id))
            .and_then(|id| transaction.commit().map(|()| id));
        match inserted {
            Ok(id) => {
                self.session = Some((id, alive));
                Ok(id)
            }
            Err(source) => {
                alive.end();
                Err(said(source))
            }
        }
    }

    /// Records an entry of the present session; there is nothing to record without one.
    pub(crate) fn write(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        let Some((session, _)) = &self.session else { return Ok(()) };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        record(&transaction, *session, entry)?;
        transaction.commit()?;
        if matches!(entry, Entry::End { .. })
            && let Some((_, alive)) = self.session.take()
        {
            alive.end();
        }
        Ok(())
    }
}

fn record(to: &Transaction<'_>, session: SessionId, entry: &Entry) -> rusqlite::Result<()> {
    match entry {
        Entry::Joined { peer, name, unix_ms } => stay::join(to, session, peer, Some(name), *unix_ms).map(|_| ()),
        Entry::Left { peer, reason, unix_ms } => left(to, session, peer, reason, *unix_ms),
        Entry::Rows(rows) => record_rows(to, session, rows),
        Entry::Event(event) => record_event(to, session, event),
        Entry::End { reason, unix_ms } => end(to, session, reason, *unix_ms),
    }
}

fn left(to: &Connection, session: SessionId, peer: &str, reason: &str, unix_ms: i64) -> rusqlite::Result<()> {
    let stay = stay::newest(to, session, peer, unix_ms)?;
    breaks::end(to, session, Some(stay), unix_ms)?;
    stay::leave(to, session, peer, reason, unix_ms)
}

fn end(to: &Connection, session: SessionId, reason: &str, unix_ms: i64) -> rusqlite::Result<()> {
    breaks::close_all(to, session, unix_ms)?;
    stay::close_all(to, session, reason, unix_ms)?;
    session::close(to, session, reason, unix_ms)
}

/// Closes a session at its last sample's time.
fn crashed(to: &Connection, session: SessionId) -> rusqlite::Result<()> {
    let unix_ms = session::last_sample_ms(to, session)?;
    event::insert(to, session, None, unix_ms, &EventKind::Left { reason: "crash".to_owned() })?;
    end(to, session, "crash", unix_ms)
}

fn record_rows(to: &Connection, session: SessionId, rows: &Rows) -> rusqlite::Result<()> {
    for row in &rows.tracks {
        let key = &row.counters.key;
        let stay = stay::newest(to, session, &key.peer, row.span.start_ms)?;
        sample::insert(to, track::ensure(to, stay, key.kind, key.direction)?, row)?;
    }
    for row in &rows.links {
        link_sample::insert(to, stay::newest(to, session, &row.counters.peer, row.span.start_ms)?, row)?;
    }
    if let Some(row) = &rows.process {
        process_sample::insert(to, session, row)?;
    }
    if let Some(standing) = &rows.standing {
        session::set_standing(to, session, standing)?;
    }
    rows.gap.map_or(Ok(()), |gap| breaks::insert(to, session, &gap))
}

/// Stores the event, and what it says about stays, breaks and set-up times.
fn record_event(to: &Connection, session: SessionId, event: &Event) -> rusqlite::Result<()> {
    let at = event.unix_ms;
    let stay = match (&event.peer, &event.kind) {
        (Some(peer), EventKind::PeerJoined { name }) => Some(stay::join(to, session, peer, Some(name), at)?),
        (Some(peer), _) => Some(stay::newest(to, session, peer, at)?),
        (None, _) => None,
    };
    event::insert(to, session, stay, at, &event.kind)?;
    match (&event.peer, &event.kind) {
        (Some(peer), EventKind::PeerLeft { reason }) => left(to, session, peer, reason, at),
        (_, EventKind::Reconnecting { cause }) => breaks::begin(to, session, stay, at, cause),
        (_, EventKind::Reconnected) => breaks::end(to, session, stay, at),
        (Some(_), EventKind::LinkState { state }) if state == "connected" => breaks::end(to, session, stay, at),
        (None, EventKind::Joined { setup }) => session::set_setup(to, session, setup),
        (Some(_), EventKind::PeerConnected { setup }) => stay.map_or(Ok(()), |stay| stay::set_setup(to, stay, setup)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ErrorCode;

    use super::*;
    use crate::file::open_for_writing;

    #[test]
    fn a_full_disk_is_said_and_what_could_not_be_written_can_be_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.sqlite");
        let connection = open_for_writing(&path).unwrap();
        let mut writer = Writer::new(connection, &path).unwrap();
        let start = SessionStart {
            code: "c".to_owned(),
            server: "s".to_owned(),
            own_name: "n".to_owned(),
            own_id: "i".to_owned(),
            client_version: "v".to_owned(),
            unix_ms: 0,
        };
        let session = writer.start(&start, None).unwrap();
        // SQLite refuses to grow the file, with the error of a full disk.
        let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let limit = |writer: &Writer, pages: i64| {
            writer.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        limit(&writer, pages);
        let warning = "x".repeat(100_000);
        let kind = EventKind::WarningRaised { warning, media: None, direction: None };
        let peer = Some("ada".to_owned());
        let entry = Entry::Event(Box::new(Event { unix_ms: 1, peer, kind }));
        for _ in 0..2 {
            let error = writer.write(&entry).unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
            assert!(crate::error::may_pass(&error));
            assert!(HistoryError::from_sqlite(&path, error).to_string().contains("full: free some space"));
        }
        assert_eq!(stay::of_session(&writer.connection, session).unwrap(), [], "all or nothing");
        limit(&writer, pages + 1000);
        writer.write(&entry).unwrap();
        assert_eq!(event::of_session(&writer.connection, session).unwrap().len(), 1);
        assert_eq!(stay::of_session(&writer.connection, session).unwrap().len(), 1);
    }
}
