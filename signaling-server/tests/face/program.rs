//! `sightline-server` with its settings, as people and scripts run it.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use crate::support::{Files, certificate, http, in_time, secure};

fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sightline-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIGHTLINE_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(arguments, variables).output().expect("runs");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

/// A running server, ended with the test however that ends.
struct Program {
    child: Child,
    address: SocketAddr,
    log: BufReader<ChildStderr>,
}

impl Program {
    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child =
            command(arguments, variables).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        let address = line.strip_prefix("listening on ").map(|rest| rest.trim_end().parse().expect(&line));
        let Some(address) = address else {
            let mut text = String::new();
            { log }.read_to_string(&mut text).expect("text");
            panic!("it does not listen: {text}");
        };
        Self { child, address, log }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// Reads the log up to a line with this in it. (Without an end of its own: the program ends with the test.)
    fn until_logged(&mut self, part: &str) -> String {
        let mut text = String::new();
        while self.log.read_line(&mut text).expect("text") > 0 {
            if text.lines().last().is_some_and(|line| line.contains(part)) {
                return text;
            }
        }
        panic!("no {part} in {text}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_has_the_certificate_read_again() {
    let (old, new) = (certificate(), certificate());
    let files = Files::of(&old);
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let (cert, key) = (path(files.tls().cert), path(files.tls().key));
    let mut server = Program::start(&["--listen", "127.0.0.1:0", "--tls-cert", &cert], &[("SIGHTLINE_TLS_KEY", &key)]);
    let stream = secure(server.address, &old, &[]).await.expect("TLS");
    assert_eq!(http(stream, "GET", "/healthz", "").await.0, 200);

    std::fs::write(&cert, "nonsense").expect("written");
    server.signal("HUP");
    let log = server.until_logged("the old certificate stays in use");
    assert!(log.contains("cert.pem has no certificate in it"), "{log}");
    secure(server.address, &old, &[]).await.expect("the old one");

    files.put(&new);
    server.signal("HUP");
    server.until_logged("the certificate was read again");
    secure(server.address, &new, &[]).await.expect("the new one");
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_without_tls_changes_nothing() {
    let mut server = Program::start(&[], &[("SIGHTLINE_LISTEN", "127.0.0.1:0")]);
    for _ in 0..3 {
        server.signal("HUP");
        server.until_logged("there is none");
        let stream = in_time(tokio::net::TcpStream::connect(server.address)).await.expect("connects");
        assert_eq!(http(stream, "GET", "/healthz", "").await.0, 200);
    }
    server.signal("TERM");
    server.until_logged("shutting down");
    assert!(server.child.wait().expect("a child").success());
}

#[test]
fn a_configuration_can_be_checked_without_serving() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.toml");
    let path = file.to_string_lossy().into_owned();
    let database = folder.path().join("server.sqlite");
    std::fs::write(&file, format!("listen = \"127.0.0.1:1\"\ndatabase = {database:?}\nmax-participants = 3\n"))
        .expect("written");
    let secret = "a secret of thirty-two bytes, or more";
    let arguments = ["--check-config", "--config", &path, "--max-participants", "5"];
    let variables = [("SIGHTLINE_TOKEN_SECRET", secret), ("SIGHTLINE_ACCOUNTS", "optional")];
    let (code, stdout, stderr) = run(&arguments, &variables);
    assert_eq!(code, Some(0), "{stderr}");
    for line in [
        format!("listen = 127.0.0.1:1   # {path}, line 1"),
        "max-participants = 5   # flag".to_owned(),
        "accounts = optional   # environment, SIGHTLINE_ACCOUNTS".to_owned(),
        "token-secret = (set, from SIGHTLINE_TOKEN_SECRET)".to_owned(),
    ] {
        assert!(stdout.lines().any(|other| other == line), "no {line} in\n{stdout}");
    }
    assert!(!stdout.contains(secret) && !stderr.contains(secret));
    assert!(!database.exists(), "nothing is opened");

    std::fs::write(&file, "max-participnts = 3\n").expect("written");
    let (code, stdout, stderr) = run(&["--check-config", "--config", &path], &[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("line 1, max-participnts") && stderr.contains("did you mean max-participants?"),
        "{stderr}"
    );

    let (code, _, stderr) = run(&["--check-config", "--max-participants", "1"], &[]);
    assert!(code == Some(1) && stderr.contains("--max-participants"), "{stderr}");
}

#[test]
fn help_and_wrong_usage_have_their_own_ends() {
    let (code, stdout, _) = run(&["--help"], &[]);
    assert_eq!(code, Some(0));
    for part in ["--trust-proxy", "--check-config", "SIGHTLINE_ADMIN_TOKEN", "TOML"] {
        assert!(stdout.contains(part), "{part}");
    }
    let (code, _, stderr) = run(&["--tls-crt", "x"], &[]);
    assert!(code == Some(2) && stderr.contains("--tls-cert"), "{stderr}");
    // A secret on the command line would be there for all to see.
    let (code, _, stderr) = run(&["--admin-token", "x"], &[]);
    assert!(code == Some(2) && stderr.contains("--admin-token-file"), "{stderr}");
}

#[cfg(unix)]
#[tokio::test]
async fn warnings_come_before_it_listens_and_tell_no_secret() {
    let variables =
        [("SIGHTLINE_ADMIN_TOKEN", "qwertz"), ("SIGHTLINE_LISTN", "x"), ("SIGHTLINE_LISTEN", "127.0.0.1:0")];
    let mut server = Program::start(&[], &variables);
    let log = server.until_logged("serving");
    assert!(log.contains("may be guessed") && log.contains("SIGHTLINE_LISTN: there is no such setting"), "{log}");
    assert!(!log.contains("qwertz"), "{log}");
}
