//! What the samples tell: the rows of one window are held against each other.
//!
//! Invariant: rows of different windows are never compared. A row may begin later than its window, for a peer that came,
//! or end earlier, for one that went; but it is of the window in which it begins.

use std::collections::BTreeMap;

use super::{Dated, Evidence, own};
use crate::side::{Hit, OVERLOADED, Part, Scene, Trouble, codec_busy};
use crate::{
    Cause, Class, Direction, Kind, LinkMetric, Metric, PerMetric, ProcessMetric, Span, Spread, TrackMetric, TrackRow,
};

/// A row shorter than half a window tells as little as it does for the headline.
const TELLS_MS: i64 = super::stretch::WINDOW_MS / 2;

/// A window ends at its last row, and at the latest after this.
const LONGEST_MS: i64 = super::stretch::WINDOW_MS + 1000;

/// Frozen for this share of the time or more, percent: bad, and terrible.
const FROZEN: (f64, f64) = (10.0, 30.0);

/// Less loss and jitter than would be a trouble of its own, but enough to make pictures late: percent, milliseconds.
const ROUGH: (f64, f64) = (1.0, 30.0);

/// Held down for most of the time, percent.
const HELD: f64 = 50.0;

/// The rows of one window.
#[derive(Default)]
struct Window<'a> {
    from_ms: i64,
    to_ms: i64,
    tracks: Vec<&'a TrackRow>,
    /// Round trip of each peer's path.
    path_rtt: BTreeMap<&'a str, f64>,
    system_cpu: Option<f64>,
}

/// Everything the samples tell.
pub(super) fn signs(evidence: &Evidence) -> Vec<Dated> {
    let windows = windows(evidence);
    windows.iter().flat_map(Window::signs).collect()
}

fn windows(evidence: &Evidence) -> Vec<Window<'_>> {
    let mut tracks: Vec<&TrackRow> = evidence.tracks.iter().collect();
    tracks.sort_by_key(|row| (row.span.start_ms, row.span.end_ms));
    let mut windows: Vec<Window<'_>> = Vec::new();
    for row in tracks {
        place(&mut windows, row.span.start_ms, row.span.end_ms).tracks.push(row);
    }
    // Link and machine were there before the first track of a window; they end with it.
    for row in &evidence.links {
        if let Some(window) = ending_with(&mut windows, row.span.end_ms)
            && let Some(rtt) = mean(&row.values, LinkMetric::PathRoundTrip)
        {
            window.path_rtt.insert(&row.counters.peer, rtt);
        }
    }
    let mut alone = Vec::new();
    for row in evidence.process.iter().filter(|row| row.span.measured_ms >= TELLS_MS) {
        let system_cpu = mean(&row.values, ProcessMetric::SystemCpu);
        let Span { start_ms: from_ms, end_ms: to_ms, .. } = row.span;
        match ending_with(&mut windows, to_ms) {
            Some(window) => window.system_cpu = system_cpu,
            None => alone.push(Window { from_ms, to_ms, system_cpu, ..Window::default() }),
        }
    }
    windows.extend(alone);
    windows
}

/// The window that a row belongs to which begins no earlier than those before it.
fn place<'a, 'b>(windows: &'b mut Vec<Window<'a>>, start_ms: i64, end_ms: i64) -> &'b mut Window<'a> {
    let open = windows.last().is_some_and(|last| start_ms < last.to_ms);
    if !open {
        windows.push(Window { from_ms: start_ms, to_ms: end_ms, ..Window::default() });
    }
    let last = windows.len() - 1;
    let window = &mut windows[last];
    window.to_ms = window.to_ms.max(end_ms).min(window.from_ms.saturating_add(LONGEST_MS));
    window
}

/// Only tracks have been placed: their windows are in the order of time and do not overlap.
fn ending_with<'a, 'b>(windows: &'b mut [Window<'a>], end_ms: i64) -> Option<&'b mut Window<'a>> {
    let after = windows.partition_point(|window| window.from_ms < end_ms);
    windows[..after].last_mut().filter(|window| end_ms <= window.to_ms)
}

fn mean<M: Metric>(values: &PerMetric<M, Option<Spread>>, metric: M) -> Option<f64> {
    values[metric].map(|spread| spread.mean)
}

