//! The thread that sends.
//!
//! Shutdown: a request that is under way is dropped, not waited for; what it carried is sent again at the next start.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use sightline_history::{HistoryError, Next, NextBatch, Outbox};
use sightline_protocol::logs::bounds::PACKED_BYTES;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::answer::Answer;
use crate::backoff::{Backoff, millis};
use crate::post::{Post, pack};

/// Rows of each kind in a batch, unless a server or the time it takes asks for fewer: 150 kB as JSON, 20 kB packed, so
/// that even a link of 100 kbit/s takes two seconds for it.
const ROWS: usize = 256;

/// What a batch grows by with each success, after it was made smaller.
const MORE_ROWS: usize = 16;

/// What a batch has at least, however long it took: that is a matter of the link then, not of the batch.
const FEW_ROWS: usize = 16;

/// What may go out on average while a call is under way: a tenth of what its sound and pictures take on a thin link.
const IN_CALL_BIT_PER_S: f64 = 64_000.0;

/// How long the end may take.
const END: Duration = Duration::from_secs(2);

/// When to do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From one batch of a session that goes on to the next.
    pub pace: Duration,
    /// From one look for new sessions, and ended ones, to the next. [`Uploader::wake`] makes it now.
    pub look: Duration,
    /// For a batch and its answer.
    pub patience: Duration,
    /// After failures.
    pub backoff: Backoff,
}

impl Default for Timing {
    /// A window of the record is 15 s long: two of them in a batch. A batch of 20 kB gets through in a minute, or the
    /// link has no room for it.
    fn default() -> Self {
        let (pace, look) = (Duration::from_secs(30), Duration::from_secs(15));
        Self { pace, look, patience: Duration::from_secs(60), backoff: Backoff::default() }
    }
}

/// How the upload stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Rows of samples and events that wait.
    pub waiting_rows: u64,
    /// Sessions that wait; one that goes on always does.
    pub waiting_sessions: u32,
    /// Sessions that a server refused for good.
    pub refused_sessions: u32,
    /// When a server last took something, in milliseconds since the Unix epoch.
    pub last_success_ms: Option<i64>,
    /// The latest trouble that is not over, as a sentence.
    pub last_error: Option<String>,
}

/// Why nothing is uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The system gives no thread or no events of the network.
    #[error("cannot start to upload the record: {0}; close other programs and start Sightline again")]
    Start(#[from] std::io::Error),
}

/// Sends what waits in the outbox of a history, until it is dropped.
#[derive(Debug)]
pub struct Uploader {
    shared: Arc<Shared>,
    /// Closed when the thread has ended.
    ended: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    status: Mutex<Status>,
    wake: Notify,
    stop: watch::Sender<bool>,
}

impl Uploader {
    /// Begins to send what waits in a history, which need not exist yet.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(history: &Path) -> Result<Self, UploadError> {
        Self::with(history, Timing::default())
    }

    /// Likewise, at other times.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn with(history: &Path, timing: Timing) -> Result<Self, UploadError> {
        let (stop, _) = watch::channel(false);
        let shared = Arc::new(Shared { status: Mutex::default(), wake: Notify::new(), stop });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let path = history.to_owned();
        let worker = Worker {
            path,
            timing,
            shared: Arc::clone(&shared),
            outbox: None,
            begun: false,
            post: None,
            rows: HashMap::new(),
        };
        let (alive, ended) = sync_channel(0);
        let thread = Builder::new().name("upload".to_owned()).spawn(move || run(runtime, worker, alive))?;
        Ok(Self { shared, ended: Mutex::new(ended), thread: Some(thread) })
    }

    /// Looks at once for what there is to send: a call has begun or ended.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// How the upload stands.
    pub fn status(&self) -> Status {
        self.shared.status().clone()
    }

    /// Ends the thread, within two seconds. What was not acknowledged stays in the history and is sent at the next start.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.stop.send_replace(true);
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        match ended.recv_timeout(END) {
            Err(RecvTimeoutError::Timeout) => tracing::warn!("the upload still waits for the disk; it ends by itself"),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                if thread.join().is_err() {
                    tracing::error!("the upload had ended before, by a fault of its own");
                }
            }
        }
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(runtime: tokio::runtime::Runtime, mut worker: Worker, alive: SyncSender<()>) {
    let mut stop = worker.shared.stop.subscribe();
    runtime.block_on(async {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = worker.work() => {}
        }
    });
    // A look-up of a name cannot be called off; it is left to end by itself.
    runtime.shutdown_background();
    drop(alive);
}

#[derive(Debug)]
struct Worker {
    path: PathBuf,
    timing: Timing,
    shared: Arc<Shared>,
    outbox: Option<Outbox>,
    /// Whether what waited from before was made due.
    begun: bool,
    post: Option<Post>,
    /// Rows that a batch may have, by server, where that is less than [`ROWS`].
    rows: HashMap<String, usize>,
}

