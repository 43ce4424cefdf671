//! A server on a free port with a database, an admin token and a secret that the tests know; and requests to it.

use std::{io::Write, net::SocketAddr};

use flate2::{Compression, write::GzEncoder};
use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sightline_protocol::{ClientMessage, Problem, RoomCreated, ServerMessage};
use sightline_server::{Accounts, Config, Secret, Server};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

pub(crate) const ADMIN: &str = "an admin token of some length";
pub(crate) const SECRET: &str = "a secret that signs tokens, of more than thirty-two bytes";

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The problem document that a refusal has to be.
    #[track_caller]
    pub(crate) fn problem(&self) -> Problem {
        assert!(self.head.contains("application/problem+json"), "{}", self.head);
        let problem: Problem = serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(problem.status, self.status);
        assert!(problem.detail.ends_with('.') && problem.detail.len() > 15, "no sentence: {}", problem.detail);
        assert_eq!(problem.kind, format!("urn:sightline:{}", problem.code));
        problem
    }
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::in_folder(TempDir::new().expect("a folder"), change)
    }

    fn in_folder(folder: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            database: Some(folder.path().join("server.sqlite")),
            admin_token: Some(Secret::new(ADMIN)),
            token_secret: Some(Secret::new(SECRET)),
            accounts: Accounts::Optional,
            ..Config::default()
        };
        change(&mut config);
        let server = Server::bind(config).expect("a server");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async {
            server.run_until(async { drop(stopped.await) }).await.expect("a good end");
        });
        Self { address, folder, stop: Some(stop), task }
    }

    /// Ends it and starts another one on the same database.
    pub(crate) async fn restart(mut self) -> Self {
        self.stop.take().expect("it runs").send(()).expect("it runs");
        self.task.await.expect("no panic");
        Self::in_folder(self.folder, |_| {})
    }

    /// One request; `body` is JSON unless it is null.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, token, "", &body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, token: Option<&str>, more: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: calls.example\r\n{bearer}{more}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        // A server that refuses early does not read to the end.
        stream.write_all(body).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body: answer[end + 4..].to_vec() }
    }

    pub(crate) async fn room(&self, wish: Value) -> RoomCreated {
        let answer = self.ask("POST", "/rooms", None, wish).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        serde_json::from_value(answer.json()).expect("a room")
    }

    /// Somebody on a WebSocket in the room; gives it with its room token.
    pub(crate) async fn member(&self, code: &str, token: Option<&str>) -> Member {
        self.named_member(code, token, "Ada").await
    }

    pub(crate) async fn named_member(&self, code: &str, token: Option<&str>, name: &str) -> Member {
        let (socket, _) =
            tokio_tungstenite::connect_async(format!("ws://{}/ws", self.address)).await.expect("a socket");
        let mut member = Member { socket, id: String::new(), token: String::new() };
        member.say(json!({"event": "hello", "data": {"version": 1}})).await;
        member.say(json!({"event": "join", "data": {"roomId": code, "name": name, "token": token}})).await;
        loop {
            match member.hear().await {
                ServerMessage::Join { user_id, token, .. } => {
                    (member.id, member.token) = (user_id.0, token.expect("a token"));
                    return member;
                }
                ServerMessage::Error { code, message } => panic!("{code}: {message}"),
                _ => {}
            }
        }
    }

    /// A WebSocket that is a device of the account with this session token; or why it is not.
    pub(crate) async fn device(&self, token: &str) -> Result<Member, ServerMessage> {
        let (socket, _) =
            tokio_tungstenite::connect_async(format!("ws://{}/ws", self.address)).await.expect("a socket");
        let mut member = Member { socket, id: String::new(), token: String::new() };
        member.say(json!({"event": "hello", "data": {"version": 1, "accountToken": token}})).await;
        match member.hear().await {
            ServerMessage::Welcome { account: Some(_), .. } => Ok(member),
            other => Err(other),
        }
    }

    /// An account, and its session token.
    pub(crate) async fn account(&self, name: &str) -> String {
        let answer = self.ask("POST", "/accounts", None, json!({"name": name, "password": "correct horse"})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["token"].as_str().expect("a token").to_owned()
    }
}

pub(crate) struct Member {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Member {
    pub(crate) async fn say(&mut self, message: Value) {
        ClientMessage::parse(&message.to_string()).expect("of the protocol");
        self.socket.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub(crate) async fn hear(&mut self) -> ServerMessage {
        loop {
            let message = tokio::time::timeout(std::time::Duration::from_secs(20), self.socket.next()).await;
            if let Message::Text(text) = message.expect("in time").expect("open").expect("read") {
                return ServerMessage::parse(&text).expect("of the protocol");
            }
        }
    }
}

/// A token that says this, signed by the server's secret.
pub(crate) fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).expect("signed")
}

pub(crate) fn now_s() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_secs()).expect("before the end of time")
}

pub(crate) fn claims(room: &str, role: &str) -> Value {
    let now = now_s();
    json!({"room": room, "role": role, "name": "Ada", "sub": "u1", "jti": "j1", "iat": now, "exp": now + 600})
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).expect("in memory");
    packer.finish().expect("in memory")
}
