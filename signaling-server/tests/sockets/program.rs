//! `sightline-server` as people and scripts run it.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{At, PATIENCE};
use sightline_protocol::ServerMessage;

/// Ends the program with the test, however that ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(arguments: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sightline-server"));
    command.args(arguments).env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    Program(command.spawn().expect("starts"))
}

/// Where it says that it listens: the one line on its stdout.
fn address(program: &mut Program) -> SocketAddr {
    let mut line = String::new();
    BufReader::new(program.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    line.strip_prefix("listening on ").expect(&line).trim_end().parse().expect(&line)
}

fn wait(program: &mut Program) -> std::process::ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = program.0.try_wait().expect("a child") {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stderr(program: &mut Program) -> String {
    let mut text = String::new();
    program.0.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
    text
}

/// What it says when it cannot start.
fn refusal(arguments: &[&str]) -> String {
    let mut program = start(arguments);
    assert!(!wait(&mut program).success());
    let text = stderr(&mut program);
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[cfg(unix)]
#[tokio::test]
async fn it_says_where_it_listens_and_ends_when_asked() {
    for signal in ["TERM", "INT"] {
        let mut program = start(&["--listen", "127.0.0.1:0", "--ice-server", "turn:turn.example.org,guest,secret"]);
        let mut client = At(address(&mut program)).connect().await;
        client.send(r#"{"event":"hello","data":{"version":1,"client":"private/client"}}"#).await;
        let ServerMessage::Welcome { ice_servers, resume_token, .. } = client.hear().await else {
            panic!("no welcome")
        };
        assert_eq!(ice_servers[0].username.as_deref(), Some("guest"));

        let begun = Instant::now();
        let killed = Command::new("kill").args([format!("-{signal}"), program.0.id().to_string()]).status();
        assert!(killed.expect("kill").success());
        let (heard, _) = client.until_closed().await;
        assert!(matches!(heard.as_slice(), [ServerMessage::Error { .. }]), "{heard:?}");
        assert!(wait(&mut program).success());
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        let log = stderr(&mut program);
        assert!(log.contains("shutting down"), "{log}");
        let secret = resume_token.split_once('.').expect("a token").1;
        assert!(!log.contains(secret) && !log.contains("private/client"), "{log}");
    }
}

/// Killed without a warning: what was answered is on disk.
#[cfg(unix)]
#[tokio::test]
async fn after_a_kill_its_clients_are_the_same_participants() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("server.sqlite").to_string_lossy().into_owned();
    let arguments = ["--listen", "127.0.0.1:0", "--database", database.as_str()];
    let mut program = start(&arguments);
    let server = At(address(&mut program));
    let code = server.room().await;
    let (ada, _) = server.join(&code, "Ada").await;
    // When this room is on disk, so is what came before it.
    server.room().await;
    program.0.kill().expect("killed");
    wait(&mut program);

    let mut program = start(&arguments);
    let (mut ada_again, resumed) = At(address(&mut program)).resume(&ada.token).await;
    assert!(resumed);
    assert_eq!(ada_again.id, ada.id);
    assert!(matches!(ada_again.hear().await, ServerMessage::Join { room_id, .. } if room_id == code));
}

#[test]
fn what_it_cannot_use_is_said_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "these are notes and no database at all ".repeat(200)).expect("written");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let text = refusal(&["--listen", "127.0.0.1:0", "--database", &path(&file)]);
    assert!(text.contains("notes.txt") && text.contains("not a database"), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let text = refusal(&["--listen", &taken.local_addr().expect("an address").to_string()]);
    assert!(text.contains("cannot listen on 127.0.0.1:"), "{text}");

    for wrong in ["http://example.org", "turn:turn.example.org", "turn:turn.example.org,guest", "nonsense"] {
        let text = refusal(&["--ice-server", wrong]);
        assert!(text.contains("--ice-server"), "{text}");
    }
    assert!(refusal(&["--max-participants", "1"]).contains("--max-participants"));
}
