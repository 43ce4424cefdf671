//! Records one session at a time: the sampler on the side of the caller, one thread that writes.
//!
//! Invariant: what was handed over is written in its order, or counted as not written and reported. The thread alone
//! owns the connection. Shutdown: flush the sampler's last rows, end the session, drain the queue, join the thread.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sightline_quality::{Event, Live, Rows, Sampler, Snapshot};

use crate::error::may_pass;
use crate::file::open_for_writing;
use crate::writer::{Entry, Writer};
use crate::{HistoryError, SessionId, SessionStart, Share};

/// Entries that may wait for the disk. A call makes one in 15 s and some events: this is hours of a full disk, in some
/// megabytes. When it is full, the caller waits, for no row may be lost.
const QUEUE: usize = 4096;

/// Pauses between attempts to write while there is trouble.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long the end of a session may wait for trouble to pass.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records sessions into a history.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    state: Mutex<State>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    /// There while a session is recorded.
    sampler: Option<Sampler>,
    /// `None` once the recorder is being dropped.
    sender: Option<SyncSender<Message>>,
}

#[derive(Debug)]
enum Message {
    Start(Box<SessionStart>, Option<Share>, SyncSender<Result<SessionId, HistoryError>>),
    Write(Entry),
    /// Answered when everything before it was dealt with.
    Flush(SyncSender<()>),
}

impl Recorder {
    /// Opens or creates a history. Brings an older one up to date, and closes with the reason 'crash' what sessions a
    /// process left open that is no more.
    ///
    /// # Errors
    /// Where the file is read-only, damaged, no history, or from a newer version; it is then left as it is.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Self::with(open_for_writing(path)?, path)
    }

    fn with(connection: Connection, path: &Path) -> Result<Self, HistoryError> {
        let writer = Writer::new(connection, path)?;
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = sync_channel(QUEUE);
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new()
            .name("history".to_owned())
            .spawn(move || run(writer, &receiver, &of_thread))
            .map_err(|source| HistoryError::Thread { path: path.to_owned(), source })?;
        let state = Mutex::new(State { sampler: None, sender: Some(sender) });
        Ok(Self { path: path.to_owned(), state, shared, thread: Some(thread) })
    }

    /// Begins a session; it is in the file when this returns.
    ///
    /// # Errors
    /// Where it cannot be written, or a session is being recorded already.
    pub fn start_session(&self, start: SessionStart) -> Result<SessionId, HistoryError> {
        self.start(start, None)
    }

    /// Begins a session that the user agreed to share: what is recorded of it waits for upload (see [`crate::Outbox`]).
    /// There is no way to share one later.
    ///
    /// # Errors
    /// As [`Recorder::start_session`].
    pub fn start_shared_session(&self, start: SessionStart, share: Share) -> Result<SessionId, HistoryError> {
        self.start(start, Some(share))
    }

    fn start(&self, start: SessionStart, share: Option<Share>) -> Result<SessionId, HistoryError> {
        let mut state = self.state();
        let (reply, answer) = sync_channel(1);
        self.send(&state, Message::Start(Box::new(start), share, reply));
        let id = answer.recv().map_err(|_| self.stopped())??;
        state.sampler = Some(Sampler::new());
        Ok(id)
    }

    /// A peer is there: begins a stay, unless one is open.
    pub fn peer(&self, id: &str, name: &str, unix_ms: i64) {
        self.write(&self.state(), Entry::Joined { peer: id.to_owned(), name: name.to_owned(), unix_ms });
    }

    /// A peer left: writes its last, shorter rows and ends its stay.
    pub fn peer_left(&self, id: &str, reason: &str, unix_ms: i64) {
        let mut state = self.state();
        let rows = state.sampler.as_mut().map(|sampler| sampler.peer_left(id)).unwrap_or_default();
        self.rows(&state, rows);
        self.write(&state, Entry::Left { peer: id.to_owned(), reason: reason.to_owned(), unix_ms });
    }

    /// Takes the counters, about once a second; gives the last second, or `None` without a session. Warnings and
    /// changes that the numbers tell of are recorded as events.
    pub fn snapshot(&self, snapshot: &Snapshot) -> Option<Live> {
        let mut state = self.state();
        let (live, rows) = state.sampler.as_mut()?.feed(snapshot);
        self.rows(&state, rows);
        for event in &live.events {
            self.write(&state, Entry::Event(Box::new(event.clone())));
        }
        Some(live)
    }

    /// Records an event. Those of joining, leaving and reconnecting also open and close stays and breaks.
    pub fn event(&self, event: &Event) {
        let mut state = self.state();
        let rows = state.sampler.as_mut().map(|sampler| sampler.event(event)).unwrap_or_default();
        self.rows(&state, rows);
        self.write(&state, Entry::Event(Box::new(event.clone())));
    }

    /// The trouble there is with writing, as a sentence; `None` while all goes well.
    pub fn last_error(&self) -> Option<String> {
        self.shared.trouble().now.clone()
    }

    /// Waits until everything handed over so far is on the disk.
    ///
    /// # Errors
    /// Where it is not within this time.
    pub fn flush(&self, within: Duration) -> Result<(), HistoryError> {
        let (reply, answer) = sync_channel(1);
        self.send(&self.state(), Message::Flush(reply));
        match answer.recv_timeout(within) {
            Ok(()) => self.shared.verdict(&self.path),
            Err(RecvTimeoutError::Disconnected) => Err(self.stopped()),
            Err(RecvTimeoutError::Timeout) => {
                Err(HistoryError::Late { path: self.path.clone(), cause: self.last_error() })
            }
        }
    }

    /// Ends the session: last rows, end, everything written. Trouble with the disk is waited out for some seconds.
    ///
    /// # Errors
    /// Where something could not be written.
    pub fn finish(mut self, reason: &str, unix_ms: i64) -> Result<(), HistoryError> {
        self.close(Some(Entry::End { reason: reason.to_owned(), unix_ms }))?;
        self.shared.verdict(&self.path)
    }

    fn close(&mut self, last: Option<Entry>) -> Result<(), HistoryError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.shared.hurry();
        let mut state = self.state();
        let rows = state.sampler.take().map(|mut sampler| sampler.finish()).unwrap_or_default();
        self.rows(&state, rows);
        if let Some(last) = last {
            self.write(&state, last);
        }
        state.sender = None;
        drop(state);
        thread.join().map_err(|_| self.stopped())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self, state: &State, rows: Rows) {
        if !rows.is_empty() {
            self.write(state, Entry::Rows(Box::new(rows)));
        }
    }

    fn write(&self, state: &State, entry: Entry) {
        if state.sampler.is_none() && !matches!(entry, Entry::End { .. } | Entry::Rows(_)) {
            tracing::debug!("nothing is recorded without a session");
            return;
        }
        self.send(state, Message::Write(entry));
    }

    fn send(&self, state: &State, message: Message) {
        if state.sender.as_ref().is_none_or(|sender| sender.send(message).is_err()) {
            self.shared.lost(&self.stopped());
        }
    }

    fn stopped(&self) -> HistoryError {
        HistoryError::Stopped { path: self.path.clone() }
    }
}

