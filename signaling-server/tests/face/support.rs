//! Servers with a certificate, and clients that trust it. Every wait has a generous end, and none is a sleep for luck.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rcgen::{CertifiedKey, KeyPair};
use sightline_protocol::{ClientMessage, MediaState, RoomCreated, ServerMessage, VERSION};
use sightline_server::{Config, Limits, Reloader, Server, ServerError, Tls};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("took far too long")
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) reloader: Reloader,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl Running {
    pub(crate) fn start(config: Config) -> Self {
        let server = Server::bind(config).expect("a server");
        let (address, reloader) = (server.local_addr(), server.reloader());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run_until(async {
            stopped.await.ok();
        }));
        Self { address, reloader, stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        in_time(self.task).await.expect("no panic").expect("a good end");
    }

    pub(crate) async fn plain(&self) -> TcpStream {
        in_time(TcpStream::connect(self.address)).await.expect("connects")
    }
}

pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// A certificate for `localhost` that nobody else signed.
pub(crate) fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

/// A folder with `cert.pem` and `key.pem`.
pub(crate) struct Files {
    pub(crate) folder: TempDir,
}

impl Files {
    pub(crate) fn of(made: &CertifiedKey<KeyPair>) -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder") };
        files.put(made);
        files
    }

    pub(crate) fn put(&self, made: &CertifiedKey<KeyPair>) {
        std::fs::write(self.tls().cert, made.cert.pem()).expect("written");
        std::fs::write(self.tls().key, made.signing_key.serialize_pem()).expect("written");
    }

    pub(crate) fn tls(&self) -> Tls {
        let path = |name: &str| Path::new(self.folder.path()).join(name);
        Tls { cert: path("cert.pem"), key: path("key.pem") }
    }
}

/// Connects with TLS, trusting this certificate and no other.
pub(crate) async fn secure(
    address: SocketAddr,
    trusted: &CertifiedKey<KeyPair>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = in_time(TcpStream::connect(address)).await?;
    let name = "localhost".try_into().expect("a name");
    in_time(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// One request; gives the status and the whole answer.
pub(crate) async fn http<S>(mut stream: S, method: &str, path: &str, headers: &str) -> (u16, String)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n{headers}\r\n");
    in_time(stream.write_all(request.as_bytes())).await.expect("sent");
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.expect("answered");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, answer)
}

pub(crate) async fn room<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> String {
    let (status, answer) = http(stream, "POST", "/rooms", "").await;
    assert_eq!(status, 201, "{answer}");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str::<RoomCreated>(body).expect("a room").code
}

/// Until the server lets go; gives what it said before.
pub(crate) async fn until_closed<S: AsyncRead + Unpin>(mut stream: S) -> String {
    let mut bytes = Vec::new();
    // Reset is an end, too.
    in_time(stream.read_to_end(&mut bytes)).await.ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A member of a room, over any stream.
pub(crate) struct Member<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Member<S> {
    pub(crate) async fn join(stream: S, code: &str, name: &str) -> Self {
        let (socket, _) =
            in_time(tokio_tungstenite::client_async("ws://localhost/ws", stream)).await.expect("a WebSocket");
        let mut member = Self(socket);
        member
            .say(ClientMessage::Hello {
                version: VERSION,
                client: "test".into(),
                resume_token: None,
                account_token: None,
            })
            .await;
        assert!(matches!(member.hear().await, ServerMessage::Welcome { .. }));
        member
            .say(ClientMessage::Join {
                room_id: code.into(),
                name: name.into(),
                media: MediaState::default(),
                token: None,
                user_id: None,
            })
            .await;
        assert!(matches!(member.hear().await, ServerMessage::Join { .. }));
        member
    }

    pub(crate) async fn say(&mut self, message: ClientMessage) {
        in_time(self.0.send(Message::text(message.to_json()))).await.expect("sent");
    }

    pub(crate) async fn hear(&mut self) -> ServerMessage {
        loop {
            match in_time(self.0.next()).await.expect("still open").expect("no error") {
                Message::Text(text) => return ServerMessage::parse(&text).expect("the protocol"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("closed or not text: {other:?}"),
            }
        }
    }

    /// The next chat text.
    pub(crate) async fn hear_chat(&mut self) -> String {
        loop {
            if let ServerMessage::Chat { text, .. } = self.hear().await {
                return text;
            }
        }
    }
}

pub(crate) fn chat(text: &str) -> ClientMessage {
    ClientMessage::Chat { text: text.into() }
}
