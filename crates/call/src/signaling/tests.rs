//! Coming back to a server that does as scripted, over real sockets.

use sightline_protocol::{Participant, UserId};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;

/// One accepted client of the scripted server.
pub(super) struct Served {
    socket: WebSocketStream<tokio::net::TcpStream>,
}

impl Served {
    pub(super) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.expect("a client");
        Self { socket: tokio_tungstenite::accept_async(stream).await.expect("a WebSocket") }
    }

    pub(super) async fn expect(&mut self) -> ClientMessage {
        use futures_util::StreamExt;
        let message = timeout(PATIENCE, self.socket.next()).await.expect("in time").expect("open").expect("whole");
        ClientMessage::parse(message.to_text().expect("text")).expect("of the protocol")
    }

    pub(super) async fn say(&mut self, message: ServerMessage) {
        use futures_util::SinkExt;
        self.socket.send(Message::text(message.to_json())).await.expect("sent");
    }

    async fn welcome(&mut self, id: &str, token: &str, resumed: bool) {
        let welcome = ServerMessage::Welcome {
            version: 1,
            user_id: UserId(id.into()),
            resume_token: token.into(),
            resume_seconds: 30,
            resumed,
            ice_servers: Vec::new(),
            account: None,
        };
        self.say(welcome).await;
    }

    async fn let_in(&mut self, id: &str, participants: Vec<Participant>) {
        self.say(ServerMessage::Join {
            room_id: "a-b".into(),
            user_id: UserId(id.into()),
            participants,
            room: None,
            token: None,
        })
        .await;
    }

    pub(super) async fn refuse(&mut self, code: ErrorCode) {
        self.say(ServerMessage::Error { code, message: "No.".into() }).await;
    }
}

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}", listener.local_addr().expect("bound"));
    (listener, url)
}

async fn heard(signals: &mut mpsc::Receiver<Signal>) -> Signal {
    timeout(PATIENCE, signals.recv()).await.expect("in time").expect("the task runs")
}

fn chat(text: &str) -> ClientMessage {
    ClientMessage::Chat { text: text.into() }
}

/// Joins as `u1` with token `t1`; returns the client's half and the server's.
async fn joined(listener: &TcpListener, url: &str) -> (Signaling, mpsc::Receiver<Signal>, Served) {
    let server = async {
        let mut served = Served::accept(listener).await;
        let ClientMessage::Hello { resume_token: None, .. } = served.expect().await else { panic!("no hello") };
        let ClientMessage::Join { room_id, .. } = served.expect().await else { panic!("join follows at once") };
        assert_eq!(room_id, "a-b");
        served.welcome("u1", "t1", false).await;
        served.let_in("u1", Vec::new()).await;
        served
    };
    let ticket = Ticket { code: "A b", name: "Ada", token: None };
    let client = Signaling::join(url, ticket, MediaState::default(), &|_| {});
    let (client, served) = tokio::join!(client, server);
    let (signaling, entered, signals) = client.expect("joined");
    assert_eq!(entered.user_id.0, "u1");
    (signaling, signals, served)
}

#[tokio::test]
async fn a_lost_socket_is_resumed_and_what_was_said_meanwhile_follows() {
    let (listener, url) = listen().await;
    let (signaling, mut signals, served) = joined(&listener, &url).await;
    drop(served);
    assert!(matches!(heard(&mut signals).await, Signal::Away { .. }));
    signaling.send(ClientMessage::Offer { to: UserId("u2".into()), sdp: "sdp".into() });
    signaling.send(chat("said while away"));

    let mut served = Served::accept(&listener).await;
    let ClientMessage::Hello { resume_token, .. } = served.expect().await else { panic!("no hello") };
    assert_eq!(resume_token.as_deref(), Some("t1"));
    served.welcome("u1", "t1", true).await;
    served.let_in("u1", Vec::new()).await;
    let Signal::Entered(entered) = heard(&mut signals).await else { panic!("not back") };
    assert!(entered.resumed);
    assert!(matches!(served.expect().await, ClientMessage::Offer { .. }));
    assert_eq!(served.expect().await, chat("said while away"));
}

