//! What is shared, and what is not.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sightline_history::{
    Next, NextBatch, Outbox, Recorder, SessionStart, Share, delete_call, preview, renew_token, stop_sharing,
};
use sightline_protocol::logs::LogBatch;
use sightline_protocol::logs::bounds::{BATCH_BYTES, ROWS};
use sightline_quality::{CandidateType, Direction, Event, EventKind, Kind, Path, SetupTimes};

use crate::bench::{Clock, Place, START_MS, full, full_link, key, start};

const WAIT: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_secs(30);

fn share() -> Share {
    Share { endpoint: "http://127.0.0.1:7788".to_owned(), token: "secret-pass".to_owned() }
}

fn at(second: i64, peer: Option<&str>, kind: EventKind) -> Event {
    Event { unix_ms: START_MS + second * 1000, peer: peer.map(str::to_owned), kind }
}

/// A minute and a half in which every table gets rows.
pub(crate) fn record(recorder: &Recorder, seconds: std::ops::RangeInclusive<u64>) {
    let clock = Clock::new(START_MS);
    for second in seconds {
        recorder.snapshot(&clock.full(second));
        let of_peer = |kind| recorder.event(&at(second as i64, Some("ada"), kind));
        match second {
            20 => of_peer(EventKind::Reconnecting { cause: "ice-failed".to_owned() }),
            22 => of_peer(EventKind::Reconnected),
            40 => recorder.event(&at(40, Some("bob"), EventKind::PeerJoined { name: "Bob".to_owned() })),
            45 => recorder.event(&at(45, None, EventKind::Reconnecting { cause: "server-lost".to_owned() })),
            50 => recorder.peer_left("bob", "left", START_MS + 50_000),
            _ => {}
        }
    }
}

pub(crate) fn shared(place: &Place, code: &str) -> Recorder {
    let recorder = place.recorder();
    recorder.start_shared_session(start(code, START_MS), share()).unwrap();
    recorder.peer("ada", "Ada", START_MS);
    recorder
}

fn outbox(place: &Place) -> Outbox {
    Outbox::open(&place.path).unwrap()
}

fn next(outbox: &mut Outbox, now_ms: i64, rows: usize) -> Option<NextBatch> {
    match outbox.next(now_ms, |_| rows, PACE).unwrap() {
        Next::Batch(batch) => Some(*batch),
        Next::At(_) | Next::Nothing => None,
    }
}

/// What a server keeps: each row by what numbers it, the latest of it.
#[derive(Debug, Default, PartialEq)]
struct Server {
    rows: BTreeMap<(String, &'static str, u64), Value>,
    sessions: BTreeMap<String, Value>,
    batches: BTreeMap<String, Value>,
}

impl Server {
    fn take(&mut self, batch: &LogBatch) {
        let mut json = serde_json::to_value(batch).unwrap();
        json["sentMs"] = Value::Null;
        if let Some(known) = self.batches.get(&batch.id) {
            assert_eq!(*known, json, "one id, one content");
            return;
        }
        for (list, number) in [
            ("stays", "stay"),
            ("samples", "seq"),
            ("links", "seq"),
            ("process", "seq"),
            ("events", "seq"),
            ("breaks", "seq"),
        ] {
            for row in json[list].as_array().unwrap() {
                let place = (batch.session.id.clone(), list, row[number].as_u64().unwrap());
                let before = self.rows.insert(place.clone(), row.clone());
                let may_change = list == "stays" || list == "breaks";
                assert!(may_change || before.is_none_or(|before| before == *row), "{place:?} is another row");
            }
        }
        self.sessions.insert(batch.session.id.clone(), json["session"].clone());
        self.batches.insert(batch.id.clone(), json);
    }

    fn count(&self, list: &str) -> usize {
        self.rows.keys().filter(|(_, of, _)| *of == list).count()
    }

    /// Everything in as few batches as there may be: what has to have arrived.
    fn expected(place: &Place) -> Self {
        let raw = place.raw();
        raw.execute_batch(
            "UPDATE upload SET state = 'open', sample_id = 0, sample_count = 0, link_sample_id = 0,
                link_sample_count = 0, process_sample_id = 0, process_sample_count = 0, event_id = 0, event_count = 0,
                session_digest = ''; DELETE FROM told;",
        )
        .unwrap();
        let mut server = Self::default();
        drain(&mut outbox(place), &mut server, ROWS, START_MS);
        server
    }

