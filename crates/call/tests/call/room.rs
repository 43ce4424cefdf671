//! More than two in a room: one encoder however many take its pictures, coming and going.

use crate::support::participant::{Participant, config, poll};
use crate::support::server::TestServer;
use crate::support::sinks::Memory;
use sightline_call::{Call, CallError, CallEvent};
use sightline_quality::{Direction, Kind, Snapshot, TrackCounters};
use sightline_server::Config;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_in_a_room_see_each_other_and_each_encodes_once() {
    all_see_each_other(&["Ada", "Grace", "Alan", "Edsger"]).await;
}

/// The most that a mesh is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_in_a_room_see_each_other_and_each_encodes_once() {
    all_see_each_other(&["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tony"]).await;
}

/// Everybody joins, sees and hears everybody else, and encodes each picture once.
async fn all_see_each_other(names: &[&str]) {
    const PICTURES: u64 = 20;
    let server = TestServer::start().await;
    let code = server.room().await;
    let mut people = Vec::new();
    for name in names {
        people.push(Participant::join(&server.url(), &code, name).await);
    }
    for (person, own) in people.iter().zip(names) {
        for other in names.iter().filter(|name| *name != own) {
            poll(&format!("{own} sees {other}"), || person.memory.pictures(other) >= PICTURES as usize).await;
            poll(&format!("{own} hears {other}"), || !person.memory.of(other).sound.is_empty()).await;
        }
    }
    let others = names.len() - 1;
    let mut sent = Vec::new();
    for person in &people {
        let all_served = |snapshot: &Snapshot| {
            let served: Vec<u64> = pictures_sent(snapshot).collect();
            served.len() == others && served.iter().all(|pictures| *pictures >= PICTURES)
        };
        let snapshot = person.snapshot("pictures on every link", all_served).await;
        sent.push(pictures_sent(&snapshot).sum::<u64>());
    }
    for (person, sent) in people.into_iter().zip(sent) {
        let (summary, _) = person.leave().await;
        let video = summary.video.expect("everybody sends pictures");
        // Who comes in on a loaded machine takes a smaller layer for a moment.
        assert!((1..=2).contains(&summary.most_encoders), "{} encoders", summary.most_encoders);
        assert!(sent >= PICTURES * others as u64, "{sent} pictures on {others} links");
        let once = video.layers.iter().all(|layer| layer.frames_encoded <= video.frames_captured);
        assert!(once, "encoded once at most: {video:?}");
    }
}

/// Pictures sent on each link.
fn pictures_sent(snapshot: &Snapshot) -> impl Iterator<Item = u64> {
    let ours = |track: &&TrackCounters| track.key.kind == Kind::Video && track.key.direction == Direction::Outbound;
    snapshot.tracks.iter().filter(ours).filter_map(|track| track.frames)
}

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
