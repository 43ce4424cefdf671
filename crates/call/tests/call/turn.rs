//! Calls over a TURN relay alone: a real coturn, started here, with a login from the signaling server's welcome.
//!
//! Invariant: tests that need coturn have `turn_server` in their name, so that the task runner can leave them out where it
//! is not installed.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sightline_call::{CallConfig, CallEvent, LinkOptions};
use sightline_quality::{CandidateType, EventKind};
use sightline_server::{Config, Turn};
use tempfile::TempDir;

use crate::support::DEADLINE;
use crate::support::participant::{Participant, config, recorded};
use crate::support::server::TestServer;
use crate::support::sinks::Memory;

const SECRET: &str = "known to both servers";

/// A TURN server on a free port; killed when dropped.
struct Coturn {
    process: Child,
    port: u16,
    _files: TempDir,
}

impl Coturn {
    fn start() -> Self {
        let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let files = TempDir::new().expect("a folder");
        let file = |name: &str| files.path().join(name).to_string_lossy().into_owned();
        let process = Command::new("turnserver")
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--realm", "sightline"])
            .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", &port.to_string()])
            .args(["--use-auth-secret", "--static-auth-secret", SECRET, "--log-file", "stdout"])
            .args(["--pidfile", &file("pid"), "--userdb", &file("users.sqlite")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver is installed (package coturn)");
        let coturn = Self { process, port, _files: files };
        coturn.wait_until_it_answers();
        coturn
    }

    /// Asks by STUN (RFC 8489, 5: a Binding request without attributes) until there is an answer.
    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend([7; 12]);
        let begun = Instant::now();
        loop {
            // Refused while it is not there yet.
            let asked = socket.send_to(&request, ("127.0.0.1", self.port));
            if asked.is_ok() && socket.recv_from(&mut [0; 512]).is_ok() {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "coturn does not answer");
        }
    }

    fn turn(&self, secret: &str) -> Turn {
        Turn { urls: vec![format!("turn:127.0.0.1:{}?transport=udp", self.port)], secret: secret.to_owned() }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Joins over relays alone.
async fn join(server: &TestServer, code: &str, name: &str) -> Participant {
    let memory = Memory::default();
    let link = LinkOptions { udp_bind: vec!["127.0.0.1:0".to_owned()], relay_only: true, ..LinkOptions::default() };
    let config = CallConfig { link, ..config(&server.url(), code, name, &memory) };
    Participant::join_with(config, memory).await.expect("joined")
}

/// The path is known, and our end of it is at the relay.
fn is_relayed(kind: &EventKind) -> bool {
    matches!(kind, EventKind::PathChanged { path } if path.local == CandidateType::Relay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_server_carries_a_call_with_the_login_from_the_welcome() {
    let coturn = Coturn::start();
    let server = TestServer::with(Config { turn: Some(coturn.turn(SECRET)), ..Config::default() }).await;
    let code = server.room().await;
    let people = [join(&server, &code, "Ada").await, join(&server, &code, "Grace").await];
    for (who, other) in people.iter().zip(["Grace", "Ada"]) {
        who.until_pictures(other, 20).await;
        who.until("the relayed path", |events| recorded(events, is_relayed) > 0).await;
    }
    for who in people {
        let (_, events) = who.leave().await;
        let direct = |kind: &EventKind| matches!(kind, EventKind::PathChanged { .. }) && !is_relayed(kind);
        assert_eq!(recorded(&events, direct), 0, "nothing went around the relay");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_server_that_refuses_the_login_is_told_of() {
    let coturn = Coturn::start();
    let server = TestServer::with(Config { turn: Some(coturn.turn("another secret")), ..Config::default() }).await;
    let code = server.room().await;
    let people = [join(&server, &code, "Ada").await, join(&server, &code, "Grace").await];
    for who in people {
        who.until("a warning that names TURN", |events| {
            events.iter().any(|event| matches!(event, CallEvent::Warning(text) if text.contains("TURN")))
        })
        .await;
        let (_, events) = who.leave().await;
        assert!(!events.iter().any(|event| matches!(event, CallEvent::PeerConnected { .. })), "nobody was reached");
    }
}
