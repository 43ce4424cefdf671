//! What can go wrong with a history, in sentences that say what to do.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a history cannot be opened, read or written. No file is changed by a refusal.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no file to read.
    #[error("there is no history at {path}: record a call first, or name another file")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The folder it should be in is not there.
    #[error("cannot create the history {path}: its folder does not exist; create the folder or name another file")]
    NoFolder {
        /// The file.
        path: PathBuf,
    },
    /// The file, its folder or its file system cannot be written.
    #[error("the history {path} is read-only: make the file and its folder writable, or name another file")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "the history {path} is damaged ({detail}) and was left as it is: move it away to begin a new one, or rescue its \
         rows with: sqlite3 '{path}' .recover"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The file is something else.
    #[error("{path} is not a Sightline history and was left as it is: name another file")]
    NotAHistory {
        /// The file.
        path: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error(
        "the history {path} was written by a newer Sightline (format {found}, this one knows {known}) and was left as \
         it is: update Sightline, or name another file"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// An earlier version wrote it, and it cannot be brought up to date where it is.
    #[error(
        "the history {path} is of an older format ({found}, this program reads {known}) and read-only: copy it to a \
         folder that can be written and open it there"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format this program reads.
        known: u32,
    },
    /// The disk is full.
    #[error("the disk with the history {path} is full: free some space")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another program holds it.
    #[error("the history {path} is locked by another program: close what has it open")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The mark that a session is alive cannot be set.
    #[error("cannot create or lock a file beside the history {path}: {source}; name a file on a local disk")]
    Lock {
        /// The history.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no thread to write with.
    #[error("cannot start a thread to write the history {path}: {source}; close other programs and try again")]
    Thread {
        /// The history.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Anything else that SQLite reports.
    #[error("cannot use the history {path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A recorder records one session at a time.
    #[error("this recorder already records a session: finish it first")]
    SessionRunning,
    /// The writing thread is gone.
    #[error("the history {path} is not written any more: its thread has ended")]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// It is not there, or not any more.
    #[error("this call is not in the history any more: it was deleted")]
    NoSuchCall,
    /// What is being recorded is not deleted.
    #[error("this call is under way: leave it first, then delete it")]
    UnderWay,
    /// The export cannot be written.
    #[error("cannot write the export ({source}): free some space or choose another folder")]
    Export {
        /// What the system says.
        source: std::io::Error,
    },
    /// Not all could be written before the end.
    #[error("{count} entries could not be written to the history {path}: {cause}")]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// How many windows, events or stays.
        count: u64,
        /// The last error.
        cause: String,
    },
    /// It takes too long.
    #[error("the history {path} was not written in time{}", cause.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    Late {
        /// The file.
        path: PathBuf,
        /// The present trouble, if any is known.
        cause: Option<String>,
    },
}

impl HistoryError {
    /// Says what an error of SQLite means for the file.
    pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, detail: source.to_string() },
            Some(ErrorCode::NotADatabase) => Self::NotAHistory { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Whether writing again later may succeed.
pub(crate) fn may_pass(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
        )
    )
}
