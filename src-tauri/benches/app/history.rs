//! How fast the history opens, and how smoothly its charts move.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::bench::Length;
use crate::fixture::{LONG, PEOPLE};
use crate::page::Page;
use crate::table::{Line, at_least, at_most, median_and_worst};

/// Clicks the first of what a selector finds, and gives the milliseconds until `there` says that something is painted.
/// What is drawn when a frame's callbacks run is painted before the next message comes in.
const CLICK_TO_PAINTED: &str = "
    const [button, done] = arguments;
    const start = performance.now();
    const painted = () => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done({ value: performance.now() - start });
        channel.port2.postMessage(null);
    };
    const look = () => requestAnimationFrame(() => (there() ? painted() : look()));
    document.querySelector(button).click();
    look();";

/// The list.
const LIST: &str = "const there = () => document.querySelector('.call-line') !== null;";

/// The charts, at the height that they asked for.
const CHARTS: &str = "const there = () => {
    const canvas = document.querySelector('.charts-box canvas');
    if (!canvas?.style.height) return false;
    const wanted = parseFloat(canvas.style.height) * devicePixelRatio;
    if (Math.abs(canvas.height - wanted) > 2) return false;
    settle(canvas);
    return true;
};";

/// Whichever way charts are painted here: waits for what was drawn, and calls when something is.
const PAINTER: &str = "
    const settle = (canvas) => {
        const gl = canvas.getContext('webgl2');
        if (gl) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
        else canvas.getContext('2d').getImageData(0, 0, 1, 1);
    };
    const follow = (canvas, painted) => {
        const [context, name] = canvas.getContext('webgl2') ? [canvas.getContext('webgl2'), 'clear'] : [canvas.getContext('2d'), 'putImageData'];
        const usual = context[name].bind(context);
        context[name] = (...what) => { painted(); usual(...what); };
        return () => delete context[name];
    };";

/// Zooms in, then drags to and fro for so many milliseconds; gives the pictures painted in a second and the longest time
/// between two, in milliseconds. A frame in which nothing moved is not painted, and does not count.
const PAN: &str = "
    const [ms, done] = arguments;
    const canvas = document.querySelector('.charts-box canvas');
    const box = canvas.getBoundingClientRect();
    const [left, y, span] = [box.left + box.width * 0.35, box.top + 120, box.width * 0.3];
    const send = (type, x) => canvas.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y, pointerId: 1, bubbles: true }));
    // A pointer that no hand moves cannot be captured.
    canvas.setPointerCapture = () => {};
    for (let n = 0; n < 5; n += 1) canvas.dispatchEvent(new KeyboardEvent('keydown', { key: '+', bubbles: true }));
    const paints = [];
    const drag = () => {
        send('pointermove', left);
        send('pointerdown', left);
        const unfollow = follow(canvas, () => paints.push(performance.now()));
        const start = performance.now();
        const move = () => {
            const passed = performance.now() - start;
            // A second to the right, a second back.
            const phase = (passed / 1000) % 2;
            send('pointermove', left + span * (phase < 1 ? phase : 2 - phase));
            if (passed < ms) return requestAnimationFrame(move);
            settle(canvas);
            const lasted = performance.now() - start;
            unfollow();
            send('pointerup', left);
            const gaps = paints.slice(1).map((at, n) => at - paints[n]);
            done({ value: { fps: paints.length / lasted * 1000, longest: Math.max(...gaps) } });
        };
        requestAnimationFrame(move);
    };
    setTimeout(drag, 500);";

/// Opens the history, its longest call, and moves the charts.
pub(crate) async fn lines(page: &Page, length: Length) -> Result<Vec<Line>> {
    let (mut lists, mut charts) = (Vec::new(), Vec::new());
    for _ in 0..length.openings {
        page.button("Home").await?;
        lists.push(click_to_painted(page, ".rail button[aria-label='History']", LIST).await?);
        charts.push(click_to_painted(page, ".call-line", CHARTS).await?);
        page.sees_text(".detail-head", crate::fixture::LONG_CODE).await?;
    }
    let panned = page.run(&format!("{PAINTER}{PAN}"), vec![json!(length.pan_seconds * 1000)]).await?;
    let (fps, longest) = (panned["fps"].as_f64().context("fps")?, panned["longest"].as_f64().context("longest")?);
    ensure!(fps > 0.0, "nothing moved");
    let figure = |values: &mut [f64]| {
        let (median, worst) = median_and_worst(values);
        (median, format!("{median:.0} ms (worst of {}: {worst:.0})", length.openings))
    };
    let (list, list_figure) = figure(&mut lists);
    let (chart, chart_figure) = figure(&mut charts);
    let hours = LONG / 3600;
    Ok(vec![
        at_most("click to painted history of 1 000 calls", list, list_figure, 100.0, "ms"),
        at_most(
            format!("click to painted charts of {hours} h with {} others", PEOPLE.len()),
            chart,
            chart_figure,
            200.0,
            "ms",
        ),
        at_least(
            "panning these charts",
            fps,
            format!("{fps:.0} pictures a second (longest gap {longest:.0} ms)"),
            30.0,
            "a second",
        ),
    ])
}

async fn click_to_painted(page: &Page, button: &str, is_there: &str) -> Result<f64> {
    page.run(&format!("{PAINTER}{is_there}{CLICK_TO_PAINTED}"), vec![json!(button)]).await?.as_f64().context("a time")
}
