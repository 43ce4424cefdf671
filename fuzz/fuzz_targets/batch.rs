//! Any bytes as an upload: read, checked, stored, and deleted again.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use rusqlite::Connection;
use sightline_protocol::logs::LogBatch;
use sightline_server::record::{self, Deleted, RecordEntry};

const ROOM: &str = "r0000000000000001";

/// When the room of the seeds (`examples/seeds.rs`) was made, and a while after its end.
const MADE_MS: i64 = 1_780_000_000_000;
const NOW_MS: i64 = MADE_MS + 60_000;

thread_local! {
    static DATABASE: RefCell<Connection> = RefCell::new(database());
}

fuzz_target!(|json: &[u8]| {
    let batch = match record::parse(json) {
        Ok(batch) => batch,
        Err(error) => {
            assert!(error.is_refusal() && error.to_string().len() < 1000, "{error}");
            return;
        }
    };
    DATABASE.with_borrow_mut(|database| store(database, &batch));
});

fn database() -> Connection {
    let database = Connection::open_in_memory().expect("a database in memory");
    database.execute_batch(record::SCHEMA).expect("the tables");
    make_room(&database);
    database
}

fn make_room(database: &Connection) {
    let (id, code) = (ROOM.to_owned(), "amber-canoe".to_owned());
    for entry in [
        RecordEntry::RoomMade { id: id.clone(), code, name: None, unix_ms: MADE_MS, by: None },
        RecordEntry::RoomEnded { id, reason: "empty".into(), unix_ms: NOW_MS },
    ] {
        record::apply(database, &entry).expect("written down");
    }
}

fn store(database: &mut Connection, batch: &LogBatch) {
    let rows = batch.samples.len() + batch.links.len() + batch.process.len() + batch.events.len() + batch.breaks.len();
    match record::ingest(database, ROOM, batch, NOW_MS) {
        Ok(accepted) => assert_eq!((accepted.stored + accepted.known) as usize, rows),
        Err(error) => {
            assert!(error.is_refusal(), "{error}");
            return;
        }
    }
    // It can be sent on within a list, and a second time it changes nothing.
    let sent = serde_json::to_vec(&[batch]).expect("JSON");
    serde_json::from_slice::<Vec<LogBatch>>(&sent).expect("read again");
    let again = record::ingest(database, ROOM, batch, NOW_MS).expect("taken again");
    assert_eq!((again.stored, again.known as usize), (0, rows));
    // Nothing of it is left, or one input would change what the next one does.
    assert_eq!(record::delete_call(database, ROOM, "fuzz", NOW_MS).expect("deleted"), Deleted::Done);
    while record::purge(database, 1000).expect("purged") {}
    let left: i64 = database
        .query_row("SELECT (SELECT count(*) FROM log_sample) + (SELECT count(*) FROM log_rollup)", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(left, 0);
    database.execute("DELETE FROM audit", []).expect("deleted");
    make_room(database);
}
