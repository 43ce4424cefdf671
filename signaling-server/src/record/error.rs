//! What can go wrong, in words for those who must do something about it.

use rusqlite::ErrorCode as Sqlite;
use sightline_protocol::logs::LOG_SCHEMA;

/// Why a batch is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The client is newer, or older than anything that is read.
    #[error("The batch has schema {found} and this server reads {LOG_SCHEMA}; update the older of the two.")]
    Version {
        /// The batch's.
        found: u16,
    },
    /// Longer than is taken.
    #[error("The batch has {found} bytes; at most {most} are taken. Send it in parts.")]
    TooLarge {
        /// Its length.
        found: usize,
        /// Greatest length.
        most: usize,
    },
    /// Something in it is out of its bounds. Sending it again is of no use.
    #[error("The batch is refused: {0}.")]
    Invalid(String),
    /// There is no such room in the record: perhaps the record is one of before the room.
    #[error("There is no record of this room.")]
    UnknownRoom,
    /// An admin deleted the call. Sending more of it is of no use.
    #[error("This call was deleted. Drop what belongs to it.")]
    Deleted,
    /// It contradicts what was stored before.
    #[error("The batch is refused: {0}.")]
    Conflict(String),
    /// Too much is waiting, or somebody else has the database.
    #[error("The server cannot store records at the moment, as its database is busy. Try again later.")]
    Busy,
    /// There is no room on the disk.
    #[error("The server cannot store records, as its disk is full. Its operator must make room; try again later.")]
    Full,
    /// The server is going down.
    #[error("The server is going down and stores no more records. Try again when it is back.")]
    Closed,
    /// Something else about the file.
    #[error("The server cannot store records: {0}. Its operator must look at the database; try again later.")]
    Failed(String),
}

impl IngestError {
    /// Whether it is the batch that is wrong, so that sending it again is of no use; else the server has trouble and the
    /// batch should come again (503).
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Version { .. }
            | Self::TooLarge { .. }
            | Self::Invalid(_)
            | Self::UnknownRoom
            | Self::Deleted
            | Self::Conflict(_) => true,
            Self::Busy | Self::Full | Self::Closed | Self::Failed(_) => false,
        }
    }
}

impl From<rusqlite::Error> for IngestError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(Sqlite::DiskFull) => Self::Full,
            Some(Sqlite::DatabaseBusy | Sqlite::DatabaseLocked) => Self::Busy,
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Why something of the record cannot be read or removed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is no such call.
    #[error("There is no record of this call; it was deleted, or nobody was ever in the room.")]
    UnknownCall,
    /// Another process has the database.
    #[error("The database is busy. Try again in a moment.")]
    Busy,
    /// There is no room on the disk.
    #[error("The server's disk is full. Its operator must make room.")]
    Full,
    /// The thread that writes is gone.
    #[error("The server is going down.")]
    Closed,
    /// Something else about the file.
    #[error("The server's record cannot be used: {0}. Its operator must look at the database.")]
    Failed(String),
}

impl From<rusqlite::Error> for RecordError {
    fn from(error: rusqlite::Error) -> Self {
        match IngestError::from(error) {
            IngestError::Busy => Self::Busy,
            IngestError::Full => Self::Full,
            other => match other {
                IngestError::Failed(detail) => Self::Failed(detail),
                other => Self::Failed(other.to_string()),
            },
        }
    }
}
