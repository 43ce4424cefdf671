//! A camera's pictures before a call: no encoder, nobody else sees them.
//!
//! Invariant: while a preview lives the device belongs to it; when it is stopped or dropped the device is free again. Its
//! slot never holds a picture of a camera that gives none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::LatestFrame;
use super::source::{Capture, DeviceSink, VideoSettings, VideoSource, clearing};
use crate::MediaError;
use crate::device::{DeviceEvent, DeviceState};

/// A camera, a clip or the pattern at work for the user's own eyes.
pub struct Preview {
    slot: Arc<LatestFrame>,
    trouble: Arc<Mutex<Option<DeviceState>>>,
    capture: Option<Capture>,
}

impl Preview {
    /// Opens the source, which takes up to 5 s: not for an async task. Fails for a missing or broken file, and for a camera
    /// that is not there or refuses. One that is lost later is told to `on_event`, looked for, and comes back by itself.
    pub fn start(
        source: &VideoSource,
        settings: VideoSettings,
        on_event: Box<dyn Fn(DeviceEvent) + Send + Sync>,
    ) -> Result<Self, MediaError> {
        let (slot, trouble) = (Arc::<LatestFrame>::default(), Arc::<Mutex<Option<DeviceState>>>::default());
        let (into, note) = (slot.clone(), trouble.clone());
        let events: DeviceSink = Arc::new(move |event: DeviceEvent| {
            *lock(&note) = match event.state {
                DeviceState::Lost | DeviceState::Stalled => Some(event.state),
                DeviceState::Back | DeviceState::Changed => None,
            };
            on_event(event);
        });
        let events = clearing(slot.clone(), events);
        let capture = Capture::start(source, settings, Arc::new(move |frame| into.put(frame)), events)?;
        Ok(Self { slot, trouble, capture: Some(capture) })
    }

    /// The newest picture; empty before the first one and while the camera gives none.
    pub fn latest(&self) -> Arc<LatestFrame> {
        self.slot.clone()
    }

    /// What is wrong with the camera: lost or stalled. `None` while it works.
    pub fn trouble(&self) -> Option<DeviceState> {
        *lock(&self.trouble)
    }

    /// Gives the device back and waits for its threads.
    pub fn stop(self) {}
}

impl Drop for Preview {
    fn drop(&mut self) {
        self.capture.take().into_iter().for_each(Capture::stop);
        self.slot.clear();
        self.slot.close();
    }
}

fn lock(trouble: &Mutex<Option<DeviceState>>) -> MutexGuard<'_, Option<DeviceState>> {
    trouble.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SETTINGS: VideoSettings = VideoSettings { width: 64, height: 64, fps: 30, max_bps: 100_000 };

    #[test]
    fn pictures_come_until_it_is_stopped() {
        let preview = Preview::start(&VideoSource::Pattern, SETTINGS, Box::new(|_| {})).expect("started");
        let slot = preview.latest();
        let (seen, _) = slot.wait_newer_than(0, Duration::from_secs(30)).expect("a picture");
        slot.wait_newer_than(seen, Duration::from_secs(30)).expect("another");
        assert_eq!(preview.trouble(), None);
        preview.stop();
        assert!(slot.is_empty() && slot.wait_newer_than(0, Duration::from_secs(3600)).is_none());
    }

    #[test]
    fn what_cannot_be_opened_is_said_at_once() {
        let missing = VideoSource::File("no-such-clip.y4m".into());
        let error = Preview::start(&missing, SETTINGS, Box::new(|_| {})).err().expect("refused").to_string();
        assert!(error.contains("no-such-clip.y4m"), "{error}");
    }

    #[test]
    fn a_source_that_breaks_takes_its_picture_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("clip.y4m");
        super::super::write_test_clip(&path, 64, 64, 30, 1).expect("a clip");
        let events = Arc::<Mutex<Vec<DeviceEvent>>>::default();
        let into = events.clone();
        let note = Box::new(move |event| into.lock().expect("not poisoned").push(event));
        let preview = Preview::start(&VideoSource::File(path.clone()), SETTINGS, note).expect("started");
        let slot = preview.latest();
        slot.wait_newer_than(0, Duration::from_secs(30)).expect("a picture");
        // Half a picture is left of the clip.
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        file.set_len(100).expect("cut");
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while preview.trouble().is_none() {
            assert!(std::time::Instant::now() < deadline, "nobody noticed");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(slot.is_empty());
        assert_eq!(events.lock().expect("not poisoned").len(), 1);
    }
}
