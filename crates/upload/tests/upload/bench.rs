//! A recorded call, and whether the server has all of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use sightline_history::{History, Recorder, SessionId, SessionStart, Share};
use sightline_quality::{
    CandidateType, Direction, Event, EventKind, Kind, LinkCounters, LinkMetric, Path, ProcessCounters, ProcessMetric,
    SetupTimes, Snapshot, TrackCounters, TrackKey, TrackMetric,
};
use sightline_upload::{Backoff, Timing, Uploader};
use tempfile::TempDir;

use crate::server::Server;

pub(crate) const START_MS: i64 = 1_700_000_000_000;

const EVER: std::ops::Range<i64> = i64::MIN..i64::MAX;

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(60);

/// A folder with a history to be.
pub(crate) struct Place {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        Self { _folder: folder, path }
    }

    pub(crate) fn uploader(&self) -> Uploader {
        Uploader::with(&self.path, fast()).unwrap()
    }

    /// Begins a session that is shared.
    pub(crate) fn begin(&self, code: &str, endpoint: &str) -> (Recorder, SessionId) {
        let recorder = Recorder::open(&self.path).unwrap();
        let start = SessionStart {
            code: code.to_owned(),
            server: "ws://127.0.0.1:7788".to_owned(),
            own_name: "Me".to_owned(),
            own_id: "u1".to_owned(),
            client_version: "0.1.0".to_owned(),
            unix_ms: START_MS,
        };
        let share = Share { endpoint: endpoint.to_owned(), token: "pass-1".to_owned() };
        let id = recorder.start_shared_session(start, share).unwrap();
        recorder.peer("u2", "Ada", START_MS);
        (recorder, id)
    }

    /// A whole session of a minute and a half.
    pub(crate) fn record(&self, code: &str, endpoint: &str) -> SessionId {
        let (recorder, id) = self.begin(code, endpoint);
        let epoch = Instant::now();
        (0..=90).for_each(|second| go_on(&recorder, epoch, second));
        recorder.finish("left", START_MS + 90_000).unwrap();
        id
    }
}

/// A second of a call, with something happening now and then.
pub(crate) fn go_on(recorder: &Recorder, epoch: Instant, second: u64) {
    let n = second + 1;
    let track = |kind, direction| TrackCounters {
        packets: Some(100 * n),
        bytes: Some(50_001 * n + n * n),
        packets_lost: Some(n as i64 / 3),
        packets_reported: Some(100 * n),
        jitter: Some(Duration::from_micros(7000 + n)),
        frames: Some(30 * n),
        expected_fps: Some(30),
        width: Some(1280),
        height: Some(720),
        freeze_count: Some(n / 20),
        total_freezes: Some(Duration::from_millis(n / 20 * 210)),
        codec: Some("VP8".to_owned()),
        muted: second > 70,
        ..TrackCounters::unknown(TrackKey { peer: "u2".to_owned(), kind, direction })
    };
    let kinds = [Kind::Audio, Kind::Video];
    let tracks = kinds.iter().flat_map(|kind| [Direction::Inbound, Direction::Outbound].map(|way| track(*kind, way)));
    let link = LinkCounters {
        peer: "u2".to_owned(),
        path: Some(Path { local: CandidateType::Host, remote: CandidateType::Srflx, protocol: "udp".to_owned() }),
        path_rtt: Some(Duration::from_micros(40_000 + n)),
        bytes_sent: Some(60_000 * n),
        bytes_received: Some(61_000 * n),
        ..LinkCounters::default()
    };
    let cpu = Some(Duration::from_millis(400 * n));
    recorder.snapshot(&Snapshot {
        at: epoch + Duration::from_secs(second),
        unix_ms: START_MS + second as i64 * 1000,
        links: vec![link],
        tracks: tracks.collect(),
        process: ProcessCounters { cpu, system_busy: None, system_total: None, resident_bytes: Some(70 << 20) },
    });
    let unix_ms = START_MS + second as i64 * 1000;
    let of = |peer: Option<&str>, kind| recorder.event(&Event { unix_ms, peer: peer.map(str::to_owned), kind });
    match second {
        1 => of(None, EventKind::Joined { setup: SetupTimes { signaling_ms: Some(81.5), ..SetupTimes::default() } }),
        20 => of(Some("u2"), EventKind::Reconnecting { cause: "ice-failed".to_owned() }),
        22 => of(Some("u2"), EventKind::Reconnected),
        40 => of(Some("u3"), EventKind::PeerJoined { name: "Bob".to_owned() }),
        45 => of(None, EventKind::Mark),
        50 => recorder.peer_left("u3", "left", unix_ms),
        _ => {}
    }
}

pub(crate) fn fast() -> Timing {
    let ms = Duration::from_millis;
    let backoff = Backoff { first: ms(5), longest: ms(40) };
    Timing { pace: ms(30), look: ms(20), patience: Duration::from_secs(20), backoff }
}

/// Waits for what must happen.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn until_done(uploader: &Uploader) {
    until("all is sent", || {
        let status = uploader.status();
        status.last_success_ms.is_some() && (status.waiting_sessions, status.waiting_rows) == (0, 0)
    });
    assert_eq!(uploader.status().last_error, None);
}

fn mean(value: &Value) -> String {
    value.get(0).and_then(Value::as_f64).map_or_else(|| "-".to_owned(), |mean| format!("{}", mean as f32))
}

