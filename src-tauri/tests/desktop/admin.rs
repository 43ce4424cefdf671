//! The admin mode in a window, over a call that the same window shared.

use anyhow::{Context, Result, ensure};

use crate::guest::{Guest, PICTURE};
use crate::page::{Page, until};
use crate::server::{ADMIN, PASSWORD, Place, Visitor};
use crate::shot::Shot;

/// Ada shares a call with Ben; whoever runs the server sees it, its charts and its people, and deletes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_shows_an_admin_a_call_that_was_shared_and_deletes_it() -> Result<()> {
    let place = Place::open().await?;
    let page = Page::open("Ada").await?;
    page.use_server(&place.url).await?;
    page.button("Settings").await?;
    page.click(".sharing .switch").await?;
    page.sees_text(".sharing", "Nothing waits.").await.context("sharing is on")?;
    page.button("Home").await?;
    page.button("Start a call").await?;
    let code = page.enter().await?;
    let guest = Guest::join(&place.url, &code, page.clip(), PICTURE).await?;
    page.sees_motion(&page.peer_tile().await?, 1).await?;
    guest.measured().await?;
    page.button("Leave").await?;
    guest.is_alone().await?;
    guest.leave().await;
    until("all of it is at the server", async || Ok(place.has_all_of("Ada").await?.then_some(()))).await?;

    page.button("Settings").await?;
    page.button("Admin mode").await?;
    page.write(".sign-in [type=password]", "a wrong token\u{e007}").await?;
    page.sees_text(".sign-in .problem", "admin").await.context("a wrong token is told")?;
    page.clear(".sign-in [type=password]").await?;
    page.write(".sign-in [type=password]", &format!("{ADMIN}\u{e007}")).await?;
    page.sees_text(".admin h1", "Admin mode").await?;
    page.button("Calls").await?;
    page.sees_text(".call-row", "1 of 2").await.context("one of two has reported")?;
    page.click(".call-rows .call-row[data-room]").await?;
    page.sees_text(".admin-call", "1 of 2 reported").await?;
    page.sees_text(".admin-call", &code).await?;
    page.sees_text(".timeline", "Ben").await?;
    is_drawn(&page, 1).await.context("the charts of who reported")?;
    page.button("Both ends").await?;
    page.sees_text(".admin-call", "Ben did not share figures").await?;
    is_drawn(&page, 1).await.context("the end that is known")?;
    page.button("Table").await?;
    page.sees_text(".table-box table", "Ben").await?;

    page.button("Delete call").await?;
    page.sees_text("dialog", "stands in the audit log").await?;
    page.button("Cancel").await?;
    page.sees_text(".admin-call", &code).await.context("it is there still")?;
    page.button("Delete call").await?;
    page.click("dialog .stop").await?;
    page.sees_text(".admin", "No calls yet").await?;
    page.button("Audit log").await?;
    page.sees_text(".audit", "deleted a call").await?;
    page.close().await
}

/// Whoever runs the server finds an account, makes it an admin, and deletes another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_shows_an_admin_the_accounts() -> Result<()> {
    let place = Place::open().await?;
    let _ben = Visitor::sign_up(&place, "ben").await?;
    let mut eve = Visitor::sign_up(&place, "eve").await?;
    let page = Page::open("Ada").await?;
    page.use_server(&place.url).await?;
    page.button("Settings").await?;
    page.button("Admin mode").await?;
    page.write(".sign-in [type=password]", &format!("{ADMIN}\u{e007}")).await?;
    page.button("Accounts").await?;
    page.sees_text(".admin h2", "2 accounts").await?;
    page.write(".admin [type=search]", "BE").await?;
    page.sees_text(".admin h2", "1 account").await?;
    page.sees_text(".account-row", "here now").await?;
    page.button("What to do about ben").await?;
    page.button("Make an admin").await?;
    page.click("dialog .stop").await?;
    page.sees_text(".account-row .chip", "admin").await?;
    page.clear(".admin [type=search]").await?;
    page.sees_text(".admin h2", "2 accounts").await?;
    page.button("What to do about eve").await?;
    page.button("Delete the account").await?;
    page.click("dialog .stop").await?;
    page.sees_text(".admin h2", "1 account").await?;
    eve.is_signed_out().await?;

    // Who was made an admin is one: by name and password.
    page.button("Sign out").await?;
    page.button("Account").await?;
    page.write(".sign-in input:not([type=password]):not(.mono)", "ben").await?;
    page.write(".sign-in [type=password]", &format!("{PASSWORD}\u{e007}")).await?;
    page.sees_text(".admin", "as ben").await?;
    page.button("Audit log").await?;
    page.sees_text(".audit", "deleted an account").await?;
    ensure!(page.count(".audit tbody tr").await? == 2, "two things were done");
    page.close().await
}

/// Waits until so many charts have something on them.
async fn is_drawn(page: &Page, charts: usize) -> Result<()> {
    until("charts are drawn", async || {
        let picture = Shot::read(&page.picture_of(".charts-canvas").await?)?;
        // Paper, grid, texts in shades, and lines of several colours.
        Ok((page.count(".charts-canvas").await? == charts && picture.colours() > 40).then_some(()))
    })
    .await
}
