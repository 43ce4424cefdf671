//! The slot between a producer of pictures and a slower consumer.
//!
//! Invariant: holds one picture, the newest; a consumer sees by the sequence number how many it missed. Nothing queues.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{DecodedFrame, VideoFrame, VideoSink};

/// The newest picture of a camera or a remote track. A [`VideoSink`], too.
#[derive(Default)]
pub struct LatestFrame {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many pictures were put so far.
    sequence: u64,
    frame: Option<VideoFrame>,
    closed: bool,
}

impl LatestFrame {
    /// An empty slot.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the picture and wakes who waits.
    pub fn put(&self, frame: VideoFrame) {
        let mut state = self.lock();
        state.sequence += 1;
        let old = state.frame.replace(frame);
        drop(state);
        self.changed.notify_all();
        // Only now: the last holder's drop gives the memory back, which need not happen under the lock.
        drop(old);
    }

    /// Takes the picture away: the camera is off.
    pub fn clear(&self) {
        self.lock().frame = None;
    }

    /// There is no picture: none came yet, or it was taken away.
    pub fn is_empty(&self) -> bool {
        self.lock().frame.is_none()
    }

    /// The picture and its sequence number, if it is newer than `seen`. Sequence numbers start at 1.
    pub fn newer_than(&self, seen: u64) -> Option<(u64, VideoFrame)> {
        newer(&self.lock(), seen)
    }

    /// Waits for a picture newer than `seen`; `None` after the timeout.
    pub fn wait_newer_than(&self, seen: u64, timeout: Duration) -> Option<(u64, VideoFrame)> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(found) = newer(&state, seen) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nobody will put any more: waiting ends at once from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn newer(state: &State, seen: u64) -> Option<(u64, VideoFrame)> {
    let frame = state.frame.as_ref().filter(|_| state.sequence > seen)?;
    Some((state.sequence, frame.clone()))
}

impl VideoSink for LatestFrame {
    fn frame(&self, frame: &DecodedFrame) {
        self.put(frame.frame.clone());
    }

    fn interrupted(&self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn frame(index: u64) -> VideoFrame {
        VideoFrame::from_i420(2, 2, vec![0; 6], 0).expect("a tiny picture").with_index(index)
    }

    #[test]
    fn a_slow_consumer_sees_the_newest_and_knows_what_it_missed() {
        let slot = LatestFrame::new();
        assert!(slot.newer_than(0).is_none() && slot.is_empty());
        (0..5).for_each(|index| slot.put(frame(index)));
        let (sequence, newest) = slot.newer_than(1).expect("newer");
        assert_eq!((sequence, newest.index()), (5, Some(4)));
        assert!(slot.newer_than(5).is_none());
        assert!(!slot.is_empty());
        slot.clear();
        assert!(slot.newer_than(0).is_none() && slot.is_empty());
    }

    #[test]
    fn waiting_ends_with_a_picture_or_with_the_close() {
        let slot = Arc::new(LatestFrame::new());
        let producer = slot.clone();
        let thread = thread::spawn(move || producer.put(frame(9)));
        let (seen, newest) = slot.wait_newer_than(0, Duration::from_secs(30)).expect("put by the thread");
        assert_eq!(newest.index(), Some(9));
        thread.join().expect("no panic");
        assert!(slot.wait_newer_than(seen, Duration::from_millis(1)).is_none());
        slot.close();
        assert!(slot.wait_newer_than(seen, Duration::from_secs(3600)).is_none());
    }
}
