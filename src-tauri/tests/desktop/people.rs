//! Calls by name, and random partners, in a window.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::MOVING;
use crate::guest::{Guest, PICTURE};
use crate::page::{Page, until};
use crate::server::{PASSWORD, Place, Visitor};

/// Ada's window at a server with accounts.
async fn ada_at(place: &Place) -> Result<Page> {
    let page = Page::open("Ada").await?;
    page.use_server(&place.url).await?;
    Ok(page)
}

/// Ada calls Ben by his name, then misses a call from him, takes one, and sees who is blocked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_calls_by_name_is_called_and_misses_a_call() -> Result<()> {
    let place = Place::open().await?;
    let page = ada_at(&place).await?;
    page.button("Settings").await?;
    page.write(".account [autocomplete=username]", "ada").await?;
    page.write(".account [type=password]", PASSWORD).await?;
    page.button("Make an account").await?;
    page.sees_text(".account", "Others can call you now.").await?;
    let mut ben = Visitor::sign_up(&place, "ben").await?;

    page.button("Home").await?;
    page.write(".add-contact input", "ben\u{e007}").await?;
    page.sees_text(".presence", "here").await.context("Ben is there")?;
    page.button("Call ben").await?;
    let code = ben.takes_the_call_from("ada").await?;
    let guest = Guest::join(&place.url, &code, page.clip(), PICTURE).await?;
    page.sees_motion(&page.peer_tile().await?, MOVING).await.context("Ben, whom she called")?;
    guest.hears().await.context("her microphone is on")?;
    ensure!(ben.ring_ended().await? == "accepted");
    page.button("Leave").await?;
    guest.is_alone().await?;
    guest.leave().await;

    let code = place.room().await?;
    let ring = ben.rings("ada", &code).await?;
    page.sees_text("dialog.incoming", "ben is calling").await?;
    ben.gives_up(ring);
    ensure!(ben.ring_ended().await? == "cancelled");
    page.sees_none("dialog.incoming").await.context("it rings no longer")?;
    page.sees_text(".unseen", "missed").await.context("among the calls at home")?;
    page.button("History").await?;
    page.sees_text(".call-line", "Missed call").await?;

    let guest = Guest::join(&place.url, &code, page.clip(), PICTURE).await?;
    ben.rings("ada", &code).await?;
    page.button("Decline").await?;
    ensure!(ben.ring_ended().await? == "declined");
    page.sees_none("dialog.incoming").await?;

    ben.rings("ada", &code).await?;
    page.button("Accept").await?;
    page.sees_motion(&page.peer_tile().await?, MOVING).await.context("Ben, who called her")?;
    guest.leave().await;
    page.sees_text(".nobody", "Nobody else is here").await?;
    page.button("Leave").await?;
    let people = page.invoke("people", json!({})).await?;
    ensure!(people["missed"].as_array().is_some_and(|missed| missed.len() == 1), "{people}");
    page.close().await
}

/// Ada meets Eve, goes on, meets Mallory, who goes on herself, and stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_meets_strangers_one_after_the_other() -> Result<()> {
    let place = Place::open().await?;
    let page = ada_at(&place).await?;
    page.button("Meet someone").await?;
    page.click(".meet .primary").await?;
    page.sees_text(".meet", "Looking for somebody").await?;

    let mut eve = Visitor::looks_for_somebody(&place, "Eve").await?;
    let (code, token) = eve.is_paired().await?;
    let guest = Guest::enter(&place.url, &code, Some(token), page.clip(), PICTURE).await?;
    page.sees_text(".meeting-bar", "With Eve").await?;
    page.sees_motion(&page.peer_tile().await?, MOVING).await.context("the stranger")?;
    guest.sees_motion(MOVING).await.context("Ada, at the stranger")?;
    page.button("Next").await?;
    guest.is_over("ended").await?;
    guest.leave().await;
    eve.is_left().await?;
    eve.stops_meeting();
    page.sees_text(".meet", "Looking for somebody").await?;

    let mut mallory = Visitor::looks_for_somebody(&place, "Mallory").await?;
    let (code, token) = mallory.is_paired().await?;
    let guest = Guest::enter(&place.url, &code, Some(token), page.clip(), PICTURE).await?;
    page.sees_text(".meeting-bar", "With Mallory").await?;
    page.sees_motion(&page.peer_tile().await?, MOVING).await.context("another stranger")?;
    mallory.stops_meeting();
    page.sees_text(".meet", "Mallory went on").await?;
    page.sees_text(".meet", "Looking for somebody").await?;
    guest.is_over("ended").await?;
    guest.leave().await;
    page.button("Stop").await?;
    page.sees_text(".meet", "a stranger, in a call of two").await?;
    until("she is in no queue", async || {
        Ok((page.invoke("people", json!({})).await?["meet"]["phase"] == "idle").then_some(()))
    })
    .await?;
    page.close().await
}
