//! What is recorded is enough to say what went wrong, and on whose side.

use sightline_history::{CallId, HistoryError};
use sightline_quality::{Direction, Event, EventKind, Kind, LinkCounters, TrackCounters, TrackKey};

use crate::bench::{Clock, Place, START_MS, full_link, start};

/// Sound from these peers, of which `lost` of 100 packets are lost in the second and third window.
fn record(place: &Place, from_ms: i64, peers: &[&str], lost: impl Fn(&str) -> i64, end_reason: &str) {
    let recorder = place.recorder();
    let clock = Clock::new(START_MS + from_ms);
    recorder.start_session(start("blue-heron", clock.start_ms)).unwrap();
    peers.iter().for_each(|peer| recorder.peer(peer, &peer.to_uppercase(), clock.start_ms));
    for second in 0..=60_u64 {
        let bad = second.clamp(15, 45) - 15;
        let track = |peer: &&str| {
            let lost = lost(peer) * bad as i64;
            TrackCounters {
                packets: Some(100 * second + 1 - lost as u64),
                bytes: Some(4000 * second),
                packets_lost: Some(lost),
                ..TrackCounters::unknown(TrackKey {
                    peer: (*peer).to_owned(),
                    kind: Kind::Audio,
                    direction: Direction::Inbound,
                })
            }
        };
        let link = |peer: &&str| LinkCounters { peer: (*peer).to_owned(), ..full_link(second) };
        let (tracks, links) = (peers.iter().map(track).collect(), peers.iter().map(link).collect());
        recorder.snapshot(&clock.snapshot(second, tracks, links));
        if second == 50 {
            let cause = "the connection to the peer is failed".to_owned();
            let at = |second: i64, kind| Event {
                unix_ms: clock.start_ms + second * 1000,
                peer: Some(peers[0].to_owned()),
                kind,
            };
            recorder.event(&at(50, EventKind::Reconnecting { cause }));
            recorder.event(&at(52, EventKind::Reconnected));
        }
    }
    recorder.finish(end_reason, clock.start_ms + 60_000).unwrap();
}

fn told(place: &Place) -> Vec<String> {
    let history = place.history();
    let report = history.findings(history.calls(1, 0).unwrap()[0].id).unwrap();
    let time = |ms: i64| format!("{} s", (ms - START_MS) / 1000);
    report.lines(&time).into_iter().map(|line| line.sentence).collect()
}

#[test]
fn all_sessions_of_a_call_tell_what_went_wrong() {
    let place = Place::new();
    record(&place, 0, &["ada", "bob"], |peer| if peer == "ada" { 6 } else { 0 }, "left");
    record(&place, 100_000, &["ada", "bob"], |_| 12, "connection-lost");
    assert_eq!(
        told(&place),
        [
            "Your downlink lost 12 % of the sound from 115 s to 145 s.",
            "ADA's uplink lost 6 % of the sound they sent from 15 s to 45 s.",
            "The server could not be reached again, which ended the call at 160 s.",
            "ADA's connection was lost for 2 s from 50 s to 52 s.",
            "ADA's connection was lost for 2 s from 150 s to 152 s.",
            "A bad call: only 50 % of it was good or OK; most of the trouble was with your downlink.",
        ]
    );
}

#[test]
fn a_call_that_is_not_there_has_no_findings() {
    let place = Place::new();
    record(&place, 0, &["ada"], |_| 0, "left");
    let missing = place.history().findings(CallId(7)).unwrap_err();
    assert!(matches!(missing, HistoryError::NoSuchCall));
    assert_eq!(told(&place).last().map(String::as_str), Some("A good call all in all: all of it was good or OK."));
}
