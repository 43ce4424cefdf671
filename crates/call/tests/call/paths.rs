//! The path between two people breaks in mid-call and is found again: the same session, one break on record with its cause.

use std::time::Duration;

use sightline_call::CallEvent;
use sightline_quality::{EventKind, TrackCounters};

use crate::support::bad_path::BadPath;
use crate::support::participant::{Participant, recorded};
use crate::support::server::TestServer;

/// Breaks of the connection to a peer, and their ends.
fn breaks(events: &[CallEvent]) -> (usize, usize) {
    (
        recorded(events, |kind| matches!(kind, EventKind::Reconnecting { .. })),
        recorded(events, |kind| matches!(kind, EventKind::Reconnected)),
    )
}

/// A break with words about its cause.
fn is_a_break(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Reconnecting { cause } if cause.contains("the path between them broke"))
}

async fn both_see_each_other(ada: &Participant, grace: &Participant, pictures: usize) {
    ada.until_pictures("Grace", pictures).await;
    grace.until_pictures("Ada", pictures).await;
}

async fn break_and_mend(path: &BadPath, [ada, grace]: [Participant; 2], blocked: Duration) -> usize {
    both_see_each_other(&ada, &grace, 10).await;
    path.block(true);
    for who in [&ada, &grace] {
        who.until("the break", |events| breaks(events).0 == 1).await;
    }
    tokio::time::sleep(blocked).await;
    path.block(false);
    mended([ada, grace]).await
}

/// Waits for the end of the break and of the call: one break for each, nobody thrown out. Gives the number of restarts.
async fn mended([ada, grace]: [Participant; 2]) -> usize {
    for who in [&ada, &grace] {
        who.until("the end of the break", |events| breaks(events).1 == 1).await;
    }
    both_see_each_other(&ada, &grace, 20).await;
    let mut restarts = 0;
    for who in [grace, ada] {
        let (_, events) = who.leave().await;
        restarts += recorded(&events, |kind| matches!(kind, EventKind::IceRestart));
        assert_eq!((breaks(&events), recorded(&events, is_a_break)), ((1, 1), 1));
        same_session(&events);
    }
    restarts
}

/// Nobody was lost, and nobody came anew.
fn same_session(events: &[CallEvent]) {
    let left = |event: &&CallEvent| matches!(event, CallEvent::PeerLeft { reason, .. } if reason != "left");
    assert_eq!(events.iter().filter(left).count(), 0);
    let connected = |event: &&CallEvent| matches!(event, CallEvent::PeerConnected { .. });
    assert_eq!(events.iter().filter(connected).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_breaks_is_mended_by_an_ice_restart() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let path = BadPath::between(&server, Duration::ZERO).await;
    let people = path.two(&code).await;
    let restarts = break_and_mend(&path, people, Duration::from_millis(2500)).await;
    assert!(restarts >= 1, "nobody restarted ICE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_that_cross_on_the_way_are_sorted_out() {
    let server = TestServer::start().await;
    let code = server.room().await;
    // So slow that the polite side begins before it hears of the other's restart.
    let path = BadPath::between(&server, Duration::from_millis(1600)).await;
    let people = path.two(&code).await;
    let restarts = break_and_mend(&path, people, Duration::from_millis(2500)).await;
    assert!(restarts >= 2, "they did not cross");
}

/// Two people on a good path, who see each other. Their server ends with what is returned first.
async fn in_a_call() -> (TestServer, BadPath, [Participant; 2]) {
    let server = TestServer::start().await;
    let code = server.room().await;
    let path = BadPath::between(&server, Duration::ZERO).await;
    let people = path.two(&code).await;
    both_see_each_other(&people[0], &people[1], 10).await;
    (server, path, people)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_three_seconds_is_one_break() {
    let (_server, path, people) = in_a_call().await;
    path.block(true);
    tokio::time::sleep(Duration::from_secs(3)).await;
    path.block(false);
    mended(people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_with_a_new_address_is_found_again() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let path = BadPath::between(&server, Duration::ZERO).await;
    for party in [0, 1] {
        let people = path.two(&code).await;
        both_see_each_other(&people[0], &people[1], 10).await;
        path.rebind(party);
        after_rebinding(people).await;
    }
}

/// At least one side notices; both go on in the same session.
async fn after_rebinding([ada, grace]: [Participant; 2]) {
    // Pictures under way at first, then none until a path is found: 60 take 4 s.
    both_see_each_other(&ada, &grace, 60).await;
    let mut noticed = 0;
    for who in [ada, grace] {
        let (_, events) = who.leave().await;
        let (begun, ended) = breaks(&events);
        assert!(begun == ended && begun <= 1, "{begun} breaks, {ended} ended");
        assert_eq!(recorded(&events, is_a_break), begun);
        same_session(&events);
        noticed += begun;
    }
    assert!(noticed > 0, "a new address cannot go unnoticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_is_room_for_sound_only_pictures_pause_both_sides_are_told_and_sound_goes_on() {
    let (_server, path, [ada, grace]) = in_a_call().await;
    let told = |wanted: bool, by_us: bool| {
        move |events: &[CallEvent]| {
            let last = events.iter().rev().find_map(|event| match event {
                CallEvent::PicturesPaused { ours, paused, .. } if *ours == by_us => Some(*paused),
                _ => None,
            });
            last == Some(wanted)
        }
    };
    path.carries(85_000);
    for who in [&ada, &grace] {
        who.until("its own pictures pause", told(true, true)).await;
        who.until("the other says so", told(true, false)).await;
    }
    // What the fall has left in the queue is through.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, shown) = (sound(&ada).await, ada.memory.pictures("Grace"));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = sound(&ada).await;
    let (played, lost) = (after.0 - before.0, after.1 - before.1);
    assert!(played > 3 * 48_000 && lost * 50 < played, "{lost} of {played} samples were made up");
    assert!(ada.memory.pictures("Grace") - shown <= 2, "pictures went on");

    path.carries(2_000_000);
    for who in [&ada, &grace] {
        who.until("its own pictures go on", told(false, true)).await;
        who.until("the other says so", told(false, false)).await;
    }
    both_see_each_other(&ada, &grace, 30).await;
    ada.leave().await;
    grace.leave().await;
}

/// Samples that were played, and those of them that were neither received nor recovered, by the newest snapshot.
async fn sound(who: &Participant) -> (u64, u64) {
    let snapshot = who.snapshot("figures", |_| true).await;
    let sum = |of: fn(&TrackCounters) -> Option<u64>| snapshot.tracks.iter().filter_map(of).sum();
    (sum(|track| track.samples_played), sum(|track| track.samples_concealed))
}
