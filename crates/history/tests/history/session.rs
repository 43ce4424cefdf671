//! What is recorded comes back as it was.

use std::time::Duration;

use sightline_history::History;
use sightline_quality::{
    Direction, Event, EventKind, Headline, Kind, LinkMetric, Metric, ProcessMetric, Rows, Sampler, SetupTimes,
    TrackCounters, TrackMetric, Unclassified,
};

use crate::bench::{Clock, EVER, Place, START_MS, full, full_link, incoming_video, key, only_session, start};

const WAIT: Duration = Duration::from_secs(60);

fn event(unix_ms: i64, peer: Option<&str>, kind: EventKind) -> Event {
    Event { unix_ms, peer: peer.map(str::to_owned), kind }
}

/// What a sampler makes of 40 s of a call: the rows that must be in the file.
fn expected(clock: &Clock) -> Vec<Rows> {
    let mut sampler = Sampler::new();
    let mut rows: Vec<_> = (0..=40).map(|second| sampler.feed(&clock.full(second)).1).collect();
    rows.push(sampler.finish());
    rows
}

#[test]
fn every_field_of_every_row_comes_back() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    recorder.peer("ada", "Ada", START_MS + 10);
    for second in 0..=40 {
        assert!(recorder.snapshot(&clock.full(second)).is_some());
    }
    recorder.finish("left", START_MS + 40_500).unwrap();
    assert_eq!(place.files(), ["history.sqlite"], "closed and tidy");

    let history = place.history();
    let session = only_session(&history);
    let expected = expected(&clock);
    let tracks = history.tracks(session.id).unwrap();
    assert_eq!(tracks.len(), 4);
    for track in &tracks {
        let of_track = expected.iter().flat_map(|rows| &rows.tracks).filter(|row| row.counters.key == track.key);
        let of_track: Vec<_> = of_track.cloned().collect();
        assert_eq!(of_track.len(), 3, "two of 15 s, one of 10 s");
        assert_eq!(history.samples(track, EVER).unwrap(), of_track);
        for metric in TrackMetric::ALL {
            let runs = history.track_series(track, *metric, EVER, 100).unwrap();
            let points: Vec<_> = runs.iter().flatten().map(|point| Some(point.values)).collect();
            let wanted: Vec<_> = of_track.iter().map(|row| row.values[*metric]).filter(Option::is_some).collect();
            assert_eq!(points, wanted, "{metric:?}");
        }
    }
    let stays = history.stays(session.id).unwrap();
    let links: Vec<_> = expected.iter().flat_map(|rows| rows.links.clone()).collect();
    assert_eq!(history.link_samples(&stays[0], EVER).unwrap(), links);
    let processes: Vec<_> = expected.iter().filter_map(|rows| rows.process.clone()).collect();
    assert_eq!(history.process_samples(session.id, EVER).unwrap(), processes);
    let standing = expected.iter().rev().find_map(|rows| rows.standing).expect("windows ended");
    assert_eq!(session.standing, standing);
    assert!(matches!(standing.headline(), Headline::Classified { .. }));
    assert_eq!((session.ended_ms, session.end_reason.as_deref()), (Some(START_MS + 40_500), Some("left")));
}

#[test]
fn ranges_and_series_of_links_and_process() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    (0..=60).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
    recorder.finish("left", START_MS + 60_000).unwrap();
    let history = place.history();
    let session = only_session(&history);
    let track = incoming_video(&history, &session);
    let starts = |range: std::ops::Range<i64>| {
        let rows = history.samples(&track, range).unwrap();
        rows.iter().map(|row| row.span.start_ms - START_MS).collect::<Vec<_>>()
    };
    assert_eq!(starts(EVER), [0, 15_000, 30_000, 45_000]);
    assert_eq!(starts(START_MS + 14_999..START_MS + 30_001), [0, 15_000, 30_000]);
    assert_eq!(starts(START_MS + 15_000..START_MS + 30_000), [15_000]);
    let stay = &history.stays(session.id).unwrap()[0];
    let path = history.link_series(stay, LinkMetric::PathRoundTrip, EVER, 2).unwrap();
    assert_eq!(path.iter().map(Vec::len).collect::<Vec<_>>(), [2], "four samples as two points");
    assert_eq!(path[0][0].values.mean, 40.5);
    let cpu = history.process_series(session.id, ProcessMetric::Cpu, EVER, 100).unwrap();
    assert_eq!(cpu[0].len(), 4);
    assert!((cpu[0][0].values.mean - 40.0).abs() < 1e-9);
}

