//! The small round entries of the legend, and boxes with notes.

use std::sync::Arc;

use egui::{Color32, CornerRadius, Galley, Painter, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};
use egui_plot::LineStyle;

use crate::state::Action;
use crate::theme::{self, Palette, S1, S2};

/// Height of a chip.
pub(crate) const HEIGHT: f32 = 22.0;
/// Room between the rows of chips.
const ROW: f32 = HEIGHT + S1;
/// What shows the colour and style of a line.
const SAMPLE: f32 = 8.0;
const LONG_SAMPLE: f32 = 18.0;

/// An entry of the legend, or a button.
#[derive(Debug, Clone)]
pub(crate) struct Chip {
    pub(crate) name: String,
    /// At the crosshair.
    pub(crate) value: Option<String>,
    pub(crate) sample: Sample,
    pub(crate) hidden: bool,
    pub(crate) action: Option<Action>,
}

/// What stands before the name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sample {
    Nothing,
    Dot(Color32),
    Line(Color32, LineStyle),
}

impl Sample {
    fn width(self) -> f32 {
        match self {
            Self::Nothing => 0.0,
            Self::Dot(_) => SAMPLE + 6.0,
            Self::Line(..) => LONG_SAMPLE + 6.0,
        }
    }
}

/// Numbers change under the pointer; the chips shall not dance.
const VALUE_WIDTH: f32 = 32.0;

struct Measured {
    name: Arc<Galley>,
    value: Option<Arc<Galley>>,
    width: f32,
}

impl Chip {
    fn measure(&self, painter: &Painter, palette: &Palette) -> Measured {
        let color = if self.hidden { palette.faint } else { palette.soft };
        let name = painter.layout_no_wrap(self.name.clone(), theme::small_strong(), color);
        let value =
            self.value.as_ref().map(|value| painter.layout_no_wrap(value.clone(), theme::small_strong(), palette.text));
        let of_value = value.as_ref().map_or(0.0, |galley| galley.size().x.max(VALUE_WIDTH) + 6.0);
        let width = 10.0 + self.sample.width() + name.size().x + of_value + 10.0;
        Measured { name, value, width }
    }

    fn paint(&self, painter: &Painter, palette: &Palette, rect: Rect, measured: Measured, hovered: bool) {
        let fill = match (self.hidden, hovered && self.action.is_some()) {
            (_, true) => palette.line,
            (true, false) => Color32::TRANSPARENT,
            (false, false) => palette.raised,
        };
        painter.rect_filled(rect, CornerRadius::same((HEIGHT / 2.0) as u8), fill);
        let edge = if self.hidden { palette.line } else { Color32::TRANSPARENT };
        painter.rect_stroke(rect, CornerRadius::same((HEIGHT / 2.0) as u8), Stroke::new(1.0, edge), StrokeKind::Inside);
        let left = rect.left() + 10.0;
        let middle = rect.center().y;
        match self.sample {
            Sample::Nothing => {}
            Sample::Dot(color) if self.hidden => {
                painter.circle_stroke(pos2(left + SAMPLE / 2.0, middle), 3.0, Stroke::new(1.0, color));
            }
            Sample::Dot(color) => {
                painter.circle_filled(pos2(left + SAMPLE / 2.0, middle), SAMPLE / 2.0, color);
            }
            Sample::Line(color, style) => paint_line(painter, pos2(left, middle), LONG_SAMPLE, color, style),
        }
        let y = middle - measured.name.size().y / 2.0;
        let at = pos2(left + self.sample.width(), y);
        if let Some(value) = measured.value {
            painter.galley(pos2(rect.right() - 10.0 - value.size().x, y), value, palette.text);
        }
        painter.galley(at, measured.name, palette.soft);
    }
}

/// Lengths of a stroke and a pause, in points; none where there is no pause.
fn strokes(style: LineStyle) -> Option<(f32, f32)> {
    match style {
        LineStyle::Solid => None,
        LineStyle::Dashed { length } => Some((length, length * 0.6)),
        LineStyle::Dotted { spacing } => Some((2.0, spacing - 1.0)),
    }
}

/// The same as SVG's `stroke-dasharray`.
pub(crate) fn dash(style: LineStyle) -> String {
    strokes(style).map(|(dash, pause)| format!("{dash} {pause}")).unwrap_or_default()
}

/// A sample of a line.
fn paint_line(painter: &Painter, from: Pos2, length: f32, color: Color32, style: LineStyle) {
    let (dash, pause) = strokes(style).unwrap_or((length, 0.0));
    let mut x = 0.0;
    while x < length {
        let end = (x + dash).min(length);
        painter.hline(from.x + x..=from.x + end, from.y, Stroke::new(2.0, color));
        x = end + pause.max(0.5);
    }
}

