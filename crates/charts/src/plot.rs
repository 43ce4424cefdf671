//! One chart: its lines in their bands, the gaps, and the crosshair over them.
//!
//! Invariant: it draws the window it is given, and no more points than can be told apart, so that a frame costs the same
//! for a day as for a minute.

use std::ops::Range;

use egui::{Align2, Color32, CornerRadius, Painter, Pos2, Rangef, Rect, Stroke, Ui, UiBuilder, pos2};
use egui_plot::{
    AxisHints, FilledArea, GridMark, Line as PlotLine, LineStyle, Plot, PlotBounds, PlotPoint, PlotPoints, PlotUi, Span,
};
use sightline_history::Point;
use sightline_quality::Spread;

use crate::chart::{Chart, Line};
use crate::kind::{ChartKind, SeriesId, Way};
use crate::record::{CallRecord, Gap};
use crate::scale::Scale;
use crate::series;
use crate::state::State;
use crate::theme::{self, Palette, S1};
use crate::timeline::Tick;

/// Room for the labels of values, left of a chart.
pub(crate) const VALUES: f32 = 44.0;
/// Room right of it, for half a label of time.
pub(crate) const RIGHT: f32 = 18.0;
/// Room for the labels of time.
pub(crate) const TIMES: f32 = 20.0;

/// Points of a line stand no nearer together than this, in points of the screen; a band shows what lies between. Where
/// there are more lines than can be followed so closely, less is enough.
const APART: f32 = 3.0;
const MANY_APART: f32 = 4.0;
const MANY: usize = 3;
/// A sample that is wider than this, in points, is drawn as what it is: a mean and a range for all of its time. Narrower
/// ones are joined, or they would look like stairs.
const WIDE: f64 = 40.0;
/// Less than this on the screen is no difference between two values.
const ALIKE: f32 = 0.25;

/// How a person's line differs from the others'.
const STYLES: [LineStyle; 4] = [
    LineStyle::Solid,
    LineStyle::Dashed { length: 7.0 },
    LineStyle::Dotted { spacing: 4.0 },
    LineStyle::Dashed { length: 14.0 },
];

/// What all charts of a frame share.
pub(crate) struct Shared<'a> {
    pub(crate) record: &'a CallRecord,
    pub(crate) state: &'a State,
    pub(crate) palette: &'a Palette,
    pub(crate) ticks: &'a [Tick],
    /// Place on the axis of time.
    pub(crate) crosshair: Option<f64>,
}

/// The inside of a chart that is painted into `rect` with its axes.
pub(crate) fn inside(rect: Rect) -> Rect {
    Rect::from_min_max(pos2(rect.left() + VALUES, rect.top()), pos2(rect.right() - RIGHT, rect.bottom() - TIMES))
}

/// The colour of a line: that of its direction; several people are shades of it.
pub(crate) fn color(palette: &Palette, way: Way, person: Option<usize>) -> Color32 {
    let base = match way {
        Way::Sent => palette.up,
        Way::Received => palette.down,
        Way::Both | Way::App => palette.text,
        Way::Computer => palette.faint,
    };
    match person.unwrap_or(0) % 4 {
        0 => base,
        1 => theme::mix(base, palette.text, 0.45),
        2 => theme::mix(base, palette.bg, 0.35),
        _ => theme::mix(base, palette.text, 0.75),
    }
}

/// Of whom a line is shows in its style, too: colours alone are not for everyone.
pub(crate) fn style(person: Option<usize>) -> LineStyle {
    STYLES[person.unwrap_or(0) % STYLES.len()]
}

/// Whether the legend lets it be seen.
pub(crate) fn is_shown(line: &Line, state: &State) -> bool {
    let of_way = line.way.series().is_some_and(|series| state.hidden.contains(&series));
    let of_person = line.person.is_some_and(|person| state.hidden.contains(&SeriesId::Person(person)));
    !of_way && !of_person
}

