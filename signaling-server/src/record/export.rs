//! A call as one table for spreadsheets: `record` says what a line is, and each line fills the columns that its record
//! has (RFC 4180).
//!
//! Invariants: the table is made in parts, so that a long call needs no more memory than a short one, and a slow reader holds
//! up nobody: between two parts nothing of the database is held. A part goes on behind the last row of the one before. What is
//! not known is an empty cell, never 0. No text becomes a formula.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params, types::ValueRef};
use sightline_protocol::logs::{LogDirection, LogKind, LogLink, LogProcess, LogSample, LogSession, LogStay};

use super::{
    RecordError, calls,
    cells::{Head, Window},
    reports,
};

/// A part is complete when it has so many bytes.
const PART_BYTES: usize = 256 * 1024;

/// Rows that are read at a time: some 100 kB.
const STEP_ROWS: i64 = 256;

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

/// A call that is being written as a table: where it goes on.
#[derive(Debug)]
pub struct Export {
    room_id: String,
    next: Next,
    /// Whose rows are being written.
    session: Option<Told>,
}

/// What comes next; rows behind a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Head,
    Stays(i64),
    Session(i64),
    Rows(i64, Kind, i64),
    End,
}

/// Rows of a session, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Samples,
    Links,
    Process,
    Events,
    Breaks,
}

impl Kind {
    fn next(self) -> Option<Self> {
        match self {
            Self::Samples => Some(Self::Links),
            Self::Links => Some(Self::Process),
            Self::Process => Some(Self::Events),
            Self::Events => Some(Self::Breaks),
            Self::Breaks => None,
        }
    }
}

/// What is said of a session on each of its lines.
#[derive(Debug)]
struct Told {
    session: LogSession,
    stays: Vec<LogStay>,
}

impl Export {
    /// Of this room.
    pub fn new(room_id: &str) -> Self {
        Self { room_id: room_id.to_owned(), next: Next::Head, session: None }
    }

    /// The next part; none where the table is complete.
    ///
    /// # Errors
    /// Where there is no such room, or none any more, or the file cannot be read.
    pub(super) fn part(&mut self, connection: &Connection) -> Result<Option<Vec<u8>>, RecordError> {
        if self.next == Next::End {
            return Ok(None);
        }
        let room: Option<i64> = connection
            .prepare_cached("SELECT number FROM room_record WHERE id = ?1")?
            .query_row([&self.room_id], |row| row.get(0))
            .optional()?;
        let room = room.ok_or(RecordError::UnknownCall)?;
        let mut table = Table::new(connection);
        loop {
            self.step(&mut table, room)?;
            table.out.flush().map_err(|error| not_written(error.into()))?;
            if self.next == Next::End || table.out.get_ref().len() >= PART_BYTES {
                return table.out.into_inner().map(Some).map_err(|error| RecordError::Failed(error.to_string()));
            }
        }
    }

    fn step(&mut self, table: &mut Table<'_>, room: i64) -> Result<(), RecordError> {
        self.next = match self.next {
            Next::Head => {
                table.head()?;
                table.rows(
                    "room",
                    (room, 0),
                    &["start_ms", "end_ms", "session", "name", "user", "reason", "detail"],
                    "SELECT number, created_ms, ended_ms, id, name, created_by, end_reason, code FROM room_record
                     WHERE number = ?1 AND number > ?2 LIMIT ?3",
                )?;
                Next::Stays(0)
            }
            Next::Stays(after) => {
                let last = table.rows(
                    "stay",
                    (room, after),
                    &["start_ms", "end_ms", "user", "name", "role", "reason", "detail"],
                    "SELECT number, joined_ms, left_ms, user, name, role, reason, account FROM stay
                     WHERE room = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
                )?;
                last.map_or(Next::Session(0), Next::Stays)
            }
            Next::Session(after) => match self.next_session(table, room, after)? {
                Some(number) => Next::Rows(number, Kind::Samples, -1),
                None => Next::End,
            },
            Next::Rows(number, kind, after) => match self.rows(table, number, kind, after)? {
                Some(last) => Next::Rows(number, kind, last),
                None => kind.next().map_or(Next::Session(number), |kind| Next::Rows(number, kind, -1)),
            },
            Next::End => Next::End,
        };
        Ok(())
    }