#[test]
fn totals_of_a_track() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    // 15 s at 100 000 bit/s, then 5 s at 300 000: (15 * 100 + 5 * 300) / 20 = 150 kbit/s.
    let mut bytes = 0;
    for second in 0..=20 {
        let counters = TrackCounters {
            bytes: Some(bytes),
            packets: Some(second + 1),
            freeze_count: Some(second / 10),
            ..TrackCounters::unknown(key(Kind::Video, Direction::Inbound))
        };
        recorder.snapshot(&clock.snapshot(second, vec![counters], vec![]));
        bytes += if second < 15 { 12_500 } else { 37_500 };
    }
    recorder.finish("left", START_MS + 20_000).unwrap();
    let history = place.history();
    let track = incoming_video(&history, &only_session(&history));
    let totals = history.totals(&track).unwrap();
    let bitrate = totals.values[TrackMetric::Bitrate].expect("measured");
    assert_eq!((bitrate.mean.round(), bitrate.min, bitrate.max), (150_000.0, 100_000.0, 300_000.0));
    assert_eq!((totals.samples, totals.freezes, totals.frozen, totals.score), (2, Some(2), None, None));
    assert_eq!(totals.values[TrackMetric::RoundTrip], None);
}

#[test]
fn who_leaves_and_joins_again_has_two_stays() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    recorder.peer("ada", "Ada", START_MS);
    (0..=5).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
    recorder.peer_left("ada", "left", START_MS + 5000);
    // Counters that start anew, as those of a new connection do.
    recorder.peer("ada", "Ada Again", START_MS + 8000);
    (8..=12).for_each(|second| {
        let snapshot = clock.snapshot(
            second,
            vec![full(key(Kind::Audio, Direction::Inbound), second - 8)],
            vec![full_link(second - 8)],
        );
        recorder.snapshot(&snapshot);
    });
    recorder.finish("left", START_MS + 12_000).unwrap();

    let history = place.history();
    let session = only_session(&history);
    let stays = history.stays(session.id).unwrap();
    let told: Vec<_> = stays.iter().map(|stay| (stay.name.as_deref(), stay.joined_ms, stay.left_ms)).collect();
    assert_eq!(
        told,
        [(Some("Ada"), START_MS, Some(START_MS + 5000)), (Some("Ada Again"), START_MS + 8000, Some(START_MS + 12_000))]
    );
    let tracks = history.tracks(session.id).unwrap();
    let of = |stay: usize| tracks.iter().filter(|track| track.stay == stays[stay].id).collect::<Vec<_>>();
    assert_eq!((of(0).len(), of(1).len()), (4, 1));
    let spans = |track| {
        let rows = history.samples(track, EVER).unwrap();
        rows.iter().map(|row| (row.span.start_ms - START_MS, row.span.end_ms - START_MS)).collect::<Vec<_>>()
    };
    assert_eq!(spans(of(0)[0]), [(0, 5000)]);
    assert_eq!(spans(of(1)[0]), [(8000, 12_000)]);
    assert_eq!(history.calls(1, 0).unwrap()[0].peers, ["Ada", "Ada Again"]);
}

