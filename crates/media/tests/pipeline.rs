//! Sender and receiver, thread to thread, without a network.

use std::path::Path;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use sightline_media::device::{DeviceEvent, DeviceState};
use sightline_media::video::{
    DecodedFrame, LAYERS, LatestFrame, LayerRates, VideoReceiver, VideoSender, VideoSenderHooks, VideoSettings,
    VideoSink, VideoSource, read_frame_counter, write_test_clip,
};
use sightline_media::{EncodedVideo, LipSync, RtpPacket};

/// Far longer than anything here takes, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

const SETTINGS: VideoSettings = VideoSettings { width: 320, height: 180, fps: 30, max_bps: 500_000 };

/// One layer, the largest, at its highest rate.
const FULL: LayerRates = [SETTINGS.max_bps, 0, 0];

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn hooks(encoded: impl Fn(Arc<EncodedVideo>) + Send + 'static) -> VideoSenderHooks {
    VideoSenderHooks {
        encoded: Box::new(encoded),
        captured: None,
        device: Box::new(|event| panic!("no device is in use: {event:?}")),
    }
}

/// What a link does: numbers the packets.
fn packets(frame: &EncodedVideo, sequence: &AtomicU16) -> Vec<RtpPacket> {
    let last = frame.payloads.len() - 1;
    let packet = |(index, payload): (usize, &bytes::Bytes)| RtpPacket {
        sequence: sequence.fetch_add(1, Ordering::Relaxed),
        timestamp: frame.timestamp,
        marker: index == last,
        payload: payload.clone(),
        arrived: Instant::now(),
        captured_us: (index == 0).then_some(frame.captured_us),
        is_copy: false,
    };
    frame.payloads.iter().enumerate().map(packet).collect()
}

#[derive(Default)]
struct Seen(Mutex<Vec<DecodedFrame>>);

impl VideoSink for Seen {
    fn frame(&self, frame: &DecodedFrame) {
        self.0.lock().expect("not poisoned").push(frame.clone());
    }
}

#[test]
fn pictures_of_a_clip_arrive_in_order_with_their_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("clip.y4m");
    write_test_clip(&clip, 640, 360, 30, 1).expect("written");

    let seen = Arc::new(Seen::default());
    let receiver =
        Arc::new(VideoReceiver::start(seen.clone(), Box::new(|| {}), LipSync::default()).expect("a receiver"));
    let (into, sequence) = (receiver.clone(), AtomicU16::new(65_500));
    let (captured, captures) = mpsc::channel();
    let hooks = VideoSenderHooks {
        captured: Some(Box::new(move |number, at| captured.send((number, at)).expect("the test listens"))),
        ..hooks(move |frame| packets(&frame, &sequence).into_iter().for_each(|packet| into.push(packet)))
    };
    let sender = VideoSender::start(VideoSource::File(clip), SETTINGS, hooks).expect("a sender");
    wait_until("45 pictures", || receiver.counters().frames_decoded >= 45);
    let sent = sender.counters();
    sender.stop();

    assert!(sent.frames_captured >= 45 && sent.key_frames >= 1 && sent.bytes > 0 && sent.encode_time > Duration::ZERO);
    // 640x360 in the file, made to fit the settings.
    assert_eq!((sent.width, sent.height, sent.target_bps, sent.encoders_running), (320, 180, 500_000, 1));
    let captures: Vec<(u64, i64)> = captures.iter().collect();
    let in_order = captures.windows(2).all(|pair| pair[1].0 == (pair[0].0 + 1) % 30 && pair[1].1 > pair[0].1);
    assert!(in_order, "{captures:?}");

    let got = receiver.counters();
    assert_eq!((got.width, got.height), (320, 180));
    assert!(got.key_frames >= 1 && got.first_frame.is_some() && got.jitter_buffer_emitted >= got.frames_decoded);
    assert_eq!(got.capture_latency_measurements, got.frames_decoded);
    let frames = seen.0.lock().expect("not poisoned");
    for decoded in frames.iter() {
        let number = read_frame_counter(&decoded.frame).expect("readable");
        let captured = decoded.captured_us.expect("on the wire");
        assert!(captures.contains(&(number, captured)), "picture {number} was not captured at {captured}");
        assert!(decoded.decoded_us >= captured);
        assert_eq!(decoded.rtp_timestamp, (captured * 9 / 100) as u32);
    }
    assert!(frames.windows(2).all(|pair| pair[1].captured_us > pair[0].captured_us));
}

