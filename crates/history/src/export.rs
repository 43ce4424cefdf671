//! A call as a file of its own: every row with every column, as CSV for spreadsheets and as JSON for programs.
//!
//! Invariant: what is exported is what the history holds at one moment. Columns are taken from the tables themselves, so
//! that none is forgotten; NULL is an empty cell or `null`, never 0; a program gets every text back as it was.

use std::io::{self, BufWriter, Write};

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Row, params};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{CallId, History, HistoryError};

/// What kind of record, and the rows of a call (`?1`) in it.
struct Part {
    name: &'static str,
    sql: &'static str,
}

/// Milliseconds since the Unix epoch are given as they are, and once more for people.
const PARTS: [Part; 8] = [
    Part { name: "call", sql: "SELECT * FROM call WHERE id = ?1" },
    Part {
        name: "session",
        sql: "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch') AS time_utc, *
            FROM session WHERE call_id = ?1 ORDER BY started_ms, id",
    },
    Part {
        name: "stay",
        sql: "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', joined_ms / 1000.0, 'unixepoch') AS time_utc, stay.*
            FROM session JOIN stay ON session_id = session.id WHERE call_id = ?1
            ORDER BY started_ms, session.id, joined_ms, stay.id",
    },
    Part {
        name: "sample",
        sql:
            "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', start_ms / 1000.0, 'unixepoch') AS time_utc, session_id, peer, name,
                track.kind AS media, track.direction, sample.*
            FROM session JOIN stay ON session_id = session.id JOIN track ON track.stay_id = stay.id
            JOIN sample ON track_id = track.id WHERE call_id = ?1
            ORDER BY started_ms, session.id, joined_ms, stay.id, track.kind, track.direction, start_ms, sample.id",
    },
    Part {
        name: "link_sample",
        sql:
            "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', start_ms / 1000.0, 'unixepoch') AS time_utc, session_id, peer, name,
                link_sample.*
            FROM session JOIN stay ON session_id = session.id JOIN link_sample ON stay_id = stay.id WHERE call_id = ?1
            ORDER BY started_ms, session.id, joined_ms, stay.id, start_ms, link_sample.id",
    },
    Part {
        name: "process_sample",
        sql: "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', start_ms / 1000.0, 'unixepoch') AS time_utc, process_sample.*
            FROM session JOIN process_sample ON session_id = session.id WHERE call_id = ?1
            ORDER BY started_ms, session.id, start_ms, process_sample.id",
    },
    Part {
        name: "event",
        sql: "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', unix_ms / 1000.0, 'unixepoch') AS time_utc, peer, name, event.*
            FROM session JOIN event ON event.session_id = session.id LEFT JOIN stay ON stay.id = stay_id
            WHERE call_id = ?1 ORDER BY started_ms, session.id, unix_ms, event.id",
    },
    Part {
        name: "break",
        sql: "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', start_ms / 1000.0, 'unixepoch') AS time_utc, peer, name, break.*
            FROM session JOIN break ON break.session_id = session.id LEFT JOIN stay ON stay.id = stay_id
            WHERE call_id = ?1 ORDER BY started_ms, session.id, start_ms, break.id",
    },
];

/// Columns that mean nothing outside the file.
const INTERNAL: &[&str] = &["lock_token"];

/// Writes a call as one table: `record` says what a line is, and each line fills the columns that its record has
/// (RFC 4180). So that no text becomes a formula in a spreadsheet, an apostrophe is put before a sign that begins one, at
/// the start of a text and after what may part cells; likewise before an apostrophe there, so that it can be undone.
///
/// # Errors
/// Where there is no such call, or the history cannot be read, or the export not be written.
pub fn export_csv(history: &History, call: CallId, out: &mut dyn Write) -> Result<(), HistoryError> {
    let export = Export::of(history, call)?;
    let mut columns: Vec<String> = Vec::new();
    for part in &PARTS {
        for (_, name) in export.columns(&*export.prepare(part)?) {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
    }
    let mut out = BufWriter::new(out);
    let header = columns.iter().map(String::as_str);
    csv_line(&mut out, "record", header.map(|name| ValueRef::Text(name.as_bytes()))).map_err(not_written)?;
    for part in &PARTS {
        let mut statement = export.prepare(part)?;
        let own = export.columns(&statement);
        let places: Vec<Option<usize>> =
            columns.iter().map(|column| own.iter().find(|(_, name)| name == column).map(|(place, _)| *place)).collect();
        export.each_row(&mut statement, |row| {
            let cell = |place: &Option<usize>| place.map_or(ValueRef::Null, |place| cell(row, place));
            csv_line(&mut out, part.name, places.iter().map(cell))
        })?;
    }
    out.flush().map_err(not_written)
}

/// Writes a call as an object of lists: of each kind of record its rows, each an object with all its columns. A number
/// that JSON does not have (infinite) is a text.
///
/// # Errors
/// Where there is no such call, or the history cannot be read, or the export not be written.
pub fn export_json(history: &History, call: CallId, out: &mut dyn Write) -> Result<(), HistoryError> {
    let export = Export::of(history, call)?;
    let mut out = BufWriter::new(out);
    for (number, part) in PARTS.iter().enumerate() {
        let before = if number == 0 { "{\n" } else { ",\n" };
        write!(out, "{before}\"{}\": [", part.name).map_err(not_written)?;
        let mut statement = export.prepare(part)?;
        let columns = export.columns(&statement);
        let mut before = "\n";
        export.each_row(&mut statement, |row| {
            out.write_all(std::mem::replace(&mut before, ",\n").as_bytes())?;
            serde_json::to_writer(&mut out, &Object { columns: &columns, row }).map_err(io::Error::from)
        })?;
        out.write_all(b"]").map_err(not_written)?;
    }
    out.write_all(b"\n}\n").and_then(|()| out.flush()).map_err(not_written)
}

/// One call in one state of the file, however long writing takes.
struct Export<'a> {
    history: &'a History,
    transaction: rusqlite::Transaction<'a>,
    call: CallId,
}

