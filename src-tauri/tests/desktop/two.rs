//! Two windows in one call, one of them with devices that are real to nokhwa and cpal.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sightline_history::History;
use sightline_media::audio::{similarity_of_files, write_test_speech};
use sightline_media::video::VideoFrame;
use tempfile::TempDir;

use crate::MOVING;
use crate::page::{Page, until};
use crate::setup::Setup;
use crate::sound_session::SoundSession;

/// Of speech in the file; longer than anybody listens.
const SPEECH_SECONDS: f32 = 40.0;
/// Sound that is listened to.
const SECONDS: f32 = 12.0;
/// What a second of a recording takes in its file: two channels of 32 bits at 48 kHz.
const BYTES_PER_SECOND: f32 = 384_000.0;
/// The tone that stands in for a microphone.
const TONE_HZ: f64 = 440.0;

/// Ada has a camera, a microphone and a speaker; Ben a speaker, a clip and a tone. He comes by the code, to the server
/// that is in Ada's app.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_apps_see_and_hear_each_other_with_sound_device_and_virtual_camera() -> Result<()> {
    let scene = TempDir::new()?;
    let spoken = scene.path().join("spoken.wav");
    write_test_speech(&spoken, SPEECH_SECONDS)?;
    let (mut adas, mut bens) = (sound()?, sound()?);
    let ada = Page::open_with("Ada", with_devices(&adas, scene.path())?).await?;
    let ben = Page::open_with("Ben", with_speaker(&bens)?).await?;

    ada.button("Start a call").await?;
    sees_camera(&ada, "self").await.context("the lobby's preview of the camera")?;
    let code = ada.enter().await?;
    ben.use_server(&ada.server().await?).await?;
    ben.button("Home").await?;
    ben.join(&code).await?;

    let (adas_tile, bens_tile) = (ben.peer_tile().await?, ada.peer_tile().await?);
    ada.sees_motion(&bens_tile, MOVING).await.context("Ben's clip in Ada's window")?;
    sees_camera(&ben, &adas_tile).await.context("Ada's camera in Ben's window")?;
    sees_camera(&ada, "self").await.context("Ada's camera in her own window")?;

    let at_ada = scene.path().join("at-ada.wav");
    record(&mut adas, &at_ada).await?;
    is_tone(&at_ada).context("Ben's tone from Ada's speaker")?;
    // Her echo canceller takes care of what comes from her speaker; now the line is hers.
    ben.button("Microphone").await?;
    ben.sees_text("[data-tile='self'] .tile-name", "muted").await.context("Ben is muted in his own window")?;
    ada.sees_text(".tile-name", "muted").await.context("Ben is muted in Ada's window")?;
    until("Ada's voice comes from Ben's speaker", async || {
        adas.feed(&spoken).map_err(anyhow::Error::msg)?;
        let at_ben = scene.path().join("at-ben.wav");
        record(&mut bens, &at_ben).await?;
        let likeness = similarity_of_files(&spoken, &at_ben, SPEECH_SECONDS)?;
        // A machine that is busy for a while tears holes into what it plays; then it may be said once more.
        ensure!(likeness.windows >= 5 && likeness.correlation > 0.8, "{likeness:?}");
        Ok(Some(()))
    })
    .await?;

    ben.button("Chat").await?;
    ben.write(".chat-form textarea, .chat-form input", "I hear you\u{e007}").await?;
    ada.button("Chat, 1 unread message").await?;
    ada.sees_text(".chat-text", "I hear you").await?;

    ada.button("Leave").await?;
    ben.sees_text(".nobody", "Nobody else is here").await?;
    ben.button("Leave").await?;
    for (page, other) in [(&ada, "Ben"), (&ben, "Ada")] {
        page.sees_text(".recent-call", other).await.context("the call is listed")?;
        let line = History::open(&page.history_file())?.calls(1, 0)?.pop().context("the call is recorded")?;
        ensure!(line.code == code && line.peers == [other] && !line.missed, "{line:?}");
    }
    ada.close().await?;
    ben.close().await
}

