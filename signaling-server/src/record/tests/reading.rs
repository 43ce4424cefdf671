//! The list, details, reports, totals and exports against what is known to be in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sightline_protocol::{
    admin::{CallFilter, CallQuality, CallSort, PathType},
    logs::{LogBatch, LogDirection, LogKind},
};

use super::*;
use crate::record::histogram::RELATIVE_ERROR;

fn room(fixture: &mut Fixture, id: &str, code: &str, room_name: Option<&str>, people: &[&str], start_ms: i64) {
    let (room, start_ms) = (id.to_owned(), NOON + start_ms);
    let mut entries = vec![RecordEntry::RoomMade {
        id: room.clone(),
        code: code.into(),
        name: room_name.map(str::to_owned),
        unix_ms: start_ms,
        by: None,
    }];
    for (number, name) in people.iter().enumerate() {
        let (room, user) = (room.clone(), format!("{id}-{number}"));
        let (name, role) = ((*name).to_owned(), "guest".to_owned());
        entries.push(RecordEntry::StayBegan { room, user, name, account: None, role, unix_ms: start_ms });
    }
    for number in 0..people.len() {
        let (room, user, reason) = (room.clone(), format!("{id}-{number}"), "left".to_owned());
        entries.push(RecordEntry::StayEnded { room, user, reason, unix_ms: start_ms + 1000 * (1 + number as i64) });
    }
    fixture.apply(&entries);
}

fn found(reader: &RecordReader, filter: &CallFilter) -> Vec<String> {
    let page = reader.calls(filter).unwrap();
    assert_eq!(page.total as usize, page.calls.len());
    page.calls.into_iter().map(|call| call.room_id).collect()
}

#[test]
fn calls_are_found_by_words_in_any_script_and_nothing_is_a_wildcard_or_sql() {
    let mut fixture = Fixture::new();
    room(&mut fixture, "r1", "amber-canoe", Some("100%_sure"), &["Žofie Černá", "عمر"], 0);
    room(&mut fixture, "r2", "violet-magnet", Some("Stand-up"), &["🦊 Fox", "O'Neil \"Bob\""], 10);
    room(&mut fixture, "r3", "quiet-river", None, &["'; DROP TABLE stay; --", "\u{202e}abc"], 20);
    let reader = fixture.reader();
    let by_text = |text: &str| found(&reader, &CallFilter { text: text.into(), ..Default::default() });
    for (text, rooms) in [
        ("žofie", vec!["r1"]),
        ("ŽOFIE canoe", vec!["r1"]),
        ("عمر", vec!["r1"]),
        ("🦊", vec!["r2"]),
        ("o'neil", vec!["r2"]),
        ("\"bob\"", vec!["r2"]),
        ("%", vec!["r1"]),
        ("_", vec!["r1"]),
        ("%_sure", vec!["r1"]),
        ("drop table", vec!["r3"]),
        ("'; DROP TABLE stay; --", vec!["r3"]),
        ("\u{202e}", vec!["r3"]),
        ("stand-up fox", vec!["r2"]),
        ("stand-up žofie", vec![]),
        ("canoe\nfox", vec![]),
        ("  ", vec!["r3", "r2", "r1"]),
        ("a", vec!["r3", "r2", "r1"]),
    ] {
        assert_eq!(by_text(text), rooms, "{text}");
    }
    assert_eq!(fixture.count("stay"), 6);
    let line = reader.call("r3").unwrap().call;
    assert_eq!(line.names, ["'; DROP TABLE stay; --", "\u{202e}abc"], "as they were written");
}

