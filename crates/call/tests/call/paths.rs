//! The path between two people breaks in mid-call and is found again.

use std::time::Duration;

use sightline_call::{CallConfig, CallEvent, LinkOptions};
use sightline_quality::EventKind;

use crate::support::bad_path::BadPath;
use crate::support::participant::{Participant, config, recorded};
use crate::support::server::TestServer;
use crate::support::sinks::Memory;

/// Two people, the first of them the impolite one, over a path that can be broken.
async fn two_over(path: &BadPath, code: &str) -> [Participant; 2] {
    let mut people = Vec::new();
    for (url, name) in path.urls.iter().zip(["Ada", "Grace"]) {
        let memory = Memory::default();
        let link = LinkOptions { udp_bind: vec!["127.0.0.1:0".to_owned()], ..LinkOptions::default() };
        let config = CallConfig { link, ..config(url, code, name, &memory) };
        people.push(Participant::join_with(config, memory).await.expect("joined"));
    }
    people.try_into().unwrap_or_else(|_| unreachable!("two joined"))
}

/// Breaks of the connection to a peer, and their ends.
fn breaks(events: &[CallEvent]) -> (usize, usize) {
    (
        recorded(events, |kind| matches!(kind, EventKind::Reconnecting { .. })),
        recorded(events, |kind| matches!(kind, EventKind::Reconnected)),
    )
}

async fn break_and_mend(path: &BadPath, [ada, grace]: [Participant; 2], blocked: Duration) -> usize {
    ada.until_pictures("Grace", 10).await;
    grace.until_pictures("Ada", 10).await;
    path.block(true);
    for who in [&ada, &grace] {
        who.until("the break", |events| breaks(events).0 == 1).await;
    }
    tokio::time::sleep(blocked).await;
    path.block(false);
    for who in [&ada, &grace] {
        who.until("the end of the break", |events| breaks(events) == (1, 1)).await;
    }
    ada.until_pictures("Grace", 20).await;
    grace.until_pictures("Ada", 20).await;
    let mut restarts = 0;
    for who in [grace, ada] {
        let (_, events) = who.leave().await;
        restarts += recorded(&events, |kind| matches!(kind, EventKind::IceRestart));
        // Only then did somebody leave.
        let left = |event: &&CallEvent| matches!(event, CallEvent::PeerLeft { reason, .. } if reason != "left");
        assert_eq!(events.iter().filter(left).count(), 0);
    }
    restarts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_breaks_is_mended_by_an_ice_restart() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let path = BadPath::between(&server, Duration::ZERO).await;
    let people = two_over(&path, &code).await;
    let restarts = break_and_mend(&path, people, Duration::from_millis(2500)).await;
    assert!(restarts >= 1, "nobody restarted ICE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_that_cross_on_the_way_are_sorted_out() {
    let server = TestServer::start().await;
    let code = server.room().await;
    // So slow that the polite side begins before it hears of the other's restart.
    let path = BadPath::between(&server, Duration::from_millis(1600)).await;
    let people = two_over(&path, &code).await;
    let restarts = break_and_mend(&path, people, Duration::from_millis(2500)).await;
    assert!(restarts >= 2, "they did not cross");
}