#[test]
fn numbers_of_a_peer_that_nobody_announced_are_kept() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    (0..=3).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
    recorder.finish("left", START_MS + 3000).unwrap();
    let history = place.history();
    let session = only_session(&history);
    assert_eq!(history.stays(session.id).unwrap()[0].name, None);
    assert_eq!(history.samples(&incoming_video(&history, &session), EVER).unwrap().len(), 1);
}

#[test]
fn events_set_up_and_breaks() {
    let place = Place::new();
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    let setup = SetupTimes { signaling_ms: Some(12.5), ice_ms: Some(40.0), ..SetupTimes::default() };
    let events = [
        event(START_MS + 1, None, EventKind::Joined { setup }),
        event(START_MS + 2, Some("ada"), EventKind::PeerJoined { name: "Ada".to_owned() }),
        event(START_MS + 3, Some("ada"), EventKind::PeerConnected { setup }),
        event(START_MS + 4, Some("ada"), EventKind::Reconnecting { cause: "path lost".to_owned() }),
        event(START_MS + 5, None, EventKind::Reconnecting { cause: "server lost".to_owned() }),
        event(START_MS + 6, None, EventKind::Mark),
        event(START_MS + 7, Some("ada"), EventKind::Reconnected),
        event(START_MS + 8, Some("ada"), EventKind::PeerLeft { reason: "left".to_owned() }),
    ];
    events.iter().for_each(|event| recorder.event(event));
    // Said twice, by an event and by a call, is once.
    recorder.peer_left("ada", "timeout", START_MS + 9);
    recorder.finish("left", START_MS + 10).unwrap();

    let history = place.history();
    let session = only_session(&history);
    assert_eq!(history.events(session.id).unwrap(), events);
    assert_eq!(session.setup, setup);
    let stays = history.stays(session.id).unwrap();
    assert_eq!(stays.len(), 1);
    assert_eq!((stays[0].setup, stays[0].name.as_deref()), (setup, Some("Ada")));
    assert_eq!((stays[0].left_ms, stays[0].leave_reason.as_deref()), (Some(START_MS + 8), Some("left")));
    let breaks = history.breaks(session.call).unwrap();
    let told: Vec<_> = breaks.iter().map(|b| (b.stay, b.start_ms - START_MS, b.end_ms, b.cause.as_str())).collect();
    assert_eq!(
        told,
        [(Some(stays[0].id), 4, Some(START_MS + 7), "path lost"), (None, 5, Some(START_MS + 10), "server lost"),],
        "what was not mended ends with the session"
    );
    assert_eq!(session.standing.headline(), Headline::Unclassified(Unclassified::NeverConnected));
}

#[test]
fn warnings_become_events_and_a_sleep_a_break() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    let jittery = |second| TrackCounters {
        jitter: Some(Duration::from_millis(90)),
        ..full(key(Kind::Audio, Direction::Inbound), second)
    };
    for second in (0..=5).chain(100..=102) {
        recorder.snapshot(&clock.snapshot(second, vec![jittery(second)], vec![]));
    }
    recorder.finish("left", START_MS + 102_000).unwrap();
    let history = place.history();
    let session = only_session(&history);
    let events = history.events(session.id).unwrap();
    assert!(events.iter().any(|event| matches!(&event.kind, EventKind::WarningRaised { warning, .. }
        if warning == "high-jitter" && event.peer.as_deref() == Some("ada"))));
    let breaks = history.breaks(session.call).unwrap();
    let told: Vec<_> = breaks.iter().map(|b| (b.stay, b.start_ms - START_MS, b.end_ms, b.cause.as_str())).collect();
    assert_eq!(told, [(None, 5000, Some(START_MS + 100_000), "stall")]);
}

