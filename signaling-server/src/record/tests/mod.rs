//! The record as a whole: files on disk, several connections, threads and processes.

mod crash;
mod fuzz;
mod ingest;
mod reading;
mod removing;
mod stays;
mod trouble;

use std::path::PathBuf;

use rusqlite::Connection;
use sightline_protocol::logs::LogBatch;
use tempfile::TempDir;

use super::{
    synthetic::{self, CallShape},
    *,
};
use crate::store::Store;

/// 2026-11-28 10:00 UTC.
const NOON: i64 = 1_795_860_000_000;

/// A database in a folder of its own, as the store makes it.
struct Fixture {
    _folder: TempDir,
    path: PathBuf,
    connection: Connection,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("server.sqlite");
        Store::open(&path, Default::default()).unwrap().0.finish();
        let connection = open_to_write(&path).unwrap();
        Self { _folder: folder, path, connection }
    }

    /// With a call in it of which everything was uploaded.
    fn with(shapes: &[CallShape]) -> Self {
        let mut fixture = Self::new();
        shapes.iter().for_each(|shape| fixture.add(shape));
        fixture
    }

    fn add(&mut self, shape: &CallShape) {
        self.apply(&synthetic::entries(shape));
        for batch in synthetic::batches(shape) {
            let received_ms = batch.sent_ms;
            ingest(&mut self.connection, &shape.room_id(), &batch, received_ms).unwrap();
        }
    }

    fn apply(&mut self, entries: &[RecordEntry]) {
        let transaction = self.connection.transaction().unwrap();
        entries.iter().for_each(|entry| apply(&transaction, entry).unwrap());
        transaction.commit().unwrap();
    }

    fn reader(&self) -> RecordReader {
        RecordReader::open(&self.path, 2).unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        self.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    /// Everything in the tables, to compare.
    fn dump(&self) -> Vec<String> {
        let mut names = self
            .connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
            .unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut lines = Vec::new();
        for name in names {
            let mut statement = self.connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
                lines.push(format!("{name}: {}", cells.collect::<Vec<_>>().join(", ")));
            }
        }
        lines.sort();
        lines
    }
}

/// A call as a table, all parts of it together.
fn csv_of(reader: &RecordReader, room_id: &str) -> Result<Vec<u8>, RecordError> {
    let (mut export, mut table) = (Export::new(room_id), Vec::new());
    while let Some(part) = reader.export_part(&mut export)? {
        table.extend(part);
    }
    Ok(table)
}

fn shape(seed: u64) -> CallShape {
    CallShape { seed, people: 3, windows: 8, windows_per_batch: 2, started_ms: NOON }
}

/// The first batch of a call of two.
fn a_batch(fixture: &mut Fixture) -> (String, LogBatch) {
    let shape = CallShape { people: 2, ..shape(1) };
    fixture.apply(&synthetic::entries(&shape));
    (shape.room_id(), synthetic::batches(&shape).remove(0))
}
