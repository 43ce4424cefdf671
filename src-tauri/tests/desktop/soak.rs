//! Whether the app gives back what its calls took; the long version is in `cargo xtask bench app --soak`.

use anyhow::{Context, Result, ensure};

use crate::guest::{Guest, PICTURE};
use crate::page::{Page, until};

/// Calls after the first one, which sets up what stays.
const CALLS: usize = 4;
/// What a pool or a page may hold at one time and not at another; less than one for each call.
const SWING: usize = CALLS - 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desktop_app_gives_back_what_its_calls_took() -> Result<()> {
    let page = Page::open("Ada").await?;
    page.button("Start a call").await?;
    let code = page.enter().await?;
    let guest = Guest::join(&page.server().await?, &code, page.clip(), PICTURE).await?;
    let app = page.processes()?;
    let mut first = None;
    for call in 0..=CALLS {
        if call > 0 {
            page.join(&code).await?;
        }
        page.sees_motion(&page.peer_tile().await?, 1).await?;
        page.button("Leave").await?;
        guest.is_alone().await?;
        let most = *first.get_or_insert_with(|| app.holdings_of_root());
        until("threads and files are given back", async || {
            let now = app.holdings_of_root();
            let given_back = now.threads <= most.threads + SWING && now.files <= most.files + SWING;
            ensure!(given_back, "{now:?} after {most:?}");
            Ok(Some(()))
        })
        .await
        .with_context(|| format!("after call {call}"))?;
    }
    guest.leave().await;
    page.close().await
}
