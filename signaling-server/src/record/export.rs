//! A call as one table for spreadsheets: `record` says what a line is, and each line fills the columns that its record
//! has (RFC 4180).
//!
//! Invariants: rows are written as they are read, so that a long call needs no more memory than a short one. What is not
//! known is an empty cell, never 0. No text becomes a formula.

use std::io::Write;

use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};
use sightline_protocol::logs::{LogDirection, LogKind, LogLink, LogProcess, LogSample};

use super::{
    RecordError, calls,
    cells::{Head, Window},
    reports,
};

/// Columns before those of the values.
const COLUMNS: [&str; 22] = [
    "record",
    "time_utc",
    "start_ms",
    "end_ms",
    "measured_ms",
    "session",
    "user",
    "name",
    "peer",
    "peer_name",
    "role",
    "media",
    "direction",
    "reason",
    "class",
    "cause",
    "score",
    "codec",
    "width",
    "height",
    "muted",
    "detail",
];

/// Columns behind those of the values.
const REST: [&str; 3] = ["freezes", "frozen_ms", "path"];

/// Writes all that is known of a call.
pub(super) fn export(connection: &Connection, room_id: &str, out: impl Write) -> Result<(), RecordError> {
    let room: Option<i64> = connection
        .prepare_cached("SELECT number FROM room_record WHERE id = ?1")?
        .query_row([room_id], |row| row.get(0))
        .optional()?;
    let room = room.ok_or(RecordError::UnknownCall)?;
    let mut table = Table::new(connection, out)?;
    table.rows(
        connection,
        "room",
        room,
        &["start_ms", "end_ms", "session", "name", "user", "reason", "detail"],
        "SELECT created_ms, ended_ms, id, name, created_by, end_reason, code FROM room_record WHERE number = ?1",
    )?;
    table.rows(
        connection,
        "stay",
        room,
        &["start_ms", "end_ms", "user", "name", "role", "reason", "detail"],
        "SELECT joined_ms, left_ms, user, name, role, reason, account FROM stay WHERE room = ?1
         ORDER BY joined_ms, number",
    )?;
    let mut statement = connection.prepare_cached(calls::SESSION)?;
    let mut rows = statement.query([room])?;
    while let Some(row) = rows.next()? {
        session(&mut table, connection, row)?;
    }
    table.out.flush()?;
    Ok(())
}

fn session<W: Write>(table: &mut Table<'_, W>, connection: &Connection, row: &Row<'_>) -> Result<(), RecordError> {
    let number: i64 = row.get(0)?;
    let session = calls::session(row)?;
    let setup = session.setup;
    table.begin("session", session.started_ms)?;
    table.set("end_ms", session.ended_ms);
    table.set("session", Some(&session.id));
    table.text("user", Some(&session.user_id));
    table.text("name", Some(&session.name));
    table.text("reason", session.end_reason.as_deref());
    table.text("cause", session.worst.as_deref());
    table.text(
        "detail",
        Some(&format!(
            "client {} on {}; {} of {} windows good; first picture after {} ms",
            session.client_version,
            session.platform,
            session.good_windows,
            session.windows,
            setup.first_frame_ms.map_or_else(|| "?".to_owned(), |ms| ms.to_string())
        )),
    );
    table.end()?;
    let stays = reports::stays(connection, number)?;
    let peer = |stay: i64| {
        let at = stays.binary_search_by_key(&stay, |known| i64::from(known.stay)).ok();
        at.and_then(|at| stays.get(at))
    };
    let begin = |table: &mut Table<'_, W>, record: &str, head: Head, stay: Option<i64>| -> rusqlite::Result<()> {
        table.begin(record, head.start_ms)?;
        table.set("end_ms", Some(head.end_ms));
        table.set("measured_ms", Some(head.measured_ms));
        table.set("session", Some(&session.id));
        table.text("user", Some(&session.user_id));
        table.text("name", Some(&session.name));
        let peer = stay.and_then(peer);
        table.text("peer", peer.map(|peer| peer.user_id.as_str()));
        table.text("peer_name", peer.and_then(|peer| peer.name.as_deref()));
        Ok(())
    };
    reports::each_window(connection, number, |row: Option<LogSample>| {
        let Some(row) = row else { return Ok(()) };
        begin(table, "sample", row.head(), Some(row.stay.into()))?;
        table.set("media", Some(if row.kind == LogKind::Audio { "audio" } else { "video" }));
        table.set("direction", Some(if row.direction == LogDirection::Inbound { "inbound" } else { "outbound" }));
        table.text("class", row.class.as_deref());
        table.text("cause", row.cause.as_deref());
        table.set("score", row.score);
        table.text("codec", row.codec.as_deref());
        table.set("width", row.width);
        table.set("height", row.height);
        table.set("muted", Some(u8::from(row.muted)));
        table.set("freezes", row.freezes);
        table.set("frozen_ms", row.frozen_ms);
        table.values(&row);
        table.end()
    })?;
    reports::each_window(connection, number, |row: Option<LogLink>| {
        let Some(row) = row else { return Ok(()) };
        begin(table, "link", row.head(), Some(row.stay.into()))?;
        table.text("path", row.path.as_deref());
        table.values(&row);
        table.end()
    })?;
    reports::each_window(connection, number, |row: Option<LogProcess>| {
        let Some(row) = row else { return Ok(()) };
        begin(table, "process", row.head(), None)?;
        table.values(&row);
        table.end()
    })?;
    table.rows(
        connection,
        "event",
        number,
        &["start_ms", "session", "user", "name", "peer", "detail"],
        "SELECT unix_ms, id, s.user, s.name, peer, event FROM log_event JOIN log_session AS s ON number = session
         WHERE session = ?1 ORDER BY seq",
    )?;
    table.rows(
        connection,
        "break",
        number,
        &["start_ms", "end_ms", "session", "user", "name", "peer", "peer_name", "cause"],
        "SELECT b.start_ms, b.end_ms, s.id, s.user, s.name, p.user, p.name, b.cause FROM log_break AS b
         JOIN log_session AS s ON number = b.session
         LEFT JOIN log_stay AS p ON p.session = b.session AND p.stay = b.stay WHERE b.session = ?1 ORDER BY b.seq",
    )
}

