//! From RTP packets to pictures.
//!
//! Invariant: one thread per remote track reassembles and decodes; it sleeps until a packet comes or a wait runs out, and a
//! picture is decoded as soon as its last packet is there. It is shown when most of its like are there, so that what came unevenly
//! is shown evenly, and not before its sound is heard. The sink never keeps a picture that nothing follows.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::assembly::{Assembly, CompleteFrame};
use super::codec::VideoDecoder;
use super::freeze::FreezeMeter;
use super::playout::Playout;
use super::schedule::Schedule;
use super::stillness::Stillness;
use super::vpx::Vp8Decoder;
use super::{DecodedFrame, VideoFrame, VideoSink};
use crate::{LipSync, MediaError, RtpPacket, clock};

/// Packets that wait for the decode thread: 4 s at 2.5 Mbit/s. What does not fit is lost, and repaired like any loss.
const QUEUED_PACKETS: usize = 1024;
/// A picture that nothing depends on and that is older than this is left out: the decoder has fallen behind.
const TOO_OLD: Duration = Duration::from_millis(400);
/// A capture time further from our clock than this says that the clocks differ, not how long the picture took.
const MAX_LATENCY_US: i64 = 10_000_000;

/// What a receiver counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct VideoReceiveCounters {
    /// Pictures decoded.
    pub frames_decoded: u64,
    /// Of these, keyframes.
    pub key_frames: u64,
    /// Pictures of which packets came and which were not shown.
    pub frames_dropped: u64,
    /// Of the last picture, pixels; 0 before the first.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// Time spent in the decoder.
    pub decode_time: Duration,
    /// webrtc-stats `freezeCount`.
    pub freeze_count: u64,
    /// webrtc-stats `totalFreezesDuration`.
    pub total_freezes: Duration,
    /// webrtc-stats `jitterBufferDelay`: from a picture's first packet to its leaving the buffer, summed.
    pub jitter_buffer_delay: Duration,
    /// webrtc-stats `jitterBufferEmittedCount`.
    pub jitter_buffer_emitted: u64,
    /// From capture to decoded, summed; the sender's clock is taken as ours.
    pub capture_latency: Duration,
    /// Pictures in that sum: those with a capture time that can be true.
    pub capture_latency_measurements: u64,
    /// Keyframes asked for.
    pub keyframe_requests: u64,
    /// When the first picture was decoded.
    pub first_frame: Option<Instant>,
}

enum Message {
    Packet(RtpPacket),
    /// The peer says that its camera is on or off.
    Camera(bool),
}

/// Reassembles and decodes one remote track.
pub struct VideoReceiver {
    /// `None` once it is to end.
    queue: Option<SyncSender<Message>>,
    counters: Arc<Mutex<VideoReceiveCounters>>,
    thread: Option<JoinHandle<()>>,
}

impl VideoReceiver {
    /// Starts. `sink` and `request_keyframe` are called on the decode thread and must be quick; `sync` is shared with the
    /// peer's sound.
    pub fn start(
        sink: Arc<dyn VideoSink>,
        request_keyframe: Box<dyn Fn() + Send>,
        sync: LipSync,
    ) -> Result<Self, MediaError> {
        let counters = Arc::new(Mutex::default());
        let decoding = Decoding {
            sink,
            request_keyframe,
            counters: counters.clone(),
            assembly: Assembly::new(),
            decoder: Box::new(Vp8Decoder::new()?),
            freezes: FreezeMeter::default(),
            stillness: Stillness::default(),
            sync,
            schedule: Schedule::default(),
            playout: Playout::default(),
            skipped: 0,
        };
        let (queue, packets) = sync_channel(QUEUED_PACKETS);
        let work = move || decoding.run(&packets);
        let thread = thread::Builder::new().name("video-decode".into()).spawn(work).map_err(MediaError::Thread)?;
        Ok(Self { queue: Some(queue), counters, thread: Some(thread) })
    }

    /// Takes in a packet; never blocks.
    pub fn push(&self, packet: RtpPacket) {
        self.send(Message::Packet(packet));
    }

