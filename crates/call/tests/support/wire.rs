//! A TCP connection to the server that can go deaf, and then be cut, as one through a router that forgot it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// See the module. Ends when dropped.
pub(crate) struct Wire {
    address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All passes.
    Whole,
    /// What the server says is lost.
    Deaf,
}

impl Wire {
    /// A wire to this server.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (state, states) = watch::channel(State::Whole);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(server).await {
                    connections.spawn(carry(client, server, states.clone()));
                }
            }
        });
        Self { address, state, task }
    }

    /// From now on nothing that the server says arrives.
    pub(crate) fn deafen(&self) {
        self.state.send_replace(State::Deaf);
    }

    /// Cuts what is deaf; new connections are whole.
    pub(crate) fn cut(&self) {
        self.state.send_replace(State::Whole);
    }

    /// What the client is to take for its server.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until one side ends, or the wire was deaf and is whole again.
async fn carry(client: TcpStream, server: TcpStream, states: watch::Receiver<State>) {
    let ((mut from_client, to_client), (from_server, mut to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        () = listen(from_server, to_client, states) => {}
    }
}

async fn listen(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, mut states: watch::Receiver<State>) {
    let mut block = [0; 4096];
    let mut was_deaf = *states.borrow_and_update() == State::Deaf;
    loop {
        tokio::select! {
            read = server.read(&mut block) => {
                let Ok(bytes @ 1..) = read else { return };
                if !was_deaf && client.write_all(&block[..bytes]).await.is_err() {
                    return;
                }
            }
            changed = states.changed() => {
                let is_deaf = *states.borrow_and_update() == State::Deaf;
                if changed.is_err() || (was_deaf && !is_deaf) {
                    return;
                }
                was_deaf = is_deaf;
            }
        }
    }
}
