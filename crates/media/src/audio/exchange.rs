//! Exchanges a device for another one while its user goes on.
//!
//! Invariant: devices are opened and closed here on a thread of their own, one at a time, the former one closed first, for it
//! may be the same; so its user never waits for a driver. One that does not open is tried again for as long as it is wanted,
//! which is told once.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::MediaError;
use crate::device::sound::Events;
use crate::device::{DeviceEvent, DeviceKind, DeviceState};

/// How often a device that could not be opened is tried.
const RETRY: Duration = Duration::from_secs(2);

/// Opens what is wanted.
type Open<W, T> = Arc<dyn Fn(W) -> Result<T, MediaError> + Send + Sync>;

/// `W` says which device, `T` is an open one.
pub(super) struct Exchange<W, T> {
    kind: DeviceKind,
    events: Events,
    open: Open<W, T>,
    wanted: Option<W>,
    /// Something else is wanted than what is open or being opened.
    stale: bool,
    under_way: Option<JoinHandle<Option<Result<T, MediaError>>>>,
    retry_at: Option<Instant>,
    /// It was told that the device does not open.
    lost: bool,
    /// A device has worked.
    had: bool,
}

impl<W: Clone + Send + 'static, T: Send + 'static> Exchange<W, T> {
    /// `wanted` is open already, or nothing is.
    pub(super) fn new(kind: DeviceKind, wanted: Option<W>, events: Events, open: Open<W, T>) -> Self {
        let had = wanted.is_some();
        Self { kind, events, open, wanted, stale: false, under_way: None, retry_at: None, lost: false, had }
    }

    /// Another device, or none. [`Exchange::poll`] does it.
    pub(super) fn want(&mut self, wanted: Option<W>) {
        (self.wanted, self.stale, self.retry_at, self.lost) = (wanted, true, None, false);
    }

    /// True while `poll` should be called every few milliseconds.
    pub(super) fn is_busy(&self) -> bool {
        self.stale || self.under_way.is_some()
    }

    /// To be called now and then. Takes the present device away when another one is wanted, and gives the new one once it is
    /// open; true then.
    pub(super) fn poll(&mut self, now: Instant, device: &mut Option<T>) -> bool {
        let opened = self.finish(now);
        let is_new = opened.is_some();
        if is_new {
            *device = opened;
        }
        if self.under_way.is_none() && (self.stale || self.retry_at.is_some_and(|at| now >= at)) {
            self.begin(now, device.take());
            return false;
        }
        is_new
    }

    fn finish(&mut self, now: Instant) -> Option<T> {
        let thread = self.under_way.take_if(|thread| thread.is_finished())?;
        let broken = || {
            let (name, problem) = ("that is wanted".to_owned(), "its driver broke".to_owned());
            Some(Err(MediaError::Device { kind: self.kind, name, problem }))
        };
        match thread.join().unwrap_or_else(|_| broken())? {
            // Not wanted any more: the next one takes its place at once.
            Ok(device) if self.stale => Some(device),
            Ok(device) => {
                let (had, kind) = (std::mem::replace(&mut self.had, true), self.kind);
                if std::mem::take(&mut self.lost) {
                    self.tell(DeviceState::Back, format!("the {kind} is there now"));
                } else if had {
                    self.tell(DeviceState::Changed, format!("another {kind} is in use now"));
                }
                Some(device)
            }
            Err(error) => {
                self.failed(now, &error);
                None
            }
        }
    }

    fn begin(&mut self, now: Instant, former: Option<T>) {
        (self.stale, self.retry_at) = (false, None);
        let (wanted, open) = (self.wanted.clone(), self.open.clone());
        let work = move || {
            drop(former);
            wanted.map(|wanted| open(wanted))
        };
        match thread::Builder::new().name("sound-exchange".into()).spawn(work) {
            Ok(thread) => self.under_way = Some(thread),
            Err(error) => self.failed(now, &MediaError::Thread(error)),
        }
    }

    fn failed(&mut self, now: Instant, error: &MediaError) {
        if self.stale {
            return;
        }
        self.retry_at = Some(now + RETRY);
        if !std::mem::replace(&mut self.lost, true) {
            self.tell(DeviceState::Lost, error.to_string());
        }
    }

