//! Batches: what is stored, what is known, what is refused.

use serde_json::json;
use sightline_protocol::logs::{LOG_SCHEMA, LogBreak, LogSample, bounds};

use super::*;
use crate::record::cells::Window;

/// Rows that count in an answer.
fn rows(batch: &LogBatch) -> u32 {
    let LogBatch { samples, links, process, events, breaks, .. } = batch;
    (samples.len() + links.len() + process.len() + events.len() + breaks.len()) as u32
}

#[test]
fn a_batch_comes_back_as_it_was() {
    let mut fixture = Fixture::new();
    let (room, mut batch) = a_batch(&mut fixture);
    batch.breaks = vec![LogBreak { seq: 0, stay: Some(1), start_ms: NOON, end_ms: None, cause: "sleep".into() }];
    let json = serde_json::to_vec(&batch).unwrap();
    assert_eq!(parse(&json).unwrap(), batch);
    let accepted = ingest(&mut fixture.connection, &room, &batch, batch.sent_ms).unwrap();
    assert_eq!((accepted.stored, accepted.known), (rows(&batch), 0));
    let [report] = fixture.reader().reports(&room, 1000).unwrap().try_into().unwrap();
    let mut sorted = batch.clone();
    sorted.samples.sort_by_key(|row| (row.head().track, row.start_ms));
    let LogBatch { session, stays, samples, links, process, events, breaks, .. } = sorted;
    assert_eq!((report.session, report.stays, report.samples, report.links), (session, stays, samples, links));
    assert_eq!((report.process, report.events, report.breaks), (process, events, breaks));
}

#[test]
fn the_same_batch_changes_nothing_and_the_same_rows_are_known() {
    let mut fixture = Fixture::new();
    let (room, batch) = a_batch(&mut fixture);
    ingest(&mut fixture.connection, &room, &batch, batch.sent_ms).unwrap();
    let before = fixture.dump();
    let again = ingest(&mut fixture.connection, &room, &batch, batch.sent_ms + 60_000).unwrap();
    assert_eq!((again.id.as_str(), again.stored, again.known), (batch.id.as_str(), 0, rows(&batch)));
    assert_eq!(fixture.dump(), before);
    // Under another id, with a row more: only that one is new, and only that one is counted in totals.
    let mut other = batch.clone();
    other.id = "another-batch".into();
    let last = other.samples.last().unwrap();
    other.samples.push(LogSample { seq: last.seq + 1, ..last.clone() });
    let totals = |fixture: &Fixture| fixture.reader().totals(NOON, NOON + 1).unwrap().quality;
    let (rated, paths) = (totals(&fixture).loss_percent.count, totals(&fixture).rtt_ms.count);
    let accepted = ingest(&mut fixture.connection, &room, &other, other.sent_ms).unwrap();
    assert_eq!((accepted.stored, accepted.known), (1, rows(&batch)));
    assert_eq!((totals(&fixture).loss_percent.count, totals(&fixture).rtt_ms.count), (rated + 1, paths));
}

#[test]
fn batches_may_come_in_any_order() {
    let shape = shape(5);
    let mut batches = synthetic::batches(&shape);
    let forward = Fixture::with(&[shape]);
    let mut backward = Fixture::new();
    backward.apply(&synthetic::entries(&shape));
    batches.reverse();
    for batch in &batches {
        ingest(&mut backward.connection, &shape.room_id(), batch, batch.sent_ms).unwrap();
    }
    let (one, two) = (forward.reader(), backward.reader());
    let by_user = |mut reports: Vec<LogBatch>| {
        reports.sort_by(|one, other| one.session.id.cmp(&other.session.id));
        reports
    };
    assert_eq!(
        by_user(one.reports(&shape.room_id(), 500).unwrap()),
        by_user(two.reports(&shape.room_id(), 500).unwrap()),
        "the latest word about a session counts, also where it came first"
    );
    assert_eq!(one.totals(NOON, NOON + 1).unwrap(), two.totals(NOON, NOON + 1).unwrap());
}