    fn next_session(&mut self, table: &mut Table<'_>, room: i64, after: i64) -> Result<Option<i64>, RecordError> {
        let sql = format!("{} WHERE room = ?1 AND number > ?2 ORDER BY number LIMIT 1", calls::SESSION);
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, calls::session(row)?));
        let found = table.connection.prepare_cached(&sql)?.query_row(params![room, after], read).optional()?;
        let Some((number, session)) = found else { return Ok(None) };
        table.session(&session)?;
        self.session = Some(Told { session, stays: reports::stays(table.connection, number)? });
        Ok(Some(number))
    }

    /// Some rows of a session; gives the number of the last one, if there was any.
    fn rows(&self, table: &mut Table<'_>, number: i64, kind: Kind, after: i64) -> Result<Option<i64>, RecordError> {
        let Some(told) = &self.session else { return Ok(None) };
        let (connection, part) = (table.connection, (number, after));
        match kind {
            Kind::Samples => reports::each_window(connection, part, STEP_ROWS, |row: LogSample| {
                table.begin_window("sample", told, row.head(), Some(row.stay))?;
                table.set("media", Some(if row.kind == LogKind::Audio { "audio" } else { "video" }));
                let direction = if row.direction == LogDirection::Inbound { "inbound" } else { "outbound" };
                table.set("direction", Some(direction));
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
            }),
            Kind::Links => reports::each_window(connection, part, STEP_ROWS, |row: LogLink| {
                table.begin_window("link", told, row.head(), Some(row.stay))?;
                table.text("path", row.path.as_deref());
                table.values(&row);
                table.end()
            }),
            Kind::Process => reports::each_window(connection, part, STEP_ROWS, |row: LogProcess| {
                table.begin_window("process", told, row.head(), None)?;
                table.values(&row);
                table.end()
            }),
            Kind::Events => table.rows(
                "event",
                part,
                &["start_ms", "session", "user", "name", "peer", "detail"],
                "SELECT seq, unix_ms, id, s.user, s.name, peer, event FROM log_event
                 JOIN log_session AS s ON number = session
                 WHERE session = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            ),
            Kind::Breaks => table.rows(
                "break",
                part,
                &["start_ms", "end_ms", "session", "user", "name", "peer", "peer_name", "cause"],
                "SELECT b.seq, b.start_ms, b.end_ms, s.id, s.user, s.name, p.user, p.name, b.cause FROM log_break AS b
                 JOIN log_session AS s ON number = b.session
                 LEFT JOIN log_stay AS p ON p.session = b.session AND p.stay = b.stay
                 WHERE b.session = ?1 AND b.seq > ?2 ORDER BY b.seq LIMIT ?3",
            ),
        }
    }
}

/// Lines of the table, one at a time.
struct Table<'a> {
    connection: &'a Connection,
    out: csv::Writer<Vec<u8>>,
    columns: HashMap<String, usize>,
    cells: Vec<String>,
}

fn columns() -> impl Iterator<Item = String> {
    let names = LogSample::NAMES.iter().chain(LogLink::NAMES).chain(LogProcess::NAMES);
    let values = names.flat_map(|name| ["mean", "min", "max"].map(|part| format!("{name}_{part}")));
    COLUMNS.map(str::to_owned).into_iter().chain(values).chain(REST.map(str::to_owned))
}

impl<'a> Table<'a> {
    fn new(connection: &'a Connection) -> Self {
        let columns: HashMap<String, usize> = columns().enumerate().map(|(at, name)| (name, at)).collect();
        let out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        Self { connection, out, cells: vec![String::new(); columns.len()], columns }
    }

    fn head(&mut self) -> Result<(), RecordError> {
        self.out.write_record(columns()).map_err(not_written)
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

    fn begin_window(&mut self, record: &str, told: &Told, head: Head, stay: Option<u32>) -> rusqlite::Result<()> {
        self.begin(record, head.start_ms)?;
        self.set("end_ms", Some(head.end_ms));
        self.set("measured_ms", Some(head.measured_ms));
        self.set("session", Some(&told.session.id));
        self.text("user", Some(&told.session.user_id));
        self.text("name", Some(&told.session.name));
        let at = stay.and_then(|stay| told.stays.binary_search_by_key(&stay, |known| known.stay).ok());
        let peer = at.and_then(|at| told.stays.get(at));
        self.text("peer", peer.map(|peer| peer.user_id.as_str()));
        self.text("peer_name", peer.and_then(|peer| peer.name.as_deref()));
        Ok(())
    }

    /// A cell that cannot be taken for a formula, as it is a number or a word of this program.
    fn set(&mut self, column: &str, value: Option<impl ToString>) {
        if let Some(value) = value
            && let Some(cell) = self.columns.get(column).and_then(|at| self.cells.get_mut(*at))
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

    fn session(&mut self, session: &LogSession) -> Result<(), RecordError> {
        self.begin("session", session.started_ms)?;
        self.set("end_ms", session.ended_ms);
        self.set("session", Some(&session.id));
        self.text("user", Some(&session.user_id));
        self.text("name", Some(&session.name));
        self.text("reason", session.end_reason.as_deref());
        self.text("cause", session.worst.as_deref());
        let detail = format!(
            "client {} on {}; {} of {} windows good; first picture after {} ms",
            session.client_version,
            session.platform,
            session.good_windows,
            session.windows,
            session.setup.first_frame_ms.map_or_else(|| "?".to_owned(), |ms| ms.to_string())
        );
        self.text("detail", Some(&detail));
        self.end()
    }

    fn end(&mut self) -> Result<(), RecordError> {
        self.out.write_record(&self.cells).map_err(not_written)
    }

    /// Some rows of a query by a key, behind a number, which gives their numbers and these columns. Gives the number of the
    /// last one, if there was any.
    fn rows(
        &mut self,
        record: &str,
        (key, after): (i64, i64),
        columns: &[&str],
        sql: &str,
    ) -> Result<Option<i64>, RecordError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![key, after, STEP_ROWS])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            last = Some(row.get(0)?);
            self.begin(record, row.get(1)?)?;
            for (at, column) in columns.iter().enumerate() {
                match row.get_ref(at + 1)? {
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
        Ok(last)
    }
}

/// It goes into memory, and each line has as many cells as the first.
fn not_written(error: csv::Error) -> RecordError {
    RecordError::Failed(error.to_string())
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
