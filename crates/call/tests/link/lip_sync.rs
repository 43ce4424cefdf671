//! What is heard goes with what is seen: pictures and sound are captured, encoded, sent over a path, and played. How long each took
//! is read off what they hold, a number in each picture and a beep each half second.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sightline_call::link::{Link, RemoteTrack};
use sightline_media::audio::{
    AudioPlayer, AudioReceiver, AudioSender, AudioSenderHooks, AudioSettings, AudioSink, AudioSource, Speaker,
};
use sightline_media::video::{
    DecodedFrame, LayerRates, VideoReceiver, VideoSender, VideoSenderHooks, VideoSettings, VideoSink, VideoSource,
    read_frame_counter,
};
use sightline_media::{EncodedAudio, EncodedVideo, LipSync, RtpPacket};
use sightline_netpath::Conditions;
use sightline_quality::Kind;
use tokio::sync::mpsc;

use crate::pair::{Basket, Pair};

const SAMPLE_RATE: u32 = 48_000;
/// Opus packets from one beep to the next.
const BEEP_EVERY: usize = 25;
const PACKET: usize = 960;
/// Louder than this is a beep, of 1.
const LOUD: f32 = 0.1;
/// Longer than what is left of a beep behind its end, shorter than the silence to the next.
const QUIET_BLOCKS: u32 = 10;
const PICTURES: VideoSettings = VideoSettings { width: 320, height: 180, fps: 30, max_bps: 400_000 };
/// Pictures within this much of a beep are those that go with it.
const BESIDE_US: i64 = 150_000;
/// Until the rate is found, buffers are as deep as they stay, and a sender report has come.
const SETTLED: Duration = Duration::from_secs(6);
const MEASURED: Duration = Duration::from_secs(8);
/// Sound later than its pictures by more, or earlier, is seen.
const MOST_US: i64 = 60_000;

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set").as_micros() as i64
}

/// When each picture and each beep was captured, and how long they took to be shown and heard.
#[derive(Default)]
struct Seen {
    pictures: Mutex<HashMap<u64, i64>>,
    beeps: Mutex<Vec<i64>>,
    /// When, and how long after capture.
    shown: Mutex<Vec<(i64, i64)>>,
    heard: Mutex<Vec<(i64, i64)>>,
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().expect("no holder panicked")
}

struct Screen(Arc<Seen>);

impl VideoSink for Screen {
    fn frame(&self, frame: &DecodedFrame) {
        let now = now_us();
        let captured = read_frame_counter(&frame.frame).and_then(|number| lock(&self.0.pictures).get(&number).copied());
        lock(&self.0.shown).extend(captured.map(|captured| (now, now - captured)));
    }
}

struct Ear {
    seen: Arc<Seen>,
    quiet: Mutex<u32>,
}

impl AudioSink for Ear {
    fn block(&self, samples: &[f32]) {
        let Some(first) = samples.iter().position(|sample| sample.abs() > LOUD) else {
            *lock(&self.quiet) += 1;
            return;
        };
        if std::mem::take(&mut *lock(&self.quiet)) < QUIET_BLOCKS {
            return;
        }
        let now = now_us() + first as i64 * 1_000_000 / i64::from(SAMPLE_RATE);
        let captured = lock(&self.seen.beeps).last().copied();
        lock(&self.seen.heard).extend(captured.map(|captured| (now, now - captured)));
    }
}

/// Silence with a beep of 40 ms at each multiple of [`BEEP_EVERY`] packets.
fn write_beeps(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    for sample in 0..4 * BEEP_EVERY * PACKET {
        let at = sample % (BEEP_EVERY * PACKET);
        let tone = (at as f32 * 1_000.0 * std::f32::consts::TAU / SAMPLE_RATE as f32).sin();
        wav.write_sample(if at < 2 * PACKET { (tone * 16_000.0) as i16 } else { 0 }).expect("it is written");
    }
    wav.finalize().expect("it is written");
}

/// Camera and microphone of one end, sent as fast as its link allows.
struct Talking {
    _sound: AudioSender,
    _pictures: Arc<VideoSender>,
}

impl Talking {
    fn start(link: &Arc<Link>, basket: &Arc<Basket>, beeps: &Path, seen: &Arc<Seen>) -> Self {
        let (to_link, mut pictures) = mpsc::unbounded_channel::<Arc<EncodedVideo>>();
        let noted = seen.clone();
        let hooks = VideoSenderHooks {
            encoded: Box::new(move |picture| drop(to_link.send(picture))),
            captured: Some(Box::new(move |number, at| {
                lock(&noted.pictures).insert(number, at);
            })),
            device: Box::new(|_| {}),
        };
        let sender = Arc::new(VideoSender::start(VideoSource::Pattern, PICTURES, hooks).expect("pictures"));
        let (to_link, mut packets) = mpsc::unbounded_channel::<Arc<EncodedAudio>>();
        let (noted, count) = (seen.clone(), Mutex::new(0_usize));
        let hooks = AudioSenderHooks {
            encoded: Box::new(move |packet| {
                let mut count = lock(&count);
                if (*count).is_multiple_of(BEEP_EVERY) {
                    lock(&noted.beeps).push(packet.captured_us);
                }
                *count += 1;
                drop(to_link.send(packet));
            }),
            device: Box::new(|_| {}),
        };
        let settings = AudioSettings { dtx: false, ..AudioSettings::default() };
        let sound = AudioSender::start(AudioSource::File(beeps.to_owned()), settings, None, hooks).expect("sound");

        let by_audio = link.clone();
        tokio::spawn(async move {
            while let Some(packet) = packets.recv().await {
                by_audio.send_audio(&packet).await;
            }
        });
        let (by_video, encoder, basket) = (link.clone(), Arc::downgrade(&sender), basket.clone());
        tokio::spawn(async move {
            let (rate, mut answered) = (by_video.rate(), 0);
            while let Some(picture) = pictures.recv().await {
                by_video.send_video(&picture).await;
                let Some(encoder) = encoder.upgrade() else { return };
                encoder.set_layers(rates(rate.borrow().video_bps));
                let asked = basket.keyframe_requests.load(Ordering::Relaxed);
                if std::mem::replace(&mut answered, asked) != asked {
                    encoder.request_keyframe(0);
                }
            }
        });
        sender.set_layers(rates(link.rate().borrow().video_bps));
        Self { _sound: sound, _pictures: sender }
    }
}