/// Chips as they were painted.
pub(crate) struct Flow {
    /// What can be clicked.
    pub(crate) actions: Vec<(Rect, Action)>,
    /// Of all rows.
    pub(crate) height: f32,
    /// Where the leftmost chip begins; the right end where there is none.
    pub(crate) left: f32,
}

/// Paints chips in rows, flush right. The first row is `first` wide, the others go back to `left`.
pub(crate) fn flow(
    painter: &Painter,
    palette: &Palette,
    chips: &[Chip],
    (left, right, top): (f32, f32, f32),
    first: f32,
    pointer: Option<Pos2>,
) -> Flow {
    let mut rows: Vec<Vec<(&Chip, Measured)>> = vec![Vec::new()];
    let mut used = 0.0;
    for chip in chips {
        let measured = chip.measure(painter, palette);
        let room = if rows.len() == 1 { first } else { right - left };
        if used > 0.0 && used + measured.width > room || used == 0.0 && rows.len() == 1 && measured.width > room {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += measured.width + S2;
        if let Some(row) = rows.last_mut() {
            row.push((chip, measured));
        }
    }
    let mut flow = Flow { actions: Vec::new(), height: rows.len() as f32 * ROW, left: right };
    for (number, row) in rows.into_iter().enumerate() {
        let width: f32 = row.iter().map(|(_, measured)| measured.width + S2).sum::<f32>() - S2;
        let mut x = (right - width).max(left);
        for (chip, measured) in row {
            let rect = Rect::from_min_size(pos2(x, top + number as f32 * ROW), vec2(measured.width, HEIGHT));
            x = rect.right() + S2;
            flow.left = flow.left.min(rect.left());
            let hovered = pointer.is_some_and(|at| rect.contains(at));
            chip.paint(painter, palette, rect, measured, hovered);
            flow.actions.extend(chip.action.map(|action| (rect.expand2(vec2(0.0, S1)), action)));
        }
    }
    flow
}

/// A row of a note: a dot, words, and numbers at the right.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) dot: Option<Color32>,
    pub(crate) words: String,
    pub(crate) value: String,
    pub(crate) more: String,
}

/// Paints a box beside a place, within `bounds`.
pub(crate) fn note(painter: &Painter, palette: &Palette, title: &str, rows: &[Row], beside: Pos2, bounds: Rect) {
    const LINE: f32 = 18.0;
    let widest = (bounds.width() - 48.0).clamp(80.0, 420.0);
    let text = |text: &str, font, color| {
        let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
        job.wrap = egui::text::TextWrapping::truncate_at_width(widest);
        painter.layout_job(job)
    };
    let title = text(title, theme::small_strong(), palette.text);
    let cells: Vec<[Arc<Galley>; 3]> = rows
        .iter()
        .map(|row| {
            [
                text(&row.words, theme::small(), palette.soft),
                text(&row.value, theme::small_strong(), palette.text),
                text(&row.more, theme::small(), palette.faint),
            ]
        })
        .collect();
    let column = |number: usize| cells.iter().map(|cells| cells[number].size().x).fold(0.0, f32::max);
    let (words, value, more) = (column(0), column(1), column(2));
    let dot = if rows.iter().any(|row| row.dot.is_some()) { 14.0 } else { 0.0 };
    let gap = |width: f32| if width > 0.0 { width + S2 } else { 0.0 };
    let inner = (dot + words + gap(value) + gap(more)).max(title.size().x);
    let size = vec2(inner + 20.0, 14.0 + LINE * (rows.len() + 1) as f32);
    let right = beside.x + 14.0;
    let x = if right + size.x <= bounds.right() { right } else { (beside.x - 14.0 - size.x).max(bounds.left()) };
    let y = (beside.y - size.y / 2.0).clamp(bounds.top(), (bounds.bottom() - size.y).max(bounds.top()));
    let rect = Rect::from_min_size(pos2(x, y), size);
    painter.rect_filled(rect, CornerRadius::same(6), palette.panel);
    painter.rect_stroke(rect, CornerRadius::same(6), Stroke::new(1.0, palette.line), StrokeKind::Inside);
    let left = rect.left() + 10.0;
    painter.galley(pos2(left, rect.top() + 7.0), title, palette.text);
    for (number, (row, [of_words, of_value, of_more])) in rows.iter().zip(cells).enumerate() {
        let y = rect.top() + 7.0 + LINE * (number + 1) as f32;
        if let Some(color) = row.dot {
            painter.circle_filled(pos2(left + 4.0, y + 8.0), 4.0, color);
        }
        painter.galley(pos2(left + dot, y), of_words, palette.soft);
        let end = left + dot + words + gap(value);
        painter.galley(pos2(end - of_value.size().x, y), of_value, palette.text);
        painter.galley(pos2(end + S2, y), of_more, palette.faint);
    }
}
