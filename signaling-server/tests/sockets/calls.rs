//! Calls over real sockets: meeting, talking, parting, losing the line and coming back.

use std::time::Duration;

use crate::support::{Client, Running, body, chat, in_time, offer};
use sightline_protocol::{
    Change, ClientMessage, ErrorCode, IceCandidate, IceServer, LeaveReason, MediaState, RoomInfo, ServerMessage,
};
use sightline_server::Config;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The change an update is about, and who.
async fn change(client: &mut Client) -> (String, Change) {
    match client.hear().await {
        ServerMessage::Update { user_id, change, .. } => (user_id.0, change),
        other => panic!("not an update: {other:?}"),
    }
}

#[tokio::test]
async fn a_room_is_made_and_looked_up_over_http() {
    let server = Running::start(Config { max_participants: 5, ..Config::default() });
    let (status, answer) = server.http("POST", "/rooms").await;
    assert_eq!(status, 201);
    assert!(answer.to_lowercase().contains("access-control-allow-origin: *"), "{answer}");
    let created: sightline_protocol::RoomCreated = serde_json::from_str(body(&answer)).expect("a room");
    assert_eq!((created.code.split('-').count(), created.max_participants), (4, 5));

    let (_ada, _) = server.join(&created.code, "Ada").await;
    let (status, answer) = server.http("GET", &format!("/rooms/{}", created.code.to_uppercase())).await;
    let info: RoomInfo = serde_json::from_str(body(&answer)).expect("a room");
    assert_eq!((status, info.code, info.participant_count, info.max_participants), (200, created.code, 1, 5));
    assert_eq!((info.id, info.name), (created.id, created.name));

    let (status, answer) = server.http("GET", "/rooms/no-such-room").await;
    let refusal: sightline_protocol::Problem = serde_json::from_str(body(&answer)).expect("a refusal");
    assert_eq!((status, refusal.code), (404, ErrorCode::UnknownRoom));
    assert_eq!(server.http("GET", "/healthz").await.0, 200);
    for (method, path, expected) in
        [("GET", "/nowhere", 404), ("DELETE", "/rooms", 405), ("GET", "/ws", 400), ("GET", "/rooms/%ff", 400)]
    {
        let (status, answer) = server.http(method, path).await;
        let refusal: sightline_protocol::Problem = serde_json::from_str(body(&answer)).expect("a refusal");
        let code = if expected == 404 { ErrorCode::NotFound } else { ErrorCode::BadMessage };
        assert_eq!((status, refusal.code), (expected, code), "{method} {path}");
        assert!(answer.contains("application/problem+json") && refusal.status == expected, "{answer}");
    }
}

