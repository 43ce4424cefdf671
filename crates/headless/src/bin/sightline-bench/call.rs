//! `bench call`: calls between processes on this machine, measured by their own reports.
//!
//! Invariant: every figure is read from a report of a release-build call over loopback; nothing is computed from what a
//! client was asked to do.

use std::time::Duration;

use anyhow::{Context, Result};
use sightline_headless::report::{PeerReport, Report, TrackReport};
use sightline_media::audio::similarity_of_files;

use crate::scene::{SPEECH_SECONDS, Scene, text};
use crate::{audio, machine};

/// How long and how often to measure.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    one_to_one_seconds: u32,
    joins: u32,
    mesh_seconds: u32,
    mesh_rounds: u32,
}

impl Length {
    /// What the README's table was measured with.
    pub(crate) const FULL: Self = Self { one_to_one_seconds: 60, joins: 11, mesh_seconds: 20, mesh_rounds: 3 };
    /// A look while developing.
    pub(crate) const QUICK: Self = Self { one_to_one_seconds: 12, joins: 3, mesh_seconds: 8, mesh_rounds: 1 };
}

/// One line of the table.
struct Line {
    what: String,
    figure: String,
    bound: &'static str,
    met: bool,
}

fn line(what: impl Into<String>, figure: String, bound: &'static str, met: bool) -> Line {
    Line { what: what.into(), figure, bound, met }
}

/// Runs all scenes and prints one table.
pub(crate) fn run(length: Length) -> Result<()> {
    let scene = Scene::start()?;
    println!("{}\n", machine::line());
    let mut lines = one_to_one(&scene, length)?;
    lines.extend(joins(&scene, length)?);
    lines.extend(mesh(&scene, length)?);
    lines.push(speech_in_a_call(&scene)?);
    lines.extend(audio::lines()?.into_iter().map(|(what, figure, bound, met)| line(what, figure, bound, met)));
    println!("| figure | measured | bound | met |\n|---|---|---|---|");
    for Line { what, figure, bound, met } in lines {
        println!("| {what} | {figure} | {bound} | {} |", if met { "yes" } else { "NO" });
    }
    Ok(())
}

/// A machine that stands still for longer than this can make a freeze by itself: one is a picture that comes 150 ms later
/// than usual (docs/metrics.md), and work has piled up meanwhile.
const MACHINE_STALL: Duration = Duration::from_millis(100);
/// How often the call of two is held at most.
const ATTEMPTS: usize = 3;

/// A call of two. Where pictures froze and the machine itself stood still, as a thread saw that only sleeps and wakes,
/// the call is held again; the table tells of it and of what it gave.
fn one_to_one(scene: &Scene, length: Length) -> Result<Vec<Line>> {
    let mut spoilt = Vec::new();
    loop {
        let watcher = machine::Watcher::start();
        let reports = call_of_two(scene, length)?;
        let stall = watcher.stop().context("the watcher of the machine broke")?;
        for report in &reports {
            println!("{}", report.table());
        }
        let freezes = reports.iter().map(freezes).collect::<Result<Vec<_>>>()?;
        if freezes.iter().any(|freezes| *freezes > 0) && stall > MACHINE_STALL && spoilt.len() + 1 < ATTEMPTS {
            println!("the machine stood still for {} ms in this call; it is held again\n", stall.as_millis());
            spoilt.push(format!("{} ms, freezes {freezes:?}", stall.as_millis()));
            continue;
        }
        let mut lines = Vec::new();
        for report in &reports {
            lines.extend(side(report)?);
        }
        let stall = format!("{}", stall.as_millis());
        lines.push(line("720p30: longest time an idle thread was kept from waking, ms", stall, "stated", true));
        let spoilt = if spoilt.is_empty() { "none".to_owned() } else { spoilt.join("; ") };
        lines.push(line("720p30: calls before it, spoilt by the machine standing still", spoilt, "stated", true));
        return Ok(lines);
    }
}

