//! Microphones and speakers through cpal.
//!
//! Invariant: a cpal stream is opened, watched and dropped on one thread of its own, since drivers may block; sound
//! crosses between its callback and a worker in a [`Port`], whose lock is held only to copy one period. A device that
//! is lost or stalls is opened again every second until it is back or nobody wants it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedStreamConfigRange,
};

use super::{DeviceEvent, DeviceInfo, DeviceKind, DeviceState};
use crate::MediaError;
use crate::audio::SAMPLE_RATE;

/// How long a driver may take to open or to list.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// No callback for this long: stalled.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// How often a device that is gone is looked for, and how often a stream is checked for life.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// Half a second of the highest usual rate: a worker that sleeps longer has lost the thread of the talk anyway.
const PORT_CAPACITY: usize = 48_000;
/// A callback every 10 ms where the device can.
const WANTED_PERIOD: u32 = 480;
/// More underruns or overruns than this in a second are a device that does not work.
const MAX_XRUNS: u32 = 50;

/// ALSA's plug-ins that convert, mix or swallow sound: no devices.
const NOT_DEVICES: [&str; 12] = [
    "null",
    "lavrate",
    "samplerate",
    "speexrate",
    "speex",
    "jack",
    "oss",
    "upmix",
    "vdownmix",
    "usbstream",
    "hw",
    "dsnoop",
];

/// Called with each change of the device.
pub(crate) type Events = Arc<dyn Fn(DeviceEvent) + Send + Sync>;

/// Microphones and speakers; empty where the system cannot be asked in time.
pub(crate) fn list() -> Vec<DeviceInfo> {
    let (done, result) = mpsc::sync_channel(1);
    let asked = thread::Builder::new().name("sound-query".into()).spawn(move || {
        let mut all = query(DeviceKind::Microphone);
        all.extend(query(DeviceKind::Speaker));
        // The receiver is gone only if the answer came too late to matter.
        let _ = done.send(all);
    });
    asked.ok().and_then(|_| result.recv_timeout(ANSWER_WITHIN).ok()).unwrap_or_default()
}

fn query(kind: DeviceKind) -> Vec<DeviceInfo> {
    let host = cpal::default_host();
    let default = default_device(&host, kind).and_then(|device| device.id().ok());
    let usable = devices(&host, kind).into_iter().filter(|device| !offers(device, kind).is_empty());
    usable
        .filter_map(|device| {
            let id = device.id().ok()?;
            let is_default = Some(&id) == default.as_ref();
            Some(DeviceInfo { kind, id: id.id().to_owned(), name: device.to_string(), is_default, formats: Vec::new() })
        })
        .collect()
}

fn devices(host: &cpal::Host, kind: DeviceKind) -> Vec<Device> {
    let is_device = |device: &Device| {
        let right_way = if kind == DeviceKind::Microphone { device.supports_input() } else { device.supports_output() };
        let plugin = device.id().is_ok_and(|id| NOT_DEVICES.contains(&id.id().split(':').next().unwrap_or_default()));
        right_way && !plugin
    };
    host.devices().map(|all| all.filter(is_device).collect()).unwrap_or_default()
}

fn default_device(host: &cpal::Host, kind: DeviceKind) -> Option<Device> {
    if kind == DeviceKind::Microphone { host.default_input_device() } else { host.default_output_device() }
}

/// By id, else by a part of its name or id; `None` is the system's default.
fn find(kind: DeviceKind, wanted: Option<&str>) -> Result<Device, MediaError> {
    let host = cpal::default_host();
    let found = match wanted {
        None => default_device(&host, kind),
        Some(wanted) => {
            let lower = wanted.to_lowercase();
            let id = |device: &Device| device.id().map(|id| id.id().to_owned()).unwrap_or_default();
            let all = devices(&host, kind);
            let partly = |device: &&Device| {
                device.to_string().to_lowercase().contains(&lower) || id(device).to_lowercase().contains(&lower)
            };
            all.iter().find(|device| id(device) == wanted).or_else(|| all.iter().find(partly)).cloned()
        }
    };
    found.ok_or_else(|| MediaError::NoDevice { kind, name: wanted.map(str::to_owned) })
}

