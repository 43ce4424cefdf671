//! What people are told is what is sent.

use std::collections::BTreeSet;

use serde_json::Value;
use sightline_history::{Recorder, SessionStart, preview};
use sightline_protocol::logs::{
    LOG_SCHEMA, LogBatch, LogBreak, LogDirection, LogKind, LogLink, LogProcess, LogSample, LogSession, LogSetup,
    LogStay, LogValues,
};
use sightline_quality::{CandidateType, Direction, Event, EventKind, Kind, Path, SetupTimes};
use sightline_upload::what_is_uploaded;

use crate::bench::{Place, START_MS};

/// Every kind of event, as it gets into a batch.
fn events(place: &Place) -> Vec<sightline_protocol::logs::LogEvent> {
    let recorder = Recorder::open(&place.path).unwrap();
    let start = SessionStart {
        code: "c".to_owned(),
        server: "s".to_owned(),
        own_name: "Me".to_owned(),
        own_id: "u1".to_owned(),
        client_version: "0.1.0".to_owned(),
        unix_ms: START_MS,
    };
    recorder.start_session(start).unwrap();
    let text = || "text".to_owned();
    let (media, direction) = (Kind::Video, Direction::Outbound);
    let setup =
        SetupTimes { signaling_ms: Some(1.0), ice_ms: Some(2.0), dtls_ms: Some(3.0), first_frame_ms: Some(4.0) };
    let path = Path { local: CandidateType::Host, remote: CandidateType::Relay, protocol: "udp".to_owned() };
    let kinds = [
        EventKind::Joined { setup },
        EventKind::Left { reason: text() },
        EventKind::PeerJoined { name: text() },
        EventKind::PeerLeft { reason: text() },
        EventKind::PeerConnected { setup },
        EventKind::LinkState { state: text() },
        EventKind::PathChanged { path },
        EventKind::IceRestart,
        EventKind::Reconnecting { cause: text() },
        EventKind::Reconnected,
        EventKind::Muted { media },
        EventKind::Unmuted { media },
        EventKind::Device { media, direction, state: text(), detail: text() },
        EventKind::Resolution { direction, width: 640, height: 360 },
        EventKind::CodecChanged { media, direction, codec: text() },
        EventKind::LimitationBegan { reason: text() },
        EventKind::LimitationEnded { reason: text() },
        EventKind::WarningRaised { warning: text(), media: Some(media), direction: Some(direction) },
        EventKind::WarningCleared { warning: text(), media: Some(media), direction: Some(direction) },
        EventKind::Mark,
    ];
    let count = kinds.len();
    for kind in kinds {
        recorder.event(&Event { unix_ms: START_MS, peer: Some("u2".to_owned()), kind });
    }
    recorder.finish("left", START_MS + 1).unwrap();
    let events = preview(&place.path, START_MS, 100).unwrap().unwrap().events;
    assert_eq!(events.len(), count, "none is left out");
    events
}

/// A batch in which nothing is absent. A new field does not compile before it is named here, and is then missed in the
/// list of words.
fn full(events: Vec<sightline_protocol::logs::LogEvent>) -> LogBatch {
    let text = || "text".to_owned();
    let spread = Some([1.0, 0.5, 2.0]);
    let one = Some(1.0);
    let setup = LogSetup { signaling_ms: one, ice_ms: one, dtls_ms: one, first_frame_ms: one };
    LogBatch {
        schema: LOG_SCHEMA,
        id: text(),
        sent_ms: 1,
        session: LogSession {
            id: text(),
            user_id: text(),
            name: text(),
            client_version: text(),
            platform: text(),
            started_ms: 1,
            ended_ms: Some(2),
            end_reason: Some(text()),
            setup,
            windows: 1,
            good_windows: 1,
            worst: Some(text()),
        },
        stays: vec![LogStay {
            stay: 0,
            user_id: text(),
            name: Some(text()),
            joined_ms: 1,
            left_ms: Some(2),
            leave_reason: Some(text()),
            setup,
        }],
        samples: vec![LogSample {
            seq: 0,
            stay: 0,
            kind: LogKind::Video,
            direction: LogDirection::Inbound,
            start_ms: 1,
            end_ms: 2,
            measured_ms: 1,
            values: LogValues {
                bitrate_bps: spread,
                loss_percent: spread,
                jitter_ms: spread,
                rtt_ms: spread,
                buffer_ms: spread,
                concealed_percent: spread,
                fps: spread,
                target_bps: spread,
                dropped_percent: spread,
                limited_by_bandwidth_percent: spread,
                limited_by_cpu_percent: spread,
                latency_ms: spread,
            },
            freezes: Some(1),
            frozen_ms: Some(1.0),
            score: Some(1.0),
            class: Some(text()),
            cause: Some(text()),
            codec: Some(text()),
            width: Some(1),
            height: Some(1),
            muted: true,
        }],
        links: vec![LogLink {
            seq: 0,
            stay: 0,
            start_ms: 1,
            end_ms: 2,
            measured_ms: 1,
            path_rtt_ms: spread,
            available_outgoing_bps: spread,
            sent_bps: spread,
            received_bps: spread,
            path: Some(text()),
        }],
        process: vec![LogProcess {
            seq: 0,
            start_ms: 1,
            end_ms: 2,
            measured_ms: 1,
            cpu_percent: spread,
            system_cpu_percent: spread,
            resident_bytes: spread,
        }],
        events,
        breaks: vec![LogBreak { seq: 0, stay: Some(0), start_ms: 1, end_ms: Some(2), cause: text() }],
    }
}

fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                found.insert(path.clone());
                keys(value, &path, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, &format!("{at}[]"), found)),
        _ => {}
    }
}

#[test]
fn every_field_that_is_sent_is_told_and_no_other() {
    let place = Place::new();
    let batch = serde_json::to_value(full(events(&place))).unwrap();
    let mut sent = BTreeSet::new();
    keys(&batch, "", &mut sent);
    let told = what_is_uploaded(&place.path, START_MS).unwrap();
    let paths: BTreeSet<String> = told.fields.iter().map(|field| field.path.to_owned()).collect();
    assert_eq!(paths, sent);
    assert_eq!(paths.len(), told.fields.len(), "each once");
    for field in told.fields {
        let ends = field.says.ends_with('.') || field.says.ends_with(':');
        assert!(ends && field.says.len() > 3 && field.says.is_ascii(), "a sentence: {}", field.says);
    }
}

#[test]
fn what_would_be_sent_is_shown_as_it_would_be_sent() {
    let place = Place::new();
    assert_eq!(what_is_uploaded(&place.path, START_MS).unwrap().example, None, "nothing was recorded yet");
    place.record("a", "http://127.0.0.1:1");
    let example = what_is_uploaded(&place.path, START_MS).unwrap().example.unwrap();
    let batch: LogBatch = serde_json::from_str(&example).unwrap();
    assert_eq!(Some(batch), preview(&place.path, START_MS, 4).unwrap());
    assert!(example.contains("\n  \"samples\": [\n"), "for people to read");
}
