//! The charts of the call that is open in the history.
//!
//! Invariant: one view at a time, or two that stand side by side, run on a thread that may take its time; an answer is u32 length of a head in JSON
//! ([`ChartHead`], little endian), the head, and what `sightline-charts` painted, nothing where nothing changed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use sightline_charts::{CallRecord, ChartsError, DEFAULT_POINTS, Frame, Input, Theme, View};
use sightline_history::CallId;

use crate::history;
use crate::ipc::{Answer, ChartHead, ChartHover, ChartReading, ChartSeries, ErrorCode, IpcError};
use crate::words;

/// A page on paper, in points; and enough pixels for print.
const PNG_WIDTH: f32 = 1200.0;
const PNG_HEIGHT: f32 = 900.0;
const PNG_SCALE: f32 = 2.0;

/// Places for a view: of one alone the first.
const PLACES: usize = 2;

/// The views that are open, if any.
#[derive(Default)]
pub(crate) struct Charts {
    open: Mutex<[Option<Open>; PLACES]>,
}

struct Open {
    view: View,
    /// For the name of a picture.
    stem: String,
}

/// How they are painted.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Look {
    pub(crate) dark: bool,
    /// As pixels instead of triangles.
    pub(crate) pixels: bool,
}

impl Charts {
    /// Opens the charts of a call in place of those that were open; gives their first frame, as high as they all need.
    pub(crate) fn open(&self, history: &Path, id: i64, look: Look, first: &Input) -> Answer<Vec<u8>> {
        let (history, line) = history::find(history, id)?;
        let record = CallRecord::load(&history, CallId(id), DEFAULT_POINTS).map_err(|error| match error {
            ChartsError::NoSuchCall => IpcError::new(ErrorCode::NotFound, error.to_string()),
            ChartsError::History(error) => error.into(),
        })?;
        self.show(0, record, words::file_stem(&line.code, line.started_ms), look, first)
    }

    /// Opens charts in a place, in place of those that were open there. `stem` is for the name of a picture.
    pub(crate) fn show(
        &self,
        place: u8,
        record: CallRecord,
        stem: String,
        look: Look,
        first: &Input,
    ) -> Answer<Vec<u8>> {
        let theme = if look.dark { Theme::Dark } else { Theme::Light };
        let view = View::new(record, theme).with_legend_outside();
        let mut view = if look.pixels { view.with_pixels() } else { view };
        let answer = answer(&view.first(first));
        *at(&mut self.lock(), place)? = Some(Open { view, stem });
        answer
    }

    /// Takes in what the pointer and the keys did; gives the next frame.
    pub(crate) fn input(&self, place: u8, input: &Input) -> Answer<Vec<u8>> {
        let mut held = self.lock();
        let open = at(&mut held, place)?.as_mut().ok_or_else(none_open)?;
        answer(&open.view.frame(input))
    }

    /// Closes those in a place.
    pub(crate) fn close(&self, place: u8) -> Answer<()> {
        *at(&mut self.lock(), place)? = None;
        Ok(())
    }

    /// Writes a picture of what is shown.
    pub(crate) fn png(&self, place: u8, folder: &Path) -> Answer<PathBuf> {
        let mut held = self.lock();
        let open = at(&mut held, place)?.as_ref().ok_or_else(none_open)?;
        let png = open.view.to_png(PNG_WIDTH, PNG_HEIGHT, PNG_SCALE).map_err(IpcError::internal)?;
        history::write_new(folder, &open.stem, "png", |out| out.write_all(&png).map_err(IpcError::file))
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Open>; PLACES]> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at(open: &mut [Option<Open>; PLACES], place: u8) -> Answer<&mut Option<Open>> {
    open.get_mut(usize::from(place)).ok_or_else(none_open)
}

fn none_open() -> IpcError {
    IpcError::not_now(words::NO_CHARTS)
}

fn answer(frame: &Frame) -> Answer<Vec<u8>> {
    let head = serde_json::to_vec(&head(frame)).map_err(IpcError::internal)?;
    let length = u32::try_from(head.len()).map_err(IpcError::internal)?;
    Ok([&length.to_le_bytes(), &head[..], &frame.bytes].concat())
}

fn head(frame: &Frame) -> ChartHead {
    ChartHead {
        range_ms: frame.range_ms,
        hover: frame.hover.as_ref().map(|hover| ChartHover {
            at_ms: hover.at_ms,
            values: hover.values.iter().cloned().map(ChartReading::from).collect(),
        }),
        series: frame.series.iter().cloned().map(ChartSeries::from).collect(),
        repaint_after_ms: frame.repaint_after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX)),
        height_points: frame.height_points,
    }
}

impl From<sightline_charts::Series> for ChartSeries {
    fn from(series: sightline_charts::Series) -> Self {
        let sightline_charts::Series { id, name, color, dash, hidden } = series;
        Self { id, name, color, dash, hidden }
    }
}

impl From<sightline_charts::Reading> for ChartReading {
    fn from(reading: sightline_charts::Reading) -> Self {
        let sightline_charts::Reading { chart, line, unit, mean, min, max } = reading;
        Self { chart, line, unit, mean, min, max }
    }
}

#[cfg(test)]
mod tests {
    use sightline_charts::InputEvent;

    use super::*;
    use crate::history::testing::{START_MS, record};

    const LOOK: Look = Look { dark: true, pixels: false };

    fn split(answer: &[u8]) -> (serde_json::Value, &[u8]) {
        let (length, rest) = answer.split_first_chunk::<4>().unwrap();
        let (head, bytes) = rest.split_at(u32::from_le_bytes(*length) as usize);
        (serde_json::from_slice(head).unwrap(), bytes)
    }

    fn input(events: Vec<InputEvent>, time_s: f64) -> Input {
        let visible_points = None;
        Input { width_points: 800.0, height_points: 600.0, pixels_per_point: 1.0, visible_points, time_s, events }
    }

    #[test]
    fn a_call_is_drawn_zoomed_and_printed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.sqlite");
        record(&path, START_MS, 20);
        let charts = Charts::default();
        assert_eq!(charts.input(0, &input(Vec::new(), 1.0)).unwrap_err().code, ErrorCode::NotNow);
        assert_eq!(charts.open(&path, 99, LOOK, &input(Vec::new(), 0.0)).unwrap_err().code, ErrorCode::NotFound);

        let first = charts.open(&path, 1, LOOK, &input(Vec::new(), 0.0)).unwrap();
        let (head, bytes) = split(&first);
        assert!(!bytes.is_empty());
        assert!(head["series"].as_array().is_some_and(|series| !series.is_empty()), "{head}");
        let whole = head["rangeMs"].clone();

        let range = InputEvent::Range { from_ms: START_MS + 10_000, to_ms: START_MS + 20_000 };
        let zoomed = charts.input(0, &input(vec![range], 1.0)).unwrap();
        let (head, bytes) = split(&zoomed);
        assert!(!bytes.is_empty() && head["rangeMs"] != whole, "{head}");

        let picture = charts.png(0, dir.path()).unwrap();
        assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
        assert_eq!(charts.close(0), Ok(()));
        assert!(charts.close(2).is_err() && charts.input(1, &input(Vec::new(), 2.0)).is_err());
        assert!(charts.png(0, dir.path()).is_err());
    }
}