fn sound() -> Result<SoundSession> {
    SoundSession::start().map_err(anyhow::Error::msg).context("a sound session")
}

/// The system's devices, of which there is one each.
fn with_devices(session: &SoundSession, scene: &Path) -> Result<Setup> {
    let control = scene.join("camera");
    fs::write(&control, "run")?;
    let mut setup = Setup::new()?;
    setup.priority = true;
    setup.environment = session.environment();
    setup.environment.extend([
        ("LD_PRELOAD", camera_library(scene)?.into_os_string()),
        ("FAKECAM_CONTROL", control.into_os_string()),
        ("FAKECAM_FORMATS", OsString::from("YUYV")),
    ]);
    Ok(setup)
}

fn with_speaker(session: &SoundSession) -> Result<Setup> {
    let mut setup = Setup::with_clip(640, 360)?;
    setup.priority = true;
    setup.devices.retain(|option| !option.starts_with("--speaker"));
    setup.environment = session.environment();
    Ok(setup)
}

/// Compiles the virtual camera.
fn camera_library(folder: &Path) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/tests/fakecam/fakecam.c");
    let library = folder.join("libfakecam.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).args(["-ldl", "-lpthread"]);
    ensure!(compiler.status()?.success(), "fakecam.c does not compile");
    Ok(library)
}

/// Waits until a tile shows the virtual camera: one half dark, one bright, and a corner that changes all the time.
async fn sees_camera(page: &Page, tile: &str) -> Result<()> {
    let mut corners = Vec::new();
    until("the camera's picture changes", async || {
        let Some(picture) = page.picture_in(tile).await? else { return Ok(None) };
        let is_like = |x: f32, luma: u8| luma_at(&picture, x, 0.75).abs_diff(luma) < 25;
        ensure!(is_like(0.25, 60) && is_like(0.75, 200), "another picture than the camera's");
        corners.push(luma_at(&picture, 0.02, 0.03));
        let spread = corners.iter().max().zip(corners.iter().min()).map_or(0, |(most, least)| most - least);
        Ok((spread > 50).then_some(()))
    })
    .await
}

/// The luma at a place that is given in parts of the picture's sides.
fn luma_at(picture: &VideoFrame, x: f32, y: f32) -> u8 {
    let at = |part: f32, side: u32| (part * side as f32) as usize;
    picture.i420()[at(y, picture.height()) * picture.width() as usize + at(x, picture.width())]
}

/// Records what a speaker plays for long enough.
async fn record(session: &mut SoundSession, wav: &Path) -> Result<()> {
    session.record(wav).map_err(anyhow::Error::msg)?;
    until("enough is recorded", async || {
        let length = fs::metadata(wav).map_or(0, |file| file.len());
        Ok((length as f32 > (SECONDS + 1.0) * BYTES_PER_SECOND).then_some(()))
    })
    .await?;
    session.stop_recording().map_err(anyhow::Error::msg)
}

/// What is loud in a recording is the tone: seconds of it, and its periods are as long. A busy machine tears holes.
fn is_tone(wav: &Path) -> Result<()> {
    let mut recording = hound::WavReader::open(wav)?;
    let (rate, channels) = (f64::from(recording.spec().sample_rate), usize::from(recording.spec().channels));
    let samples: Vec<f32> = recording.samples().step_by(channels).filter_map(Result::ok).collect();
    let rising: Vec<usize> = (1..samples.len()).filter(|at| samples[at - 1] < 0.0 && samples[*at] >= 0.0).collect();
    let of_tone = |length: usize| (length as f64 / rate * TONE_HZ - 1.0).abs() < 0.05;
    let (tone, other): (Vec<usize>, Vec<usize>) =
        rising.windows(2).map(|pair| pair[1] - pair[0]).partition(|length| of_tone(*length));
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let seconds = tone.len() as f64 / TONE_HZ;
    ensure!(
        (0.1..0.4).contains(&peak) && seconds > 3.0 && tone.len() > 5 * other.len(),
        "peak {peak}, {seconds:.1} s of the tone, {} periods of it and {} others",
        tone.len(),
        other.len()
    );
    Ok(())
}
