//! Many in a room: one encoder however many take its pictures. A program of its own, as programs run one after the other: people
//! have a computer each, and eight of them with other tests beside are more than two processors carry.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the tests of calls use the rest of it")]
mod support;

use sightline_quality::{Direction, Kind, Snapshot, TrackCounters};

use crate::support::participant::{Participant, poll};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_in_a_room_see_each_other_and_each_encodes_once() {
    all_see_each_other(&["Ada", "Grace", "Alan", "Edsger"]).await;
}

/// The most that a mesh is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_in_a_room_see_each_other_and_each_encodes_once() {
    all_see_each_other(&["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tony"]).await;
}

/// One mesh at a time: people have a computer each, and two meshes at once are more than two processors carry.
static MESH: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Everybody joins, sees and hears everybody else, and encodes each picture once.
async fn all_see_each_other(names: &[&str]) {
    const PICTURES: u64 = 20;
    let _turn = MESH.lock().await;
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
