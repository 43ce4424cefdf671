//! What of the history is to be uploaded: batches of the sessions that their user agreed to share.
//!
//! Invariant: the rows themselves are the queue. A row waits until the server has said that it has it, and no row of a
//! session that was begun without consent is ever read here.

mod batch;
mod plain;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use sightline_protocol::logs::LogBatch;
use sightline_protocol::logs::bounds::{BATCH_BYTES, ROWS};

use crate::file::open_for_writing;
use crate::table::upload::{self, Marks, Upload};
use crate::table::{session, told};
use crate::upkeep::open_to_delete;
use crate::{History, HistoryError, SessionId, Share};

/// How long this waits for another that is writing: a batch that cannot be set down as acknowledged now is sent again
/// later, and whoever ends the program must not wait for it.
const BUSY: Duration = Duration::from_secs(1);

/// A batch that is due.
#[derive(Debug, Clone)]
pub struct NextBatch {
    /// What is to be posted.
    pub batch: LogBatch,
    /// Where to.
    pub share: Share,
    /// How often it was tried in vain since the last success.
    pub tries: u32,
    /// Whether the session goes on; what follows can then wait for more.
    pub live: bool,
    /// Whether more waits already.
    pub more: bool,
    /// Whether any session goes on, shared or not.
    pub in_call: bool,
    made: batch::Made,
    upload: Upload,
}

/// What there is to do.
#[derive(Debug)]
pub enum Next {
    /// A batch is due.
    Batch(Box<NextBatch>),
    /// The next one is due at this time, in milliseconds since the Unix epoch.
    At(i64),
    /// Nothing waits.
    Nothing,
}

/// How the upload stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Rows of samples and events that wait.
    pub waiting_rows: u64,
    /// Sessions that they are of. One that goes on always waits.
    pub waiting_sessions: u32,
    /// Sessions that a server refused for good.
    pub refused_sessions: u32,
    /// When a server last took something, in milliseconds since the Unix epoch.
    pub last_success_ms: Option<i64>,
    /// The latest trouble that is not over, as a sentence.
    pub last_error: Option<String>,
}

/// Gives what waits and takes what was acknowledged.
#[derive(Debug)]
pub struct Outbox {
    connection: Connection,
    path: PathBuf,
}

impl Outbox {
    /// Opens the outbox of a history, also while others write it.
    ///
    /// # Errors
    /// Where there is no history, or it cannot be written.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        if !path.exists() {
            return Err(HistoryError::Missing { path: path.to_owned() });
        }
        let connection = open_for_writing(path)?;
        connection.busy_timeout(BUSY).map_err(|source| HistoryError::from_sqlite(path, source))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// The next batch that is due, of at most as many rows of each kind (from 1 on) as `rows` says for the server, by its
    /// endpoint. A live session is looked at again after `pace`, where there is nothing new of it. A session that has
    /// ended and is known whole is closed.
    ///
    /// # Errors
    /// Where the file cannot be read or written; so for all that follow.
    pub fn next(&mut self, now_ms: i64, rows: impl Fn(&str) -> usize, pace: Duration) -> Result<Next, HistoryError> {
        let next = self.find_next(now_ms, rows, pace);
        self.said(next)
    }

    fn find_next(&mut self, now_ms: i64, rows: impl Fn(&str) -> usize, pace: Duration) -> rusqlite::Result<Next> {
        loop {
            // Marks and rows as of one moment.
            let reading = self.connection.transaction()?;
            let Some(upload) = upload::due(&reading, now_ms)? else {
                return Ok(upload::next_due_ms(&reading, now_ms)?.map_or(Next::Nothing, Next::At));
            };
            let ended = session::get(&reading, upload.session)?.ended_ms.is_some();
            let made = make_within_bounds(&reading, &upload, now_ms, rows(&upload.share.endpoint))?;
            let in_call = session::is_any_open(&reading)?;
            reading.commit()?;
            if let Some(made) = made {
                return Ok(Next::Batch(Box::new(NextBatch {
                    batch: made.batch.clone(),
                    share: upload.share.clone(),
                    tries: upload.tries,
                    live: made.live,
                    more: made.more,
                    in_call,
                    made,
                    upload,
                })));
            }
            let writing = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if ended {
                upload::done(&writing, &upload)?;
                told::clear_closed(&writing)?;
            } else {
                // Not before the next millisecond, so that this ends.
                upload::look_again(&writing, &upload, later(now_ms, pace).max(now_ms.saturating_add(1)))?;
            }
            writing.commit()?;
        }
    }

    /// The server has this batch. What follows of the session is due at `next_try_ms`, or at once when it ends.
    ///
    /// # Errors
    /// Where it cannot be set down: the batch is then sent again, which changes nothing.
    pub fn acknowledge(&mut self, sent: &NextBatch, now_ms: i64, next_try_ms: i64) -> Result<(), HistoryError> {
        let set = self.set_acknowledged(sent, now_ms, next_try_ms);
        self.said(set)
    }

    fn set_acknowledged(&mut self, sent: &NextBatch, now_ms: i64, next_try_ms: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let made = &sent.made;
        let (marks, digest) = (&made.marks, &made.session_digest);
        if upload::acknowledge(&transaction, &sent.upload, marks, digest, now_ms, next_try_ms)? {
            for row in &made.told {
                told::set(&transaction, sent.upload.session, row)?;
            }
        }
        transaction.commit()
    }

    /// It did not get there, and is due again at `next_try_ms`; the server asked to be left alone until `not_before_ms`
    /// (0 where it did not). Where the whole server is away, so are all that wait for it.
    ///
    /// # Errors
    /// Where it cannot be set down.
    pub fn postpone(
        &self,
        sent: &NextBatch,
        whole_server: bool,
        error: &str,
        now_ms: i64,
        next_try_ms: i64,
        not_before_ms: i64,
    ) -> Result<(), HistoryError> {
        let times = (next_try_ms, not_before_ms);
        self.said(upload::postpone(&self.connection, &sent.upload, whole_server, error, now_ms, times))
    }

    /// The server will never take this session, for the reason said. It stays in the history and is not tried again,
    /// unless with another token: [`renew_token`].
    ///
    /// # Errors
    /// Where it cannot be set down.
    pub fn refuse(&self, sent: &NextBatch, error: &str, now_ms: i64) -> Result<(), HistoryError> {
        self.said(upload::refuse(&self.connection, &sent.upload, error, now_ms))
    }

    /// Makes all that waits due now, but for servers that asked to be left alone for longer. For the start of the
    /// program.
    ///
    /// # Errors
    /// Where it cannot be set down.
    pub fn begin_again(&self) -> Result<(), HistoryError> {
        self.said(upload::begin_again(&self.connection))
    }

    /// How the upload stands.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn standing(&self) -> Result<Standing, HistoryError> {
        self.said(read_standing(&self.connection))
    }

    fn said<T>(&self, result: rusqlite::Result<T>) -> Result<T, HistoryError> {
        result.map_err(|source| HistoryError::from_sqlite(&self.path, source))
    }
}

