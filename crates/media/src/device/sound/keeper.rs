//! The thread that keeps one microphone or speaker open.
//!
//! Invariant: a cpal stream is opened, watched and dropped on this thread alone, since drivers may block. A device that
//! is lost or stalls is opened again every second until it is back or nobody wants it. A microphone that gives zeros from the
//! start is opened again as well, but only twice: it may be one that the system keeps muted.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, Device, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig};

use super::port::{Port, WANTED_PERIOD};
use super::{ANSWER_WITHIN, Offer, best, find, offers};
use crate::MediaError;
use crate::audio::SAMPLE_RATE;
use crate::device::{DeviceEvent, DeviceKind, DeviceState};

/// No callback for this long: stalled.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// Nothing but zeros for this long since it was opened. Seen with PipeWire 0.3.65 once in 60 times that a stream took the place of
/// another on a busy machine: linked and running, and silent for good; the next one works.
const DEAD_AFTER: Duration = Duration::from_secs(2);
/// So many times a microphone that gives zeros is opened again.
const REVIVALS: u32 = 2;
/// How often a device that is gone is looked for, and how often a stream is checked for life.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// More underruns or overruns than this in a second are a device that does not work.
const MAX_XRUNS: u32 = 50;

/// Called with each change of the device.
pub(crate) type Events = Arc<dyn Fn(DeviceEvent) + Send + Sync>;

/// An open microphone or speaker, kept open until it is stopped or dropped.
pub(crate) struct SoundDevice {
    port: Arc<Port>,
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

/// What the stream's callbacks and the owner tell the device's thread.
#[derive(Debug, Default)]
struct Signal {
    news: Mutex<News>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct News {
    stop: bool,
    failure: Option<String>,
    rerouted: bool,
    xruns: u32,
}

impl SoundDevice {
    /// Opens the device, or says why it cannot be. Later trouble is told to `events`.
    pub(crate) fn open(kind: DeviceKind, wanted: Option<String>, events: Events) -> Result<Self, MediaError> {
        let (port, signal) = (Arc::new(Port::new()), Arc::new(Signal::default()));
        let (opened, first) = mpsc::sync_channel(1);
        let keeper =
            Keeper { kind, wanted: wanted.clone(), events, port: Arc::clone(&port), signal: Arc::clone(&signal) };
        let name = if kind == DeviceKind::Microphone { "microphone" } else { "speaker" };
        let thread =
            thread::Builder::new().name(name.into()).spawn(move || keeper.run(&opened)).map_err(MediaError::Thread)?;
        let mut device = Self { port, signal, thread: Some(thread) };
        match first.recv_timeout(ANSWER_WITHIN) {
            Ok(Ok(())) => Ok(device),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                // The driver blocks: its thread is left behind and ends by itself when the driver answers.
                device.signal.lock().stop = true;
                device.thread = None;
                let problem = format!("it did not open within {} s", ANSWER_WITHIN.as_secs());
                Err(MediaError::Device { kind, name: wanted.unwrap_or_else(|| "default".into()), problem })
            }
        }
    }

    pub(crate) fn port(&self) -> &Port {
        &self.port
    }
}

impl Drop for SoundDevice {
    fn drop(&mut self) {
        self.signal.lock().stop = true;
        self.signal.changed.notify_all();
        let Some(thread) = self.thread.take() else { return };
        // Closing can block in the driver too: wait for it in bounds.
        let deadline = Instant::now() + ANSWER_WITHIN;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        match thread.is_finished() {
            true => drop(thread.join()),
            false => tracing::warn!("the sound driver does not close; its thread is left behind"),
        }
    }
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for news or `limit`.
    fn wait(&self, limit: Duration) -> News {
        let quiet = |news: &mut News| !news.stop && news.failure.is_none() && !news.rerouted;
        let waited = self.changed.wait_timeout_while(self.lock(), limit, quiet);
        let mut news = waited.unwrap_or_else(PoisonError::into_inner).0;
        let stop = news.stop;
        std::mem::replace(&mut *news, News { stop, ..News::default() })
    }

    fn error(&self, error: &cpal::Error) {
        let mut news = self.lock();
        match error.kind() {
            ErrorKind::Xrun => {
                news.xruns += 1;
                if news.xruns <= MAX_XRUNS {
                    return;
                }
                news.failure = Some("it cannot keep up".into());
            }
            ErrorKind::DeviceChanged => news.rerouted = true,
            ErrorKind::RealtimeDenied => return,
            _ => news.failure = Some(error.to_string()),
        }
        drop(news);
        self.changed.notify_all();
    }
}

/// Why a stream is to be opened again.
enum Trouble {
    /// It does not work, which the user is told.
    Gone(DeviceState, String),
    /// It gives nothing but zeros, which may be all that is to be had.
    Dead,
}

/// The thread that owns the stream.
struct Keeper {
    kind: DeviceKind,
    wanted: Option<String>,
    events: Events,
    port: Arc<Port>,
    signal: Arc<Signal>,
}

impl Keeper {
    fn run(self, opened: &SyncSender<Result<(), MediaError>>) {
        let mut stream = match self.open() {
            Ok(stream) => stream,
            // The receiver waits unless it gave up, and then nobody needs to know.
            Err(error) => return drop(opened.send(Err(error))),
        };
        let _ = opened.send(Ok(()));
        let mut revivals = 0;
        loop {
            let Some(trouble) = self.watch(revivals < REVIVALS) else { return };
            drop(stream);
            self.port.clear();
            match &trouble {
                Trouble::Dead => revivals += 1,
                Trouble::Gone(state, detail) => {
                    revivals = 0;
                    self.tell(*state, detail.clone());
                }
            }
            let Some(again) = self.retry() else { return };
            stream = again;
            if let Trouble::Gone(..) = trouble {
                self.tell(DeviceState::Back, format!("the {} works again", self.kind));
            }
        }
    }