#[tokio::test]
async fn a_server_that_forgot_us_is_joined_anew_with_the_present_state() {
    let (listener, url) = listen().await;
    let (signaling, mut signals, served) = joined(&listener, &url).await;
    drop(served);
    assert!(matches!(heard(&mut signals).await, Signal::Away { .. }));
    let muted = MediaState { audio: false, video: true };
    signaling.send(ClientMessage::media(muted));
    signaling.send(ClientMessage::Offer { to: UserId("u2".into()), sdp: "for nobody".into() });
    signaling.send(chat("hello again"));

    // Once refused and once let in: it goes on trying.
    let mut served = Served::accept(&listener).await;
    served.expect().await;
    served.welcome("u8", "t8", false).await;
    served.expect().await;
    served.refuse(ErrorCode::RoomFull).await;
    assert!(matches!(heard(&mut signals).await, Signal::Refused(CallError::RoomFull(_))));

    let mut served = Served::accept(&listener).await;
    served.expect().await;
    served.welcome("u9", "t9", false).await;
    let ClientMessage::Join { media, .. } = served.expect().await else { panic!("no join") };
    assert_eq!(media, muted);
    served.let_in("u9", Vec::new()).await;
    let Signal::Entered(entered) = heard(&mut signals).await else { panic!("not back") };
    assert!(!entered.resumed);
    assert!(matches!(served.expect().await, ClientMessage::Update { .. }));
    assert_eq!(served.expect().await, chat("hello again"), "the offer would have reached nobody");
}

#[tokio::test]
async fn refusals_at_the_first_join_are_final_and_clear() {
    for (code, word) in [
        (ErrorCode::UnknownRoom, "no room has the code 'a-b'"),
        (ErrorCode::RoomFull, "is full"),
        (ErrorCode::UnsupportedVersion, "update"),
        (ErrorCode::TooFast, "No."),
    ] {
        let (listener, url) = listen().await;
        let server = async {
            let mut served = Served::accept(&listener).await;
            served.expect().await;
            served.refuse(code).await;
            served
        };
        let (client, _served) = tokio::join!(
            Signaling::join(&url, Ticket { code: "a-b", name: "Ada", token: None }, MediaState::default(), &|_| {}),
            server
        );
        let error = client.err().expect("refused").to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn a_replaced_client_does_not_come_back() {
    let (listener, url) = listen().await;
    let (_signaling, mut signals, mut served) = joined(&listener, &url).await;
    served.refuse(ErrorCode::Replaced).await;
    assert!(matches!(heard(&mut signals).await, Signal::Replaced));
    assert!(timeout(PATIENCE, signals.recv()).await.expect("in time").is_none(), "the task has ended");
}

#[tokio::test]
async fn leaving_says_so() {
    let (listener, url) = listen().await;
    let (signaling, _signals, mut served) = joined(&listener, &url).await;
    let server = async {
        assert_eq!(served.expect().await, ClientMessage::Leave {});
        served.say(ServerMessage::Leave { room_id: "a-b".into(), user_id: UserId("u1".into()) }).await;
    };
    tokio::join!(signaling.leave(), server);
}

#[tokio::test]
async fn leaving_does_not_wait_for_a_server_that_is_gone() {
    let (listener, url) = listen().await;
    let (signaling, mut signals, served) = joined(&listener, &url).await;
    drop((served, listener));
    assert!(matches!(heard(&mut signals).await, Signal::Away { .. }));
    timeout(PATIENCE, signaling.leave()).await.expect("bounded");
}

#[tokio::test]
async fn garbage_from_the_server_is_ignored() {
    use futures_util::SinkExt;
    let (listener, url) = listen().await;
    let (_signaling, mut signals, mut served) = joined(&listener, &url).await;
    for garbage in ["", "{}", "[1", r#"{"event":"news","data":{}}"#] {
        served.socket.send(Message::text(garbage)).await.expect("sent");
    }
    served.socket.send(Message::binary(vec![0, 1])).await.expect("sent");
    served
        .say(ServerMessage::Chat {
            from: UserId("u2".into()),
            text: "hi".into(),
            sent_at_ms: 0,
            name: None,
            earlier: false,
        })
        .await;
    assert!(matches!(heard(&mut signals).await, Signal::Message(ServerMessage::Chat { .. })));
}
