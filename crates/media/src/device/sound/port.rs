//! Where sound crosses between a device's callback and a worker.
//!
//! Invariant: the lock is held only to copy one period, and memory is reserved at the start, so that the callback never
//! waits for long and never allocates.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::audio::SAMPLE_RATE;

/// Half a second of the highest usual rate: a worker that sleeps longer has lost the thread of the talk anyway.
const PORT_CAPACITY: usize = 48_000;
/// A callback every 10 ms where the device can.
pub(super) const WANTED_PERIOD: u32 = 480;

/// Sound between a device's callback and a worker, mono at the device's rate.
#[derive(Debug)]
pub(crate) struct Port {
    sound: Mutex<VecDeque<f32>>,
    moved: Condvar,
    rate: AtomicU32,
    /// Samples that the device takes or gives at once.
    period: AtomicU32,
    /// Of the device itself: from or to the air, beyond what is queued here.
    latency_us: AtomicU32,
    born: Instant,
    /// Microseconds from `born` to the last callback; 0 is never.
    last_callback: AtomicU64,
    /// Anything but zeros has come from the device since it was opened.
    is_live: AtomicBool,
}

impl Port {
    pub(super) fn new() -> Self {
        Self {
            sound: Mutex::new(VecDeque::with_capacity(PORT_CAPACITY)),
            moved: Condvar::new(),
            rate: AtomicU32::new(SAMPLE_RATE),
            period: AtomicU32::new(WANTED_PERIOD),
            latency_us: AtomicU32::new(0),
            born: Instant::now(),
            last_callback: AtomicU64::new(0),
            is_live: AtomicBool::new(false),
        }
    }

    /// Hz.
    pub(crate) fn rate(&self) -> u32 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Delay of the device, without what is queued here.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency_us.load(Ordering::Relaxed).into())
    }

    /// Time that is queued here.
    pub(crate) fn queued(&self) -> Duration {
        Duration::from_secs_f64(self.lock().len() as f64 / f64::from(self.rate().max(1)))
    }

    /// Since the last callback; `None` before the first.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        let last = self.last_callback.load(Ordering::Relaxed);
        (last > 0).then(|| self.born.elapsed().saturating_sub(Duration::from_micros(last)))
    }

    /// Microphone: takes `samples` if they are there within `limit`.
    pub(crate) fn take(&self, samples: usize, limit: Duration, out: &mut Vec<f32>) -> bool {
        let queued = self.lock();
        let waited = self.moved.wait_timeout_while(queued, limit, |sound| sound.len() < samples);
        let (mut queued, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if queued.len() < samples {
            return false;
        }
        out.clear();
        out.extend(queued.drain(..samples));
        true
    }

    /// Speaker: waits at most `limit` until less is queued than the device will take at once, and 10 ms.
    pub(crate) fn wait_for_room(&self, limit: Duration) -> bool {
        let wanted = (self.period.load(Ordering::Relaxed) + self.rate() / 100) as usize;
        let queued = self.lock();
        let waited = self.moved.wait_timeout_while(queued, limit, |sound| sound.len() >= wanted.min(PORT_CAPACITY));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Speaker: queues sound.
    pub(crate) fn put(&self, samples: &[f32]) {
        self.append(samples.iter().copied());
    }

    /// Microphone: what the device gives.
    pub(super) fn captured(&self, samples: impl ExactSizeIterator<Item = f32>) {
        let mut is_live = false;
        self.append(samples.inspect(|sample| is_live |= *sample != 0.0));
        if is_live {
            self.is_live.store(true, Ordering::Relaxed);
        }
    }

    /// False while all that has come since [`Port::opened`] are zeros, which no microphone gives that hears a room.
    pub(super) fn is_live(&self) -> bool {
        self.is_live.load(Ordering::Relaxed)
    }

    /// Another stream is about to be opened: forgets what came from the one before.
    pub(super) fn opened(&self, rate: u32) {
        self.clear();
        self.rate.store(rate, Ordering::Relaxed);
        self.is_live.store(false, Ordering::Relaxed);
    }

    /// Never grows beyond what was reserved: the oldest makes room.
    fn append(&self, samples: impl ExactSizeIterator<Item = f32>) {
        let mut queue = self.lock();
        let excess = (queue.len() + samples.len()).saturating_sub(PORT_CAPACITY).min(queue.len());
        queue.drain(..excess);
        queue.extend(samples.take(PORT_CAPACITY));
    }

    /// Forgets what is queued.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, VecDeque<f32>> {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn called(&self, frames: usize, latency: Option<Duration>) {
        self.period.store(frames as u32, Ordering::Relaxed);
        if let Some(latency) = latency {
            self.latency_us.store(latency.as_micros().min(1_000_000) as u32, Ordering::Relaxed);
        }
        self.last_callback.store(self.born.elapsed().as_micros().max(1) as u64, Ordering::Relaxed);
        self.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_and_keeps_the_newest() {
        let port = Port::new();
        for i in 0..300 {
            port.put(&[i as f32; 480]);
        }
        let mut out = Vec::new();
        assert!(port.take(PORT_CAPACITY, Duration::ZERO, &mut out));
        assert_eq!((out[0], out[PORT_CAPACITY - 1]), (200.0, 299.0));
        assert!(!port.take(1, Duration::ZERO, &mut out));
        port.put(&vec![1.0; 2 * PORT_CAPACITY]);
        assert_eq!(port.lock().len(), PORT_CAPACITY);
    }

    #[test]
    fn zeros_alone_are_no_sign_of_life() {
        let port = Port::new();
        port.captured([0.0; 480].into_iter());
        assert!(!port.is_live());
        port.captured([0.0, -1e-5].into_iter());
        port.captured([0.0; 480].into_iter());
        assert!(port.is_live());
        port.opened(44_100);
        assert_eq!((port.is_live(), port.rate(), port.queued()), (false, 44_100, Duration::ZERO));
    }

    #[test]
    fn there_is_room_for_a_period_and_ten_milliseconds() {
        let port = Port::new();
        assert_eq!(port.quiet_for(), None);
        port.called(1024, Some(Duration::from_millis(20)));
        assert!(port.quiet_for().is_some());
        assert_eq!(port.latency(), Duration::from_millis(20));
        port.put(&[0.0; 1503]);
        assert!(port.wait_for_room(Duration::ZERO));
        port.put(&[0.0; 1]);
        assert!(!port.wait_for_room(Duration::ZERO));
        port.clear();
        assert!(port.wait_for_room(Duration::ZERO));
    }
}