fn offers(device: &Device, kind: DeviceKind) -> Vec<SupportedStreamConfigRange> {
    match kind {
        DeviceKind::Microphone => device.supported_input_configs().map(Iterator::collect),
        _ => device.supported_output_configs().map(Iterator::collect),
    }
    .unwrap_or_default()
}

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
}

impl Port {
    fn new() -> Self {
        Self {
            sound: Mutex::new(VecDeque::with_capacity(PORT_CAPACITY)),
            moved: Condvar::new(),
            rate: AtomicU32::new(SAMPLE_RATE),
            period: AtomicU32::new(WANTED_PERIOD),
            latency_us: AtomicU32::new(0),
            born: Instant::now(),
            last_callback: AtomicU64::new(0),
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
        append(&mut self.lock(), samples.iter().copied());
    }

    /// Forgets what is queued.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<f32>> {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(&self, frames: usize, latency: Option<Duration>) {
        self.period.store(frames as u32, Ordering::Relaxed);
        if let Some(latency) = latency {
            self.latency_us.store(latency.as_micros().min(1_000_000) as u32, Ordering::Relaxed);
        }
        self.last_callback.store(self.born.elapsed().as_micros().max(1) as u64, Ordering::Relaxed);
        self.moved.notify_one();
    }
}

/// Never grows beyond what was reserved: the oldest makes room.
fn append(queue: &mut VecDeque<f32>, samples: impl ExactSizeIterator<Item = f32>) {
    let excess = (queue.len() + samples.len()).saturating_sub(PORT_CAPACITY).min(queue.len());
    queue.drain(..excess);
    queue.extend(samples.take(PORT_CAPACITY));
}

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
        loop {
            let Some((state, detail)) = self.watch() else { return };
            drop(stream);
            self.port.clear();
            self.tell(state, detail);
            let Some(again) = self.retry() else { return };
            stream = again;
            self.tell(DeviceState::Back, format!("the {} works again", self.kind));
        }
    }

    fn tell(&self, state: DeviceState, detail: String) {
        tracing::info!(kind = %self.kind, state = state.as_str(), "{detail}");
        (self.events)(DeviceEvent { kind: self.kind, state, detail });
    }

    /// Returns what is wrong with the stream, or `None` when it is to be closed.
    fn watch(&self) -> Option<(DeviceState, String)> {
        let kind = self.kind;
        let since = Instant::now();
        loop {
            let news = self.signal.wait(RETRY_EVERY);
            if news.stop {
                return None;
            }
            if let Some(problem) = news.failure {
                return Some((DeviceState::Lost, format!("the {kind} is gone ({problem}); it is looked for")));
            }
            if news.rerouted {
                self.tell(DeviceState::Changed, format!("the system moved the {kind} to another device"));
            }
            let quiet = self.port.quiet_for().unwrap_or(Duration::MAX).min(since.elapsed());
            if quiet > STALLED_AFTER {
                return Some((DeviceState::Stalled, format!("the {kind} gives no sign of life; it is opened again")));
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
        let offer = best(offers(&device, self.kind), self.kind)
            .ok_or_else(|| fail("it does not open or offers no usable format".into()))?;
        self.port.clear();
        self.port.rate.store(offer.rate, Ordering::Relaxed);
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
            append(&mut port.lock(), mono);
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

/// A format to open a device with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    channels: u16,
    rate: u32,
    format: SampleFormat,
}

/// 48 kHz before other rates, few channels (but stereo for speakers), float before integers.
fn best(offers: Vec<SupportedStreamConfigRange>, kind: DeviceKind) -> Option<Offer> {
    let wanted_channels = if kind == DeviceKind::Microphone { 1 } else { 2 };
    let choices = offers.into_iter().filter_map(|range| {
        let preference = [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32, SampleFormat::U8];
        let format = preference.iter().position(|&format| format == range.sample_format())?;
        let rate = SAMPLE_RATE.clamp(range.min_sample_rate(), range.max_sample_rate());
        let offer = Offer { channels: range.channels(), rate, format: range.sample_format() };
        let cost = (rate.abs_diff(SAMPLE_RATE), offer.channels.abs_diff(wanted_channels), format);
        Some((cost, offer))
    });
    choices.min_by_key(|(cost, _)| *cost).map(|(_, offer)| offer)
}