fn rates(video_bps: u32) -> LayerRates {
    [video_bps.clamp(50_000, PICTURES.max_bps), 0, 0]
}

/// Decoders and players of the other end.
struct Listening {
    player: AudioPlayer,
    seen: Arc<Seen>,
    sync: LipSync,
    link: Arc<Link>,
    pictures: OnceLock<VideoReceiver>,
    sound: OnceLock<AudioReceiver>,
}

impl Listening {
    fn start(link: &Arc<Link>, seen: &Arc<Seen>) -> Self {
        let player = AudioPlayer::start(Speaker::None, None, Box::new(|_| {})).expect("a player");
        let (link, seen, sync) = (link.clone(), seen.clone(), LipSync::default());
        Self { player, seen, sync, link, pictures: OnceLock::new(), sound: OnceLock::new() }
    }

    fn take(&self, track: &RemoteTrack, packet: RtpPacket) {
        match track.kind {
            Kind::Video => self.pictures.get_or_init(|| self.video(track)).push(packet),
            Kind::Audio => self.sound.get_or_init(|| self.audio()).push(packet),
        }
    }

    fn video(&self, track: &RemoteTrack) -> VideoReceiver {
        let (link, track, runtime) = (self.link.clone(), track.clone(), tokio::runtime::Handle::current());
        let request = move || {
            let (link, track) = (link.clone(), track.clone());
            runtime.spawn(async move { link.request_keyframe(&track).await });
        };
        let screen = Arc::new(Screen(self.seen.clone()));
        VideoReceiver::start(screen, Box::new(request), self.sync.clone()).expect("a decoder")
    }

    fn audio(&self) -> AudioReceiver {
        let ear = Ear { seen: self.seen.clone(), quiet: Mutex::new(QUIET_BLOCKS) };
        self.player.add(Some(Arc::new(ear)), self.sync.clone())
    }
}

/// By how much sound was later than the pictures beside it, at each beep, in microseconds, where one of the two comes by a longer
/// way.
async fn skews(path: Conditions, (late, by): (Kind, Duration)) -> Vec<i64> {
    let folder = tempfile::tempdir().expect("a folder");
    let beeps = folder.path().join("beeps.wav");
    write_beeps(&beeps);
    let pair = Pair::relayed(path, 7).await;
    pair.connect().await;
    let seen = Arc::<Seen>::default();
    let listening = Arc::new(Listening::start(&pair.b.link, &seen));
    pair.b.basket.pass_on(move |track, packet| {
        let (listening, track) = (listening.clone(), track.clone());
        tokio::spawn(async move {
            tokio::time::sleep(if track.kind == late { by } else { Duration::ZERO }).await;
            listening.take(&track, RtpPacket { arrived: Instant::now(), ..packet });
        });
    });
    let talking = Talking::start(&pair.a.link, &pair.a.basket, &beeps, &seen);
    tokio::time::sleep(SETTLED).await;
    lock(&seen.heard).clear();
    tokio::time::sleep(MEASURED).await;
    drop(talking);
    pair.close().await;

    let (heard, shown) = (lock(&seen.heard).clone(), lock(&seen.shown).clone());
    let mut skews = Vec::new();
    for (at, sound) in heard {
        let beside: Vec<i64> =
            shown.iter().filter(|(shown, _)| (shown - at).abs() < BESIDE_US).map(|(_, took)| *took).collect();
        assert!(!beside.is_empty(), "no pictures were shown with a beep");
        let pictures = beside.iter().sum::<i64>() / beside.len() as i64;
        skews.push(sound - pictures);
    }
    skews
}

async fn holds(path: Conditions, late: (Kind, Duration)) {
    let skews = skews(path, late).await;
    assert!(skews.len() >= 14, "{} beeps of 16 were heard", skews.len());
    assert!(skews.iter().all(|skew| skew.abs() <= MOST_US), "{skews:?}");
}

fn delay(ms: u64) -> Conditions {
    Conditions { delay: Duration::from_millis(ms), ..Conditions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_wait_for_sound_that_comes_later() {
    let path = Conditions { jitter: Duration::from_millis(60), reorder: true, ..delay(20) };
    holds(path, (Kind::Audio, Duration::from_millis(100))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_waits_for_pictures_that_come_later() {
    holds(delay(20), (Kind::Video, Duration::from_millis(150))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lips_move_with_the_words_on_a_slow_path() {
    holds(Conditions { rate: Some(250_000), ..delay(25) }, (Kind::Audio, Duration::ZERO)).await;
}
