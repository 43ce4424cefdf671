//! A history of a thousand calls, the last of which took two hours.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use sightline_history::{Recorder, SessionStart};
use sightline_quality::{
    Direction, Event, EventKind, Kind, LinkCounters, ProcessCounters, Snapshot, TrackCounters, TrackKey,
};

use crate::setup::Setup;

/// Calls besides the long one.
const CALLS: u64 = 999;
/// Seconds of each of them: three rows of each track.
const SHORT: u64 = 45;
/// Seconds of the long one.
pub(crate) const LONG: u64 = 7200;
/// Who is in the long one.
pub(crate) const PEOPLE: [&str; 3] = ["Ada", "Ben", "Cy"];
/// Its code, to be found by.
pub(crate) const LONG_CODE: &str = "long-winter-evening";
/// 1 January 2026; a call each five hours.
const START_MS: i64 = 1_767_225_600_000;
const APART_MS: i64 = 5 * 3_600_000;

const NAMES: [&str; 8] = ["Ada", "Ben", "Cy", "Dot", "Eve", "Finn", "Gus", "Hal"];

/// An app that was used before.
pub(crate) fn history() -> Result<Setup> {
    let setup = Setup::with_clip(640, 360)?;
    fs::create_dir_all(setup.data())?;
    fs::write(setup.data().join("settings.json"), r#"{ "name": "Me" }"#)?;
    let path = setup.data().join("history.sqlite");
    for number in 0..CALLS {
        let start_ms = START_MS + number as i64 * APART_MS;
        let name = NAMES[(number % NAMES.len() as u64) as usize];
        record(&path, &format!("quiet-maple-{number}"), start_ms, &[name], SHORT, (number % 7) as f64)?;
    }
    record(&path, LONG_CODE, START_MS + CALLS as i64 * APART_MS, &PEOPLE, LONG, 1.0)?;
    Ok(setup)
}

/// Records a call with these people, second by second; of a hundred packets about `loss` are lost.
fn record(path: &Path, code: &str, start_ms: i64, people: &[&str], seconds: u64, loss: f64) -> Result<()> {
    let recorder = Recorder::open(path)?;
    recorder.start_session(SessionStart {
        code: code.to_owned(),
        server: "ws://127.0.0.1:7788".to_owned(),
        own_name: "Me".to_owned(),
        own_id: "me".to_owned(),
        client_version: "0.1.0".to_owned(),
        unix_ms: start_ms,
    })?;
    let mut tracks = Vec::new();
    for name in people {
        recorder.peer(name, name, start_ms);
        for kind in [Kind::Audio, Kind::Video] {
            for direction in [Direction::Outbound, Direction::Inbound] {
                tracks.push(TrackCounters::unknown(TrackKey { peer: (*name).to_owned(), kind, direction }));
            }
        }
    }
    let epoch = Instant::now();
    for second in 1..=seconds {
        for (number, track) in tracks.iter_mut().enumerate() {
            count(track, second, noise(second * 31 + number as u64), loss);
        }
        let unix_ms = start_ms + second as i64 * 1000;
        let links = people.iter().map(|name| LinkCounters {
            peer: (*name).to_owned(),
            path_rtt: Some(Duration::from_secs_f64(0.04 + 0.02 * noise(second))),
            ..LinkCounters::default()
        });
        recorder.snapshot(&Snapshot {
            at: epoch + Duration::from_secs(second),
            unix_ms,
            links: links.collect(),
            tracks: tracks.clone(),
            process: ProcessCounters {
                cpu: Some(Duration::from_millis(300 * second)),
                system_busy: Some(Duration::from_millis(500 * second)),
                system_total: Some(Duration::from_secs(2 * second)),
                ..ProcessCounters::default()
            },
        });
        if second % 600 == 300 {
            recorder.event(&Event { unix_ms, peer: None, kind: EventKind::Mark });
        }
    }
    recorder.finish("left", start_ms + seconds as i64 * 1000)?;
    Ok(())
}

/// What one more second adds to a track's counters.
fn count(track: &mut TrackCounters, second: u64, chance: f64, loss: f64) {
    let add = |total: &mut Option<u64>, more: f64| *total = Some(total.unwrap_or_default() + more as u64);
    let (bytes, packets) = match track.key.kind {
        Kind::Audio => (4_000.0, 50.0),
        Kind::Video => (180_000.0 * (0.8 + 0.4 * chance), 200.0),
    };
    let lost = (packets * loss / 100.0 * 2.0 * chance).floor();
    add(&mut track.bytes, bytes);
    add(&mut track.packets, packets - lost);
    track.packets_lost = Some(track.packets_lost.unwrap_or_default() + lost as i64);
    track.jitter = Some(Duration::from_secs_f64(0.004 + 0.006 * chance));
    if track.key.direction == Direction::Outbound {
        add(&mut track.packets_reported, packets);
    } else {
        add(&mut track.jitter_buffer_emitted, 48_000.0);
        let delay = Duration::from_secs_f64(48_000.0 * (0.03 + 0.02 * chance));
        track.jitter_buffer_delay = Some(track.jitter_buffer_delay.unwrap_or_default() + delay);
    }
    match track.key.kind {
        Kind::Audio => {
            add(&mut track.samples_played, 48_000.0);
            add(&mut track.samples_concealed, 480.0 * lost);
        }
        Kind::Video => {
            add(&mut track.frames, 30.0 - (3.0 * chance).floor());
            let height = if second % 900 < 700 { 720 } else { 360 };
            (track.width, track.height) = (Some(height * 16 / 9), Some(height));
        }
    }
}

/// A number from 0 to 1 that only looks random (splitmix64).
fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