impl<'a> Export<'a> {
    fn of(history: &'a History, call: CallId) -> Result<Self, HistoryError> {
        let transaction = history.said(history.connection().unchecked_transaction())?;
        match history.call(call)? {
            Some(_) => Ok(Self { history, transaction, call }),
            None => Err(HistoryError::NoSuchCall),
        }
    }

    fn prepare(&self, part: &Part) -> Result<CachedStatement<'_>, HistoryError> {
        self.history.said(self.transaction.prepare_cached(part.sql))
    }

    /// Columns with their places. One that is there twice, as the owner of a row and within it, counts once.
    fn columns(&self, statement: &rusqlite::Statement<'_>) -> Vec<(usize, String)> {
        let mut columns: Vec<(usize, String)> = Vec::new();
        for (place, name) in statement.column_names().enumerate() {
            if !INTERNAL.contains(&name) && columns.iter().all(|(_, known)| known != name) {
                columns.push((place, name.to_owned()));
            }
        }
        columns
    }

    fn each_row(
        &self,
        statement: &mut rusqlite::Statement<'_>,
        mut write: impl FnMut(&Row<'_>) -> io::Result<()>,
    ) -> Result<(), HistoryError> {
        let mut rows = self.history.said(statement.query(params![self.call]))?;
        while let Some(row) = self.history.said(rows.next())? {
            write(row).map_err(not_written)?;
        }
        Ok(())
    }
}

fn not_written(source: io::Error) -> HistoryError {
    HistoryError::Export { source }
}

/// A cell of a row whose columns are known to be there.
fn cell<'a>(row: &'a Row<'_>, place: usize) -> ValueRef<'a> {
    row.get_ref(place).unwrap_or(ValueRef::Null)
}

fn csv_line<'a>(out: &mut impl Write, record: &str, cells: impl Iterator<Item = ValueRef<'a>>) -> io::Result<()> {
    out.write_all(record.as_bytes())?;
    for value in cells {
        out.write_all(b",")?;
        match value {
            ValueRef::Null => {}
            ValueRef::Integer(value) => write!(out, "{value}")?,
            ValueRef::Real(value) => write!(out, "{value:?}")?,
            ValueRef::Text(text) | ValueRef::Blob(text) => csv_text(out, &String::from_utf8_lossy(text))?,
        }
    }
    out.write_all(b"\r\n")
}

/// Spreadsheets take a cell that begins with one of these for a formula, and a formula may read other cells and send
/// them away; names and codes come from other people. The wide forms count too, in East Asian versions.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What may part cells: in countries with a decimal comma a spreadsheet cuts at semicolons, quoted or not.
const SEPARATORS: &[char] = &[',', ';', '\t', '\r', '\n'];

fn csv_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    let mut guarded = String::with_capacity(text.len());
    let mut begins = true;
    for character in text.chars() {
        if begins && (FORMULA.contains(&character) || character == '\'') {
            guarded.push('\'');
        }
        guarded.push(character);
        begins = SEPARATORS.contains(&character);
    }
    if guarded.contains('"') || guarded.contains(SEPARATORS) || text.starts_with(' ') || text.ends_with(' ') {
        write!(out, "\"{}\"", guarded.replace('"', "\"\""))
    } else {
        out.write_all(guarded.as_bytes())
    }
}

struct Object<'a> {
    columns: &'a [(usize, String)],
    row: &'a Row<'a>,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (place, name) in self.columns {
            match cell(self.row, *place) {
                ValueRef::Null => map.serialize_entry(name, &())?,
                ValueRef::Integer(value) => map.serialize_entry(name, &value)?,
                ValueRef::Real(value) if value.is_finite() => map.serialize_entry(name, &value)?,
                ValueRef::Real(value) => map.serialize_entry(name, &format!("{value:?}"))?,
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    map.serialize_entry(name, &String::from_utf8_lossy(text))?;
                }
            }
        }
        map.end()
    }
}
