//! Where the app keeps what.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders; they exist.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    data: PathBuf,
    exports: PathBuf,
}

impl Folders {
    /// Makes the folder for data; that for exports is made when something is exported.
    pub(crate) fn make(data: PathBuf, exports: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&data)
            .with_context(|| format!("cannot create the folder {}; choose one with --data-dir", data.display()))?;
        Ok(Self { data, exports })
    }

    /// The record of all calls.
    pub(crate) fn history(&self) -> PathBuf {
        self.data.join("history.sqlite")
    }

    /// What was set.
    pub(crate) fn settings(&self) -> PathBuf {
        self.data.join("settings.json")
    }

    /// The session of an account.
    pub(crate) fn session(&self) -> PathBuf {
        self.data.join("session.json")
    }

    /// The address book.
    pub(crate) fn people(&self) -> PathBuf {
        self.data.join("people.json")
    }

    /// Rooms of the server inside the app.
    pub(crate) fn rooms(&self) -> PathBuf {
        self.data.join("rooms.sqlite")
    }

    /// Where exports go.
    pub(crate) fn exports(&self) -> &Path {
        &self.exports
    }
}
