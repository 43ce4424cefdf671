//! The thread that stores uploaded batches, deletes calls and forgets old ones.
//!
//! Invariants: who is told that a batch is stored can find it in the file, also after SIGKILL. What waits together is
//! stored in one transaction, as a commit costs as much as some hundred rows. Removing goes in steps between batches.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use rusqlite::Connection;
use sightline_protocol::logs::{LogAccepted, LogBatch};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    Arrival, Deleted, IngestError, RecordError, delete_call, ingest_all, keep_days, open_to_write, purge,
    remove::PURGE_ROWS,
};

/// Rows that may wait, of all batches together: half a second's work, and some 20 MB. The largest batch has a bit more
/// than half of it.
const QUEUE_ROWS: usize = 40_000;

/// A batch counts as that many rows besides its own: its session must be found and its summary made.
const BATCH_ROWS: usize = 8;

/// Rows in one transaction: a tenth of a second, for which the hub's store may have to wait. A batch is not cut.
const GROUP_ROWS: usize = 5000;

/// Commands that may wait besides: each batch has at least [`BATCH_ROWS`] of [`QUEUE_ROWS`].
const QUEUE: usize = QUEUE_ROWS / BATCH_ROWS;

/// Who may write now, in the order of asking. SQLite's own waiting is by trying again and again, which a busy writer can
/// make as long as it likes; threads of this process that write much take turns instead.
#[derive(Debug, Default)]
pub struct Turn {
    /// The ticket that is served, and the next one to be given.
    tickets: Mutex<(u64, u64)>,
    served: Condvar,
}

/// Holds the turn until it is dropped.
#[derive(Debug)]
pub struct TurnGuard<'a>(&'a Turn);

impl Turn {
    /// Waits until everybody who asked before is done.
    pub fn take(&self) -> TurnGuard<'_> {
        let mut tickets = self.lock();
        let own = tickets.1;
        tickets.1 += 1;
        while tickets.0 != own {
            tickets = self.served.wait(tickets).unwrap_or_else(PoisonError::into_inner);
        }
        TurnGuard(self)
    }

    fn lock(&self) -> MutexGuard<'_, (u64, u64)> {
        // Nothing panics while it is held, and two numbers are never half changed.
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().0 += 1;
        self.0.served.notify_all();
    }
}

#[derive(Debug)]
enum Command {
    Ingest(Box<Arrival>, OwnedSemaphorePermit, oneshot::Sender<Result<LogAccepted, IngestError>>),
    Delete {
        room_id: String,
        who: String,
        unix_ms: i64,
        done: oneshot::Sender<Result<Deleted, RecordError>>,
    },
    Keep {
        days: u32,
        now_ms: i64,
        done: oneshot::Sender<Result<(), RecordError>>,
    },
    /// Nothing comes after this.
    Close,
}

/// The thread, and what leads to it.
#[derive(Debug)]
pub struct LogWriter {
    handle: LogHandle,
    thread: JoinHandle<()>,
}

/// For those who have something to store.
#[derive(Debug, Clone)]
pub struct LogHandle {
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
}

impl LogWriter {
    /// Starts the thread on a file that the store made. `turn` is shared with whoever else writes to it.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn open(path: &Path, turn: Arc<Turn>) -> Result<Self, RecordError> {
        let connection = open_to_write(path)?;
        let (commands, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || Writer { connection, turn, is_purging: true, keeping: None }.run(receiver))
            .map_err(|error| RecordError::Failed(error.to_string()))?;
        Ok(Self { handle: LogHandle { commands, room: Arc::new(Semaphore::new(QUEUE_ROWS)) }, thread })
    }

    /// For those who have something to store.
    pub fn handle(&self) -> LogHandle {
        self.handle.clone()
    }

    /// Stores what came before and closes the file, whoever still has a handle. Blocks for as long as the disk takes.
    pub fn finish(self) {
        // Where the thread is gone already, joining it tells why.
        self.handle.commands.blocking_send(Command::Close).ok();
        if self.thread.join().is_err() {
            tracing::error!("the thread that stores records panicked; batches that were not acknowledged come again");
        }
    }
}

impl LogHandle {
    /// Stores a batch; comes back when it is on the disk. Where too much waits already it is [`IngestError::Busy`] at
    /// once, as the client keeps the batch and comes again.
    ///
    /// # Errors
    /// As [`super::ingest()`].
    pub async fn ingest(&self, room_id: String, batch: LogBatch, received_ms: i64) -> Result<LogAccepted, IngestError> {
        let rows = rows(&batch).min(QUEUE_ROWS);
        let permits = u32::try_from(rows).map_err(|_| IngestError::Busy)?;
        let permit = self.room.clone().try_acquire_many_owned(permits).map_err(|_| IngestError::Busy)?;
        let arrival = Box::new(Arrival { room_id, batch, received_ms });
        let (done, is_done) = oneshot::channel();
        self.commands.send(Command::Ingest(arrival, permit, done)).await.map_err(|_| IngestError::Closed)?;
        is_done.await.map_err(|_| IngestError::Closed)?
    }

