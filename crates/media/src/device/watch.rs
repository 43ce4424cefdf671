//! Tells when devices come and go.
//!
//! Invariant: what is done again and again opens no device. Only when something there has changed are the devices asked what
//! they are, which opens them for a moment; and who stops the watch waits for a bounded time.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{DeviceInfo, camera, list_devices, sound};
use crate::MediaError;
use crate::stop::StopFlag;

/// Between two looks, of which each costs a millisecond: who plugs something in hardly notices two seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a change, the devices are asked again at these looks: drivers and sound servers take some seconds until what
/// they show works.
const ASK_AGAIN: [u32; 3] = [1, 2, 4];
/// So long a driver is waited for at the end; the thread is left behind then and ends by itself.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Watches until it is stopped or dropped.
pub struct DeviceWatch {
    stop: Arc<StopFlag>,
    thread: Option<JoinHandle<()>>,
}

/// Calls `on_change` with all devices: soon, as they are now, and again some 3 s after each change. It is called on the
/// watch's own thread, on which it may take its time.
///
/// # Errors
/// The system gives no thread.
pub fn watch(on_change: Box<dyn Fn(Vec<DeviceInfo>) + Send>) -> Result<DeviceWatch, MediaError> {
    let stop = Arc::new(StopFlag::default());
    let stopped = stop.clone();
    let work = move || run(&stopped, &*on_change);
    let thread = thread::Builder::new().name("device-watch".into()).spawn(work).map_err(MediaError::Thread)?;
    Ok(DeviceWatch { stop, thread: Some(thread) })
}

impl DeviceWatch {
    /// Ends the thread and waits for it.
    pub fn stop(self) {}
}

impl Drop for DeviceWatch {
    fn drop(&mut self) {
        self.stop.set();
        let Some(thread) = self.thread.take() else { return };
        let deadline = Instant::now() + END_WITHIN;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        if !thread.is_finished() {
            tracing::warn!("a driver does not answer; the thread that asked it is left behind");
        } else if thread.join().is_err() {
            tracing::error!("the thread that watches for devices panicked");
        }
    }
}

fn run(stop: &StopFlag, on_change: &dyn Fn(Vec<DeviceInfo>)) {
    let mut changes = Changes::default();
    loop {
        if look().is_some_and(|found| changes.looked(found))
            && let Some(devices) = changes.listed(list_devices())
        {
            on_change(devices);
        }
        if !stop.sleep_until(Instant::now() + LOOK_EVERY) {
            return;
        }
    }
}

/// What there is, without opening any of it; `None` where a driver's answer makes its library panic.
fn look() -> Option<Vec<String>> {
    let look = || {
        let mut found = camera::present();
        found.extend(sound::present());
        found.sort();
        found
    };
    catch_unwind(look).ok()
}

/// Decides when to ask and when to tell. Pure.
#[derive(Debug, Default)]
struct Changes {
    seen: Option<Vec<String>>,
    /// Looks since that changed.
    since: u32,
    told: Option<Vec<DeviceInfo>>,
}

impl Changes {
    /// Takes in what a look found; true where the devices are to be asked.
    fn looked(&mut self, found: Vec<String>) -> bool {
        if self.seen.as_ref() != Some(&found) {
            (self.seen, self.since) = (Some(found), 0);
            return true;
        }
        self.since = self.since.saturating_add(1);
        ASK_AGAIN.contains(&self.since)
    }

    /// Takes in all devices; gives them where the user has to know.
    fn listed(&mut self, mut devices: Vec<DeviceInfo>) -> Option<Vec<DeviceInfo>> {
        let told = self.told.as_deref().unwrap_or_default();
        for device in devices.iter_mut().filter(|device| device.formats.is_empty()) {
            // A camera in use says neither its name nor its formats, and the user would wonder.
            let known = told.iter().find(|known| (known.kind, &known.id) == (device.kind, &device.id));
            if let Some(known) = known.filter(|known| !known.formats.is_empty()) {
                known.clone_into(device);
            }
        }
        if self.told.as_ref() == Some(&devices) {
            return None;
        }
        self.told = Some(devices.clone());
        Some(devices)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::DeviceKind;
    use super::*;

    fn device(id: &str, formats: &[&str]) -> DeviceInfo {
        DeviceInfo {
            kind: DeviceKind::Camera,
            id: id.into(),
            name: id.into(),
            is_default: false,
            formats: formats.iter().map(|format| (*format).to_owned()).collect(),
        }
    }

    #[test]
    fn devices_are_asked_when_something_changed_and_a_few_times_after() {
        let mut changes = Changes::default();
        let mut asked = |look: u32, found: &[&str]| {
            let found = found.iter().map(|name| (*name).to_owned()).collect();
            changes.looked(found).then_some(look)
        };
        let first: Vec<u32> = (0..100).filter_map(|look| asked(look, &["video0"])).collect();
        assert_eq!(first, [0, 1, 2, 4]);
        let unplugged: Vec<u32> = (100..200).filter_map(|look| asked(look, &[])).collect();
        assert_eq!(unplugged, [100, 101, 102, 104]);
    }

    #[test]
    fn only_what_differs_is_told() {
        let mut changes = Changes::default();
        assert_eq!(changes.listed(Vec::new()), Some(Vec::new()), "no device at all is the first news");
        assert_eq!(changes.listed(Vec::new()), None);
        assert!(changes.listed(vec![device("0", &["640x480"])]).is_some());
        let in_use = DeviceInfo { name: "/dev/video0".into(), ..device("0", &[]) };
        assert_eq!(changes.listed(vec![in_use.clone()]), None, "it does not say what it is");
        let both = changes.listed(vec![in_use, device("1", &[])]);
        assert_eq!(both, Some(vec![device("0", &["640x480"]), device("1", &[])]));
    }

    #[test]
    fn the_first_list_comes_by_itself_and_the_end_is_quick() {
        let (sender, lists) = mpsc::channel();
        let watch = watch(Box::new(move |devices| drop(sender.send(devices)))).expect("a thread");
        lists.recv_timeout(Duration::from_secs(60)).expect("a list");
        watch.stop();
        assert!(lists.recv().is_err(), "the watch is gone, and its callback with it");
    }
}
