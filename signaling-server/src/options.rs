//! How the program is told what to do: by flags, the environment and a file, in this order of precedence.
//!
//! Invariant: a setting has one name, one parser and one description wherever it is given, those of [`Settings`]; and every
//! error says where it was given. Secrets come from files of their own or from the environment: command lines are there
//! for everybody to read.

mod layers;
mod secrets;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ffi::OsString, fmt::Write as _, net::SocketAddr, path::PathBuf};

use anyhow::{Context, bail};
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use ipnet::IpNet;
use sightline_protocol::IceServer;
use sightline_server::{Accounts, Config, TOKEN_SECRET_BYTES, Tls, Turn, WebUrl};

use layers::{Given, Origin};
use secrets::Kind;

/// A century. Times of what is that old are no longer told apart from mistakes.
const MOST_DAYS: i64 = 36_500;

/// Signaling server for Sightline calls. RUST_LOG sets what is logged (default: info).
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Each option but --check-config may also be given in the environment, as SIGHTLINE_ and its name \
                  (SIGHTLINE_MAX_PARTICIPANTS=4; lists are separated by spaces), and each of those but --config in the \
                  TOML file (max-participants = 4; lists in brackets). Flags go before the environment, and that before \
                  the file. Secrets may stand in the environment themselves: SIGHTLINE_ADMIN_TOKEN, \
                  SIGHTLINE_TOKEN_SECRET, SIGHTLINE_TURN_SECRET."
)]
struct Options {
    /// TOML file with settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say what would be used, and whether it can be, and end
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct Settings {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7788")]
    listen: SocketAddr,
    /// SQLite file that keeps rooms, accounts and the record over a restart; without it there is no record, and the rest is
    /// in memory
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// What is recorded is deleted after so many days; without it it is kept
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS))]
    keep_days: Option<u32>,
    /// Most members of a room at a time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=64))]
    max_participants: u32,
    /// Whether people have accounts: off, optional, required
    #[arg(long, value_name = "WHETHER", default_value = "off")]
    accounts: Accounts,
    /// Certificate to speak TLS with, and those up to the root, as PEM; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key, as PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Proxy, or network of them, whose Forwarded or X-Forwarded-For counts; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = network)]
    trust_proxy: Vec<IpNet>,
    /// Where people reach this server, for links
    #[arg(long, value_name = "URL")]
    public_url: Option<WebUrl>,
    /// Where people get the app, for the page of an invitation
    #[arg(long, value_name = "URL")]
    app_url: Option<WebUrl>,
    /// STUN or TURN server for the clients; may be given several times
    #[arg(long = "ice-server", value_name = "URL[,USER,CREDENTIAL]", value_parser = ice_server)]
    ice_servers: Vec<IceServer>,
    /// TURN server that knows no users but a secret; may be given several times
    #[arg(long = "turn-server", value_name = "turn:HOST[:PORT]", value_parser = turn_url)]
    turn_servers: Vec<String>,
    /// File with that secret (coturn: use-auth-secret, static-auth-secret)
    #[arg(long, value_name = "FILE")]
    turn_secret_file: Option<PathBuf>,
    /// File with the token that opens everything to whoever has it
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// File with the secret that signs room tokens, at least 32 bytes; without it one is made and kept in the database
    #[arg(long, value_name = "FILE")]
    token_secret_file: Option<PathBuf>,
}

const ADMIN_TOKEN: Kind = Kind { name: "admin-token", shortest: 1, advised: 16 };
const TOKEN_SECRET: Kind = Kind { name: "token-secret", shortest: TOKEN_SECRET_BYTES, advised: TOKEN_SECRET_BYTES };
const TURN_SECRET: Kind = Kind { name: "turn-secret", shortest: 1, advised: 1 };
const SECRETS: [&Kind; 3] = [&ADMIN_TOKEN, &TOKEN_SECRET, &TURN_SECRET];

/// What came of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// What to say before starting.
    pub(crate) warnings: Vec<String>,
    /// Only say [`Self::report`], and end.
    pub(crate) check: bool,
    /// What is used and where it is from, a line each, without secrets.
    pub(crate) report: String,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong, or asks for help.
    Usage(clap::Error),
    /// A setting is wrong, and says where it is from.
    Setting(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Setting(error)
    }
}

