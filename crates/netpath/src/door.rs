//! A door between a client and its signaling server: it tells the others a [`Relay`]'s addresses instead of the client's.
//!
//! Invariant: a door changes candidates and nothing else. A client that binds `127.0.0.1:0` has no way around the relay,
//! and knows nothing of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sightline_protocol::ClientMessage;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

use crate::{Party, Relay};

/// Messages under way: a call's worth.
const UNDER_WAY: usize = 1024;

/// See the module. Closed when dropped.
pub struct Door {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Door {
    /// Opens a door for `party` to the server at this address. What the client says arrives after `delay`.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn open(relay: Arc<Relay>, party: Party, server: SocketAddr, delay: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                // Where the server is not there, neither is the door.
                if let Ok(server) = TcpStream::connect(server).await {
                    clients.spawn(carry(client, server, relay.clone(), party, delay));
                }
                while clients.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, task })
    }

    /// What the client is to take for its server.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, server: TcpStream, relay: Arc<Relay>, party: Party, delay: Duration) {
    let Ok(client) = accept_async(client).await else { return };
    let Ok((server, _)) = client_async("ws://door/ws", server).await else { return };
    let ((mut to_client, mut from_client), (mut to_server, mut from_server)) = (client.split(), server.split());
    let (queue, mut queued) = mpsc::channel(UNDER_WAY);
    let said = async {
        while let Some(Ok(message)) = from_client.next().await {
            if let Some(message) = changed(message, &relay, party)
                && queue.send((Instant::now() + delay, message)).await.is_err()
            {
                return;
            }
        }
    };
    let arrives = async {
        while let Some((due, message)) = queued.recv().await {
            sleep_until(due).await;
            if to_server.send(message).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        while let Some(Ok(message)) = from_server.next().await {
            if to_client.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = said => {}
        () = arrives => {}
        () = answers => {}
    }
}

/// The message as the server is to get it; `None` where it is left out.
fn changed(message: Message, relay: &Relay, party: Party) -> Option<Message> {
    let Message::Text(text) = &message else { return Some(message) };
    let said = match ClientMessage::parse(text) {
        Ok(ClientMessage::IceCandidate { to, mut candidate }) => {
            candidate.candidate = relay.candidate(party, &candidate.candidate)?;
            ClientMessage::IceCandidate { to, candidate }
        }
        Ok(ClientMessage::Offer { to, sdp }) => ClientMessage::Offer { to, sdp: described(&sdp, relay, party) },
        Ok(ClientMessage::Answer { to, sdp }) => ClientMessage::Answer { to, sdp: described(&sdp, relay, party) },
        _ => return Some(message),
    };
    Some(Message::text(said.to_json()))
}

/// A description with the candidates in it changed (RFC 8839, 5.1: lines `a=candidate:`).
fn described(sdp: &str, relay: &Relay, party: Party) -> String {
    let lines = sdp.split_inclusive('\n').filter_map(|line| match line.trim_end().strip_prefix("a=") {
        Some(candidate) if candidate.starts_with("candidate:") => {
            Some(format!("a={}\r\n", relay.candidate(party, candidate)?))
        }
        _ => Some(line.to_owned()),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use sightline_protocol::UserId;

    use super::*;
    use crate::{Line, Loses};

    #[test]
    fn no_way_around_the_relay_is_told() {
        let relay = Relay::start(vec![Line::perfect(), Line::perfect()], Loses::Everything).expect("it starts");
        let own = "127.0.0.1:4711".parse().expect("an address");
        let stand_in = relay.stand_in(Party(0), own).expect("a stand-in").to_string().replace(':', " ");
        let sdp = "v=0\r\na=candidate:1 1 udp 1 127.0.0.1 4711 typ host\r\na=candidate:1 1 tcp 1 127.0.0.1 9 typ host \
                   tcptype active\r\na=mid:0\r\n";
        let expected = format!("v=0\r\na=candidate:1 1 udp 1 {stand_in} typ host\r\na=mid:0\r\n");
        assert_eq!(described(sdp, &relay, Party(0)), expected);
        let offer = ClientMessage::Offer { to: UserId("u1".into()), sdp: sdp.to_owned() };
        let said = changed(Message::text(offer.to_json()), &relay, Party(0)).expect("it is said");
        assert_eq!(said, Message::text(ClientMessage::Offer { to: UserId("u1".into()), sdp: expected }.to_json()));
        let chat = Message::text(ClientMessage::Chat { text: "a=candidate:1".to_owned() }.to_json());
        assert_eq!(changed(chat.clone(), &relay, Party(0)), Some(chat));
    }
}