#[test]
fn an_open_break_gets_its_end_once() {
    let mut fixture = Fixture::new();
    let (room, mut batch) = a_batch(&mut fixture);
    let mut send = |id: &str, end_ms| {
        batch.id = id.into();
        batch.breaks = vec![LogBreak { seq: 0, stay: None, start_ms: NOON, end_ms, cause: "sleep".into() }];
        ingest(&mut fixture.connection, &room, &batch, batch.sent_ms).unwrap()
    };
    send("first-batch", None);
    let accepted = send("second-batch", Some(NOON + 500));
    assert_eq!(accepted.stored, 0);
    send("third-batch", Some(NOON + 900));
    let end: i64 = fixture.connection.query_row("SELECT end_ms FROM log_break", [], |row| row.get(0)).unwrap();
    assert_eq!(end, NOON + 500);
}

#[test]
fn several_batches_share_a_transaction_and_a_bad_one_spoils_no_other() {
    let shape = shape(3);
    let mut fixture = Fixture::new();
    fixture.apply(&synthetic::entries(&shape));
    let mut arrivals: Vec<Arrival> = synthetic::batches(&shape)
        .into_iter()
        .map(|batch| Arrival { room_id: shape.room_id(), received_ms: batch.sent_ms, batch })
        .collect();
    arrivals[1].batch.samples[3].seq = 0;
    arrivals[1].batch.stays.clear();
    arrivals[1].batch.session.id = "nobody-knows-it".into();
    arrivals[2].room_id = "r0".into();
    let answers = ingest_all(&mut fixture.connection, &arrivals);
    assert!(matches!(answers[1], Err(IngestError::Invalid(_))), "{:?}", answers[1]);
    assert_eq!(answers[2], Err(IngestError::UnknownRoom));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), arrivals.len() - 2);
    let sessions: i64 = fixture
        .connection
        .query_row("SELECT count(*) FROM log_session WHERE id = 'nobody-knows-it'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sessions, 0, "nothing half written");
}

/// The batch as a client would send it whose clock is off by `off_ms`.
fn with_clock(batch: &LogBatch, off_ms: i64) -> LogBatch {
    let mut batch = batch.clone();
    batch.sent_ms += off_ms;
    batch.session.started_ms += off_ms;
    batch.session.ended_ms.iter_mut().for_each(|at| *at += off_ms);
    batch.stays.iter_mut().for_each(|row| row.joined_ms += off_ms);
    batch.samples.iter_mut().for_each(|row| (row.start_ms, row.end_ms) = (row.start_ms + off_ms, row.end_ms + off_ms));
    batch.links.iter_mut().for_each(|row| (row.start_ms, row.end_ms) = (row.start_ms + off_ms, row.end_ms + off_ms));
    batch.process.iter_mut().for_each(|row| (row.start_ms, row.end_ms) = (row.start_ms + off_ms, row.end_ms + off_ms));
    batch.events.iter_mut().for_each(|row| row.unix_ms += off_ms);
    batch
}

#[test]
fn a_clock_that_is_off_is_corrected_however_far_it_is_off() {
    const YEAR: i64 = 365 * 86_400_000;
    for (off_ms, way_ms, start_ms) in [
        // Kept by a time service: what is measured is the way of the batch.
        (0, 800, NOON),
        (-1000, 500, NOON - 1000),
        // Off: what is measured is the clock, and the way.
        (90_000, 100, NOON + 100),
        (-3_600_000, 0, NOON),
        (40 * YEAR, 20, NOON + 20),
        (-30 * YEAR, 0, NOON),
    ] {
        let mut fixture = Fixture::new();
        let (room, batch) = a_batch(&mut fixture);
        let sent = with_clock(&batch, off_ms);
        ingest(&mut fixture.connection, &room, &sent, batch.sent_ms + way_ms).unwrap();
        let report = fixture.reader().reports(&room, 100).unwrap().remove(0);
        assert_eq!(report.samples[0].start_ms, start_ms, "off by {off_ms}");
        assert_eq!(report.session.started_ms, start_ms);
        assert_eq!(report.events[0].unix_ms, start_ms);
    }
}

