//! Files that cannot be used: a clear sentence, and not a byte changed.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use sightline_history::{History, HistoryError, Recorder};

use crate::bench::{Clock, EVER, Place, START_MS, incoming_video, only_session, start};

/// A place with a finished session of 15 s.
fn recorded() -> Place {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    (0..=15).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
    recorder.finish("left", START_MS + 15_000).unwrap();
    place
}

/// Asserts that neither a recorder nor a history opens the file, that both say this, and that it stays as it is.
#[track_caller]
fn refused(path: &Path, says: &str) {
    let before = fs::read(path).unwrap();
    for error in [Recorder::open(path).unwrap_err(), History::open(path).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains(says), "{text}");
        assert!(text.contains(path.to_str().unwrap()), "names the file: {text}");
    }
    assert_eq!(fs::read(path).unwrap(), before, "the file is as it was");
}

#[test]
fn a_file_that_is_no_database() {
    let place = Place::new();
    fs::write(&place.path, "Dear diary, today I called Ada.\n".repeat(100)).unwrap();
    refused(&place.path, "is not a Sightline history and was left as it is: name another file");
}

#[test]
fn a_database_of_another_program() {
    let place = Place::new();
    place.raw().execute_batch("CREATE TABLE bookmark (url TEXT); INSERT INTO bookmark VALUES ('x');").unwrap();
    refused(&place.path, "is not a Sightline history");
}

#[test]
fn a_file_from_a_newer_version() {
    let place = recorded();
    place.raw().pragma_update(None, "user_version", 99).unwrap();
    refused(&place.path, "was written by a newer Sightline (format 99, this one knows 3)");
    refused(&place.path, "update Sightline");
}

#[test]
fn a_file_that_was_overwritten_in_part() {
    let place = recorded();
    let mut bytes = fs::read(&place.path).unwrap();
    let from = 4096;
    bytes[from..].iter_mut().for_each(|byte| *byte = 0xA5);
    fs::write(&place.path, bytes).unwrap();
    refused(&place.path, "is damaged");
    refused(&place.path, "move it away to begin a new one");
}

#[test]
fn a_file_that_was_cut_off() {
    let place = recorded();
    let length = fs::metadata(&place.path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&place.path).unwrap().set_len(length / 2).unwrap();
    refused(&place.path, "is damaged");
}

#[test]
fn no_file_and_no_folder() {
    let place = Place::new();
    let error = History::open(&place.path).unwrap_err();
    assert!(matches!(error, HistoryError::Missing { .. }), "{error}");
    assert!(!place.path.exists(), "reading makes no file");
    let nowhere = place.folder.path().join("not").join("there.sqlite");
    let error = Recorder::open(&nowhere).unwrap_err();
    assert!(error.to_string().contains("create the folder or name another file"), "{error}");
    let error = Recorder::open(place.folder.path()).unwrap_err();
    assert!(error.to_string().contains("cannot use the history"), "a folder is no file: {error}");
}

#[test]
fn an_empty_file_becomes_a_history() {
    let place = Place::new();
    fs::write(&place.path, "").unwrap();
    drop(place.recorder());
    assert_eq!(place.history().calls(10, 0).unwrap(), []);
}

#[test]
fn a_read_only_file_is_read_and_not_written() {
    let place = recorded();
    let mut permissions = fs::metadata(&place.path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&place.path, permissions).unwrap();
    let before = fs::read(&place.path).unwrap();
    let error = Recorder::open(&place.path).unwrap_err();
    assert!(matches!(error, HistoryError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("is read-only: make the file and its folder writable"), "{error}");
    let history = place.history();
    let session = only_session(&history);
    assert_eq!(history.samples(&incoming_video(&history, &session), EVER).unwrap().len(), 1);
    assert_eq!(fs::read(&place.path).unwrap(), before);
}

/// As a user who may not write there, which the super-user always may: the test runs itself again as another user.
#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_read_and_not_written() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65_534;
    if let Some(path) = std::env::var_os("SIGHTLINE_TEST_READ_ONLY") {
        let path = Path::new(&path);
        let error = Recorder::open(path).unwrap_err();
        assert!(matches!(error, HistoryError::ReadOnly { .. }), "{error}");
        let session = only_session(&History::open(path).unwrap());
        assert_eq!(session.end_reason.as_deref(), Some("left"));
        let new = path.with_file_name("new.sqlite");
        let error = Recorder::open(&new).unwrap_err();
        assert!(matches!(error, HistoryError::ReadOnly { .. }), "{error}");
        return;
    }
    let place = recorded();
    // Where everybody may read: the build folder may be closed to others.
    let program = place.folder.path().join("test-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut again = std::process::Command::new(&program);
    again.args(["--exact", "refusal::a_folder_that_may_not_be_written_is_read_and_not_written"]);
    again.env("SIGHTLINE_TEST_READ_ONLY", &place.path);
    if fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid()) == 0 {
        again.uid(NOBODY).gid(NOBODY);
    }
    let output = again.output().unwrap();
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn names_with_odd_characters_are_fine() {
    let place = Place::new();
    let path = place.folder.path().join("a ?b#c%d'é.sqlite");
    drop(Recorder::open(&path).unwrap());
    assert!(path.exists());
    assert_eq!(History::open(&path).unwrap().calls(1, 0).unwrap(), []);
    assert!(Connection::open(&path).is_ok());
}
