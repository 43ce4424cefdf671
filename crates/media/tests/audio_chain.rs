//! Sender, jitter buffer, player and recorder together, in real time, without devices.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sightline_media::audio::{
    AudioPlayer, AudioProcessor, AudioReceiver, AudioSender, AudioSenderHooks, AudioSettings, AudioSink, AudioSource,
    Speaker, WavRecorder, similarity_of_files, write_test_speech,
};
use sightline_media::clock::unix_micros;
use sightline_media::device::{DeviceEvent, DeviceState};
use sightline_media::{EncodedAudio, LipSync, RtpPacket};

/// For what takes a few seconds where the machine is not loaded.
const SOON: Duration = Duration::from_secs(60);

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !there() {
        assert!(Instant::now() < deadline, "{what}: not within {} s", SOON.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
}

fn silent_player() -> AudioPlayer {
    AudioPlayer::start(Speaker::None, None, Box::new(|_| {})).expect("no speaker is needed")
}

fn file_sender(
    path: &Path,
    settings: AudioSettings,
    encoded: impl Fn(Arc<EncodedAudio>) + Send + 'static,
) -> AudioSender {
    let hooks = AudioSenderHooks { encoded: Box::new(encoded), device: Box::new(|_| {}) };
    AudioSender::start(AudioSource::File(path.to_owned()), settings, None, hooks).expect("the file is there")
}

/// Hands packets on as a network would that does nothing.
fn wire(receiver: Arc<AudioReceiver>) -> impl Fn(Arc<EncodedAudio>) + Send + 'static {
    let sequence = Mutex::new(0_u16);
    move |packet| {
        let mut sequence = sequence.lock().expect("nobody panics with it");
        *sequence = sequence.wrapping_add(1);
        receiver.push(RtpPacket {
            sequence: *sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload.clone(),
            arrived: Instant::now(),
            captured_us: Some(packet.captured_us),
            is_copy: false,
        });
    }
}

#[test]
fn speech_comes_through_the_whole_chain() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (spoken, recorded) = (folder.path().join("spoken.wav"), folder.path().join("peer.wav"));
    write_test_speech(&spoken, 6.0).expect("the folder can be written");
    let player = silent_player();
    let recorder = Arc::new(WavRecorder::create(&recorded).expect("the folder can be written"));
    let sink: Arc<dyn AudioSink> = recorder.clone();
    let receiver = Arc::new(player.add(Some(sink), LipSync::default()));
    let sender = file_sender(&spoken, AudioSettings::default(), wire(Arc::clone(&receiver)));
    wait_for("eight seconds of sound", || receiver.counters().samples_played >= 8 * 48_000);
    let (sent, received) = (sender.counters(), receiver.counters());
    sender.stop();
    player.stop();
    recorder.finish().expect("the disk has room");
    let found = similarity_of_files(&spoken, &recorded, 60.0).expect("both are WAV files");
    assert!(found.correlation > 0.85, "{found:?}");
    assert!(sent.packets > 250 && sent.bytes > 10_000, "{sent:?}");
    let loss = (received.energy - sent.energy).abs() / sent.energy;
    assert!(loss < 0.15, "energy sent {} and received {}", sent.energy, received.energy);
    assert!(received.first_packet.is_some());
}

#[test]
fn muted_nothing_is_heard_and_little_is_sent() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spoken = folder.path().join("spoken.wav");
    write_test_speech(&spoken, 5.0).expect("the folder can be written");
    let packets = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&packets);
    let settings = AudioSettings { dtx: false, ..AudioSettings::default() };
    let sender =
        file_sender(&spoken, settings, move |packet| taken.lock().expect("nobody panics with it").push(packet));
    wait_for("packets", || sender.counters().packets > 20);
    sender.set_muted(true);
    // DTX leaves out frames once a fifth of a second of silence has passed.
    let gaps = || {
        let packets = packets.lock().expect("nobody panics with it");
        packets.windows(2).filter(|pair| pair[1].timestamp - pair[0].timestamp > 960).count()
    };
    wait_for("silence left out", || gaps() >= 3);
    let muted = sender.counters();
    wait_for("more of it", || gaps() >= 4);
    assert_eq!(sender.counters().duration, muted.duration, "levels stand still while muted");
    let last = packets.lock().expect("nobody panics with it").last().cloned().expect("packets were sent");
    assert_eq!(last.level, 127);
    sender.set_muted(false);
    wait_for("speech again", || packets.lock().expect("nobody panics with it").iter().any(|packet| packet.marker));
    sender.stop();
}

#[test]
fn packets_are_stamped_with_the_time_of_capture() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spoken = folder.path().join("spoken.wav");
    write_test_speech(&spoken, 2.0).expect("the folder can be written");
    let packets = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&packets);
    let settings = AudioSettings { dtx: false, ..AudioSettings::default() };
    let started = unix_micros(Instant::now());
    let sender =
        file_sender(&spoken, settings, move |packet| taken.lock().expect("nobody panics with it").push(packet));
    wait_for("packets", || sender.counters().packets >= 50);
    sender.stop();
    let packets = packets.lock().expect("nobody panics with it");
    let (first, last) = (&packets[0], &packets[packets.len() - 1]);
    assert!((started - 20_000..unix_micros(Instant::now())).contains(&first.captured_us));
    let media = i64::from(last.timestamp - first.timestamp) * 1000 / 48;
    let captured = last.captured_us - first.captured_us;
    assert!((media - captured).abs() < 20_000, "{media} us of sound were captured in {captured} us");
}

