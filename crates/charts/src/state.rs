//! What the user has chosen to see, and what the pointer is doing.
//!
//! Invariant: there is one window, one crosshair and one legend for all charts, so they cannot differ between them.

use std::collections::BTreeSet;

use egui::{Pos2, Rect, pos2};

use crate::Theme;
use crate::input::{Canvas, InputEvent};
use crate::kind::{ChartKind, SeriesId};
use crate::navigate::Window;
use crate::timeline::Timeline;

/// A press that moves less than this, in points, is a click.
const CLICK_POINTS: f32 = 4.0;
/// Two clicks within this time, in seconds, are a double click.
const DOUBLE_CLICK_S: f64 = 0.4;
/// How much one point of the wheel zooms: a notch of 100 points by a fifth.
const ZOOM_PER_POINT: f32 = 0.002;
/// The most that one event of the wheel counts, in points.
const MOST_WHEEL: f32 = 400.0;
/// How much is shown on both sides of a range that was asked for, as a share of it: what it stands out from.
const CONTEXT: f64 = 0.25;

/// What a click on a place does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Shows or hides an entry of the legend.
    Toggle(SeriesId),
    /// Shows the whole call.
    Whole,
}

/// Where things were painted, in points.
#[derive(Debug, Clone, Default)]
pub(crate) struct Areas {
    /// The chips, and what a click on them does.
    pub(crate) actions: Vec<(Rect, Action)>,
    /// The insides of the charts. All have the same left and right end.
    pub(crate) plots: Vec<(ChartKind, Rect)>,
    /// All charts and what is between them, as far as it is in sight.
    pub(crate) body: Option<Rect>,
    /// The strip of event marks.
    pub(crate) lane: Option<Rect>,
    /// How far the charts can be scrolled.
    pub(crate) scrollable: f32,
    /// What all charts need to be seen without scrolling.
    pub(crate) wanted_height: f32,
}

impl Areas {
    /// Left and right end of the charts.
    pub(crate) fn span(&self) -> Option<(f32, f32)> {
        self.plots.first().map(|(_, rect)| (rect.left(), rect.right()))
    }

    fn action(&self, at: Pos2) -> Option<Action> {
        self.actions.iter().rev().find(|(rect, _)| rect.contains(at)).map(|(_, action)| *action)
    }

    /// Whether the charts can be pulled along here.
    fn is_pullable(&self, at: Pos2) -> bool {
        let in_body = self.body.is_some_and(|body| body.contains(at));
        in_body && self.span().is_some_and(|(left, right)| (left..=right).contains(&at.x))
    }
}

/// A button that is down.
#[derive(Debug, Clone, Copy)]
struct Press {
    primary: bool,
    start: Pos2,
    last: Pos2,
    moved: bool,
    pulls: bool,
}

/// What the user has chosen to see.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) theme: Theme,
    pub(crate) canvas: Canvas,
    pub(crate) window: Window,
    pub(crate) hidden: BTreeSet<SeriesId>,
    pub(crate) pointer: Option<Pos2>,
    /// Where the pointer is in charts beside these, milliseconds since the Unix epoch.
    pub(crate) beside_ms: Option<i64>,
    pub(crate) scroll: f32,
    /// Painted for itself, not into a page: it says what it shows.
    pub(crate) alone: bool,
    /// The page has the legend and the way back to the whole call; what is painted only names lines and values.
    pub(crate) legend_outside: bool,
    press: Option<Press>,
    last_click: Option<(f64, Pos2)>,
}

impl State {
    pub(crate) fn new(theme: Theme, timeline: &Timeline) -> Self {
        Self {
            theme,
            canvas: Canvas::sound(800.0, 600.0, 1.0),
            window: Window::whole(timeline.seconds()),
            hidden: BTreeSet::new(),
            pointer: None,
            beside_ms: None,
            scroll: 0.0,
            alone: false,
            legend_outside: false,
            press: None,
            last_click: None,
        }
    }

    /// Whether a frame of this state looks like one of the other.
    pub(crate) fn shows_the_same_as(&self, other: &Self) -> bool {
        let of = |state: &Self| (state.theme, state.canvas, state.window, state.pointer, state.scroll, state.marking());
        of(self) == of(other) && self.hidden == other.hidden && self.beside_ms == other.beside_ms
    }

    /// The range that is being marked, as two places from the left in points.
    pub(crate) fn marking(&self) -> Option<(f32, f32)> {
        let press = self.press.filter(|press| !press.primary && press.moved && press.pulls)?;
        Some((press.start.x.min(press.last.x), press.start.x.max(press.last.x)))
    }

    /// The place on the axis of time under the pointer.
    pub(crate) fn crosshair(&self, areas: &Areas) -> Option<f64> {
        let at = self.pointer.filter(|at| areas.is_pullable(*at) && areas.action(*at).is_none())?;
        self.place(at.x, areas)
    }

    fn place(&self, x: f32, areas: &Areas) -> Option<f64> {
        let (left, right) = areas.span().filter(|(left, right)| right > left)?;
        let share = f64::from((x - left) / (right - left));
        Some(self.window.range().start + share * self.window.width())
    }