/// Paints a chart into `rect`, axes and all; gives the axis of values.
pub(crate) fn paint(ui: &mut Ui, shared: &Shared<'_>, chart: &Chart, rect: Rect) -> Scale {
    let Shared { record, state, palette, ticks, .. } = shared;
    let range = state.window.range();
    let moments = record.timeline.moment(range.start)..record.timeline.moment(range.end).saturating_add(1);
    let apart = if chart.lines.len() > MANY { MANY_APART } else { APART };
    let most = (inside(rect).width() / apart).max(1.0) as usize;
    // A picture has a size until it has another.
    let of_pictures = chart.kind == ChartKind::PictureHeight;
    let wide = if of_pictures { 0.0 } else { WIDE * state.window.width() / f64::from(inside(rect).width().max(1.0)) };
    let shown = chart.lines.iter().filter(|line| is_shown(line, state));
    let mut strokes: Vec<Drawn> = shown.flat_map(|line| drawn(line, record, &moments, most, wide)).collect();
    let greatest =
        strokes.iter().flat_map(|drawn| &drawn.points).map(|point| point.1.max).fold(chart.reaches, f64::max);
    let scale = Scale::new(greatest, least_top(chart), of_pictures);
    let alike = (scale.top / f64::from(inside(rect).height().max(1.0))) * f64::from(ALIKE);
    for drawn in strokes.iter_mut().filter(|drawn| !drawn.stepped) {
        drawn.points = simplified(&drawn.points, alike);
    }
    let mut of_plot = ui.new_child(UiBuilder::new().max_rect(rect.with_max_x(rect.right() - RIGHT)));
    let bounds = PlotBounds::from_min_max([range.start, scale.bottom()], [range.end, scale.top]);
    frame(chart.kind, palette, ticks, scale).show(&mut of_plot, |plot| {
        plot.set_plot_bounds(bounds);
        let seen = |gap: &&Gap| gap.range.end >= moments.start && gap.range.start <= moments.end;
        record.gaps.iter().filter(seen).for_each(|gap| span(plot, record, palette, gap));
        let alpha = [0.18, 0.18, 0.18, 0.12, 0.08].get(record.people.names.len()).copied().unwrap_or(0.05);
        strokes
            .iter()
            .for_each(|drawn| band(plot, color(palette, drawn.way, drawn.person).gamma_multiply(alpha), drawn));
        strokes.iter().for_each(|drawn| mean(plot, color(palette, drawn.way, drawn.person), drawn));
    });
    let painter = ui.painter().with_clip_rect(inside(rect).intersect(ui.clip_rect()));
    label_gaps(&painter, shared, inside(rect));
    if strokes.is_empty() {
        say_empty(&painter, shared, chart, inside(rect).center());
    }
    scale
}

/// Why there is no line.
fn say_empty(painter: &Painter, shared: &Shared<'_>, chart: &Chart, middle: Pos2) {
    let words = match () {
        () if chart.lines.is_empty() => "Nothing was measured",
        () if !chart.lines.iter().any(|line| is_shown(line, shared.state)) => "Hidden in the legend",
        () => "Nothing was measured in this time",
    };
    let galley = painter.layout_no_wrap(words.to_owned(), theme::small(), shared.palette.faint);
    let rect = Align2::CENTER_CENTER.anchor_size(middle, galley.size());
    painter.rect_filled(rect.expand(S1), CornerRadius::ZERO, shared.palette.bg);
    painter.galley(rect.min, galley, shared.palette.faint);
}

fn least_top(chart: &Chart) -> f64 {
    if chart.unit == "kb/s" { 50.0 } else { chart.kind.least_top() }
}