    fn same_rows(&self, other: &Self) -> bool {
        self.rows == other.rows && self.sessions == other.sessions
    }
}

fn drain(outbox: &mut Outbox, server: &mut Server, rows: usize, now_ms: i64) -> usize {
    let mut batches = 0;
    while let Some(batch) = next(outbox, now_ms, rows) {
        server.take(&batch.batch);
        let again = if batch.more { now_ms } else { now_ms + 30_000 };
        outbox.acknowledge(&batch, now_ms, again).unwrap();
        batches += 1;
    }
    batches
}

/// All batches of what is shared, of so many rows of each kind.
pub(crate) fn batches_of(place: &Place, rows: usize) -> Vec<LogBatch> {
    let (mut outbox, mut batches) = (outbox(place), Vec::new());
    while let Some(next) = next(&mut outbox, START_MS + batches.len() as i64, rows) {
        outbox.acknowledge(&next, START_MS, START_MS).unwrap();
        batches.push(next.batch);
    }
    batches
}

fn state(place: &Place) -> (String, String, i64) {
    let told: i64 = place.raw().query_row("SELECT count(*) FROM told", [], |row| row.get(0)).unwrap();
    let sql = "SELECT state, token FROM upload";
    place.raw().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, told))).unwrap()
}

#[test]
fn all_rows_arrive_in_batches_of_any_size_and_the_session_is_then_done() {
    for rows in [1, 3, ROWS] {
        let place = Place::new();
        let recorder = shared(&place, "c");
        record(&recorder, 0..=90);
        recorder.finish("left", START_MS + 90_000).unwrap();
        let mut server = Server::default();
        let mut outbox = outbox(&place);
        let waiting = outbox.standing().unwrap();
        let batches = drain(&mut outbox, &mut server, rows, START_MS);
        assert_eq!(batches, [28, 10, 1][[1, 3, ROWS].iter().position(|r| *r == rows).unwrap()]);
        let counts = ["samples", "links", "process", "events", "stays", "breaks"].map(|list| server.count(list));
        assert_eq!(counts, [28, 7, 6, counts[3], 2, 2]);
        assert_eq!(waiting.waiting_rows as usize, counts[..4].iter().sum::<usize>());
        let session = server.sessions.values().next().unwrap();
        assert_eq!((&session["endReason"], &session["windows"]), (&"left".into(), &session["goodWindows"]));
        assert_eq!(state(&place), ("done".to_owned(), String::new(), 0));
        let standing = outbox.standing().unwrap();
        assert_eq!((standing.waiting_rows, standing.waiting_sessions), (0, 0));
        assert_eq!(standing.last_success_ms, Some(START_MS));
        assert!(server.same_rows(&Server::expected(&place)));
    }
}

#[test]
fn what_is_recorded_while_batches_are_sent_arrives_too() {
    let place = Place::new();
    let recorder = shared(&place, "c");
    let mut server = Server::default();
    let mut outbox = outbox(&place);
    let mut now_ms = START_MS;
    for window in 0..6 {
        record(&recorder, 15 * window..=15 * window + 14);
        recorder.flush(WAIT).unwrap();
        assert!(drain(&mut outbox, &mut server, ROWS, now_ms) > 0);
        assert!(next(&mut outbox, now_ms + 29_999, ROWS).is_none(), "not before the pace");
        now_ms += 30_000;
    }
    recorder.finish("left", START_MS + 91_000).unwrap();
    assert!(drain(&mut outbox, &mut server, ROWS, now_ms - 29_999) > 0, "the end does not wait");
    assert_eq!(state(&place).0, "done");
    assert!(server.same_rows(&Server::expected(&place)));
    let bob = &server.rows.iter().find(|((_, list, number), _)| *list == "stays" && *number == 1).unwrap().1;
    assert_eq!((&bob["name"], &bob["leaveReason"]), (&"Bob".into(), &"left".into()));
}

