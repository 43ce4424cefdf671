//! The one axis of time that all charts share.
//!
//! Invariant: time only goes on: of two moments the later one is never further left. Where a call was going on, a second
//! is as long as any other; a long pause between two sessions is drawn shorter than it was, or a room that people use
//! every week would be one empty chart.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A pause takes at most this share of the time that was spent in the call, and all together at most [`PAUSES`].
const PAUSE: f64 = 0.08;
/// See [`PAUSE`].
const PAUSES: f64 = 0.5;

/// Distances between two ticks, in seconds.
const STEPS: [i64; 19] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

/// Room that a label of a tick needs, in points; with its date it needs twice as much.
const LABEL_POINTS: f64 = 74.0;

/// Half of a label that is not dated, in points, and how much of it may stand over the right end.
const HALF_POINTS: f64 = 25.0;
const OVER_POINTS: f64 = 18.0;

/// More ticks than this do not fit on the widest screen.
const MOST_TICKS: usize = 200;

/// A stretch of the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    start_ms: i64,
    end_ms: i64,
    /// Where it begins on the axis and how long it is there, in seconds.
    at: f64,
    seconds: f64,
    pause: bool,
}

/// Moments to places on the axis and back. A place is in seconds from the left end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timeline {
    /// In the order of time and without a gap; at least one.
    parts: Vec<Part>,
}

/// A labelled place on the axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Where, in seconds from the left end.
    pub(crate) at: f64,
    /// Time of day, with the date where that is news.
    pub(crate) label: String,
    beginning: bool,
}

impl Timeline {
    /// The axis of a call that was going on in these stretches of time, in milliseconds since the Unix epoch.
    pub(crate) fn new(mut stretches: Vec<Range<i64>>) -> Self {
        stretches.retain(|stretch| stretch.end > stretch.start);
        stretches.sort_by_key(|stretch| stretch.start);
        let mut joined: Vec<Range<i64>> = Vec::new();
        for stretch in stretches {
            match joined.last_mut().filter(|last| last.end >= stretch.start) {
                Some(last) => last.end = last.end.max(stretch.end),
                None => joined.push(stretch),
            }
        }
        if joined.is_empty() {
            joined.push(0..1000);
        }
        let spent: f64 = joined.iter().map(|stretch| seconds(stretch.start, stretch.end)).sum();
        let longest_pause = spent * PAUSE.min(PAUSES / joined.len() as f64);
        let mut parts: Vec<Part> = Vec::with_capacity(2 * joined.len());
        let mut at = 0.0;
        for stretch in joined {
            if let Some(last) = parts.last().copied() {
                let seconds = seconds(last.end_ms, stretch.start).min(longest_pause);
                parts.push(Part { start_ms: last.end_ms, end_ms: stretch.start, at, seconds, pause: true });
                at += seconds;
            }
            let seconds = seconds(stretch.start, stretch.end);
            parts.push(Part { start_ms: stretch.start, end_ms: stretch.end, at, seconds, pause: false });
            at += seconds;
        }
        Self { parts }
    }

    /// An axis of all that was going on in either.
    pub(crate) fn joined(&self, other: &Self) -> Self {
        let stretches = self.parts.iter().chain(&other.parts).filter(|part| !part.pause);
        Self::new(stretches.map(|part| part.start_ms..part.end_ms).collect())
    }

    /// Length of the axis in seconds; greater than zero.
    pub(crate) fn seconds(&self) -> f64 {
        self.parts.last().map_or(1.0, |part| part.at + part.seconds)
    }

    /// First and last moment.
    pub(crate) fn range(&self) -> (i64, i64) {
        (self.parts[0].start_ms, self.parts[self.parts.len() - 1].end_ms)
    }

    /// How much of a range of time was spent in the call.
    pub(crate) fn spent_ms(&self, range: &Range<i64>) -> i64 {
        let within = |part: &Part| part.end_ms.min(range.end).saturating_sub(part.start_ms.max(range.start)).max(0);
        self.parts.iter().filter(|part| !part.pause).map(within).fold(0, i64::saturating_add)
    }

    /// Where a moment is; what lies outside is at an end.
    pub(crate) fn place(&self, ms: i64) -> f64 {
        let index = self.parts.partition_point(|part| part.start_ms <= ms).saturating_sub(1);
        let part = self.parts[index];
        let share = seconds(part.start_ms, ms.clamp(part.start_ms, part.end_ms)) / seconds(part.start_ms, part.end_ms);
        part.at + share * part.seconds
    }