#[test]
fn calls_are_filtered_and_sorted_and_pages_do_not_overlap() {
    let mut fixture = Fixture::new();
    room(&mut fixture, "r1", "one", None, &["Ann"], 0);
    room(&mut fixture, "r2", "two", None, &["Ann", "Bob", "Cyd"], 100_000);
    room(&mut fixture, "r3", "three", None, &["Ann", "Bob"], 200_000);
    fixture.apply(&[
        RecordEntry::RoomEnded { id: "r2".into(), reason: "expired".into(), unix_ms: NOON + 150_000 },
        RecordEntry::StayBegan {
            room: "r3".into(),
            user: "u9".into(),
            name: "Dan".into(),
            account: None,
            role: "observer".into(),
            unix_ms: NOON + 260_000,
        },
        RecordEntry::StayBegan {
            room: "r2".into(),
            user: "u9".into(),
            name: "Dan".into(),
            account: None,
            role: "observer".into(),
            unix_ms: NOON + 120_000,
        },
        RecordEntry::StayBegan {
            room: "r3".into(),
            user: "r3-0".into(),
            name: "Ann".into(),
            account: None,
            role: "guest".into(),
            unix_ms: NOON + 270_000,
        },
    ]);
    let reader = fixture.reader();
    let sorted = |sort| found(&reader, &CallFilter { sort, ..Default::default() });
    assert_eq!(sorted(CallSort::Newest), ["r3", "r2", "r1"]);
    assert_eq!(sorted(CallSort::Oldest), ["r1", "r2", "r3"]);
    assert_eq!(sorted(CallSort::Longest), ["r3", "r2", "r1"]);
    assert_eq!(sorted(CallSort::People), ["r2", "r3", "r1"], "who observes is not counted");
    let range = |from_ms: Option<i64>, to_ms: Option<i64>| {
        let (from_ms, to_ms) = (from_ms.map(|at| NOON + at), to_ms.map(|at| NOON + at));
        found(&reader, &CallFilter { from_ms, to_ms, ..Default::default() })
    };
    assert_eq!(range(Some(1000), Some(200_000)), ["r2", "r1"]);
    assert_eq!(range(Some(1001), None), ["r3", "r2"]);
    assert_eq!(range(Some(9_000_000), None), ["r3"], "somebody is in it, and who only watches is not");
    let reason = |reason: &str| found(&reader, &CallFilter { reason: Some(reason.into()), ..Default::default() });
    assert_eq!(reason("expired"), ["r2"]);
    assert_eq!(reason("left"), ["r3", "r2", "r1"]);
    assert!(reason("lef").is_empty() && reason("%").is_empty() && reason("").is_empty());
    let mut pages = Vec::new();
    for offset in 0..4 {
        let page = reader.calls(&CallFilter { limit: 1, offset, ..Default::default() }).unwrap();
        assert_eq!(page.total, 3);
        pages.extend(page.calls.into_iter().map(|call| call.room_id));
    }
    assert_eq!(pages, ["r3", "r2", "r1"]);
    assert!(reader.calls(&CallFilter { limit: u32::MAX, offset: u32::MAX, ..Default::default() }).is_ok());
}

#[test]
fn quality_is_what_the_windows_say_and_the_worst_come_first() {
    let mut fixture = Fixture::new();
    for (seed, good) in [(1, 8), (2, 7), (3, 4), (4, 3)] {
        let shape = CallShape { people: 2, windows_per_batch: 8, ..shape(seed) };
        fixture.apply(&synthetic::entries(&shape));
        for mut batch in synthetic::batches(&shape) {
            batch.session.good_windows = good;
            batch.session.worst = Some(format!("loss audio {good}"));
            ingest(&mut fixture.connection, &shape.room_id(), &batch, batch.sent_ms).unwrap();
        }
    }
    room(&mut fixture, "r-nobody-reported", "none", None, &["Ann"], 0);
    let reader = fixture.reader();
    let worst = reader.calls(&CallFilter { sort: CallSort::Worst, ..Default::default() }).unwrap().calls;
    let qualities: Vec<_> = worst.iter().map(|call| call.quality).collect();
    use CallQuality::{Bad, Good, Ok, Terrible, Unknown};
    assert_eq!(qualities, [Terrible, Bad, Ok, Good, Unknown]);
    assert_eq!(worst[0].worst.as_deref(), Some("loss audio 3"));
    for (at, quality) in qualities.into_iter().enumerate() {
        let only = found(&reader, &CallFilter { quality: Some(quality), ..Default::default() });
        assert_eq!(only, [worst[at].room_id.clone()]);
    }
    let totals = reader.totals(NOON, NOON + 1).unwrap();
    let names: Vec<_> = totals.worst.iter().map(|call| call.quality).collect();
    assert_eq!(names, [Terrible, Bad, Ok], "what is flawless or unknown is not among the worst");
}