#[test]
fn a_call_is_one_however_often_one_comes_and_the_time_between_is_a_break() {
    let place = Place::new();
    for (code, from) in [("blue-heron", 0), ("red-fox", 50_000), ("blue-heron", 100_000)] {
        let recorder = place.recorder();
        let clock = Clock::new(START_MS + from);
        recorder.start_session(start(code, clock.start_ms)).unwrap();
        recorder.peer("ada", "Ada", clock.start_ms);
        (0..=15).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
        recorder.finish("left", clock.start_ms + 16_000).unwrap();
    }
    let history = place.history();
    let calls = history.calls(10, 0).unwrap();
    assert_eq!(calls.iter().map(|call| call.code.as_str()).collect::<Vec<_>>(), ["blue-heron", "red-fox"]);
    let heron = &calls[0];
    assert_eq!((heron.sessions, heron.talk_ms, &heron.peers), (2, 32_000, &vec!["Ada".to_owned()]));
    assert_eq!((heron.started_ms, heron.ended_ms), (START_MS, Some(START_MS + 116_000)));
    assert_eq!(heron.standing.windows, 2, "of both sessions");
    assert_eq!(history.calls(1, 1).unwrap(), calls[1..]);
    let breaks = history.breaks(heron.id).unwrap();
    assert_eq!(breaks.len(), 1);
    assert_eq!((breaks[0].start_ms, breaks[0].end_ms), (START_MS + 16_000, Some(START_MS + 100_000)));
}

#[test]
fn rows_can_be_read_while_they_are_written() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    let history: History = place.history();
    assert_eq!(only_session(&history).ended_ms, None);
    for second in 0..=15 {
        recorder.snapshot(&clock.full(second));
    }
    recorder.flush(WAIT).unwrap();
    let session = only_session(&history);
    assert_eq!(history.samples(&incoming_video(&history, &session), EVER).unwrap().len(), 1);
    assert_eq!(history.calls(1, 0).unwrap()[0].ended_ms, None, "still going on");
    recorder.finish("left", START_MS + 16_000).unwrap();
}

#[test]
fn monstrous_numbers_and_texts_neither_panic_nor_stop_the_record() {
    let place = Place::new();
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", i64::MIN)).unwrap();
    let monster = |value: u64, unix_ms: i64| {
        let clock = Clock::new(0);
        let mut tracks = Vec::new();
        for direction in [Direction::Inbound, Direction::Outbound] {
            let huge = Duration::from_secs(value);
            tracks.push(TrackCounters {
                packets: Some(value),
                bytes: Some(value),
                packets_lost: Some(if value == 0 { i64::MIN } else { i64::MAX }),
                packets_reported: Some(value),
                jitter: Some(huge),
                total_rtt: Some(huge),
                rtt_measurements: Some(1),
                frames: Some(value),
                width: Some(u32::MAX),
                height: Some(u32::MAX),
                audio_energy: Some(if value == 0 { f64::NEG_INFINITY } else { f64::NAN }),
                audio_duration: Some(huge),
                codec: Some("\u{0}'; DROP TABLE sample; --".repeat(100)),
                ..TrackCounters::unknown(key(Kind::Video, direction))
            });
        }
        tracks.push(tracks[0].clone()); // the same track twice
        let mut snapshot = clock.snapshot(0, tracks, vec![full_link(0), full_link(0)]);
        snapshot.unix_ms = unix_ms;
        snapshot
    };
    for (value, unix_ms) in [(0, i64::MIN), (u64::MAX, i64::MAX), (0, 0), (u64::MAX, 0), (1, -1), (u64::MAX, 1)] {
        recorder.snapshot(&monster(value, unix_ms));
    }
    recorder.peer(&"x".repeat(100_000), "\u{0}", i64::MAX);
    recorder.event(&event(i64::MIN, Some(""), EventKind::LinkState { state: "\u{0}".to_owned() }));
    recorder.flush(WAIT).unwrap();
    recorder.finish("left", i64::MIN).unwrap();
    let history = place.history();
    let session = only_session(&history);
    for track in history.tracks(session.id).unwrap() {
        history.samples(&track, EVER).unwrap();
        history.totals(&track).unwrap();
        history.track_series(&track, TrackMetric::Bitrate, EVER, 10).unwrap();
    }
}
