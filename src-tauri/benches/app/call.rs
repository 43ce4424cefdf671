//! What a call costs, and how soon its pictures are on the screen.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sightline_media::audio::write_test_speech;
use sightline_media::video::VideoSettings;
use tokio::time::{Instant, sleep};

use crate::bench::Length;
use crate::guest::Guest;
use crate::page::{Page, until};
use crate::setup::Setup;
use crate::table::{Line, at_least, at_most, median_and_worst, stated};

/// What both send.
pub(crate) const PICTURE: VideoSettings = VideoSettings { width: 1280, height: 720, fps: 30, max_bps: 1_500_000 };
/// What both are shown at.
const TILE: (i64, i64) = (640, 360);
/// Until bit rate, jitter buffer and memory are what they stay.
const SETTLED: Duration = Duration::from_secs(8);
/// Memory is looked at that often.
const LOOK: Duration = Duration::from_secs(1);

/// For each tile: what it asks for, what it shows, and how the last pictures came.
const REPORTS: &str = "
    const [done] = arguments;
    const reports = window.sightline.frames().map((report) => {
        const host = document.querySelector(`[data-tile='${report.tile}']`);
        return { ...report, tileWidth: host.clientWidth, tileHeight: host.clientHeight };
    });
    done({ value: reports });";

/// The app in a call with one other, both tiles shown.
pub(crate) async fn lines(length: Length) -> Result<Vec<Line>> {
    let (page, guest, _) = in_a_call().await?;
    fit(&page).await?;
    sleep(SETTLED).await;

    let app = page.processes()?;
    let drawn = |reports: &[Value]| reports.iter().filter_map(|report| report["drawn"].as_f64()).collect::<Vec<_>>();
    let before = drawn(&reports(&page).await?);
    let (cpu, since) = (app.cpu(), Instant::now());
    let (mut latencies, mut most) = (Vec::new(), 0.0_f64);
    while since.elapsed() < Duration::from_secs(length.call_seconds) {
        sleep(LOOK).await;
        most = most.max(app.holdings().mib());
        // The page keeps those of the last four seconds, so none is left out; some count more than once.
        let shown = reports(&page).await?;
        latencies.extend(shown.iter().flat_map(|report| numbers(&report["sentToDrawnMs"])));
    }
    let seconds = since.elapsed().as_secs_f64();
    let cores = (app.cpu() - cpu).as_secs_f64() / seconds;
    let after = drawn(&reports(&page).await?);
    let painter = reports(&page).await?[0]["painter"].as_str().unwrap_or_default().to_owned();
    let fps = after.iter().zip(&before).map(|(after, before)| (after - before) / seconds).fold(f64::INFINITY, f64::min);
    guest.leave().await;
    page.close().await?;

    let (median, _) = median_and_worst(&mut latencies);
    let p95 = latencies.get(latencies.len() * 95 / 100).copied().unwrap_or(f64::NAN);
    Ok(vec![
        at_most("call 1:1 at 720p30, both tiles at 640x360: cores", cores, format!("{cores:.2}"), 0.5, ""),
        at_most("the same: most memory (PSS)", most, format!("{most:.0} MiB"), 240.0, "MiB"),
        at_least("the same: pictures drawn in the slower tile", fps, format!("{fps:.1} a second"), 29.0, "a second"),
        at_most(
            "picture sent by the app to drawn in the page, p50",
            median,
            format!("{median:.1} ms (p95 {p95:.1})"),
            25.0,
            "ms",
        ),
        stated("drawn by", painter),
    ])
}

/// An app and a guest in a call; gives its code as well.
pub(crate) async fn in_a_call() -> Result<(Page, Guest, String)> {
    let mut setup = Setup::with_clip(PICTURE.width, PICTURE.height)?;
    let speech = setup.home.path().join("speech.wav");
    write_test_speech(&speech, 20.0)?;
    setup.devices.retain(|option| !option.starts_with("--microphone"));
    setup.devices.push(format!("--microphone=file:{}", speech.display()));
    let page = Page::open_with("Ada", setup).await?;
    page.button("Start a call").await?;
    let code = page.enter().await?;
    let guest = Guest::join(&page.server().await?, &code, page.clip(), PICTURE).await?;
    page.sees_motion(&page.peer_tile().await?, 1).await?;
    Ok((page, guest, code))
}

/// Makes the window so large that tiles are [`TILE`].
async fn fit(page: &Page) -> Result<()> {
    until("both tiles are 640x360", async || {
        let reports = reports(page).await?;
        let is = |report: &Value, width: &str, height: &str| {
            (report[width].as_i64(), report[height].as_i64()) == (Some(TILE.0), Some(TILE.1))
        };
        ensure!(reports.len() == 2, "{} tiles", reports.len());
        let tile = &reports[0];
        if !is(tile, "tileWidth", "tileHeight") {
            let missing = |name: &str, wanted: i64| Some(2 * (wanted - tile[name].as_i64()?));
            let more = missing("tileWidth", TILE.0).zip(missing("tileHeight", TILE.1)).context("tiles have sizes")?;
            page.grow_window(more).await?;
            return Ok(None);
        }
        Ok(reports.iter().all(|report| is(report, "width", "height")).then_some(()))
    })
    .await
}

async fn reports(page: &Page) -> Result<Vec<Value>> {
    Ok(page.run(REPORTS, Vec::new()).await?.as_array().context("reports")?.clone())
}

fn numbers(list: &Value) -> impl Iterator<Item = f64> + '_ {
    list.as_array().into_iter().flatten().filter_map(Value::as_f64)
}