impl Drop for Recorder {
    /// Without [`Recorder::finish`] the rows are written all the same; the session stays open, and the next start
    /// closes it as a crash.
    fn drop(&mut self) {
        if let Err(error) = self.close(None) {
            tracing::error!("{error}");
        }
    }
}

/// What the thread tells the callers, and they it.
#[derive(Debug, Default)]
struct Shared {
    trouble: Mutex<Trouble>,
    hurried: Condvar,
}

#[derive(Debug, Default)]
struct Trouble {
    now: Option<String>,
    not_written: u64,
    last: String,
    /// From then on nothing is tried twice.
    until: Option<Instant>,
}

impl Shared {
    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hurry(&self) {
        self.trouble().until = Some(Instant::now() + PATIENCE);
        self.hurried.notify_all();
    }

    fn verdict(&self, path: &Path) -> Result<(), HistoryError> {
        let trouble = self.trouble();
        match trouble.not_written {
            0 => Ok(()),
            count => Err(HistoryError::NotWritten { path: path.to_owned(), count, cause: trouble.last.clone() }),
        }
    }

    fn lost(&self, error: &HistoryError) {
        let mut trouble = self.trouble();
        trouble.not_written += 1;
        trouble.last = error.to_string();
        trouble.now = Some(error.to_string());
        tracing::error!("an entry is lost: {error}");
    }

    fn well(&self) {
        if self.trouble().now.take().is_some() {
            tracing::info!("the history is written again");
        }
    }

