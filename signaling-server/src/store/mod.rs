//! Rooms and places on disk, so that codes stay good and clients are the same participants after a restart.
//!
//! Invariants: one thread owns the connection and does all writing of the hub, in the order of its entries; others send it
//! messages. What cannot be written now, because the disk is full or another program has the file, is kept and written
//! later. A file that cannot be used is refused before the server listens, and is left as it was; so is one that another
//! server has. No resume token is in it, only hashes.

mod schema;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode as Sqlite, Savepoint, named_params};
use sightline_protocol::{EndReason, ErrorCode, LeaveReason, MediaState, Refusal, Role, RoomCode, UserId};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use crate::{
    hub::Terms,
    record::{self, RecordEntry, Turn},
    token::TokenHash,
};

/// Something to be written down.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    RoomMade {
        code: RoomCode,
        terms: Terms,
        by: Option<String>,
        unix_ms: i64,
    },
    RoomLocked {
        room: String,
        locked: bool,
    },
    RoomForgotten {
        code: RoomCode,
        room: String,
        reason: EndReason,
        unix_ms: i64,
    },
    PlaceTaken {
        code: RoomCode,
        room: String,
        user: UserId,
        name: String,
        media: MediaState,
        token: TokenHash,
        role: Role,
        jtis: Vec<String>,
        account: Option<String>,
        unix_ms: i64,
    },
    PlaceMedia {
        user: UserId,
        media: MediaState,
    },
    RoleChanged {
        user: UserId,
        role: Role,
        jti: String,
    },
    PlaceLeft {
        code: RoomCode,
        room: String,
        user: UserId,
        reason: LeaveReason,
        unix_ms: i64,
    },
    /// What an admin did.
    Audit(RecordEntry),
    /// A stay without a place of its own: an observer's, or what goes on after a restart.
    StayBegan {
        room: String,
        user: UserId,
        name: String,
        role: Role,
        account: Option<String>,
        unix_ms: i64,
    },
    /// The end of a stay whose place, if it has one, is kept: an observer's, or because the server goes down in good order.
    StayEnded {
        room: String,
        user: UserId,
        reason: LeaveReason,
        unix_ms: i64,
    },
    TokensCalledBack {
        room: String,
        jtis: Vec<String>,
    },
}

/// A room as the file has it.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) code: RoomCode,
    pub(crate) terms: Terms,
    /// When somebody last came or went, in milliseconds since the Unix epoch.
    pub(crate) last_used_ms: i64,
    /// In the order in which they joined.
    pub(crate) members: Vec<RestoredMember>,
    /// Unique ids of tokens that are good no more, the oldest first.
    pub(crate) removed: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct RestoredMember {
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) media: MediaState,
    pub(crate) token: TokenHash,
    pub(crate) role: Role,
    pub(crate) jtis: Vec<String>,
    pub(crate) account: Option<String>,
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
    path: PathBuf,
    /// Held for as long as the server has the file: two servers on one would undo each other's rooms.
    _lock: File,
}

/// For those who have something to write.
#[derive(Debug, Clone)]
pub(crate) struct StoreWriter(mpsc::Sender<Command>);

/// Whether everything before is on disk.
pub(crate) type Written = Result<(), Refusal>;

#[derive(Debug)]
enum Command {
    Write(Entry),
    /// Answered when everything before it is committed.
    Flush(oneshot::Sender<Written>),
    /// Nothing comes after this.
    Close,
}

/// Entries that may wait for the disk: a second or so of the busiest server. With more the hub waits too, so that none
/// is lost.
const QUEUE: usize = 8192;

/// Entries in one transaction, at most: a commit costs as much as some hundred rows.
const BATCH: usize = 512;

/// Entries that are kept while nothing can be written: about 20 MiB. With more the hub waits, as with [`QUEUE`].
const KEPT: usize = 65_536;

/// Between two tries to write what could not be written.
const TRY_AGAIN: Duration = Duration::from_secs(1);

impl Store {
    /// Opens or creates the file, and gives what is in it.
    pub(crate) fn open(path: &Path, turn: Arc<Turn>) -> Result<(Self, Vec<Restored>), StoreError> {
        // Asked first: SQLite would make a file where none may be.
        let lock = lock(path)?;
        let (connection, restored) = schema::open(path)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let spawned =
            std::thread::Builder::new().name("store".into()).spawn(move || write(connection, &turn, receiver));
        let thread = spawned.map_err(|error| StoreError::Open { path: path.to_owned(), detail: error.to_string() })?;
        Ok((Self { commands: sender, thread, path: path.to_owned(), _lock: lock }, restored))
    }

