//! Samples of this process and the machine: one for each window of a session.

use std::ops::Range;
use std::sync::LazyLock;

use rusqlite::{Connection, params};
use sightline_quality::{ProcessCounters, ProcessMetric, ProcessRow};

use crate::SessionId;
use crate::cells::{Cells, Reader, columns};
use crate::schema::Step;

pub(crate) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "CREATE TABLE process_sample (
        id INTEGER PRIMARY KEY,
        session_id INTEGER NOT NULL REFERENCES session,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        measured_ms INTEGER NOT NULL,
        cpu_percent_mean REAL, cpu_percent_min REAL, cpu_percent_max REAL,
        system_cpu_percent_mean REAL, system_cpu_percent_min REAL, system_cpu_percent_max REAL,
        resident_bytes_mean REAL, resident_bytes_min REAL, resident_bytes_max REAL,
        cpu_us INTEGER,
        system_busy_us INTEGER,
        system_total_us INTEGER,
        current_resident_bytes INTEGER
    ) STRICT;
    CREATE INDEX process_sample_by_session ON process_sample (session_id, start_ms);",
}];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM process_sample WHERE session_id = ?1";

/// What follows the metrics: the counters at the window's end.
const REST: &[&str] = &["cpu_us", "system_busy_us", "system_total_us", "current_resident_bytes"];

pub(crate) static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| columns::<ProcessMetric>("session_id", REST));

pub(crate) fn insert(connection: &Connection, session: SessionId, row: &ProcessRow) -> rusqlite::Result<()> {
    let mut cells = Cells::of(session.0, row.span);
    cells.metrics(&row.values);
    cells.micros(row.counters.cpu);
    cells.micros(row.counters.system_busy);
    cells.micros(row.counters.system_total);
    cells.count(row.counters.resident_bytes);
    cells.insert(connection, "process_sample", &COLUMNS)
}

/// The samples of a session that touch a range of time (milliseconds since the Unix epoch).
pub(crate) fn of_session(
    connection: &Connection,
    session: SessionId,
    range: &Range<i64>,
) -> rusqlite::Result<Vec<ProcessRow>> {
    let sql = format!(
        "SELECT {} FROM process_sample WHERE session_id = ?1 AND start_ms < ?3 AND end_ms > ?2 ORDER BY start_ms, id",
        COLUMNS[1..].join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![session, range.start, range.end], |row| read(&mut Reader::new(row)))?;
    rows.collect()
}

fn read(row: &mut Reader<'_>) -> rusqlite::Result<ProcessRow> {
    Ok(ProcessRow {
        span: row.span()?,
        values: row.metrics()?,
        counters: ProcessCounters {
            cpu: row.micros()?,
            system_busy: row.micros()?,
            system_total: row.micros()?,
            resident_bytes: row.count()?,
        },
    })
}

/// The samples of a session after a row, in the order of their ids.
pub(crate) fn after(
    connection: &Connection,
    session: SessionId,
    id: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, ProcessRow)>> {
    let sql = format!(
        "SELECT id, {} FROM process_sample WHERE session_id = ?1 AND +id > ?2 ORDER BY id LIMIT ?3",
        COLUMNS[1..].join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![session, id, limit], |row| {
        let mut row = Reader::new(row);
        Ok((row.get()?, read(&mut row)?))
    })?;
    rows.collect()
}
