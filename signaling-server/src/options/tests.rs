use super::*;
use std::path::Path;
use tempfile::TempDir;

/// What was given, and a folder for files.
struct Case {
    folder: TempDir,
    environment: BTreeMap<OsString, OsString>,
    flags: Vec<OsString>,
}

impl Case {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), environment: BTreeMap::new(), flags: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("written");
        self.path(name)
    }

    fn secret_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name, text);
        set_mode(&path, 0o600);
        path
    }

    fn flag(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.flags.extend([name.into(), value.into()]);
        self
    }

    fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// With this configuration file.
    fn toml(self, text: &str) -> Self {
        let path = self.file("server.toml", text);
        self.flag("--config", path)
    }

    fn load(&self) -> Result<Loaded, Failure> {
        load([OsString::from("sightline-server")].into_iter().chain(self.flags.iter().cloned()), &self.environment)
    }

    fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    fn config(&self) -> Config {
        self.loaded().config
    }

    /// What it says is wrong: one line.
    fn wrong(&self) -> String {
        match self.load() {
            Err(Failure::Setting(error)) => {
                let text = format!("{error:#}").replace(&*self.folder.path().to_string_lossy(), "DIR");
                assert!(!text.contains('\n'), "{text}");
                text
            }
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

const LONG: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn the_command_is_well_formed() {
    Options::command().debug_assert();
}

#[test]
fn nothing_given_is_what_is_built_in() {
    let loaded = Case::new().loaded();
    let Config { listen, database, max_participants, accounts, keep_days, tls, trust_proxy, .. } = &loaded.config;
    assert_eq!((listen.to_string().as_str(), *max_participants), ("127.0.0.1:7788", 8));
    assert_eq!((database, *accounts, *keep_days, tls), (&None, Accounts::Off, None, &None));
    assert!(trust_proxy.is_empty() && loaded.config.admin_token.is_none() && loaded.config.token_secret.is_none());
    assert!(loaded.warnings.is_empty() && !loaded.check);
}

#[test]
fn everything_can_be_given_in_the_file() {
    let case = Case::new().toml(
        r#"
        listen = "0.0.0.0:80"
        database = "/var/lib/sightline.sqlite"
        keep-days = 90
        max-participants = 4
        accounts = "required"
        trust-proxy = ["10.0.0.0/8", "::1"]
        public-url = "https://calls.example/"
        app-url = "https://calls.example/get"
        ice-server = "stun:stun.example"
        "#,
    );
    let config = case.config();
    assert_eq!(config.listen, "0.0.0.0:80".parse().expect("an address"));
    assert_eq!(config.database.as_deref(), Some(Path::new("/var/lib/sightline.sqlite")));
    assert_eq!((config.keep_days, config.max_participants), (Some(90), 4));
    assert_eq!(config.accounts, Accounts::Required);
    assert_eq!(config.trust_proxy, ["10.0.0.0/8", "::1/128"].map(|net| net.parse::<IpNet>().expect("a net")));
    assert_eq!(config.public_url.expect("a URL").as_str(), "https://calls.example");
    assert_eq!(config.app_url.expect("a URL").as_str(), "https://calls.example/get");
    assert_eq!(config.ice_servers[0].urls, ["stun:stun.example"]);
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let file = "max-participants = 3\ntrust-proxy = [\"10.0.0.0/8\"]";
    let case = Case::new().toml(file);
    assert_eq!(case.config().max_participants, 3);
    let case =
        case.variable("SIGHTLINE_MAX_PARTICIPANTS", "4").variable("SIGHTLINE_TRUST_PROXY", "10.1.0.0/16 10.2.0.0/16");
    let config = case.config();
    assert_eq!((config.max_participants, config.trust_proxy.len()), (4, 2));
    let case = case.flag("--max-participants", "5").flag("--trust-proxy", "192.0.2.1");
    let config = case.config();
    assert_eq!(config.max_participants, 5);
    // A list is replaced as a whole.
    assert_eq!(config.trust_proxy, ["192.0.2.1/32".parse::<IpNet>().expect("a net")]);
    // As good as not there.
    let case = Case::new().toml(file).variable("SIGHTLINE_MAX_PARTICIPANTS", "");
    assert_eq!(case.config().max_participants, 3);
}

#[test]
fn the_file_can_be_named_in_the_environment() {
    let case = Case::new();
    let path = case.file("other.toml", "keep-days = 7");
    assert_eq!(case.variable("SIGHTLINE_CONFIG", path).config().keep_days, Some(7));
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    for (text, expected) in [
        (
            "max-participant = 3",
            "DIR/server.toml, line 1, max-participant: there is no such setting; did you mean max-participants?",
        ),
        (
            "\n\nmax_participants = 3",
            "DIR/server.toml, line 3, max_participants: there is no such setting; did you mean max-participants?",
        ),
        ("listne = 1", "DIR/server.toml, line 1, listne: there is no such setting; did you mean listen?"),
        ("[tls]\ncert = 1", "DIR/server.toml, line 1, tls: there is no such setting; did you mean tls-key?"),
        ("config = \"x\"", "DIR/server.toml, line 1, config: there is no such setting; did you mean"),
        ("check-config = true", "DIR/server.toml, line 1, check-config: there is no such setting; did you mean"),
    ] {
        let wrong = Case::new().toml(text).wrong();
        assert!(wrong.starts_with(expected), "{wrong}");
    }
    let warnings = Case::new().variable("SIGHTLINE_ADMIN_TOKN", "x").variable("SIGHTLY", "x").loaded().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("SIGHTLINE_ADMIN_TOKN") && warnings[0].ends_with("did you mean SIGHTLINE_ADMIN_TOKEN?")
    );
}

#[test]
fn an_error_says_where_and_what() {
    for (text, expected) in [
        ("\nmax-participants = 1", "DIR/server.toml, line 2, max-participants: 1 is not in 2..=64"),
        (
            "max-participants = 1.5",
            "DIR/server.toml, line 1, max-participants: the value must be a text or a number, and not empty",
        ),
        ("listen = \"\"", "DIR/server.toml, line 1, listen: the value must be a text or a number, and not empty"),
        ("listen = [\"127.0.0.1:1\"]", "DIR/server.toml, line 1, listen: the value must be"),
        ("trust-proxy = [1.5]", "DIR/server.toml, line 1, trust-proxy: the value must be texts or numbers"),
        ("listen = \"here\"", "DIR/server.toml, line 1, listen: invalid socket address syntax"),
        ("accounts = true", "DIR/server.toml, line 1, accounts: accounts are `off`, `optional` or `required`"),
        ("trust-proxy = \"10.0.0.0/33\"", "DIR/server.toml, line 1, trust-proxy: a network is written as"),
        ("public-url = \"calls.example\"", "DIR/server.toml, line 1, public-url: a URL here is http(s)://"),
        ("keep-days = 0", "DIR/server.toml, line 1, keep-days: 0 is not in 1..=36500"),
        ("listen = \"127.0.0.1:1\"\nlisten = 2", "DIR/server.toml, line 2: duplicate key"),
        ("listen =", "DIR/server.toml, line 1: "),
        ("turn-server = [\"turn:t\"]", "DIR/server.toml, line 1, turn-server: needs turn-secret-file with it"),
        ("tls-cert = \"c\"", "DIR/server.toml, line 1, tls-cert: needs tls-key with it"),
        ("admin-token = \"x\"", "DIR/server.toml, line 1, admin-token: a secret does not belong here"),
        ("token-secret-file = \"/nowhere/s\"", "DIR/server.toml, line 1, token-secret-file: cannot read /nowhere/s: "),
    ] {
        let wrong = Case::new().toml(text).wrong();
        assert!(wrong.starts_with(expected), "{wrong}\nfor {text}");
    }
    for (variable, value, expected) in [
        ("SIGHTLINE_LISTEN", "here", "environment, SIGHTLINE_LISTEN: invalid socket address syntax"),
        ("SIGHTLINE_KEEP_DAYS", "many", "environment, SIGHTLINE_KEEP_DAYS: invalid digit found in string"),
        ("SIGHTLINE_TLS_KEY", "k", "environment, SIGHTLINE_TLS_KEY: needs tls-cert with it"),
        ("SIGHTLINE_CONFIG", "/nowhere/c", "cannot read /nowhere/c: "),
        (
            "SIGHTLINE_TOKEN_SECRET",
            "short",
            "environment, SIGHTLINE_TOKEN_SECRET: SIGHTLINE_TOKEN_SECRET has 5 bytes; token-secret must have at least 32",
        ),
        ("SIGHTLINE_ADMIN_TOKEN", " ", "environment, SIGHTLINE_ADMIN_TOKEN: SIGHTLINE_ADMIN_TOKEN is empty"),
        ("SIGHTLINE_TURN_SECRET", "x", "environment, SIGHTLINE_TURN_SECRET: needs turn-server with it"),
    ] {
        let wrong = Case::new().variable(variable, value).wrong();
        assert!(wrong.starts_with(expected), "{wrong}");
    }
    let wrong = Case::new().flag("--tls-cert", "/nowhere/c").flag("--tls-key", "/nowhere/k").wrong();
    assert!(wrong.starts_with("flag --tls-cert, flag --tls-key: cannot read /nowhere/c: No such file"), "{wrong}");
}

#[cfg(unix)]
#[test]
fn what_is_not_utf8_is_a_path_or_wrong() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"/tmp/\xff".to_vec());
    assert_eq!(Case::new().variable("SIGHTLINE_DATABASE", odd.clone()).config().database, Some(PathBuf::from(&odd)));
    for variable in ["SIGHTLINE_LISTEN", "SIGHTLINE_TRUST_PROXY", "SIGHTLINE_ADMIN_TOKEN"] {
        let wrong = Case::new().variable(variable, odd.clone()).wrong();
        assert!(wrong.starts_with(&format!("environment, {variable}: ")) && wrong.contains("UTF-8"), "{wrong}");
    }
}

