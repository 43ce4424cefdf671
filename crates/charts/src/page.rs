//! The whole view: what is above the charts, the charts one below the other, and the notes over them.
//!
//! Invariant: what can be clicked is exactly where it was painted; all charts have the same left and right end.

use std::collections::BTreeSet;

use egui::{Align2, CornerRadius, Painter, Pos2, Rect, Stroke, Ui, pos2, vec2};

use crate::chart::Chart;
use crate::chip::{self, Chip, Row, Sample};
use crate::kind::{SeriesId, Way};
use crate::marks::{self, Cluster, Tone};
use crate::plot::{self, RIGHT, Shared, VALUES, x_of};
use crate::record::CallRecord;
use crate::scale::reading;
use crate::series;
use crate::state::{Action, Areas, State};
use crate::theme::{self, Palette, S1, S2, S3};
use crate::timeline::{clock, date, length};

/// Title and chips of a chart.
const HEADER: f32 = 30.0;
/// A chart is at least so high, with title and axis; below that the charts scroll.
const LEAST_CHART: f32 = 136.0;
/// What it should have, and what it gets at most.
const WANTED_CHART: f32 = 156.0;
const MOST_CHART: f32 = 240.0;
/// The strip of event marks.
const LANE: f32 = 20.0;
/// Marks nearer together than this are one.
const APART: f32 = 9.0;
/// Less is no chart any more; a narrower canvas shows a part of it.
const LEAST_WIDTH: f32 = 280.0;
/// Rows of a note about events.
const MOST_ROWS: usize = 8;

/// Paints everything and says where it is. `before` is where it was, for what follows the pointer.
pub(crate) fn paint(ui: &mut Ui, record: &CallRecord, state: &State, before: &Areas) -> Areas {
    let palette = state.theme.palette();
    let canvas = Rect::from_min_size(Pos2::ZERO, vec2(state.canvas.width, state.canvas.height));
    let width = state.canvas.width.max(LEAST_WIDTH);
    let painter = ui.painter().with_clip_rect(canvas);
    let mut areas = Areas::default();
    let mut top = head(&painter, record, state, palette, width, &mut areas);
    let span = plot::inside(Rect::from_min_max(pos2(0.0, 0.0), pos2(width, 100.0)));
    if record.has_lane {
        areas.lane = Some(Rect::from_min_max(pos2(span.left(), top), pos2(span.right(), top + LANE)));
        top += LANE + S1;
    }
    let body = Rect::from_min_max(pos2(0.0, top), pos2(width, canvas.bottom().max(top)));
    areas.body = Some(body.intersect(canvas));

    let count = record.charts.len().max(1) as f32;
    let room = (body.height() - S3 * (count - 1.0)) / count;
    let height = room.clamp(LEAST_CHART, MOST_CHART);
    let all = (height + S3) * count - S3;
    areas.scrollable = (all - body.height()).max(0.0);
    areas.wanted_height = top + (WANTED_CHART + S3) * count - S3;
    let scroll = state.scroll.clamp(0.0, areas.scrollable);

    let range = state.window.range();
    let ticks = record.timeline.ticks(range.clone(), f64::from(span.width()), &record.zone);
    let beside = state.beside_ms.map(|ms| record.timeline.place(ms)).filter(|place| range.contains(place));
    let crosshair = state.crosshair(before).or(beside);
    let shared = Shared { record, state, palette, ticks: &ticks, crosshair };
    let clip = body.intersect(canvas);
    ui.set_clip_rect(clip);
    let mut seen = Vec::new();
    for (number, chart) in record.charts.iter().enumerate() {
        let y = body.top() - scroll + (height + S3) * number as f32;
        let rect = Rect::from_min_size(pos2(0.0, y), vec2(width, height));
        let with_axes = rect.with_min_y(rect.top() + HEADER);
        areas.plots.push((chart.kind, plot::inside(with_axes)));
        if rect.intersects(clip) {
            seen.push((chart, rect, plot::inside(with_axes), plot::paint(ui, &shared, chart, with_axes)));
        }
    }
    // What follows the pointer comes after all that does not, so that the latter need not be sent again.
    for (chart, rect, inside, scale) in seen {
        title(ui.painter(), &shared, chart, rect, &mut areas);
        plot::crosshair(ui.painter(), &shared, chart, inside, scale);
    }
    if areas.scrollable > 0.0 {
        scroll_bar(&painter, palette, clip, scroll, areas.scrollable);
    }
    lane(&painter, &shared, &areas);
    marking(&painter, &shared, &areas);
    readout(&painter, &shared, &areas, canvas);
    areas
}