    fn tell(&self, state: DeviceState, detail: String) {
        tracing::info!(kind = %self.kind, state = state.as_str(), "{detail}");
        (self.events)(DeviceEvent { kind: self.kind, state, detail });
    }
}

impl<W, T> Drop for Exchange<W, T> {
    /// Opening takes a bounded time; what was opened is closed again.
    fn drop(&mut self) {
        if self.under_way.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread that opened a sound device panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts how many are open at a time.
    struct Device(u32, Arc<AtomicUsize>);

    impl Drop for Device {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }
    }

    struct Bench {
        exchange: Exchange<u32, Device>,
        device: Option<Device>,
        open: Arc<AtomicUsize>,
        states: Arc<Mutex<Vec<DeviceState>>>,
        broken: Arc<Mutex<Vec<u32>>>,
    }

    impl Bench {
        fn new() -> Self {
            let (open, states) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<DeviceState>>>::default());
            let broken = Arc::<Mutex<Vec<u32>>>::default();
            let (count, into, refused) = (open.clone(), states.clone(), broken.clone());
            let opener = move |wanted: u32| {
                if refused.lock().expect("not poisoned").contains(&wanted) {
                    return Err(MediaError::NoDevice { kind: DeviceKind::Speaker, name: None });
                }
                assert_eq!(count.fetch_add(1, Ordering::SeqCst), 0, "the former device is closed first");
                Ok(Device(wanted, count.clone()))
            };
            let events = Arc::new(move |event: DeviceEvent| into.lock().expect("not poisoned").push(event.state));
            let exchange = Exchange::new(DeviceKind::Speaker, None, events, Arc::new(opener));
            Self { exchange, device: None, open, states, broken }
        }

        /// Polls at one moment until nothing is under way.
        fn settle(&mut self, now: Instant) -> Option<u32> {
            let patience = Instant::now() + Duration::from_secs(30);
            loop {
                self.exchange.poll(now, &mut self.device);
                if !self.exchange.is_busy() {
                    return self.device.as_ref().map(|device| device.0);
                }
                assert!(Instant::now() < patience, "it hangs");
                thread::sleep(Duration::from_millis(1));
            }
        }

        fn states(&self) -> Vec<DeviceState> {
            self.states.lock().expect("not poisoned").clone()
        }
    }

    #[test]
    fn one_device_takes_the_place_of_another() {
        let (now, mut bench) = (Instant::now(), Bench::new());
        assert_eq!(bench.settle(now), None);
        bench.exchange.want(Some(1));
        assert_eq!(bench.settle(now), Some(1));
        assert_eq!(bench.states(), [], "the first one is no news");
        for wanted in 2..9 {
            bench.exchange.want(Some(wanted));
            // The next wish comes while this one is under way.
            bench.exchange.poll(now, &mut bench.device);
        }
        assert_eq!(bench.settle(now), Some(8));
        assert_eq!(bench.states().last(), Some(&DeviceState::Changed));
        bench.exchange.want(None);
        assert_eq!(bench.settle(now), None);
        assert_eq!(bench.open.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn one_that_does_not_open_is_told_once_and_tried_until_it_does() {
        let (now, mut bench) = (Instant::now(), Bench::new());
        bench.broken.lock().expect("not poisoned").push(7);
        bench.exchange.want(Some(7));
        for turn in 0..5 {
            assert_eq!(bench.settle(now + RETRY * turn), None);
        }
        assert_eq!(bench.states(), [DeviceState::Lost]);
        bench.broken.lock().expect("not poisoned").clear();
        assert_eq!(bench.settle(now + RETRY * 5 - Duration::from_millis(1)), None);
        assert_eq!(bench.settle(now + RETRY * 5), Some(7));
        assert_eq!(bench.states(), [DeviceState::Lost, DeviceState::Back]);
    }

    #[test]
    fn what_is_opened_too_late_is_closed() {
        let (now, mut bench) = (Instant::now(), Bench::new());
        bench.exchange.want(Some(1));
        bench.exchange.poll(now, &mut bench.device);
        let open = bench.open.clone();
        drop(bench);
        assert_eq!(open.load(Ordering::SeqCst), 0);
    }
}
