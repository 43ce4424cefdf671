//! What is told of the room itself: what hosts decide, who is at the door, who watches, and all of it after a break.

use futures_util::SinkExt;
use sightline_call::{Api, Call, CallConfig, CallEvent, RoomNews};
use sightline_protocol::{HostAction, Role, RoomCreated, RoomState, RoomWish, TokenIssued, TokenWish, UserId};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::participant::{Participant, config};
use crate::support::server::TestServer;
use crate::support::sinks::Memory;
use crate::support::wire::Wire;

/// Takes part with a token of the room, without pictures and sound.
fn silent(server: &str, room: &RoomCreated, name: &str, token: Option<String>) -> CallConfig {
    let silent = config(server, &room.code, name, &Memory::default());
    CallConfig { token, video: None, audio: None, ..silent }
}

async fn join(server: &str, room: &RoomCreated, name: &str, token: Option<String>) -> Participant {
    Participant::join_with(silent(server, room, name, token), Memory::default()).await.expect("joined")
}

fn news(events: &[CallEvent]) -> impl DoubleEndedIterator<Item = &RoomNews> {
    events.iter().filter_map(|event| match event {
        CallEvent::Room(news) => Some(news),
        _ => None,
    })
}

/// What the room is like, as last told, and the token that came with it.
fn state(events: &[CallEvent]) -> Option<(&RoomState, Option<&String>)> {
    news(events).rev().find_map(|news| match news {
        RoomNews::State { state, token, .. } => Some((&**state, token.as_ref())),
        _ => None,
    })
}

async fn until_state(who: &Participant, what: &str, holds: impl Fn(&RoomState) -> bool) {
    who.until(what, |events| state(events).is_some_and(|(state, _)| holds(state))).await;
}

async fn until_news(who: &Participant, what: &str, holds: impl Fn(&RoomNews) -> bool) {
    who.until(what, |events| news(events).any(&holds)).await;
}

async fn own_id(who: &Participant) -> UserId {
    let joined = |event: &CallEvent| match event {
        CallEvent::Joined { user_id, .. } => Some(UserId(user_id.clone())),
        _ => None,
    };
    who.until("joined", |events| events.iter().any(|event| joined(event).is_some())).await;
    who.events(|events| events.iter().find_map(joined)).expect("seen above")
}

