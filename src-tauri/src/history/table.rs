//! The numbers of a call as a table: a row for each sample of a track, and of this computer.
//!
//! Invariant: numbers stand as the file has them, in its units, unrounded; what is NULL there is null here.

use std::ops::Range;
use std::path::Path;

use sightline_history::{CallId, History};
use sightline_quality::{Metric, PerMetric, ProcessMetric, Span, Spread, Unit};

use super::open_existing;
use crate::ipc::{Answer, Cell, HistoryTable, IpcError, TableColumn};
use crate::words;
use crate::words::columns::{self, PROCESS, TRACK};

/// Rows of one answer: a day with one peer, an hour in a full room. The page asks for a shorter time then.
const MAX_ROWS: usize = 20_000;
/// The unit of a moment, by which the page knows to write a time of day.
const MOMENT: &str = "Unix ms";

/// The table of a stretch of a call, by time.
pub(crate) fn table(path: &Path, id: i64, from_ms: i64, to_ms: i64) -> Answer<HistoryTable> {
    rows(&open_existing(path)?, CallId(id), from_ms..to_ms)
}

/// The same of a history that is open.
pub(crate) fn rows(history: &History, call: CallId, range: Range<i64>) -> Answer<HistoryTable> {
    let mut rows: Vec<(i64, Vec<Cell>)> = Vec::new();
    for session in history.sessions(call)? {
        let stays = history.stays(session.id)?;
        for track in history.tracks(session.id)? {
            let name = stays.iter().find(|stay| stay.id == track.stay).and_then(|stay| stay.name.clone());
            for row in history.samples(&track, range.clone())? {
                let mut cells = head(row.span, name.clone().unwrap_or_default());
                cells.extend([text(track.key.kind.as_str()), text(track.key.direction.as_str())]);
                spreads(&mut cells, TRACK.iter().map(|(metric, _)| row.values[*metric]));
                let count = |count: Option<u32>| number(count.map(f64::from));
                cells.extend([count(row.counters.width), count(row.counters.height), number(row.score)]);
                cells.push(row.verdict.map_or(Cell::Nothing(()), |verdict| text(verdict.class.as_str())));
                cells.extend(std::iter::repeat_n(Cell::Nothing(()), 3 * PROCESS.len()));
                push(&mut rows, row.span, cells)?;
            }
        }
        for row in history.process_samples(session.id, range.clone())? {
            let mut cells = head(row.span, String::new());
            cells.extend([text(columns::COMPUTER), text("")]);
            cells.extend(std::iter::repeat_n(Cell::Nothing(()), 3 * TRACK.len() + 4));
            let values: &PerMetric<ProcessMetric, Option<Spread>> = &row.values;
            spreads(&mut cells, PROCESS.iter().map(|(metric, _)| values[*metric]));
            push(&mut rows, row.span, cells)?;
        }
    }
    rows.sort_by_key(|(start_ms, _)| *start_ms);
    Ok(HistoryTable { columns: columns(), rows: rows.into_iter().map(|(_, cells)| cells).collect() })
}

fn push(rows: &mut Vec<(i64, Vec<Cell>)>, span: Span, cells: Vec<Cell>) -> Answer<()> {
    if rows.len() == MAX_ROWS {
        return Err(IpcError::bad_input(words::TOO_MANY_ROWS));
    }
    rows.push((span.start_ms, cells));
    Ok(())
}

fn head(span: Span, name: String) -> Vec<Cell> {
    vec![number(Some(span.start_ms as f64)), number(Some(span.end_ms as f64)), Cell::Text(name)]
}

fn spreads(cells: &mut Vec<Cell>, values: impl Iterator<Item = Option<Spread>>) {
    for value in values {
        cells.extend([
            number(value.map(|spread| spread.mean)),
            number(value.map(|spread| spread.min)),
            number(value.map(|spread| spread.max)),
        ]);
    }
}

fn number(value: Option<f64>) -> Cell {
    value.filter(|value| value.is_finite()).map_or(Cell::Nothing(()), Cell::Number)
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

fn columns() -> Vec<TableColumn> {
    let plain = |key: &str, title: &str, unit: &str| TableColumn {
        key: key.to_owned(),
        title: title.to_owned(),
        unit: unit.to_owned(),
    };
    let mut columns = vec![
        plain("start_ms", columns::FROM, MOMENT),
        plain("end_ms", columns::TO, MOMENT),
        plain("peer", columns::PEER, ""),
        plain("kind", columns::KIND, ""),
        plain("direction", columns::DIRECTION, ""),
    ];
    let spread = |columns: &mut Vec<TableColumn>, name: &str, title: &str, unit: Unit| {
        for (suffix, part) in [("mean", ""), ("min", columns::LEAST), ("max", columns::MOST)] {
            columns.push(plain(&format!("{name}_{suffix}"), &format!("{title}{part}"), unit_name(unit)));
        }
    };
    for (metric, title) in TRACK {
        spread(&mut columns, metric.name(), title, metric.unit());
    }
    columns.push(plain("width", columns::WIDTH, "px"));
    columns.push(plain("height", columns::HEIGHT, "px"));
    columns.push(plain("score", columns::SCORE, columns::SCORE_UNIT));
    columns.push(plain("class", columns::CLASS, ""));
    for (metric, title) in PROCESS {
        spread(&mut columns, metric.name(), title, metric.unit());
    }
    columns
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::BitPerSecond => "bit/s",
        Unit::Percent => "%",
        Unit::Millisecond => "ms",
        Unit::PerSecond => "1/s",
        Unit::PerMinute => "1/min",
        Unit::Dbov => "dBov",
        Unit::Byte => "bytes",
    }
}