impl Worker {
    async fn work(&mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let pause = match self.step().await {
                Ok(pause) => pause,
                // Without a history nothing was ever recorded.
                Err(HistoryError::Missing { .. }) => self.timing.look,
                Err(error) => {
                    tracing::warn!("the record cannot be uploaded: {error}");
                    shared.status().last_error = Some(error.to_string());
                    self.outbox = None;
                    self.timing.look
                }
            };
            tokio::select! {
                () = shared.wake.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Sends a batch if one is due; gives the time until the next step.
    async fn step(&mut self) -> Result<Duration, HistoryError> {
        let mut outbox = match self.outbox.take() {
            Some(outbox) => outbox,
            None => {
                let outbox = Outbox::open(&self.path)?;
                if !self.begun {
                    outbox.begin_again()?;
                    self.begun = true;
                }
                outbox
            }
        };
        let now_ms = unix_ms();
        let next = outbox.next(now_ms, |server| self.rows.get(server).copied().unwrap_or(ROWS), self.timing.pace)?;
        let pause = match next {
            Next::Batch(batch) => {
                // Before, too: an answer may take its time.
                self.tell(&outbox)?;
                self.send(&mut outbox, &batch).await?
            }
            // Not at once, whatever the clock says: a step is not for nothing.
            Next::At(at_ms) => {
                let until = u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or_default();
                Duration::from_millis(until.max(20)).min(self.timing.look)
            }
            Next::Nothing => self.timing.look,
        };
        self.tell(&outbox)?;
        self.outbox = Some(outbox);
        Ok(pause)
    }

    fn tell(&self, outbox: &Outbox) -> Result<(), HistoryError> {
        let standing = outbox.standing()?;
        *self.shared.status() = Status {
            waiting_rows: standing.waiting_rows,
            waiting_sessions: standing.waiting_sessions,
            refused_sessions: standing.refused_sessions,
            last_success_ms: standing.last_success_ms,
            last_error: standing.last_error,
        };
        Ok(())
    }

    async fn send(&mut self, outbox: &mut Outbox, next: &NextBatch) -> Result<Duration, HistoryError> {
        let (answer, bytes) = self.post(next).await;
        let now_ms = unix_ms();
        match answer {
            Answer::Taken => {
                tracing::debug!(bytes, more = next.more, "a batch of the record is at the server");
                let pace = if next.more { 0 } else { millis(self.timing.pace) };
                outbox.acknowledge(next, now_ms, now_ms.saturating_add(pace))?;
                if let Some(rows) = self.rows.get_mut(&next.share.endpoint) {
                    *rows = (*rows + MORE_ROWS).min(ROWS);
                }
                // What waits from before must not crowd the call.
                let share = Duration::from_secs_f64(bytes as f64 * 8.0 / IN_CALL_BIT_PER_S);
                return Ok(if next.in_call { share } else { Duration::ZERO });
            }
            Answer::Later { whole_server, wish, why } => {
                tracing::debug!("{why}");
                let next_try_ms = self.timing.backoff.next_try_ms(next.tries, now_ms, wish, rand::random());
                let not_before_ms = wish.map_or(0, |_| self.timing.backoff.next_try_ms(0, now_ms, wish, 0.0));
                outbox.postpone(next, whole_server, &why, now_ms, next_try_ms, not_before_ms)?;
            }
            Answer::Slow { why } => {
                self.halve(next, FEW_ROWS);
                let next_try_ms = self.timing.backoff.next_try_ms(next.tries, now_ms, None, rand::random());
                outbox.postpone(next, true, &why, now_ms, next_try_ms, 0)?;
            }
            Answer::TooLarge { .. } if self.halve(next, 1) => {}
            Answer::TooLarge { is_ours: true, why } => {
                tracing::warn!("a session is not uploaded any more: the server takes not even one row of it");
                outbox.refuse(next, &why, now_ms)?;
            }
            Answer::TooLarge { is_ours: false, why } => {
                let next_try_ms = self.timing.backoff.next_try_ms(next.tries, now_ms, None, rand::random());
                outbox.postpone(next, true, &why, now_ms, next_try_ms, 0)?;
            }
            Answer::Refused { why } => {
                tracing::warn!("a session is not uploaded any more: the server refused it");
                outbox.refuse(next, &why, now_ms)?;
            }
        }
        Ok(Duration::ZERO)
    }

    /// Posts a batch; gives its length as well.
    async fn post(&mut self, next: &NextBatch) -> (Answer, usize) {
        let packed = match pack(&next.batch) {
            Ok(packed) => packed,
            Err(error) => return (Answer::none(&format!("the batch cannot be packed: {error}")), 0),
        };
        let bytes = packed.len();
        if bytes > PACKED_BYTES {
            return (
                Answer::TooLarge { is_ours: true, why: "One window of the record is too long to be sent.".to_owned() },
                bytes,
            );
        }
        let post = match self.post.take().map_or_else(|| Post::new(self.timing.patience), Ok) {
            Ok(post) => post,
            Err(error) => return (Answer::none(&format!("TLS cannot be used: {error}")), bytes),
        };
        let answer = self.post.insert(post).post(&next.share, &next.batch.id, packed).await;
        (answer, bytes)
    }

    /// Smaller batches for this server from now on, but of that many rows at least; false where they cannot be smaller.
    fn halve(&mut self, next: &NextBatch, least: usize) -> bool {
        let batch = &next.batch;
        let lists =
            [batch.samples.len(), batch.links.len(), batch.process.len(), batch.events.len(), batch.breaks.len()];
        let most = lists.into_iter().chain([batch.stays.len()]).max().unwrap_or_default();
        if most <= least {
            return false;
        }
        self.rows.insert(next.share.endpoint.clone(), (most / 2).max(least));
        true
    }
}

fn unix_ms() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