#[tokio::test]
async fn two_meet_talk_and_part() {
    let ice_servers = vec![IceServer { urls: vec!["stun:stun.example.org".into()], username: None, credential: None }];
    let server = Running::start(Config { ice_servers: ice_servers.clone(), ..Config::default() });
    let code = server.room().await;
    let (mut ada, there) = server.join(&code, "Ada").await;
    assert_eq!(there, []);

    let mut grace = server.connect().await;
    grace
        .say(ClientMessage::Hello { version: 1, client: "test".into(), resume_token: None, account_token: None })
        .await;
    let ServerMessage::Welcome { user_id, ice_servers: told, resume_seconds, .. } = grace.hear().await else {
        panic!("no welcome")
    };
    assert_eq!((told, resume_seconds), (ice_servers, 30));
    grace.id = user_id;
    let there = grace.join(&code, "Grace").await;
    assert_eq!((there.len(), &there[0].user_id, there[0].name.as_str()), (1, &ada.id, "Ada"));
    let joined = Change::Joined { name: "Grace".into(), media: MediaState::default() };
    assert_eq!(change(&mut ada).await, (grace.id.0.clone(), joined));

    grace.say(offer(&ada, "an offer")).await;
    let candidate = IceCandidate {
        candidate: "candidate:1 1 udp 1 192.0.2.7 50000 typ host".into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    grace.say(ClientMessage::IceCandidate { to: ada.id.clone(), candidate: candidate.clone() }).await;
    assert_eq!(ada.hear().await, ServerMessage::Offer { from: grace.id.clone(), sdp: "an offer".into() });
    assert_eq!(ada.hear().await, ServerMessage::IceCandidate { from: grace.id.clone(), candidate });
    ada.say(ClientMessage::Answer { to: grace.id.clone(), sdp: "an answer".into() }).await;
    assert_eq!(grace.hear().await, ServerMessage::Answer { from: ada.id.clone(), sdp: "an answer".into() });

    let muted = MediaState { audio: false, video: true };
    ada.say(ClientMessage::media(muted)).await;
    assert_eq!(change(&mut grace).await, (ada.id.0.clone(), Change::Media { media: muted }));
    ada.say(chat("bye")).await;
    for client in [&mut ada, &mut grace] {
        assert!(matches!(client.hear().await, ServerMessage::Chat { text, .. } if text == "bye"));
    }
    ada.say(ClientMessage::Leave {}).await;
    assert!(matches!(ada.hear().await, ServerMessage::Leave { user_id, .. } if user_id == ada.id));
    assert_eq!(change(&mut grace).await, (ada.id.0.clone(), Change::Left { reason: LeaveReason::Left }));
    // The same socket may join again.
    assert_eq!(ada.join(&code, "Ada").await.len(), 1);
}

#[tokio::test]
async fn three_clients_hear_only_what_is_for_them() {
    let server = Running::start(Config::default());
    let (room, other_room) = (server.room().await, server.room().await);
    let (mut ada, _) = server.join(&room, "Ada").await;
    let (mut grace, _) = server.join(&room, "Grace").await;
    let (mut alan, _) = server.join(&room, "Alan").await;
    let (mut edsger, _) = server.join(&other_room, "Edsger").await;
    for client in [&mut ada, &mut grace, &mut alan, &mut edsger] {
        client.heard().await;
    }
    alan.say(offer(&ada, "for Ada")).await;
    alan.say(offer(&grace, "for Grace")).await;
    assert_eq!(alan.refusal(offer(&edsger, "for a stranger").to_json()).await, ErrorCode::UnknownPeer);
    alan.say(chat("for the room")).await;
    assert_eq!(alan.heard().await.len(), 1);
    let from = alan.id.clone();
    for (client, sdp) in [(&mut ada, "for Ada"), (&mut grace, "for Grace")] {
        let heard = client.heard().await;
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert_eq!(heard[0], ServerMessage::Offer { from: from.clone(), sdp: sdp.into() });
        assert!(matches!(&heard[1], ServerMessage::Chat { .. }));
    }
    assert_eq!(edsger.heard().await, []);
}

#[tokio::test]
async fn a_dropped_client_is_the_same_participant_again() {
    let server = Running::start(Config::default());
    let code = server.room().await;
    let (mut ada, _) = server.join(&code, "Ada").await;
    let (mut grace, _) = server.join(&code, "Grace").await;
    change(&mut ada).await;
    // Without a goodbye, as when a process is killed.
    let (id, token) = (grace.id.clone(), grace.token.clone());
    drop(grace);
    assert_eq!(change(&mut ada).await, (id.0.clone(), Change::Away {}));
    ada.say(offer(&Client { id: id.clone(), ..server.connect().await }, "waiting")).await;
    ada.heard().await;

    let resumed;
    (grace, resumed) = server.resume(&token).await;
    assert!(resumed);
    assert_eq!((&grace.id, &grace.token), (&id, &token));
    assert!(
        matches!(grace.hear().await, ServerMessage::Join { participants, .. } if participants[0].user_id == ada.id)
    );
    assert_eq!(grace.hear().await, ServerMessage::Offer { from: ada.id.clone(), sdp: "waiting".into() });
    assert_eq!(change(&mut ada).await, (id.0.clone(), Change::Back {}));

    // And once more, while the old socket looks alive.
    let (mut second, resumed) = server.resume(&token).await;
    assert!(resumed);
    let (heard, code) = grace.until_closed().await;
    assert!(matches!(heard.as_slice(), [ServerMessage::Error { code: ErrorCode::Replaced, .. }]), "{heard:?}");
    assert_eq!(code, Some(CloseCode::Library(4001)));
    assert_eq!(ada.heard().await, []);
    assert!(matches!(second.hear().await, ServerMessage::Join { .. }));
    ada.say(offer(&second, "to the new socket")).await;
    assert!(matches!(second.hear().await, ServerMessage::Offer { .. }));
}

#[tokio::test]
async fn a_place_is_lost_when_its_time_is_over() {
    let server = Running::with_limits(|limits| limits.resume = Duration::from_millis(200));
    let code = server.room().await;
    let (mut ada, _) = server.join(&code, "Ada").await;
    let (grace, _) = server.join(&code, "Grace").await;
    change(&mut ada).await;
    let (id, token) = (grace.id.0.clone(), grace.token.clone());
    drop(grace);
    assert_eq!(change(&mut ada).await, (id.clone(), Change::Away {}));
    assert_eq!(change(&mut ada).await, (id, Change::Left { reason: LeaveReason::Lost }));
    assert!(!server.resume(&token).await.1);
}

/// A client whose machine is gone: its socket is open and nothing comes from it, not even pongs.
#[tokio::test]
async fn a_dead_client_is_noticed() {
    let server = Running::with_limits(|limits| {
        limits.ping_interval = Duration::from_millis(100);
        limits.silence = Duration::from_secs(2);
    });
    let code = server.room().await;
    let (mut ada, _) = server.join(&code, "Ada").await;
    let (dead, _) = server.join(&code, "Dead").await;
    change(&mut ada).await;
    // Ada reads and so answers pings; nobody polls the dead one's socket, which stays open.
    assert_eq!(change(&mut ada).await, (dead.id.0.clone(), Change::Away {}));
    // Ada has been as quiet, but for her pongs, and is still there.
    assert_eq!(ada.heard().await, []);
    drop(dead);
}

#[test]
fn the_default_times_notice_the_dead_within_fifteen_seconds() {
    let limits = sightline_server::Limits::default();
    assert!(limits.silence <= Duration::from_secs(14) && limits.ping_interval * 2 < limits.silence);
    assert_eq!(limits.resume, Duration::from_secs(30));
}

#[tokio::test]
async fn a_server_that_goes_down_says_so_and_is_quick_about_it() {
    let server = Running::start(Config::default());
    let code = server.room().await;
    let (mut ada, _) = server.join(&code, "Ada").await;
    let mut stranger = server.connect().await;
    // One who does not answer the close frame must not hold it up.
    let (_deaf, _) = server.join(&code, "Deaf").await;
    change(&mut ada).await;
    let address = server.0;
    let (took, ada_heard, stranger_heard) =
        in_time(async { tokio::join!(server.stop(), ada.until_closed(), stranger.until_closed()) }).await;
    // Two seconds are promised, the rest is for a loaded machine; waiting for the deaf one would take twelve.
    assert!(took < Duration::from_secs(6), "{took:?}");
    for (heard, code) in [ada_heard, stranger_heard] {
        assert!(matches!(heard.as_slice(), [ServerMessage::Error { code: ErrorCode::ShuttingDown, .. }]), "{heard:?}");
        assert_eq!(code, Some(CloseCode::Restart));
    }
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test]
async fn codes_and_places_outlast_a_restart_with_a_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { database: Some(folder.path().join("server.sqlite")), ..Config::default() };
    let server = Running::start(config.clone());
    let (code, unused) = (server.room().await, server.room().await);
    let (ada, _) = server.join(&code, "Ada").await;
    let (grace, _) = server.join(&code, "Grace").await;
    server.stop().await;

    let server = Running::start(config);
    let (mut ada_again, resumed) = server.resume(&ada.token).await;
    assert!(resumed);
    assert_eq!(ada_again.id, ada.id);
    let ServerMessage::Join { participants, room_id, .. } = ada_again.hear().await else { panic!("no list") };
    assert_eq!(room_id, code);
    assert_eq!(
        (&participants[0].user_id, participants[0].name.as_str(), participants[0].away),
        (&grace.id, "Grace", true)
    );
    ada_again.say(offer(&grace, "ICE restart")).await;
    ada_again.heard().await;
    let (mut grace_again, resumed) = server.resume(&grace.token).await;
    assert!(resumed);
    assert_eq!(change(&mut ada_again).await, (grace.id.0.clone(), Change::Back {}));
    assert!(matches!(grace_again.hear().await, ServerMessage::Join { .. }));
    assert!(matches!(grace_again.hear().await, ServerMessage::Offer { from, .. } if from == ada.id));
    // The other room's code is as good as before.
    server.join(&unused, "Alan").await;
}

#[tokio::test]
async fn without_a_database_a_restart_forgets() {
    let server = Running::start(Config::default());
    let code = server.room().await;
    let (ada, _) = server.join(&code, "Ada").await;
    server.stop().await;
    let server = Running::start(Config::default());
    assert!(!server.resume(&ada.token).await.1);
    assert_eq!(server.http("GET", &format!("/rooms/{code}")).await.0, 404);
}
