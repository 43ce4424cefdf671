//! The app in its window, driven as a person would: under Xvfb, through WebKitWebDriver, with clips and tones for devices.
//!
//! Invariant: tests that need a window have `desktop` in their name, so that the task runner can leave them out where Xvfb
//! or WebKitWebDriver is missing. Linux only, as these are.
#![cfg(target_os = "linux")]

mod admin;
mod guest;
#[expect(dead_code, reason = "the bench uses the rest of it")]
mod holdings;
mod host;
#[expect(dead_code, reason = "the bench uses the rest of it")]
mod page;
mod people;
mod processes;
mod server;
mod setup;
mod shot;
mod soak;
#[path = "../../../crates/media/tests/support/sound_session.rs"]
mod sound_session;
mod two;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sightline_history::{CallId, History};
use sightline_quality::{Metric, TrackMetric};

use crate::guest::{Guest, PICTURE};
use crate::page::{Page, until};

/// Pictures that have to come before they count as moving.
const MOVING: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_makes_a_call_and_shows_its_record() -> Result<()> {
    let page = Page::open("Ada").await?;
    page.button("Start a call").await?;
    page.sees_motion("self", 1).await.context("the lobby's preview")?;
    let code = page.enter().await?;
    let guest = Guest::join(&page.server().await?, &code, page.clip(), PICTURE).await?;
    let tile = page.peer_tile().await?;
    page.sees_motion(&tile, MOVING).await.context("the guest's picture in its tile")?;
    page.sees_motion("self", MOVING).await.context("our own picture in its tile")?;
    guest.sees_motion(MOVING).await.context("our picture at the guest")?;
    guest.hears().await.context("our sound at the guest")?;

    guest.call().chat("Hello from Ben");
    page.button("Chat, 1 unread message").await?;
    page.sees_text(".chat-text", "Hello from Ben").await?;
    page.write(".chat-form textarea, .chat-form input", "Hello <b>Ben</b>\u{e007}").await?;
    guest.reads("Hello <b>Ben</b>").await?;
    page.sees_text(".chat-text", "Hello <b>Ben</b>").await.context("markup of a message is text")?;

    page.button("Microphone").await?;
    guest.is_told(false, true).await.context("the microphone is off")?;
    page.button("Camera").await?;
    guest.is_told(false, false).await.context("the camera is off")?;
    page.button("Camera").await?;
    guest.is_told(false, true).await.context("the camera is on again")?;
    page.button("Quality").await?;
    page.sees_text(".call-panel table", "Ben").await.context("figures of the guest")?;

    guest.measured().await?;
    page.button("Leave").await?;
    guest.is_alone().await?;
    guest.leave().await;
    history(&page, &code).await?;
    page.close().await
}

/// What was recorded, on the screen and in the file.
async fn history(page: &Page, code: &str) -> Result<()> {
    page.button("History").await?;
    page.click(".call-line").await?;
    page.sees_text(".detail-head", code).await?;
    until("charts are drawn", async || {
        let picture = shot::Shot::read(&page.picture_of(".charts-canvas").await?)?;
        // Paper, grid, texts in shades, and lines of several colours.
        Ok((picture.colours() > 40).then_some(()))
    })
    .await?;

    page.button("Table").await?;
    page.sees_text(".table-box table", "Ben").await?;
    let detail = &page.invoke("historyCalls", json!({ "filter": filter(), "limit": 10, "skip": 0 })).await?[0];
    let id = detail["id"].as_i64().context("the call has an id")?;
    let table = page.invoke("historyTable", json!({ "id": id, "fromMs": 0, "toMs": 9_000_000_000_000_i64 })).await?;
    let shown = page.count(".table-box tbody tr").await?;
    let rows = table["rows"].as_array().context("rows")?;
    ensure!(shown == rows.len(), "{shown} rows on the screen, {} in the answer", rows.len());
    equals_the_file(&table, &page.history_file(), id)
}

fn filter() -> Value {
    json!({ "text": "", "fromMs": null, "toMs": null, "class": null })
}

/// The table has a row for each sample of a track, with the numbers of the file.
fn equals_the_file(table: &Value, file: &Path, id: i64) -> Result<()> {
    let columns = table["columns"].as_array().context("columns")?;
    let at = |key: &str| columns.iter().position(|column| column["key"] == key).context(key.to_owned());
    let history = History::open(file)?;
    let mut wanted = 0;
    for session in history.sessions(CallId(id))? {
        for track in history.tracks(session.id)? {
            for sample in history.samples(&track, 0..i64::MAX)? {
                wanted += 1;
                let row = table["rows"].as_array().into_iter().flatten().find(|row| {
                    at("start_ms").is_ok_and(|at| row[at].as_i64() == Some(sample.span.start_ms))
                        && at("kind").is_ok_and(|at| row[at] == track.key.kind.as_str())
                        && at("direction").is_ok_and(|at| row[at] == track.key.direction.as_str())
                });
                let row = row.with_context(|| format!("no row for {:?} at {}", track.key, sample.span.start_ms))?;
                for metric in [TrackMetric::Bitrate, TrackMetric::Loss, TrackMetric::FrameRate, TrackMetric::RoundTrip]
                {
                    let value = sample.values[metric].map(|spread| spread.mean);
                    let cell = &row[at(&format!("{}_mean", metric.name()))?];
                    ensure!(is_same(cell, value), "{metric:?} is {cell} in the table and {value:?} in the file");
                }
            }
        }
    }
    ensure!(wanted > 0, "the file has no samples");
    Ok(())
}

/// JavaScript has one kind of number, and its text is read back to within the last digit.
fn is_same(cell: &Value, value: Option<f64>) -> bool {
    match value {
        None => cell.is_null(),
        Some(value) => cell.as_f64().is_some_and(|cell| (cell - value).abs() <= value.abs() * 1e-12),
    }
}

/// A second start hands its link to the first one, which opens the lobby of that room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_takes_the_link_of_a_second_start() -> Result<()> {
    let page = Page::open("Ada").await?;
    let invitation = page.invoke("startCall", json!({ "plan": {} })).await?;
    let link = invitation["link"].as_str().context("a link")?;
    let code = invitation["code"].as_str().context("a code")?;
    page.second_start(link).await?;
    page.sees_text("main", code).await?;
    page.sees_text("main h1", "Ready to join?").await?;
    page.close().await
}

/// What ends a session of the desktop ends the app in the middle of a call: nothing of it may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_leaves_its_call_when_it_is_told_to_end() -> Result<()> {
    let page = Page::open("Ada").await?;
    page.button("Start a call").await?;
    let code = page.enter().await?;
    let guest = Guest::join(&page.server().await?, &code, page.clip(), PICTURE).await?;
    page.sees_motion(&page.peer_tile().await?, 1).await?;

    page.terminate().await?;
    guest.is_alone().await.context("the app says goodbye")?;
    guest.leave().await;
    let history = History::open(&page.history_file())?;
    let line = history.calls(1, 0)?.pop().context("the call is in the history")?;
    ensure!(line.code == code && line.ended_ms.is_some() && !line.crashed, "{line:?}");
    let sessions = history.sessions(line.id)?;
    ensure!(sessions.len() == 1 && sessions[0].end_reason.as_deref() == Some("left"), "{sessions:?}");
    let rows = history.process_samples(sessions[0].id, 0..i64::MAX)?;
    ensure!(!rows.is_empty(), "the last row of the call is lost");
    Ok(())
}
