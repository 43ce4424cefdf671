//! A camera at work: a thread that grabs pictures, and one that watches over it.
//!
//! Invariant: at most one grabbing thread is current; pictures of others are not handed on. The watching thread starts and
//! wakes grabbing threads and never touches the camera, so nothing that a driver does can block it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nokhwa::utils::{CameraFormat, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Buffer, Camera};

use super::wake::wake;
use super::watch::{Step, Watch};
use super::{CameraWish, choose, find, format_name, open_any};
use crate::device::{DeviceEvent, DeviceKind, DeviceState};
use crate::video::{Converter, DeviceSink, FrameSink, PixelLayout};
use crate::{MediaError, clock};

/// A camera must be open, or refuse, within this at the start.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// How often a grabbing thread says that pictures come.
const SIGN_OF_LIFE: Duration = Duration::from_millis(200);
/// How long the end of a grabbing thread is waited for.
const END_WITHIN: Duration = Duration::from_millis(500);
/// What grabbing threads have to say: a few words each, and a sign of life five times a second.
const NOTES: usize = 32;
/// The number of no grabbing thread.
const NOBODY: u64 = 0;

enum Note {
    /// The camera is open: its name and format.
    Opened(String),
    Picture,
    Ended(MediaError),
    /// To the watching thread: the end.
    Stop,
}

/// What all threads of a capture share.
#[derive(Clone)]
struct Common {
    wish: CameraWish,
    frames: FrameSink,
    events: DeviceSink,
    /// Number of the grabbing thread that may hand on pictures.
    current: Arc<AtomicU64>,
    notes: SyncSender<(u64, Note)>,
}

/// A camera that is kept at work until it is stopped.
pub(crate) struct CameraCapture {
    notes: SyncSender<(u64, Note)>,
    thread: JoinHandle<()>,
}

impl CameraCapture {
    /// Opens the camera; fails if there is none, or it refuses. What happens later is reported through `events`.
    pub(crate) fn start(wish: CameraWish, frames: FrameSink, events: DeviceSink) -> Result<Self, MediaError> {
        let (notes, queue) = sync_channel(NOTES);
        let common = Common { wish, frames, events, current: Arc::new(AtomicU64::new(NOBODY)), notes: notes.clone() };
        let mut watcher = Watcher { common, grabber: None, started: NOBODY };
        let begun = Instant::now();
        watcher.grab()?;
        let no_answer = || MediaError::Device {
            kind: DeviceKind::Camera,
            name: watcher.common.wish.name.clone().unwrap_or_else(|| "default".into()),
            problem: format!("it did not answer within {} s", OPEN_WITHIN.as_secs()),
        };
        let mut watch = Watch::new(begun);
        match queue.recv_timeout(OPEN_WITHIN) {
            Ok((_, Note::Opened(what))) => tracing::info!(camera = what, "capturing"),
            Ok((_, Note::Picture | Note::Stop)) => {}
            Ok((_, Note::Ended(error))) => return Err(error),
            Err(_) => {
                watcher.common.current.store(NOBODY, Ordering::Relaxed);
                return Err(no_answer());
            }
        }
        watch.opening(Instant::now());
        let work = move || watcher.run(watch, &queue);
        let thread = thread::Builder::new().name("camera-watch".into()).spawn(work).map_err(MediaError::Thread)?;
        Ok(Self { notes, thread })
    }

    /// Gives the camera back. Waits for a stuck driver only for a moment.
    pub(crate) fn stop(self) {
        // An error means that the thread is gone already.
        let _ = self.notes.send((NOBODY, Note::Stop));
        if self.thread.join().is_err() {
            tracing::error!("the thread that watches the camera panicked");
        }
    }
}

/// What the watching thread owns.
struct Watcher {
    common: Common,
    grabber: Option<JoinHandle<()>>,
    /// Number of the last grabbing thread.
    started: u64,
}

impl Watcher {
    fn run(mut self, mut watch: Watch, notes: &Receiver<(u64, Note)>) {
        let mut detail = String::from("the camera gives no pictures; is it covered by its switch, or used elsewhere?");
        loop {
            let now = Instant::now();
            match watch.step(now) {
                Step::Wait(until) => match notes.recv_timeout(until.saturating_duration_since(now)) {
                    Ok((_, Note::Stop)) | Err(RecvTimeoutError::Disconnected) => return self.end(notes),
                    Ok((from, note)) if from == self.started => {
                        if let Some(state) = heed(&mut watch, note, &mut detail) {
                            self.report(state, &detail);
                        }
                    }
                    // Of a thread that was left behind.
                    Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                },
                Step::Open => {
                    watch.opening(now);
                    if let Err(error) = self.grab() {
                        tracing::error!(%error, "the camera cannot be opened again");
                        watch.ended(now);
                    }
                }
                Step::Wake => self.grabber.iter().for_each(wake),
                Step::Abandon => {
                    self.common.current.store(NOBODY, Ordering::Relaxed);
                    self.grabber = None;
                }
                Step::Report(state) => self.report(state, &detail),
            }
        }
    }

    fn report(&self, state: DeviceState, detail: &str) {
        let detail = if state == DeviceState::Back { "the camera works again" } else { detail };
        (self.common.events)(DeviceEvent { kind: DeviceKind::Camera, state, detail: detail.to_owned() });
    }