#[test]
fn a_batch_that_is_sent_again_after_a_crash_is_the_same_batch() {
    let place = Place::new();
    let recorder = shared(&place, "c");
    record(&recorder, 0..=40);
    recorder.flush(WAIT).unwrap();
    let first = next(&mut outbox(&place), START_MS, ROWS).expect("due");
    let mut again = next(&mut outbox(&place), START_MS + 5000, ROWS).expect("not acknowledged").batch;
    assert_eq!(again.sent_ms, START_MS + 5000);
    again.sent_ms = START_MS;
    assert_eq!(first.batch, again);
    let id = &first.batch.id;
    assert!((8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{id}");
    assert!(id.starts_with(&first.batch.session.id));
}

/// The server took a batch, its answer was lost, and the session ended before the batch was sent again: under the old id
/// the end would count as known.
#[test]
fn the_end_of_a_session_arrives_although_the_last_answer_was_lost() {
    let place = Place::new();
    let recorder = shared(&place, "c");
    record(&recorder, 0..=40);
    recorder.flush(WAIT).unwrap();
    let mut server = Server::default();
    server.take(&next(&mut outbox(&place), START_MS, ROWS).expect("due").batch);
    recorder.finish("left", START_MS + 40_000).unwrap();
    drain(&mut outbox(&place), &mut server, ROWS, START_MS + 50_000);
    assert!(server.same_rows(&Server::expected(&place)));
    assert_eq!(server.sessions.values().next().unwrap()["endReason"], "left");
}

#[test]
fn rows_keep_their_numbers_while_others_record_and_delete() {
    let place = Place::new();
    let other = place.recorder();
    other.start_session(start("other", START_MS)).unwrap();
    record(&other, 0..=30);
    other.finish("left", START_MS + 30_000).unwrap();
    let recorder = shared(&place, "c");
    let neighbour = place.recorder();
    neighbour.start_session(start("neighbour", START_MS)).unwrap();
    let mut server = Server::default();
    for window in 0..4 {
        record(&recorder, 15 * window..=15 * window + 14);
        recorder.flush(WAIT).unwrap();
        record(&neighbour, 15 * window..=15 * window + 14);
        neighbour.flush(WAIT).unwrap();
        drain(&mut outbox(&place), &mut server, 2, START_MS + window as i64 * 30_000);
        if window == 1 {
            let calls = place.history().calls(10, 0).unwrap();
            delete_call(&place.path, calls.iter().find(|call| call.code == "other").unwrap().id).unwrap();
        }
    }
    neighbour.finish("left", START_MS + 60_000).unwrap();
    recorder.finish("left", START_MS + 60_000).unwrap();
    drain(&mut outbox(&place), &mut server, 2, START_MS + 900_000);
    assert!(server.same_rows(&Server::expected(&place)));
    let numbers = server.rows.keys().filter(|key| key.1 == "samples").map(|key| key.2);
    assert_eq!(numbers.collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[test]
fn without_consent_nothing_leaves_also_when_sharing_is_switched_on_later() {
    let place = Place::new();
    let recorder = place.recorder();
    let session = recorder.start_session(start("private", START_MS)).unwrap();
    record(&recorder, 0..=30);
    recorder.finish("left", START_MS + 30_000).unwrap();
    assert!(!renew_token(&place.path, session, "a token").unwrap());
    let recorder = shared(&place, "public");
    recorder.finish("left", START_MS + 60_000).unwrap();
    let mut server = Server::default();
    let mut outbox = outbox(&place);
    outbox.begin_again().unwrap();
    drain(&mut outbox, &mut server, ROWS, START_MS + 90_000);
    assert_eq!((server.sessions.len(), server.count("samples")), (1, 0));
}

#[test]
fn sharing_that_is_switched_off_stops_what_waits_and_what_goes_on() {
    let place = Place::new();
    let recorder = shared(&place, "c");
    record(&recorder, 0..=30);
    recorder.flush(WAIT).unwrap();
    let mut outbox = outbox(&place);
    let on_its_way = next(&mut outbox, START_MS, ROWS).expect("due");
    stop_sharing(&place.path).unwrap();
    outbox.acknowledge(&on_its_way, START_MS, START_MS).expect("of no account");
    assert_eq!(state(&place), ("stopped".to_owned(), String::new(), 0));
    record(&recorder, 31..=60);
    recorder.finish("left", START_MS + 60_000).unwrap();
    outbox.begin_again().unwrap();
    assert!(next(&mut outbox, START_MS + 600_000, ROWS).is_none());
    assert_eq!(outbox.standing().unwrap().waiting_rows, 0);
}

#[test]
fn a_deleted_call_takes_its_uploads_along() {
    let place = Place::new();
    let recorder = shared(&place, "c");
    record(&recorder, 0..=60);
    recorder.finish("left", START_MS + 60_000).unwrap();
    let mut outbox = outbox(&place);
    let first = next(&mut outbox, START_MS, 1).expect("due");
    outbox.acknowledge(&first, START_MS, START_MS).unwrap();
    let second = next(&mut outbox, START_MS, 1).expect("due");
    assert_ne!(state(&place).2, 0, "stays and breaks were told");
    let call = place.history().calls(1, 0).unwrap()[0].id;
    delete_call(&place.path, call).unwrap();
    outbox.acknowledge(&second, START_MS, START_MS).expect("of no account");
    for table in ["upload", "told"] {
        let count: i64 = place.raw().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "{table}");
    }
    assert!(next(&mut outbox, START_MS, ROWS).is_none());
    drop(outbox); // the last connection: what is in the log beside the file goes into it
    let bytes = std::fs::read(&place.path).unwrap();
    assert!(!bytes.windows(11).any(|window| window == b"secret-pass"), "the token is overwritten");
}

#[test]
fn failures_wait_their_time_and_a_refusal_waits_for_another_token() {
    let place = Place::new();
    let recorder = place.recorder();
    let session = recorder.start_shared_session(start("c", START_MS), share()).unwrap();
    record(&recorder, 0..=30);
    recorder.finish("left", START_MS + 30_000).unwrap();
    shared(&place, "d").finish("left", START_MS + 1).unwrap();
    let mut outbox = outbox(&place);
    let now = START_MS + 100_000;
    let batch = next(&mut outbox, now, ROWS).expect("due");
    outbox.postpone(&batch, true, "The server is away.", now, now + 5000, 0).unwrap();
    assert!(next(&mut outbox, now + 4999, ROWS).is_none(), "all that wait for this server");
    let Next::At(at) = outbox.next(now, |_| ROWS, PACE).unwrap() else { panic!("something waits") };
    assert_eq!(at, now + 5000);
    assert_eq!(outbox.standing().unwrap().last_error.as_deref(), Some("The server is away."));
    assert_eq!(next(&mut outbox, now + 5000, ROWS).expect("due").tries, 1);
    outbox.begin_again().unwrap();
    let batch = next(&mut outbox, now, ROWS).expect("due at the start of the program");
    outbox.postpone(&batch, true, "Too much.", now, now + 60_000, now + 60_000).unwrap();
    outbox.begin_again().unwrap();
    assert!(next(&mut outbox, now + 59_999, ROWS).is_none(), "the server said when");
    assert!(next(&mut outbox, now - 86_400_000, ROWS).is_some(), "a clock that was set back keeps nothing waiting");
    let batch = next(&mut outbox, now + 60_000, ROWS).expect("due");
    outbox.postpone(&batch, false, "It fell over.", now + 60_000, now + 70_000, 0).unwrap();
    let other = next(&mut outbox, now + 60_000, ROWS).expect("the other session is not held up");
    assert_ne!(other.batch.session.id, batch.batch.session.id);
    let batch = if batch.batch.samples.is_empty() { other } else { batch };
    outbox.refuse(&batch, "Expired.", now + 80_000).unwrap();
    let rest = next(&mut outbox, now + 900_000, ROWS).expect("the other one");
    outbox.acknowledge(&rest, now + 900_000, now).unwrap();
    assert!(next(&mut outbox, now + 900_000, ROWS).is_none());
    let standing = outbox.standing().unwrap();
    assert_eq!((standing.refused_sessions, standing.waiting_sessions), (1, 0));
    assert_eq!(standing.last_error.as_deref(), Some("Expired."));
    assert!(renew_token(&place.path, session, "another").unwrap());
    assert_eq!(next(&mut outbox, now + 900_000, ROWS).expect("tried again").share.token, "another");
}

/// Asked at once, the uploader would have looked fifty times a second until then.
#[test]
fn a_session_that_begins_while_its_server_wants_to_be_left_alone_is_due_after_that() {
    let place = Place::new();
    shared(&place, "c").finish("left", START_MS + 1).unwrap();
    let mut outbox = outbox(&place);
    let now = START_MS + 100_000;
    let batch = next(&mut outbox, now, ROWS).expect("due");
    outbox.postpone(&batch, false, "Too much.", now, now + 90_000, now + 60_000).unwrap();
    let recorder = shared(&place, "d");
    let Next::At(at) = outbox.next(now + 1, |_| ROWS, PACE).unwrap() else { panic!("not before the time it named") };
    assert_eq!(at, now + 60_000);
    let of_d = next(&mut outbox, now + 60_000, ROWS).expect("due");
    assert!(of_d.live);
    recorder.finish("left", START_MS + 2).unwrap();
}

#[test]
fn a_long_record_is_cut_into_batches_within_the_bounds() {
    let place = Place::new();
    let recorder = shared(&place, "c");
    let clock = Clock::new(START_MS);
    let peers: Vec<String> = (0..24).map(|number| format!("peer-{number}")).collect();
    for second in 0..=15 * 60 {
        let mut snapshot = clock.full(second);
        snapshot.tracks.clear();
        snapshot.links.clear();
        for peer in &peers {
            let mut track = full(key(Kind::Video, Direction::Inbound), second);
            track.key.peer.clone_from(peer);
            snapshot.tracks.push(track);
            let mut link = full_link(second);
            link.peer.clone_from(peer);
            snapshot.links.push(link);
        }
        recorder.snapshot(&snapshot);
    }
    recorder.finish("left", START_MS + 900_000).unwrap();
    let mut outbox = outbox(&place);
    let (mut server, mut most) = (Server::default(), 0);
    while let Some(batch) = next(&mut outbox, START_MS, usize::MAX) {
        let batch_of = &batch.batch;
        for rows in [batch_of.samples.len(), batch_of.links.len(), batch_of.stays.len(), batch_of.events.len()] {
            assert!(rows <= ROWS);
        }
        most = most.max(batch_of.samples.len());
        assert!(serde_json::to_vec(batch_of).unwrap().len() <= BATCH_BYTES);
        server.take(batch_of);
        outbox.acknowledge(&batch, START_MS, START_MS).unwrap();
    }
    assert!(most > 100 && server.batches.len() > 1, "{most} in {}", server.batches.len());
    let samples: i64 = place.raw().query_row("SELECT count(*) FROM sample", [], |row| row.get(0)).unwrap();
    assert_eq!(server.count("samples"), samples as usize);
}

/// Records a session that has this text wherever the record takes a text.
fn record_with(place: &Place, text: &str) {
    let recorder = place.recorder();
    let all = || text.to_owned();
    let session = SessionStart {
        code: all(),
        server: all(),
        own_name: all(),
        own_id: all(),
        client_version: all(),
        unix_ms: START_MS,
    };
    recorder.start_shared_session(session, Share { endpoint: all(), token: all() }).unwrap();
    recorder.peer(text, text, START_MS);
    let clock = Clock::new(START_MS);
    for second in 0..=20 {
        let mut snapshot = clock.full(second);
        for track in &mut snapshot.tracks {
            (track.key.peer, track.codec, track.implementation) = (all(), Some(all()), Some(all()));
        }
        for link in &mut snapshot.links {
            let (local, remote) = (CandidateType::Srflx, CandidateType::Relay);
            (link.peer, link.pair_id) = (all(), Some(format!("{text}->{text}")));
            link.path = Some(Path { local, remote, protocol: all() });
        }
        recorder.snapshot(&snapshot);
    }
    let (media, direction) = (Kind::Video, Direction::Outbound);
    let path = Path { local: CandidateType::Host, remote: CandidateType::Host, protocol: all() };
    let setup = SetupTimes { signaling_ms: Some(1.5), ..SetupTimes::default() };
    for kind in [
        EventKind::Joined { setup },
        EventKind::PeerJoined { name: all() },
        EventKind::LinkState { state: all() },
        EventKind::PathChanged { path },
        EventKind::Reconnecting { cause: all() },
        EventKind::Device { media, direction, state: all(), detail: all() },
        EventKind::CodecChanged { media, direction, codec: all() },
        EventKind::LimitationBegan { reason: all() },
        EventKind::LimitationEnded { reason: all() },
        EventKind::WarningRaised { warning: all(), media: Some(media), direction: Some(direction) },
        EventKind::WarningCleared { warning: all(), media: None, direction: None },
        EventKind::PeerLeft { reason: all() },
        EventKind::Left { reason: all() },
    ] {
        recorder.event(&at(21, Some(text), kind));
    }
    recorder.event(&at(22, None, EventKind::Reconnecting { cause: all() }));
    recorder.finish(text, START_MS + 30_000).unwrap();
}

#[test]
fn no_address_gets_into_a_batch() {
    for (text, needles) in [
        ("203.0.113.77", vec!["203.0.113"]),
        ("Ada at 203.0.113.77:50001 (srflx)", vec!["203.0.113"]),
        ("2001:db8:7::42", vec!["2001:db8", "::42"]),
        ("connect to [2001:db8:7::42]:443 failed", vec!["2001:db8", "::42"]),
        ("candidate:1 1 UDP 2122 kitchen-pc 54321 typ host", vec!["kitchen-pc", "candidate"]),
        ("candidate:2 1 tcp 9 3f2a-77aa.local 9 typ host tcptype active", vec!["3f2a-77aa", ".local"]),
        ("candidate:3 1 udp 7 203.0.113.77 9 typ relay raddr 10.1.2.3 rport 9", vec!["203.0.113", "10.1.2"]),
        ("https://calls.example.org/room", vec!["example", "calls"]),
        ("00:1a:2b:3c:4d:5e", vec!["1a:2b"]),
    ] {
        let place = Place::new();
        record_with(&place, text);
        let batch = next(&mut outbox(&place), START_MS, ROWS).expect("due").batch;
        let lists = (batch.samples.len(), batch.links.len(), batch.stays.len(), batch.breaks.len());
        assert_eq!(lists, (8, 2, 1, 2), "the session itself is there");
        assert!(batch.events.len() >= 14, "{}", batch.events.len());
        let json = serde_json::to_string(&batch).unwrap().to_lowercase();
        for needle in needles.into_iter().chain([text]) {
            assert!(!json.contains(&needle.to_lowercase()), "{needle} of {text} in {json}");
        }
        let id = &batch.session.user_id;
        assert!(*id == batch.stays[0].user_id && batch.events.iter().any(|event| event.peer.as_ref() == Some(id)));
    }
}

#[test]
fn what_is_infinite_is_not_measured() {
    let place = Place::new();
    let recorder = shared(&place, "c");
    record(&recorder, 0..=30);
    let setup = SetupTimes { ice_ms: Some(f64::INFINITY), dtls_ms: Some(4.0), ..SetupTimes::default() };
    recorder.event(&at(31, None, EventKind::Joined { setup }));
    recorder.finish("left", START_MS + 31_000).unwrap();
    place.raw().execute("UPDATE sample SET rtt_ms_max = 9e999, score = -9e999, jitter_ms_mean = 1e300", []).unwrap();
    let batch = next(&mut outbox(&place), START_MS, ROWS).expect("due").batch;
    assert_eq!(batch.session.setup.ice_ms, None);
    assert_eq!(batch.session.setup.dtls_ms, Some(4.0));
    for sample in &batch.samples {
        assert_eq!((sample.values.rtt_ms, sample.score, sample.values.jitter_ms), (None, None, None));
        assert!(sample.values.bitrate_bps.is_some());
    }
    let json = serde_json::to_string(&batch).unwrap();
    assert_eq!(serde_json::from_str::<LogBatch>(&json).unwrap(), batch, "a server can read it");
}

#[test]
fn a_preview_is_what_is_sent_next_and_changes_nothing() {
    let place = Place::new();
    let recorder = place.recorder();
    recorder.start_session(start("private", START_MS)).unwrap();
    record(&recorder, 0..=30);
    recorder.finish("left", START_MS + 30_000).unwrap();
    let example = preview(&place.path, START_MS, ROWS).unwrap().expect("a session to show");
    assert_eq!((example.samples.len(), example.session.id.as_str()), (12, "0".repeat(32).as_str()));
    assert!(next(&mut outbox(&place), START_MS, ROWS).is_none(), "shown, not shared");
    let recorder = shared(&place, "public");
    recorder.finish("left", START_MS + 60_000).unwrap();
    let shown = preview(&place.path, START_MS, ROWS).unwrap().expect("waits");
    assert_eq!(shown, next(&mut outbox(&place), START_MS, ROWS).expect("due").batch);
}

/// Files of format 2 know nothing of uploads.
#[test]
fn an_older_history_is_brought_up_to_date_and_shares_nothing_of_before() {
    let place = Place::new();
    let recorder = place.recorder();
    recorder.start_session(start("old", START_MS)).unwrap();
    record(&recorder, 0..=30);
    recorder.finish("left", START_MS + 30_000).unwrap();
    place.raw().execute_batch("DROP TABLE told; DROP TABLE upload; PRAGMA user_version = 2").unwrap();
    let mut outbox = outbox(&place);
    assert!(matches!(outbox.next(START_MS, |_| ROWS, PACE).unwrap(), Next::Nothing));
    assert_eq!(place.history().calls(10, 0).unwrap().len(), 1);
}