#[test]
fn windows_of_a_session_keep_touching_although_batches_take_their_time() {
    let shape = CallShape { people: 2, windows_per_batch: 1, ..shape(1) };
    let mut fixture = Fixture::new();
    fixture.apply(&synthetic::entries(&shape));
    for (number, batch) in synthetic::batches(&shape).iter().enumerate() {
        let way_ms = (number as i64 * 977) % 4000;
        ingest(&mut fixture.connection, &shape.room_id(), &with_clock(batch, -7_200_000), batch.sent_ms + way_ms)
            .unwrap();
    }
    for report in fixture.reader().reports(&shape.room_id(), 100).unwrap() {
        assert!(report.process.windows(2).all(|pair| pair[0].end_ms == pair[1].start_ms));
    }
}

#[test]
fn a_clock_that_was_set_in_between_is_noticed() {
    let mut fixture = Fixture::new();
    let (room, batch) = a_batch(&mut fixture);
    // Recorded by a clock that was a year late, sent by one that is right.
    let mut sent = with_clock(&batch, -365 * 86_400_000);
    sent.sent_ms = batch.sent_ms;
    let error = ingest(&mut fixture.connection, &room, &sent, batch.sent_ms).unwrap_err();
    assert!(matches!(&error, IngestError::Invalid(why) if why.contains("clock")), "{error}");
    // Ahead of its own time of sending.
    let mut sent = with_clock(&batch, 3_600_000);
    sent.sent_ms = batch.sent_ms;
    assert!(ingest(&mut fixture.connection, &room, &sent, batch.sent_ms).unwrap_err().is_refusal());
    // Set in mid-session: the batch brings a correction of its own.
    ingest(&mut fixture.connection, &room, &batch, batch.sent_ms).unwrap();
    let mut later = with_clock(&batch, 600_000);
    later.id = "after-the-step".into();
    later.samples.iter_mut().for_each(|row| row.seq += 1000);
    ingest(&mut fixture.connection, &room, &later, batch.sent_ms).unwrap();
    let report = fixture.reader().reports(&room, 100).unwrap().remove(0);
    assert!(report.samples.iter().all(|row| row.start_ms < NOON + 60_000), "by the server's clock");
    assert_eq!(fixture.count("log_session"), 1);
}

#[test]
fn a_session_stays_where_it_came_first() {
    let mut fixture = Fixture::new();
    let (room, batch) = a_batch(&mut fixture);
    fixture.apply(&synthetic::entries(&shape(2)));
    ingest(&mut fixture.connection, &room, &batch, batch.sent_ms).unwrap();
    let before = fixture.dump();
    let mut refused = |room: &str, batch: &LogBatch| {
        let error = ingest(&mut fixture.connection, room, batch, batch.sent_ms).unwrap_err();
        assert!(matches!(error, IngestError::Conflict(_)), "{error}");
    };
    refused(&shape(2).room_id(), &batch);
    let mut other = batch.clone();
    other.id = "somebody-elses".into();
    other.session.user_id = "u2".into();
    refused(&room, &other);
    let mut other = batch.clone();
    other.id = "other-stays".into();
    other.stays[0].user_id = "u9".into();
    refused(&room, &other);
    assert_eq!(fixture.dump(), before);
}

/// The batch with one thing changed in its JSON.
fn changed(batch: &LogBatch, pointer: &str, value: serde_json::Value) -> Vec<u8> {
    let mut json = serde_json::to_value(batch).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match json.pointer_mut(parent).unwrap() {
        serde_json::Value::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        list => list[key.parse::<usize>().unwrap()] = value,
    }
    serde_json::to_vec(&json).unwrap()
}