/// Whether a token is a host's that is good.
async fn is_hosts(server: &TestServer, room: &RoomCreated, token: String) -> bool {
    let wish = TokenWish { role: Role::Host, name: None, password: None, expires_in_minutes: None };
    let api = Api::new(&server.url(), Some(token)).expect("an address");
    api.post::<TokenIssued>(&format!("/rooms/{}/token", room.id), &wish).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_told_who_is_at_the_door_and_all_are_told_what_it_decides() {
    let server = TestServer::start().await;
    let wish = RoomWish { waiting_room: true, expires_in_minutes: Some(60), ..RoomWish::default() };
    let room = sightline_call::create_room(&server.url(), &wish).await.expect("a room");
    let ada = join(&server.url(), &room, "Ada", Some(room.token.clone())).await;
    until_state(&ada, "what the room is like", |state| {
        state.role == Role::Host && state.waiting_room && !state.locked && state.expires_ms.is_some()
    })
    .await;

    let knocking = tokio::spawn(Participant::join_with(silent(&server.url(), &room, "Grace", None), Memory::default()));
    until_news(&ada, "somebody waits", |news| matches!(news, RoomNews::Waiting { peer } if peer.name == "Grace")).await;
    let waiting = ada.events(|events| {
        news(events).find_map(|news| match news {
            RoomNews::Waiting { peer } => Some(UserId(peer.id.clone())),
            _ => None,
        })
    });
    ada.call.host(HostAction::Admit { user_id: waiting.expect("seen above") });
    let grace = knocking.await.expect("no panic").expect("let in");
    let id = own_id(&grace).await;
    until_news(&ada, "nobody waits", |news| *news == RoomNews::WaitingEnded { id: id.0.clone() }).await;
    until_news(&grace, "who the host is", |news| matches!(news, RoomNews::Role { role: Role::Host, .. })).await;

    ada.call.host(HostAction::Mute { user_id: id.clone() });
    until_news(&grace, "asked to mute", |news| *news == RoomNews::AskedToMute { by: "Ada".into() }).await;
    ada.call.host(HostAction::Lock { locked: true });
    for who in [&ada, &grace] {
        until_state(who, "locked", |state| state.locked).await;
    }

    ada.call.host(HostAction::HandOver { user_id: id.clone() });
    until_news(&ada, "another host", |news| *news == RoomNews::Role { id: id.0.clone(), role: Role::Host }).await;
    for (who, role) in [(&ada, Role::Guest), (&grace, Role::Host)] {
        until_state(who, "another role", |state| state.role == role).await;
        let token = who.events(|events| state(events).and_then(|(_, token)| token.cloned())).expect("a new token");
        assert_eq!(is_hosts(&server, &room, token).await, role == Role::Host, "{role:?}");
    }
    assert!(!is_hosts(&server, &room, room.token.clone()).await, "the first token is called back");
    grace.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_is_told_until_it_looks_away() {
    let server = TestServer::start().await;
    let room = sightline_call::create_room(&server.url(), &RoomWish::default()).await.expect("a room");
    let ada = join(&server.url(), &room, "Ada", Some(room.token.clone())).await;
    let stream = TcpStream::connect(server.address).await.expect("the server is there");
    let (mut watcher, _) =
        tokio_tungstenite::client_async(format!("{}/ws", server.url()), stream).await.expect("a socket");
    let join = format!(r#"{{"event":"join","data":{{"roomId":"{}","userId":"a script"}}}}"#, room.code);
    watcher.send(Message::text(join)).await.expect("said");
    until_news(&ada, "watched", |news| matches!(news, RoomNews::Watching { peer } if peer.name == "a script")).await;
    drop(watcher);
    until_news(&ada, "watched no longer", |news| matches!(news, RoomNews::WatchingEnded { .. })).await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resume_brings_what_was_lost_with_the_socket() {
    let server = TestServer::start().await;
    let wish = RoomWish { waiting_room: true, ..RoomWish::default() };
    let room = sightline_call::create_room(&server.url(), &wish).await.expect("a room");
    let ada = join(&server.url(), &room, "Ada", Some(room.token.clone())).await;
    // A token of a host's making, so that Grace need not wait.
    let host = Api::new(&server.url(), Some(room.token.clone())).expect("an address");
    let guest = TokenWish { role: Role::Guest, name: None, password: None, expires_in_minutes: None };
    let token: TokenIssued = host.post(&format!("/rooms/{}/token", room.id), &guest).await.expect("a token");
    let wire = Wire::to(server.address).await;
    let grace = join(&wire.url(), &room, "Grace", Some(token.token)).await;
    until_state(&grace, "the room", |state| state.role == Role::Guest && !state.locked).await;

    wire.deafen();
    let alan = tokio::spawn(Call::join(silent(&server.url(), &room, "Alan", None)));
    until_news(&ada, "somebody waits", |news| matches!(news, RoomNews::Waiting { .. })).await;
    ada.call.host(HostAction::Lock { locked: true });
    ada.call.host(HostAction::HandOver { user_id: own_id(&grace).await });
    until_state(&ada, "handed over", |state| state.role == Role::Guest).await;
    let told = grace.events(|events| state(events).map(|(state, _)| (state.role, state.locked)));
    assert_eq!(told, Some((Role::Guest, false)), "nothing of it arrives");

    wire.cut();
    until_state(&grace, "the room as it is now", |state| {
        let waiting: Vec<_> = state.waiting.iter().map(|one| one.name.as_str()).collect();
        state.role == Role::Host && state.locked && waiting == ["Alan"]
    })
    .await;
    let token = grace.events(|events| state(events).and_then(|(_, token)| token.cloned()));
    assert!(is_hosts(&server, &room, token.expect("the token that was lost")).await);
    // The role is hers: Alan is let in by her.
    let waiting = grace.events(|events| state(events).map(|(state, _)| state.waiting[0].user_id.clone()));
    grace.call.host(HostAction::Admit { user_id: waiting.expect("seen above") });
    alan.await.expect("no panic").expect("let in").0.leave().await;
    grace.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_in_anew_is_told_of_the_room_and_keeps_the_token_of_its_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = TestServer::losing_places(folder.path().join("server.sqlite")).await;
    let room = sightline_call::create_room(&server.url(), &RoomWish::default()).await.expect("a room");
    let ada = join(&server.url(), &room, "Ada", Some(room.token.clone())).await;
    ada.call.host(HostAction::Lock { locked: true });
    until_state(&ada, "locked", |state| state.locked).await;
    let states = |events: &[CallEvent]| news(events).filter(|news| matches!(news, RoomNews::State { .. })).count();
    let before = ada.events(states);
    server.stop().await;
    server.start_again().await;
    ada.until("the room again", |events| states(events) > before).await;
    // Its record goes on under the id it began with, which the new token is not for.
    let now = ada.events(|events| state(events).map(|(state, token)| (state.role, state.locked, token.cloned())));
    assert_eq!(now, Some((Role::Host, true, None)));
    ada.leave().await;
}
