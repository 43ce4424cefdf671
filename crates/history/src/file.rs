//! Opening a history: what it is, whether this program may use it, and how it is to be written.
//!
//! Invariant: a file that is refused was not changed. All checks come before the first statement that writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::HistoryError;
use crate::schema::{APPLICATION_ID, LATEST, TABLE_NAMES, migrate, version};

/// How long a statement waits for another process that is writing. Its transactions take milliseconds; a slow disk
/// may make them a second.
const BUSY: Duration = Duration::from_secs(5);

/// Opens or creates a history that can be written.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, HistoryError> {
    let said = |source| HistoryError::from_sqlite(path, source);
    refuse_unwritable(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|source| cannot_open(path, source))?;
    connection.busy_timeout(BUSY).map_err(said)?;
    check(&connection, path)?;
    if connection.is_readonly("main").map_err(said)? {
        return Err(HistoryError::ReadOnly { path: path.to_owned() });
    }
    // WAL: readers do not wait for the writer. FULL: a committed row is on the disk, even if power fails; with a few
    // transactions in 15 s that costs nothing.
    use_write_ahead_log(&connection).map_err(said)?;
    connection.pragma_update(None, "synchronous", "full").map_err(said)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(said)?;
    migrate(&mut connection).map_err(said)?;
    probe(&connection).map_err(said)?;
    Ok(connection)
}

/// SQLite does not wait for others while it changes the journal mode, as it does everywhere else: two programs that make
/// one history at the same moment would refuse each other. So this waits, as long as a statement would.
fn use_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < BUSY => {
                thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// Opens a history for reading; brings an older one up to date where it can be written.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, HistoryError> {
    if !path.exists() {
        return Err(HistoryError::Missing { path: path.to_owned() });
    }
    let (connection, found) = match read(path, false) {
        // Without a log there is nothing to recover, and SQLite need not create files in a folder that it cannot write.
        Err(HistoryError::Sqlite { .. } | HistoryError::ReadOnly { .. }) if !has_log(path) => read(path, true)?,
        other => other?,
    };
    if found < LATEST {
        drop(connection);
        return match open_for_writing(path) {
            Err(HistoryError::ReadOnly { path }) => Err(HistoryError::Older { path, found, known: LATEST }),
            other => other,
        };
    }
    probe(&connection).map_err(|source| HistoryError::from_sqlite(path, source))?;
    Ok(connection)
}

fn read(path: &Path, immutable: bool) -> Result<(Connection, u32), HistoryError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = if immutable {
        Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)
    } else {
        Connection::open_with_flags(path, flags)
    };
    let connection = opened.map_err(|source| HistoryError::from_sqlite(path, source))?;
    connection.busy_timeout(BUSY).map_err(|source| HistoryError::from_sqlite(path, source))?;
    let found = check(&connection, path)?;
    Ok((connection, found))
}

/// Refuses what is not a history, or not one that this program knows; gives the version.
fn check(connection: &Connection, path: &Path) -> Result<u32, HistoryError> {
    let said = |source| HistoryError::from_sqlite(path, source);
    // In one transaction: another process may be just about to make the file a history.
    let connection = connection.unchecked_transaction().map_err(said)?;
    let found = version(&connection).map_err(said)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(said)?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(said)?;
    let empty = found == 0 && application == 0 && objects == 0;
    if application != APPLICATION_ID && !empty {
        return Err(HistoryError::NotAHistory { path: path.to_owned() });
    }
    if found > LATEST {
        return Err(HistoryError::Newer { path: path.to_owned(), found, known: LATEST });
    }
    Ok(found)
}

/// Reads the end of every table: a file that was cut off or overwritten shows here, at the cost of a few pages.
fn probe(connection: &Connection) -> rusqlite::Result<()> {
    for table in TABLE_NAMES {
        connection.query_row(&format!("SELECT max(rowid) FROM {table}"), [], |_| Ok(()))?;
    }
    Ok(())
}

/// The mark 'read-only' on a file is a wish of its owner, also where the system would let us write.
fn refuse_unwritable(path: &Path) -> Result<(), HistoryError> {
    if let Ok(metadata) = fs::metadata(path) {
        if metadata.permissions().readonly() {
            return Err(HistoryError::ReadOnly { path: path.to_owned() });
        }
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(HistoryError::NoFolder { path: path.to_owned() });
    }
    Ok(())
}

/// SQLite says only that it cannot open a file; whether it may not be written is for us to find out.
fn cannot_open(path: &Path, source: rusqlite::Error) -> HistoryError {
    let existed = path.exists();
    let denied = fs::OpenOptions::new().append(true).create(true).open(path).is_err_and(|error| {
        matches!(error.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem)
    });
    if !existed && fs::remove_file(path).is_err() {
        tracing::debug!("nothing to clean up after a file that could not be opened");
    }
    match denied {
        true => HistoryError::ReadOnly { path: path.to_owned() },
        false => HistoryError::from_sqlite(path, source),
    }
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(PathBuf::from(log)).is_ok_and(|metadata| metadata.len() > 0)
}

/// `file:` URI of a path (<https://www.sqlite.org/uri.html>).
fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.to_string_lossy().replace('\\', "/").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b':' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}
