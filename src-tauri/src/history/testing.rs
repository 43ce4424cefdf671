//! A call to be looked at, recorded in no time.

use std::path::Path;
use std::time::{Duration, Instant};

use sightline_history::{Recorder, SessionStart};
use sightline_quality::{
    Direction, Event, EventKind, Kind, LinkCounters, ProcessCounters, Snapshot, TrackCounters, TrackKey,
};

/// When the first one begins.
pub(crate) const START_MS: i64 = 1_760_000_000_000;

/// 40 s with Ada, whose pictures lose so many of 100 packets.
pub(crate) fn record(path: &Path, start_ms: i64, lost: i64) {
    let recorder = Recorder::open(path).unwrap();
    let session = SessionStart {
        code: "amber-canoe".into(),
        server: "ws://h".into(),
        own_name: "Me".into(),
        own_id: "me".into(),
        client_version: "1".into(),
        unix_ms: start_ms,
    };
    recorder.start_session(session).unwrap();
    recorder.peer("a", "Ada", start_ms);
    let at = Instant::now();
    for second in 0..=40_u64 {
        let key = TrackKey { peer: "a".into(), kind: Kind::Video, direction: Direction::Inbound };
        let track = TrackCounters {
            ssrc: Some(1),
            packets: Some(100 * second),
            bytes: Some(100_000 * second),
            packets_lost: Some(lost * second as i64),
            ..TrackCounters::unknown(key)
        };
        recorder.snapshot(&Snapshot {
            at: at + Duration::from_secs(second),
            unix_ms: start_ms + 1000 * second as i64,
            links: vec![LinkCounters { peer: "a".into(), ..LinkCounters::default() }],
            tracks: vec![track],
            process: ProcessCounters { cpu: Some(Duration::from_millis(100 * second)), ..ProcessCounters::default() },
        });
    }
    recorder.event(&Event { unix_ms: start_ms + 20_000, peer: Some("a".into()), kind: EventKind::IceRestart });
    recorder.finish("left", start_ms + 40_000).unwrap();
}
