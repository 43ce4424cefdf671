//! Calls whose camera, microphone and speaker come and go, on virtual devices that are real to nokhwa and cpal.

use std::path::{Path, PathBuf};
use std::process::Command;

use sightline_media::audio::{similarity_of_files, write_test_speech};
use tempfile::TempDir;

use crate::record::{events, wait_until};
use crate::sound_session::SoundSession;
use crate::support::{Client, TestServer, path};

/// Compiles the virtual camera.
pub(crate) fn camera_library(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../media/tests/fakecam/fakecam.c");
    let library = folder.join("libfakecam.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).args(["-ldl", "-lpthread"]);
    assert!(compiler.status().expect("a C compiler is installed").success(), "fakecam.c does not compile");
    library
}

#[test]
fn a_virtual_camera_that_is_unplugged_and_stalls_does_not_end_the_call() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let library = camera_library(scene.path());
    let control = scene.path().join("control");
    let tell = |word: &str| {
        // Put in place as a whole: the camera reads it at any moment.
        let next = control.with_extension("next");
        std::fs::write(&next, word).unwrap();
        std::fs::rename(next, &control).unwrap();
    };
    tell("run");
    let code = server.room();
    let record = scene.path().join("ben.sqlite");
    let ben = Client::join(&scene, &server.url(), &code, "ben", &["--history", path(&record)]);
    let environment =
        [("LD_PRELOAD", path(&library)), ("FAKECAM_CONTROL", path(&control)), ("FAKECAM_FORMATS", "YUYV")];
    let args = ["--camera", "device", "--size", "640x480", "--max-kbps", "600"];
    let ada = Client::join_with(&scene, &server.url(), &code, "ada", &args, &environment);

    wait_until(|| events(&record, "peer-connected") > 0);
    for (turn, trouble) in [(1, "unplug"), (2, "hold")] {
        tell(trouble);
        wait_until(|| events(&record, "muted") == turn);
        tell("run");
        wait_until(|| events(&record, "unmuted") == turn);
    }
    let (ada, ben) = (ada.terminate(), ben.terminate());
    let sent = ada.report();
    assert!(sent.warnings.iter().any(|warning| warning.to_lowercase().contains("camera")), "{:?}", sent.warnings);
    let seen = ben.report().peers[0].video_in.clone().expect("pictures came");
    assert!(seen.frames.unwrap() > 0, "{seen:?}");
    assert_eq!((seen.width, seen.height), (Some(640), Some(480)));
}

#[test]
fn a_sound_device_is_heard_and_its_loss_does_not_end_the_call() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let mut session = SoundSession::start().expect("a sound session starts");
    let spoken = scene.path().join("spoken.wav");
    write_test_speech(&spoken, 30.0).unwrap();
    let code = server.room();
    let (record, heard) = (scene.path().join("ada.sqlite"), scene.path().join("heard"));
    let ben = Client::join(&scene, &server.url(), &code, "ben", &["--record", path(&heard)]);
    let environment = session.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(key, value)| (*key, value.to_str().expect("paths here are UTF-8"))).collect();
    let args = ["--microphone", "device", "--speaker", "device", "--history", path(&record)];
    let ada = Client::join_with(&scene, &server.url(), &code, "ada", &args, &environment);
    wait_until(|| events(&record, "peer-connected") > 0);
    session.feed(&spoken).expect("the microphone is fed");
    let wav = heard.join("ada.wav");
    // Header and 12 s of 16 bit mono.
    wait_until(|| std::fs::metadata(&wav).is_ok_and(|file| file.len() > 12 * 96_000));

    session.stop_server();
    // Microphone and speaker.
    wait_until(|| events(&record, "device") >= 2);
    session.start_server().expect("the sound server starts again");
    wait_until(|| events(&record, "device") >= 4);
    ben.terminate().report();
    ada.terminate().report();
    let likeness = similarity_of_files(&spoken, &wav, 12.0).expect("both are WAV files");
    assert!(likeness.windows >= 5 && likeness.correlation > 0.8, "{likeness:?}");
}