/// What the server has, a line for each row, without the numbers that hold it together.
pub(crate) fn at_server(server: &Server) -> Vec<String> {
    server.arrivals();
    let state = server.state.lock().unwrap();
    let mut lines = Vec::new();
    for ((session, list, _), row) in &state.rows {
        let peer = row["stay"].as_u64().map_or_else(
            || "-".to_owned(),
            |stay| state.rows[&(session.clone(), "stays", stay)]["userId"].as_str().unwrap().to_owned(),
        );
        let (start, end) = (&row["startMs"], &row["endMs"]);
        let values = &row["values"];
        lines.push(match *list {
            "stays" => {
                format!("stay {peer} {} {} {} {}", row["name"], row["joinedMs"], row["leftMs"], row["leaveReason"])
            }
            "samples" => format!(
                "sample {peer} {} {} {start} {end} {} {} {} {} {} {} {} {}",
                row["kind"],
                row["direction"],
                mean(&values["bitrateBps"]),
                mean(&values["lossPercent"]),
                mean(&values["jitterMs"]),
                mean(&values["fps"]),
                row["freezes"],
                row["codec"],
                row["width"],
                row["muted"] == true,
            ),
            "links" => format!(
                "link {peer} {start} {end} {} {} {}",
                mean(&row["pathRttMs"]),
                mean(&row["sentBps"]),
                row["path"]
            ),
            "process" => format!("process {start} {end} {} {}", mean(&row["cpuPercent"]), mean(&row["residentBytes"])),
            "events" => {
                format!("event {} {} {}", row["unixMs"], row["peer"].as_str().unwrap_or("-"), row["event"]["kind"])
            }
            "breaks" => format!("break {peer} {start} {end} {}", row["cause"]),
            other => panic!("{other}"),
        });
    }
    for session in state.sessions.values() {
        lines.push(format!(
            "session {} {} {} {} {} {}",
            session["startedMs"],
            session["endedMs"],
            session["endReason"],
            session["windows"],
            session["goodWindows"],
            session["setup"]["signalingMs"],
        ));
    }
    lines.sort();
    lines
}

/// What the history has, in the same words.
pub(crate) fn in_history(place: &Place) -> Vec<String> {
    let history = History::open(&place.path).unwrap();
    let mut lines = Vec::new();
    let json = |value: &dyn erased::Json| value.json();
    for call in history.calls(100, 0).unwrap() {
        for session in history.sessions(call.id).unwrap() {
            let stays = history.stays(session.id).unwrap();
            let peer = |id| stays.iter().find(|stay| stay.id == id).map_or("-", |stay| stay.peer.as_str());
            for stay in &stays {
                lines.push(format!(
                    "stay {} {} {} {} {}",
                    stay.peer,
                    json(&stay.name),
                    stay.joined_ms,
                    json(&stay.left_ms),
                    json(&stay.leave_reason)
                ));
                for row in history.link_samples(stay, EVER).unwrap() {
                    let value = |metric: LinkMetric| {
                        row.values[metric].map_or("-".to_owned(), |s| format!("{}", s.mean as f32))
                    };
                    lines.push(format!(
                        "link {} {} {} {} {} \"host srflx udp\"",
                        stay.peer,
                        row.span.start_ms,
                        row.span.end_ms,
                        value(LinkMetric::PathRoundTrip),
                        value(LinkMetric::Sent)
                    ));
                }
            }
            for track in history.tracks(session.id).unwrap() {
                for row in history.samples(&track, EVER).unwrap() {
                    let value = |metric: TrackMetric| {
                        row.values[metric].map_or("-".to_owned(), |s| format!("{}", s.mean as f32))
                    };
                    lines.push(format!(
                        "sample {} \"{}\" \"{}\" {} {} {} {} {} {} {} {} {} {}",
                        track.key.peer,
                        track.key.kind.as_str(),
                        track.key.direction.as_str(),
                        row.span.start_ms,
                        row.span.end_ms,
                        value(TrackMetric::Bitrate),
                        value(TrackMetric::Loss),
                        value(TrackMetric::Jitter),
                        value(TrackMetric::FrameRate),
                        json(&row.counts.freezes),
                        json(&row.counters.codec),
                        json(&row.counters.width),
                        row.counters.muted,
                    ));
                }
            }
            for row in history.process_samples(session.id, EVER).unwrap() {
                let value =
                    |metric: ProcessMetric| row.values[metric].map_or("-".to_owned(), |s| format!("{}", s.mean as f32));
                lines.push(format!(
                    "process {} {} {} {}",
                    row.span.start_ms,
                    row.span.end_ms,
                    value(ProcessMetric::Cpu),
                    value(ProcessMetric::Resident)
                ));
            }
            for event in history.events(session.id).unwrap() {
                let kind = serde_json::to_value(&event.kind).unwrap()["kind"].clone();
                lines.push(format!("event {} {} {kind}", event.unix_ms, event.peer.as_deref().unwrap_or("-")));
            }
            let own = |of: &sightline_history::Break| of.session == session.id;
            for row in history.breaks(call.id).unwrap().into_iter().filter(own) {
                let of = row.stay.map_or("-", peer);
                lines.push(format!("break {of} {} {} \"{}\"", row.start_ms, json(&row.end_ms), row.cause));
            }
            lines.push(format!(
                "session {} {} {} {} {} {}",
                session.started_ms,
                json(&session.ended_ms),
                json(&session.end_reason),
                session.standing.windows,
                session.standing.good,
                json(&session.setup.signaling_ms),
            ));
        }
    }
    lines.sort();
    lines
}

/// Values as they stand in JSON.
mod erased {
    pub(super) trait Json {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}

#[track_caller]
pub(crate) fn assert_all_arrived(server: &Server, place: &Place) {
    let (here, there) = (in_history(place), at_server(server));
    assert!(here.len() > 40, "something was recorded: {here:#?}");
    assert_eq!(here, there);
}