    /// As [`super::delete_call`], and has the rows removed afterwards.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn delete_call(&self, room_id: String, who: String, unix_ms: i64) -> Result<Deleted, RecordError> {
        let (done, is_done) = oneshot::channel();
        let command = Command::Delete { room_id, who, unix_ms, done };
        self.commands.send(command).await.map_err(|_| RecordError::Closed)?;
        is_done.await.map_err(|_| RecordError::Closed)?
    }

    /// As [`super::keep_days`], step by step; comes back when all is forgotten.
    ///
    /// # Errors
    /// Where the database cannot be written; what is left is forgotten the next time.
    pub async fn keep_days(&self, days: u32, now_ms: i64) -> Result<(), RecordError> {
        let (done, is_done) = oneshot::channel();
        self.commands.send(Command::Keep { days, now_ms, done }).await.map_err(|_| RecordError::Closed)?;
        is_done.await.map_err(|_| RecordError::Closed)?
    }
}

fn rows(batch: &LogBatch) -> usize {
    let LogBatch { stays, samples, links, process, events, breaks, .. } = batch;
    BATCH_ROWS + stays.len() + samples.len() + links.len() + process.len() + events.len() + breaks.len()
}

/// Retention that goes on.
struct Keeping {
    days: u32,
    now_ms: i64,
    done: oneshot::Sender<Result<(), RecordError>>,
}

struct Writer {
    connection: Connection,
    turn: Arc<Turn>,
    /// There may be rows of deleted sessions.
    is_purging: bool,
    keeping: Option<Keeping>,
}

impl Writer {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let busy = self.is_purging || self.keeping.is_some();
            let command = if busy { commands.try_recv().ok() } else { commands.blocking_recv() };
            let goes_on = match command {
                Some(first) => self.take(first, &mut commands),
                None => busy && !commands.is_closed(),
            };
            if !goes_on {
                return;
            }
            self.step();
        }
    }

    /// Does what is asked, and what else waits; gives whether there is more to come.
    fn take(&mut self, first: Command, commands: &mut mpsc::Receiver<Command>) -> bool {
        let (mut arrivals, mut waiting, mut permits) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        let mut next = Some(first);
        while let Some(Command::Ingest(arrival, permit, done)) = next {
            count += rows(&arrival.batch);
            arrivals.push(*arrival);
            waiting.push(done);
            permits.push(permit);
            next = if count < GROUP_ROWS { commands.try_recv().ok() } else { None };
        }
        if !arrivals.is_empty() {
            let _turn = self.turn.take();
            let answers = ingest_all(&mut self.connection, &arrivals);
            if let Some(Err(error)) = answers.iter().find(|answer| answer.as_ref().is_err_and(|e| !e.is_refusal())) {
                tracing::error!(%error, batches = arrivals.len(), "batches could not be stored; their clients keep them");
            }
            for (done, answer) in waiting.into_iter().zip(answers) {
                // Whoever asked may have gone meanwhile.
                done.send(answer).ok();
            }
        }
        match next {
            Some(Command::Delete { room_id, who, unix_ms, done }) => {
                let _turn = self.turn.take();
                let deleted = delete_call(&mut self.connection, &room_id, &who, unix_ms);
                self.is_purging |= deleted.is_ok();
                done.send(deleted).ok();
            }
            Some(Command::Keep { days, now_ms, done }) => self.keeping = Some(Keeping { days, now_ms, done }),
            Some(Command::Close) => return false,
            Some(Command::Ingest(..)) | None => {}
        }
        true
    }

    /// Removes a little of what is to be removed.
    fn step(&mut self) {
        if let Some(Keeping { days, now_ms, done }) = self.keeping.take() {
            let _turn = self.turn.take();
            match keep_days(&mut self.connection, days, now_ms) {
                Ok(true) => self.keeping = Some(Keeping { days, now_ms, done }),
                ended => {
                    self.is_purging |= ended.is_ok();
                    done.send(ended.map(|_| ())).ok();
                }
            }
        } else if self.is_purging {
            let _turn = self.turn.take();
            self.is_purging = purge(&mut self.connection, PURGE_ROWS).unwrap_or_else(|error| {
                // They are out of everything that is read; the next deletion or start goes on with them.
                tracing::warn!(%error, "rows of deleted calls are left for later");
                false
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_given_in_the_order_of_asking() {
        let turn = Arc::new(Turn::default());
        let first = turn.take();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut threads = Vec::new();
        for number in 0..8 {
            let (its_turn, its_order) = (turn.clone(), order.clone());
            threads.push(std::thread::spawn(move || {
                let _turn = its_turn.take();
                its_order.lock().unwrap().push(number);
            }));
            // The next one starts only when this one has its ticket.
            while turn.lock().1 < number + 2 {
                std::thread::yield_now();
            }
        }
        drop(first);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<_>>());
    }
}