    /// Starts a grabbing thread and makes it the current one.
    fn grab(&mut self) -> Result<(), MediaError> {
        self.started += 1;
        let number = self.started;
        self.common.current.store(number, Ordering::Relaxed);
        let common = self.common.clone();
        let work = move || {
            let mut last_words = LastWords { notes: common.notes.clone(), number, error: None };
            last_words.error = grab(&common, number).err();
        };
        self.grabber = Some(thread::Builder::new().name("camera".into()).spawn(work).map_err(MediaError::Thread)?);
        Ok(())
    }

    /// Ends the grabbing thread, waking it if need be; one that stays stuck is left behind.
    fn end(mut self, notes: &Receiver<(u64, Note)>) {
        self.common.current.store(NOBODY, Ordering::Relaxed);
        let Some(grabber) = self.grabber.take() else { return };
        let deadline = Instant::now() + END_WITHIN;
        while !grabber.is_finished() && Instant::now() < deadline {
            // A working camera gives its next picture sooner than this.
            match notes.recv_timeout(Duration::from_millis(100)) {
                Ok((from, Note::Ended(_))) if from == self.started => break,
                Ok(_) => {}
                Err(_) => wake(&grabber),
            }
        }
    }
}

/// Passes a note on to the watch; gives what to report.
fn heed(watch: &mut Watch, note: Note, detail: &mut String) -> Option<DeviceState> {
    match note {
        Note::Opened(what) => {
            tracing::info!(camera = what, "capturing again");
            None
        }
        Note::Picture => watch.picture(Instant::now()),
        Note::Ended(error) => {
            let state = watch.ended(Instant::now());
            if state.is_some() {
                *detail = error.to_string();
            }
            state
        }
        Note::Stop => None,
    }
}

/// Says that the thread has ended, also when it panicked, and only after the camera is dropped.
struct LastWords {
    notes: SyncSender<(u64, Note)>,
    number: u64,
    error: Option<MediaError>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let error = self.error.take().unwrap_or_else(|| device_error("", "its thread ended"));
        // Nobody listens any more if the capture was stopped.
        let _ = self.notes.try_send((self.number, Note::Ended(error)));
    }
}

fn device_error(name: &str, problem: impl std::fmt::Display) -> MediaError {
    MediaError::Device { kind: DeviceKind::Camera, name: name.to_owned(), problem: problem.to_string() }
}

/// Opens the camera and hands on its pictures until another thread is the current one.
fn grab(common: &Common, number: u64) -> Result<(), MediaError> {
    let index = find(common.wish.name.as_deref())?;
    let id = index.as_string();
    let mut camera = open_any(index).map_err(|error| device_error(&id, error))?;
    let name = camera.info().human_name();
    let failed = |error: nokhwa::NokhwaError| device_error(&name, error);
    let format = set_up(&mut camera, &common.wish, &name)?;
    let layout = layout(format.format()).ok_or_else(|| device_error(&name, "its pixel format is unknown"))?;
    // Full only if the watching thread is gone.
    let note = |note| drop(common.notes.try_send((number, note)));
    note(Note::Opened(format!("{name}, {}", format_name(format))));

    let mut converter = Converter::new();
    let mut last_sign: Option<Instant> = None;
    while common.current.load(Ordering::Relaxed) == number {
        let buffer = camera.frame().map_err(failed)?;
        let now = Instant::now();
        match converter.convert(layout, buffer.buffer(), format.width(), format.height()) {
            Ok(picture) if common.current.load(Ordering::Relaxed) == number => {
                (common.frames)(picture.freeze(captured_us(&buffer, now)));
                if last_sign.is_none_or(|last| now.duration_since(last) >= SIGN_OF_LIFE) {
                    last_sign = Some(now);
                    note(Note::Picture);
                }
            }
            Ok(_) => {}
            // No sign of life: a camera that gives nothing but broken pictures counts as stalled.
            Err(error) => tracing::debug!(%error, "a picture of the camera is left out"),
        }
    }
    Ok(())
}

/// Sets the best format and starts the stream.
fn set_up(camera: &mut Camera, wish: &CameraWish, name: &str) -> Result<CameraFormat, MediaError> {
    let failed = |error: nokhwa::NokhwaError| device_error(name, error);
    let formats = camera.compatible_camera_formats().map_err(failed)?;
    let format = choose::choose(&formats, wish).ok_or_else(|| device_error(name, "it offers no usable format"))?;
    let exact = RequestedFormatType::Exact(format);
    camera.set_camera_requset(RequestedFormat::with_formats(exact, &[format.format()])).map_err(failed)?;
    camera.open_stream().map_err(failed)?;
    // Drivers may settle on something else.
    camera.refresh_camera_format().map_err(failed)
}

fn layout(format: FrameFormat) -> Option<PixelLayout> {
    match format {
        FrameFormat::YUYV => Some(PixelLayout::Yuyv),
        FrameFormat::NV12 => Some(PixelLayout::Nv12),
        FrameFormat::MJPEG => Some(PixelLayout::Mjpeg),
        FrameFormat::RAWRGB => Some(PixelLayout::Rgb),
        _ => None,
    }
}

/// When the driver says it was captured, in the time of this process's clock; now, if it does not say or cannot be right.
fn captured_us(buffer: &Buffer, now: Instant) -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = buffer.capture_timestamp().and_then(|captured| wall.checked_sub(captured));
    let age = age.filter(|age| *age < Duration::from_secs(1)).unwrap_or_default();
    clock::unix_micros(now) - age.as_micros() as i64
}