    /// The moment at a place.
    pub(crate) fn moment(&self, place: f64) -> i64 {
        let place = if place.is_finite() { place.clamp(0.0, self.seconds()) } else { 0.0 };
        let index = self.parts.partition_point(|part| part.at <= place).saturating_sub(1);
        let part = self.parts[index];
        let share = if part.seconds > 0.0 { ((place - part.at) / part.seconds).clamp(0.0, 1.0) } else { 0.0 };
        part.start_ms.saturating_add((share * seconds(part.start_ms, part.end_ms) * 1000.0).round() as i64)
    }

    /// Ticks for the places from `window.start` to `window.end`, drawn `points` wide.
    pub(crate) fn ticks(&self, window: Range<f64>, points: f64, zone: &TimeZone) -> Vec<Tick> {
        let per_point = (window.end - window.start) / points.max(1.0);
        let step = STEPS.into_iter().find(|step| *step as f64 >= LABEL_POINTS * per_point).unwrap_or(STEPS[18]);
        let (first, last) = self.range();
        let dated = day(first, zone) != day(last, zone);
        let mut ticks: Vec<Tick> = Vec::new();
        let mut day_before = String::new();
        let parts = self.parts.iter().filter(|part| !part.pause);
        for part in parts.filter(|part| part.at < window.end && part.at + part.seconds > window.start) {
            let from = self.moment(window.start).max(part.start_ms);
            let to = self.moment(window.end).min(part.end_ms);
            // Where a call has pauses, each part says when it began.
            let began = (self.parts.len() > 1 && from == part.start_ms).then_some(part.start_ms);
            for ms in began.into_iter().chain(multiples(from, to, step, zone)).take(MOST_TICKS) {
                let at = self.place(ms);
                let day = day(ms, zone);
                let news = dated && day != day_before;
                let room = LABEL_POINTS * per_point * if news { 1.3 } else { 0.75 };
                let half = HALF_POINTS * if news { 1.7 } else { 1.0 };
                if at > window.end - (half - OVER_POINTS) * per_point {
                    continue;
                }
                let beginning = began == Some(ms);
                // Where a session began is more important than a round time at the end of the one before.
                if beginning && ticks.last().is_some_and(|tick: &Tick| !tick.beginning && at - tick.at < room) {
                    ticks.pop();
                }
                if ticks.last().is_some_and(|tick: &Tick| at - tick.at < room) || ticks.len() >= MOST_TICKS {
                    continue;
                }
                let clock = clock(ms, step < 60, zone);
                let label = if news { format!("{day}, {clock}") } else { clock };
                ticks.push(Tick { at, label, beginning });
                day_before = day;
            }
        }
        ticks
    }
}

fn seconds(start_ms: i64, end_ms: i64) -> f64 {
    end_ms.saturating_sub(start_ms) as f64 / 1000.0
}

/// Moments that are a multiple of `step` seconds after local midnight.
fn multiples(from: i64, to: i64, step: i64, zone: &TimeZone) -> impl Iterator<Item = i64> {
    let offset = Timestamp::from_millisecond(from).map_or(0, |moment| i64::from(zone.to_offset(moment).seconds()));
    let (offset, step) = (offset * 1000, step * 1000);
    let first = from.saturating_add(offset).div_euclid(step).saturating_mul(step).saturating_sub(offset);
    let all = (0..).map(move |number: i64| first.saturating_add(number.saturating_mul(step)));
    all.skip_while(move |ms| *ms < from).take_while(move |ms| *ms <= to)
}

/// `18:30`, or `18:30:05`.
pub(crate) fn clock(ms: i64, with_seconds: bool, zone: &TimeZone) -> String {
    print(ms, if with_seconds { "%H:%M:%S" } else { "%H:%M" }, zone)
}

/// `19 Nov`.
pub(crate) fn day(ms: i64, zone: &TimeZone) -> String {
    print(ms, "%-d %b", zone)
}

/// `19 Nov 2026`.
pub(crate) fn date(ms: i64, zone: &TimeZone) -> String {
    print(ms, "%-d %b %Y", zone)
}

fn print(ms: i64, format: &str, zone: &TimeZone) -> String {
    // A time that no calendar has is no time to print.
    Timestamp::from_millisecond(ms)
        .map(|moment| moment.to_zoned(zone.clone()).strftime(format).to_string())
        .unwrap_or_default()
}