#[test]
fn keyframes_come_on_request_and_a_late_receiver_asks_for_one() {
    let (encoded, frames) = mpsc::sync_channel(1000);
    let sender = Arc::new(
        VideoSender::start(VideoSource::Pattern, SETTINGS, hooks(move |frame| drop(encoded.try_send(frame))))
            .expect("a sender"),
    );
    let next = || frames.recv_timeout(PATIENCE).expect("a picture");
    assert!(next().keyframe);
    assert!((0..5).all(|_| !next().keyframe), "none without a request");

    let asks = sender.clone();
    let requests = Arc::new(AtomicU64::new(0));
    let counted = requests.clone();
    let request = Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        asks.request_keyframe(0);
    });
    let seen = Arc::new(Seen::default());
    let receiver = VideoReceiver::start(seen.clone(), request, LipSync::default()).expect("a receiver");
    let sequence = AtomicU16::new(7);
    while receiver.counters().frames_decoded < 10 {
        packets(&next(), &sequence).into_iter().for_each(|packet| receiver.push(packet));
    }
    assert!(requests.load(Ordering::Relaxed) >= 1);
    assert_eq!(receiver.counters().keyframe_requests, requests.load(Ordering::Relaxed));
    assert!(seen.0.lock().expect("not poisoned").iter().all(|decoded| read_frame_counter(&decoded.frame).is_some()));
    receiver.stop();
}

#[test]
fn nothing_is_encoded_without_takers_or_with_the_camera_off() {
    let (encoded, frames) = mpsc::channel();
    let encoded = move |frame| drop(encoded.send(frame));
    let sender = VideoSender::start(VideoSource::Pattern, SETTINGS, hooks(encoded)).expect("a sender");
    let next = || frames.recv_timeout(PATIENCE).expect("a picture");
    next();
    // What is under way when it is switched off may still come out.
    let settled = |sender: &VideoSender| {
        let captured = sender.counters().frames_captured;
        wait_until("capture goes on", || sender.counters().frames_captured >= captured + 3);
        while frames.try_recv().is_ok() {}
        sender.counters()
    };
    sender.set_layers([0; LAYERS]);
    let before = settled(&sender);
    let after = settled(&sender);
    assert_eq!((after.frames_encoded, after.frames_dropped), (before.frames_encoded, before.frames_dropped));
    assert_eq!(after.encoders_running, 0);
    assert!(sender.latest().newer_than(0).is_some(), "the user still sees himself");
    sender.set_layers(FULL);
    assert!(next().keyframe, "new takers begin with a keyframe");

    sender.set_waiting(true);
    let before = settled(&sender);
    let after = settled(&sender);
    assert_eq!(after.frames_encoded, before.frames_encoded, "who would have to wait for pictures is made none");
    assert!(after.frames_dropped > before.frames_dropped, "and they are counted");
    sender.set_waiting(false);
    assert!(!next().keyframe, "nothing is missing to what follows");

    sender.set_enabled(false);
    let slot = sender.latest();
    wait_until("the camera to be off", || slot.newer_than(0).is_none());
    let captured = sender.counters().frames_captured;
    assert!(slot.wait_newer_than(0, Duration::from_millis(200)).is_none());
    assert_eq!(sender.counters().frames_captured, captured);
    sender.set_enabled(true);
    wait_until("the camera to be on", || sender.counters().frames_captured > captured);
    sender.set_layers([120_000, 0, 0]);
    wait_until("the new rate", || sender.counters().target_bps == 120_000);
    sender.set_layers([u32::MAX, 0, 0]);
    wait_until("the maximum", || sender.counters().target_bps == SETTINGS.max_bps);
    sender.stop();
}

#[test]
fn each_layer_that_is_taken_is_encoded_once_and_comes_and_goes_without_the_others() {
    let (encoded, frames) = mpsc::channel();
    let encoded = move |frame| drop(encoded.send(frame));
    let sender = VideoSender::start(VideoSource::Pattern, SETTINGS, hooks(encoded)).expect("a sender");
    let next = || -> Arc<EncodedVideo> { frames.recv_timeout(PATIENCE).expect("a picture") };
    let until = |what: &str, wanted: &dyn Fn(&EncodedVideo) -> bool| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let frame = next();
            if wanted(&frame) {
                return frame;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}");
        }
    };
    let first = next();
    assert_eq!((first.spatial_layer, first.keyframe, first.width, first.height), (0, true, 320, 180));

    sender.set_layers([400_000, 0, 50_000]);
    let small = until("the small layer", &|frame| frame.spatial_layer == 2);
    assert_eq!((small.keyframe, small.width, small.height), (true, 80, 44), "a layer begins with a keyframe");
    let large = until("the same moment", &|frame| frame.spatial_layer == 0);
    assert!(!large.keyframe, "the other layer goes on as it was");
    assert_eq!((large.timestamp, large.captured_us), (small.timestamp, small.captured_us));
    // The descriptors (RFC 7741) say the same picture id, base picture and temporal layer.
    assert_eq!(large.payloads[0][2..5], small.payloads[0][2..5]);
    assert_eq!((large.temporal_layer, small.temporal_layer), (0, 0));
    let counters = sender.counters();
    assert_eq!((counters.encoders_running, counters.target_bps, counters.width), (2, 450_000, 320));
    assert_eq!(counters.layers.map(|layer| layer.target_bps), [400_000, 0, 50_000]);
    assert!(counters.layers[1].frames_encoded == 0 && counters.layers[2].frames_encoded > 0);

    // A keyframe for one layer only, and before the others of its moment.
    sender.request_keyframe(2);
    let asked = until("the keyframe", &|frame| frame.spatial_layer == 2 && frame.keyframe);
    let beside = next();
    assert_eq!((beside.timestamp, beside.spatial_layer, beside.keyframe), (asked.timestamp, 0, false));

    sender.set_layers([0, 0, 50_000]);
    until("the small one alone", &|_| sender.counters().encoders_running == 1);
    while frames.try_recv().is_ok() {}
    let alone: Vec<_> = (0..10).map(|_| next()).collect();
    assert!(alone.iter().all(|frame| frame.spatial_layer == 2 && !frame.keyframe), "it goes on as it was");
    assert!(alone.windows(2).all(|pair| pair[1].timestamp != pair[0].timestamp));
    sender.request_keyframe(LAYERS);
    sender.stop();
}

