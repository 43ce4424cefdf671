//! Deleting a call, and keeping calls for some days.

use std::time::Duration;

use sightline_history::{CallId, HistoryError, delete_call, keep_for};
use sightline_quality::{Event, EventKind};

use crate::bench::{Clock, EVER, Place, START_MS, start};

const DAY_MS: i64 = 86_400_000;
const WAIT: Duration = Duration::from_secs(60);
const TABLES: [&str; 9] =
    ["call", "session", "stay", "track", "sample", "link_sample", "process_sample", "event", "break"];

/// Records a session of 20 s in which every table gets rows.
fn record(place: &Place, code: &str, day: i64) {
    let recorder = place.recorder();
    let clock = Clock::new(START_MS + day * DAY_MS);
    recorder.start_session(start(code, clock.start_ms)).unwrap();
    recorder.peer("ada", "Ada", clock.start_ms);
    (0..=20).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
    let lost = EventKind::Reconnecting { cause: "path lost".to_owned() };
    recorder.event(&Event { unix_ms: clock.start_ms + 20_000, peer: Some("ada".to_owned()), kind: lost });
    recorder.finish("left", clock.start_ms + 20_000).unwrap();
}

fn counts(place: &Place) -> [i64; 9] {
    let connection = place.raw();
    TABLES.map(|table| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap())
}

fn dangling(place: &Place) -> i64 {
    place.raw().query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap()
}

fn codes(place: &Place) -> Vec<String> {
    place.history().calls(100, 0).unwrap().into_iter().map(|line| line.code).collect()
}

fn id(place: &Place, code: &str) -> CallId {
    place.history().calls(100, 0).unwrap().into_iter().find(|line| line.code == code).expect("recorded").id
}

#[test]
fn a_deleted_call_takes_all_its_rows_along_and_no_others() {
    let place = Place::new();
    record(&place, "keep", 0);
    let before = counts(&place);
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    record(&place, "go", 1);
    record(&place, "go", 2);
    let history = place.history();
    delete_call(&place.path, id(&place, "go")).unwrap();
    assert_eq!((counts(&place), dangling(&place)), (before, 0));
    assert_eq!(history.calls(10, 0).unwrap().len(), 1, "whoever has it open sees it gone");
    delete_call(&place.path, CallId(2)).expect("what is not there is deleted already");
    drop(history);
    delete_call(&place.path, id(&place, "keep")).unwrap();
    assert_eq!(counts(&place), [0; 9]);
    assert_eq!(place.files(), ["history.sqlite"]);
}

