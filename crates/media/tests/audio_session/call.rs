//! The child: a call with itself, from the default microphone to the default speaker.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sightline_media::audio::{
    AudioPlayer, AudioReceiver, AudioSender, AudioSenderHooks, AudioSettings, AudioSink, AudioSource, Meter, Speaker,
    WavRecorder, play_test_tone,
};
use sightline_media::device::{DeviceEvent, DeviceInfo, DeviceKind, DeviceState, list_devices, watch};
use sightline_media::{EncodedAudio, LipSync, MediaError, RtpPacket};

use crate::cases::{FOLDER, START_SERVER, STOP_SERVER};

/// For what takes a second or three where all is well.
const SOON: Duration = Duration::from_secs(30);

pub(crate) fn run(case: &str) -> ExitCode {
    let outcome = match case {
        "speech" => speech(),
        "gone" => gone(),
        "exchange" => exchange(),
        "lobby" => lobby(),
        "none" => none(),
        other => Err(format!("no such case: {other}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("{problem}");
            ExitCode::FAILURE
        }
    }
}

struct Call {
    sender: AudioSender,
    player: AudioPlayer,
    receiver: Arc<AudioReceiver>,
    recorder: Arc<WavRecorder>,
    events: Arc<Mutex<Vec<DeviceEvent>>>,
}

impl Call {
    fn start() -> Result<Self, MediaError> {
        let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap_or_default());
        let recorder = Arc::new(WavRecorder::create(&folder.join("peer.wav"))?);
        let events = Arc::new(Mutex::new(Vec::new()));
        let note = |events: &Arc<Mutex<Vec<DeviceEvent>>>| {
            let events = Arc::clone(events);
            Box::new(move |event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event))
        };
        let player = AudioPlayer::start(Speaker::Device(None), None, note(&events))?;
        let sink: Arc<dyn AudioSink> = recorder.clone();
        let receiver = Arc::new(player.add(Some(sink), LipSync::default()));
        let (taker, sequence) = (Arc::clone(&receiver), Mutex::new(0_u16));
        let encoded = move |packet: Arc<EncodedAudio>| {
            let mut sequence = sequence.lock().unwrap_or_else(PoisonError::into_inner);
            *sequence = sequence.wrapping_add(1);
            taker.push(RtpPacket {
                sequence: *sequence,
                timestamp: packet.timestamp,
                marker: packet.marker,
                payload: packet.payload.clone(),
                arrived: Instant::now(),
                captured_us: Some(packet.captured_us),
                is_copy: false,
            });
        };
        let hooks = AudioSenderHooks { encoded: Box::new(encoded), device: note(&events) };
        let sender = AudioSender::start(AudioSource::Device(None), AudioSettings::default(), None, hooks)?;
        Ok(Self { sender, player, receiver, recorder, events })
    }

    fn saw(&self, kind: DeviceKind, states: &[DeviceState]) -> bool {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().any(|event| event.kind == kind && states.contains(&event.state))
    }

    /// What is known of the call, beside what was waited for in vain.
    fn wait_for(&self, what: &str, there: impl FnMut() -> bool) -> Result<(), String> {
        wait_for(what, there).map_err(|problem| {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let (sent, received) = (self.sender.counters(), self.receiver.counters());
            let levels = (self.sender.level().now(), self.receiver.level().now());
            format!("{problem}\n{events:#?}\n{sent:?}\n{received:?}\nlevels {levels:?}\n{}", graph())
        })
    }

    fn stop(self) -> Result<(), String> {
        let started = Instant::now();
        self.sender.stop();
        self.player.stop();
        self.recorder.finish().map_err(|e| e.to_string())?;
        println!("stopped within {:?}", started.elapsed());
        Ok(())
    }
}