/// When it was, who was there, and the way back to the whole call. Gives where it ends.
fn head(
    painter: &Painter,
    record: &CallRecord,
    state: &State,
    palette: &Palette,
    width: f32,
    areas: &mut Areas,
) -> f32 {
    let range = state.window.range();
    let (from, to) = (record.timeline.moment(range.start), record.timeline.moment(range.end));
    let zone = &record.zone;
    let seconds = state.window.width() < 600.0;
    let day = date(from, zone);
    let last_day = Some(date(to, zone)).filter(|last| *last != day).map(|last| format!("{last}, ")).unwrap_or_default();
    let when = format!("{day}, {} – {last_day}{}", clock(from, seconds, zone), clock(to, seconds, zone));
    let middle = chip::HEIGHT / 2.0;
    let mut x = 0.0;
    if state.alone {
        let code = record.code.as_str();
        x = painter.text(pos2(x, middle), Align2::LEFT_CENTER, code, theme::title(), palette.text).right() + S3;
    }
    x = painter.text(pos2(x, middle), Align2::LEFT_CENTER, when, theme::title(), palette.text).right() + S2;
    let spent = length(record.timeline.spent_ms(&(from..to)));
    x = painter.text(pos2(x, middle), Align2::LEFT_CENTER, spent, theme::body(), palette.soft).right();
    let mut left_out = Vec::new();
    if record.sessions_left_out > 0 {
        left_out.push(format!("{} older sessions not shown", record.sessions_left_out));
    }
    if record.people.left_out > 0 {
        left_out.push(format!("{} more people not shown", record.people.left_out));
    }
    if !left_out.is_empty() {
        let at = pos2(x + S2, middle);
        x = painter.text(at, Align2::LEFT_CENTER, left_out.join(", "), theme::small(), palette.faint).right();
    }
    let mut chips: Vec<Chip> = Vec::new();
    if record.people.names.len() > 1 && !state.legend_outside {
        chips.extend(record.people.names.iter().enumerate().map(|(number, name)| {
            let hidden = state.hidden.contains(&SeriesId::Person(number));
            let color = if hidden { palette.faint } else { plot::color(palette, Way::Both, Some(number)) };
            Chip {
                name: name.clone(),
                value: None,
                sample: Sample::Line(color, plot::style(Some(number))),
                hidden,
                action: Some(Action::Toggle(SeriesId::Person(number))),
            }
        }));
    }
    if !state.window.is_whole() && !state.alone && !state.legend_outside {
        let (name, action) = ("Whole call".to_owned(), Some(Action::Whole));
        chips.push(Chip { name, value: None, sample: Sample::Nothing, hidden: false, action });
    }
    let right = width - RIGHT;
    let flow = chip::flow(painter, palette, &chips, (0.0, right, 0.0), right - x - S3, state.pointer);
    areas.actions.extend(flow.actions);
    flow.height + S1
}

