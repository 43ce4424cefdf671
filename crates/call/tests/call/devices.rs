//! Cameras, microphones and speakers that come, go and change in mid-call.

use std::fs::OpenOptions;

use crate::support::participant::{Participant, config, poll, recorded};
use crate::support::server::TestServer;
use crate::support::sinks::Memory;
use crate::support::{FPS, HEIGHT, WIDTH, clip, speech};
use sightline_call::{CallEvent, Entry};
use sightline_media::audio::{AudioSource, Speaker};
use sightline_media::video::VideoSource;
use sightline_quality::EventKind;

/// The last that was said about somebody's microphone and camera.
fn last_state(events: &[CallEvent]) -> Option<(bool, bool)> {
    events.iter().rev().find_map(|event| match event {
        CallEvent::MediaState { audio, video, .. } => Some((*audio, *video)),
        _ => None,
    })
}

fn warned(events: &[CallEvent], of: &str) -> bool {
    events.iter().any(|event| matches!(event, CallEvent::Warning(sentence) if sentence.contains(of)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_began_without_devices_gets_some_changes_them_and_gives_them_back() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let memory = Memory::default();
    let mut empty = config(&server.url(), &code, "Grace", &memory);
    (empty.video, empty.audio) = (None, None);
    let grace = Participant::join_with(empty, memory).await.expect("joined");
    grace.until_pictures("Ada", 5).await;
    ada.until("nothing from Grace", |events| last_state(events) == Some((false, false))).await;
    assert!(grace.call.self_view().is_none());

    let loudest = || ada.call.levels().peers.iter().map(|(_, level)| *level).fold(0.0, f32::max);
    grace.call.set_camera_source(Some(VideoSource::File(clip().to_owned())));
    grace.call.set_microphone_source(Some(AudioSource::File(speech().to_owned())));
    grace.call.set_speaker(Speaker::None);
    ada.until("Grace's camera and microphone", |events| last_state(events) == Some((true, true))).await;
    ada.until_pictures("Grace", 10).await;
    poll("Grace to be heard", || loudest() > 0.05 && grace.call.levels().own > 0.05).await;
    let self_view = grace.call.self_view().expect("a camera is in use");
    assert!(!self_view.is_empty());

    grace.call.set_camera_source(Some(VideoSource::Pattern));
    grace.call.set_microphone_source(Some(AudioSource::Tone));
    grace
        .until("word of the exchange", |events| {
            warned(events, "another camera") && warned(events, "another microphone")
        })
        .await;
    ada.until_pictures("Grace", 10).await;
    // The tone has a steady level that speech has not.
    poll("the tone", || (loudest() - 0.2).abs() < 0.03).await;

    grace.call.set_microphone(false);
    poll("silence", || grace.call.levels().own == 0.0 && loudest() < 0.01).await;
    grace.call.set_camera_source(None);
    ada.until("camera and microphone off", |events| last_state(events) == Some((false, false))).await;
    poll("no picture of Grace", || !ada.memory.shows("Grace")).await;
    assert!(self_view.is_empty());

    let (summary, events) = grace.leave().await;
    // One link carried it all: nothing was negotiated anew.
    assert_eq!(recorded(&events, |kind| matches!(kind, EventKind::PeerConnected { .. })), 1);
    assert_eq!(recorded(&events, |kind| matches!(kind, EventKind::IceRestart)), 0);
    assert!(summary.video.is_some() && summary.audio.is_some());
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_breaks_leaves_no_frozen_picture_behind() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.y4m");
    std::fs::copy(clip(), &copy).expect("copied");
    let memory = Memory::default();
    let mut fragile = config(&server.url(), &code, "Grace", &memory);
    fragile.video = Some(VideoSource::File(copy.clone()));
    let grace = Participant::join_with(fragile, memory).await.expect("joined");
    ada.until_pictures("Grace", 10).await;
    assert!(ada.memory.shows("Grace"));

    OpenOptions::new().write(true).open(&copy).expect("there").set_len(100).expect("cut");
    grace.until("word of it", |events| warned(events, "cannot be played")).await;
    ada.until("Ada is told", |events| last_state(events) == Some((true, false))).await;
    poll("no picture of Grace", || !ada.memory.shows("Grace")).await;
    assert!(grace.call.self_view().expect("it was in use").is_empty());

    grace.call.set_camera_source(Some(VideoSource::File(clip().to_owned())));
    ada.until("Grace is back", |events| last_state(events) == Some((true, true))).await;
    ada.until_pictures("Grace", 10).await;
    grace.leave().await;
    poll("no picture of one who left", || !ada.memory.shows("Grace")).await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_may_come_in_muted_with_the_camera_off() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let memory = Memory::default();
    let entry = Entry { microphone: false, camera: false, devices_required: true };
    let muted = sightline_call::CallConfig { entry, ..config(&server.url(), &code, "Grace", &memory) };
    let grace = Participant::join_with(muted, memory).await.expect("joined");
    ada.until("Grace as she is", |events| last_state(events) == Some((false, false))).await;
    grace.until_pictures("Ada", 10).await;
    assert_eq!((ada.memory.pictures("Grace"), grace.call.levels().own), (0, 0.0));
    assert!(grace.call.self_view().is_none_or(|view| view.is_empty()));

    grace.call.set_camera(true);
    grace.call.set_microphone(true);
    ada.until("Grace seen and heard", |events| last_state(events) == Some((true, true))).await;
    ada.until_pictures("Grace", 10).await;
    poll("Grace's voice", || grace.call.levels().own > 0.05).await;
    let said_off = ada.events(|events| {
        events.iter().filter(|event| matches!(event, CallEvent::MediaState { audio: true, .. })).count()
    });
    assert!(said_off >= 1);
    grace.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_are_not_there_need_not_end_the_call() {
    let server = TestServer::start().await;
    let code = server.room().await;
    let ada = Participant::join(&server.url(), &code, "Ada").await;
    let memory = Memory::default();
    let mut bold = config(&server.url(), &code, "Grace", &memory);
    bold.video = Some(VideoSource::Device(Some("no such camera".into())));
    bold.audio = Some(AudioSource::Device(Some("no such microphone".into())));
    bold.speaker = Speaker::Device(Some("no such speaker".into()));
    bold.entry.devices_required = false;
    let grace = Participant::join_with(bold, memory).await.expect("joined");
    for missing in ["no such camera", "no such microphone", "no such speaker"] {
        grace.until(missing, |events| warned(events, missing)).await;
    }
    ada.until("Grace without them", |events| last_state(events) == Some((false, false))).await;
    grace.until_pictures("Ada", 5).await;
    grace.call.set_camera_source(Some(VideoSource::Pattern));
    ada.until_pictures("Grace", 5).await;
    let snapshot = ada.snapshot("the pattern's size", |snapshot| {
        snapshot.tracks.iter().any(|track| (track.width, track.height) == (Some(WIDTH), Some(HEIGHT)))
    });
    assert!(snapshot.await.tracks.iter().any(|track| track.expected_fps == Some(FPS)));
    let (_, events) = grace.leave().await;
    assert_eq!(events.iter().filter(|event| warned(std::slice::from_ref(event), "no such speaker")).count(), 1);
    ada.leave().await;
}
