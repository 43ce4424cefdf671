//! Rooms and places on disk, so that codes stay good and clients are the same participants after a restart.
//!
//! Invariants: one thread owns the connection and does all writing, in the order of the hub's entries; others send it
//! messages. A file that cannot be used is refused before the server listens, and is left as it was. No token is in it,
//! only hashes.

mod schema;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    thread::JoinHandle,
};

use rusqlite::{Connection, ErrorCode as Sqlite, Transaction, named_params};
use sightline_protocol::{MediaState, RoomCode, UserId};
use tokio::sync::{mpsc, oneshot};

use crate::token::TokenHash;

/// Something to be written down.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    RoomMade { code: RoomCode, unix_ms: i64 },
    RoomForgotten { code: RoomCode },
    PlaceTaken { code: RoomCode, user: UserId, name: String, media: MediaState, token: TokenHash, unix_ms: i64 },
    PlaceMedia { user: UserId, media: MediaState },
    PlaceLeft { code: RoomCode, user: UserId, unix_ms: i64 },
}

/// A room as the file has it.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) code: RoomCode,
    /// When somebody last came or went, in milliseconds since the Unix epoch.
    pub(crate) last_used_ms: i64,
    /// In the order in which they joined.
    pub(crate) members: Vec<RestoredMember>,
}

#[derive(Debug)]
pub(crate) struct RestoredMember {
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) media: MediaState,
    pub(crate) token: TokenHash,
}

/// Why a database file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It may be read only.
    #[error("the database {0} is read-only; make it writable or give another with --database")]
    ReadOnly(PathBuf),
    /// It is damaged, or no database at all.
    #[error(
        "the database {path} is damaged or not a database ({detail}); move it away, a new one is made at the next start"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A later version of this program made it.
    #[error(
        "the database {path} has schema {found} and this program knows {known}; update the program or give another file"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's schema version.
        found: i32,
        /// The latest version known here.
        known: i32,
    },
    /// Some other program's database.
    #[error("the database {0} belongs to another program; give another with --database")]
    Foreign(PathBuf),
    /// Another process has it.
    #[error("the database {0} is in use, perhaps by another server; stop that one or give another with --database")]
    InUse(PathBuf),
    /// It cannot be opened or created.
    #[error("the database {path} cannot be opened: {detail}; check the folder and its permissions")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Store {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

/// For those who have something to write.
#[derive(Debug, Clone)]
pub(crate) struct StoreWriter(mpsc::Sender<Command>);

#[derive(Debug)]
enum Command {
    Write(Entry),
    /// Answered when everything before it is committed.
    Flush(oneshot::Sender<()>),
    /// Nothing comes after this.
    Close,
}

/// Entries that may wait for the disk: a second or so of the busiest server. With more the hub waits too, so that none
/// is lost.
const QUEUE: usize = 8192;

/// Entries in one transaction, at most: a commit costs as much as some hundred rows.
const BATCH: usize = 512;

impl Store {
    /// Opens or creates the file, and gives what is in it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Restored>), StoreError> {
        let (connection, restored) = schema::open(path)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let spawned = std::thread::Builder::new().name("store".into()).spawn(move || write(connection, receiver));
        let thread = spawned.map_err(|error| StoreError::Open { path: path.to_owned(), detail: error.to_string() })?;
        Ok((Self { commands: sender, thread }, restored))
    }

    pub(crate) fn writer(&self) -> StoreWriter {
        StoreWriter(self.commands.clone())
    }

    /// Writes what came before and closes the file, whoever still has a writer. Blocks for as long as the disk takes.
    pub(crate) fn finish(self) {
        // Where the thread is gone already, joining it tells why.
        self.commands.blocking_send(Command::Close).ok();
        if self.thread.join().is_err() {
            tracing::error!("the database thread panicked; what came last may not be written");
        }
    }
}

impl StoreWriter {
    pub(crate) async fn write(&self, entry: Entry) {
        if self.0.send(Command::Write(entry)).await.is_err() {
            tracing::error!("the database thread is gone; a change was not written");
        }
    }

    /// Waits until all that was written before is committed.
    pub(crate) async fn flushed(&self) {
        let (done, is_done) = oneshot::channel();
        if self.0.send(Command::Flush(done)).await.is_ok() {
            // An error means that the thread is gone, which it has logged.
            is_done.await.ok();
        }
    }
}

fn write(mut connection: Connection, mut commands: mpsc::Receiver<Command>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut open = true;
    while open && commands.blocking_recv_many(&mut batch, BATCH) > 0 {
        let mut entries = Vec::new();
        let mut waiting = Vec::new();
        for command in batch.drain(..) {
            match command {
                Command::Write(entry) => entries.push(entry),
                Command::Flush(done) => waiting.push(done),
                Command::Close => open = false,
            }
        }
        if let Err(error) = write_all(&mut connection, &entries) {
            // The server goes on in memory: calls matter more than the next restart.
            tracing::error!(%error, lost = entries.len(), "changes could not be written to the database");
        }
        for done in waiting {
            // Whoever asked may have gone meanwhile.
            done.send(()).ok();
        }
    }
}

fn write_all(connection: &mut Connection, entries: &[Entry]) -> rusqlite::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for entry in entries {
        write_entry(&transaction, entry)?;
    }
    transaction.commit()
}

fn write_entry(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let run =
        |sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]| transaction.prepare_cached(sql)?.execute(parameters);
    let touch = |code: &RoomCode, unix_ms: i64| {
        run(
            "UPDATE rooms SET last_used_ms = :at WHERE code = :code",
            named_params! {":at": unix_ms, ":code": code.as_str()},
        )
    };
    match entry {
        Entry::RoomMade { code, unix_ms } => run(
            "INSERT INTO rooms (code, last_used_ms) VALUES (:code, :at)",
            named_params! {":code": code.as_str(), ":at": unix_ms},
        )?,
        Entry::RoomForgotten { code } => {
            run("DELETE FROM rooms WHERE code = :code", named_params! {":code": code.as_str()})?
        }
        Entry::PlaceTaken { code, user, name, media, token, unix_ms } => {
            touch(code, *unix_ms)?;
            run(
                "INSERT INTO places (user, code, name, audio, video, token)
                 VALUES (:user, :code, :name, :audio, :video, :token)",
                named_params! {
                    ":user": user.0, ":code": code.as_str(), ":name": name,
                    ":audio": media.audio, ":video": media.video, ":token": token.as_bytes(),
                },
            )?
        }
        Entry::PlaceMedia { user, media } => run(
            "UPDATE places SET audio = :audio, video = :video WHERE user = :user",
            named_params! {":audio": media.audio, ":video": media.video, ":user": user.0},
        )?,
        Entry::PlaceLeft { code, user, unix_ms } => {
            touch(code, *unix_ms)?;
            run("DELETE FROM places WHERE user = :user", named_params! {":user": user.0})?
        }
    };
    Ok(())
}

/// Says in our words what SQLite said about a file.
fn explain(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(Sqlite::ReadOnly) => StoreError::ReadOnly(path),
        Some(Sqlite::DatabaseBusy | Sqlite::DatabaseLocked) => StoreError::InUse(path),
        Some(Sqlite::DatabaseCorrupt | Sqlite::NotADatabase) => StoreError::Corrupt { path, detail: error.to_string() },
        _ => StoreError::Open { path, detail: error.to_string() },
    }
}
