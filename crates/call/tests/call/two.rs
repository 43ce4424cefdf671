//! Two people in one call, in one process: pictures and sound both ways, switched off and on, chat, the numbers.

use crate::support::participant::{Participant, recorded};
use crate::support::server::TestServer;
use crate::support::{CLIP_FRAMES, HEIGHT, WIDTH};
use sightline_call::{CallEvent, EndReason};
use sightline_media::audio::{similarity, speech as make_speech};
use sightline_quality::{Direction, EventKind, Kind, TrackCounters};

/// The clip's frames came in order, whole turns of the clip aside.
fn assert_in_order(pictures: &[Option<u64>]) {
    let numbers: Vec<u64> = pictures.iter().map(|number| number.expect("every picture carries its number")).collect();
    let forward = |pair: &[u64]| (pair[1] + CLIP_FRAMES - pair[0]) % CLIP_FRAMES;
    // A step back would look like a step of nearly a whole clip; a machine that stands still for a second is none.
    let steps: Vec<u64> = numbers.windows(2).map(forward).collect();
    assert!(steps.iter().all(|step| (1..CLIP_FRAMES - 8).contains(step)), "out of order: {numbers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_see_and_hear_each_other() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;

    ada.until_pictures("Grace", 75).await;
    grace.until_pictures("Ada", 75).await;
    let (ada_memory, grace_memory) = (ada.memory.clone(), grace.memory.clone());
    let (summary, events) = grace.leave().await;
    ada.until("Grace's leaving", |events| {
        events.iter().any(|event| matches!(event, CallEvent::PeerLeft { reason, .. } if reason == "left"))
    })
    .await;
    ada.leave().await;

    assert!(summary.took_place);
    assert_eq!(summary.reason, EndReason::Left);
    assert_eq!(summary.most_encoders, 1);
    assert!(summary.video.is_some_and(|video| video.frames_encoded >= 75));
    assert!(matches!(events.first(), Some(CallEvent::Joined { peers, .. }) if peers.len() == 1));
    assert!(matches!(events.last(), Some(CallEvent::Ended { reason: EndReason::Left })));
    for received in [ada_memory.of("Grace"), grace_memory.of("Ada")] {
        assert_in_order(&received.pictures);
        let likeness = similarity(&make_speech(8.0), &received.sound);
        assert!(likeness.windows >= 3 && likeness.correlation > 0.7, "{likeness:?}");
        assert_eq!(received.latencies_us.len(), received.pictures.len(), "the capture time is on the wire");
        assert!(received.latencies_us.iter().all(|us| (0..10_000_000).contains(us)), "{:?}", received.latencies_us);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_of_set_up_is_timed() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    let is_first_frame = |event: &CallEvent| matches!(event, CallEvent::FirstFrame { .. });
    for who in [&ada, &grace] {
        who.until("the first picture", |events| events.iter().any(is_first_frame)).await;
    }
    let times = grace.events(|events| {
        events.iter().find_map(|event| match event {
            CallEvent::FirstFrame { setup, .. } => Some(*setup),
            _ => None,
        })
    });
    let times = times.expect("just seen");
    eprintln!("join pressed to first frame: {times:?}");
    let steps = [times.signaling_ms, times.ice_ms, times.dtls_ms, times.first_frame_ms];
    let steps = steps.map(|step| step.expect("every step is timed"));
    assert!(steps[0] > 0.0 && steps.is_sorted(), "{steps:?}");
    let (_, events) = grace.leave().await;
    assert_eq!(recorded(&events, |kind| matches!(kind, EventKind::PeerConnected { .. })), 1);
    assert_eq!(recorded(&events, |kind| matches!(kind, EventKind::Joined { .. })), 1);
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_has_both_halves_of_every_track() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    let snapshot = ada
        .snapshot("counters of four tracks", |snapshot| {
            snapshot.tracks.len() == 4
                && snapshot.tracks.iter().all(|track| track.packets > Some(20))
                && snapshot.tracks.iter().all(|track| track.packets_lost.is_some())
        })
        .await;
    assert_eq!(snapshot.links.len(), 1);
    assert!(snapshot.links[0].path.is_some());
    for track in &snapshot.tracks {
        assert!(track.ssrc.is_some() && track.codec.is_some() && track.implementation.is_some(), "{track:?}");
        assert!(!track.muted && track.bytes > Some(0), "{track:?}");
        assert!(track.total_codec_time.is_some_and(|time| !time.is_zero()), "{track:?}");
        match (track.key.kind, track.key.direction) {
            (Kind::Video, direction) => {
                assert_eq!((track.width, track.height), (Some(WIDTH), Some(HEIGHT)), "{direction:?}");
                assert!(track.frames > Some(0) && track.key_frames > Some(0), "{direction:?}");
                assert_eq!(track.expected_fps.is_some(), direction == Direction::Outbound);
            }
            (Kind::Audio, Direction::Inbound) => assert!(track.samples_played > Some(0)),
            (Kind::Audio, Direction::Outbound) => assert!(track.audio_energy > Some(0.0)),
        }
    }
    grace.leave().await;
    ada.leave().await;
}

/// The other side shows a small tile, and gets small pictures; and large ones again, without a gap in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_receives_more_than_its_tile_shows() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    let receives = |wanted: (u32, u32)| {
        move |events: &[CallEvent]| {
            let video = |track: &&TrackCounters| track.key.kind == Kind::Video;
            let inbound = |track: &&TrackCounters| track.key.direction == Direction::Inbound;
            let newest = events.iter().rev().find_map(|event| match event {
                CallEvent::Snapshot(snapshot) => Some(snapshot),
                _ => None,
            });
            let tracks = newest.into_iter().flat_map(|snapshot| &snapshot.tracks).filter(video).filter(inbound);
            tracks.map(|track| track.width.zip(track.height)).any(|size| size == Some(wanted))
        }
    };
    ada.until("the full size", receives((WIDTH, HEIGHT))).await;
    let id = ada.events(|events| {
        events.iter().find_map(|event| match event {
            CallEvent::PeerJoined(peer) => Some(peer.id.clone()),
            _ => None,
        })
    });
    let id = id.expect("Grace is seen, so she is in");
    ada.call.set_tile_size(&id, 120, 90);
    ada.until("half of it", receives((WIDTH / 2, HEIGHT / 2))).await;
    ada.call.set_tile_size(&id, 1000, 1000);
    ada.until("the full size again", receives((WIDTH, HEIGHT))).await;
    // Nobody else has asked for less.
    grace.until("the full size", receives((WIDTH, HEIGHT))).await;
    let (summary, _) = grace.leave().await;
    assert_eq!(summary.most_encoders, 1, "one link takes one layer at a time");
    assert!(summary.video.is_some_and(|video| video.layers[1].frames_encoded > 0));
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_off_is_told_and_stops_what_is_sent() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    ada.until_pictures("Grace", 5).await;

    let state = |audio: bool, video: bool| {
        move |events: &[CallEvent]| {
            let last = events.iter().rev().find_map(|event| match event {
                CallEvent::MediaState { audio, video, .. } => Some((*audio, *video)),
                _ => None,
            });
            last == Some((audio, video))
        }
    };
    grace.call.set_camera(false);
    grace.call.set_microphone(false);
    ada.until("camera and microphone off", state(false, false)).await;
    // What was under way has come within a second; after that nothing does.
    let quiet = |counted: usize| ada.memory.pictures("Grace") == counted;
    let mut counted = ada.memory.pictures("Grace");
    for _ in 0..40 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        if quiet(counted) {
            break;
        }
        counted = ada.memory.pictures("Grace");
    }
    assert!(quiet(counted), "pictures come although the camera is off");
    let muted = ada
        .snapshot("tracks known as muted", |snapshot| {
            snapshot.tracks.iter().filter(|track| track.key.direction == Direction::Inbound).all(|track| track.muted)
        })
        .await;
    assert!(muted.tracks.iter().filter(|track| track.key.direction == Direction::Outbound).all(|track| !track.muted));

    grace.call.set_camera(true);
    grace.call.set_microphone(true);
    ada.until("camera and microphone on", state(true, true)).await;
    ada.until_pictures("Grace", 10).await;
    let (_, events) = grace.leave().await;
    assert_eq!(recorded(&events, |kind| matches!(kind, EventKind::Muted { .. })), 2);
    assert_eq!(recorded(&events, |kind| matches!(kind, EventKind::Unmuted { .. })), 2);
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chat_reaches_everybody_and_comes_back_as_the_receipt() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let grace = Participant::join(&server.url(), &code, "Grace").await;
    grace.call.chat("Can you hear me?");
    for who in [&ada, &grace] {
        who.until("the text", |events| {
            events.iter().any(|event| {
                matches!(event, CallEvent::Chat { from, text, earlier: false } if from.name == "Grace" && text == "Can you hear me?")
            })
        })
        .await;
    }
    grace.call.chat("");
    grace
        .until("the refusal of an empty text", |events| {
            events.iter().any(|event| matches!(event, CallEvent::Warning(sentence) if sentence.contains("not sent")))
        })
        .await;
    ada.call.mark();
    ada.until("the mark", |events| recorded(events, |kind| matches!(kind, EventKind::Mark)) == 1).await;
    grace.leave().await;
    ada.leave().await;
}