/// Takes fewer rows until the batch is not too long as JSON. One row of each kind is always short enough, as all texts
/// are bounded.
fn make_within_bounds(
    connection: &Connection,
    upload: &Upload,
    now_ms: i64,
    rows: usize,
) -> rusqlite::Result<Option<batch::Made>> {
    // A row may refer to a stay that is not counted among the rows: so a quarter, for samples, links, breaks and stays.
    let mut rows = u32::try_from(rows.clamp(1, ROWS / 4)).unwrap_or(1);
    loop {
        let made = batch::make(connection, upload, now_ms, rows)?;
        let bytes = made.as_ref().map_or(0, |made| serde_json::to_vec(&made.batch).map_or(0, |json| json.len()));
        if bytes <= BATCH_BYTES || rows == 1 {
            return Ok(made);
        }
        rows /= 2;
    }
}

fn later(now_ms: i64, by: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

fn read_standing(connection: &Connection) -> rusqlite::Result<Standing> {
    let reading = connection.unchecked_transaction()?;
    let (waiting_sessions, refused_sessions, last_success_ms) = upload::numbers(&reading)?;
    let mut waiting_rows = 0;
    for upload in upload::open(&reading)? {
        waiting_rows += upload::waiting_rows(&reading, &upload)?;
    }
    let last_error = upload::last_error(&reading)?;
    Ok(Standing { waiting_rows, waiting_sessions, refused_sessions, last_success_ms, last_error })
}

/// Sharing is switched off: nothing more leaves the machine of the sessions there are, not even of the one that is being
/// recorded. End the upload first, or what is on its way may still arrive.
///
/// # Errors
/// Where the file is missing or cannot be written.
pub fn stop_sharing(path: &Path) -> Result<(), HistoryError> {
    let mut connection = open_to_delete(path)?;
    let stopped = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
        upload::stop(&transaction)?;
        told::clear_closed(&transaction)?;
        transaction.commit()
    });
    stopped.map_err(|source| HistoryError::from_sqlite(path, source))
}

/// A session has a newer token, for example after it was let in again. What was refused with the old one is tried again.
/// False where nothing of the session waits.
///
/// # Errors
/// Where the file is missing or cannot be written.
pub fn renew_token(path: &Path, session: SessionId, token: &str) -> Result<bool, HistoryError> {
    let connection = open_to_delete(path)?;
    upload::renew(&connection, session, token).map_err(|source| HistoryError::from_sqlite(path, source))
}

/// What would be sent: the next batch, or, where nothing waits, what the session that was recorded last would begin
/// with if it were shared. `None` where nothing was recorded. Nothing is changed by it.
///
/// # Errors
/// Where the history cannot be read.
pub fn preview(path: &Path, now_ms: i64, rows: usize) -> Result<Option<LogBatch>, HistoryError> {
    let history = History::open(path)?;
    let made = history.connection().unchecked_transaction().and_then(|reading| {
        for upload in upload::open(&reading)? {
            if let Some(made) = make_within_bounds(&reading, &upload, now_ms, rows)? {
                return Ok(Some(made));
            }
        }
        let Some(session) = session::latest(&reading)? else { return Ok(None) };
        make_within_bounds(&reading, &example(session), now_ms, rows)
    });
    Ok(history.said(made)?.map(|made| made.batch))
}

/// As if a session were shared.
fn example(session: SessionId) -> Upload {
    let share = Share { endpoint: String::new(), token: String::new() };
    let upload_id = "0".repeat(32);
    Upload { session, upload_id, share, marks: Marks::default(), session_digest: String::new(), tries: 0 }
}
