//! Calls in one process, on devices that are real to nokhwa and cpal: a camera that is gone is gone from the other side's
//! screen too, and after each call every device, thread and file is given back.
//!
//! Devices are found through the environment and threads belong to a process, so the test runs itself again in one of its
//! own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sightline_call::link::RemoteTrack;
use sightline_call::{Call, CallConfig, CallEvent, Entry, LinkOptions, PeerInfo, SinkFactory, create_room};
use sightline_media::audio::{AudioSettings, AudioSink, AudioSource, Speaker, write_test_speech};
use sightline_media::device::list_devices;
use sightline_media::video::{LatestFrame, VideoSettings, VideoSink, VideoSource};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::devices::camera_library;
use crate::sound_session::SoundSession;
use crate::support::{PATIENCE, TestServer, path};

/// Set in the child.
const CHILD: &str = "SIGHTLINE_GIVEN_BACK_CHILD";
const CONTROL: &str = "FAKECAM_CONTROL";
const CALLS: usize = 3;

#[test]
fn a_sound_device_and_a_virtual_camera_are_given_back_after_each_call() {
    if std::env::var_os(CHILD).is_some() {
        return several_calls();
    }
    let scene = TempDir::new().unwrap();
    let (library, control) = (camera_library(scene.path()), scene.path().join("control"));
    tell(&control, "run");
    let spoken = scene.path().join("spoken.wav");
    write_test_speech(&spoken, 60.0).unwrap();
    let mut session = SoundSession::start().expect("a sound session starts");
    session.feed(&spoken).expect("the microphone is fed");
    let mut child = Command::new(std::env::current_exe().unwrap());
    let test = "given_back::a_sound_device_and_a_virtual_camera_are_given_back_after_each_call";
    child.args(["--exact", test, "--nocapture"]).envs(session.environment()).env(CHILD, "1");
    child.env("LD_PRELOAD", path(&library)).env(CONTROL, path(&control)).env("FAKECAM_FORMATS", "YUYV");
    assert!(child.status().expect("the child starts").success(), "it failed in the child");
}

fn several_calls() {
    let control = PathBuf::from(std::env::var_os(CONTROL).expect("in the child"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let server = TestServer::start();
    // What a first look at devices and a first request set up once and for all.
    assert!(list_devices().iter().any(|device| device.name == "Fake Camera"));
    let code = runtime.block_on(create_room(&server.url(), &Default::default())).expect("a room").code;
    let before = holdings();
    for turn in 0..CALLS {
        runtime.block_on(one_call(&server.url(), &code, (turn == 0).then_some(&control)));
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = holdings();
        if now.0 <= before.0 && now.1 <= before.1 {
            return;
        }
        assert!(Instant::now() < deadline, "(threads, files) were {before:?} and are {now:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ada with devices, Ben with a pattern. Where the camera can be told, it is unplugged for a while.
async fn one_call(server: &str, code: &str, control: Option<&PathBuf>) {
    let camera = VideoSource::Device(Some("77".into()));
    let (ada, _, ada_events) =
        join(server, code, "Ada", camera, AudioSource::Device(None), Speaker::Device(None)).await;
    let (ben, seen, ben_events) =
        join(server, code, "Ben", VideoSource::Pattern, AudioSource::Tone, Speaker::None).await;
    until("Ada's picture", || !seen.is_empty()).await;
    until("Ada's voice", || ben.levels().peers.iter().any(|(_, level)| *level > 0.05)).await;
    let (own, mut turns) = (ada.self_view().expect("a camera is in use"), 0);
    for trouble in ["unplug", "hold"] {
        let Some(control) = control else { break };
        tell(control, trouble);
        until("no frozen picture, here or there", || own.is_empty() && seen.is_empty()).await;
        tell(control, "run");
        until("Ada's picture again", || !own.is_empty() && !seen.is_empty()).await;
        turns += 1;
    }
    assert!(turns == 2 || control.is_none());
    ada.leave().await;
    ben.leave().await;
    drop((ada_events, ben_events));
}

async fn join(
    server: &str,
    code: &str,
    name: &str,
    video: VideoSource,
    audio: AudioSource,
    speaker: Speaker,
) -> (Call, Arc<LatestFrame>, mpsc::Receiver<CallEvent>) {
    let seen = Arc::new(LatestFrame::new());
    let config = CallConfig {
        server: server.to_owned(),
        code: code.to_owned(),
        name: name.to_owned(),
        token: None,
        on_waiting: None,
        video: Some(video),
        video_settings: VideoSettings { width: 640, height: 480, fps: 30, max_bps: 500_000 },
        audio: Some(audio),
        audio_settings: AudioSettings::default(),
        speaker,
        entry: Entry::default(),
        sinks: Arc::new(Screen(seen.clone())),
        on_captured: None,
        link: LinkOptions::default(),
    };
    let (call, events) = Call::join(config).await.expect("joined");
    (call, seen, events)
}

/// Shows the one peer there is.
struct Screen(Arc<LatestFrame>);

impl SinkFactory for Screen {
    fn video(&self, _peer: &PeerInfo, _track: &RemoteTrack) -> Arc<dyn VideoSink> {
        self.0.clone()
    }

    fn audio(&self, _peer: &PeerInfo, _track: &RemoteTrack) -> Option<Arc<dyn AudioSink>> {
        None
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Puts a word in place as a whole: the camera reads it at any moment.
fn tell(control: &Path, word: &str) {
    let next = control.with_extension("next");
    std::fs::write(&next, word).expect("written");
    std::fs::rename(next, control).expect("put in place");
}

/// Threads and open files of this process.
fn holdings() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).expect("Linux has it").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}
