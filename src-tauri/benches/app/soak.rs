//! Ten minutes of call, then thirty joins and leaves: what they took is given back.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use crate::bench::Length;
use crate::call::in_a_call;
use crate::guest::Guest;
use crate::holdings::{Holdings, Tree};
use crate::page::Page;
use crate::table::{Line, at_most, stated};

/// Threads of a pool end 10 s after their last work, and garbage is collected when there is time.
const SETTLED: Duration = Duration::from_secs(20);
/// Calls before the first look: what a first one sets up stays.
const FIRST: usize = 2;
/// Memory may be so much more at the end than after the first calls, in MiB: what the garbage of a page swings by.
const SWING_MIB: f64 = 15.0;

/// Runs both, and compares.
pub(crate) async fn lines(length: Length) -> Result<Vec<Line>> {
    let (page, guest, code) = in_a_call().await?;
    let app = page.processes()?;
    leave(&page, &guest).await?;
    calls(&page, &guest, &code, FIRST).await?;
    let before = settled(app).await;
    say("after the first calls", app);

    join(&page, &code).await?;
    let begun = settled(app).await;
    let since = Instant::now();
    let mut looked = begun;
    while since.elapsed() < Duration::from_secs(length.soak_seconds) {
        sleep(Duration::from_secs(length.soak_seconds / 10).max(Duration::from_secs(1))).await;
        looked = app.holdings();
        println!("in the call, after {:.0} s: {looked:?}", since.elapsed().as_secs_f64());
    }
    leave(&page, &guest).await?;
    let after_call = settled(app).await;
    println!("after it: {after_call:?}");
    for done in 1..=length.joins {
        calls(&page, &guest, &code, 1).await?;
        if done % 5 == 0 {
            say(&format!("after {done} joins"), app);
        }
    }
    let after = settled(app).await;
    say("at the end", app);
    guest.leave().await;
    page.close().await?;

    let minutes = length.soak_seconds as f64 / 60.0;
    let mut lines = vec![stated(
        format!("memory (PSS) at the beginning and the end of {minutes:.1} minutes of call"),
        format!("{:.0} and {:.0} MiB", begun.mib(), looked.mib()),
    )];
    lines.extend(compared(&format!("after {minutes:.1} minutes of call"), before, after_call));
    lines.extend(compared(&format!("and {} joins and leaves", length.joins), before, after));
    Ok(lines)
}

fn compared(when: &str, before: Holdings, after: Holdings) -> Vec<Line> {
    let more = after.mib() - before.mib();
    let count = |what: &str, before: usize, after: usize| {
        at_most(format!("{what} {when}"), after as f64, format!("{before} -> {after}"), before as f64, "")
    };
    vec![
        at_most(
            format!("memory (PSS) {when}"),
            more,
            format!("{:.0} -> {:.0} MiB", before.mib(), after.mib()),
            SWING_MIB,
            "MiB more",
        ),
        count("threads", before.threads, after.threads),
        count("files", before.files, after.files),
    ]
}

async fn calls(page: &Page, guest: &Guest, code: &str, count: usize) -> Result<()> {
    for number in 0..count {
        join(page, code).await.with_context(|| format!("call {number}"))?;
        leave(page, guest).await?;
    }
    Ok(())
}

async fn join(page: &Page, code: &str) -> Result<()> {
    page.join(code).await?;
    page.sees_motion(&page.peer_tile().await?, 1).await
}

async fn leave(page: &Page, guest: &Guest) -> Result<()> {
    page.button("Leave").await?;
    guest.is_alone().await
}

fn say(when: &str, app: Tree) {
    for (program, held) in app.holdings_by_program() {
        println!("{when}, {program}: {held:?}");
    }
}

async fn settled(app: Tree) -> Holdings {
    sleep(SETTLED).await;
    app.holdings()
}