/// The empty chart: axes, at most four lines, nothing that moves on its own.
fn frame<'a>(kind: ChartKind, palette: &Palette, ticks: &'a [Tick], scale: Scale) -> Plot<'a> {
    // Everything that is asked for is shown: the steps are chosen here, not by egui_plot.
    let all = Rangef::new(0.0, 0.001);
    let axis = |hints: AxisHints<'a>, room: f32| {
        hints.min_thickness(room).label_spacing(all).tick_label_color(palette.faint).tick_label_font(theme::small())
    };
    let time = axis(AxisHints::new_x(), TIMES).formatter(move |mark, _| {
        ticks.iter().find(|tick| tick.at == mark.value).map(|tick| tick.label.clone()).unwrap_or_default()
    });
    let values = axis(AxisHints::new_y(), VALUES).formatter(move |mark, _| scale.label(mark.value));
    // A step size beyond any: labels are never too close, as the ticks keep their distance.
    let mark = |value: f64| GridMark { value, step_size: 1e12 };
    Plot::new(kind.title())
        .show_background(false)
        .show_grid([false, true])
        .grid_color(palette.line)
        .grid_spacing(all)
        .x_grid_spacer(move |_| ticks.iter().map(|tick| mark(tick.at)).collect())
        .y_grid_spacer(move |_| scale.lines().map(mark).collect())
        .custom_x_axes(vec![time])
        .custom_y_axes(vec![values])
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        .show_x(false)
        .show_y(false)
        .sense(egui::Sense::hover())
}

/// A run of a line, as it is drawn: places on the axis of time with values.
struct Drawn {
    way: Way,
    person: Option<usize>,
    points: Vec<(f64, Spread)>,
    stepped: bool,
    /// So that no two have the same name.
    name: String,
}

/// The runs of a line that are in sight. Samples longer than `wide`, in seconds of the axis, become steps.
fn drawn(line: &Line, record: &CallRecord, moments: &Range<i64>, most: usize, wide: f64) -> Vec<Drawn> {
    let Line { way, person, runs } = line;
    let first = runs.partition_point(|run| run.last().is_none_or(|last| last.end_ms < moments.start));
    let seen = runs[first..].iter().take_while(|run| run.first().is_some_and(|point| point.start_ms <= moments.end));
    let seen: Vec<&[Point]> = seen.map(|run| &run[series::within(run, moments)]).collect();
    let total: usize = seen.iter().map(|run| run.len()).sum();
    let drawn = |(number, run): (usize, &[Point])| {
        let points = series::thin(run, (run.len() * most).div_ceil(total.max(1)));
        let length = |points: &[Point]| {
            Some(record.timeline.place(points.last()?.end_ms) - record.timeline.place(points.first()?.start_ms))
        };
        let stepped = length(&points).is_some_and(|length| length > wide * points.len() as f64);
        let points = if stepped { steps(&points, record) } else { places(&points, record) };
        Drawn { way: *way, person: *person, points, stepped, name: format!("{way:?} {person:?} {number}") }
    };
    seen.into_iter().enumerate().filter(|(_, run)| !run.is_empty()).map(drawn).collect()
}

/// A point stands in the middle of its time; the first and last reach to the edges of what was measured.
fn places(points: &[Point], record: &CallRecord) -> Vec<(f64, Spread)> {
    let place = |ms: i64| record.timeline.place(ms);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let middles = points.iter().map(|p| ((place(p.start_ms) + place(p.end_ms)) / 2.0, p.values));
    let mut places = vec![(place(first.start_ms), first.values)];
    places.extend(middles);
    places.push((place(last.end_ms), last.values));
    places
}

/// A point holds from its beginning to its end, and on where the next one says the same.
fn steps(points: &[Point], record: &CallRecord) -> Vec<(f64, Spread)> {
    let mut places: Vec<(f64, Spread)> = Vec::new();
    for point in points {
        let end = record.timeline.place(point.end_ms);
        match places.last_mut().filter(|(_, values)| *values == point.values) {
            Some((last, _)) => *last = end,
            None => places.extend([(record.timeline.place(point.start_ms), point.values), (end, point.values)]),
        }
    }
    places
}

/// Leaves points out that nobody would miss: all between two that are alike.
fn simplified(points: &[(f64, Spread)], alike: f64) -> Vec<(f64, Spread)> {
    let is_alike = |one: Spread, other: Spread| {
        let near = |one: f64, other: f64| (one - other).abs() < alike;
        near(one.mean, other.mean) && near(one.min, other.min) && near(one.max, other.max)
    };
    let mut kept: Vec<(f64, Spread)> = Vec::with_capacity(points.len());
    for (number, point) in points.iter().enumerate() {
        let next = points.get(number + 1);
        let between = kept
            .last()
            .zip(next)
            .is_some_and(|(before, next)| is_alike(before.1, point.1) && is_alike(before.1, next.1));
        if !between {
            kept.push(*point);
        }
    }
    kept
}

