//! How two clients find each other at each of the servers, and what their messages look like there.
//!
//! Invariant: whatever the server, a pair has a connection each, nobody else hears them, and all messages have
//! [`MESSAGE_BYTES`]: the same candidate in the envelope that the server wants, filled up.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use sightline_protocol::{ClientMessage, IceCandidate, UserId};

use crate::signaling::{self, Socket, hear, open, say};

/// Length of a message as the client sends it: a trickled candidate with its envelope has two to three hundred.
pub(crate) const MESSAGE_BYTES: usize = 320;

/// A candidate like that of a browser, and a place for the time of sending.
const CANDIDATE: &str = "candidate:842163049 1 udp 1677729535 203.0.113.77 46154 typ srflx raddr 192.0.2.17 rport 46154 \
                         generation 0 ufrag EsAw sent ";
/// Nanoseconds in decimal; filled with zeros.
const STAMP_DIGITS: usize = 16;
const MARK: &str = "ufrag EsAw sent ";

/// A server to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sightline,
    PeerServer,
    SocketIo,
}

/// One of a pair.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    /// A message to the other, before and after the time of sending.
    envelope: (String, String),
}

impl Client {
    /// The message that is sent at this time.
    pub(crate) fn message(&self, stamp_ns: u64) -> String {
        let (before, after) = &self.envelope;
        format!("{before}{stamp_ns:0STAMP_DIGITS$}{after}")
    }
}

/// When a message was sent; `None` for what is no message of the other's.
pub(crate) fn stamp_ns(text: &str) -> Option<u64> {
    let at = text.find(MARK)? + MARK.len();
    text.get(at..at + STAMP_DIGITS)?.parse().ok()
}

impl Dialect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sightline => "Sightline",
            Self::PeerServer => "PeerServer",
            Self::SocketIo => "socket.io",
        }
    }

    /// Connects two, the `number`th pair.
    pub(crate) async fn pair(self, at: SocketAddr, number: usize) -> Result<[Client; 2]> {
        match self {
            Self::Sightline => sightline(at, number).await,
            Self::PeerServer => peer_server(at, number).await,
            Self::SocketIo => socket_io(at, number).await,
        }
    }

    /// What a client has to answer to a text, if anything.
    pub(crate) fn reply(self, text: &str) -> Option<&'static str> {
        // Engine.IO's ping and pong. Those of the others are frames, answered underneath, or the client's own business.
        (self == Self::SocketIo && text == "2").then_some("3")
    }

    /// What a client has to say now and then to be taken for alive.
    pub(crate) fn heartbeat(self) -> Option<&'static str> {
        (self == Self::PeerServer).then_some(r#"{"type":"HEARTBEAT"}"#)
    }
}

async fn sightline(at: SocketAddr, number: usize) -> Result<[Client; 2]> {
    let room = signaling::make_room(at, number).await?;
    let mut sockets = [signaling::greet(at, number).await?, signaling::greet(at, number).await?];
    let mut users = Vec::new();
    for socket in &mut sockets {
        users.push(signaling::join(socket, &room.code, "bench").await?.user);
    }
    let [first, second] = sockets;
    Ok([client(first, |text| candidate(&users[1], text))?, client(second, |text| candidate(&users[0], text))?])
}

fn candidate(to: &UserId, text: &str) -> String {
    let candidate = IceCandidate {
        candidate: text.to_owned(),
        sdp_mid: Some("0".to_owned()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    ClientMessage::IceCandidate { to: to.clone(), candidate }.to_json()
}

/// As PeerJS does it: ids are the clients' own choice.
async fn peer_server(at: SocketAddr, number: usize) -> Result<[Client; 2]> {
    let open = async |name: &str| {
        let mut socket = open(at, number, &format!("/peerjs?key=peerjs&id={name}{number}&token=bench{number}")).await?;
        let hello = hear(&mut socket).await?;
        ensure!(hello.contains("OPEN"), "PeerServer said {hello}");
        anyhow::Ok(socket)
    };
    let message = |to: &str, text: &str| {
        serde_json::json!({
            "type": "CANDIDATE",
            "payload": {
                "candidate": { "candidate": text, "sdpMLineIndex": 0, "sdpMid": "0" },
                "connectionId": "mc_bench",
                "type": "media",
            },
            "dst": format!("{to}{number}"),
        })
        .to_string()
    };
    let (first, second) = (open("a").await?, open("b").await?);
    Ok([client(first, |text| message("b", text))?, client(second, |text| message("a", text))?])
}

async fn socket_io(at: SocketAddr, number: usize) -> Result<[Client; 2]> {
    let open = async || {
        let mut socket = open(at, number, "/socket.io/?EIO=4&transport=websocket").await?;
        for (say_this, hear_that) in
            [(None, "0{"), (Some("40".to_owned()), "40{"), (Some(format!(r#"420["join","room-{number}"]"#)), "430[")]
        {
            if let Some(text) = say_this {
                say(&mut socket, text).await?;
            }
            let answer = hear(&mut socket).await?;
            ensure!(answer.starts_with(hear_that), "socket.io said {answer}");
        }
        anyhow::Ok(socket)
    };
    let message = |text: &str| {
        let candidate = serde_json::json!({ "candidate": text, "sdpMLineIndex": 0, "sdpMid": "0" });
        format!("42{}", serde_json::json!(["candidate", candidate]))
    };
    Ok([client(open().await?, message)?, client(open().await?, message)?])
}

/// A client whose messages are made by `message` of a candidate.
fn client(socket: Socket, message: impl Fn(&str) -> String) -> Result<Client> {
    let stamp = "#".repeat(STAMP_DIGITS);
    let whole = |filling: usize| message(&format!("{CANDIDATE}{stamp} {}", "x".repeat(filling)));
    let least = whole(0).len();
    ensure!(least <= MESSAGE_BYTES, "a message has {least} bytes without filling");
    let text = whole(MESSAGE_BYTES - least);
    let at = text.find(&stamp).unwrap_or_default();
    let envelope = (text[..at].to_owned(), text[at + STAMP_DIGITS..].to_owned());
    Ok(Client { socket, envelope })
}
