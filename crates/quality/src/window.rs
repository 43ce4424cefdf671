//! Gathers the readings of one thing (a track, a link, the process) into rows.
//!
//! Invariant: a row spans the time between readings only; the last reading of a row is the first of the next one, so
//! rows of an unbroken stretch touch, and what lies between two readings is in exactly one row.

use std::time::{Duration, Instant};

use crate::derive::Counters;
use crate::metric::PerMetric;
use crate::spread::{Gathered, Spread};

/// Readings nearer together than this are no sample of their own: half of the second that lies between readings.
const BRIEF: Duration = Duration::from_millis(500);

/// An instant on both clocks: durations are taken from `at`, dates from `unix_ms`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) unix_ms: i64,
}

/// The stretch of time that a row covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// Time in it during which readings could be compared, by the monotonic clock: at most the length of the span,
    /// give or take a step of the wall clock.
    pub measured_ms: i64,
}

/// A finished window of one thing.
#[derive(Debug)]
pub(crate) struct Closed<C: Counters> {
    pub(crate) span: Span,
    pub(crate) values: PerMetric<C::Metric, Option<Spread>>,
    pub(crate) counts: C::Counts,
    /// As they stood at the window's end.
    pub(crate) counters: C,
}

/// The present window of one thing.
#[derive(Debug)]
pub(crate) struct Window<C: Counters> {
    last: Option<(Moment, C)>,
    span: Option<(i64, i64)>,
    measured: Duration,
    gathered: PerMetric<C::Metric, Gathered>,
    counts: C::Counts,
}

impl<C: Counters> Window<C> {
    pub(crate) fn new() -> Self {
        Self {
            last: None,
            span: None,
            measured: Duration::ZERO,
            gathered: PerMetric::default(),
            counts: C::Counts::default(),
        }
    }

    /// The newest reading.
    pub(crate) fn counters(&self) -> Option<&C> {
        self.last.as_ref().map(|(_, counters)| counters)
    }

    /// Takes a reading and gives the values since the one before.
    pub(crate) fn step(&mut self, now: Moment, counters: &C) -> PerMetric<C::Metric, Option<f64>> {
        let Some((then, earlier)) = self.last.replace((now, counters.clone())) else {
            return PerMetric::default();
        };
        let (start, _) = *self.span.get_or_insert((then.unix_ms, then.unix_ms));
        self.span = Some((start, now.unix_ms.max(start)));
        let dt = now.at.saturating_duration_since(then.at);
        if dt.is_zero() || !counters.continues(&earlier) {
            return PerMetric::default();
        }
        self.measured += dt;
        counters.count(&earlier, &mut self.counts);
        counters.quotients(&earlier, dt).map(|metric, quotient| {
            let quotient = (*quotient)?;
            self.gathered[metric].add(quotient, dt < BRIEF);
            quotient.value().map(|value| C::in_unit(metric, value))
        })
    }

    /// Ends the window; `None` where it spans no time.
    pub(crate) fn close(&mut self) -> Option<Closed<C>> {
        let (start_ms, end_ms) = self.span.take().filter(|(start, end)| end > start || !self.measured.is_zero())?;
        let (_, counters) = self.last.as_ref()?;
        let gathered = std::mem::take(&mut self.gathered);
        Some(Closed {
            span: Span { start_ms, end_ms, measured_ms: std::mem::take(&mut self.measured).as_millis() as i64 },
            values: gathered
                .map(|metric, gathered| gathered.spread().map(|spread| spread.map(|value| C::in_unit(metric, value)))),
            counts: std::mem::take(&mut self.counts),
            counters: counters.clone(),
        })
    }

    /// Forgets the newest reading: the next one begins a new segment.
    pub(crate) fn cut(&mut self) {
        self.last = None;
    }
}