    /// What the peer says about its camera. Off: its last picture is taken away, and the gap until the next is no freeze.
    pub fn camera(&self, on: bool) {
        self.send(Message::Camera(on));
    }

    fn send(&self, message: Message) {
        match self.queue.as_ref().map(|queue| queue.try_send(message)) {
            Some(Ok(())) | None => {}
            Some(Err(TrySendError::Full(_))) => tracing::trace!("the decode thread does not keep up; packet dropped"),
            Some(Err(TrySendError::Disconnected(_))) => tracing::trace!("the decode thread has ended; packet dropped"),
        }
    }

    /// What was counted until now.
    pub fn counters(&self) -> VideoReceiveCounters {
        *lock(&self.counters)
    }

    /// Ends the thread and waits for it.
    pub fn stop(self) {}
}

impl Drop for VideoReceiver {
    fn drop(&mut self) {
        self.queue = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the decode thread panicked");
        }
    }
}

fn lock(counters: &Mutex<VideoReceiveCounters>) -> MutexGuard<'_, VideoReceiveCounters> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the decode thread owns.
struct Decoding {
    sink: Arc<dyn VideoSink>,
    request_keyframe: Box<dyn Fn() + Send>,
    counters: Arc<Mutex<VideoReceiveCounters>>,
    assembly: Assembly,
    decoder: Box<dyn VideoDecoder>,
    freezes: FreezeMeter,
    stillness: Stillness,
    sync: LipSync,
    schedule: Schedule,
    playout: Playout<DecodedFrame>,
    /// Pictures that were whole and not shown.
    skipped: u64,
}

impl Decoding {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let now = Instant::now();
            let deadlines = [self.assembly.deadline(now), self.stillness.deadline(), self.playout.deadline()];
            let received = match deadlines.into_iter().flatten().min() {
                Some(deadline) => messages.recv_timeout(deadline.saturating_duration_since(now)),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(message) => {
                    self.take(message);
                    // All that is there, before the next look at what is complete.
                    messages.try_iter().take(QUEUED_PACKETS).for_each(|message| self.take(message));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.emit();
            self.present();
            if self.stillness.is_over(Instant::now()) {
                self.sink.interrupted();
            }
        }
        if self.stillness.is_shown() {
            self.sink.interrupted();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Packet(packet) => self.assembly.push(packet),
            Message::Camera(on) => {
                self.stillness.camera(on);
                if !on {
                    self.freezes.paused();
                }
            }
        }
    }

    fn emit(&mut self) {
        let mut now = Instant::now();
        while let Some(complete) = self.assembly.next_frame(now) {
            self.decode(&complete, now);
            now = Instant::now();
        }
        let mut counters = lock(&self.counters);
        counters.frames_dropped = self.assembly.dropped() + self.skipped;
        if self.assembly.wants_keyframe(now) {
            counters.keyframe_requests += 1;
            drop(counters);
            (self.request_keyframe)();
        }
    }

    /// Shows what is due.
    fn present(&mut self) {
        loop {
            let now = Instant::now();
            let Some(decoded) = self.playout.next(now) else { return };
            self.freezes.shown(now);
            self.stillness.shown(now);
            let mut counters = lock(&self.counters);
            (counters.freeze_count, counters.total_freezes) = (self.freezes.count, self.freezes.total);
            drop(counters);
            self.sink.frame(&decoded);
        }
    }

