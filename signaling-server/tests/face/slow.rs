//! Clients that hold up their own requests, over real sockets; how long exactly each step may take is tested in virtual
//! time, next to the code.

use std::time::{Duration, Instant};

use sightline_server::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Files, Member, Running, certificate, http, in_time, limits, room, secure, until_closed};

const SHORT: Duration = Duration::from_millis(200);

/// All places are taken by handshakes that do not go on; who comes later is served when their time is over, not never.
#[tokio::test]
async fn handshakes_that_do_not_go_on_give_their_places_back() {
    let made = certificate();
    let files = Files::of(&made);
    let server = Running::start(Config {
        tls: Some(files.tls()),
        limits: limits(|limits| (limits.handshake, limits.max_requests) = (SHORT, 3)),
        ..Config::default()
    });
    let begun = Instant::now();
    let mut stuck = Vec::new();
    for bytes in [&b""[..], &[0x16], &[0x16, 3, 1, 1, 0, 1]] {
        let mut stream = server.plain().await;
        stream.write_all(bytes).await.expect("sent");
        stuck.push(stream);
    }
    let stream = secure(server.address, &made, &[]).await.expect("TLS");
    assert_eq!(http(stream, "GET", "/healthz", "").await.0, 200);
    assert!(begun.elapsed() >= SHORT, "no place was taken: {:?}", begun.elapsed());
    for stream in stuck {
        until_closed(stream).await;
    }
}

#[tokio::test]
async fn heads_that_do_not_end_give_their_places_back() {
    let made = certificate();
    let files = Files::of(&made);
    for tls in [None, Some(files.tls())] {
        let secured = tls.is_some();
        let limits = limits(|limits| (limits.head, limits.max_requests) = (SHORT, 2));
        let server = Running::start(Config { tls, limits, ..Config::default() });
        let half = b"GET /healthz HTTP/1.1\r\nHo";
        if secured {
            let mut one = secure(server.address, &made, &[]).await.expect("TLS");
            let mut two = secure(server.address, &made, &[]).await.expect("TLS");
            one.write_all(half).await.expect("sent");
            let stream = secure(server.address, &made, &[]).await.expect("TLS");
            assert_eq!(http(stream, "GET", "/healthz", "").await.0, 200);
            for stream in [&mut one, &mut two] {
                assert_eq!(until_closed(stream).await, "");
            }
        } else {
            let (mut one, two) = (server.plain().await, server.plain().await);
            one.write_all(half).await.expect("sent");
            assert_eq!(http(server.plain().await, "GET", "/healthz", "").await.0, 200);
            for stream in [one, two] {
                assert_eq!(until_closed(stream).await, "");
            }
        }
    }
}

/// A WebSocket is bounded by other means: it holds no place of a request, and none of their times ends it.
#[tokio::test]
async fn a_websocket_over_tls_outlives_the_times_of_requests() {
    let made = certificate();
    let files = Files::of(&made);
    let server = Running::start(Config {
        tls: Some(files.tls()),
        limits: limits(|limits| {
            (limits.handshake, limits.max_requests) = (Duration::from_secs(5), 1);
            (limits.head, limits.answer) = (SHORT * 5, SHORT * 5);
            limits.ping_interval = SHORT;
        }),
        ..Config::default()
    });
    let connect = async || secure(server.address, &made, &[]).await.expect("TLS");
    let code = room(connect().await).await;
    let mut ada = Member::join(connect().await, &code, "Ada").await;
    // Two heads that never end take longer than any time that Ada's request had, and that they do end shows that a
    // place was free.
    for _ in 0..2 {
        let mut stuck = connect().await;
        stuck.write_all(b"GET").await.expect("sent");
        in_time(stuck.read_to_end(&mut Vec::new())).await.ok();
    }
    ada.say(crate::support::chat("still here")).await;
    assert_eq!(ada.hear_chat().await, "still here");
}

/// Nobody is there any more, but no packet says so: what the server sends is acknowledged by the kernel and by nobody else.
#[tokio::test]
async fn a_half_open_websocket_over_tls_is_let_go() {
    let made = certificate();
    let files = Files::of(&made);
    let server = Running::start(Config {
        tls: Some(files.tls()),
        limits: limits(|limits| {
            (limits.ping_interval, limits.silence, limits.resume) = (SHORT / 4, SHORT, SHORT);
            limits.max_connections = 2;
        }),
        ..Config::default()
    });
    let connect = async || secure(server.address, &made, &[]).await.expect("TLS");
    let code = room(connect().await).await;
    let silent = Member::join(connect().await, &code, "Silent").await;
    let mut ada = Member::join(connect().await, &code, "Ada").await;
    // Ada reads, and so answers pings; the other does neither.
    loop {
        use sightline_protocol::{Change, LeaveReason, ServerMessage};
        match ada.hear().await {
            ServerMessage::Update { change: Change::Left { reason }, .. } => {
                break assert_eq!(reason, LeaveReason::Lost);
            }
            ServerMessage::Update { change: Change::Away {}, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    drop(silent);
}