#[test]
fn a_secret_is_a_file_or_a_variable_and_never_a_flag() {
    let case = Case::new();
    let (one, two) =
        (case.secret_file("one", &format!("{LONG}1\n")), case.secret_file("two", &format!("  {LONG}2\r\n")));
    let token = |case: &Case| case.config().token_secret.expect("a secret").expose().to_owned();
    let case = case.toml(&format!("token-secret-file = {one:?}"));
    assert_eq!(token(&case), format!("{LONG}1"));
    let case = case.variable("SIGHTLINE_TOKEN_SECRET", format!("{LONG}3"));
    assert_eq!(token(&case), format!("{LONG}3"));
    let case = case.flag("--token-secret-file", &two);
    assert_eq!(token(&case), format!("{LONG}2"));

    let both = Case::new().variable("SIGHTLINE_TOKEN_SECRET", LONG).variable("SIGHTLINE_TOKEN_SECRET_FILE", &two);
    assert!(both.wrong().contains("only one of them can count"));
    for flag in ["--token-secret", "--admin-token", "--turn-secret"] {
        assert!(matches!(Case::new().flag(flag, LONG).load(), Err(Failure::Usage(_))), "{flag}");
    }
    let long = Case::new();
    let path = long.secret_file("long", &"x".repeat(5000));
    assert!(long.flag("--admin-token-file", path).wrong().contains("too long to be a secret"));
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_or_guess_is_warned_of() {
    let case = Case::new();
    let path = case.secret_file("token", "a token of some length");
    let case = case.flag("--admin-token-file", &path);
    assert_eq!(case.loaded().warnings, Vec::<String>::new());
    set_mode(&path, 0o644);
    let warnings = case.loaded().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("every user of this machine can read"), "{warnings:?}");
    let warnings = Case::new().variable("SIGHTLINE_ADMIN_TOKEN", "1234").loaded().warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("may be guessed") && !warnings[0].contains("1234"),
        "{warnings:?}"
    );
}

