//! Offers, answers, restarts and removals, and what a peer can do wrong.

use std::collections::HashSet;

use sightline_call::link::{LinkConfig, LinkError, LinkEvent};
use sightline_protocol::IceCandidate;
use sightline_quality::Kind;

use crate::pair::{End, Pair, Side, loopback, until};

/// Frames sent from now on arrive.
async fn media_flow(pair: &Pair, first: u32) {
    for (from, to) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        let before = to.got(Kind::Video).len();
        let mut index = first;
        until("media flow", || {
            index += 1;
            async move {
                from.send(index).await;
                to.got(Kind::Video).len() > before
            }
        })
        .await;
    }
}

#[tokio::test]
async fn either_side_may_offer_again_and_the_dtls_roles_stay() {
    let pair = Pair::direct().await;
    pair.connect().await;
    media_flow(&pair, 0).await;
    // B answered first, so it is the active one for good, whoever offers.
    let offer = pair.b.link.offer().await.expect("an offer");
    let answer = pair.a.link.answer(&offer).await.expect("an answer");
    assert!(answer.contains("a=setup:passive") && !answer.contains("a=setup:active"));
    pair.b.link.accept_answer(&answer).await.expect("the answer fits");
    media_flow(&pair, 100).await;
    let offer = pair.a.link.offer().await.expect("an offer");
    let answer = pair.b.link.answer(&offer).await.expect("an answer");
    assert!(answer.contains("a=setup:active") && !answer.contains("a=setup:passive"));
    pair.a.link.accept_answer(&answer).await.expect("the answer fits");
    media_flow(&pair, 200).await;
    assert_eq!(pair.a.report().await.link.ice_restarts, 0);
    for end in [&pair.a, &pair.b] {
        assert!(!end.saw(|event| matches!(event, LinkEvent::TrackEnded(_) | LinkEvent::Failed)));
    }
    pair.close().await;
}

#[tokio::test]
async fn ice_restarts_from_both_sides() {
    let pair = Pair::direct().await;
    pair.connect().await;
    media_flow(&pair, 0).await;
    for (restarts, side) in [(1, Side::A), (2, Side::B)] {
        let from = if side == Side::A { &pair.a } else { &pair.b };
        from.link.restart_ice().await.expect("the link is open");
        pair.negotiate(side).await;
        media_flow(&pair, restarts as u32 * 100).await;
        for end in [&pair.a, &pair.b] {
            assert_eq!(end.report().await.link.ice_restarts, restarts);
            // Also where the path was never lost: whoever restarted waits for it.
            until("it is told that media flow again", || async {
                end.count(|event| *event == LinkEvent::Connected) as u64 > restarts
            })
            .await;
            // New sockets each time: the machine may be in another network by then.
            until("new addresses are announced", || async { ports(end).len() as u64 > restarts }).await;
        }
    }
    pair.close().await;
}

fn ports(end: &End) -> HashSet<String> {
    let events = end.events.lock().expect("no holder panicked");
    let port = |event: &LinkEvent| match event {
        LinkEvent::Candidate(candidate) => candidate.candidate.split(' ').nth(5).map(str::to_owned),
        _ => None,
    };
    events.iter().filter_map(port).collect()
}

#[tokio::test]
async fn two_offers_that_cross_are_sorted_out_by_a_rollback() {
    let pair = Pair::direct().await;
    let (from_a, from_b) = (pair.a.link.offer().await.expect("an offer"), pair.b.link.offer().await.expect("an offer"));
    assert!(matches!(pair.a.link.answer(&from_b).await, Err(LinkError::State(_))), "not while ours is pending");
    // B is the polite one.
    pair.b.link.rollback().await.expect("an offer is pending");
    let answer = pair.b.link.answer(&from_a).await.expect("an answer");
    pair.a.link.accept_answer(&answer).await.expect("the answer fits");
    pair.connected().await;
    media_flow(&pair, 0).await;
    // And in mid-call, with a restart that must not be forgotten.
    pair.b.link.restart_ice().await.expect("the link is open");
    let (from_a, _) = (pair.a.link.offer().await.expect("an offer"), pair.b.link.offer().await.expect("an offer"));
    pair.b.link.rollback().await.expect("an offer is pending");
    let answer = pair.b.link.answer(&from_a).await.expect("an answer");
    pair.a.link.accept_answer(&answer).await.expect("the answer fits");
    until("the restart is called for again", || async { pair.b.saw(|event| *event == LinkEvent::NegotiationNeeded) })
        .await;
    pair.negotiate(Side::B).await;
    media_flow(&pair, 100).await;
    pair.close().await;
}

#[tokio::test]
async fn the_first_offer_is_the_callers_to_make() {
    let pair = Pair::direct().await;
    pair.connect().await;
    media_flow(&pair, 0).await;
    for end in [&pair.a, &pair.b] {
        assert!(!end.saw(|event| *event == LinkEvent::NegotiationNeeded));
    }
    pair.close().await;
}