    /// Takes in what happened; `series` are the entries of the legend.
    pub(crate) fn apply(
        &mut self,
        event: &InputEvent,
        time_s: f64,
        areas: &Areas,
        timeline: &Timeline,
        series: &[SeriesId],
    ) {
        match event {
            InputEvent::PointerMoved { x, y } => self.moved(pos2(*x, *y), areas),
            InputEvent::PointerLeft => self.pointer = None,
            InputEvent::Button { x, y, pressed, primary } => {
                let at = pos2(*x, *y);
                self.moved(at, areas);
                match pressed {
                    true => {
                        let pulls = areas.action(at).is_none() && areas.is_pullable(at);
                        self.press = Some(Press { primary: *primary, start: at, last: at, moved: false, pulls });
                    }
                    false => self.released(at, time_s, areas),
                }
            }
            InputEvent::Wheel { dx, dy, ctrl } => self.wheel(*dx, *dy, *ctrl, areas),
            InputEvent::Key { name, pressed: true } => self.key(name, areas),
            InputEvent::Key { pressed: false, .. } => {}
            InputEvent::Hide { series: id, hidden } => {
                // A name that is not in the legend hides nothing.
                if let Some(known) = series.iter().find(|known| known.to_string() == *id) {
                    self.hide(*known, *hidden);
                }
            }
            InputEvent::Range { from_ms, to_ms } => {
                let (from, to) = (timeline.place(*from_ms), timeline.place(*to_ms));
                let context = (from - to).abs() * CONTEXT;
                self.window.show(from.min(to) - context, from.max(to) + context);
            }
            InputEvent::Window { from_ms, to_ms } => {
                self.window.show(timeline.place(*from_ms), timeline.place(*to_ms));
            }
            InputEvent::Beside { at_ms } => self.beside_ms = *at_ms,
            InputEvent::Theme(theme) => self.theme = *theme,
        }
        self.scroll = self.scroll.clamp(0.0, areas.scrollable);
    }

    fn hide(&mut self, series: SeriesId, hidden: bool) {
        match hidden {
            true => self.hidden.insert(series),
            false => self.hidden.remove(&series),
        };
    }

    fn moved(&mut self, at: Pos2, areas: &Areas) {
        self.pointer = Some(at);
        let Some(press) = &mut self.press else { return };
        press.moved |= press.start.distance(at) > CLICK_POINTS;
        let dx = at.x - press.last.x;
        press.last = at;
        if press.primary && press.pulls && press.moved {
            self.pan_points(-dx, areas);
        }
    }

    fn released(&mut self, at: Pos2, time_s: f64, areas: &Areas) {
        let marking = self.marking();
        let Some(press) = self.press.take() else { return };
        if let Some((left, right)) = marking {
            if let (Some(from), Some(to)) = (self.place(left, areas), self.place(right, areas)) {
                self.window.show(from, to);
            }
            return;
        }
        if press.moved || !press.primary {
            return;
        }
        let action = areas.action(press.start).filter(|action| areas.action(at) == Some(*action));
        match action {
            Some(Action::Toggle(series)) => self.hide(series, !self.hidden.contains(&series)),
            Some(Action::Whole) => self.show_whole(),
            None if press.pulls => {
                let near = |then: Pos2| then.distance(at) <= 2.0 * CLICK_POINTS;
                let again = self.last_click.take();
                match again.filter(|(then_s, then)| (0.0..=DOUBLE_CLICK_S).contains(&(time_s - then_s)) && near(*then))
                {
                    Some(_) => self.show_whole(),
                    None => self.last_click = Some((time_s, at)),
                }
            }
            None => {}
        }
    }

    fn wheel(&mut self, dx: f32, dy: f32, ctrl: bool, areas: &Areas) {
        let (dx, dy) = (dx.clamp(-MOST_WHEEL, MOST_WHEEL), dy.clamp(-MOST_WHEEL, MOST_WHEEL));
        if dx != 0.0 {
            self.pan_points(dx, areas);
        }
        if ctrl || areas.scrollable <= 0.0 {
            let middle = (self.window.range().start + self.window.range().end) / 2.0;
            let around = self.crosshair(areas).unwrap_or(middle);
            self.window.zoom(f64::from((dy * ZOOM_PER_POINT).exp()), around);
        } else {
            self.scroll += dy;
        }
    }

    fn key(&mut self, name: &str, areas: &Areas) {
        let middle = (self.window.range().start + self.window.range().end) / 2.0;
        let around = self.crosshair(areas).unwrap_or(middle);
        let page = self.canvas.height * 0.8;
        match name {
            "ArrowLeft" => self.window.pan(-self.window.width() * 0.1),
            "ArrowRight" => self.window.pan(self.window.width() * 0.1),
            "+" | "=" => self.window.zoom(0.8, around),
            "-" => self.window.zoom(1.25, around),
            "0" | "Home" | "Escape" => self.show_whole(),
            "ArrowUp" => self.scroll -= 40.0,
            "ArrowDown" => self.scroll += 40.0,
            "PageUp" => self.scroll -= page,
            "PageDown" => self.scroll += page,
            _ => {}
        }
    }

    fn pan_points(&mut self, points: f32, areas: &Areas) {
        if let Some((left, right)) = areas.span().filter(|(left, right)| right > left) {
            self.window.pan(f64::from(points / (right - left)) * self.window.width());
        }
    }

    fn show_whole(&mut self) {
        self.window.show(f64::MIN / 4.0, f64::MAX / 4.0);
    }
}