/// The start of a call: a low rate, with one picture in three left out, until the link is known.
#[test]
fn a_low_rate_has_fewer_pictures_and_a_rise_is_followed_within_a_second() {
    let (encoded, frames) = mpsc::channel();
    let settings = VideoSettings { width: 640, height: 360, max_bps: 1_500_000, ..SETTINGS };
    let sender = VideoSender::start(VideoSource::Pattern, settings, hooks(move |frame| drop(encoded.send(frame))))
        .expect("a sender");
    sender.set_layers([200_000, 0, 0]);
    let next = || frames.recv_timeout(PATIENCE).expect("a picture");
    while !next().keyframe {}
    let mut captured: Vec<i64> = (0..31).map(|_| next().captured_us).collect();
    captured.dedup();
    let (first, last) = (captured[0], captured[captured.len() - 1]);
    let per_second = (captured.len() - 1) as f64 * 1e6 / (last - first) as f64;
    assert!(per_second < 22.0, "{per_second} pictures a second");

    sender.set_layers([1_500_000, 0, 0]);
    let bytes = |frame: Arc<EncodedVideo>| frame.payloads.iter().map(|payload| payload.len()).sum::<usize>();
    // Two may be on their way already.
    let sizes: Vec<usize> = (0..32).map(|_| bytes(next())).collect();
    let half_seconds = sizes.windows(15).map(|pictures| pictures.iter().sum::<usize>() * 16);
    assert!(half_seconds.max() >= Some(1_350_000), "{sizes:?}");
    sender.stop();
}

#[test]
fn an_encoder_that_cannot_keep_up_loses_old_pictures() {
    let (encoded, frames) = mpsc::channel();
    let slow = move |frame: Arc<EncodedVideo>| {
        drop(encoded.send(frame));
        thread::sleep(Duration::from_millis(150));
    };
    let sender = VideoSender::start(VideoSource::Pattern, SETTINGS, hooks(slow)).expect("a sender");
    for _ in 0..5 {
        frames.recv_timeout(PATIENCE).expect("a picture");
    }
    let counters = sender.counters();
    // Four pauses of at least four pictures each.
    assert!(counters.frames_dropped >= 10, "{counters:?}");
    assert!(counters.frames_encoded + counters.frames_dropped <= counters.frames_captured);
}

#[test]
fn broken_files_fail_at_once_with_their_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = |path: &Path| VideoSender::start(VideoSource::File(path.into()), SETTINGS, hooks(|_| {}));
    let missing = start(Path::new("/no/such/clip.y4m")).err().expect("refused").to_string();
    assert!(missing.starts_with("cannot read /no/such/clip.y4m"), "{missing}");
    let wav = folder.path().join("voice.wav");
    std::fs::write(&wav, b"RIFF\x24\0\0\0WAVEfmt \n").expect("written");
    let wrong = start(&wav).err().expect("refused").to_string();
    assert!(wrong.contains("not a y4m file"), "{wrong}");
}

