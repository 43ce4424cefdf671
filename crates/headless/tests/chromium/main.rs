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
mod relay;
mod scene;
mod web;

use anyhow::Result;

use crate::page::{LinkState, Page, until};
use crate::scene::{CHROMIUM_HZ, Scene};

/// Share of media packets that the bad path loses, each way.
const LOSS: f64 = 0.03;

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
