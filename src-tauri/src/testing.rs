//! A page that takes notes, for tests without a window.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ipc::{Page, PageEvent};

/// Longer than anything takes on a machine that is compiling.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything the page was told.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<PageEvent>>);

impl Page for Notes {
    fn tell(&self, event: PageEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

impl Notes {
    /// What a filter finds in the notes, the first first.
    pub(crate) fn all<T>(&self, find: impl Fn(&PageEvent) -> Option<T>) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(find).collect()
    }

    /// Waits until the page was told something.
    pub(crate) async fn wait_for(&self, what: impl Fn(&PageEvent) -> bool) -> PageEvent {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.all(|event| what(event).then(|| event.clone())).pop() {
                return event;
            }
            assert!(Instant::now() < deadline, "the page was not told; its last notes: {:#?}", self.last(5));
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the last note of a kind is as wanted; `what` is `None` for notes of other kinds.
    pub(crate) async fn wait_for_last(&self, what: impl Fn(&PageEvent) -> Option<bool>) {
        let deadline = Instant::now() + PATIENCE;
        while self.all(&what).last() != Some(&true) {
            assert!(Instant::now() < deadline, "it does not come to that; the last notes: {:#?}", self.last(5));
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn last(&self, count: usize) -> Vec<PageEvent> {
        let all = self.all(|event| Some(event.clone()));
        all.into_iter().rev().take(count).collect()
    }
}
