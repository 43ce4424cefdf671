//! The parent: sets up the session, runs a child in it, pulls the plug, judges.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use sightline_media::audio::{similarity_of_files, write_test_speech};

use crate::sound_session::{SoundSession, with_priority};

/// Names the child's case.
pub(crate) const CHILD: &str = "SIGHTLINE_SOUND_CASE";
/// Folder for the child's files.
pub(crate) const FOLDER: &str = "SIGHTLINE_SOUND_FOLDER";
/// Lines by which the child asks for something.
pub(crate) const STOP_SERVER: &str = "please stop the server";
/// See [`STOP_SERVER`].
pub(crate) const START_SERVER: &str = "please start the server";

type Case = fn() -> Result<(), String>;

pub(crate) const ALL: [(&str, Case); 5] = [
    ("sound_device_speech_goes_from_microphone_to_speaker", speech_goes_from_microphone_to_speaker),
    ("sound_device_losing_all_in_mid_call_is_survived", losing_all_devices_in_mid_call_is_survived),
    ("sound_device_others_take_their_place_in_mid_call", others_take_their_place),
    ("sound_device_before_a_call_is_measured_played_and_watched", before_a_call),
    ("sound_device_none_is_an_error_that_says_so", without_devices_the_error_says_so),
];

/// More than any case takes on a loaded machine.
const CASE_WITHIN: Duration = Duration::from_secs(120);

fn speech_goes_from_microphone_to_speaker() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let spoken = folder.path().join("spoken.wav");
    write_test_speech(&spoken, 40.0).map_err(|e| e.to_string())?;
    let mut session = SoundSession::start()?;
    session.feed(&spoken)?;
    let heard = folder.path().join("heard.wav");
    session.record(&heard)?;
    child("speech", folder.path(), &mut session, &spoken)?;
    session.stop_recording()?;
    for (name, file) in [("the recorder", folder.path().join("peer.wav")), ("the speaker", heard)] {
        let found = similarity_of_files(&spoken, &file, 40.0).map_err(|e| e.to_string())?;
        println!("    {name}: {found:?}");
        if found.correlation < 0.8 || found.windows < 5 {
            return Err(format!("{name} got something else than was spoken: {found:?}"));
        }
    }
    Ok(())
}

fn losing_all_devices_in_mid_call_is_survived() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let spoken = folder.path().join("spoken.wav");
    write_test_speech(&spoken, 60.0).map_err(|e| e.to_string())?;
    let mut session = SoundSession::start()?;
    session.feed(&spoken)?;
    child("gone", folder.path(), &mut session, &spoken)
}

fn others_take_their_place() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let spoken = folder.path().join("spoken.wav");
    write_test_speech(&spoken, 60.0).map_err(|e| e.to_string())?;
    let mut session = SoundSession::start()?;
    session.feed(&spoken)?;
    child("exchange", folder.path(), &mut session, &spoken)
}

fn before_a_call() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let spoken = folder.path().join("spoken.wav");
    write_test_speech(&spoken, 60.0).map_err(|e| e.to_string())?;
    let mut session = SoundSession::start()?;
    session.feed(&spoken)?;
    let heard = folder.path().join("heard.wav");
    session.record(&heard)?;
    child("lobby", folder.path(), &mut session, &spoken)?;
    session.stop_recording()?;
    let mut recording = hound::WavReader::open(&heard).map_err(|e| e.to_string())?;
    let samples: Vec<f32> = recording.samples().filter_map(Result::ok).collect();
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let loud = samples.iter().filter(|sample| sample.abs() > 0.02).count();
    println!("    the speaker: peak {peak}, {loud} of {} samples are loud", samples.len());
    // Two notes of 0.45 s in stereo, of which the greater part is loud.
    if !(0.1..0.2).contains(&peak) || !(40_000..90_000).contains(&loud) {
        return Err("the test tone did not come out of the speaker".into());
    }
    Ok(())
}

fn without_devices_the_error_says_so() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut session = SoundSession::start()?;
    session.stop_server();
    child("none", folder.path(), &mut session, Path::new("/nowhere"))
}

/// Runs a case in a child process and does what it asks for.
fn child(case: &str, folder: &Path, session: &mut SoundSession, spoken: &Path) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut child = with_priority(program)
        .env(CHILD, case)
        .env(FOLDER, folder)
        .envs(session.environment())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let lines = lines_of(&mut child)?;
    let deadline = Instant::now() + CASE_WITHIN;
    let outcome = loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line == STOP_SERVER => session.stop_server(),
            Ok(line) if line == START_SERVER => {
                if let Err(problem) = session.start_server().and_then(|()| session.feed(spoken)) {
                    break Err(problem);
                }
            }
            Ok(line) => println!("    {line}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => break Ok(()),
            Err(mpsc::RecvTimeoutError::Timeout) => break Err("the child hangs".into()),
        }
    };
    if outcome.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    outcome?;
    if status.success() { Ok(()) } else { Err(format!("the child failed: {status}")) }
}

fn lines_of(child: &mut Child) -> Result<mpsc::Receiver<String>, String> {
    let output = child.stdout.take().ok_or("the child has no output")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(lines)
}
