//! What can go wrong in media, said so that a person knows what happened and what to do.

use std::io;
use std::path::PathBuf;

use crate::device::DeviceKind;

/// An error of capture, codecs, files or devices. Each reads as one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// A file could not be opened or read.
    #[error("cannot read {path}: {source}; check that the file exists and may be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file could not be made or written.
    #[error("cannot write {path}: {source}; check that the folder exists, may be written and has room")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file was read but is not what was expected.
    #[error("cannot use {path}: {problem}")]
    BadFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// There is no such device.
    #[error("no {kind} found{}; `sightline-headless devices` lists what there is", wanted(.name))]
    NoDevice {
        /// Camera, microphone or speaker.
        kind: DeviceKind,
        /// What was asked for; `None` for the default device.
        name: Option<String>,
    },
    /// A device is there but does not work.
    #[error("{kind} '{name}' does not work: {problem}; is another program using it?")]
    Device {
        /// Camera, microphone or speaker.
        kind: DeviceKind,
        /// Its name or id.
        name: String,
        /// What the system says.
        problem: String,
    },
    /// A codec refused its settings or its input.
    #[error("{codec}: {problem}")]
    Codec {
        /// For example `VP8 encoder`.
        codec: &'static str,
        /// What it says.
        problem: String,
    },
    /// A picture or setting is outside of what is supported.
    #[error("{0}")]
    Unsupported(String),
    /// The system gave no thread.
    #[error("cannot start a thread: {0}; the machine is out of memory or at its limit of threads")]
    Thread(io::Error),
}

fn wanted(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" that matches '{name}'")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_names_its_subject() {
        let missing = MediaError::NoDevice { kind: DeviceKind::Camera, name: Some("Logi".into()) };
        assert_eq!(
            missing.to_string(),
            "no camera found that matches 'Logi'; `sightline-headless devices` lists what there is"
        );
        let unreadable = MediaError::Read { path: "a.y4m".into(), source: io::Error::from(io::ErrorKind::NotFound) };
        assert!(unreadable.to_string().starts_with("cannot read a.y4m: "));
        assert!(!unreadable.to_string().contains('\n'));
    }
}