#[test]
fn details_say_who_reported_and_where_there_was_nothing() {
    let shape = shape(1);
    let mut fixture = Fixture::new();
    fixture.apply(&synthetic::entries(&shape));
    for mut batch in synthetic::batches(&shape) {
        if batch.session.id.ends_with("-2") {
            continue;
        }
        batch.breaks.push(sightline_protocol::logs::LogBreak {
            seq: 0,
            stay: Some(batch.stays[0].stay),
            start_ms: NOON + 3000,
            end_ms: Some(NOON + 5000),
            cause: "connection-lost".into(),
        });
        ingest(&mut fixture.connection, &shape.room_id(), &batch, batch.sent_ms).unwrap();
    }
    let call = fixture.reader().call(&shape.room_id()).unwrap();
    assert_eq!((call.coverage.reported, call.coverage.of, call.left_out), (2, 3, 0));
    assert_eq!((call.stays.len(), call.sessions.len(), call.breaks.len()), (3, 2, 2));
    assert_eq!(call.stays[0].role, "host");
    let session = &call.sessions[0].session;
    assert_eq!((session.ended_ms, session.end_reason.as_deref()), (Some(shape.ended_ms()), Some("left")));
    assert!(session.setup.first_frame_ms.is_some() && call.sessions[0].path != PathType::Unknown);
    let lost = &call.breaks[0];
    assert_eq!((lost.cause.as_str(), lost.end_ms, lost.between_stays), ("connection-lost", Some(NOON + 5000), false));
    assert_eq!(lost.peer.as_deref(), Some(call.stays[1].user_id.as_str()));
    assert!(matches!(fixture.reader().call("r-none"), Err(RecordError::UnknownCall)));
}

#[test]
fn reports_are_thinned_without_losing_a_spike() {
    let shape = CallShape { people: 3, windows: 333, windows_per_batch: 20, ..shape(4) };
    let fixture = Fixture::with(&[shape]);
    let reader = fixture.reader();
    let all = reader.reports(&shape.room_id(), 1000).unwrap();
    assert_eq!(all.iter().map(|report| report.samples.len() as u64).sum::<u64>(), shape.samples());
    type Track = (String, u32, LogKind, LogDirection);
    /// Start, end, measured, mean and least and greatest.
    type Loss = (i64, i64, u32, [f32; 3]);
    let tracks = |reports: &[LogBatch]| {
        let mut tracks: HashMap<Track, Vec<Loss>> = HashMap::new();
        for report in reports {
            for row in &report.samples {
                let key = (report.session.id.clone(), row.stay, row.kind, row.direction);
                let loss = row.values.loss_percent.unwrap();
                tracks.entry(key).or_default().push((row.start_ms, row.end_ms, row.measured_ms, loss));
            }
        }
        tracks
    };
    let exact = tracks(&all);
    for points in [1, 10, 100] {
        let thinned = tracks(&reader.reports(&shape.room_id(), points).unwrap());
        assert_eq!(thinned.len(), 3 * 2 * 4);
        for (track, windows) in &thinned {
            assert!(windows.len() <= points, "{} of {points}", windows.len());
            let exact = &exact[track];
            let least = |rows: &[Loss]| rows.iter().map(|row| row.3[1]).fold(f32::MAX, f32::min);
            let most = |rows: &[Loss]| rows.iter().map(|row| row.3[2]).fold(0.0, f32::max);
            assert_eq!((least(windows), most(windows)), (least(exact), most(exact)));
            let mean = |rows: &[Loss]| {
                let weights: f64 = rows.iter().map(|row| f64::from(row.2)).sum();
                rows.iter().map(|row| f64::from(row.3[0]) * f64::from(row.2)).sum::<f64>() / weights
            };
            assert!((mean(windows) - mean(exact)).abs() < 1e-4);
            assert_eq!(windows.first().unwrap().0, exact.first().unwrap().0);
            assert_eq!(windows.last().unwrap().1, exact.last().unwrap().1);
            assert!(windows.windows(2).all(|pair| pair[0].1 == pair[1].0), "no gap is made");
        }
    }
    assert!(reader.reports(&shape.room_id(), 0).is_ok() && reader.reports(&shape.room_id(), usize::MAX).is_ok());
    assert!(matches!(reader.reports("r-none", 100), Err(RecordError::UnknownCall)));
}

