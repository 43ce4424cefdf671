//! A history that several programs make at the same moment.

use std::sync::{Arc, Barrier};
use std::thread;

use sightline_history::Recorder;

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