/// What is measured, in which unit, and the legend with the values at the crosshair.
fn title(painter: &Painter, shared: &Shared<'_>, chart: &Chart, rect: Rect, areas: &mut Areas) {
    let Shared { record, state, palette, .. } = shared;
    let middle = rect.top() + chip::HEIGHT / 2.0;
    let put = |x: f32, words: &str, font, color| {
        painter.text(pos2(x, middle), Align2::LEFT_CENTER, words, font, color).right()
    };
    let x = put(0.0, chart.kind.title(), theme::title(), palette.text) + S2;
    let x = put(x, chart.unit, theme::body(), palette.soft) + S3;
    let moment = shared.crosshair.map(|place| record.timeline.moment(place));
    let ways: BTreeSet<Way> = chart.lines.iter().map(|line| line.way).collect();
    let chips: Vec<Chip> = ways
        .into_iter()
        .map(|way| {
            let hidden = way.series().is_some_and(|series| state.hidden.contains(&series));
            let lines = chart.lines.iter().filter(|line| line.way == way && plot::is_shown(line, state));
            let value = moment.map(|ms| {
                let values: Vec<_> = lines.filter_map(|line| series::at(&line.runs, ms)).collect();
                let mut words: Vec<_> = values.iter().take(3).map(|values| reading(values.mean)).collect();
                words.extend((values.len() > 3).then(|| "…".to_owned()));
                match words.is_empty() {
                    true if hidden => String::new(),
                    true => "–".to_owned(),
                    false => words.join(" · "),
                }
            });
            let sample = Sample::Dot(plot::color(palette, way, None));
            let action = way.series().filter(|_| !state.legend_outside).map(Action::Toggle);
            Chip { name: way.name().to_owned(), value, sample, hidden, action }
        })
        .collect();
    let right = rect.right() - RIGHT;
    let flow = chip::flow(painter, palette, &chips, (x, right, rect.top()), right - x, state.pointer);
    let note = painter.layout_no_wrap(chart.kind.note().to_owned(), theme::small(), palette.faint);
    if x + note.size().x + S3 < flow.left {
        painter.galley(pos2(x, middle - note.size().y / 2.0), note, palette.faint);
    }
    let clip = painter.clip_rect();
    areas.actions.extend(flow.actions.into_iter().map(|(rect, action)| (rect.intersect(clip), action)));
}

fn scroll_bar(painter: &Painter, palette: &Palette, body: Rect, scroll: f32, scrollable: f32) {
    let share = body.height() / (body.height() + scrollable);
    let length = (body.height() * share).max(24.0).min(body.height());
    let top = body.top() + (body.height() - length) * scroll / scrollable;
    let bar = Rect::from_min_size(pos2(body.right() - 5.0, top), vec2(4.0, length));
    painter.rect_filled(bar, CornerRadius::same(2), palette.line);
}

fn tone_color(palette: &Palette, tone: Tone) -> egui::Color32 {
    match tone {
        Tone::Note => palette.faint,
        Tone::Warning => palette.ok,
        Tone::User => palette.bad,
    }
}

/// Marks of the events in the window.
fn clusters(shared: &Shared<'_>, lane: Rect) -> Vec<Cluster> {
    let Shared { record, state, .. } = shared;
    let x = |mark: &marks::Mark| x_of(state, lane, record.timeline.place(mark.at_ms));
    let mut clusters = marks::clusters(&record.marks, APART, x);
    clusters.retain(|cluster| cluster.x >= lane.left() - 1.0 && cluster.x <= lane.right() + 1.0);
    clusters
}

/// The strip of marks; what matters goes on as a faint line through all charts.
fn lane(painter: &Painter, shared: &Shared<'_>, areas: &Areas) {
    let (Some(lane), Some(body)) = (areas.lane, areas.body) else { return };
    let palette = shared.palette;
    let at = pos2(0.0, lane.center().y);
    painter.text(at, Align2::LEFT_CENTER, "events", theme::small(), palette.faint);
    painter.hline(lane.x_range(), lane.center().y, Stroke::new(1.0, palette.line));
    let in_body = painter.with_clip_rect(body);
    for cluster in clusters(shared, lane) {
        let color = tone_color(palette, cluster.tone);
        let middle = pos2(cluster.x, lane.center().y);
        if cluster.tone > Tone::Note {
            for (_, rect) in &areas.plots {
                in_body.vline(cluster.x, rect.y_range(), Stroke::new(1.0, color.gamma_multiply(0.4)));
            }
        }
        match cluster.tone {
            Tone::User => {
                let flag = vec![middle + vec2(-5.0, -6.0), middle + vec2(5.0, -6.0), middle + vec2(0.0, 5.0)];
                painter.add(egui::Shape::convex_polygon(flag, color, Stroke::new(1.5, palette.bg)));
            }
            tone => {
                let radius = if tone == Tone::Warning { 4.0 } else { 3.0 };
                painter.circle(middle, radius, color, Stroke::new(1.5, palette.bg));
            }
        }
    }
}