impl Window<'_> {
    fn signs(&self) -> Vec<Dated> {
        let overloaded = self.system_cpu.is_some_and(|busy| busy >= OVERLOADED);
        let mut scene = Scene { overloaded, ..Scene::default() };
        for row in self.tracks.iter().filter(|row| row.span.measured_ms >= TELLS_MS) {
            let key = &row.counters.key;
            if row.verdict.is_some() {
                scene.measured.insert((key.direction, key.peer.clone()));
            }
            scene.hits.extend(self.hits(row));
        }
        let mut signs = scene.blame();
        signs.extend(self.encoder());
        if let Some(busy) = self.system_cpu.filter(|_| overloaded) {
            signs.push(own(Trouble::Busy, Part::Computer, Class::Ok, busy));
        }
        signs.into_iter().map(|sign| Dated { sign, from_ms: self.from_ms, to_ms: self.to_ms }).collect()
    }

    fn hits(&self, row: &TrackRow) -> Option<Hit> {
        let key = &row.counters.key;
        let silent = row.values[TrackMetric::Bitrate].is_some_and(|rate| rate.max <= 0.0);
        let poor = row.verdict.filter(|verdict| verdict.class >= Class::Bad);
        let (trouble, class, figure) = if silent && key.direction == Direction::Inbound {
            (Trouble::NothingCame, Class::Terrible, 0.0)
        } else if let Some(verdict) = poor {
            let (trouble, figure) = self.of_cause(verdict.cause?, row)?;
            (trouble, verdict.class, figure)
        } else {
            freeze(row).or_else(|| held_by_bandwidth(row))?
        };
        let over = |metric, limit| mean(&row.values, metric).is_some_and(|value| value >= limit);
        Some(Hit {
            trouble,
            peer: key.peer.clone(),
            kind: key.kind,
            direction: key.direction,
            class,
            figure,
            rough: over(TrackMetric::Loss, ROUGH.0) || over(TrackMetric::Jitter, ROUGH.1),
            slow_codec: slow_codec(row),
            other_flows: self.tracks.iter().any(|other| {
                let same = other.counters.key.peer == key.peer && other.counters.key.direction == key.direction;
                same && other.counters.key.kind != key.kind && over_zero(other)
            }),
        })
    }

    /// The cause of a verdict, with the figure that it was judged by.
    fn of_cause(&self, cause: Cause, row: &TrackRow) -> Option<(Trouble, f64)> {
        let value = |metric| mean(&row.values, metric);
        Some(match cause {
            Cause::Loss => (Trouble::Loss, value(TrackMetric::Loss)?),
            Cause::RoundTrip => {
                let path = self.path_rtt.get(row.counters.key.peer.as_str()).copied();
                (Trouble::RoundTrip, value(TrackMetric::RoundTrip).or(path)?)
            }
            Cause::Jitter => (Trouble::Jitter, value(TrackMetric::Jitter)?),
            Cause::Concealment => (Trouble::Concealment, value(TrackMetric::Concealed)?),
            Cause::FrameRate => (Trouble::FrameRate, value(TrackMetric::FrameRate)?),
            Cause::FrameLoss => (Trouble::FrameLoss, value(TrackMetric::Dropped)?),
        })
    }

    /// Our one encoder, of which every outgoing track tells the same.
    fn encoder(&self) -> Option<crate::side::Sign> {
        let ours = |row: &&&TrackRow| {
            let key = &row.counters.key;
            (key.kind, key.direction) == (Kind::Video, Direction::Outbound)
        };
        let row = self.tracks.iter().filter(|row| row.span.measured_ms >= TELLS_MS).find(ours)?;
        if let Some(share) = mean(&row.values, TrackMetric::LimitedByCpu).filter(|share| *share >= HELD) {
            return Some(own(Trouble::Held, Part::Computer, Class::Ok, share));
        }
        let time = mean(&row.values, TrackMetric::CodecTime)?;
        slow_codec(row).then(|| own(Trouble::SlowCodec, Part::Computer, Class::Ok, time))
    }
}

fn slow_codec(row: &TrackRow) -> bool {
    let (time, fps) = (mean(&row.values, TrackMetric::CodecTime), mean(&row.values, TrackMetric::FrameRate));
    time.zip(fps).is_some_and(|(time, fps)| codec_busy(time, fps) >= OVERLOADED)
}

fn over_zero(row: &TrackRow) -> bool {
    row.values[TrackMetric::Bitrate].is_some_and(|rate| rate.mean > 0.0)
}

/// Pictures that stood still although enough of them came.
fn freeze(row: &TrackRow) -> Option<(Trouble, Class, f64)> {
    row.verdict?;
    let frozen = row.counts.frozen?.as_secs_f64();
    let share = 100.0 * frozen * 1000.0 / row.span.measured_ms.max(1) as f64;
    let class = if share >= FROZEN.1 { Class::Terrible } else { Class::Bad };
    (share >= FROZEN.0).then_some((Trouble::Freeze, class, frozen))
}

fn held_by_bandwidth(row: &TrackRow) -> Option<(Trouble, Class, f64)> {
    let share = mean(&row.values, TrackMetric::LimitedByBandwidth)?;
    (share >= HELD).then_some((Trouble::Held, Class::Ok, share))
}