#[test]
fn a_missing_or_wrong_file_fails_at_once() {
    let start = |path: &str| {
        let hooks = AudioSenderHooks { encoded: Box::new(|_| {}), device: Box::new(|_| {}) };
        AudioSender::start(AudioSource::File(path.into()), AudioSettings::default(), None, hooks)
            .err()
            .expect("there is no such sound")
            .to_string()
    };
    assert!(start("/nowhere/voice.wav").starts_with("cannot read /nowhere/voice.wav: "));
    assert!(start("/proc/self/status").starts_with("cannot use /proc/self/status: "));
}

#[test]
fn peers_are_mixed_without_clipping_and_leave_when_dropped() {
    struct Last(Mutex<(u64, f32)>);
    impl AudioSink for Last {
        fn block(&self, samples: &[f32]) {
            let mut last = self.0.lock().expect("nobody panics with it");
            let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            *last = (last.0 + 1, last.1.max(peak));
        }
    }
    let processor = Arc::new(AudioProcessor::new());
    let player = AudioPlayer::start(Speaker::None, Some(processor), Box::new(|_| {})).expect("no speaker is needed");
    let sinks: Vec<Arc<Last>> = (0..3).map(|_| Arc::new(Last(Mutex::new((0, 0.0))))).collect();
    let mut receivers: Vec<_> =
        sinks.iter().map(|sink| Arc::new(player.add(Some(sink.clone()), LipSync::default()))).collect();
    let hooks = AudioSenderHooks { encoded: Box::new(wire(Arc::clone(&receivers[0]))), device: Box::new(|_| {}) };
    let sender = AudioSender::start(AudioSource::Tone, AudioSettings::default(), None, hooks).expect("a tone");
    wait_for("a tone", || sinks[0].0.lock().expect("nobody panics with it").1 > 0.15);
    assert!(sinks[1].0.lock().expect("nobody panics with it").1 == 0.0, "nobody sends to the second");
    receivers.truncate(2);
    let blocks = |sink: &Arc<Last>| sink.0.lock().expect("nobody panics with it").0;
    wait_for("the third to be let go", || {
        let before = (blocks(&sinks[1]), blocks(&sinks[2]));
        wait_for("ten blocks", || blocks(&sinks[1]) > before.0 + 10);
        blocks(&sinks[2]) == before.1
    });
    sender.stop();
    player.stop();
}

#[test]
fn one_source_is_exchanged_for_another_while_sound_flows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spoken = folder.path().join("spoken.wav");
    write_test_speech(&spoken, 5.0).expect("the folder can be written");
    let (packets, states) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (taken, told) = (Arc::clone(&packets), Arc::clone(&states));
    let hooks = AudioSenderHooks {
        encoded: Box::new(move |packet| taken.lock().expect("nobody panics with it").push(packet)),
        device: Box::new(move |event: DeviceEvent| told.lock().expect("nobody panics with it").push(event.state)),
    };
    let settings = AudioSettings { dtx: false, ..AudioSettings::default() };
    let sender = AudioSender::idle(settings, None, hooks).expect("a sender");
    let count = || packets.lock().expect("nobody panics with it").len();
    let states = || states.lock().expect("nobody panics with it").clone();

    let level = sender.level();
    sender.set_source(Some(AudioSource::Tone));
    wait_for("the tone", || (level.now() - 0.2).abs() < 0.01);
    assert_eq!(states(), [], "the first source is no news");
    sender.set_muted(true);
    wait_for("no level while muted", || level.now() == 0.0);
    sender.set_muted(false);
    sender.set_source(Some(AudioSource::File(spoken)));
    wait_for("the file", || states() == [DeviceState::Changed]);
    sender.set_source(None);
    wait_for("silence", || {
        let before = count();
        thread::sleep(Duration::from_millis(100));
        count() == before && level.now() == 0.0
    });
    let silent = count();
    sender.set_source(Some(AudioSource::File("/nowhere/voice.wav".into())));
    wait_for("word of the missing one", || states() == [DeviceState::Changed, DeviceState::Lost]);
    assert_eq!(count(), silent);
    sender.set_source(Some(AudioSource::Tone));
    wait_for("sound again", || count() > silent + 25);
    sender.stop();

    let packets = packets.lock().expect("nobody panics with it");
    for pair in packets.windows(2) {
        let media = i64::from(pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32) * 1000 / 48;
        let captured = pair[1].captured_us - pair[0].captured_us;
        assert!(media >= 20_000, "the timestamp fell or stood still");
        assert!((media - captured).abs() < 60_000, "{media} us of sound were captured in {captured} us");
    }
}

#[test]
fn a_speaker_that_is_not_there_is_told_and_the_sound_goes_on() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let note = move |event: DeviceEvent| told.lock().expect("nobody panics with it").push(event.state);
    let player = AudioPlayer::start(Speaker::None, None, Box::new(note)).expect("no speaker is needed");
    let receiver = Arc::new(player.add(None, LipSync::default()));
    let level = receiver.level();
    let hooks = AudioSenderHooks { encoded: Box::new(wire(Arc::clone(&receiver))), device: Box::new(|_| {}) };
    let sender = AudioSender::start(AudioSource::Tone, AudioSettings::default(), None, hooks).expect("a tone");
    wait_for("the peer's level", || level.now() > 0.15);
    player.set_speaker(Speaker::Device(Some("no such speaker".into())));
    wait_for("word of it", || events.lock().expect("nobody panics with it").contains(&DeviceState::Lost));
    player.set_speaker(Speaker::None);
    let played = receiver.counters().samples_played;
    wait_for("sound all the same", || receiver.counters().samples_played > played + 24_000);
    sender.stop();
    player.stop();
}
