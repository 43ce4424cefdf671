//! Bad clients over real sockets: each is told what is wrong, and nobody else notices.

use std::time::Duration;

use crate::support::{Running, body, chat, in_time, offer};
use futures_util::{SinkExt, StreamExt};
use sightline_protocol::{Change, ClientMessage, ErrorCode, LeaveReason, ServerMessage, limits};
use sightline_server::{Config, Rate};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

/// What each client sends, and the answer to it. Garbage never closes the socket: it is the same one throughout.
#[tokio::test]
async fn every_refusal_has_its_code_and_the_socket_stays_open() {
    let server = Running::start(Config { max_participants: 1, ..Config::default() });
    let code = server.room().await;
    let mut client = server.connect().await;
    for garbage in ["", "garbage", "{}", "[1,2,3]", "{\"event\":", "\u{0}\u{1}", r#"{"event":"join","data":{}}"#] {
        assert_eq!(client.refusal(garbage).await, ErrorCode::BadMessage, "{garbage}");
    }
    client.socket.send(Message::binary(vec![0xff; 100])).await.expect("sent");
    assert!(matches!(client.hear().await, ServerMessage::Error { code: ErrorCode::BadMessage, .. }));
    assert_eq!(client.refusal(r#"{"event":"dance","data":{}}"#).await, ErrorCode::UnknownEvent);
    assert_eq!(client.refusal(r#"{"event":"leave","data":{}}"#).await, ErrorCode::HelloFirst);
    assert_eq!(client.refusal(r#"{"event":"hello","data":{"version":9}}"#).await, ErrorCode::UnsupportedVersion);
    client.hello(None).await;
    assert_eq!(client.refusal(r#"{"event":"hello","data":{"version":1}}"#).await, ErrorCode::BadMessage);
    assert_eq!(client.refusal(chat("hi").to_json()).await, ErrorCode::NotInRoom);
    let join = |code: &str| format!(r#"{{"event":"join","data":{{"roomId":"{code}","name":"Ada"}}}}"#);
    assert_eq!(client.refusal(join("no-such-room")).await, ErrorCode::UnknownRoom);
    client.join(&code, "Ada").await;
    assert_eq!(client.refusal(join(&code)).await, ErrorCode::AlreadyInRoom);
    let mut late = server.hello().await;
    assert_eq!(late.refusal(join(&code)).await, ErrorCode::RoomFull);
    assert_eq!(client.refusal(offer(&late, "not in my room").to_json()).await, ErrorCode::UnknownPeer);
    assert_eq!(client.refusal(chat(&"x".repeat(limits::CHAT_CHARS + 1)).to_json()).await, ErrorCode::TooLarge);
    assert_eq!(client.heard().await, []);
}

#[tokio::test]
async fn a_message_of_64_kib_passes_and_a_longer_one_does_not() {
    let server = Running::start(Config::default());
    let code = server.room().await;
    let (mut ada, _) = server.join(&code, "Ada").await;
    let (mut grace, _) = server.join(&code, "Grace").await;
    let of_length = |length: usize| {
        let text = offer(&grace, "").to_json();
        text.replace(r#""sdp":"""#, &format!(r#""sdp":"{}""#, "x".repeat(length - text.len())))
    };
    let (longest, too_long) = (of_length(limits::MESSAGE_BYTES), of_length(limits::MESSAGE_BYTES + 1));
    ada.send(longest).await;
    assert!(matches!(grace.hear().await, ServerMessage::Offer { sdp, .. } if sdp.len() > 65_000));
    ada.heard().await;
    assert_eq!(ada.refusal(too_long).await, ErrorCode::TooLarge);
    assert_eq!(ada.refusal("x".repeat(4 * limits::MESSAGE_BYTES)).await, ErrorCode::TooLarge);
    assert_eq!((ada.heard().await, grace.heard().await), (vec![], vec![]));

    // What is longer still is not read: the client is told and closed, and may come back.
    let token = ada.token.clone();
    ada.send("x".repeat(4 * limits::MESSAGE_BYTES + 1)).await;
    let (heard, code) = ada.until_closed().await;
    assert!(matches!(heard.as_slice(), [ServerMessage::Error { code: ErrorCode::TooLarge, .. }]), "{heard:?}");
    assert_eq!(code, Some(CloseCode::Size));
    assert!(server.resume(&token).await.1);
}

#[tokio::test]
async fn a_latecomers_burst_passes_and_a_flood_does_not() {
    // One more a minute: the machine may be as slow as it likes.
    let every = Duration::from_secs(60);
    let burst = sightline_server::Limits::default().messages.burst;
    let server = Running::with_limits(|limits| limits.messages = Rate { burst, every });
    let code = server.room().await;
    let (mut ada, _) = server.join(&code, "Ada").await;
    let (mut late, _) = server.join(&code, "Late").await;
    ada.heard().await;
    // Seven offers and fifty candidates for each; hello and join are said already.
    for _ in 0..7 * 51 {
        late.say(offer(&ada, "v=0")).await;
    }
    assert_eq!(late.heard().await, [], "a burst of an honest client was refused");
    assert_eq!(ada.heard().await.len(), 7 * 51);

    let used = 2 + 7 * 51 + 1;
    for _ in 0..burst + 500 {
        late.say(offer(&ada, "flood")).await;
    }
    assert!(matches!(late.hear().await, ServerMessage::Error { code: ErrorCode::TooFast, .. }));
    // Nobody else is troubled, and what passed is what was allowed.
    let mut passed = 0;
    while passed < (burst - used) as usize {
        passed += ada.heard().await.len();
    }
    assert_eq!(passed, (burst - used) as usize);
}

#[tokio::test]
async fn who_is_too_fast_is_heard_again_later() {
    let server = Running::with_limits(|limits| {
        limits.messages = Rate { burst: 5, every: Duration::from_millis(20) };
        // So that there is something to hear also when nothing is answered.
        limits.ping_interval = Duration::from_millis(100);
    });
    let mut client = server.hello().await;
    for nonce in 0..200 {
        client.say(ClientMessage::Ping { nonce }).await;
    }
    // However many were dropped, in the end one is answered.
    let mut refused = 0;
    for nonce in 1000.. {
        client.say(ClientMessage::Ping { nonce }).await;
        match in_time(client.socket.next()).await.expect("open").expect("no error") {
            Message::Text(text) => match ServerMessage::parse(&text).expect("the protocol") {
                ServerMessage::Pong { nonce } if nonce >= 1000 => break,
                ServerMessage::Error { code, .. } => {
                    assert_eq!(code, ErrorCode::TooFast);
                    refused += 1;
                }
                _ => {}
            },
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 0, "200 pings at once were not too fast");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_out_and_the_others_go_on() {
    let server = Running::with_limits(|limits| {
        limits.messages = Rate { burst: 1_000_000, every: Duration::from_micros(1) };
    });
    let code = server.room().await;
    let (mut ada, _) = server.join(&code, "Ada").await;
    let (mut grace, _) = server.join(&code, "Grace").await;
    let (stuck, _) = server.join(&code, "Stuck").await;
    for client in [&mut ada, &mut grace] {
        client.heard().await;
    }
    // The kernel's buffers take some megabytes before the server's queue begins to fill.
    let big = offer(&stuck, &"x".repeat(60_000)).to_json();
    let left = loop {
        ada.send(big.clone()).await;
        ada.say(offer(&grace, "and to one who reads")).await;
        assert!(matches!(grace.hear().await, ServerMessage::Offer { .. } | ServerMessage::Update { .. }));
        if let Some(message) = ada.heard().await.into_iter().next() {
            break message;
        }
    };
    let ServerMessage::Update { user_id, change, .. } = left else { panic!("{left:?}") };
    assert_eq!((user_id, change), (stuck.id.clone(), Change::Left { reason: LeaveReason::TooSlow }));
    assert_eq!(ada.refusal(offer(&stuck, "still there?").to_json()).await, ErrorCode::UnknownPeer);
    assert!(!server.resume(&stuck.token).await.1, "its place is gone");
    ada.say(chat("we go on")).await;
    assert!(matches!(ada.hear().await, ServerMessage::Chat { .. }));
}

#[tokio::test]
async fn there_are_so_many_connections_and_no_more() {
    let server = Running::with_limits(|limits| limits.max_connections = 2);
    let one = server.hello().await;
    let _two = server.hello().await;
    let url = format!("ws://{}/ws", server.0);
    let refused = in_time(tokio_tungstenite::connect_async(&url)).await.expect_err("a third connection");
    let tokio_tungstenite::tungstenite::Error::Http(answer) = refused else { panic!("{refused}") };
    assert_eq!(answer.status(), 503);
    // Plain requests are still answered, and a place that is free again is given.
    assert_eq!(server.http("GET", "/healthz").await.0, 200);
    drop(one);
    in_time(async { while tokio_tungstenite::connect_async(&url).await.is_err() {} }).await;
}

#[tokio::test]
async fn guessing_is_refused_over_http_too() {
    let server = Running::start(Config::default());
    let code = server.room().await;
    let burst = sightline_server::Limits::default().guesses.burst;
    for n in 0..burst {
        assert_eq!(server.http("GET", &format!("/rooms/guess-{n}")).await.0, 404);
    }
    let (status, answer) = server.http("GET", &format!("/rooms/{code}")).await;
    assert_eq!(status, 429);
    let refusal: sightline_protocol::Problem = serde_json::from_str(body(&answer)).expect("a refusal");
    assert_eq!(refusal.code, ErrorCode::TooFast);
    let mut client = server.hello().await;
    let join = format!(r#"{{"event":"join","data":{{"roomId":"{code}","name":"Eve"}}}}"#);
    assert_eq!(client.refusal(join).await, ErrorCode::TooFast);
}

#[tokio::test]
async fn half_a_request_and_noise_hold_up_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Running::start(Config::default());
    let mut half = tokio::net::TcpStream::connect(server.0).await.expect("connects");
    half.write_all(b"GET /rooms/half HTTP/1.1\r\nHo").await.expect("sent");
    let mut noise = tokio::net::TcpStream::connect(server.0).await.expect("connects");
    noise.write_all(&[0x16, 0x03, 0x01, 0xff, 0x00, 0x0a, 0x0d, 0x80]).await.expect("sent");
    noise.shutdown().await.expect("sent");
    let mut huge = tokio::net::TcpStream::connect(server.0).await.expect("connects");
    // It may be cut off before it has sent all.
    huge.write_all(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)).as_bytes()).await.ok();
    assert_eq!(server.http("GET", "/healthz").await.0, 200);
    // Who sent nonsense is let go, and not by us waiting for it.
    in_time(noise.read_to_end(&mut Vec::new())).await.ok();
    in_time(huge.read_to_end(&mut Vec::new())).await.ok();
}
