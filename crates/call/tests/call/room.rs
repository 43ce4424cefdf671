//! Who is in a room: coming and going, and watching. Meshes of many have a program of their own.

use crate::support::participant::{Participant, config};
use crate::support::server::TestServer;
use crate::support::sinks::Memory;
use sightline_call::{Call, CallError, CallEvent};
use sightline_server::Config;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_leaves_and_joins_again_is_seen_again() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    for _ in 0..2 {
        let grace = Participant::join(&server.url(), &code, "Grace").await;
        ada.until_pictures("Grace", 10).await;
        grace.until_pictures("Ada", 10).await;
        grace.leave().await;
    }
    ada.until("two stays", |events| {
        let count = |wanted: fn(&CallEvent) -> bool| events.iter().filter(|event| wanted(event)).count();
        count(|event| matches!(event, CallEvent::PeerLeft { reason, .. } if reason == "left")) == 2
            && count(|event| matches!(event, CallEvent::PeerConnected { .. })) == 2
    })
    .await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_room_is_refused_until_somebody_leaves() {
    let server = TestServer::with(Config { max_participants: 2, ..Config::default() }).await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    let memory = Memory::default();
    let refused = Call::join(config(&server.url(), &code, "Alan", &memory)).await;
    assert!(matches!(refused, Err(CallError::RoomFull(_))));
    grace.leave().await;
    let alan = Participant::join(&server.url(), &code, "Alan").await;
    alan.until_pictures("Ada", 5).await;
    alan.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_only_watches_sees_and_is_not_waited_for() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let memory = Memory::default();
    let mut silent = config(&server.url(), &code, "Watcher", &memory);
    (silent.video, silent.audio) = (None, None);
    let watcher = Participant::join_with(silent, memory).await.expect("joined");
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    watcher.until_pictures("Ada", 10).await;
    ada.until("the watcher's state", |events| {
        events.iter().any(|event| matches!(event, CallEvent::MediaState { audio: false, video: false, .. }))
    })
    .await;
    let (summary, _) = watcher.leave().await;
    assert!(summary.took_place && summary.video.is_none());
    ada.leave().await;
}
