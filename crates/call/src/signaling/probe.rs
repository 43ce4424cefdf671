//! A short visit to a signaling server, without entering a room.
//!
//! Invariant: whoever calls bounds the time.

use std::time::{Duration, Instant};

use sightline_protocol::{ClientMessage, IceServer, ServerMessage, VERSION};

use super::socket::{CLIENT, Incoming, Socket};
use super::url::ServerUrl;
use crate::CallError;

/// Pings of which the quickest counts: the first may still wait for what the connection set in motion.
const PINGS: u64 = 3;

/// What a server says to somebody who does not stay.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub ice_servers: Vec<IceServer>,
    /// Of the quickest ping.
    pub round_trip: Duration,
}

/// Says hello, takes the time of some pings, and goes.
pub(crate) async fn greet(server: &str) -> Result<Greeting, CallError> {
    let url = ServerUrl::parse(server)?;
    let mut visit = Visit { socket: Socket::open(&url).await?, url };
    let hello =
        ClientMessage::Hello { version: VERSION, client: CLIENT.to_owned(), resume_token: None, account_token: None };
    visit.say(&hello).await?;
    let ice_servers = loop {
        match visit.hear().await? {
            ServerMessage::Welcome { ice_servers, .. } => break ice_servers,
            ServerMessage::Error { code, message } => return Err(CallError::Refused { code, message }),
            other => tracing::debug!(?other, "ignoring a message that came before the welcome"),
        }
    };
    let mut round_trip = Duration::MAX;
    for nonce in 1..=PINGS {
        let said = Instant::now();
        visit.say(&ClientMessage::Ping { nonce }).await?;
        while visit.hear().await? != (ServerMessage::Pong { nonce }) {}
        round_trip = round_trip.min(said.elapsed());
    }
    visit.socket.close().await;
    Ok(Greeting { ice_servers, round_trip })
}

struct Visit {
    socket: Socket,
    url: ServerUrl,
}

impl Visit {
    fn broken(&self, cause: String) -> CallError {
        CallError::NotASignalingServer { url: self.url.to_string(), cause }
    }

    async fn say(&mut self, message: &ClientMessage) -> Result<(), CallError> {
        self.socket.send(message).await.map_err(|cause| self.broken(cause))
    }

    async fn hear(&mut self) -> Result<ServerMessage, CallError> {
        loop {
            match self.socket.next().await {
                Incoming::Message(message) => return Ok(message),
                Incoming::SignOfLife => {}
                Incoming::Closed(cause) => return Err(self.broken(cause)),
            }
        }
    }
}