/// Puts together what there is. `arguments` begin with the program's name.
pub(crate) fn load(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<Loaded, Failure> {
    let flags = Options::command().try_get_matches_from(arguments).map_err(Failure::Usage)?;
    let mut warnings = layers::unknown_variables(environment);
    let given = layers::collect(&flags, environment)?;
    let options = layers::parse(&given, flags.get_flag("check_config"))?;
    let mut report = String::new();
    let config = config(options.settings, &given, environment, &mut report, &mut warnings)?;
    Ok(Loaded { config, warnings, check: options.check_config, report })
}

fn config(
    settings: Settings,
    given: &BTreeMap<String, Given>,
    environment: &BTreeMap<OsString, OsString>,
    report: &mut String,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Config> {
    let mut secret = |kind| secrets::find(kind, given, environment, warnings);
    let (admin_token, token_secret, turn_secret) =
        (secret(&ADMIN_TOKEN)?, secret(&TOKEN_SECRET)?, secret(&TURN_SECRET)?);
    for setting in layers::settings() {
        if SECRETS.iter().any(|kind| kind.file_key() == setting.key) {
            continue;
        }
        let (values, origin) = match given.get(&setting.key) {
            Some(given) => (given.values.iter().map(|value| shown(&setting.key, value)).collect(), &given.origin),
            None => (setting.defaults, &Origin::Default),
        };
        let values = if values.is_empty() { "(none)".to_owned() } else { values.join(" ") };
        // Writing to a string does not fail.
        writeln!(report, "{} = {values}   # {origin}", setting.key).ok();
    }
    for (kind, found) in SECRETS.into_iter().zip([&admin_token, &token_secret, &turn_secret]) {
        let state = found.as_ref().map_or("(none)".to_owned(), |found| format!("(set, from {})", found.place));
        writeln!(report, "{} = {state}", kind.name).ok();
    }
    let turn = match (turn_secret, settings.turn_servers) {
        (None, urls) if urls.is_empty() => None,
        (None, _) => bail!("{}: needs turn-secret-file with it", layers::place(given, "turn-server")),
        (Some(found), urls) if urls.is_empty() => bail!("{}: needs turn-server with it", found.origin_of_key),
        (Some(found), urls) => Some(Turn { urls, secret: found.secret.expose().to_owned() }),
    };
    let tls = match (settings.tls_cert, settings.tls_key) {
        (None, None) => None,
        (Some(_), None) => bail!("{}: needs tls-key with it", layers::place(given, "tls-cert")),
        (None, Some(_)) => bail!("{}: needs tls-cert with it", layers::place(given, "tls-key")),
        (Some(cert), Some(key)) => {
            let tls = Tls { cert, key };
            sightline_server::check_tls(&tls).with_context(|| {
                format!("{}, {}", layers::place(given, "tls-cert"), layers::place(given, "tls-key"))
            })?;
            warnings.extend(secrets::readable_by_others(&tls.key));
            Some(tls)
        }
    };
    Ok(Config {
        listen: settings.listen,
        database: settings.database,
        max_participants: settings.max_participants,
        ice_servers: settings.ice_servers,
        turn,
        accounts: settings.accounts,
        keep_days: settings.keep_days,
        tls,
        trust_proxy: settings.trust_proxy,
        public_url: settings.public_url,
        app_url: settings.app_url,
        admin_token: admin_token.map(|found| found.secret),
        token_secret: token_secret.map(|found| found.secret),
        ..Config::default()
    })
}

/// A value as it may be shown: a TURN server's credential is a secret too.
fn shown(key: &str, value: &OsString) -> String {
    let text = value.to_string_lossy();
    match (key, text.splitn(3, ',').collect::<Vec<_>>().as_slice()) {
        ("ice-server", [url, user, _credential]) => format!("{url},{user},(set)"),
        _ => text.into_owned(),
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address.to_canonical()));
    let network = text.parse().or_else(|_| address());
    network.map_err(|_| "a network is written as 10.0.0.0/8 or fd00::/8, and one address by itself".to_owned())
}

fn turn_url(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some(("turn" | "turns", host)) if !host.is_empty() => Ok(text.into()),
        _ => Err("a TURN server's URL begins with turn: or turns:".into()),
    }
}

fn ice_server(text: &str) -> Result<IceServer, String> {
    let (url, login) = match text.split_once(',') {
        None => (text, None),
        Some((url, login)) => {
            (url, Some(login.split_once(',').ok_or("a user needs a credential: URL,USER,CREDENTIAL")?))
        }
    };
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    match (scheme, login) {
        (Some("turn" | "turns"), None) => return Err("a TURN server needs URL,USER,CREDENTIAL".into()),
        (Some("stun" | "stuns" | "turn" | "turns"), _) => {}
        _ => return Err("an ICE server's URL begins with stun:, stuns:, turn: or turns:".into()),
    }
    Ok(IceServer {
        urls: vec![url.into()],
        username: login.map(|(user, _)| user.into()),
        credential: login.map(|(_, credential)| credential.into()),
    })
}
