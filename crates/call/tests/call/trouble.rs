//! Bad input and bad luck: refusals, a server that goes and comes back, peers that vanish, files that cannot be used.

use std::time::{Duration, Instant};

use crate::support::participant::{Participant, config, recorded};
use crate::support::server::TestServer;
use crate::support::sinks::Memory;
use sightline_call::{Call, CallConfig, CallError, CallEvent, EndReason, RoomNews};
use sightline_media::video::VideoSource;
use sightline_protocol::{HostAction, Role, UserId};
use sightline_quality::EventKind;

async fn refusal(server: &str, code: &str) -> CallError {
    let memory = Memory::default();
    Call::join(config(server, code, "Ada", &memory)).await.err().expect("refused")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_is_not_there_is_refused_in_words() {
    let mut server = TestServer::start().await;
    let error = refusal(&server.url(), "amber-canoe").await;
    assert!(matches!(&error, CallError::UnknownRoom(code) if code == "amber-canoe"), "{error}");
    assert!(matches!(refusal(&server.url(), "!?").await, CallError::BadCode(_)));
    assert!(matches!(refusal("ws:/nowhere", "amber-canoe").await, CallError::BadUrl { .. }));
    let url = server.url();
    server.stop().await;
    let error = refusal(&url, "amber-canoe").await;
    assert!(matches!(&error, CallError::ServerNotThere { .. }), "{error}");
    assert!(error.to_string().contains("is sightline-server running?"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clip_that_cannot_be_used_ends_the_call_with_its_name() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let memory = Memory::default();
    let mut broken = config(&server.url(), &code, "Grace", &memory);
    broken.video = Some(VideoSource::File("no-such-clip.y4m".into()));
    let error = Call::join(broken).await.err().expect("refused");
    assert!(matches!(error, CallError::Media(_)), "{error}");
    assert!(error.to_string().contains("no-such-clip.y4m"), "{error}");
    // Whether or not Grace was in the room for a moment, the call goes on without her.
    let alan = Participant::join(&server.url(), &code, "Alan").await;
    ada.until_pictures("Alan", 5).await;
    alan.until("Ada alone", |events| {
        events.iter().any(|event| matches!(event, CallEvent::Joined { peers, .. } if peers.len() == 1))
    })
    .await;
    alan.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_in_mid_call_is_resumed_and_media_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = TestServer::keeping(folder.path().join("server.sqlite")).await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    ada.until_pictures("Grace", 10).await;
    grace.until_pictures("Ada", 10).await;

    server.stop().await;
    let away = |events: &[CallEvent]| recorded(events, |kind| matches!(kind, EventKind::Reconnecting { .. })) > 0;
    ada.until("Ada notices", away).await;
    grace.until("Grace notices", away).await;
    // Without a server, media flow on.
    ada.until_pictures("Grace", 20).await;
    grace.call.chat("said while nobody could hear it");
    server.start_again().await;
    let back = |events: &[CallEvent]| recorded(events, |kind| matches!(kind, EventKind::Reconnected)) > 0;
    ada.until("Ada is back", back).await;
    grace.until("Grace is back", back).await;
    ada.until("what was said meanwhile", |events| {
        events.iter().any(|event| matches!(event, CallEvent::Chat { from, .. } if from.name == "Grace"))
    })
    .await;
    // The same participants: who comes now finds two, and nobody has left.
    let alan = Participant::join(&server.url(), &code, "Alan").await;
    alan.until_pictures("Ada", 5).await;
    alan.until_pictures("Grace", 5).await;
    alan.leave().await;
    let (_, events) = grace.leave().await;
    let left = |event: &&CallEvent| matches!(event, CallEvent::PeerLeft { peer, .. } if peer.name == "Ada");
    assert_eq!(events.iter().filter(left).count(), 0);
    let restarts = recorded(&events, |kind| matches!(kind, EventKind::IceRestart));
    assert_eq!(restarts, 0, "the link was never touched");
    // One break on record, that of the server, with words about its cause.
    let told = |kind: &EventKind| matches!(kind, EventKind::Reconnecting { cause } if !cause.is_empty());
    assert_eq!((recorded(&events, told), recorded(&events, |kind| *kind == EventKind::Reconnected)), (1, 1));
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_whose_places_were_lost_join_anew_and_keep_their_media_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = TestServer::losing_places(folder.path().join("server.sqlite")).await;
    let room = sightline_call::create_room(&server.url(), &Default::default()).await.expect("a room");
    let code = room.code;
    let memory = Memory::default();
    let as_host = CallConfig { token: Some(room.token), ..config(&server.url(), &code, "Ada", &memory) };
    let ada = Participant::join_with(as_host, memory).await.expect("joined");
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    ada.until_pictures("Grace", 10).await;
    ada.call.host(HostAction::HandOver { user_id: last_id(&ada, "Grace") });
    for who in [&ada, &grace] {
        who.until("a token for the record", |events| tokens(events) == 1).await;
    }
    server.stop().await;
    ada.until_pictures("Grace", 20).await;
    server.start_again().await;
    for (who, other) in [(&ada, "Grace"), (&grace, "Ada")] {
        let again = |event: &CallEvent| matches!(event, CallEvent::PeerConnected { peer, .. } if peer.name == other);
        who.until("the other under another id", |events| events.iter().filter(|event| again(event)).count() == 2).await;
        who.until("the former self forgotten", |events| {
            events.iter().any(|event| matches!(event, CallEvent::PeerLeft { peer, .. } if peer.name == other))
        })
        .await;
        who.until_pictures(other, 10).await;
    }
    // The record goes on under the first id, and so does its token: that of the new id could not upload it.
    grace.call.host(HostAction::HandOver { user_id: last_id(&grace, "Ada") });
    let handed_over = |events: &[CallEvent]| {
        let state = |event: &CallEvent| match event {
            CallEvent::Room(RoomNews::State { state, .. }) => Some(state.role),
            _ => None,
        };
        events.iter().rev().find_map(state) == Some(Role::Guest)
    };
    grace.until("a guest again", handed_over).await;
    for who in [grace, ada] {
        let (_, events) = who.leave().await;
        assert_eq!(tokens(&events), 1);
    }
}

/// The id under which somebody was connected last.
fn last_id(who: &Participant, name: &str) -> UserId {
    let of = |event: &CallEvent| match event {
        CallEvent::PeerConnected { peer, .. } if peer.name == name => Some(UserId(peer.id.clone())),
        _ => None,
    };
    who.events(|events| events.iter().rev().find_map(of)).expect("connected")
}

/// How often a call was told of a token for its record.
fn tokens(events: &[CallEvent]) -> usize {
    let has_one = |event: &&CallEvent| matches!(event, CallEvent::Room(RoomNews::State { token: Some(_), .. }));
    events.iter().filter(has_one).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_the_room_does_not_end_a_call_that_flows() {
    let mut server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    ada.until_pictures("Grace", 10).await;
    server.stop().await;
    server.start_again().await;
    ada.until_pictures("Grace", 60).await;
    // Once nothing flows any more, the refusal is the end.
    grace.leave().await;
    ada.until("the end", |events| {
        events.iter().any(|event| matches!(event, CallEvent::Ended { reason: EndReason::Refused(_) }))
    })
    .await;
    ada.leave().await;
}

#[test]
fn a_peer_that_dies_without_a_word_is_noticed_and_the_call_goes_on() {
    let runtime = |name| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).thread_name(name).enable_all().build().expect("a runtime")
    };
    let (survivors, victim) = (runtime("survivors"), runtime("victim"));
    let server = survivors.block_on(TestServer::start());
    let code = survivors.block_on(server.room());
    let ada = survivors.block_on(Participant::join(&server.url(), &code, "Ada"));
    let alan = survivors.block_on(Participant::join(&server.url(), &code, "Alan"));
    let grace = victim.block_on(Participant::join(&server.url(), &code, "Grace"));
    survivors.block_on(ada.until_pictures("Grace", 10));

    // All her sockets close at once, nothing is said, as the kernel does it for a killed process.
    let killed = Instant::now();
    victim.shutdown_background();
    survivors.block_on(ada.until("Grace's end", |events| {
        events.iter().any(|event| matches!(event, CallEvent::PeerLeft { peer, .. } if peer.name == "Grace"))
    }));
    let noticed = killed.elapsed();
    assert!(noticed < Duration::from_secs(15), "noticed after {noticed:?}");
    drop(grace);
    survivors.block_on(ada.until_pictures("Alan", 10));
    survivors.block_on(alan.leave());
    survivors.block_on(ada.leave());
}

/// A computer that slept for a while, or a program that was stopped.
#[test]
fn one_who_was_given_up_comes_back_with_microphone_and_camera() {
    let runtime = |workers| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(workers).enable_all().build().expect("a runtime")
    };
    let (awake, sleepy) = (runtime(2), runtime(1));
    let server = awake.block_on(TestServer::start());
    let code = awake.block_on(server.room());
    let ada = awake.block_on(Participant::join(&server.url(), &code, "Ada"));
    let grace = sleepy.block_on(Participant::join(&server.url(), &code, "Grace"));
    awake.block_on(ada.until_pictures("Grace", 10));

    let (wake, asleep) = std::sync::mpsc::channel::<()>();
    sleepy.spawn(async move { asleep.recv() });
    let is_gone = |event: &CallEvent| matches!(event, CallEvent::PeerLeft { peer, .. } if peer.name == "Grace");
    awake.block_on(ada.until("Grace is given up", |events| events.iter().any(is_gone)));
    wake.send(()).expect("she sleeps");
    awake.block_on(ada.until("Grace is back, with all she sends", |events| {
        let is_told = |event: &CallEvent| {
            matches!(event, CallEvent::MediaState { peer, audio: true, video: true } if peer.name == "Grace")
        };
        events.iter().skip_while(|event| !is_gone(event)).any(is_told)
    }));
    awake.block_on(ada.until_pictures("Grace", 10));
    sleepy.block_on(grace.leave());
    awake.block_on(ada.leave());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_is_quick_also_without_a_server() {
    let mut server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    ada.until_pictures("Grace", 5).await;
    server.stop().await;
    for person in [ada, grace] {
        let start = Instant::now();
        let (_, events) = person.leave().await;
        assert!(start.elapsed() < Duration::from_secs(4), "it took {:?}", start.elapsed());
        assert!(matches!(events.last(), Some(CallEvent::Ended { .. })));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_says_goodbye_too() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    ada.until_pictures("Grace", 5).await;
    drop(grace);
    ada.until("Grace's leaving", |events| {
        events.iter().any(|event| matches!(event, CallEvent::PeerLeft { reason, .. } if reason == "left"))
    })
    .await;
    ada.leave().await;
}