fn exact(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((percent / 100.0 * values.len() as f64).ceil() as usize).max(1) - 1]
}

#[test]
fn totals_are_those_of_the_exact_values() {
    let shapes: Vec<_> =
        (0..40).map(|seed| CallShape { windows: 40, people: 2 + seed as u32 % 3, ..shape(seed) }).collect();
    let fixture = Fixture::with(&shapes);
    let totals = fixture.reader().totals(NOON, NOON + 600_001).unwrap();
    assert_eq!((totals.from_ms, totals.to_ms), (NOON, NOON + 3_600_000), "moved outwards to full hours");
    let people: u32 = shapes.iter().map(|shape| shape.people).sum();
    assert_eq!((totals.calls, totals.people), (40, u64::from(people)));
    assert!((totals.minutes - f64::from(people) * 10.0).abs() < 1e-6, "{}", totals.minutes);
    let batches: Vec<_> = shapes.iter().flat_map(synthetic::batches).collect();
    let mut loss: Vec<f64> = batches
        .iter()
        .flat_map(|batch| &batch.samples)
        .filter_map(|row| row.values.loss_percent)
        .map(|spread| f64::from(spread[0]))
        .collect();
    let mut rtt: Vec<f64> = batches
        .iter()
        .flat_map(|batch| &batch.links)
        .filter_map(|row| row.path_rtt_ms)
        .map(|spread| f64::from(spread[0]))
        .collect();
    let setups: BTreeMap<_, _> =
        batches.iter().map(|batch| (&batch.session.id, batch.session.setup.first_frame_ms.unwrap())).collect();
    let mut setups: Vec<f64> = setups.into_values().collect();
    let near = |is: Option<f64>, should: f64| {
        let is = is.unwrap();
        assert!((is - should).abs() <= should * RELATIVE_ERROR * 1.000_001, "{is} {should}");
    };
    let quality = &totals.quality;
    near(quality.loss_percent.p50, exact(&mut loss, 50.0));
    near(quality.loss_percent.p95, exact(&mut loss, 95.0));
    near(quality.rtt_ms.p50, exact(&mut rtt, 50.0));
    near(quality.rtt_ms.p95, exact(&mut rtt, 95.0));
    assert_eq!(quality.setup_ms.p50, Some(exact(&mut setups, 50.0)));
    assert_eq!(quality.setup_ms.p95, Some(exact(&mut setups, 95.0)));
    assert_eq!(
        (quality.loss_percent.count, quality.rtt_ms.count, quality.setup_ms.count),
        (loss.len() as u64, rtt.len() as u64, setups.len() as u64)
    );
    let samples = batches.iter().flat_map(|batch| &batch.samples);
    let good = samples.filter(|row| matches!(row.class.as_deref(), Some("good" | "ok"))).count();
    assert!((quality.good_percent.unwrap() - 100.0 * good as f64 / loss.len() as f64).abs() < 1e-9);
    for groups in [&totals.by_version, &totals.by_path] {
        assert!(groups.len() >= 3, "{groups:?}");
        let sum = |count: fn(&sightline_protocol::admin::Group) -> u64| groups.iter().map(count).sum::<u64>();
        assert_eq!(sum(|group| group.quality.loss_percent.count), quality.loss_percent.count);
        assert_eq!(sum(|group| group.quality.rtt_ms.count), quality.rtt_ms.count);
        assert_eq!(sum(|group| group.quality.setup_ms.count), quality.setup_ms.count);
        assert_eq!(sum(|group| group.people), totals.people, "each has one version and one path here");
    }
    let version = &totals.by_version[0];
    let mut its: Vec<f64> = batches
        .iter()
        .filter(|batch| batch.session.client_version == version.name)
        .flat_map(|batch| &batch.links)
        .map(|row| f64::from(row.path_rtt_ms.unwrap()[0]))
        .collect();
    near(version.quality.rtt_ms.p95, exact(&mut its, 95.0));
}

