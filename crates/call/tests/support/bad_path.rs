//! Two participants whose media pass a [`Relay`], and whose signaling can be slowed down: a WebSocket for each stands
//! between client and server and puts the relay's addresses into their candidates.
//!
//! Clients should bind `127.0.0.1:0` only, as the relay wants it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sightline_protocol::ClientMessage;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

use super::relay::{Path, Relay, Side};
use super::server::TestServer;

/// Messages under way: a call's worth.
const UNDER_WAY: usize = 1024;

/// See the module. Ends when dropped.
pub(crate) struct BadPath {
    relay: Arc<Relay>,
    /// Server addresses for the two clients.
    pub(crate) urls: [String; 2],
    _doors: JoinSet<()>,
}

impl BadPath {
    /// Everything a client says arrives after `delay`.
    pub(crate) async fn between(server: &TestServer, delay: Duration) -> Self {
        let relay = Arc::new(Relay::start(Path::default(), 1).await.expect("the relay starts"));
        let mut doors = JoinSet::new();
        let mut urls = Vec::new();
        for side in [Side::A, Side::B] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            urls.push(format!("ws://{}", listener.local_addr().expect("bound")));
            let (relay, server) = (relay.clone(), server.address);
            doors.spawn(async move {
                let mut clients = JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect(server).await.expect("the server is there");
                    clients.spawn(carry(client, server, side, relay.clone(), delay));
                }
            });
        }
        let urls = urls.try_into().expect("two of them");
        Self { relay, urls, _doors: doors }
    }

    /// Lets nothing of the media pass, or all of it.
    pub(crate) fn block(&self, blocked: bool) {
        self.relay.path.lock().expect("no holder panics").blocked = blocked;
    }
}

async fn carry(client: TcpStream, server: TcpStream, side: Side, relay: Arc<Relay>, delay: Duration) {
    let client = accept_async(client).await.expect("a WebSocket");
    let (server, _) = client_async("ws://relayed/ws", server).await.expect("the server takes it");
    let ((mut to_client, mut from_client), (mut to_server, mut from_server)) = (client.split(), server.split());
    let (queue, mut queued) = mpsc::channel(UNDER_WAY);
    let said = async {
        while let Some(Ok(message)) = from_client.next().await {
            if let Some(message) = changed(message, side, &relay)
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
fn changed(message: Message, side: Side, relay: &Relay) -> Option<Message> {
    let Message::Text(text) = &message else { return Some(message) };
    let Ok(ClientMessage::IceCandidate { to, mut candidate }) = ClientMessage::parse(text) else {
        return Some(message);
    };
    candidate.candidate = relay.substitute(side, &candidate.candidate)?;
    Some(Message::text(ClientMessage::IceCandidate { to, candidate }.to_json()))
}
