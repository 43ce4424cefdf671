//! Where settings are given, and which of them counts.
//!
//! Whatever the place, a value becomes text and is read by the parser of the flag of that name: what is allowed cannot
//! differ between a flag, a variable and a file.

use std::{
    collections::BTreeMap,
    error::Error as _,
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail, ensure};
use clap::{ArgAction, ArgMatches, parser::ValueSource};
use toml::{Spanned, Value};

use super::{CommandFactory, FromArgMatches, Options, SECRETS};

/// Longest configuration file that is read; a hundred times what anybody writes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// How the names of our variables begin.
pub(super) const PREFIX: &str = "SIGHTLINE_";

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Environment(String),
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment(variable) => write!(f, "environment, {variable}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A setting's values and where they are from.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) origin: Origin,
    pub(super) values: Vec<OsString>,
}

/// A setting as there may be one.
#[derive(Debug)]
pub(super) struct Setting {
    id: String,
    pub(super) key: String,
    /// It may be given several times.
    many: bool,
    pub(super) defaults: Vec<String>,
}

/// All there are, in the order of the help.
pub(super) fn settings() -> Vec<Setting> {
    let command = Options::command();
    let arguments =
        command.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "config" | "check_config"));
    let setting = |argument: &clap::Arg| {
        Some(Setting {
            id: argument.get_id().to_string(),
            key: argument.get_long()?.to_owned(),
            many: matches!(argument.get_action(), ArgAction::Append),
            defaults: argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect(),
        })
    };
    arguments.filter_map(setting).collect()
}

/// The variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// How errors name a setting that was given.
pub(super) fn place(given: &BTreeMap<String, Given>, key: &str) -> String {
    place_of(given.get(key).map_or(&Origin::Default, |given| &given.origin), key)
}

pub(super) fn place_of(origin: &Origin, key: &str) -> String {
    match origin {
        Origin::Default => format!("default of {key}"),
        Origin::File { .. } => format!("{origin}, {key}"),
        Origin::Environment(_) => origin.to_string(),
        Origin::Flag => format!("flag --{key}"),
    }
}

/// A variable's value; an empty one is as good as none, as scripts often leave them.
pub(super) fn lookup<'a>(environment: &'a BTreeMap<OsString, OsString>, variable: &str) -> Option<&'a OsString> {
    environment.get(OsStr::new(variable)).filter(|value| !value.is_empty())
}

/// Each setting that is given, by the place that counts most.
pub(super) fn collect(
    flags: &ArgMatches,
    environment: &BTreeMap<OsString, OsString>,
) -> anyhow::Result<BTreeMap<String, Given>> {
    let by_flag = flags.get_one::<PathBuf>("config").cloned();
    let path = by_flag.or_else(|| lookup(environment, &variable("config")).map(PathBuf::from));
    let mut given = match path {
        Some(path) => from_file(&path)?,
        None => BTreeMap::new(),
    };
    for setting in settings() {
        let variable = variable(&setting.key);
        if let Some(value) = lookup(environment, &variable) {
            let values = match value.to_str() {
                Some(text) if setting.many => text.split_whitespace().map(OsString::from).collect(),
                _ => vec![value.clone()],
            };
            given.insert(setting.key.clone(), Given { origin: Origin::Environment(variable), values });
        }
        if flags.value_source(&setting.id) == Some(ValueSource::CommandLine) {
            let values = flags.get_raw(&setting.id).into_iter().flatten().map(OsStr::to_owned).collect();
            given.insert(setting.key, Given { origin: Origin::Flag, values });
        }
    }
    Ok(given)
}

/// Reads what was given.
pub(super) fn parse(given: &BTreeMap<String, Given>, check: bool) -> anyhow::Result<Options> {
    let mut arguments = vec![OsString::from(env!("CARGO_PKG_NAME"))];
    if check {
        arguments.push("--check-config".into());
    }
    for (key, Given { origin, values }) in given {
        for value in values {
            let mut argument = OsString::from(format!("--{key}="));
            argument.push(value);
            let alone = [OsString::from(env!("CARGO_PKG_NAME")), argument.clone()];
            Options::command()
                .try_get_matches_from(alone)
                .map_err(|error| anyhow!("{}: {}", place_of(origin, key), reason(&error)))?;
            arguments.push(argument);
        }
    }
    // Each was read by itself, and none forbids another.
    let matches = Options::command().try_get_matches_from(arguments)?;
    Ok(Options::from_arg_matches(&matches)?)
}

/// What is wrong with a value, without the name of a flag that nobody gave.
fn reason(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn from_file(path: &Path) -> anyhow::Result<BTreeMap<String, Given>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut text = String::new();
    let file = File::open(path).with_context(cannot)?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).with_context(cannot)?;
    ensure!(text.len() as u64 <= MAX_FILE_BYTES, "{} is too long to be a configuration", path.display());
    let line_at = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let entries: BTreeMap<Spanned<String>, Value> = toml::from_str(&text).map_err(|error| {
        let line = line_at(error.span().map_or(0, |span| span.start));
        anyhow!("{}, line {line}: {}", path.display(), error.message().lines().next().unwrap_or_default())
    })?;
    let known = settings();
    let mut given = BTreeMap::new();
    for (key, value) in entries {
        let origin = Origin::File { path: path.to_owned(), line: line_at(key.span().start) };
        let key = key.into_inner();
        let place = place_of(&origin, &key);
        if SECRETS.iter().any(|kind| kind.name == key) {
            bail!("{place}: a secret does not belong here; put it into a file of its own and name that as {key}-file");
        }
        let Some(setting) = known.iter().find(|setting| setting.key == key) else {
            let nearest = nearest(&key, known.iter().map(|setting| setting.key.as_str()));
            bail!("{place}: there is no such setting; did you mean {nearest}?");
        };
        let values: Option<Vec<OsString>> = match &value {
            Value::Array(values) if setting.many => values.iter().map(text_of).collect(),
            value => text_of(value).map(|value| vec![value]),
        };
        let Some(values) = values else {
            let wanted = if setting.many { "texts or numbers" } else { "a text or a number" };
            bail!("{place}: the value must be {wanted}, and not empty");
        };
        given.insert(key, Given { origin, values });
    }
    Ok(given)
}

/// A value as it would stand behind a flag.
fn text_of(value: &Value) -> Option<OsString> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.into()),
        Value::Integer(number) => Some(number.to_string().into()),
        Value::Boolean(whether) => Some(whether.to_string().into()),
        _ => None,
    }
}

/// What is most like a name that nobody knows.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let likeness = |known: &str| strsim::jaro_winkler(&name, known);
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}

/// Variables that look like ours and are none: said, but not refused, since others may have chosen the same beginning.
pub(super) fn unknown_variables(environment: &BTreeMap<OsString, OsString>) -> Vec<String> {
    let keys = settings().into_iter().map(|setting| setting.key);
    let secrets = SECRETS.iter().map(|kind| kind.name.to_owned());
    let known: Vec<String> = keys.chain(secrets).chain(["config".to_owned()]).collect();
    let names = environment.keys().filter_map(|name| name.to_str()).filter_map(|name| name.strip_prefix(PREFIX));
    let unknown = names.filter(|name| known.iter().all(|key| variable(key) != format!("{PREFIX}{name}")));
    unknown
        .map(|name| {
            let nearest = variable(nearest(name, known.iter().map(String::as_str)));
            format!("environment, {PREFIX}{name}: there is no such setting, it is ignored; did you mean {nearest}?")
        })
        .collect()
}