    /// The secret of this name: the fresh one, where there is none yet.
    pub(crate) fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StoreError> {
        let open = || {
            let connection = Connection::open(&self.path)?;
            connection.busy_timeout(schema::BUSY)?;
            schema::secret(&connection, name, fresh)
        };
        open().map_err(|error| explain(&self.path, &error))
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
    ///
    /// # Errors
    /// `unavailable`: it is kept in memory and tried again, but is not on disk now.
    pub(crate) async fn flushed(&self) -> Written {
        let (done, is_done) = oneshot::channel();
        self.0.send(Command::Flush(done)).await.map_err(|_| not_written())?;
        is_done.await.unwrap_or_else(|_| Err(not_written()))
    }
}

fn not_written() -> Refusal {
    let message = "The server cannot write to its disk at the moment. Try again in a minute; tell whoever runs it.";
    Refusal::new(ErrorCode::Unavailable, message)
}

/// The lock beside a database.
fn lock(path: &Path) -> Result<File, StoreError> {
    // What is there and may not be written is not ours to lock.
    if path.metadata().is_ok_and(|metadata| metadata.permissions().readonly()) {
        return Err(StoreError::ReadOnly(path.to_owned()));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |error: std::io::Error| StoreError::Open { path: path.to_owned(), detail: error.to_string() };
    if path.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    let file = File::options().create(true).truncate(false).write(true).open(name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn write(mut connection: Connection, turn: &Turn, mut commands: mpsc::Receiver<Command>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut kept: VecDeque<Entry> = VecDeque::new();
    let mut open = true;
    while open {
        if kept.is_empty() {
            if commands.blocking_recv_many(&mut batch, BATCH) == 0 {
                break;
            }
        } else {
            // The disk was not to be had: a pause, then whatever came meanwhile with what is kept.
            std::thread::sleep(TRY_AGAIN);
            while batch.len() < BATCH && kept.len() + batch.len() < KEPT {
                match commands.try_recv() {
                    Ok(command) => batch.push(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        open = false;
                        break;
                    }
                }
            }
        }
        let mut waiting = Vec::new();
        for command in batch.drain(..) {
            match command {
                Command::Write(entry) => kept.push_back(entry),
                Command::Flush(done) => waiting.push(done),
                Command::Close => open = false,
            }
        }
        let result = {
            let _turn = turn.take();
            write_all(&mut connection, kept.make_contiguous())
        };
        let written = match result {
            Ok(()) => {
                kept.clear();
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, waiting = kept.len(), "changes cannot be written to the database now");
                Err(not_written())
            }
        };
        for done in waiting {
            // Whoever asked may have gone meanwhile.
            done.send(written.clone()).ok();
        }
    }
    if !kept.is_empty() {
        tracing::error!(lost = kept.len(), "the last changes could not be written to the database");
    }
}

/// Writes all entries in one transaction. One that does not fit (a defect) is logged and left out; where none can be
/// written at all, none is.
fn write_all(connection: &mut Connection, entries: &[Entry]) -> rusqlite::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for entry in entries {
        let savepoint = transaction.savepoint()?;
        match write_entry(&savepoint, entry) {
            Ok(()) => savepoint.commit()?,
            Err(error) if error.sqlite_error_code() == Some(Sqlite::ConstraintViolation) => {
                // Not the change itself: names are nobody's business, nor hashes.
                tracing::error!(%error, "a change does not fit the database and is left out");
            }
            Err(error) => return Err(error),
        }
    }
    transaction.commit()
}

/// Writes what is kept for good, and then what the hub needs after a restart.
fn write_entry(savepoint: &Savepoint<'_>, entry: &Entry) -> rusqlite::Result<()> {
    for lasting in lasting(entry) {
        record::apply(savepoint, &lasting)?;
    }
    write_state(savepoint, entry)
}

/// What the record for admins has of an entry.
fn lasting(entry: &Entry) -> Vec<RecordEntry> {
    match entry {
        Entry::RoomMade { code, terms, by, unix_ms } => vec![RecordEntry::RoomMade {
            id: terms.id.clone(),
            code: code.to_string(),
            name: Some(terms.name.clone()),
            unix_ms: *unix_ms,
            by: by.clone(),
        }],
        Entry::RoomForgotten { room, reason, unix_ms, .. } => {
            vec![RecordEntry::RoomEnded { id: room.clone(), reason: reason.as_str().to_owned(), unix_ms: *unix_ms }]
        }
        Entry::PlaceTaken { room, user, name, role, account, unix_ms, .. }
        | Entry::StayBegan { room, user, name, role, account, unix_ms } => vec![RecordEntry::StayBegan {
            room: room.clone(),
            user: user.0.clone(),
            name: name.clone(),
            account: account.clone(),
            role: role.as_str().to_owned(),
            unix_ms: *unix_ms,
        }],
        Entry::PlaceLeft { room, user, reason, unix_ms, .. } | Entry::StayEnded { room, user, reason, unix_ms } => {
            vec![RecordEntry::StayEnded {
                room: room.clone(),
                user: user.0.clone(),
                reason: reason.as_str().to_owned(),
                unix_ms: *unix_ms,
            }]
        }
        Entry::Audit(entry) => vec![entry.clone()],
        Entry::RoomLocked { .. }
        | Entry::PlaceMedia { .. }
        | Entry::RoleChanged { .. }
        | Entry::TokensCalledBack { .. } => Vec::new(),
    }
}

fn write_state(savepoint: &Savepoint<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let run =
        |sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]| savepoint.prepare_cached(sql)?.execute(parameters);
    let json = |list: &mut dyn Iterator<Item = &String>| serde_json::Value::from_iter(list.cloned()).to_string();
    let touch = |code: &RoomCode, unix_ms: i64| {
        run(
            "UPDATE rooms SET last_used_ms = :at WHERE code = :code",
            named_params! {":at": unix_ms, ":code": code.as_str()},
        )
    };
    match entry {
        Entry::RoomMade { code, terms, by: _, unix_ms } => run(
            "INSERT INTO rooms (code, last_used_ms, id, name, created_ms, expires_ms, empty_s, max_participants, password,
                waiting_room, invited, locked, pair)
             VALUES (:code, :at, :id, :name, :created, :expires, :empty, :most, :password, :waiting, :invited, :locked, :pair)",
            named_params! {
                ":code": code.as_str(), ":at": unix_ms, ":id": terms.id, ":name": terms.name,
                ":created": terms.created_ms, ":expires": terms.expires_ms,
                ":empty": u32::try_from(terms.empty.as_secs()).unwrap_or(u32::MAX), ":most": terms.max_participants,
                ":password": terms.password, ":waiting": terms.waiting_room,
                ":invited": json(&mut terms.invited.iter()), ":locked": terms.locked, ":pair": terms.pair,
            },
        )?,
        Entry::RoomLocked { room, locked } => {
            run("UPDATE rooms SET locked = :locked WHERE id = :id", named_params! {":locked": locked, ":id": room})?
        }
        Entry::RoomForgotten { code, .. } => {
            run("DELETE FROM rooms WHERE code = :code", named_params! {":code": code.as_str()})?
        }
        Entry::PlaceTaken { code, user, name, media, token, role, jtis, account, unix_ms, room: _ } => {
            touch(code, *unix_ms)?;
            run(
                "INSERT INTO places (user, code, name, audio, video, token, role, jtis, account)
                 VALUES (:user, :code, :name, :audio, :video, :token, :role, :jtis, :account)",
                named_params! {
                    ":user": user.0, ":code": code.as_str(), ":name": name,
                    ":audio": media.audio, ":video": media.video, ":token": token.as_bytes(),
                    ":role": role.as_str(), ":jtis": json(&mut jtis.iter()), ":account": account,
                },
            )?
        }
        Entry::PlaceMedia { user, media } => run(
            "UPDATE places SET audio = :audio, video = :video WHERE user = :user",
            named_params! {":audio": media.audio, ":video": media.video, ":user": user.0},
        )?,
        Entry::RoleChanged { user, role, jti } => run(
            "UPDATE places SET role = :role, jtis = :jtis WHERE user = :user",
            named_params! {
                ":role": role.as_str(), ":jtis": json(&mut std::iter::once(jti)), ":user": user.0,
            },
        )?,
        Entry::PlaceLeft { code, user, unix_ms, .. } => {
            touch(code, *unix_ms)?;
            run("DELETE FROM places WHERE user = :user", named_params! {":user": user.0})?
        }
        Entry::StayBegan { .. } | Entry::StayEnded { .. } | Entry::Audit(_) => 0,
        Entry::TokensCalledBack { room, jtis } => {
            for jti in jtis {
                run(
                    "INSERT INTO called_back (room, jti) VALUES (:room, :jti)",
                    named_params! {":room": room, ":jti": jti},
                )?;
            }
            0
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
