//! Samples of links: the connection of a stay, at most 15 s each.

use std::ops::Range;
use std::sync::LazyLock;

use rusqlite::{Connection, params};
use sightline_quality::{CandidateType, LinkCounters, LinkCounts, LinkMetric, LinkRow, Path};

use crate::cells::{Cells, Reader, columns};
use crate::schema::Step;
use crate::{SessionId, StayId};

pub(crate) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "CREATE TABLE link_sample (
        id INTEGER PRIMARY KEY,
        stay_id INTEGER NOT NULL REFERENCES stay,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        measured_ms INTEGER NOT NULL,
        path_rtt_ms_mean REAL, path_rtt_ms_min REAL, path_rtt_ms_max REAL,
        available_outgoing_bps_mean REAL, available_outgoing_bps_min REAL, available_outgoing_bps_max REAL,
        sent_bps_mean REAL, sent_bps_min REAL, sent_bps_max REAL,
        received_bps_mean REAL, received_bps_min REAL, received_bps_max REAL,
        new_pair_changes INTEGER,
        new_ice_restarts INTEGER,
        pair_id TEXT,
        path_local TEXT,
        path_remote TEXT,
        path_protocol TEXT,
        current_path_rtt_us INTEGER,
        current_available_outgoing_bps INTEGER,
        bytes_sent INTEGER,
        bytes_received INTEGER,
        pair_changes INTEGER NOT NULL,
        ice_restarts INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX link_sample_by_stay ON link_sample (stay_id, start_ms);",
}];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM link_sample WHERE stay_id IN (SELECT id FROM stay WHERE session_id = ?1)";

/// What follows the metrics: what happened in the window, then the counters at its end.
const REST: &[&str] = &[
    "new_pair_changes",
    "new_ice_restarts",
    "pair_id",
    "path_local",
    "path_remote",
    "path_protocol",
    "current_path_rtt_us",
    "current_available_outgoing_bps",
    "bytes_sent",
    "bytes_received",
    "pair_changes",
    "ice_restarts",
];

pub(crate) static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| columns::<LinkMetric>("stay_id", REST));

pub(crate) fn insert(connection: &Connection, stay: StayId, row: &LinkRow) -> rusqlite::Result<()> {
    let mut cells = Cells::of(stay.0, row.span);
    cells.metrics(&row.values);
    cells.count(row.counts.pair_changes);
    cells.count(row.counts.ice_restarts);
    let counters = &row.counters;
    cells.text(counters.pair_id.as_deref());
    cells.text(counters.path.as_ref().map(|path| path.local.as_str()));
    cells.text(counters.path.as_ref().map(|path| path.remote.as_str()));
    cells.text(counters.path.as_ref().map(|path| path.protocol.as_str()));
    cells.micros(counters.path_rtt);
    cells.count(counters.available_outgoing_bps);
    cells.count(counters.bytes_sent);
    cells.count(counters.bytes_received);
    cells.count(Some(counters.pair_changes));
    cells.count(Some(counters.ice_restarts));
    cells.insert(connection, "link_sample", &COLUMNS)
}

/// The samples of a link that touch a range of time (milliseconds since the Unix epoch).
pub(crate) fn of_stay(
    connection: &Connection,
    stay: StayId,
    peer: &str,
    range: &Range<i64>,
) -> rusqlite::Result<Vec<LinkRow>> {
    let sql = format!(
        "SELECT {} FROM link_sample WHERE stay_id = ?1 AND start_ms < ?3 AND end_ms > ?2 ORDER BY start_ms, id",
        COLUMNS[1..].join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params![stay, range.start, range.end], |row| read(&mut Reader::new(row), peer.to_owned()))?;
    rows.collect()
}

fn read(row: &mut Reader<'_>, peer: String) -> rusqlite::Result<LinkRow> {
    Ok(LinkRow {
        span: row.span()?,
        values: row.metrics()?,
        counts: LinkCounts { pair_changes: row.count()?, ice_restarts: row.count()? },
        counters: LinkCounters {
            peer,
            pair_id: row.get()?,
            path: read_path(row)?,
            path_rtt: row.micros()?,
            available_outgoing_bps: row.count()?,
            bytes_sent: row.count()?,
            bytes_received: row.count()?,
            pair_changes: row.count()?.unwrap_or_default(),
            ice_restarts: row.count()?.unwrap_or_default(),
        },
    })
}

/// The samples of a session's links after a row, in the order of their ids, with their stays.
pub(crate) fn after(
    connection: &Connection,
    session: SessionId,
    id: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, StayId, LinkRow)>> {
    let sql = format!(
        "SELECT link_sample.id, stay_id, peer, {} FROM stay JOIN link_sample ON stay_id = stay.id
         WHERE stay.session_id = ?1 AND +link_sample.id > ?2 ORDER BY link_sample.id LIMIT ?3",
        COLUMNS[1..].join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![session, id, limit], |row| {
        let mut row = Reader::new(row);
        let (id, stay, peer) = (row.get()?, row.get()?, row.get()?);
        Ok((id, stay, read(&mut row, peer)?))
    })?;
    rows.collect()
}

fn read_path(row: &mut Reader<'_>) -> rusqlite::Result<Option<Path>> {
    let (local, remote) = (row.word(CandidateType::parse)?, row.word(CandidateType::parse)?);
    let protocol: Option<String> = row.get()?;
    Ok(local.zip(remote).zip(protocol).map(|((local, remote), protocol)| Path { local, remote, protocol }))
}