fn call_of_two(scene: &Scene, length: Length) -> Result<Vec<Report>> {
    let code = scene.room()?;
    let camera = format!("file:{}", text(&scene.clip(1280, 720)?)?);
    let microphone = format!("file:{}", text(&scene.speech()?)?);
    let seconds = length.one_to_one_seconds.to_string();
    let args = ["--camera", &camera, "--microphone", &microphone, "--seconds", &seconds, "--verify-counter"];
    let clients = [scene.join(&code, "ada", &args)?, scene.join(&code, "ben", &args)?];
    clients.into_iter().map(|client| client.report()).collect()
}

fn freezes(report: &Report) -> Result<u64> {
    let video = report.peers.first().and_then(|peer| peer.video_in.as_ref()).context("no pictures came")?;
    video.freezes.context("freezes were not counted")
}

fn side(report: &Report) -> Result<Vec<Line>> {
    let peer = report.peers.first().context("the peer is missing from the report")?;
    let video = peer.video_in.as_ref().context("no pictures came")?;
    let clip = peer.clip.context("the clip was not verified")?;
    let latency = peer.capture_to_decode_ms.context("no capture time came over the wire")?;
    let fps = video.fps.context("no frame rate")?;
    let freezes = freezes(report)?;
    let cores = report.cores().context("no CPU time")?;
    let memory = report.peak_rss_mib.context("no memory figure")?;
    let name = &report.name;
    Ok(vec![
        line(format!("720p30 {name}: frames decoded per second"), format!("{fps:.2}"), ">= 29.5", fps >= 29.5),
        line(format!("720p30 {name}: freezes"), format!("{freezes}"), "0", freezes == 0),
        line(
            format!("720p30 {name}: clip frames in order"),
            format!(
                "{} read, {} unread, {} out of order, {} skipped",
                clip.read, clip.unread, clip.out_of_order, clip.skipped
            ),
            "all",
            clip.read > 0 && clip.unread == 0 && clip.out_of_order == 0,
        ),
        line(format!("720p30 {name}: cores"), format!("{cores:.3}"), "<= 0.40", cores <= 0.40),
        line(format!("720p30 {name}: peak RSS, MiB"), format!("{memory:.0}"), "<= 120", memory <= 120.0),
        line(
            format!("720p30 {name}: capture to decoded p50, ms"),
            format!("{:.1}", latency.p50),
            "<= 50",
            latency.p50 <= 50.0,
        ),
        line(
            format!("720p30 {name}: capture to decoded p95, ms"),
            format!("{:.1}", latency.p95),
            "<= 80",
            latency.p95 <= 80.0,
        ),
    ])
}

/// Somebody waits; another joins. The median of several, each in a room of its own.
fn joins(scene: &Scene, length: Length) -> Result<Vec<Line>> {
    let camera = format!("file:{}", text(&scene.clip(1280, 720)?)?);
    let microphone = format!("file:{}", text(&scene.speech()?)?);
    let mut first_frames = Vec::new();
    let mut links = Vec::new();
    for _ in 0..length.joins {
        let code = scene.room()?;
        let args = ["--camera", &camera, "--microphone", &microphone];
        let waiting = scene.join(&code, "waiting", &[&args[..], &["--seconds", "4"]].concat())?;
        std::thread::sleep(Duration::from_secs(1));
        let report = scene.join(&code, "joining", &[&args[..], &["--seconds", "2"]].concat())?.report()?;
        waiting.report()?;
        let setup = report.setup;
        let entered = setup.signaling_ms.context("signaling was not timed")?;
        first_frames.push(setup.first_frame_ms.context("no first frame")?);
        links.push(setup.dtls_ms.context("DTLS was not timed")? - entered);
    }
    let (first, worst) = median_and_max(&mut first_frames);
    let (link, link_worst) = median_and_max(&mut links);
    Ok(vec![
        line(
            "join pressed to first frame decoded, ms",
            format!("{first:.0} (worst of {}: {worst:.0})", length.joins),
            "<= 250",
            first <= 250.0,
        ),
        line("of which ICE and DTLS, ms", format!("{link:.0} (worst {link_worst:.0})"), "< 100", link < 100.0),
    ])
}