    fn tell(&self, state: DeviceState, detail: String) {
        tracing::info!(kind = %self.kind, state = state.as_str(), "{detail}");
        (self.events)(DeviceEvent { kind: self.kind, state, detail });
    }

    /// Returns what is wrong with the stream, or `None` when it is to be closed. Whether it is dead is looked for on demand.
    fn watch(&self, may_be_dead: bool) -> Option<Trouble> {
        let kind = self.kind;
        let since = Instant::now();
        loop {
            let news = self.signal.wait(RETRY_EVERY);
            if news.stop {
                return None;
            }
            if let Some(problem) = news.failure {
                return Some(Trouble::Gone(
                    DeviceState::Lost,
                    format!("the {kind} is gone ({problem}); it is looked for"),
                ));
            }
            if news.rerouted {
                self.tell(DeviceState::Changed, format!("the system moved the {kind} to another device"));
            }
            let quiet = self.port.quiet_for().unwrap_or(Duration::MAX).min(since.elapsed());
            if quiet > STALLED_AFTER {
                return Some(Trouble::Gone(
                    DeviceState::Stalled,
                    format!("the {kind} gives no sign of life; it is opened again"),
                ));
            }
            let is_dead = kind == DeviceKind::Microphone && !self.port.is_live() && since.elapsed() > DEAD_AFTER;
            if may_be_dead && is_dead {
                tracing::info!("the microphone gives nothing but zeros; it is opened again");
                return Some(Trouble::Dead);
            }
        }
    }

    /// Opens the device again, until it gives a sign of life; `None` when it is not wanted any more.
    fn retry(&self) -> Option<Stream> {
        loop {
            if self.signal.wait(RETRY_EVERY).stop {
                return None;
            }
            let Ok(stream) = self.open() else { continue };
            let opened = Instant::now();
            while opened.elapsed() < STALLED_AFTER {
                let news = self.signal.wait(Duration::from_millis(20));
                if news.stop {
                    return None;
                }
                if news.failure.is_some() {
                    break;
                }
                if self.port.quiet_for().is_some_and(|quiet| quiet < opened.elapsed()) {
                    return Some(stream);
                }
            }
        }
    }

    fn open(&self) -> Result<Stream, MediaError> {
        let device = find(self.kind, self.wanted.as_deref())?;
        let fail = |problem: String| MediaError::Device { kind: self.kind, name: device.to_string(), problem };
        let offer = best(offers(&device, self.kind).unwrap_or_default(), self.kind)
            .ok_or_else(|| fail("it does not open or offers no usable format".into()))?;
        self.port.opened(offer.rate);
        let period = BufferSize::Fixed(WANTED_PERIOD * offer.rate / SAMPLE_RATE);
        let stream = self
            .build(&device, offer, period)
            .or_else(|_| self.build(&device, offer, BufferSize::Default))
            .map_err(|error| fail(error.to_string()))?;
        stream.play().map_err(|error| fail(error.to_string()))?;
        Ok(stream)
    }

    fn build(&self, device: &Device, offer: Offer, buffer_size: BufferSize) -> Result<Stream, cpal::Error> {
        let config = StreamConfig { channels: offer.channels, sample_rate: offer.rate, buffer_size };
        let input = self.kind == DeviceKind::Microphone;
        match (offer.format, input) {
            (SampleFormat::F32, true) => self.capture::<f32>(device, config),
            (SampleFormat::I16, true) => self.capture::<i16>(device, config),
            (SampleFormat::I32, true) => self.capture::<i32>(device, config),
            (SampleFormat::U8, true) => self.capture::<u8>(device, config),
            (SampleFormat::F32, false) => self.play::<f32>(device, config),
            (SampleFormat::I16, false) => self.play::<i16>(device, config),
            (SampleFormat::I32, false) => self.play::<i32>(device, config),
            (SampleFormat::U8, false) => self.play::<u8>(device, config),
            _ => Err(ErrorKind::UnsupportedConfig.into()),
        }
    }

    fn capture<T: SizedSample>(&self, device: &Device, config: StreamConfig) -> Result<Stream, cpal::Error>
    where
        f32: FromSample<T>,
    {
        let (port, signal) = (Arc::clone(&self.port), Arc::clone(&self.signal));
        let channels = usize::from(config.channels);
        let data = move |data: &[T], info: &cpal::InputCallbackInfo| {
            let frames = data.len() / channels;
            let mono = data
                .chunks_exact(channels)
                .map(|frame| frame.iter().map(|&sample| f32::from_sample(sample)).sum::<f32>() / channels as f32);
            port.captured(mono);
            let times = info.timestamp();
            port.called(frames, Some(times.callback.duration_since(times.capture)));
        };
        device.build_input_stream(config, data, move |error| signal.error(&error), Some(RETRY_EVERY))
    }

    fn play<T: SizedSample + FromSample<f32>>(
        &self,
        device: &Device,
        config: StreamConfig,
    ) -> Result<Stream, cpal::Error> {
        let (port, signal) = (Arc::clone(&self.port), Arc::clone(&self.signal));
        let channels = usize::from(config.channels);
        let data = move |data: &mut [T], info: &cpal::OutputCallbackInfo| {
            let frames = data.len() / channels;
            let mut queued = port.lock();
            for frame in data.chunks_exact_mut(channels) {
                frame.fill(T::from_sample(queued.pop_front().unwrap_or(0.0)));
            }
            drop(queued);
            let times = info.timestamp();
            port.called(frames, Some(times.playback.duration_since(times.callback)));
        };
        device.build_output_stream(config, data, move |error| signal.error(&error), Some(RETRY_EVERY))
    }
}
