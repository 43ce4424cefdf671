//! The settings file.
//!
//! Invariant: the file is whole at any time, for it is replaced and never written into; one that cannot be read is kept
//! aside and told of, never overwritten. What is in memory is always within the bounds of [`checked`].

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sightline_protocol::limits::NAME_CHARS;

use crate::ipc::{Answer, IpcError, Settings};
use crate::words;

/// A file of settings has some hundred bytes; what is longer is something else, and not read.
const MAX_BYTES: u64 = 64 * 1024;
/// Broken files that are kept aside; the oldest name is used again after that.
const MAX_KEPT: u32 = 9;

/// Lines of a picture that can be chosen.
pub(crate) const HEIGHTS: [u32; 4] = [180, 360, 720, 1080];
/// Most kbit/s of a picture that can be chosen.
pub(crate) const KBPS: std::ops::RangeInclusive<u32> = 50..=20_000;
/// A hundred years are for ever.
const MAX_DAYS: u32 = 36_500;
/// No address and no device id is longer.
const MAX_TEXT: usize = 1024;

/// The settings and the file they are in.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    settings: Mutex<Settings>,
    problem: Option<String>,
}

impl SettingsFile {
    /// Reads the file; without one there are the defaults.
    pub(crate) fn open(path: PathBuf) -> Self {
        let (settings, problem) = match read(&path) {
            Ok(Some(settings)) => (settings, None),
            Ok(None) => (Settings::default(), None),
            Err(why) => (Settings::default(), Some(keep_aside(&path, &why))),
        };
        Self { path, settings: Mutex::new(settings), problem }
    }

    /// What became of a file that could not be read.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    /// The settings as they are.
    pub(crate) fn get(&self) -> Settings {
        self.lock().clone()
    }

    /// Checks and keeps new settings; gives them as they are kept.
    pub(crate) fn set(&self, settings: Settings) -> Answer<Settings> {
        let settings = checked(settings).map_err(IpcError::bad_input)?;
        let mut held = self.lock();
        write(&self.path, &settings)
            .map_err(|error| IpcError::file(words::settings::not_written(&self.path, &error.to_string())))?;
        *held = settings.clone();
        Ok(settings)
    }

    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The settings made fit: trimmed where that is harmless, refused with a sentence where it is not.
fn checked(mut settings: Settings) -> Result<Settings, String> {
    settings.name = settings.name.trim().to_owned();
    settings.server = settings.server.trim().to_owned();
    if settings.name.chars().count() > NAME_CHARS || settings.name.chars().any(char::is_control) {
        return Err(words::settings::name(NAME_CHARS));
    }
    let texts = [&settings.server, &settings.camera, &settings.microphone, &settings.speaker];
    if texts.iter().any(|text| text.len() > MAX_TEXT) {
        return Err(words::settings::TOO_LONG.to_owned());
    }
    if !HEIGHTS.contains(&settings.max_height) {
        return Err(words::settings::height(&HEIGHTS));
    }
    if !KBPS.contains(&settings.max_kbps) {
        return Err(words::settings::kbps(KBPS));
    }
    if settings.keep_days > MAX_DAYS {
        return Err(words::settings::days(MAX_DAYS));
    }
    Ok(settings)
}

fn read(path: &Path) -> Result<Option<Settings>, String> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(found) if found.len() > MAX_BYTES => return Err(words::settings::NO_SETTINGS.to_owned()),
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let settings = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    checked(settings).map(Some)
}

/// Moves a file that cannot be read out of the way; gives the sentence that says so.
fn keep_aside(path: &Path, why: &str) -> String {
    let aside = (1..=MAX_KEPT).map(|number| path.with_extension(format!("broken-{number}.json")));
    let free = aside.clone().find(|candidate| !candidate.exists()).or_else(|| aside.clone().next());
    let kept = free.and_then(|to| std::fs::rename(path, &to).ok().map(|()| to));
    match kept {
        Some(to) => words::settings::kept_aside(why, &to),
        None => words::settings::unreadable(why, path),
    }
}

/// Writes beside the file, then takes its place: whoever reads, finds the old one or the new one.
fn write(path: &Path, settings: &Settings) -> io::Result<()> {
    let text = serde_json::to_string_pretty(settings).map_err(io::Error::other)?;
    let beside = path.with_extension("json.new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::Theme;

    fn file(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("settings.json")
    }

    #[test]
    fn what_was_set_is_there_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let settings = SettingsFile::open(file(&dir));
        assert_eq!((settings.get(), settings.problem()), (Settings::default(), None));
        let new = Settings { name: " Ada ".into(), theme: Theme::Dark, max_height: 360, ..Settings::default() };
        let kept = settings.set(new).unwrap();
        assert_eq!(kept.name, "Ada");
        let again = SettingsFile::open(file(&dir));
        assert_eq!((again.get(), again.problem()), (kept, None));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn what_is_out_of_bounds_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let settings = SettingsFile::open(file(&dir));
        for wrong in [
            Settings { name: "x".repeat(65), ..Settings::default() },
            Settings { name: "a\nb".into(), ..Settings::default() },
            Settings { max_height: 719, ..Settings::default() },
            Settings { max_kbps: 1, ..Settings::default() },
            Settings { keep_days: 40_000, ..Settings::default() },
            Settings { camera: "x".repeat(2000), ..Settings::default() },
        ] {
            assert!(settings.set(wrong).is_err());
        }
        assert_eq!(settings.get(), Settings::default());
        assert!(!file(&dir).exists());
    }

    #[test]
    fn a_broken_file_is_kept_and_told_of() {
        let dir = tempfile::tempdir().unwrap();
        for (turn, broken) in
            ["{\"name\": \"Ada\"", "[7]", "{\"maxHeight\": 3}", "{\"theme\": \"blue\"}"].iter().enumerate()
        {
            std::fs::write(file(&dir), broken).unwrap();
            let settings = SettingsFile::open(file(&dir));
            assert_eq!(settings.get(), Settings::default());
            let problem = settings.problem().expect("told of");
            let kept = dir.path().join(format!("settings.broken-{}.json", turn + 1));
            assert!(problem.contains(&kept.display().to_string()), "{problem}");
            assert_eq!(std::fs::read_to_string(kept).unwrap(), *broken);
            assert!(!file(&dir).exists());
        }
        std::fs::write(file(&dir), vec![b' '; 70_000]).unwrap();
        assert!(SettingsFile::open(file(&dir)).problem().is_some_and(|problem| problem.contains("too long")));
    }

    #[test]
    fn a_file_of_an_older_version_gets_the_new_defaults() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(file(&dir), r#"{"name": "Ada", "somethingElse": 1}"#).unwrap();
        let settings = SettingsFile::open(file(&dir));
        assert_eq!(settings.get(), Settings { name: "Ada".into(), ..Settings::default() });
        assert_eq!(settings.problem(), None);
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let settings = SettingsFile::open("/nowhere/at/all/settings.json".into());
        let error = settings.set(Settings::default()).unwrap_err();
        assert!(error.message.contains("/nowhere/at/all/settings.json"), "{error}");
    }
}
