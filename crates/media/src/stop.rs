//! Ends threads that sleep.
//!
//! Invariant: once set, a flag stays set, and every sleep on it ends at once.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Tells a thread to end, and wakes it for that.
#[derive(Debug, Default)]
pub(crate) struct StopFlag {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl StopFlag {
    pub(crate) fn set(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// False if it is to end.
    pub(crate) fn sleep_until(&self, due: Instant) -> bool {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if *stopped || left.is_zero() {
                return !*stopped;
            }
            stopped = self.changed.wait_timeout(stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flag_ends_a_long_sleep() {
        let flag = Arc::new(StopFlag::default());
        assert!(flag.sleep_until(Instant::now()));
        let other = flag.clone();
        let sleeper = thread::spawn(move || other.sleep_until(Instant::now() + Duration::from_secs(3600)));
        flag.set();
        assert!(!sleeper.join().expect("no panic"));
    }
}