/// Encode CPU of a sender in a call of two and of four.
fn mesh(scene: &Scene, length: Length) -> Result<Vec<Line>> {
    let (mut two, mut four) = (Vec::new(), Vec::new());
    let mut encoders = 0;
    let mut all_seen = true;
    for _ in 0..length.mesh_rounds {
        for (count, costs) in [(2, &mut two), (4, &mut four)] {
            for report in room_of(scene, count, length.mesh_seconds)? {
                costs.push(encode_cpu_ms_per_frame(&report)?);
                encoders = encoders.max(report.encoders_running);
                all_seen &= report.peers.iter().filter(|peer| decoded(peer) > 0).count() == count - 1;
            }
        }
    }
    let (two, _) = median_and_max(&mut two);
    let (four, _) = median_and_max(&mut four);
    let ratio = four / two;
    Ok(vec![
        line("four at 640x360: everyone sees everyone", format!("{all_seen}"), "true", all_seen),
        line("four at 640x360: encoders per sender", format!("{encoders}"), "1", encoders == 1),
        line(
            "four at 640x360: encode CPU per sender against two",
            format!("{four:.2} / {two:.2} ms per frame = {ratio:.3}"),
            "<= 1.10",
            ratio <= 1.10,
        ),
    ])
}

/// Speech from one process to another, as the other recorded it.
fn speech_in_a_call(scene: &Scene) -> Result<Line> {
    const SECONDS: &str = "15";
    let code = scene.room()?;
    let speech = scene.speech()?;
    let microphone = format!("file:{}", text(&speech)?);
    let record = scene.dir.path().join("heard");
    let listener = scene.join(&code, "listener", &["--seconds", SECONDS, "--record", text(&record)?])?;
    let speaker = scene.join(&code, "speaker", &["--seconds", SECONDS, "--microphone", &microphone])?;
    speaker.report()?;
    listener.report()?;
    let heard = similarity_of_files(&speech, &record.join("speaker.wav"), SPEECH_SECONDS)?;
    Ok(line(
        "speech through a whole call: correlation with what was sent",
        format!("{:.3} over {} windows of 1 s", heard.correlation, heard.windows),
        "> 0.8",
        heard.correlation > 0.8,
    ))
}

fn room_of(scene: &Scene, count: usize, seconds: u32) -> Result<Vec<Report>> {
    let code = scene.room()?;
    let camera = format!("file:{}", text(&scene.clip(640, 360)?)?);
    let microphone = format!("file:{}", text(&scene.speech()?)?);
    let seconds = seconds.to_string();
    let args = [
        "--camera",
        &camera,
        "--microphone",
        &microphone,
        "--size",
        "640x360",
        "--max-kbps",
        "800",
        "--seconds",
        &seconds,
    ];
    let clients: Vec<_> =
        (1..=count).map(|n| scene.join(&code, &format!("client-{n}"), &args)).collect::<Result<_>>()?;
    clients.into_iter().map(|client| client.report()).collect()
}

fn decoded(peer: &PeerReport) -> u64 {
    peer.video_in.as_ref().and_then(|video: &TrackReport| video.frames).unwrap_or(0)
}

/// CPU time of the encode thread by frame it encoded. Wall time would count the waiting of a busy machine.
fn encode_cpu_ms_per_frame(report: &Report) -> Result<f64> {
    let cpu =
        report.thread_cpu_seconds.get(sightline_media::video::ENCODE_THREAD).context("no encode thread was seen")?;
    let frames = report.frames_encoded.context("encoded frames were not counted")?;
    Ok(cpu * 1e3 / frames as f64)
}

fn median_and_max(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values.last().copied().unwrap_or(f64::NAN))
}