#[test]
fn everything_that_is_out_of_bounds_is_refused_whole_and_says_why() {
    let mut fixture = Fixture::new();
    let (room, batch) = a_batch(&mut fixture);
    let before = fixture.dump();
    let long = "x".repeat(bounds::TEXT_BYTES + 1);
    let start = batch.samples[1].start_ms;
    let value = |name: &str| format!("/samples/1/values/{name}");
    let row = serde_json::to_value(&batch.process[0]).unwrap();
    let cases: Vec<(String, serde_json::Value, &str)> = vec![
        ("/id".into(), json!("short"), "id"),
        ("/id".into(), json!("under_score_in_it"), "id"),
        ("/id".into(), json!("a".repeat(65)), "id"),
        ("/sentMs".into(), json!(-1), "sentMs"),
        ("/sentMs".into(), json!(i64::MAX), "sentMs"),
        ("/session/id".into(), json!("ž-ž-ž-ž-ž-ž"), "session"),
        ("/session/name".into(), json!(long), "name"),
        ("/session/name".into(), json!("a\0b"), "NUL"),
        ("/session/clientVersion".into(), json!(""), "clientVersion"),
        ("/session/platform".into(), json!("li\nnux"), "platform"),
        ("/session/endedMs".into(), json!(NOON - 1), "endedMs"),
        ("/session/goodWindows".into(), json!(u32::MAX), "goodWindows"),
        ("/session/setup/iceMs".into(), json!(-0.5), "iceMs"),
        ("/session/setup/iceMs".into(), json!(1e300), "iceMs"),
        ("/stays/0/name".into(), json!(long), "stays[0]: name"),
        ("/stays/0/leftMs".into(), json!(NOON - 1), "leftMs"),
        ("/samples/1/stay".into(), json!(77), "stay 77"),
        ("/samples/1/endMs".into(), json!(start - 1), "samples[1]: endMs"),
        ("/samples/1/endMs".into(), json!(start + SPAN_MS + 1), "longer"),
        ("/samples/1/startMs".into(), json!(i64::MIN), "startMs"),
        ("/samples/1/measuredMs".into(), json!(SPAN_MS + 1), "measuredMs"),
        (value("lossPercent"), json!([101.0, 0.0, 101.0]), "loss_percent"),
        (value("lossPercent"), json!([-1.0, -1.0, 1.0]), "loss_percent"),
        (value("lossPercent"), json!([50.0, 60.0, 70.0]), "least and greatest"),
        (value("lossPercent"), json!([65.0, 70.0, 60.0]), "least and greatest"),
        (value("bitrateBps"), json!([1e39, 0.0, 1e39]), "bitrate_bps"),
        (value("rttMs"), json!([1e8, 0.0, 1e8]), "rtt_ms"),
        (value("fps"), json!([1e4, 0.0, 1e4]), "fps"),
        (value("fps"), json!([1.0, 1.0]), "length"),
        (value("speed"), json!([1.0, 1.0, 1.0]), "unknown field"),
        ("/samples/1/score".into(), json!(5.5), "score"),
        ("/samples/1/class".into(), json!("superb"), "class"),
        ("/samples/1/cause".into(), json!(long), "cause"),
        ("/samples/1/codec".into(), json!("V\u{7f}P8"), "codec"),
        ("/samples/1/width".into(), json!(70_000), "width"),
        ("/samples/1/freezes".into(), json!(1_000_000), "freezes"),
        ("/samples/1/frozenMs".into(), json!(1e38), "frozenMs"),
        ("/samples/1/kind".into(), json!("smell"), "smell"),
        ("/links/0/path".into(), json!(long), "path"),
        ("/links/0/stay".into(), json!(78), "stay 78"),
        ("/links/0/pathRttMs".into(), json!([1.0, 2.0, 3.0]), "path_rtt_ms"),
        ("/process/0/systemCpuPercent".into(), json!([100.5, 0.0, 100.5]), "system_cpu_percent"),
        ("/process".into(), json!(vec![row; bounds::ROWS + 1]), "process has"),
        ("/events/0/event".into(), json!({"kind": 7}), "kind"),
        ("/events/0/event".into(), json!({"kind": "chat", "text": "x".repeat(bounds::EVENT_BYTES)}), "event has"),
        ("/breaks".into(), json!([{"seq": 0, "startMs": 5, "endMs": 4, "cause": "sleep"}]), "breaks[0]"),
        ("/breaks".into(), json!([{"seq": 0, "startMs": NOON, "cause": "", "stay": 1}]), "cause"),
        ("/breaks".into(), json!([{"seq": 0, "startMs": NOON, "cause": "sleep", "stay": 79}]), "stay 79"),
        ("/address".into(), json!("192.0.2.1"), "unknown field"),
    ];
    for (pointer, value, why) in cases {
        let shown = value.to_string().chars().take(40).collect::<String>();
        let json = changed(&batch, &pointer, value);
        let error = parse(&json)
            .and_then(|batch| ingest(&mut fixture.connection, &room, &batch, NOON + 60_000))
            .expect_err(&pointer);
        assert!(error.is_refusal() && error.to_string().contains(why), "{pointer} {shown}: {error}");
        assert_eq!(fixture.dump(), before, "{pointer} {shown} left something behind");
    }
    ingest(&mut fixture.connection, &room, &batch, batch.sent_ms).expect("unchanged it is taken");
}

