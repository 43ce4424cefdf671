//! A history that several programs make at the same moment, and one that an older program made.

use std::sync::{Arc, Barrier};
use std::thread;

use sightline_history::{Recorder, delete_call};

use crate::bench::{Place, START_MS, start};

/// Two clients of one machine refused each other: SQLite does not wait while it changes the journal mode.
#[test]
fn recorders_that_make_one_file_at_the_same_moment_wait_for_each_other() {
    const RECORDERS: usize = 4;
    for round in 0..25 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.sqlite");
        let start = Arc::new(Barrier::new(RECORDERS));
        let openers: Vec<_> = (0..RECORDERS)
            .map(|_| {
                let (path, start) = (path.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    Recorder::open(&path).map(drop).map_err(|error| error.to_string())
                })
            })
            .collect();
        for opener in openers {
            assert_eq!(opener.join().expect("no panic"), Ok(()), "round {round}");
        }
    }
}

/// Format 1 lacked two indexes, and what came since.
#[test]
fn a_history_of_the_first_format_is_brought_up_to_date_when_it_is_read() {
    let place = Place::new();
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    recorder.peer("ada", "Ada", START_MS);
    recorder.finish("left", START_MS + 1).unwrap();
    let since = "DROP INDEX event_by_stay; DROP INDEX break_by_stay; DROP TABLE told; DROP TABLE upload;
        PRAGMA user_version = 1";
    place.raw().execute_batch(since).unwrap();
    assert_eq!(place.history().calls(1, 0).unwrap()[0].peers, ["Ada"]);
    let version: u32 = place.raw().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 3);
    delete_call(&place.path, place.history().calls(1, 0).unwrap()[0].id).unwrap();
}
