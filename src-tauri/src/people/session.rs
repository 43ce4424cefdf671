//! The session of the account that somebody is signed in to.
//!
//! Invariant: the token is in a file of its own that only the user can read, and goes nowhere but to the server it is of: not
//! into the settings, not to the page, not into the log.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::file;

/// A name, an address and a token have some hundred bytes.
const MOST_BYTES: u64 = 16 * 1024;

/// Somebody who is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The server as it is set.
    pub(crate) server: String,
    /// The account's name.
    pub(crate) name: String,
    /// May look into everything there.
    #[serde(default)]
    pub(crate) admin: bool,
    /// Proves it.
    pub(crate) token: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("server", &self.server).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The session and the file it is in.
#[derive(Debug)]
pub(super) struct SessionFile {
    path: PathBuf,
    held: Mutex<Option<Session>>,
}

impl SessionFile {
    /// Reads the file, where there is one.
    pub(super) fn open(path: PathBuf) -> Self {
        let held = Mutex::new(file::read(&path, MOST_BYTES));
        Self { path, held }
    }

    /// The session at this server.
    pub(super) fn at(&self, server: &str) -> Option<Session> {
        self.lock().as_ref().filter(|session| session.server == server).cloned()
    }

    /// Keeps a session in the place of any other.
    pub(super) fn keep(&self, session: Session) -> io::Result<()> {
        let mut held = self.lock();
        file::write(&self.path, &session)?;
        *held = Some(session);
        Ok(())
    }

    /// Forgets the session.
    pub(super) fn forget(&self) -> io::Result<()> {
        *self.lock() = None;
        file::remove(&self.path)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(server: &str) -> Session {
        Session { server: server.into(), name: "ada".into(), admin: false, token: "very-secret".into() }
    }

    #[test]
    fn it_outlives_a_restart_is_for_its_server_and_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("session.json");
        let file = SessionFile::open(path.clone());
        assert_eq!(file.at("ws://one"), None);
        file.keep(session("ws://one")).unwrap();
        let again = SessionFile::open(path.clone());
        assert_eq!((again.at("ws://one"), again.at("ws://two")), (Some(session("ws://one")), None));
        again.forget().unwrap();
        again.forget().unwrap();
        assert!(!path.exists());
        assert_eq!(SessionFile::open(path).at("ws://one"), None);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it_and_it_does_not_show_itself() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("session.json");
        // What a crash left behind is no way in.
        std::fs::write(dir.path().join("session.json.new"), "old").unwrap();
        let file = SessionFile::open(path.clone());
        file.keep(session("ws://one")).unwrap();
        file.keep(session("ws://two")).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(!format!("{file:?}").contains("very-secret"));
    }

    #[test]
    fn what_is_no_session_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("session.json");
        for broken in ["{", "[]", &"x".repeat(20_000)] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(SessionFile::open(path.clone()).at(""), None);
            assert!(!path.exists() && dir.path().join("session.broken.json").exists());
        }
    }
}