/// The range that is being marked.
fn marking(painter: &Painter, shared: &Shared<'_>, areas: &Areas) {
    let (Some((left, right)), Some(body)) = (shared.state.marking(), areas.body) else { return };
    let Some((least, most)) = areas.span() else { return };
    let fill = shared.palette.accent.gamma_multiply(0.18);
    let rect = body.with_min_x(left.clamp(least, most)).with_max_x(right.clamp(least, most));
    painter.rect_filled(rect, CornerRadius::ZERO, fill);
}

/// The note beside the pointer: events in the strip, else the values of the chart under it.
fn readout(painter: &Painter, shared: &Shared<'_>, areas: &Areas, canvas: Rect) {
    let Shared { record, state, palette, .. } = shared;
    let Some(pointer) = state.pointer else { return };
    if let Some(lane) = areas.lane.filter(|lane| lane.expand2(vec2(APART, 0.0)).contains(pointer)) {
        let clusters = clusters(shared, lane);
        let near = clusters.iter().min_by(|a, b| (a.x - pointer.x).abs().total_cmp(&(b.x - pointer.x).abs()));
        if let Some(cluster) = near.filter(|cluster| (cluster.x - pointer.x).abs() <= APART) {
            events(painter, shared, cluster, canvas);
        }
        return;
    }
    let Some(place) = shared.crosshair else { return };
    let Some((kind, rect)) = areas.plots.iter().find(|(_, rect)| rect.expand2(vec2(0.0, S3)).contains(pointer)) else {
        return;
    };
    let Some(chart) = record.charts.iter().find(|chart| chart.kind == *kind) else { return };
    let ms = record.timeline.moment(place);
    let mut rows: Vec<Row> = chart
        .lines
        .iter()
        .filter(|line| plot::is_shown(line, state))
        .filter_map(|line| {
            let values = series::at(&line.runs, ms)?;
            let who = line.person.filter(|_| record.people.names.len() > 1).map(|person| &record.people.names[person]);
            let words = who.map_or(line.way.name().to_owned(), |name| format!("{name}, {}", line.way.name()));
            let more = format!("{} to {}", reading(values.min), reading(values.max));
            let dot = Some(plot::color(palette, line.way, line.person));
            Some(Row { dot, words, value: format!("{} {}", reading(values.mean), chart.unit), more })
        })
        .collect();
    let gaps = record.gaps.iter().filter(|gap| gap.range.contains(&ms));
    rows.extend(gaps.map(|gap| Row { words: gap.words.clone(), ..Row::default() }));
    if rows.is_empty() {
        rows.push(Row { words: "Nothing was measured".to_owned(), ..Row::default() });
    }
    let time = clock(ms, true, &record.zone);
    let bounds = canvas.shrink(S1).with_max_x(canvas.right().max(VALUES) - S1);
    chip::note(painter, palette, &time, &rows, pos2(x_of(state, *rect, place), pointer.y), bounds);
}

fn events(painter: &Painter, shared: &Shared<'_>, cluster: &Cluster, canvas: Rect) {
    let Shared { record, palette, .. } = shared;
    let marks = &record.marks[cluster.marks.clone()];
    let mut rows: Vec<Row> = marks
        .iter()
        .take(MOST_ROWS)
        .map(|mark| {
            let dot = Some(tone_color(palette, mark.tone));
            Row { dot, words: mark.words.clone(), value: clock(mark.at_ms, true, &record.zone), more: String::new() }
        })
        .collect();
    if marks.len() > MOST_ROWS {
        let words = format!("and {} more: zoom in to tell them apart", marks.len() - MOST_ROWS);
        rows.push(Row { words, ..Row::default() });
    }
    let title = if marks.len() == 1 { "Event".to_owned() } else { format!("{} events", marks.len()) };
    let beside = pos2(cluster.x, canvas.top() + 60.0);
    chip::note(painter, palette, &title, &rows, beside, canvas.shrink(S1));
}