/// Who is there in the sound server and who is linked with whom.
fn graph() -> String {
    let asked = |program: &str, arguments: &[&str]| match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => format!("{program}: {error}"),
    };
    asked("wpctl", &["status"])
        + &asked("pw-link", &["-l", "-I"])
        + &asked("pw-top", &["-b", "-n", "2"])
        + &asked("pw-dump", &[])
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) -> Result<(), String> {
    let deadline = Instant::now() + SOON;
    while !there() {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {} s", SOON.as_secs()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn speech() -> Result<(), String> {
    for kind in [DeviceKind::Microphone, DeviceKind::Speaker] {
        let found: Vec<_> = list_devices().into_iter().filter(|device| device.kind == kind).collect();
        if !found.iter().any(|device| device.is_default) {
            return Err(format!("no default {kind} in {found:?}"));
        }
        println!("{kind}s: {:?}", found.iter().map(|device| &device.id).collect::<Vec<_>>());
    }
    let call = Call::start().map_err(|e| e.to_string())?;
    call.wait_for("ten seconds of sound", || call.receiver.counters().samples_played > 480_000)?;
    let (sent, received) = (call.sender.counters(), call.receiver.counters());
    println!("{sent:?}");
    println!("{received:?}");
    if sent.energy <= 0.0 || received.energy <= 0.0 {
        return Err("only silence was sent".into());
    }
    call.stop()
}

fn gone() -> Result<(), String> {
    let call = Call::start().map_err(|e| e.to_string())?;
    call.wait_for("sound", || call.receiver.counters().energy > 1e-4)?;
    println!("{STOP_SERVER}");
    let trouble = [DeviceState::Lost, DeviceState::Stalled];
    call.wait_for("the microphone's loss", || call.saw(DeviceKind::Microphone, &trouble))?;
    call.wait_for("the speaker's loss", || call.saw(DeviceKind::Speaker, &trouble))?;
    let played = call.receiver.counters().samples_played;
    call.wait_for("playing without a speaker", || call.receiver.counters().samples_played > played + 96_000)?;
    println!("{START_SERVER}");
    call.wait_for("the microphone", || call.saw(DeviceKind::Microphone, &[DeviceState::Back]))?;
    call.wait_for("the speaker", || call.saw(DeviceKind::Speaker, &[DeviceState::Back]))?;
    let energy = call.receiver.counters().energy;
    call.wait_for("sound again", || call.receiver.counters().energy > energy + 1e-4)?;
    for event in call.events.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("{event:?}");
    }
    println!("{:?}", call.receiver.counters());
    call.stop()
}

fn exchange() -> Result<(), String> {
    let call = Call::start().map_err(|e| e.to_string())?;
    let speaks = || call.receiver.level().now() > 0.05;
    call.wait_for("speech", speaks)?;
    let before = threads()?;
    let changes = |kind| {
        let events = call.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().filter(|event| event.kind == kind && event.state == DeviceState::Changed).count()
    };
    for turn in 1..4 {
        // The same devices again, by another name: only one of each is open at a time.
        let name = Some(if turn % 2 == 0 { "default" } else { "pipewire" }.to_owned());
        call.sender.set_source(Some(AudioSource::Device(name.clone())));
        call.player.set_speaker(Speaker::Device(name));
        call.wait_for("the other microphone", || changes(DeviceKind::Microphone) == turn)?;
        call.wait_for("the other speaker", || changes(DeviceKind::Speaker) == turn)?;
        call.wait_for("speech", speaks)?;
    }
    call.wait_for("as many threads as before", || threads().is_ok_and(|now| now <= before))?;
    call.sender.set_source(None);
    call.player.set_speaker(Speaker::None);
    call.wait_for("silence", || !speaks())?;
    call.wait_for("the devices closed", || threads().is_ok_and(|now| now < before))?;
    call.stop()
}

fn lobby() -> Result<(), String> {
    let lists = Arc::<Mutex<Vec<Vec<DeviceInfo>>>>::default();
    let into = Arc::clone(&lists);
    let note = move |list| into.lock().unwrap_or_else(PoisonError::into_inner).push(list);
    let devices = watch(Box::new(note)).map_err(|e| e.to_string())?;
    let defaults = || {
        let lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.last().map(|list| list.iter().filter(|device| device.is_default).count())
    };
    wait_for("a default microphone and speaker", || defaults() == Some(2))?;

    let before = threads()?;
    let open = || Meter::start(AudioSource::Device(None), Box::new(|_| {})).map_err(|e| e.to_string());
    let meter = open()?;
    wait_for("a level of speech", || meter.level() > 0.05)?;
    println!("the tone lasts {:?}", play_test_tone(None).map_err(|e| e.to_string())?);
    meter.stop();
    for _ in 0..3 {
        open()?.stop();
    }
    wait_for("all threads to end", || threads().is_ok_and(|now| now <= before))?;

    let meter = open()?;
    println!("{STOP_SERVER}");
    wait_for("no devices", || defaults() == Some(0))?;
    wait_for("no level", || meter.level() == 0.0)?;
    println!("{START_SERVER}");
    wait_for("the devices", || defaults() == Some(2))?;
    wait_for("a level again", || meter.level() > 0.05)?;
    meter.stop();
    devices.stop();
    Ok(())
}

fn threads() -> Result<usize, String> {
    Ok(std::fs::read_dir("/proc/self/task").map_err(|e| e.to_string())?.count())
}

fn none() -> Result<(), String> {
    let hooks = || AudioSenderHooks { encoded: Box::new(|_| {}), device: Box::new(|_| {}) };
    for wanted in [None, Some("no such microphone".to_owned())] {
        let source = AudioSource::Device(wanted.clone());
        match AudioSender::start(source, AudioSettings::default(), None, hooks()) {
            Ok(_) => return Err(format!("{wanted:?} opened without a sound server")),
            Err(error) => println!("{wanted:?}: {error}"),
        }
    }
    match AudioPlayer::start(Speaker::Device(Some("no such speaker".into())), None, Box::new(|_| {})) {
        Ok(_) => Err("a speaker opened that is not there".into()),
        Err(error) => {
            println!("{error}");
            Ok(())
        }
    }
}
