//! What waits to be written to one client.
//!
//! Invariant: never more than the limits of bytes and messages; what does not fit is refused, and the hub then cuts the
//! client. A queue of its own rather than a channel: it counts bytes, costs an idle connection next to nothing, and its
//! writer can be interrupted in the middle of a write to a client that does not read.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use crate::{config::Limits, hub::Farewell, metrics::Metrics};

/// What the writer is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write this.
    Text(Utf8Bytes),
    /// Everything is written; close.
    Close(Farewell),
}

/// The message does not fit: the client does not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    max_bytes: usize,
    max_messages: usize,
    filled: Notify,
    cut: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Queue {
    texts: VecDeque<Utf8Bytes>,
    bytes: usize,
    farewell: Option<Farewell>,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            queue: Mutex::default(),
            max_bytes: limits.outgoing_bytes,
            max_messages: limits.outgoing_messages,
            filled: Notify::new(),
            cut: Notify::new(),
            metrics,
        }
    }

    /// Puts a message in the queue.
    pub(crate) fn push(&self, text: Utf8Bytes) -> Result<(), Full> {
        let mut queue = self.lock();
        if queue.texts.len() >= self.max_messages || queue.bytes + text.len() > self.max_bytes {
            return Err(Full);
        }
        queue.bytes += text.len();
        queue.texts.push_back(text);
        drop(queue);
        self.metrics.outgoing_queue.add(1);
        self.filled.notify_one();
        Ok(())
    }

    /// Lets the writer close the socket when it has written what is in the queue.
    pub(crate) fn close(&self, farewell: Farewell) {
        self.lock().farewell = Some(farewell);
        self.filled.notify_one();
    }

    /// Ends the connection at once, whatever it is doing.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Resolves when [`Self::cut`] was called.
    pub(crate) async fn is_cut(&self) {
        self.cut.notified().await;
    }

    /// What is next, if anything is.
    pub(crate) fn try_next(&self) -> Option<Next> {
        let mut queue = self.lock();
        if let Some(text) = queue.texts.pop_front() {
            queue.bytes -= text.len();
            self.metrics.outgoing_queue.subtract(1);
            if queue.texts.is_empty() {
                // An idle connection keeps no memory of its busy times.
                queue.texts = VecDeque::new();
            }
            return Some(Next::Text(text));
        }
        queue.farewell.take().map(Next::Close)
    }

    /// Waits for what is next. For one writer.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.try_next() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code panics while it holds the lock, and a queue is whole after each statement.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let left = self.lock().texts.len();
        self.metrics.outgoing_queue.subtract(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(outgoing_messages: usize, outgoing_bytes: usize) -> Outbox {
        Outbox::new(&Limits { outgoing_messages, outgoing_bytes, ..Limits::default() }, Arc::default())
    }

    #[test]
    fn it_holds_so_many_messages_and_so_many_bytes() {
        let few = outbox(2, 1000);
        assert_eq!([few.push("a".into()), few.push("b".into()), few.push("c".into())], [Ok(()), Ok(()), Err(Full)]);
        let small = outbox(1000, 5);
        assert_eq!(
            [small.push("abc".into()), small.push("def".into()), small.push("gh".into())],
            [Ok(()), Err(Full), Ok(())]
        );
        // What was written makes room.
        assert_eq!(small.try_next(), Some(Next::Text("abc".into())));
        assert_eq!(small.push("def".into()), Ok(()));
    }

    #[tokio::test]
    async fn a_farewell_waits_until_everything_is_written() {
        let outbox = outbox(10, 1000);
        outbox.push("last words".into()).expect("fits");
        outbox.close(Farewell::ShuttingDown);
        assert_eq!(outbox.next().await, Next::Text("last words".into()));
        assert_eq!(outbox.next().await, Next::Close(Farewell::ShuttingDown));
        assert_eq!(outbox.try_next(), None);
    }

    #[tokio::test]
    async fn a_waiting_writer_is_woken_and_a_cut_is_not_missed() {
        let outbox = outbox(10, 1000);
        let (next, pushed) = tokio::join!(outbox.next(), async { outbox.push("hello".into()) });
        assert_eq!((next, pushed), (Next::Text("hello".into()), Ok(())));
        outbox.cut();
        outbox.is_cut().await;
    }
}