/// `41 s`, `12 min`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn length(ms: i64) -> String {
    let seconds = ms.max(0).saturating_add(500) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |one: String, rest: i64, unit: &str| if rest > 0 { format!("{one} {rest} {unit}") } else { one };
    match seconds {
        0 => format!("{} ms", ms.max(0)),
        1..120 => format!("{seconds} s"),
        120..600 => two(format!("{minutes} min"), seconds % 60, "s"),
        600..5400 => format!("{minutes} min"),
        5400..172_800 => two(format!("{hours} h"), minutes % 60, "min"),
        _ => two(format!("{days} d"), hours % 24, "h"),
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "these are lists of ranges")]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    /// 19 November 2026, 18:30:00 UTC.
    const START: i64 = 1_795_113_000_000;

    fn labels(timeline: &Timeline, window: Range<f64>, points: f64) -> Vec<String> {
        timeline.ticks(window, points, &TimeZone::UTC).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn places_and_moments_are_each_others_inverse_and_in_order() {
        let timeline = Timeline::new(vec![START..START + 10 * MINUTE, START + 11 * MINUTE..START + 20 * MINUTE]);
        let mut before = -1.0;
        for ms in (START - MINUTE..START + 21 * MINUTE).step_by(7919) {
            let place = timeline.place(ms);
            assert!(place >= before && (0.0..=timeline.seconds()).contains(&place));
            before = place;
            let inside = ms.clamp(START, START + 20 * MINUTE);
            assert!((timeline.moment(place) - inside).abs() <= 1, "{ms}");
        }
        assert_eq!(timeline.seconds(), 1200.0, "a short pause is as long as it was");
        assert_eq!(timeline.range(), (START, START + 20 * MINUTE));
        assert_eq!(timeline.spent_ms(&(START..START + 20 * MINUTE)), 19 * MINUTE);
        assert_eq!(timeline.spent_ms(&(START + 9 * MINUTE..START + 12 * MINUTE)), 2 * MINUTE);
    }

    #[test]
    fn a_week_between_two_sessions_is_drawn_short() {
        let week = 7 * 24 * 60 * MINUTE;
        let timeline = Timeline::new(vec![START + week..START + week + 10 * MINUTE, START..START + 10 * MINUTE]);
        assert_eq!(timeline.seconds(), 1200.0 * 1.08);
        assert_eq!(timeline.place(START + 10 * MINUTE), 600.0);
        assert_eq!(timeline.place(START + week), 696.0);
        let labels = labels(&timeline, 0.0..timeline.seconds(), 700.0);
        assert_eq!(labels.iter().filter(|label| *label == "26 Nov, 18:30").count(), 1, "{labels:?}");
        assert_eq!(labels[0], "19 Nov, 18:30");
        let many = (0..50).map(|n| START + n * week..START + n * week + MINUTE).collect();
        assert!(Timeline::new(many).seconds() <= 3000.0 * 1.5 + 1e-6);
    }

    #[test]
    fn ticks_are_round_times_that_do_not_collide() {
        let timeline = Timeline::new(vec![START + 17_000..START + 13 * MINUTE]);
        let width = timeline.seconds();
        assert_eq!(labels(&timeline, 0.0..width, 500.0), ["18:32", "18:34", "18:36", "18:38", "18:40", "18:42"]);
        assert_eq!(labels(&timeline, 0.0..20.0, 400.0), ["18:30:20", "18:30:25", "18:30:30", "18:30:35"]);
        let berlin = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(timeline.ticks(0.0..width, 500.0, &berlin)[0].label, "19:32");
        for points in [1.0, 50.0, 300.0, 3000.0, 1e9] {
            for window in [0.0..width, 0.0..1.0, 300.0..301.5] {
                let ticks = timeline.ticks(window.clone(), points, &TimeZone::UTC);
                assert!(ticks.len() <= MOST_TICKS);
                let apart = LABEL_POINTS * 0.75 * (window.end - window.start) / points;
                assert!(ticks.windows(2).all(|pair| pair[1].at - pair[0].at >= apart - 1e-9));
            }
        }
    }

    #[test]
    fn times_that_cannot_be_are_not_fatal() {
        for stretches in [vec![], vec![5..5], vec![i64::MIN..i64::MAX], vec![i64::MIN..0, 1..i64::MAX]] {
            let timeline = Timeline::new(stretches);
            assert!(timeline.seconds() > 0.0);
            for place in [f64::NAN, f64::INFINITY, -1.0, 0.5, 1e300] {
                timeline.moment(place);
            }
            assert!(timeline.place(i64::MAX).is_finite() && timeline.place(i64::MIN).is_finite());
            let whole = 0.0..timeline.seconds();
            assert!(timeline.ticks(whole, 800.0, &TimeZone::UTC).len() <= MOST_TICKS);
        }
    }

    #[test]
    fn lengths_in_words() {
        let words = [(-5, "0 ms"), (40, "40 ms"), (41_000, "41 s"), (130_000, "2 min 10 s"), (725_000, "12 min")];
        for (ms, expected) in words {
            assert_eq!(length(ms), expected);
        }
        assert_eq!(length(125 * MINUTE), "2 h 5 min");
        assert_eq!(length((3 * 24 + 4) * 60 * MINUTE), "3 d 4 h");
        assert_eq!((date(START, &TimeZone::UTC).as_str(), length(i64::MAX).is_empty()), ("19 Nov 2026", false));
    }
}