fn band(plot: &mut PlotUi<'_>, color: Color32, drawn: &Drawn) {
    let of = |value: fn(&Spread) -> f64| drawn.points.iter().map(|(_, values)| value(values)).collect::<Vec<f64>>();
    let xs: Vec<f64> = drawn.points.iter().map(|(x, _)| *x).collect();
    let (least, most) = (of(|values| values.min), of(|values| values.max));
    let area = FilledArea::new(format!("band {}", drawn.name), &xs, &least, &most).fill_color(color);
    plot.add(area.allow_hover(false));
}

fn mean(plot: &mut PlotUi<'_>, color: Color32, drawn: &Drawn) {
    let points = drawn.points.iter().map(|(x, values)| PlotPoint::new(*x, values.mean)).collect();
    let line = PlotLine::new(drawn.name.clone(), PlotPoints::Owned(points));
    let line = line.color(color).width(1.6).style(style(drawn.person)).allow_hover(false);
    // The bands are drawn already; and one that egui_plot made of a step would be a wedge.
    plot.line(line.allow_band(false));
}

fn span(plot: &mut PlotUi<'_>, record: &CallRecord, palette: &Palette, gap: &Gap) {
    let (start, end) = (record.timeline.place(gap.range.start), record.timeline.place(gap.range.end));
    let fill = theme::mix(palette.raised, palette.line, 0.3);
    let fill = if gap.partial { fill.gamma_multiply(0.5) } else { fill };
    plot.span(Span::new("", start..=end).fill(fill).border_width(0.0));
}

/// Where a place on the axis of time is, in points.
pub(crate) fn x_of(state: &State, inside: Rect, place: f64) -> f32 {
    let range = state.window.range();
    inside.left() + ((place - range.start) / state.window.width()) as f32 * inside.width()
}

fn label_gaps(painter: &Painter, shared: &Shared<'_>, inside: Rect) {
    let Shared { record, state, palette, .. } = shared;
    for gap in &record.gaps {
        let x = |ms: i64| x_of(state, inside, record.timeline.place(ms)).clamp(inside.left(), inside.right());
        let (left, right) = (x(gap.range.start), x(gap.range.end));
        if right - left < 14.0 {
            continue;
        }
        let galley = painter.layout_no_wrap(gap.label.clone(), theme::small(), palette.faint);
        let middle = pos2((left + right) / 2.0, inside.top() + 3.0);
        if galley.size().x + 2.0 * S1 <= right - left {
            painter.galley(middle - egui::vec2(galley.size().x / 2.0, 0.0), galley, palette.faint);
        } else if galley.size().x + S1 <= inside.height() {
            // Too narrow to be written across: upright, from the bottom up.
            let at = pos2((left + right - galley.size().y) / 2.0, inside.top() + S1 + galley.size().x);
            let upright =
                egui::epaint::TextShape::new(at, galley, palette.faint).with_angle(-std::f32::consts::FRAC_PI_2);
            painter.add(upright);
        }
    }
}

/// The line under the pointer, and a dot on each line of the chart.
pub(crate) fn crosshair(painter: &Painter, shared: &Shared<'_>, chart: &Chart, inside: Rect, scale: Scale) {
    let Shared { record, state, palette, .. } = shared;
    let Some(place) = shared.crosshair else { return };
    let x = x_of(state, inside, place);
    painter.vline(x, inside.y_range(), Stroke::new(1.0, palette.soft));
    let ms = record.timeline.moment(place);
    for line in chart.lines.iter().filter(|line| is_shown(line, state)) {
        let Some(values) = series::at(&line.runs, ms) else { continue };
        let share = (values.mean - scale.bottom()) / (scale.top - scale.bottom());
        let y = inside.bottom() - share as f32 * inside.height();
        // Where many lines lie together, a rim round each dot would hide the others.
        let rim = if chart.lines.len() > 4 { 0.0 } else { 1.5 };
        painter.circle(pos2(x, y), 3.5, color(palette, line.way, line.person), Stroke::new(rim, palette.bg));
    }
}
