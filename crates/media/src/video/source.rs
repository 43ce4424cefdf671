//! Where pictures come from: the pattern, a file, a camera.
//!
//! Invariant: a picture is stamped with the time at which it entered the pipeline. Pattern and file keep an absolute
//! schedule, so that late wake-ups do not add up; pictures are made ready before they are due.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::LatestFrame;
use super::frame::{FrameBuffer, FramePool, VideoFrame, check_size};
use super::pattern::Pattern;
use super::y4m::{Y4mFormat, Y4mReader};
use crate::device::camera::{CameraCapture, CameraWish};
use crate::device::{DeviceEvent, DeviceKind, DeviceState};
use crate::stop::StopFlag;
use crate::{MediaError, clock};

/// Later than this, the schedule begins anew: the machine slept.
const MAX_BEHIND: Duration = Duration::from_secs(1);

/// What to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoSource {
    /// The moving test pattern.
    Pattern,
    /// A y4m file, round and round, at its own frame rate.
    File(PathBuf),
    /// A camera by id, index or part of its name; `None` for the first.
    Device(Option<String>),
}

/// Size and rate of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoSettings {
    /// Pixels; larger pictures are made to fit inside, smaller ones are sent as they are.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Of pattern and camera; a file has its own.
    pub fps: u32,
    /// Highest rate, bits a second.
    pub max_bps: u32,
}

/// Called with each picture on the capturing thread.
pub(crate) type FrameSink = Arc<dyn Fn(VideoFrame) + Send + Sync>;
/// Called when a device changes its state.
pub(crate) type DeviceSink = Arc<dyn Fn(DeviceEvent) + Send + Sync>;

/// Passes events on, and takes the picture out of `slot` when none follows: nobody is to look at a frozen one.
pub(crate) fn clearing(slot: Arc<LatestFrame>, events: DeviceSink) -> DeviceSink {
    Arc::new(move |event: DeviceEvent| {
        match event.state {
            DeviceState::Lost | DeviceState::Stalled => slot.clear(),
            DeviceState::Back | DeviceState::Changed => {}
        }
        events(event);
    })
}

/// A source at work.
pub(crate) enum Capture {
    Paced(PacedCapture),
    Camera(CameraCapture),
}

impl Capture {
    /// Fails at once for a broken file or a missing camera.
    pub(crate) fn start(
        source: &VideoSource,
        settings: VideoSettings,
        frames: FrameSink,
        events: DeviceSink,
    ) -> Result<Self, MediaError> {
        check_size(settings.width, settings.height)?;
        match source {
            VideoSource::Pattern => {
                let VideoSettings { width, height, fps, .. } = settings;
                let pattern = Pattern::new(width, height)?;
                let mut number = 0;
                let next = move |pool: &FramePool| {
                    let mut buffer = pool.buffer(width, height)?;
                    pattern.draw(number, buffer.planes_mut());
                    number += 1;
                    Ok((number - 1, buffer))
                };
                PacedCapture::start(Y4mFormat { width, height, rate: (fps.max(1), 1) }, next, frames, events)
            }
            VideoSource::File(path) => {
                let mut reader = Y4mReader::open(path)?;
                PacedCapture::start(reader.format(), move |pool| reader.next_frame(pool), frames, events)
            }
            VideoSource::Device(name) => {
                let VideoSettings { width, height, fps, .. } = settings;
                let wish = CameraWish { name: name.clone(), width, height, fps };
                CameraCapture::start(wish, frames, events).map(Self::Camera)
            }
        }
    }

    /// Releases the device; no picture comes after this returns.
    pub(crate) fn stop(self) {
        match self {
            Self::Paced(paced) => paced.stop(),
            Self::Camera(camera) => camera.stop(),
        }
    }
}

/// A thread that makes a picture, waits until it is due, and hands it on.
pub(crate) struct PacedCapture {
    stop: Arc<StopFlag>,
    thread: JoinHandle<()>,
}

impl PacedCapture {
    fn start(
        format: Y4mFormat,
        mut next: impl FnMut(&FramePool) -> Result<(u64, FrameBuffer), MediaError> + Send + 'static,
        frames: FrameSink,
        events: DeviceSink,
    ) -> Result<Capture, MediaError> {
        let stop = Arc::new(StopFlag::default());
        let stopped = stop.clone();
        let work = move || {
            let pool = FramePool::default();
            let mut schedule = Schedule::new(format, Instant::now());
            loop {
                match next(&pool) {
                    Ok((number, buffer)) => {
                        if !stopped.sleep_until(schedule.next_due(Instant::now())) {
                            return;
                        }
                        frames(buffer.freeze(clock::now_micros()).with_index(number));
                    }
                    Err(error) => {
                        let detail = format!("the clip cannot be played any more: {error}");
                        return events(DeviceEvent { kind: DeviceKind::Camera, state: DeviceState::Lost, detail });
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("video-source".into()).spawn(work).map_err(MediaError::Thread)?;
        Ok(Capture::Paced(Self { stop, thread }))
    }

    fn stop(self) {
        self.stop.set();
        if self.thread.join().is_err() {
            tracing::error!("the source of pictures panicked");
        }
    }
}

/// When each frame is due.
struct Schedule {
    format: Y4mFormat,
    start: Instant,
    number: u64,
}

impl Schedule {
    fn new(format: Y4mFormat, start: Instant) -> Self {
        Self { format, start, number: 0 }
    }

    fn next_due(&mut self, now: Instant) -> Instant {
        let mut due = self.start + self.format.due(self.number);
        if now > due + MAX_BEHIND {
            (self.start, self.number, due) = (now, 0, now);
        }
        self.number += 1;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Y4mFormat = Y4mFormat { width: 2, height: 2, rate: (25, 1) };

    #[test]
    fn late_wake_ups_do_not_add_up() {
        let start = Instant::now();
        let mut schedule = Schedule::new(FORMAT, start);
        for number in 0..1000u32 {
            let due = start + Duration::from_millis(40) * number;
            assert_eq!(schedule.next_due(due + Duration::from_millis(35)), due);
        }
    }

    #[test]
    fn after_a_sleep_of_the_machine_nothing_is_caught_up() {
        let start = Instant::now();
        let mut schedule = Schedule::new(FORMAT, start);
        schedule.next_due(start);
        let woken = start + Duration::from_secs(3600);
        assert_eq!(schedule.next_due(woken), woken);
        assert_eq!(schedule.next_due(woken), woken + Duration::from_millis(40));
    }
}