#[test]
fn totals_take_only_what_is_in_the_range() {
    let hour = 3_600_000;
    let late = CallShape { started_ms: NOON + 5 * hour, ..shape(2) };
    // Half in the one hour, half in the next.
    let across = CallShape { started_ms: NOON + hour - 60_000, ..shape(3) };
    let fixture = Fixture::with(&[shape(1), late, across]);
    let reader = fixture.reader();
    let first = reader.totals(NOON, NOON + hour).unwrap();
    assert_eq!(first.calls, 2);
    assert_eq!(first.quality.loss_percent.count, shape(1).samples() + across.samples() / 2);
    assert!((first.minutes - (3.0 * 2.0 + 3.0)).abs() < 1e-9, "{}", first.minutes);
    assert_eq!(first.quality.setup_ms.count, 6);
    let second = reader.totals(NOON + hour, NOON + 2 * hour).unwrap();
    assert_eq!((second.calls, second.quality.loss_percent.count), (1, across.samples() / 2));
    assert_eq!(second.quality.setup_ms.count, 0, "it began before");
    for (from_ms, to_ms) in [(i64::MIN, i64::MAX), (0, i64::MAX), (NOON, NOON), (NOON, 0)] {
        reader.totals(from_ms, to_ms).unwrap();
    }
    assert_eq!(reader.totals(i64::MIN, i64::MAX).unwrap().calls, 3);
}

#[test]
fn made_up_versions_are_put_together() {
    let mut fixture = Fixture::new();
    for seed in 0..50 {
        let shape = CallShape { people: 2, windows: 2, ..shape(seed) };
        fixture.apply(&synthetic::entries(&shape));
        for mut batch in synthetic::batches(&shape) {
            batch.session.client_version = format!("made-up-{seed}");
            ingest(&mut fixture.connection, &shape.room_id(), &batch, batch.sent_ms).unwrap();
        }
    }
    let totals = fixture.reader().totals(NOON, NOON + 1).unwrap();
    assert_eq!(totals.by_version.len(), 21);
    assert_eq!((totals.by_version[20].name.as_str(), totals.by_version[20].calls), ("other", 30));
}

