//! How two clients find each other at each of the servers, and what their messages look like there.
//!
//! Invariant: whatever the server, a pair has a connection each, nobody else hears them, and all messages have
//! [`MESSAGE_BYTES`]: the same candidate in the envelope that the server wants, filled up.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
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
        stamped(before, stamp_ns, after)
    }
}

fn stamped(before: &str, stamp_ns: u64, after: &str) -> String {
    format!("{before}{stamp_ns:0STAMP_DIGITS$}{after}")
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
    let (first, second) = (open("a").await?, open("b").await?);
    Ok([
        client(first, |text| peer_message("b", number, text))?,
        client(second, |text| peer_message("a", number, text))?,
    ])
}

fn peer_message(to: &str, number: usize, text: &str) -> String {
    let message = serde_json::json!({
        "type": "CANDIDATE",
        "payload": {
            "candidate": { "candidate": text, "sdpMLineIndex": 0, "sdpMid": "0" },
            "connectionId": "mc_bench",
            "type": "media",
        },
        "dst": format!("{to}{number}"),
    });
    message.to_string()
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
    Ok([client(open().await?, socket_io_message)?, client(open().await?, socket_io_message)?])
}

fn socket_io_message(text: &str) -> String {
    let candidate = serde_json::json!({ "candidate": text, "sdpMLineIndex": 0, "sdpMid": "0" });
    format!("42{}", serde_json::json!(["candidate", candidate]))
}

fn client(socket: Socket, message: impl Fn(&str) -> String) -> Result<Client> {
    Ok(Client { socket, envelope: envelope(message)? })
}

/// What is before and after the time of sending in messages that are made by `message` of a candidate.
fn envelope(message: impl Fn(&str) -> String) -> Result<(String, String)> {
    let stamp = "#".repeat(STAMP_DIGITS);
    let whole = |filling: usize| message(&format!("{CANDIDATE}{stamp} {}", "x".repeat(filling)));
    let least = whole(0).len();
    ensure!(least <= MESSAGE_BYTES, "a message has {least} bytes without filling");
    let text = whole(MESSAGE_BYTES - least);
    let (before, after) = text.split_once(&stamp).context("the message has no place for the time of sending")?;
    Ok((before.to_owned(), after.to_owned()))
}

#[cfg(test)]
mod tests {
    use sightline_protocol::ServerMessage;

    use super::*;

    #[test]
    fn messages_have_the_same_length_and_bear_their_time_whatever_the_server() {
        let user = UserId("u0123456789abcdef".to_owned());
        let long = 9_999_999_999_999_999;
        for stamp in [0, 1, 1_234_567_890, long] {
            for envelope in [
                envelope(|text| candidate(&user, text)),
                envelope(|text| peer_message("b", 4999, text)),
                envelope(socket_io_message),
            ] {
                let (before, after) = envelope.expect("it fits");
                let text = stamped(&before, stamp, &after);
                assert_eq!((text.len(), stamp_ns(&text)), (MESSAGE_BYTES, Some(stamp)), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_message_has_no_time() {
        let pong = ServerMessage::Pong { nonce: 1_234_567_890_123_456 }.to_json();
        for text in ["", "2", pong.as_str(), MARK, "ufrag EsAw sent 12", "ufrag EsAw sent 0000žluťoučký kůň"] {
            assert_eq!(stamp_ns(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_that_does_not_fit_is_refused() {
        assert!(envelope(|text| format!("{text}{}", "y".repeat(MESSAGE_BYTES))).is_err());
        assert!(envelope(|_| "no time".to_owned()).is_err());
    }
}
