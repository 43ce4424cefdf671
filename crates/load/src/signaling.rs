//! Our server as a program, and clients of it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use sightline_protocol::{ClientMessage, ErrorCode, MediaState, RoomCreated, ServerMessage, UserId, VERSION};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::{http, loopback, program::Program};

/// Opens everything.
pub(crate) const ADMIN: &str = "an admin's token for the bench";
/// Signs room tokens.
pub(crate) const SECRET: &str = "a secret of the bench, longer than 32 bytes";

/// Buffers of a client's socket: its messages are small, and there are ten thousand of it.
const BUFFER_BYTES: usize = 4096;

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Where a server's files are; they go with it.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("admin"), ADMIN)?;
        fs::write(folder.path().join("secret"), SECRET)?;
        Ok(Self(folder))
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.path().join("server.sqlite")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    /// Starts the server on its database, as it is run by people.
    pub(crate) fn start(&self) -> Result<Program> {
        let mut command = Command::new(binary()?);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIGHTLINE_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        let file = |name: &str| self.0.path().join(name);
        command.args(["--listen", "127.0.0.1:0"]).arg("--database").arg(self.database());
        command.arg("--admin-token-file").arg(file("admin")).arg("--token-secret-file").arg(file("secret"));
        Program::start(&mut command, &self.log())
    }
}

/// The server's program, built beside this one.
pub(crate) fn binary() -> Result<PathBuf> {
    let path = beside("sightline-server")?;
    if !path.exists() {
        bail!("there is no {}; `cargo xtask bench server` builds it", path.display());
    }
    Ok(path)
}

/// A path beside this program.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().map(Path::to_path_buf).context("a program is in a folder")?.join(name))
}

/// Opens a WebSocket.
pub(crate) async fn open(at: SocketAddr, from: usize, path: &str) -> Result<Socket> {
    let stream = loopback::connect(at, from).await?;
    let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
    let (socket, _) = client_async_with_config(format!("ws://{at}{path}"), stream, Some(config)).await?;
    Ok(socket)
}

/// Sends a text.
pub(crate) async fn say(socket: &mut Socket, text: String) -> Result<()> {
    Ok(socket.send(Message::text(text)).await?)
}

/// The next text; pings are answered underneath.
pub(crate) async fn hear(socket: &mut Socket) -> Result<String> {
    loop {
        match socket.next().await.context("the server closed the connection")?? {
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
            _ => {}
        }
    }
}

/// Makes a room.
pub(crate) async fn make_room(at: SocketAddr, from: usize) -> Result<RoomCreated> {
    http::post(at, from, "/rooms", None, serde_json::json!({})).await?.json(201)
}

/// A client that is in no room yet.
pub(crate) async fn greet(at: SocketAddr, from: usize) -> Result<Socket> {
    let mut socket = open(at, from, "/ws").await?;
    let hello =
        ClientMessage::Hello { version: VERSION, client: "bench".to_owned(), resume_token: None, account_token: None };
    say(&mut socket, hello.to_json()).await?;
    match told(&mut socket).await? {
        ServerMessage::Welcome { .. } => Ok(socket),
        other => bail!("no welcome but {other:?}"),
    }
}

/// What a client is in a room.
pub(crate) struct Joined {
    pub(crate) user: UserId,
    /// For uploads.
    pub(crate) token: Option<String>,
}

/// Joins a room; back when the server says that it has joined.
pub(crate) async fn join(socket: &mut Socket, code: &str, name: &str) -> Result<Joined> {
    let join = ClientMessage::Join {
        room_id: code.to_owned(),
        name: name.to_owned(),
        media: MediaState::default(),
        token: None,
        user_id: None,
    };
    say(socket, join.to_json()).await?;
    loop {
        match told(socket).await? {
            ServerMessage::Join { user_id, token, .. } => return Ok(Joined { user: user_id, token }),
            ServerMessage::Update { .. } => {}
            other => bail!("did not join but {other:?}"),
        }
    }
}

/// Leaves the room; back when the server says that it has left.
pub(crate) async fn leave(socket: &mut Socket) -> Result<()> {
    say(socket, ClientMessage::Leave {}.to_json()).await?;
    loop {
        match told(socket).await? {
            ServerMessage::Leave { .. } => return Ok(()),
            ServerMessage::Update { .. } => {}
            other => bail!("did not leave but {other:?}"),
        }
    }
}

async fn told(socket: &mut Socket) -> Result<ServerMessage> {
    let text = hear(socket).await?;
    match ServerMessage::parse(&text) {
        Ok(ServerMessage::Error { code, message }) if code != ErrorCode::Internal => bail!("{code:?}: {message}"),
        Ok(message) => Ok(message),
        Err(refusal) => bail!("{}: {text}", refusal.message),
    }
}