#[test]
fn a_call_as_csv_has_a_line_for_each_row_and_no_formula() {
    let shape = CallShape { people: 2, windows: 4, ..shape(1) };
    let mut fixture = Fixture::new();
    fixture.apply(&synthetic::entries(&shape));
    let evil = "=HYPERLINK(\"http://192.0.2.1\")\n+x";
    for mut batch in synthetic::batches(&shape) {
        batch.session.name = evil.into();
        batch.stays[0].name = Some("@SUM(A1:A9), \"quoted\"".into());
        ingest(&mut fixture.connection, &shape.room_id(), &batch, batch.sent_ms).unwrap();
    }
    let out = csv_of(&fixture.reader(), &shape.room_id()).unwrap();
    let mut reader = csv::Reader::from_reader(out.as_slice());
    let columns = reader.headers().unwrap().clone();
    let place = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut peers = BTreeSet::new();
    for line in reader.records() {
        let line = line.unwrap();
        *counts.entry(line[0].to_owned()).or_default() += 1;
        peers.insert(line[place("peer_name")].to_owned());
        for cell in &line {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        if &line[0] == "session" {
            assert_eq!(&line[place("name")], "'=HYPERLINK(\"http://192.0.2.1\")\n'+x");
        }
        if &line[0] == "sample" && &line[place("direction")] == "inbound" {
            assert!(line[place("rtt_ms_mean")].is_empty(), "not measured is empty");
            assert!(line[place("loss_percent_max")].parse::<f32>().is_ok());
            assert!(line[place("time_utc")].starts_with("2026-11-28T10:0"), "{}", &line[place("time_utc")]);
        }
    }
    let is = |record: &str| counts.get(record).copied().unwrap_or(0);
    assert_eq!((is("room"), is("stay"), is("session")), (1, 2, 2));
    assert_eq!((is("sample"), is("link"), is("process"), is("event")), (shape.samples(), 8, 8, 2));
    assert!(peers.contains("'@SUM(A1:A9), \"quoted\""), "{peers:?}");
    assert!(matches!(csv_of(&fixture.reader(), "r-none"), Err(RecordError::UnknownCall)));
}

#[test]
fn a_long_call_comes_in_parts_that_are_one_table_and_breaks_off_where_it_is_deleted() {
    let shape = CallShape { people: 3, windows: 400, windows_per_batch: 100, ..shape(1) };
    let mut fixture = Fixture::with(&[shape]);
    // More stays than are read at a time.
    let more: Vec<_> = (0..300)
        .map(|number| RecordEntry::StayBegan {
            room: shape.room_id(),
            user: format!("o{number}"),
            name: format!("display {number}"),
            account: None,
            role: "observer".into(),
            unix_ms: NOON,
        })
        .collect();
    fixture.apply(&more);
    let reader = fixture.reader();
    let mut export = Export::new(&shape.room_id());
    let mut parts = Vec::new();
    while let Some(part) = reader.export_part(&mut export).unwrap() {
        assert!(part.len() < 1024 * 1024, "{}", part.len());
        parts.push(part);
    }
    assert!(reader.export_part(&mut export).unwrap().is_none());
    assert!(parts.len() > 3, "{}", parts.len());
    let mut lines = BTreeSet::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let whole = parts.concat();
    let mut table = csv::Reader::from_reader(whole.as_slice());
    for line in table.records() {
        let line = line.unwrap();
        *counts.entry(line[0].to_owned()).or_default() += 1;
        assert!(lines.insert(line.iter().collect::<Vec<_>>().join("\0")), "twice: {line:?}");
    }
    let is = |record: &str| counts.get(record).copied().unwrap_or(0);
    assert_eq!((is("room"), is("stay"), is("session")), (1, 303, 3));
    assert_eq!((is("sample"), is("link"), is("process")), (shape.samples(), 3 * 2 * 400, 3 * 400));

    let mut export = Export::new(&shape.room_id());
    assert!(reader.export_part(&mut export).unwrap().is_some());
    delete_call(&mut fixture.connection, &shape.room_id(), "ann", NOON).unwrap();
    assert!(matches!(reader.export_part(&mut export), Err(RecordError::UnknownCall)));
}

#[test]
fn readers_share_connections_and_give_them_back() {
    let fixture = Fixture::with(&[shape(1)]);
    let reader = RecordReader::open(&fixture.path, 0).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(reader.calls(&CallFilter::default()).unwrap().total, 1);
                    reader.call("r-none").unwrap_err();
                }
            });
        }
    });
}

#[test]
fn the_audit_log_is_read_from_its_end() {
    let mut fixture = Fixture::new();
    for number in 0..3 {
        fixture.apply(&[RecordEntry::Audit {
            unix_ms: NOON + number,
            who: "ann".into(),
            action: "end-room".into(),
            what: Some(format!("r{number}")),
            detail: None,
        }]);
    }
    let page = fixture.reader().audit(2, 0).unwrap();
    assert_eq!(page.total, 3);
    assert_eq!(page.entries.iter().map(|line| line.what.as_deref().unwrap()).collect::<Vec<_>>(), ["r2", "r1"]);
    assert_eq!(fixture.reader().audit(2, 2).unwrap().entries.len(), 1);
}
