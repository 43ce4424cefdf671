//! A call in virtual time, and the folder it is recorded in.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sightline_history::{History, Recorder, Session, SessionStart, Track};
use sightline_quality::{
    CandidateType, Direction, DroppedFrames, Kind, LinkCounters, Path, ProcessCounters, Snapshot, TrackCounters,
    TrackKey,
};
use tempfile::TempDir;

/// Wall clock at the start of every test session.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

/// All of time.
pub(crate) const EVER: std::ops::Range<i64> = i64::MIN..i64::MAX;

/// A folder with a history to be.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        Self { folder, path }
    }

    pub(crate) fn recorder(&self) -> Recorder {
        Recorder::open(&self.path).unwrap()
    }

    pub(crate) fn history(&self) -> History {
        History::open(&self.path).unwrap()
    }

    pub(crate) fn raw(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    /// Names of all files in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn start(code: &str, unix_ms: i64) -> SessionStart {
    SessionStart {
        code: code.to_owned(),
        server: "ws://127.0.0.1:7788".to_owned(),
        own_name: "Me".to_owned(),
        own_id: "me".to_owned(),
        client_version: "0.1.0".to_owned(),
        unix_ms,
    }
}

pub(crate) fn key(kind: Kind, direction: Direction) -> TrackKey {
    TrackKey { peer: "ada".to_owned(), kind, direction }
}

/// A track of which every counter is known and different from all others.
pub(crate) fn full(key: TrackKey, second: u64) -> TrackCounters {
    let n = second + 1;
    let ms = |factor: u64| Some(Duration::from_millis(factor * n));
    TrackCounters {
        key,
        ssrc: Some(u32::MAX),
        codec: Some("VP8".to_owned()),
        implementation: Some("libvpx".to_owned()),
        muted: false,
        fec: Some(true),
        dtx: Some(false),
        packets: Some(100 * n),
        bytes: Some(50_001 * n),
        packets_lost: Some(2 * n as i64 - 3),
        packets_reported: Some(102 * n),
        jitter: Some(Duration::from_micros(7123)),
        total_rtt: ms(41),
        rtt_measurements: Some(n),
        retransmitted_packets: Some(5 * n),
        nack_count: Some(6 * n),
        pli_count: Some(7 * n),
        fir_count: Some(8 * n),
        frames: Some(30 * n),
        key_frames: Some(9 * n),
        frames_dropped: Some(10 * n),
        dropped_at: DroppedFrames {
            capture: Some(11 * n),
            encoder: Some(12 * n),
            decoder: Some(13 * n),
            renderer: Some(14 * n),
        },
        expected_fps: Some(31),
        width: Some(1280),
        height: Some(720),
        total_codec_time: ms(61),
        target_bps: Some(1_500_000 + n),
        limited_by_bandwidth: ms(15),
        limited_by_cpu: ms(16),
        freeze_count: Some(17 * n),
        total_freezes: ms(18),
        total_capture_latency: ms(1219),
        capture_latency_measurements: Some(29 * n),
        jitter_buffer_delay: ms(1501),
        jitter_buffer_emitted: Some(28 * n),
        samples_played: Some(48_000 * n),
        samples_concealed: Some(480 * n),
        samples_recovered: Some(481 * n),
        audio_energy: Some(0.01 * n as f64),
        audio_duration: ms(1000),
    }
}

pub(crate) fn full_link(second: u64) -> LinkCounters {
    let n = second + 1;
    LinkCounters {
        peer: "ada".to_owned(),
        pair_id: Some("pair".to_owned()),
        path: Some(Path { local: CandidateType::Host, remote: CandidateType::Prflx, protocol: "udp".to_owned() }),
        path_rtt: Some(Duration::from_micros(40_500)),
        available_outgoing_bps: Some(2_000_000 + n),
        bytes_sent: Some(60_000 * n),
        bytes_received: Some(61_000 * n),
        pair_changes: n,
        ice_restarts: 1,
    }
}

pub(crate) fn full_process(second: u64) -> ProcessCounters {
    let ms = |factor: u64| Some(Duration::from_millis(factor * (second + 1)));
    ProcessCounters { cpu: ms(400), system_busy: ms(900), system_total: ms(2000), resident_bytes: Some(70 << 20) }
}

/// Counts seconds, and dates them.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    epoch: Instant,
    pub(crate) start_ms: i64,
}

impl Clock {
    pub(crate) fn new(start_ms: i64) -> Self {
        Self { epoch: Instant::now(), start_ms }
    }

    pub(crate) fn snapshot(&self, second: u64, tracks: Vec<TrackCounters>, links: Vec<LinkCounters>) -> Snapshot {
        Snapshot {
            at: self.epoch + Duration::from_secs(second),
            unix_ms: self.start_ms + second as i64 * 1000,
            links,
            tracks,
            process: full_process(second),
        }
    }

    /// Sound and pictures both ways, all known.
    pub(crate) fn full(&self, second: u64) -> Snapshot {
        let mut tracks = Vec::new();
        for kind in [Kind::Audio, Kind::Video] {
            for direction in [Direction::Inbound, Direction::Outbound] {
                tracks.push(full(key(kind, direction), second));
            }
        }
        self.snapshot(second, tracks, vec![full_link(second)])
    }
}

/// The only session of the only call.
pub(crate) fn only_session(history: &History) -> Session {
    let calls = history.calls(10, 0).unwrap();
    assert_eq!(calls.len(), 1);
    let mut sessions = history.sessions(calls[0].id).unwrap();
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

/// The incoming pictures of a session.
pub(crate) fn incoming_video(history: &History, session: &Session) -> Track {
    let tracks = history.tracks(session.id).unwrap();
    tracks.into_iter().find(|track| track.key == key(Kind::Video, Direction::Inbound)).expect("recorded")
}
