//! The lounge at a server that does as scripted, over real sockets.

use sightline_protocol::UserId;
use tokio::net::TcpListener;

use super::super::tests::{PATIENCE, Served, listen};
use super::*;

async fn heard(events: &mut mpsc::Receiver<LoungeEvent>) -> LoungeEvent {
    timeout(PATIENCE, events.recv()).await.expect("in time").expect("the task runs")
}

async fn take_in(served: &mut Served, account: Option<&str>) -> Option<String> {
    let ClientMessage::Hello { account_token, resume_token: None, .. } = served.expect().await else {
        panic!("no hello")
    };
    served
        .say(ServerMessage::Welcome {
            version: VERSION,
            user_id: UserId("u1".into()),
            resume_token: "t1".into(),
            resume_seconds: 30,
            resumed: false,
            ice_servers: Vec::new(),
            account: account.map(str::to_owned),
        })
        .await;
    account_token
}

/// In as Ada; the client's half and the server's.
async fn ada(listener: &TcpListener, url: &str) -> (Lounge, mpsc::Receiver<LoungeEvent>, Served) {
    let (lounge, mut events) = Lounge::open(url, Some("secret".into())).expect("an address");
    let mut served = Served::accept(listener).await;
    assert_eq!(take_in(&mut served, Some("ada")).await.as_deref(), Some("secret"));
    assert!(matches!(heard(&mut events).await, LoungeEvent::Here { account: Some(name) } if name == "ada"));
    (lounge, events, served)
}

fn watch(name: &str) -> PeopleAction {
    PeopleAction::Watch { names: vec![name.into()] }
}

fn ring() -> PeopleAction {
    PeopleAction::Ring { name: "ben".into(), room_id: "a-b".into() }
}

#[tokio::test]
async fn what_is_said_goes_out_and_what_is_news_comes_in() {
    let (listener, url) = listen().await;
    let (lounge, mut events, mut served) = ada(&listener, &url).await;
    lounge.people(watch("ben"));
    lounge.meet(MeetAction::Enter { name: "Ada".into() });
    assert_eq!(served.expect().await, ClientMessage::People(watch("ben")));
    assert_eq!(served.expect().await, ClientMessage::Meet(MeetAction::Enter { name: "Ada".into() }));
    served.say(ServerMessage::Pong { nonce: 7 }).await;
    served.say(ServerMessage::People(PeopleNews::Presence { name: "ben".into(), here: true })).await;
    served.say(ServerMessage::Meet(MeetNews::Queued { others: 3 })).await;
    served.refuse(ErrorCode::TooFast).await;
    assert!(matches!(heard(&mut events).await, LoungeEvent::People(PeopleNews::Presence { here: true, .. })));
    assert!(matches!(heard(&mut events).await, LoungeEvent::Meet(MeetNews::Queued { others: 3 })));
    assert!(matches!(heard(&mut events).await, LoungeEvent::Refused { code: ErrorCode::TooFast, .. }));
}

#[tokio::test]
async fn a_lost_socket_comes_back_with_the_list_and_without_what_would_come_late() {
    let (listener, url) = listen().await;
    let (lounge, mut events, mut served) = ada(&listener, &url).await;
    lounge.people(watch("ben"));
    served.expect().await;
    drop(served);
    assert!(matches!(heard(&mut events).await, LoungeEvent::Away { .. }));
    lounge.people(ring());
    lounge.people(watch("cleo"));

    let mut served = Served::accept(&listener).await;
    assert_eq!(take_in(&mut served, Some("ada")).await.as_deref(), Some("secret"));
    assert!(matches!(heard(&mut events).await, LoungeEvent::Here { .. }));
    assert_eq!(served.expect().await, ClientMessage::People(watch("cleo")));
    lounge.meet(MeetAction::Leave {});
    assert_eq!(served.expect().await, ClientMessage::Meet(MeetAction::Leave {}), "nothing rings late");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_once_and_found_when_it_comes() {
    let (listener, url) = listen().await;
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let (_lounge, mut events) = Lounge::open(&url, None).expect("an address");
    assert!(matches!(heard(&mut events).await, LoungeEvent::Away { .. }));
    let listener = TcpListener::bind(address).await.expect("the port is free again");
    let mut served = Served::accept(&listener).await;
    assert_eq!(take_in(&mut served, None).await, None);
    assert!(matches!(heard(&mut events).await, LoungeEvent::Here { account: None }));
}

#[tokio::test]
async fn a_server_that_takes_nobody_in_is_told_once_and_asked_again() {
    let (listener, url) = listen().await;
    let (_lounge, mut events) = Lounge::open(&url, None).expect("an address");
    for _ in 0..2 {
        let mut served = Served::accept(&listener).await;
        served.expect().await;
        served.refuse(ErrorCode::ServerFull).await;
    }
    let mut served = Served::accept(&listener).await;
    take_in(&mut served, None).await;
    let first = heard(&mut events).await;
    assert!(
        matches!(first, LoungeEvent::NotTaken(CallError::Refused { code: ErrorCode::ServerFull, .. })),
        "{first:?}"
    );
    assert!(matches!(heard(&mut events).await, LoungeEvent::Here { .. }));
}

#[tokio::test]
async fn it_ends_within_a_second_wherever_it_is() {
    // In the lounge; the server that does not answer the close is no obstacle.
    let (listener, url) = listen().await;
    let (lounge, mut events, _served) = ada(&listener, &url).await;
    let asked = Instant::now();
    lounge.close().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert!(timeout(PATIENCE, events.recv()).await.expect("in time").is_none(), "the task has ended");

    // On the way in, at a server that says nothing.
    let (lounge, _events) = Lounge::open(&url, None).expect("an address");
    let _mute = Served::accept(&listener).await;
    let asked = Instant::now();
    lounge.close().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());

    // Told more than anybody takes.
    let (lounge, events, mut served) = ada(&listener, &url).await;
    for _ in 0..2 * EVENTS {
        served.say(ServerMessage::Meet(MeetNews::Queued { others: 1 })).await;
    }
    while events.len() < EVENTS {
        tokio::task::yield_now().await;
    }
    let asked = Instant::now();
    lounge.close().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}
