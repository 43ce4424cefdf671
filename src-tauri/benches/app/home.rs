//! How long the app takes to be there, and what it costs while nobody uses it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use crate::bench::Length;
use crate::page::Page;
use crate::setup::Setup;
use crate::table::{Line, at_most, median_and_worst};

/// Gives the time at which the home screen was painted and could be used, in Unix milliseconds. The first contentful
/// paint (Paint Timing) is that of the home screen: before it the page is empty.
const USABLE: &str = "
    const [done] = arguments;
    const painted = () => performance.getEntriesByName('first-contentful-paint')[0];
    const look = () => {
        const start = [...document.querySelectorAll('main button')].find((button) => button.innerText === 'Start a call');
        const paint = painted();
        if (start && !start.disabled && paint) done({ value: performance.timeOrigin + paint.startTime });
        else requestAnimationFrame(look);
    };
    look();";

/// What is not over then never is: fonts, the watch for devices, the first look at the history.
const SETTLED: Duration = Duration::from_secs(5);

/// Starts the app again and again; gives the last one, which still runs.
pub(crate) async fn starts(setup: &Setup, length: Length) -> Result<(Page, Vec<Line>)> {
    let (mut times, mut last) = (Vec::new(), None);
    for _ in 0..length.starts {
        if let Some(page) = last.take() {
            Page::close(page).await?;
        }
        let page = Page::start(setup.clone()).await?;
        let usable = page.run(USABLE, Vec::new()).await?.as_f64().context("a time")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let started = now.saturating_sub(page.processes()?.age()?);
        times.push(usable - started.as_secs_f64() * 1e3);
        last = Some(page);
    }
    let (median, worst) = median_and_worst(&mut times);
    let figure = format!("{median:.0} ms (worst of {}: {worst:.0})", length.starts);
    let line = at_most("start of the process to usable home screen", median, figure, 1500.0, "ms");
    Ok((last.context("at least one start")?, vec![line]))
}

/// The home screen, left alone.
pub(crate) async fn idle(page: &Page, length: Length) -> Result<Line> {
    let app = page.processes()?;
    sleep(SETTLED).await;
    let (cpu, since) = (app.cpu(), Instant::now());
    sleep(Duration::from_secs(length.idle_seconds)).await;
    let percent = 100.0 * (app.cpu() - cpu).as_secs_f64() / since.elapsed().as_secs_f64();
    let memory = app.holdings().mib();
    let figure = format!("{percent:.2} % (PSS {memory:.0} MiB)");
    Ok(at_most("idle home screen, CPU of one core", percent, figure, 1.0, "%"))
}
