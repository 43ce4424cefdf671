//! A server on a free port, and clients on real sockets. Every wait has a generous end, and none is a sleep for luck.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use sightline_protocol::{ClientMessage, ErrorCode, MediaState, Participant, ServerMessage, UserId, VERSION};
use sightline_server::{Config, Limits, Server, ServerError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, Utf8Bytes, protocol::frame::coding::CloseCode},
};

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Running {
    at: At,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl Running {
    pub(crate) fn start(config: Config) -> Self {
        let server = Server::bind(config).expect("a server");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run_until(async {
            stopped.await.ok();
        }));
        Self { at: At(address), stop, task }
    }

    pub(crate) fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self::start(Config { limits, ..Config::default() })
    }

    /// Ends it in good order and gives how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let begun = Instant::now();
        self.stop.send(()).expect("it runs");
        in_time(self.task).await.expect("no panic").expect("a good end");
        begun.elapsed()
    }
}

/// A server at some address.
pub(crate) struct At(pub(crate) SocketAddr);

impl std::ops::Deref for Running {
    type Target = At;

    fn deref(&self) -> &At {
        &self.at
    }
}

impl At {
    /// One HTTP request; gives the status and the whole answer.
    pub(crate) async fn http(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.0).await.expect("connects");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        in_time(stream.read_to_string(&mut answer)).await.expect("answered");
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        (status, answer)
    }

    pub(crate) async fn room(&self) -> String {
        let (status, answer) = self.http("POST", "/rooms").await;
        assert_eq!(status, 201, "{answer}");
        let body: sightline_protocol::RoomCreated = serde_json::from_str(body(&answer)).expect("a room");
        body.code
    }

    /// A client that has said nothing yet.
    pub(crate) async fn connect(&self) -> Client {
        let url = format!("ws://{}/ws", self.0);
        let (socket, _) = in_time(tokio_tungstenite::connect_async(url)).await.expect("a WebSocket");
        Client { socket, id: UserId(String::new()), token: String::new() }
    }

    pub(crate) async fn hello(&self) -> Client {
        let mut client = self.connect().await;
        assert!(!client.hello(None).await);
        client
    }

    /// A client with its old token; gives whether it is the same participant.
    pub(crate) async fn resume(&self, token: &str) -> (Client, bool) {
        let mut client = self.connect().await;
        let resumed = client.hello(Some(token.to_owned())).await;
        (client, resumed)
    }

    /// A client in a room, and who was there.
    pub(crate) async fn join(&self, code: &str, name: &str) -> (Client, Vec<Participant>) {
        let mut client = self.hello().await;
        let participants = client.join(code, name).await;
        (client, participants)
    }
}

pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a body").1
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("took far too long")
}

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) id: UserId,
    pub(crate) token: String,
}

impl Client {
    pub(crate) async fn hello(&mut self, resume_token: Option<String>) -> bool {
        self.say(ClientMessage::Hello { version: VERSION, client: "test".into(), resume_token, account_token: None })
            .await;
        match self.hear().await {
            ServerMessage::Welcome { user_id, resume_token, resumed, version, .. } => {
                assert_eq!(version, VERSION);
                (self.id, self.token) = (user_id, resume_token);
                resumed
            }
            other => panic!("hello was answered with {other:?}"),
        }
    }

    pub(crate) async fn join(&mut self, code: &str, name: &str) -> Vec<Participant> {
        self.say(ClientMessage::Join {
            room_id: code.into(),
            name: name.into(),
            media: MediaState::default(),
            token: None,
            user_id: None,
        })
        .await;
        match self.hear().await {
            ServerMessage::Join { room_id, user_id, participants, .. } => {
                assert_eq!((room_id.as_str(), &user_id), (code, &self.id));
                participants
            }
            other => panic!("join was answered with {other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, message: ClientMessage) {
        self.send(message.to_json()).await;
    }

    pub(crate) async fn send(&mut self, text: impl Into<Utf8Bytes>) {
        in_time(self.socket.send(Message::text(text))).await.expect("sent");
    }

    /// The next message, whatever it is.
    pub(crate) async fn hear(&mut self) -> ServerMessage {
        loop {
            match in_time(self.socket.next()).await.expect("still open").expect("no error") {
                Message::Text(text) => return ServerMessage::parse(&text).expect("the protocol"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("closed or not text: {other:?}"),
            }
        }
    }

    /// Asks for a sign of life and gives everything that came before it: with messages in order, that is everything that
    /// there was to hear.
    pub(crate) async fn heard(&mut self) -> Vec<ServerMessage> {
        self.say(ClientMessage::Ping { nonce: 4711 }).await;
        let mut heard = Vec::new();
        loop {
            match self.hear().await {
                ServerMessage::Pong { nonce: 4711 } => return heard,
                message => heard.push(message),
            }
        }
    }

    pub(crate) async fn refusal(&mut self, text: impl Into<Utf8Bytes>) -> ErrorCode {
        self.send(text).await;
        match self.hear().await {
            ServerMessage::Error { code, message } => {
                assert!(message.ends_with('.'), "no sentence: {message}");
                code
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Hears out the server until it closes; gives what it said and the code of the close frame, if one came.
    pub(crate) async fn until_closed(&mut self) -> (Vec<ServerMessage>, Option<CloseCode>) {
        let mut heard = Vec::new();
        let mut code = None;
        loop {
            match in_time(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => heard.push(ServerMessage::parse(&text).expect("the protocol")),
                Some(Ok(Message::Close(frame))) => code = frame.map(|frame| frame.code),
                Some(Ok(_)) => {}
                Some(Err(tungstenite::Error::Io(_) | tungstenite::Error::Protocol(_))) | None => return (heard, code),
                Some(Err(other)) => panic!("{other}"),
            }
        }
    }
}

pub(crate) fn offer(to: &Client, sdp: &str) -> ClientMessage {
    ClientMessage::Offer { to: to.id.clone(), sdp: sdp.into() }
}

pub(crate) fn chat(text: &str) -> ClientMessage {
    ClientMessage::Chat { text: text.into() }
}
