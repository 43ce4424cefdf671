//! A second opinion: calls in which the other side is Chromium, with a page that speaks PROTOCOL.md and shares no code with
//! ours. Both orders of joining, on a clean path and on one that loses 3 %; each call carries pictures and sound both
//! ways, gets a second picture and an ICE restart in mid-call, and ends by leaving.
//!
//! Invariant: tests that need Chromium have `chromium` in their name, so that the task runner can leave them out where it
//! is not installed. Linux only: process groups, and Chromium's flags for fake devices, are used as they are there.
#![cfg(target_os = "linux")]

mod browser;
mod page;
mod recordings;
mod scene;
mod sightline;
mod web;

use anyhow::Result;
use sightline_headless::report::Report;

use crate::page::{LinkState, Page, Stats, until};
use crate::recordings::{Tone, Video, frames, longest_gap_ms};
use crate::scene::{CHROMIUM_HZ, First, SIGHTLINE_HZ, Scene};
use crate::sightline::Sightline;

/// Share of media packets that the bad path loses, each way.
const LOSS: f64 = 0.03;

/// Media goes on within this time after an ICE restart, and never stands still for longer.
const LONGEST_GAP_MS: i64 = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_joins_sightline() -> Result<()> {
    call(First::Sightline, 0.0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_joins_sightline_on_a_lossy_path() -> Result<()> {
    call(First::Sightline, LOSS).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_is_joined_by_sightline() -> Result<()> {
    call(First::Chromium, 0.0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_is_joined_by_sightline_on_a_lossy_path() -> Result<()> {
    call(First::Chromium, LOSS).await
}

/// Two browsers that speak PROTOCOL.md, with the real server between them: what fails here is not our media.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_calls_chromium() -> Result<()> {
    let scene = Scene::set(LOSS).await?;
    let (first, second) = (scene.page("First").await?, scene.page("Second").await?);
    let (to_second, to_first) = (first.connected().await?, second.connected().await?);
    assert_eq!((to_second.name.as_str(), to_first.name.as_str()), ("Second", "First"));
    for (page, peer) in [(&first, &to_second.id), (&second, &to_first.id)] {
        let shown = page.sees_motion(peer).await?;
        // Chromium scales its picture down while it does not know the path.
        assert_eq!(shown.width * 9, shown.height * 16);
        page.hears(peer, CHROMIUM_HZ).await?;
    }
    second.add_track(&to_first.id).await?;
    first.sees_more(&to_second.id, 2, 5.0).await?;
    restart_ice(&first, &to_second).await?;
    first.sees_more(&to_second.id, 2, 15.0).await?;
    second.sees_more(&to_first.id, 1, 15.0).await?;
    first.leave().await?;
    until("the other is told of the leaving", async || Ok(second.state().await?.links[0].left.then_some(()))).await?;
    for page in [first, second] {
        let state = page.state().await?;
        assert!(state.errors.is_empty() && state.pongs > 0, "{state:?}");
    }
    Ok(())
}

/// A whole call.
async fn call(first: First, loss: f64) -> Result<()> {
    let scene = Scene::set(loss).await?;
    let (page, sightline) = scene.meet(first).await?;
    let link = page.connected().await?;
    assert_eq!(link.name, "Sightline");

    both_ways(&page, &sightline, &link.id).await?;

    page.add_track(&link.id).await?;
    sightline.records_more("Chromium-2.y4m", 15).await?;

    restart_ice(&page, &link).await?;
    page.sees_more(&link.id, 1, 60.0).await?;
    sightline.records_more("Chromium.y4m", 60).await?;
    sightline.records_more("Chromium-2.y4m", 5).await?;
    both_ways(&page, &sightline, &link.id).await?;

    // Chromium measures a round trip with a report of ours that answers one of its own, of which sound has one in five
    // seconds; on a bad path one of the two may be lost.
    until("Chromium has a round trip by our reports of sound and pictures", async || {
        let stats = page.stats(&link.id).await?;
        let measured = |kind| stats.sum("remote-inbound-rtp", kind, "roundTripTimeMeasurements") > 0.0;
        Ok((measured("audio") && measured("video")).then_some(()))
    })
    .await?;
    let (stats, state) = (page.stats(&link.id).await?, page.state().await?);
    page.leave().await?;
    let report = sightline.end().await?;

    assert!(state.errors.is_empty() && state.pongs > 0, "{state:?}");
    assert!(state.links.len() == 1 && !state.links[0].left, "one peer throughout, not {:?}", state.links);
    recorded(&scene, &stats)?;
    played(&stats);
    reported(&report, loss);
    if loss > 0.0 {
        repaired(&scene, &stats, loss);
    }
    Ok(())
}

/// Waits until each side has the other's pictures and sound, whatever was before.
async fn both_ways(page: &Page<'_>, sightline: &Sightline, peer: &str) -> Result<()> {
    let shown = page.sees_motion(peer).await?;
    assert_eq!((shown.width, shown.height), (640, 360));
    page.hears(peer, SIGHTLINE_HZ).await?;
    sightline.records_more("Chromium.y4m", 15).await
}

/// How often the page found another path so far.
async fn path_changes(page: &Page<'_>, link: &LinkState) -> Result<Option<u64>> {
    Ok(page.stats(&link.id).await?.transport("selectedCandidatePairChanges").as_u64())
}

/// Restarts ICE from the page and waits until both sides talk over the new path.
async fn restart_ice(page: &Page<'_>, link: &LinkState) -> Result<()> {
    let before = path_changes(page, link).await?;
    page.restart_ice(&link.id).await?;
    until("ICE restarts", async || {
        let now = page.connected().await?;
        let restarted = now.ufrag != link.ufrag && now.signaling == "stable";
        Ok((restarted && path_changes(page, link).await? > before).then_some(()))
    })
    .await
}

/// What our side decoded, against what Chromium sent.
fn recorded(scene: &Scene, stats: &Stats) -> Result<()> {
    let camera = Video::read(&scene.recording("Chromium.y4m"))?;
    let drawn = Video::read(&scene.recording("Chromium-2.y4m"))?;
    assert!(!scene.recording("Chromium-3.y4m").exists(), "an ICE restart or a loss made a new track");
    for (video, name) in [(&camera, "camera"), (&drawn, "drawn picture")] {
        let moved = video.pictures.windows(2).filter(|pair| pair[1].moved_from(&pair[0])).count();
        assert!(moved * 2 > video.pictures.len(), "{name}: {moved} of {} pictures moved", video.pictures.len());
    }
    assert_eq!(drawn.size, (320, 180));
    // Chromium's fake camera is green (little Cb and Cr), what the page draws is blue (much Cb), black and grey are neither.
    assert!(camera.pictures.iter().all(|picture| picture.mean[1] < 64.0 && picture.mean[2] < 64.0), "not the camera");
    assert!(drawn.pictures.iter().all(|picture| picture.mean[1] > 180.0), "not what the page draws");

    let mut decoded = 0;
    for name in ["Chromium", "Chromium-2"] {
        let rows = frames(&scene.recording(&format!("{name}.csv")))?;
        let disorder =
            rows.windows(2).filter(|pair| pair[1].rtp_timestamp.wrapping_sub(pair[0].rtp_timestamp) as i32 <= 0);
        assert_eq!(disorder.count(), 0, "{name}: pictures in order");
        let gap = longest_gap_ms(&rows);
        assert!(gap < LONGEST_GAP_MS, "{name}: no picture for {gap} ms");
        decoded += rows.len();
    }
    let sent = stats.sum("outbound-rtp", "video", "framesSent");
    assert!(decoded as f64 > 0.95 * sent, "{decoded} pictures decoded of {sent} sent");

    let tone = Tone::read(&scene.recording("Chromium.wav"), f64::from(CHROMIUM_HZ))?;
    assert!(tone.seconds() > 3.0, "sound for {} s only", tone.seconds());
    assert!(tone.share() > 0.8, "the tone is there for {:.2} of the time", tone.share());
    assert!(tone.longest_hole_ms() < LONGEST_GAP_MS as usize, "no sound for {} ms", tone.longest_hole_ms());
    Ok(())
}

/// What Chromium decoded of ours.
fn played(stats: &Stats) {
    let video = |counter| stats.sum("inbound-rtp", "video", counter);
    let (received, decoded) = (video("framesReceived"), video("framesDecoded"));
    assert!(decoded > 0.95 * received, "{decoded} pictures decoded of {received} received");
    let frozen_ms = video("totalFreezesDuration") * 1000.0;
    assert!(frozen_ms < LONGEST_GAP_MS as f64, "frozen for {frozen_ms} ms");
    let audio = |counter| stats.sum("inbound-rtp", "audio", counter);
    let (samples, concealed) = (audio("totalSamplesReceived"), audio("concealedSamples"));
    assert!(concealed < 0.2 * samples, "{concealed} samples concealed of {samples}");
    assert!(audio("totalAudioEnergy") > 0.0, "silence");
}

/// What our side says of the call.
fn reported(report: &Report, loss: f64) {
    assert!(report.call_took_place);
    assert_eq!(report.peers.len(), 1, "{:?}", report.peers);
    let peer = &report.peers[0];
    assert_eq!(peer.name, "Chromium");
    assert!(peer.setup.is_some_and(|setup| setup.first_frame_ms.is_some()), "{:?}", peer.setup);
    // Chromium does not say in its packets when a picture was captured: lip sync has it from sender reports.
    let latency = peer.capture_to_decode_ms.as_ref().expect("pictures have a time");
    assert!((0.0..2000.0).contains(&latency.p50), "{latency:?}");
    for track in [&peer.video_in, &peer.video_out, &peer.audio_in] {
        let track = track.as_ref().expect("pictures and sound went both ways");
        let lost = track.loss_percent.expect("loss is known on both sides");
        // The restart itself costs some 0.3 s of packets on any path: the crate breaks the old path before it makes the new.
        assert!(lost < 20.0, "{lost} % lost: {track:?}");
        // A track of few packets may come through whole.
        assert!(loss == 0.0 || lost > 0.0 || track.packets < 200, "nothing lost on a bad path: {track:?}");
    }
    // Chromium reports on sound every five seconds or so, too seldom for a loss to be known.
    assert!(peer.audio_out.as_ref().is_some_and(|track| track.packets > 100), "{:?}", peer.audio_out);
}

/// Packets were lost both ways, and asked for and sent again.
fn repaired(scene: &Scene, stats: &Stats, loss: f64) {
    let (passed, lost) = scene.relayed();
    let share = lost as f64 / (passed + lost) as f64;
    assert!((loss / 2.0..loss * 2.0).contains(&share), "the path lost {share} of {}", passed + lost);
    for (entry, who) in [("inbound-rtp", "Chromium"), ("outbound-rtp", "Sightline")] {
        assert!(stats.sum(entry, "video", "nackCount") > 0.0, "{who} asked for no repair");
    }
    let repairs = stats.sum("inbound-rtp", "video", "retransmittedPacketsReceived");
    assert!(repairs > 0.0, "Sightline sent no repair");
    let keyframes = stats.sum("inbound-rtp", "video", "pliCount");
    assert!(keyframes < 6.0, "Chromium asked for {keyframes} keyframes where repairs should do");
}