#[tokio::test]
async fn a_track_that_the_peer_stops_sending_ends_and_may_come_back() {
    let pair = Pair::direct().await;
    pair.connect().await;
    media_flow(&pair, 0).await;
    let track = pair.b.track(Kind::Video);
    let offer = pair.a.link.offer().await.expect("an offer");
    let (head, video) = offer.split_once("\r\nm=video").expect("a section of pictures");
    let silent = format!("{head}\r\nm=video{}", video.replace("a=sendrecv", "a=recvonly"));
    let answer = pair.b.link.answer(&silent).await.expect("an answer");
    pair.a.link.accept_answer(&answer).await.expect("the answer fits");
    until("the track ends", || async { pair.b.saw(|event| *event == LinkEvent::TrackEnded(track.clone())) }).await;
    assert!(!pair.b.saw(|event| matches!(event, LinkEvent::TrackEnded(track) if track.kind == Kind::Audio)));

    pair.negotiate(Side::A).await;
    media_flow(&pair, 100).await;
    assert_eq!(pair.b.count(|event| *event == LinkEvent::TrackStarted(track.clone())), 2);
    pair.close().await;
}

#[tokio::test]
async fn candidates_may_come_before_the_offer() {
    let pair = Pair::direct().await;
    // A's candidates are with B long before A's offer is.
    let offer = pair.a.link.offer().await.expect("an offer");
    until("A has gathered", || async {
        pair.a.saw(|event| matches!(event, LinkEvent::Candidate(candidate) if candidate.candidate.is_empty()))
    })
    .await;
    let answer = pair.b.link.answer(&offer).await.expect("an answer");
    pair.a.link.accept_answer(&answer).await.expect("the answer fits");
    pair.connected().await;
    pair.close().await;
}

#[tokio::test]
async fn nonsense_is_refused_and_does_no_harm() {
    let (a, _events) = End::open(crate::pair::loopback("b")).await;
    for text in ["", "v=0", "hello", "v=0\r\nm=video 9 X 1\r\n", &"a=x\r\n".repeat(10_000)] {
        assert!(a.link.answer(text).await.is_err());
        assert!(a.link.accept_answer(text).await.is_err());
    }
    assert!(a.link.rollback().await.is_err(), "nothing to roll back");
    let line = |text: &str| IceCandidate {
        candidate: text.to_owned(),
        sdp_mid: None,
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    let mut refused = 0;
    for _ in 0..100 {
        refused += usize::from(a.link.add_candidate(line("candidate:nonsense")).await.is_err());
    }
    assert_eq!(refused, 36, "64 wait for a description, no more");
    drop(a);

    let pair = Pair::direct().await;
    for text in ["candidate:nonsense", "candidate:1 1 udp 1 999.1.1.1 1 typ host"] {
        pair.b.link.add_candidate(line(text)).await.expect("it waits for the offer");
    }
    pair.connect().await;
    assert!(matches!(pair.a.link.add_candidate(line("candidate:nonsense")).await, Err(LinkError::Candidate(_))));
    media_flow(&pair, 0).await;
    pair.close().await;
}

#[tokio::test]
async fn a_machine_with_nothing_but_loopback_can_call_itself() {
    // The default addresses; the test carries loopback candidates only, as if there were no other interface.
    let (a, mut events) = End::open(LinkConfig::new("b", Vec::new())).await;
    a.link.offer().await.expect("an offer");
    let mut loopback = 0;
    while let Some(LinkEvent::Candidate(candidate)) = events.recv().await {
        if candidate.candidate.is_empty() {
            break;
        }
        assert_eq!((candidate.sdp_mid, candidate.sdp_m_line_index), (None, Some(0)));
        assert!(!candidate.candidate.contains(" 0.0.0.0 "), "nobody can send there");
        loopback += usize::from(candidate.candidate.contains(" 127.0.0.1 "));
    }
    assert_eq!(loopback, 1);
    a.link.close().await;
}

#[tokio::test]
async fn candidates_have_priorities_of_their_own_in_each_gathering() {
    let two_addresses = ["127.0.0.1:0".to_owned(), "127.0.0.2:0".to_owned()].to_vec();
    let (end, mut events) = End::open(LinkConfig { udp_bind: two_addresses, ..loopback("b") }).await;
    end.link.offer().await.expect("an offer");
    let mut priorities: Vec<u32> = Vec::new();
    while let Some(event) = events.recv().await {
        let LinkEvent::Candidate(candidate) = event else { continue };
        let Some(priority) = candidate.candidate.split(' ').nth(3) else { break };
        priorities.push(priority.parse().expect("a number (RFC 8839, 5.1)"));
    }
    // A host candidate's highest (RFC 8445, 5.1.2.1), and the next local preference.
    assert_eq!(priorities, [2_130_706_431, 2_130_706_175]);
    end.link.close().await;
}