/// Lines of one table, one at a time.
struct Table<'a, W: Write> {
    connection: &'a Connection,
    out: csv::Writer<W>,
    columns: Vec<String>,
    cells: Vec<String>,
}

impl<'a, W: Write> Table<'a, W> {
    fn new(connection: &'a Connection, out: W) -> Result<Self, RecordError> {
        let names = LogSample::NAMES.iter().chain(LogLink::NAMES).chain(LogProcess::NAMES);
        let values = names.flat_map(|name| ["mean", "min", "max"].map(|part| format!("{name}_{part}")));
        let columns: Vec<String> =
            COLUMNS.map(str::to_owned).into_iter().chain(values).chain(REST.map(str::to_owned)).collect();
        let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        out.write_record(&columns).map_err(not_written)?;
        Ok(Self { connection, out, cells: vec![String::new(); columns.len()], columns })
    }

    fn begin(&mut self, record: &str, start_ms: i64) -> rusqlite::Result<()> {
        self.cells.iter_mut().for_each(String::clear);
        self.set("record", Some(record));
        self.set("start_ms", Some(start_ms));
        let utc: Option<String> = self
            .connection
            .prepare_cached("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ?1 / 1000.0, 'unixepoch')")?
            .query_row([start_ms], |row| row.get(0))?;
        self.set("time_utc", utc);
        Ok(())
    }

    /// A cell that cannot be taken for a formula, as it is a number or a word of this program.
    fn set(&mut self, column: &str, value: Option<impl ToString>) {
        if let Some(value) = value
            && let Some(cell) =
                self.columns.iter().position(|name| name == column).and_then(|at| self.cells.get_mut(at))
        {
            *cell = value.to_string();
        }
    }

    /// A cell with what people or other programs wrote.
    fn text(&mut self, column: &str, text: Option<&str>) {
        self.set(column, text.map(defuse));
    }

    fn values(&mut self, row: &impl Window) {
        fn name_of<T: Window>(_: &T) -> &'static [&'static str] {
            T::NAMES
        }
        for (name, value) in name_of(row).iter().zip(row.values()) {
            let Some(spread) = value else { continue };
            for (part, number) in ["mean", "min", "max"].iter().zip(spread) {
                self.set(&format!("{name}_{part}"), Some(number));
            }
        }
    }

    fn end(&mut self) -> Result<(), RecordError> {
        self.out.write_record(&self.cells).map_err(not_written)
    }

    /// Rows of a query of `key` that gives these columns.
    fn rows(
        &mut self,
        connection: &Connection,
        record: &str,
        key: i64,
        columns: &[&str],
        sql: &str,
    ) -> Result<(), RecordError> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([key])?;
        while let Some(row) = rows.next()? {
            self.begin(record, row.get(0)?)?;
            for (at, column) in columns.iter().enumerate() {
                match row.get_ref(at)? {
                    ValueRef::Null => {}
                    ValueRef::Integer(value) => self.set(column, Some(value)),
                    ValueRef::Real(value) => self.set(column, Some(value)),
                    ValueRef::Text(text) | ValueRef::Blob(text) => {
                        self.text(column, Some(&String::from_utf8_lossy(text)));
                    }
                }
            }
            self.end()?;
        }
        Ok(())
    }
}

fn not_written(error: csv::Error) -> RecordError {
    RecordError::Output(error.into())
}

/// Spreadsheets take a cell that begins with one of these for a formula, and a formula may read other cells and send
/// them away. The wide forms count too, in East Asian versions.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What may part cells: in countries with a decimal comma a spreadsheet cuts at semicolons, quoted or not.
const SEPARATORS: &[char] = &[',', ';', '\t', '\r', '\n'];

/// Puts an apostrophe before a sign that begins a formula, at the start of a text and after what may part cells; likewise
/// before an apostrophe there, so that it can be undone. As `history/src/export.rs` does.
fn defuse(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len());
    let mut begins = true;
    for character in text.chars() {
        if begins && (FORMULA.contains(&character) || character == '\'') {
            guarded.push('\'');
        }
        guarded.push(character);
        begins = SEPARATORS.contains(&character);
    }
    guarded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_a_formula() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("'=x", "''=x"),
            ("a;=x", "a;'=x"),
            ("a=b", "a=b"),
            ("＝x", "'＝x"),
            ("Žofie 🌊", "Žofie 🌊"),
        ] {
            assert_eq!(defuse(text), safe);
        }
    }
}
