//! Small JSON files in the app's folder, for the user alone.
//!
//! Invariant: a file is whole at any time, for it is replaced and never written into; nobody else may read it, from its
//! first byte on (mode 0600; elsewhere than on Unix the user's folder is closed to others).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

/// Reads a file of at most so many bytes; `None` where there is none. What cannot be read is put aside under the name with
/// `broken` in it, and there is none then.
pub(super) fn read<T: DeserializeOwned>(path: &Path, most: u64) -> Option<T> {
    match read_whole(path, most) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let aside = path.with_extension("broken.json");
            tracing::warn!("{} cannot be read ({error}); it is kept as {}", path.display(), aside.display());
            if let Err(error) = std::fs::rename(path, &aside) {
                tracing::warn!("{} cannot be put aside ({error})", path.display());
            }
            None
        }
    }
}

fn read_whole<T: DeserializeOwned>(path: &Path, most: u64) -> io::Result<T> {
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other("it is too long to be one"));
    }
    serde_json::from_str(&text).map_err(io::Error::other)
}

/// Writes beside the file, then takes its place.
pub(super) fn write(path: &Path, content: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(content).map_err(io::Error::other)?;
    let beside = path.with_extension("json.new");
    // One that a crash left behind may be open to others.
    remove(&beside)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)
}

/// Removes a file, where there is one.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