#[test]
fn what_was_deleted_is_not_in_the_file_any_more() {
    let place = Place::new();
    let secret = "a name that nobody else has";
    let recorder = place.recorder();
    recorder.start_session(start("go", START_MS)).unwrap();
    recorder.peer("ada", secret, START_MS);
    recorder.finish("left", START_MS + 1).unwrap();
    let holds = |secret: &str| {
        let bytes = std::fs::read(&place.path).unwrap();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    assert!(holds(secret));
    delete_call(&place.path, id(&place, "go")).unwrap();
    assert!(!holds(secret));
}

#[test]
fn a_call_under_way_is_not_deleted_and_one_whose_recorder_died_is() {
    let place = Place::new();
    record(&place, "heron", 0);
    let recorder = place.recorder();
    recorder.start_session(start("heron", START_MS + DAY_MS)).unwrap();
    let call = id(&place, "heron");
    let before = counts(&place);
    let refused = delete_call(&place.path, call).unwrap_err();
    assert!(matches!(refused, HistoryError::UnderWay), "{refused}");
    // By another name of the same file, too.
    let other = place.folder.path().join(".").join("history.sqlite");
    assert!(matches!(delete_call(&other, call), Err(HistoryError::UnderWay)));
    assert_eq!(counts(&place), before);
    drop(recorder); // without an end, as a crash leaves it
    delete_call(&place.path, call).unwrap();
    assert_eq!((counts(&place), place.files()), ([0; 9], vec!["history.sqlite".to_owned()]));
}

#[test]
fn a_session_is_kept_for_so_many_days_after_its_end() {
    let place = Place::new();
    for (code, day) in [("old", 0), ("both", 0), ("both", 9), ("young", 8)] {
        record(&place, code, day);
    }
    let ended_ms = START_MS + 20_000;
    assert_eq!(keep_for(&place.path, 0, i64::MAX).unwrap(), 0, "0 days is for ever");
    assert_eq!(keep_for(&place.path, 10, ended_ms + 10 * DAY_MS).unwrap(), 0, "10 days to the millisecond");
    assert_eq!(codes(&place), ["both", "young", "old"]);
    assert_eq!(keep_for(&place.path, 10, ended_ms + 10 * DAY_MS + 1).unwrap(), 2);
    assert_eq!(codes(&place), ["both", "young"], "a call goes with its last session");
    assert_eq!(place.history().sessions(id(&place, "both")).unwrap().len(), 1);
    assert_eq!(dangling(&place), 0);
    assert_eq!(keep_for(&place.path, u32::MAX, i64::MIN).unwrap(), 0);
    assert_eq!(keep_for(&place.path, 1, i64::MAX).unwrap(), 2);
    assert_eq!(counts(&place), [0; 9]);
}

#[test]
fn what_is_being_recorded_is_kept_however_old() {
    let place = Place::new();
    let recorder = place.recorder();
    recorder.start_session(start("heron", START_MS)).unwrap();
    assert_eq!(keep_for(&place.path, 1, START_MS + 100 * DAY_MS).unwrap(), 0);
    recorder.finish("left", START_MS + 1).unwrap();
    assert_eq!(keep_for(&place.path, 1, START_MS + 100 * DAY_MS).unwrap(), 1);
}

#[test]
fn calls_are_deleted_while_another_is_recorded() {
    const CALLS: i64 = 20;
    const WINDOWS: u64 = 40;
    let place = Place::new();
    for day in 0..CALLS {
        record(&place, &format!("old-{day}"), day);
    }
    let recorder = place.recorder();
    let clock = Clock::new(START_MS + 100 * DAY_MS);
    recorder.start_session(start("now", clock.start_ms)).unwrap();
    let (half, rest) = (id(&place, "old-7"), START_MS + 101 * DAY_MS);
    std::thread::scope(|scope| {
        let deleting = scope.spawn(|| {
            delete_call(&place.path, half).unwrap();
            // One after the other, each in a transaction of its own, while rows come in.
            (1..=CALLS as u32).rev().map(|days| keep_for(&place.path, days + 80, rest).unwrap()).sum::<u64>()
        });
        for second in 0..=15 * WINDOWS {
            recorder.snapshot(&clock.full(second));
            if second % 15 == 0 {
                recorder.flush(WAIT).unwrap();
            }
        }
        assert_eq!(deleting.join().unwrap(), CALLS as u64 - 1);
    });
    assert_eq!(recorder.last_error(), None);
    recorder.finish("left", clock.start_ms + 15_000 * WINDOWS as i64).unwrap();
    assert_eq!((codes(&place), dangling(&place)), (vec!["now".to_owned()], 0));
    let history = place.history();
    let session = crate::bench::only_session(&history);
    for track in history.tracks(session.id).unwrap() {
        assert_eq!(history.samples(&track, EVER).unwrap().len() as u64, WINDOWS, "no row is lost");
    }
}

#[test]
fn where_there_is_no_history_none_is_made() {
    let place = Place::new();
    assert!(matches!(delete_call(&place.path, CallId(1)), Err(HistoryError::Missing { .. })));
    assert!(matches!(keep_for(&place.path, 1, 0), Err(HistoryError::Missing { .. })));
    assert_eq!(place.files(), Vec::<String>::new());
}
