//! How loud a microphone is, before a call: nothing is encoded and nobody else hears it.
//!
//! Invariant: while a meter lives the device belongs to it; when it is stopped or dropped the device is free again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::input::Input;
use super::level::{Level, PeakMeter};
use super::{AudioSource, BLOCK};
use crate::MediaError;
use crate::device::{DeviceEvent, DeviceKind, DeviceState};

/// A microphone at work for the user's own eyes.
pub struct Meter {
    level: Level,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Meter {
    /// Opens the source, which takes up to 5 s: not for an async task. Fails for a missing file or microphone. One that is
    /// lost later is told to `on_event` and looked for; until it is back the level is 0.
    pub fn start(source: AudioSource, on_event: Box<dyn Fn(DeviceEvent) + Send + Sync>) -> Result<Self, MediaError> {
        let events: Arc<dyn Fn(DeviceEvent) + Send + Sync> = Arc::from(on_event);
        let mut input = Input::open(source, events.clone())?;
        let (level, stop) = (Level::default(), Arc::new(AtomicBool::new(false)));
        let (mut meter, stopped) = (PeakMeter::new(level.clone()), stop.clone());
        let work = move || {
            let mut block = [0.0; BLOCK];
            while !stopped.load(Ordering::Relaxed) {
                // Waits for a block, and never for longer than it lasts.
                if let Err(error) = input.next(&mut block) {
                    meter.clear();
                    let (kind, state, detail) = (DeviceKind::Microphone, DeviceState::Lost, error.to_string());
                    return events(DeviceEvent { kind, state, detail });
                }
                meter.add(&block);
            }
        };
        let thread = thread::Builder::new().name("audio-meter".into()).spawn(work).map_err(MediaError::Thread)?;
        Ok(Self { level, stop, thread: Some(thread) })
    }

    /// Peak of the last 100 ms, 0 to 1 (full scale).
    pub fn level(&self) -> f32 {
        self.level.now()
    }

    /// Gives the device back and waits for its threads.
    pub fn stop(self) {}
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that measures the microphone panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_tone_shows_at_its_level() {
        let meter = Meter::start(AudioSource::Tone, Box::new(|_| {})).expect("started");
        let deadline = Instant::now() + Duration::from_secs(30);
        while (meter.level() - 0.2).abs() > 0.001 {
            assert!(Instant::now() < deadline, "the level is {}", meter.level());
            thread::sleep(Duration::from_millis(5));
        }
        meter.stop();
    }

    #[test]
    fn a_source_that_is_not_there_is_said_at_once() {
        for source in [AudioSource::File("none.wav".into()), AudioSource::Device(Some("no such microphone".into()))] {
            assert!(Meter::start(source, Box::new(|_| {})).is_err());
        }
    }
}
