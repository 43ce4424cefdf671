//! Files that are written for people: exports of calls, pictures of charts.
//!
//! Invariant: no file that exists is ever written over, and none is opened that was not written here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sightline_history::{CallId, export_csv, export_json};

use super::find;
use crate::ipc::{Answer, ExportFormat, IpcError, WrittenFile};
use crate::words;

/// Names that are tried for a file: a person has exported the same call so often by then that the folder needs tidying.
const MAX_NAMES: u32 = 1000;
/// Files that can be opened again; the first ones are forgotten.
const REMEMBERED: usize = 100;

/// What was written since the start.
#[derive(Debug, Default)]
pub(crate) struct Written {
    paths: Mutex<VecDeque<PathBuf>>,
}

impl Written {
    /// Remembers a file.
    pub(crate) fn add(&self, path: PathBuf) -> WrittenFile {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if paths.len() == REMEMBERED {
            paths.pop_front();
        }
        paths.push_back(path.clone());
        WrittenFile { path: path.to_string_lossy().into_owned() }
    }

    /// The file of this path, if it was written here.
    pub(crate) fn find(&self, path: &str) -> Option<PathBuf> {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.iter().find(|known| known.to_string_lossy() == path).cloned()
    }
}

/// Exports a call into a folder; gives the file.
pub(crate) fn export(history: &Path, id: i64, format: ExportFormat, folder: &Path) -> Answer<PathBuf> {
    let (history, line) = find(history, id)?;
    let id = CallId(id);
    let extension = match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Json => "json",
    };
    write_new(folder, &words::file_stem(&line.code, line.started_ms), extension, |out| {
        match format {
            ExportFormat::Csv => export_csv(&history, id, out)?,
            ExportFormat::Json => export_json(&history, id, out)?,
        }
        Ok(())
    })
}

/// Writes a file of a name that is free; one that cannot be completed is removed.
pub(crate) fn write_new(
    folder: &Path,
    stem: &str,
    extension: &str,
    write: impl FnOnce(&mut dyn Write) -> Answer<()>,
) -> Answer<PathBuf> {
    let cannot = |error: io::Error| IpcError::file(words::cannot_write_into(folder, &error.to_string()));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let (path, file) = create(folder, stem, extension).map_err(cannot)?;
    let mut out = BufWriter::new(file);
    let written = write(&mut out).and_then(|()| out.flush().map_err(cannot));
    if let Err(error) = written {
        // Half a file helps nobody; one that cannot be removed either is at least told of.
        std::fs::remove_file(&path).ok();
        return Err(error);
    }
    Ok(path)
}

fn create(folder: &Path, stem: &str, extension: &str) -> io::Result<(PathBuf, File)> {
    for number in 1..=MAX_NAMES {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{stem}{suffix}.{extension}"));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{MAX_NAMES} files of the name {stem} are there already")))
}
