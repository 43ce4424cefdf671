//! The demo: a server and two clients in a call, then what the record says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sightline_history::{History, Track};
use sightline_quality::{TrackMetric, TrackRow};

use crate::scene::{Scene, text};

/// Runs the demo for so many seconds.
pub(crate) fn run(seconds: u32) -> Result<()> {
    let scene = Scene::start()?;
    println!("making a clip and a voice ...");
    let camera = format!("file:{}", text(&scene.clip(1280, 720)?)?);
    let microphone = format!("file:{}", text(&scene.speech()?)?);
    let history = history_file()?;
    let code = scene.room()?;
    println!("Ada and Ben are in {code} for {seconds} s ...\n");

    let seconds = seconds.to_string();
    let history_text = text(&history)?;
    let args = ["--camera", &camera, "--microphone", &microphone, "--seconds", &seconds, "--history", history_text];
    let clients = ["Ada", "Ben"].map(|name| scene.join(&code, name, &args));
    for client in clients {
        println!("{}", client?.report()?.table());
    }
    println!("{}", samples(&history, &code)?);
    println!("the record: {}", history.display());
    Ok(())
}

/// Where people's programs keep their data; the demo's record stays there.
fn history_file() -> Result<PathBuf> {
    let home = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .context("neither XDG_DATA_HOME nor a home directory is known")?;
    let dir = home.join("sightline");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir.join("demo.sqlite"))
}

/// What the record says of this call: each sample of each side's tracks.
fn samples(file: &Path, code: &str) -> Result<String> {
    let history = History::open(file)?;
    let calls = history.calls(20, 0)?;
    let call = calls.iter().find(|call| call.code == code).context("the call is missing from the record")?;
    let mut text = String::from("what was recorded: a row for each 15 s and track\n");
    let titles = ["kbit/s", "lost %", "jitter ms", "fps", "score"];
    let _ = write!(text, "  {:<6}{:<16}{:>6}", "side", "track", "s");
    for title in titles {
        let _ = write!(text, "{title:>11}");
    }
    text.push('\n');
    for session in history.sessions(call.id)? {
        for track in history.tracks(session.id)? {
            for row in history.samples(&track, i64::MIN..i64::MAX)? {
                line(&mut text, &session.own_name, &track, &row);
            }
        }
    }
    Ok(text)
}

fn line(text: &mut String, side: &str, track: &Track, row: &TrackRow) {
    let seconds = (row.span.end_ms - row.span.start_ms) as f64 / 1e3;
    let track = format!("{} {}", track.key.kind.as_str(), track.key.direction.as_str());
    let mean = |metric| row.values[metric].map(|spread| spread.mean);
    let figures = [
        mean(TrackMetric::Bitrate).map(|bps| format!("{:.0}", bps / 1e3)),
        mean(TrackMetric::Loss).map(|percent| format!("{percent:.2}")),
        mean(TrackMetric::Jitter).map(|ms| format!("{ms:.1}")),
        mean(TrackMetric::FrameRate).map(|fps| format!("{fps:.1}")),
        row.score.map(|score| format!("{score:.2}")),
    ];
    let _ = write!(text, "  {side:<6}{track:<16}{seconds:>6.1}");
    for figure in figures {
        let _ = write!(text, "{:>11}", figure.as_deref().unwrap_or("-"));
    }
    text.push('\n');
}