#[test]
fn the_report_shows_what_is_used_and_no_secret() {
    let case = Case::new()
        .variable("SIGHTLINE_ADMIN_TOKEN", "an admin's own token")
        .variable("SIGHTLINE_TURN_SERVER", "turn:t:1");
    let (token, turn) = (case.secret_file("token", LONG), case.secret_file("turn", "hush hush"));
    let case = case
        .toml(&format!("turn-secret-file = {turn:?}\nice-server = [\"turn:turn.example,guest,pass,word\", \"stun:s\"]"))
        .flag("--token-secret-file", &token)
        .flag("--max-participants", "5");
    let report = case.loaded().report.replace(&*case.folder.path().to_string_lossy(), "DIR");
    for line in [
        "listen = 127.0.0.1:7788   # default",
        "database = (none)   # default",
        "max-participants = 5   # flag",
        "turn-server = turn:t:1   # environment, SIGHTLINE_TURN_SERVER",
        "ice-server = turn:turn.example,guest,(set) stun:s   # DIR/server.toml, line 2",
        "admin-token = (set, from SIGHTLINE_ADMIN_TOKEN)",
        "token-secret = (set, from DIR/token)",
        "turn-secret = (set, from DIR/turn)",
    ] {
        assert!(report.lines().any(|other| other == line), "no {line} in\n{report}");
    }
    for secret in ["own token", LONG, "hush", "pass", "word"] {
        assert!(!report.contains(secret), "{secret} in\n{report}");
    }
}

#[test]
fn a_file_that_is_no_configuration_is_refused() {
    let case = Case::new();
    let folder = case.folder.path().to_owned();
    assert!(case.flag("--config", folder).wrong().starts_with("cannot read DIR"));
    assert!(Case::new().toml(&"#".repeat(1024 * 1024 + 1)).wrong().ends_with("too long to be a configuration"));
    let nested = format!("listen = {}", "[".repeat(100_000));
    assert!(Case::new().toml(&nested).wrong().starts_with("DIR/server.toml, line 1"));
    let case = Case::new();
    std::fs::write(case.path("server.toml"), b"listen = \"\xff\"").expect("written");
    let path = case.path("server.toml");
    assert!(case.flag("--config", path).wrong().starts_with("cannot read DIR/server.toml: "));
}