#[test]
fn other_versions_and_bodies_that_are_too_long_are_refused_as_such() {
    let mut fixture = Fixture::new();
    let (room, mut batch) = a_batch(&mut fixture);
    let newer = LOG_SCHEMA + 1;
    let json = changed(&batch, "/schema", json!(newer));
    let error = parse(&json).and_then(|batch| ingest(&mut fixture.connection, &room, &batch, NOON)).unwrap_err();
    assert_eq!(error, IngestError::Version { found: newer });
    let other = format!(r#"{{"schema": {newer}, "rows": "in another form"}}"#);
    assert_eq!(parse(other.as_bytes()), Err(IngestError::Version { found: newer }));
    batch.schema = 0;
    assert_eq!(ingest(&mut fixture.connection, &room, &batch, NOON), Err(IngestError::Version { found: 0 }));
    let long = vec![b' '; bounds::BATCH_BYTES + 1];
    assert!(matches!(parse(&long), Err(IngestError::TooLarge { .. })));
    for junk in ["", "{", "[]", "null", "\u{feff}{}", &"[".repeat(100_000)] {
        assert!(matches!(parse(junk.as_bytes()), Err(IngestError::Invalid(_))), "{junk:.10}");
    }
}

/// What a parser takes in a batch it may not take in a list of batches, which is one level deeper.
#[test]
fn no_event_is_so_deep_that_the_reports_cannot_be_read_again() {
    let mut fixture = Fixture::new();
    let (room, batch) = a_batch(&mut fixture);
    let mut deepest = 0;
    for depth in 1..140 {
        // With the event itself.
        let deep = (1..depth).fold(json!({}), |inner, _| json!({ "in": inner }));
        let mut event = json!({"kind": "odd"});
        event.as_object_mut().unwrap().extend(deep.as_object().unwrap().clone());
        let id = format!("batch-of-depth-{depth}");
        let changed = json!([{"seq": depth, "unixMs": NOON, "event": event}]);
        let mut value = json!(batch);
        (value["events"], value["id"]) = (changed, json!(id));
        let taken = parse(value.to_string().as_bytes())
            .and_then(|batch| ingest(&mut fixture.connection, &room, &batch, NOON + 60_000));
        match taken {
            Ok(_) => deepest = depth,
            Err(error) => assert!(error.is_refusal(), "{error}"),
        }
    }
    assert_eq!(deepest, bounds::EVENT_DEPTH);
    let sent = serde_json::to_vec(&fixture.reader().reports(&room, 10).unwrap()).unwrap();
    let read: Vec<LogBatch> = serde_json::from_slice(&sent).expect("the client reads it");
    assert_eq!(read[0].events.len(), deepest);
}
