//! A row never holds 0 for 'unknown'.

use rusqlite::types::Value;
use sightline_quality::{Direction, Kind, LinkCounters, ProcessCounters, TrackCounters};

use crate::bench::{Clock, Place, START_MS, key, start};

/// Columns of a table: name, and whether it may be NULL.
fn columns(place: &Place, table: &str) -> Vec<(String, bool)> {
    let connection = place.raw();
    let mut statement =
        connection.prepare("SELECT name, \"notnull\" OR pk FROM pragma_table_info(?1) ORDER BY cid").unwrap();
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, !row.get::<_, bool>(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Asserts that each nullable column of each row of the table is NULL, and that there are rows.
fn assert_null(place: &Place, table: &str, except: &[&str]) {
    let connection = place.raw();
    let columns = columns(place, table);
    let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        count += 1;
        for (name, nullable) in &columns {
            if *nullable && !except.contains(&name.as_str()) {
                let value: Value = row.get(name.as_str()).unwrap();
                assert_eq!(value, Value::Null, "{table}.{name}");
            }
        }
    }
    assert!(count > 0, "{table} has rows");
}

#[test]
fn what_is_not_known_is_null_in_every_column_that_can_be() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    for second in 0..=20 {
        let mut tracks = Vec::new();
        for kind in [Kind::Audio, Kind::Video] {
            for direction in [Direction::Inbound, Direction::Outbound] {
                tracks.push(TrackCounters::unknown(key(kind, direction)));
            }
        }
        let links = vec![LinkCounters { peer: "ada".to_owned(), ..LinkCounters::default() }];
        let mut snapshot = clock.snapshot(second, tracks, links);
        snapshot.process = ProcessCounters::default();
        recorder.snapshot(&snapshot);
    }
    recorder.finish("left", START_MS + 20_000).unwrap();
    assert_null(&place, "sample", &[]);
    // How often the pair changed and ICE was restarted is known, even if never.
    assert_null(&place, "link_sample", &["new_pair_changes", "new_ice_restarts"]);
    assert_null(&place, "process_sample", &[]);
    assert_null(&place, "stay", &["left_ms", "leave_reason"]);
    assert_null(&place, "session", &["ended_ms", "end_reason"]);
}

#[test]
fn what_is_muted_has_no_rates() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    for second in 0..=15 {
        let mut snapshot = clock.full(second);
        snapshot.tracks.iter_mut().for_each(|track| track.muted = true);
        recorder.snapshot(&snapshot);
    }
    recorder.finish("left", START_MS + 15_000).unwrap();
    let connection = place.raw();
    let columns = columns(&place, "sample");
    let derived = columns.iter().filter(|(name, _)| {
        let spread = ["_mean", "_min", "_max"].iter().any(|part| name.ends_with(part));
        spread || ["freezes", "frozen_us", "score", "class", "cause"].contains(&name.as_str())
    });
    let mut checked = 0;
    for (name, _) in derived {
        let (rows, known): (i64, i64) = connection
            .query_row(&format!("SELECT count(*), count({name}) FROM sample"), [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((rows, known), (4, 0), "{name}");
        checked += 1;
    }
    assert_eq!(checked, 22 * 3 + 5);
}

#[test]
fn what_is_known_is_not_null_in_any_column() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    (0..=15).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
    recorder.finish("left", START_MS + 15_000).unwrap();
    let connection = place.raw();
    for table in ["sample", "link_sample", "process_sample"] {
        for (name, _) in columns(&place, table) {
            let sql = format!("SELECT count({name}) FROM {table}");
            let known: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert!(known > 0, "{table}.{name} is never filled");
        }
    }
}