    /// Waits before the next attempt; false where there shall be none.
    fn pause(&self, error: &HistoryError, pause: Duration) -> bool {
        let mut trouble = self.trouble();
        let text = error.to_string();
        if trouble.now.as_ref() != Some(&text) {
            tracing::error!("{text}; trying again");
            trouble.now = Some(text);
        }
        let started = Instant::now();
        loop {
            let now = Instant::now();
            let left = pause.saturating_sub(now - started);
            match trouble.until {
                Some(until) if now >= until => return false,
                _ if left.is_zero() => return true,
                _ => {}
            }
            let left = trouble.until.map_or(left, |until| left.min(until - now));
            let woken = self.hurried.wait_timeout(trouble, left);
            trouble = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn run(mut writer: Writer, receiver: &Receiver<Message>, shared: &Shared) {
    // A caller that does not wait for its answer any more needs none.
    for message in receiver {
        match message {
            Message::Start(start, share, reply) => drop(reply.send(writer.start(&start, share.as_ref()))),
            Message::Write(entry) => persist(&mut writer, &entry, shared),
            Message::Flush(reply) => drop(reply.send(())),
        }
    }
}

/// Writes an entry, again and again while that may help.
fn persist(writer: &mut Writer, entry: &Entry, shared: &Shared) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(source) = writer.write(entry) else { return shared.well() };
        let again = may_pass(&source);
        let error = HistoryError::from_sqlite(writer.path(), source);
        if !again || !shared.pause(&error, pause) {
            return shared.lost(&error);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use sightline_quality::EventKind;

    use super::*;

    /// A recorder that does not wait long for another's lock, a session, and another connection to the file.
    fn bench(folder: &Path) -> (Recorder, Connection) {
        let path = folder.join("h.sqlite");
        let connection = open_for_writing(&path).unwrap();
        connection.busy_timeout(Duration::from_millis(5)).unwrap();
        let recorder = Recorder::with(connection, &path).unwrap();
        let start = SessionStart {
            code: "c".to_owned(),
            server: "s".to_owned(),
            own_name: "n".to_owned(),
            own_id: "i".to_owned(),
            client_version: "v".to_owned(),
            unix_ms: 0,
        };
        recorder.start_session(start).unwrap();
        (recorder, Connection::open(&path).unwrap())
    }

    fn marks(connection: &Connection) -> Vec<i64> {
        let mut statement = connection.prepare("SELECT unix_ms FROM event ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn mark(unix_ms: i64) -> Event {
        Event { unix_ms, peer: None, kind: EventKind::Mark }
    }

    #[test]
    fn trouble_is_said_and_waited_out_and_nothing_is_lost_or_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (recorder, other) = bench(folder.path());
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        for unix_ms in 1..=20 {
            recorder.event(&mark(unix_ms));
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while recorder.last_error().is_none() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let trouble = recorder.last_error().expect("said");
        assert!(trouble.contains("locked by another program: close"), "{trouble}");
        let late = recorder.flush(Duration::from_millis(1)).unwrap_err();
        assert!(late.to_string().contains("not written in time"), "{late}");
        other.execute_batch("COMMIT").unwrap();
        recorder.flush(Duration::from_secs(60)).unwrap();
        assert_eq!(recorder.last_error(), None);
        assert_eq!(marks(&other), (1..=20).collect::<Vec<_>>());
        recorder.finish("left", 21).unwrap();
    }

    #[test]
    fn the_end_does_not_wait_for_ever_and_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let (recorder, other) = bench(folder.path());
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        recorder.event(&mark(1));
        let error = recorder.finish("left", 2).unwrap_err();
        assert!(matches!(&error, HistoryError::NotWritten { count: 2, .. }), "the event and the end: {error}");
        other.execute_batch("COMMIT").unwrap();
    }

    #[test]
    fn without_a_session_nothing_is_recorded_and_a_second_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.sqlite");
        let recorder = Recorder::open(&path).unwrap();
        recorder.event(&mark(1));
        recorder.peer("p", "Ada", 1);
        recorder.finish("left", 2).unwrap();
        let (recorder, other) = bench(folder.path());
        assert!(marks(&other).is_empty());
        let start = SessionStart {
            code: String::new(),
            server: String::new(),
            own_name: String::new(),
            own_id: String::new(),
            client_version: String::new(),
            unix_ms: 0,
        };
        assert!(matches!(recorder.start_session(start), Err(HistoryError::SessionRunning)));
    }
}
