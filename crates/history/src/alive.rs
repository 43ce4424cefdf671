//! Tells a session that is being recorded from one whose process died.
//!
//! Invariant: for each session without an end there is a file beside the history, locked by the process that records
//! it. The system takes the lock back when the process ends, however it ends; process ids may come again, and a
//! heartbeat would declare a sleeping machine's sessions dead. The file is made, and looked at, only within a writing
//! transaction, so that nobody sees a session whose file is not locked yet.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held while a session is being recorded.
#[derive(Debug)]
pub(crate) struct Alive {
    file: File,
    path: PathBuf,
}

impl Alive {
    /// Marks the session with this token as alive.
    pub(crate) fn mark(history: &Path, token: &str) -> io::Result<Self> {
        let path = beside(history, token);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(error) => {
                drop(file);
                fs::remove_file(&path)?;
                Err(error.into())
            }
        }
    }

    /// Takes the mark away: the session has ended.
    pub(crate) fn end(self) {
        drop(self.file);
        remove(&self.path);
    }
}

/// Clears away the marks of processes that died.
pub(crate) fn clear_dead(history: &Path) -> io::Result<()> {
    let (Some(folder), Some(prefix)) = (history.parent(), beside(history, "").file_name().map(OsString::from)) else {
        return Ok(());
    };
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let token = name.to_str().zip(prefix.to_str()).and_then(|(name, prefix)| name.strip_prefix(prefix));
        if let Some(token) = token {
            is_alive(history, token)?;
        }
    }
    Ok(())
}

/// Whether some process records the session with this token; clears away the mark of one that died.
pub(crate) fn is_alive(history: &Path, token: &str) -> io::Result<bool> {
    let path = beside(history, token);
    let file = match OpenOptions::new().write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {
            drop(file);
            remove(&path);
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!("an empty file is left beside the history: {error}");
    }
}

fn beside(history: &Path, token: &str) -> PathBuf {
    let mut path = history.as_os_str().to_owned();
    path.push(format!("-live-{token}"));
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_while_held_and_dead_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("h.sqlite");
        let alive = Alive::mark(&history, "t").unwrap();
        assert!(is_alive(&history, "t").unwrap());
        assert!(!is_alive(&history, "another").unwrap());
        clear_dead(&history).unwrap();
        assert!(is_alive(&history, "t").unwrap());
        drop(alive); // as the system does for a process that died: unlocked, but still there
        assert!(beside(&history, "t").exists());
        assert!(!is_alive(&history, "t").unwrap());
        assert!(!beside(&history, "t").exists(), "cleared away");
    }

    #[test]
    fn what_a_crash_left_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("h.sqlite");
        fs::write(&history, "").unwrap();
        drop(Alive::mark(&history, "dead").unwrap());
        let alive = Alive::mark(&history, "alive").unwrap();
        clear_dead(&history).unwrap();
        assert!(!beside(&history, "dead").exists() && history.exists());
        assert!(is_alive(&history, "alive").unwrap());
        alive.end();
    }

    #[test]
    fn an_end_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("h.sqlite");
        Alive::mark(&history, "t").unwrap().end();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
