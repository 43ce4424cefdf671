//! What a host decides, from the press to the one whom it concerns.

use anyhow::{Context, Result};

use crate::MOVING;
use crate::guest::{Guest, PICTURE};
use crate::page::Page;

/// Ada makes a room with a waiting room; Ben waits, is let in, is asked to mute, and is put out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_lets_a_guest_in_asks_to_mute_and_puts_out() -> Result<()> {
    let page = Page::open("Ada").await?;
    page.button("Options for a new call").await?;
    page.click("dialog .switch").await?;
    page.click("dialog .primary").await?;
    page.sees_text(".join-form .hint", "until you let them in").await?;
    let code = page.enter().await?;

    let server = page.server().await?;
    let knocks = Guest::join(&server, &code, page.clip(), PICTURE);
    let opens = async {
        page.sees_text(".waiting-note", "Ben waits to be let in.").await?;
        page.button("Let in Ben").await
    };
    let (guest, ()) = tokio::try_join!(knocks, opens)?;
    let tile = page.peer_tile().await?;
    page.sees_motion(&tile, MOVING).await.context("the guest's picture, once he is in")?;
    guest.knows_host().await?;

    page.button("People").await?;
    page.sees_text(".person", "Host").await?;
    page.button("What to do about Ben").await?;
    page.button("Ask to mute").await?;
    guest.is_asked_to_mute("Ada").await?;
    page.sees_text(&format!("[data-tile='{tile}'] .tile-name"), "muted").await.context("he is muted")?;

    page.button("What to do about Ben").await?;
    page.button("Put out").await?;
    page.sees_text("dialog h2", "Put Ben out of the call?").await?;
    page.click("dialog .stop").await?;
    guest.is_over("removed").await?;
    page.sees_text(".nobody", "Nobody else is here").await?;
    guest.leave().await;
    page.button("Leave").await?;
    page.close().await
}
