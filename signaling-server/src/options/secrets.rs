//! Secrets, each from a file of its own or from the environment.

use std::{collections::BTreeMap, ffi::OsString, fs::File, io::Read, path::Path};

use anyhow::{Context, bail, ensure};
use sightline_server::Secret;

use super::layers::{Given, Origin, lookup, place_of, variable};

/// Longest secret. What is longer is another file.
const MAX_BYTES: u64 = 4096;

/// One of the secrets there may be.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its variable is named by it; the setting with its file has `-file` behind it.
    pub(super) name: &'static str,
    /// Fewer bytes are refused.
    pub(super) shortest: usize,
    /// Fewer bytes are warned of.
    pub(super) advised: usize,
}

impl Kind {
    pub(super) fn file_key(&self) -> String {
        format!("{}-file", self.name)
    }
}

/// A secret that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) secret: Secret,
    /// The file or the variable it is in.
    pub(super) place: String,
    /// How errors name the setting that led to it.
    pub(super) origin_of_key: String,
}

/// Flags go before the environment, and that before the file, as with all settings.
pub(super) fn find(
    kind: &Kind,
    given: &BTreeMap<String, Given>,
    environment: &BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Option<Found>> {
    let key = kind.file_key();
    let own = variable(kind.name);
    let file = given.get(&key).and_then(|given| Some((&given.origin, Path::new(given.values.last()?))));
    let found = match (file, environment.get(&OsString::from(&own))) {
        (None, None) => return Ok(None),
        (Some((Origin::Environment(other), _)), Some(_)) if lookup(environment, &own).is_some() => {
            bail!("environment, {own}: {other} is set too; only one of them can count")
        }
        (Some((origin @ (Origin::Flag | Origin::Environment(_)), path)), _) => from_file(origin, &key, path, warnings)?,
        (_, Some(value)) => {
            let origin_of_key = format!("environment, {own}");
            let text = value.to_str().with_context(|| format!("{origin_of_key}: it is not UTF-8"))?.trim().to_owned();
            Found { secret: Secret::new(text), place: own, origin_of_key }
        }
        (Some((origin, path)), None) => from_file(origin, &key, path, warnings)?,
    };
    let (length, place) = (found.secret.expose().len(), &found.origin_of_key);
    ensure!(length > 0, "{place}: {} is empty; it must hold the secret", found.place);
    ensure!(
        length >= kind.shortest,
        "{place}: {} has {length} bytes; {} must have at least {} (try: openssl rand -base64 48)",
        found.place,
        kind.name,
        kind.shortest
    );
    if length < kind.advised {
        warnings.push(format!(
            "{place}: {} has only {length} bytes and may be guessed; {} should have at least {}",
            found.place, kind.name, kind.advised
        ));
    }
    Ok(Some(found))
}

fn from_file(origin: &Origin, key: &str, path: &Path, warnings: &mut Vec<String>) -> anyhow::Result<Found> {
    let origin_of_key = place_of(origin, key);
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    read.with_context(|| format!("{origin_of_key}: cannot read {}", path.display()))?;
    ensure!(text.len() as u64 <= MAX_BYTES, "{origin_of_key}: {} is too long to be a secret", path.display());
    warnings.extend(readable_by_others(path));
    Ok(Found { secret: Secret::new(text.trim()), place: path.display().to_string(), origin_of_key })
}

/// A word about a file with a secret that every user of this machine can read.
#[cfg(unix)]
pub(super) fn readable_by_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let path = path.display();
    (mode & 0o004 != 0)
        .then(|| format!("every user of this machine can read {path}, which is secret; chmod o-r {path}"))
}

/// Elsewhere files have no such mode.
#[cfg(not(unix))]
pub(super) fn readable_by_others(_path: &Path) -> Option<String> {
    None
}
