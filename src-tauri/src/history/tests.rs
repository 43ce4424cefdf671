//! A recorded call as the page sees it.

use std::collections::HashMap;

use sightline_quality::{Metric, TrackMetric};

use super::testing::{START_MS, record};
use super::*;
use crate::ipc::{Cell, ExportFormat};

#[test]
fn no_history_is_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    assert_eq!(calls(&path, &HistoryFilter::default(), 10, 0), Ok(Vec::new()));
    assert_eq!(call(&path, 1, 0).unwrap_err().code, ErrorCode::NotFound);
    std::fs::write(&path, "not a history at all, as anyone can see who reads it").unwrap();
    assert_eq!(calls(&path, &HistoryFilter::default(), 10, 0).unwrap_err().code, ErrorCode::File);
}

#[test]
fn a_call_opens_into_sessions_and_the_break_between() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    record(&path, START_MS, 20);
    record(&path, START_MS + 100_000, 20);
    let filter = HistoryFilter { text: "ADA".into(), class: Some(QualityClass::Terrible), ..HistoryFilter::default() };
    let lines = calls(&path, &filter, 10, 0).unwrap();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!((line.code.as_str(), line.duration_ms, line.under_way), ("amber-canoe", 80_000, false));
    assert_eq!((line.headline.class, line.headline.good_share), (Some(QualityClass::Terrible), Some(0.0)));
    let detail = call(&path, line.id, 0).unwrap();
    assert_eq!(detail.sessions.len(), 2);
    let gaps: Vec<_> = detail.breaks.iter().map(|gap| (gap.from_ms, gap.to_ms, gap.words.as_str())).collect();
    assert_eq!(gaps, [(START_MS + 40_000, START_MS + 100_000, "You left and came back")]);
    let restart = detail.events.iter().find(|event| event.words.contains("another path")).expect("the event");
    assert_eq!(restart.who.as_deref(), Some("Ada"));
    let summary = &detail.summary;
    assert_eq!(summary.class, Some(QualityClass::Terrible));
    assert!(summary.sentence.starts_with("A terrible call: none of it was good or OK"), "{}", summary.sentence);
    assert!(detail.findings.iter().all(|finding| finding.sentence != summary.sentence));
    let filter = HistoryFilter { class: Some(QualityClass::Good), ..HistoryFilter::default() };
    assert_eq!(calls(&path, &filter, 10, 0), Ok(Vec::new()));
}

#[test]
fn the_table_has_the_numbers_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.sqlite");
    record(&path, START_MS, 20);
    let id = calls(&path, &HistoryFilter::default(), 1, 0).unwrap()[0].id;
    let table = table(&path, id, 0, i64::MAX).unwrap();
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
    let at: HashMap<&str, usize> =
        table.columns.iter().enumerate().map(|(at, column)| (column.key.as_str(), at)).collect();
    let is = |row: &&Vec<Cell>, kind: &str| row[at["kind"]] == Cell::Text(kind.to_owned());
    let rows: Vec<_> = table.rows.iter().filter(|row| is(row, "video")).collect();

    let history = History::open(&path).unwrap();
    let session = history.sessions(CallId(id)).unwrap().remove(0);
    let track = history.tracks(session.id).unwrap().remove(0);
    let samples = history.samples(&track, 0..i64::MAX).unwrap();
    assert!(samples.len() >= 3);
    assert_eq!(rows.len(), samples.len());
    for (row, sample) in rows.iter().zip(&samples) {
        assert_eq!(row[at["start_ms"]], Cell::Number(sample.span.start_ms as f64));
        assert_eq!(row[at["peer"]], Cell::Text("Ada".into()));
        for metric in [TrackMetric::Bitrate, TrackMetric::Loss, TrackMetric::Jitter] {
            let value = sample.values[metric].map_or(Cell::Nothing(()), |spread| Cell::Number(spread.max));
            assert_eq!(row[at[format!("{}_max", metric.name()).as_str()]], value, "{metric:?}");
        }
    }
    assert_eq!(table.columns[at["start_ms"]].unit, "Unix ms", "by which the page knows a moment");
    let computer: Vec<_> = table.rows.iter().filter(|row| is(row, "computer")).collect();
    assert!(computer.iter().any(|row| row[at["cpu_percent_mean"]] != Cell::Nothing(())));
    let part = super::table(&path, id, START_MS + 16_000, START_MS + 17_000).unwrap();
    assert_eq!(part.rows.len(), 2, "one of the track, one of the computer");
}

#[test]
fn exports_go_beside_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (path, folder) = (dir.path().join("history.sqlite"), dir.path().join("a/b"));
    record(&path, START_MS, 0);
    let id = calls(&path, &HistoryFilter::default(), 1, 0).unwrap()[0].id;
    let first = export(&path, id, ExportFormat::Json, &folder).unwrap();
    let second = export(&path, id, ExportFormat::Json, &folder).unwrap();
    assert!(first != second && first.exists() && second.exists());
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&second).unwrap()).unwrap();
    assert!(json.is_object());
    assert!(export(&path, 999, ExportFormat::Csv, &folder).is_err());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing half is left");

    let written = Written::default();
    let told = written.add(first.clone());
    assert_eq!(written.find(&told.path), Some(first));
    assert_eq!(written.find("/etc/passwd"), None);
}