    fn decode(&mut self, complete: &CompleteFrame, now: Instant) {
        let waited = now.saturating_duration_since(complete.first_arrival);
        if complete.temporal_layer > 0 && waited > TOO_OLD {
            self.skipped += 1;
            return;
        }
        let even = self.schedule.whole(now, complete.timestamp);
        self.assembly.shown_after(self.schedule.delay());
        let decoded = self.decoder.decode(&complete.data);
        let done = Instant::now();
        let mut counters = lock(&self.counters);
        counters.decode_time += done - now;
        counters.jitter_buffer_delay += waited;
        counters.jitter_buffer_emitted += 1;
        match decoded {
            Ok(Some(frame)) => {
                // The first one is waited for by people.
                let waits = counters.first_frame.is_some();
                let decoded = count(&mut counters, complete, frame, done);
                drop(counters);
                let due = done.max(now + even);
                let due_us = decoded.decoded_us.saturating_add((due - done).as_micros() as i64);
                let delay = decoded.captured_us.and_then(|captured| due_us.checked_sub(captured));
                let hold = delay.map_or(Duration::ZERO, |delay| self.sync.decoded(done, delay));
                self.playout.push(if waits { due + hold } else { done }, decoded);
                self.present();
            }
            Ok(None) => {}
            Err(error) => {
                drop(counters);
                tracing::debug!(%error, "a picture could not be decoded");
                self.skipped += 1;
                self.assembly.decoder_failed();
            }
        }
    }
}

fn count(
    counters: &mut VideoReceiveCounters,
    complete: &CompleteFrame,
    frame: VideoFrame,
    done: Instant,
) -> DecodedFrame {
    let decoded_us = clock::unix_micros(done);
    counters.frames_decoded += 1;
    counters.key_frames += u64::from(complete.keyframe);
    (counters.width, counters.height) = (frame.width(), frame.height());
    counters.first_frame.get_or_insert(done);
    let latency = complete.captured_us.and_then(|captured| decoded_us.checked_sub(captured));
    if let Some(latency) = latency.filter(|latency| (0..=MAX_LATENCY_US).contains(latency)) {
        counters.capture_latency += Duration::from_micros(latency as u64);
        counters.capture_latency_measurements += 1;
    }
    let frame = frame.captured_at(complete.captured_us.unwrap_or(decoded_us));
    DecodedFrame { frame, rtp_timestamp: complete.timestamp, decoded_us, captured_us: complete.captured_us }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::{VideoSender, VideoSenderHooks, VideoSettings, VideoSource};
    use super::*;
    use crate::EncodedVideo;

    struct Shown(mpsc::Sender<Duration>);

    impl VideoSink for Shown {
        fn frame(&self, frame: &DecodedFrame) {
            let captured = frame.captured_us.expect("on the wire");
            let later = Duration::from_micros((clock::now_micros() - captured) as u64);
            self.0.send(later).expect("the test listens");
        }
    }

    #[test]
    fn pictures_are_shown_when_their_sound_is_heard() {
        const SOUND: Duration = Duration::from_millis(200);
        let (shown, shows) = mpsc::channel();
        let sync = LipSync::default();
        let receiver =
            Arc::new(VideoReceiver::start(Arc::new(Shown(shown)), Box::new(|| {}), sync.clone()).expect("made"));
        let (into, sequence) = (receiver.clone(), Mutex::new(0_u16));
        let encoded = move |frame: Arc<EncodedVideo>| {
            sync.heard(Instant::now(), SOUND.as_micros() as i64, Duration::ZERO);
            let last = frame.payloads.len() - 1;
            for (index, payload) in frame.payloads.iter().enumerate() {
                let mut sequence = sequence.lock().expect("not poisoned");
                *sequence = sequence.wrapping_add(1);
                into.push(RtpPacket {
                    sequence: *sequence,
                    timestamp: frame.timestamp,
                    marker: index == last,
                    payload: payload.clone(),
                    arrived: Instant::now(),
                    captured_us: (index == 0).then_some(frame.captured_us),
                    is_copy: false,
                });
            }
        };
        let hooks = VideoSenderHooks {
            encoded: Box::new(encoded),
            captured: None,
            device: Box::new(|event| panic!("no device is in use: {event:?}")),
        };
        let settings = VideoSettings { width: 160, height: 90, fps: 30, max_bps: 200_000 };
        let sender = VideoSender::start(VideoSource::Pattern, settings, hooks).expect("a sender");
        let patience = Duration::from_secs(60);
        let later: Vec<Duration> = (0..20).map(|_| shows.recv_timeout(patience).expect("a picture")).collect();
        sender.stop();
        assert!(later[1..].iter().all(|later| *later >= SOUND - Duration::from_millis(2)), "{later:?}");
    }
}