#[test]
fn garbage_from_the_network_is_survived() {
    let seen = Arc::new(Seen::default());
    let receiver = VideoReceiver::start(seen.clone(), Box::new(|| {}), LipSync::default()).expect("a receiver");
    let mut bits = 99u32;
    let mut random = move || {
        bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bits >> 8
    };
    for sequence in 0..5000u16 {
        let payload: Vec<u8> = (0..random() % 40).map(|_| random() as u8).collect();
        receiver.push(RtpPacket {
            sequence,
            timestamp: u32::from(sequence / 3) * 3000,
            marker: sequence % 3 == 2,
            payload: payload.into(),
            arrived: Instant::now(),
            captured_us: Some(i64::MIN),
            is_copy: false,
        });
    }
    // A genuine picture afterwards, far from the garbage.
    let (encoded, frames) = mpsc::channel();
    let encoded = move |frame| drop(encoded.send(frame));
    let sender = VideoSender::start(VideoSource::Pattern, SETTINGS, hooks(encoded)).expect("a sender");
    let sequence = AtomicU16::new(40_000);
    while receiver.counters().frames_decoded < 5 {
        let frame: Arc<EncodedVideo> = frames.recv_timeout(PATIENCE).expect("a picture");
        sender.request_keyframe(0);
        for packet in packets(&frame, &sequence) {
            receiver.push(RtpPacket { captured_us: Some(i64::MIN), ..packet });
        }
    }
    assert_eq!(receiver.counters().capture_latency_measurements, 0, "no such capture time can be true");
}

/// A sender without a source, whose pictures go to a receiver.
struct Pair {
    sender: VideoSender,
    receiver: Arc<VideoReceiver>,
    /// Of the sender's source.
    states: Arc<Mutex<Vec<DeviceState>>>,
    /// By the receiver.
    shown: Arc<LatestFrame>,
}

fn idle_pair() -> Pair {
    let shown = Arc::new(LatestFrame::new());
    let receiver =
        Arc::new(VideoReceiver::start(shown.clone(), Box::new(|| {}), LipSync::default()).expect("a receiver"));
    let (into, sequence, last) = (receiver.clone(), AtomicU16::new(0), AtomicU32::new(0));
    let encoded = move |frame: Arc<EncodedVideo>| {
        let last = last.swap(frame.timestamp, Ordering::Relaxed);
        assert!(last == 0 || (frame.timestamp.wrapping_sub(last) as i32) > 0, "the timestamp fell");
        packets(&frame, &sequence).into_iter().for_each(|packet| into.push(packet));
    };
    let states = Arc::<Mutex<Vec<DeviceState>>>::default();
    let told = states.clone();
    let device = Box::new(move |event: DeviceEvent| told.lock().expect("not poisoned").push(event.state));
    let sender = VideoSender::idle(SETTINGS, VideoSenderHooks { device, ..hooks(encoded) }).expect("a sender");
    Pair { sender, receiver, states, shown }
}

#[test]
fn one_source_is_exchanged_for_another_while_pictures_flow() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("clip.y4m");
    write_test_clip(&clip, 160, 96, 30, 1).expect("written");
    let Pair { sender, receiver, states, shown } = idle_pair();
    let states = || states.lock().expect("not poisoned").clone();
    assert_eq!(sender.counters().encoders_running, 0);

    sender.set_source(Some(VideoSource::Pattern));
    wait_until("the pattern", || receiver.counters().width == 320);
    assert_eq!(states(), [], "the first source is no news");
    sender.set_source(Some(VideoSource::File(clip.clone())));
    wait_until("the clip", || receiver.counters().width == 160);
    assert_eq!(states(), [DeviceState::Changed]);

    sender.set_source(None);
    wait_until("nothing in the self-view", || sender.latest().is_empty());
    assert_eq!(sender.counters().encoders_running, 0);
    receiver.camera(false);
    wait_until("nothing at the receiver", || shown.is_empty());
    let captured = sender.counters().frames_captured;

    // Off, another source is only remembered.
    sender.set_enabled(false);
    sender.set_source(Some(VideoSource::Pattern));
    sender.set_source(Some(VideoSource::File("/no/such/clip.y4m".into())));
    sender.set_enabled(true);
    wait_until("word of the missing one", || states() == [DeviceState::Changed, DeviceState::Lost]);
    assert_eq!(sender.counters().frames_captured, captured);
    sender.set_source(Some(VideoSource::File(clip)));
    wait_until("pictures again", || !shown.is_empty());
    assert_eq!(receiver.counters().freeze_count, 0, "a camera that is off is no freeze");
    sender.stop();
}

#[test]
fn a_picture_that_nothing_follows_is_taken_away() {
    let Pair { sender, receiver, shown, .. } = idle_pair();
    sender.set_source(Some(VideoSource::Pattern));
    wait_until("pictures", || receiver.counters().frames_decoded >= 10 && !shown.is_empty());
    // The path is lost: nothing comes, and nobody can say why.
    sender.set_layers([0; LAYERS]);
    wait_until("the picture gone", || shown.is_empty());
    sender.set_layers(FULL);
    wait_until("pictures again", || !shown.is_empty());
    sender.stop();
    drop(receiver);
    wait_until("the end of the track", || shown.is_empty());
}
