//! Six in a room, one of them on 400 kbit/s: what the others send each other must not suffer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sightline_headless::report::{PeerReport, Report};
use sightline_netpath::{Conditions, Line, Loses, Relay};

use super::rows::{Bound, Check};
use super::{HEIGHT, Length, SEED, Stack, Stage, Terms, WIDTH};

/// As the row is called on the command line.
pub(crate) const NAME: &str = "six";
/// And in the table.
pub(crate) const WHAT: &str = "6 clients, one on 400 kbit/s; cap 0.5 Mbit/s, 20 ms";

const NAMES: [&str; 6] = ["slow", "ada", "grace", "alan", "edsger", "radia"];
/// Six of these on two cores are five encoders and twenty-five decoders of 640x360 that keep up.
const CAP_KBPS: u32 = 500;

/// Runs the call; figures are of the links among the five.
pub(crate) fn checks(stage: &Stage, length: Length, stack: Stack) -> Result<Vec<Check>> {
    let line = |rate, seed| {
        let conditions = Conditions { delay: Duration::from_millis(10), rate: Some(rate), ..Conditions::default() };
        Line::new(conditions, seed)
    };
    let mut lines = vec![line(400_000, SEED)];
    lines.extend((1..6).map(|index| line(20_000_000, SEED + index)));
    let relay = Arc::new(Relay::start(lines, Loses::Everything)?);
    let reports = stage.call(&relay, &NAMES, &Terms { row: NAME, length, stack, max_kbps: CAP_KBPS })?;
    Ok(figures(&reports))
}

fn figures(reports: &[Report]) -> Vec<Check> {
    let fast: Vec<&PeerReport> = reports.iter().filter(|report| report.name != NAMES[0]).flat_map(others).collect();
    let lowest = |of: fn(&PeerReport) -> Option<f64>| {
        let figures: Option<Vec<f64>> = fast.iter().map(|peer| of(peer)).collect();
        figures.filter(|all| all.len() == 20).and_then(|all| all.into_iter().reduce(f64::min))
    };
    let slow = reports.iter().find(|report| report.name == NAMES[0]);
    let seen_by_slow = slow.map(|report| others(report).filter(|peer| fps(peer) > Some(1.0)).count() as f64);
    let check = |what, value, digits, bound| Check { what, value, digits, bound, chromium: "-" };
    vec![
        check("least width among the five", lowest(width), 0, Bound::AtLeast(f64::from(WIDTH))),
        check("least height", lowest(height), 0, Bound::AtLeast(f64::from(HEIGHT))),
        check("least rate, kbit/s", lowest(kbps), 0, Bound::AtLeast(f64::from(CAP_KBPS) * 0.9)),
        check("least pictures per second", lowest(fps), 1, Bound::AtLeast(28.0)),
        check("pictures reach the slow one from", seen_by_slow, 0, Bound::AtLeast(1.0)),
    ]
}

/// Its links, without those to the slow one.
fn others(report: &Report) -> impl Iterator<Item = &PeerReport> {
    report.peers.iter().filter(|peer| peer.name != NAMES[0])
}

fn width(peer: &PeerReport) -> Option<f64> {
    peer.video_in.as_ref()?.width.map(f64::from)
}

fn height(peer: &PeerReport) -> Option<f64> {
    peer.video_in.as_ref()?.height.map(f64::from)
}

fn kbps(peer: &PeerReport) -> Option<f64> {
    peer.video_in.as_ref()?.kbps
}

fn fps(peer: &PeerReport) -> Option<f64> {
    peer.video_in.as_ref()?.fps
}
