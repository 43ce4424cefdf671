//! The view of a call: an egui context without a window, fed with input, giving triangles.
//!
//! Invariant: a frame is made of the record, the state and the size alone; nothing moves on its own, so where nothing
//! was done there is nothing to send.

use std::ops::Range;
use std::time::Duration;

use egui::{Context, ImageData, Pos2, RawInput, Rect, TextureId, TexturesDelta, ViewportId, vec2};
use serde::Serialize;

use crate::Theme;
use crate::chip;
use crate::fonts;
use crate::input::{Canvas, Input};
use crate::kind::{SeriesId, Way};
use crate::page;
use crate::pixels::Pixels;
use crate::plot;
use crate::raster;
use crate::record::CallRecord;
use crate::series;
use crate::state::{Areas, State};
use crate::wire::{ClippedMesh, Scene, TexturePatch, texture_number};

/// The charts of one call, with what the user has made of them.
pub struct View {
    record: CallRecord,
    state: State,
    painter: Painter,
    /// What the page has painted last.
    last: Option<Scene>,
    /// Where the page cannot paint triangles.
    pixels: Option<Pixels>,
    /// Textures that were made and not sent yet.
    unsent: Vec<TexturePatch>,
    areas: Areas,
    /// egui asks to be run again, to lay out what it now knows the size of.
    again: bool,
}

/// What a frame gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// To be painted ([`Scene::encode`] or pixels, after the frame before); empty where nothing is new.
    pub bytes: Vec<u8>,
    /// Ask for a frame after this time, also without input.
    pub repaint_after: Option<Duration>,
    /// The range of time that is shown, in milliseconds since the Unix epoch.
    pub range_ms: (i64, i64),
    /// The values under the crosshair.
    pub hover: Option<Hover>,
    /// The legend.
    pub series: Vec<Series>,
    /// Height at which nothing has to be scrolled, in points.
    pub height_points: f32,
}

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// For [`crate::InputEvent::Hide`].
    pub id: String,
    /// For people.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
    /// Lengths of strokes and pauses in points, as SVG's `stroke-dasharray` has them; '' for a line without pauses.
    pub dash: String,
    /// Not drawn.
    pub hidden: bool,
}

/// The moment under the crosshair.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hover {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What was measured then, of all that is shown.
    pub values: Vec<Reading>,
}

/// A value under the crosshair.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Title of the chart.
    pub chart: String,
    /// Which line of it.
    pub line: String,
    /// Unit of the numbers.
    pub unit: String,
    /// Mean of the sample.
    pub mean: f64,
    /// Its least second.
    pub min: f64,
    /// Its greatest.
    pub max: f64,
}

/// A picture cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the picture of the charts cannot be encoded: {0}")]
pub struct PictureError(#[from] png::EncodingError);

impl View {
    /// Shows a whole call.
    pub fn new(record: CallRecord, theme: Theme) -> Self {
        let state = State::new(theme, &record.timeline);
        Self {
            record,
            state,
            painter: Painter::new(),
            last: None,
            pixels: None,
            unsent: Vec::new(),
            areas: Areas::default(),
            again: true,
        }
    }

    /// Leaves the legend to the page, which shows [`Frame::series`] and sends [`crate::InputEvent::Hide`], and the way
    /// back to the whole call: two of each would be one too many. A picture for itself keeps its own.
    pub fn with_legend_outside(mut self) -> Self {
        self.state.legend_outside = true;
        self
    }

    /// Gives frames as pixels (module `pixels`) instead of triangles, for a page without a graphics card.
    pub fn with_pixels(mut self) -> Self {
        self.pixels = Some(Pixels::default());
        self
    }

    /// The first frame, as high as all charts need whatever height the input says.
    pub fn first(&mut self, input: &Input) -> Frame {
        (self.state.canvas, _) = input.sound();
        let (measured, areas) = self.painter.paint(&self.record, &self.state, &self.areas);
        self.unsent.extend(measured.textures);
        let height_points = areas.wanted_height;
        self.areas = areas;
        self.frame(&Input { height_points, ..input.clone() })
    }

    /// Takes in what happened and paints, where that changes anything.
    pub fn frame(&mut self, input: &Input) -> Frame {
        let (canvas, events) = input.sound();
        let before = self.state.clone();
        self.state.canvas = canvas;
        let series = self.series_ids();
        for event in events {
            self.state.apply(event, input.time_s, &self.areas, &self.record.timeline, &series);
        }
        let news = self.again || !self.state.shows_the_same_as(&before);
        let seen = input.seen_rows();
        let bytes = match (&mut self.pixels, &self.last) {
            _ if news => self.paint(&seen),
            (Some(pixels), Some(last)) if pixels.lacks(&seen) => pixels.encode(last, &seen),
            _ => Vec::new(),
        };
        let range = self.state.window.range();
        Frame {
            bytes,
            repaint_after: self.again.then_some(Duration::ZERO),
            range_ms: (self.record.timeline.moment(range.start), self.record.timeline.moment(range.end)),
            hover: self.hover(),
            series: self.series(),
            height_points: self.areas.wanted_height,
        }
    }

    /// A picture of what is shown, without pointer and scroll bar: as wide as asked for, at least as high as all charts
    /// need. `scale` is pixels for each point.
    ///
    /// # Errors
    /// Where it cannot be encoded.
    pub fn to_png(&self, width_points: f32, height_points: f32, scale: f32) -> Result<Vec<u8>, PictureError> {
        let mut state = self.state.clone();
        (state.pointer, state.beside_ms) = (None, None);
        (state.alone, state.legend_outside) = (true, false);
        state.canvas = Canvas::sound(width_points, height_points, scale);
        let mut painter = Painter::new();
        // The first time tells how high it all is.
        let (measured, areas) = painter.paint(&self.record, &state, &Areas::default());
        state.canvas = Canvas::sound(width_points, height_points.max(areas.wanted_height), scale);
        let (mut scene, _) = painter.paint(&self.record, &state, &areas);
        scene.textures.splice(0..0, measured.textures);
        Ok(raster::paint(&scene).to_png()?)
    }

    fn paint(&mut self, seen: &Range<u32>) -> Vec<u8> {
        let (mut scene, areas) = self.painter.paint(&self.record, &self.state, &self.areas);
        scene.textures.splice(0..0, self.unsent.drain(..));
        // What follows the pointer was painted where things were before.
        let moved = self.state.pointer.is_some() && self.areas.plots != areas.plots;
        self.again = self.painter.again || moved;
        self.areas = areas;
        let is_news = |last: &Scene| *last != scene || !scene.textures.is_empty() || !scene.freed.is_empty();
        let bytes = match self.last.as_ref().is_none_or(is_news) {
            true => match &mut self.pixels {
                Some(pixels) => pixels.encode(&scene, seen),
                None => scene.encode(self.last.as_ref()),
            },
            false => Vec::new(),
        };
        self.last = Some(scene);
        bytes
    }

    fn series_ids(&self) -> Vec<SeriesId> {
        let ways = self.record.charts.iter().flat_map(|chart| chart.lines.iter().filter_map(|line| line.way.series()));
        let people = (0..self.record.people.names.len()).map(SeriesId::Person);
        let mut ids: Vec<SeriesId> = ways.chain(people.filter(|_| self.record.people.names.len() > 1)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn series(&self) -> Vec<Series> {
        let palette = self.state.theme.palette();
        let entry = |id: SeriesId| {
            let (name, way, person) = match id {
                SeriesId::Sent => (Way::Sent.name(), Way::Sent, None),
                SeriesId::Received => (Way::Received.name(), Way::Received, None),
                SeriesId::App => (Way::App.name(), Way::App, None),
                SeriesId::Computer => (Way::Computer.name(), Way::Computer, None),
                SeriesId::Person(number) => (self.record.people.names[number].as_str(), Way::Both, Some(number)),
            };
            let [r, g, b, _] = plot::color(palette, way, person).to_array();
            Series {
                id: id.to_string(),
                name: name.to_owned(),
                color: format!("#{r:02x}{g:02x}{b:02x}"),
                dash: chip::dash(plot::style(person)),
                hidden: self.state.hidden.contains(&id),
            }
        };
        self.series_ids().into_iter().map(entry).collect()
    }

    fn hover(&self) -> Option<Hover> {
        let place = self.state.crosshair(&self.areas)?;
        let at_ms = self.record.timeline.moment(place);
        let lines = self.record.charts.iter().flat_map(|chart| chart.lines.iter().map(move |line| (chart, line)));
        let values = lines.filter(|(_, line)| plot::is_shown(line, &self.state)).filter_map(|(chart, line)| {
            let values = series::at(&line.runs, at_ms)?;
            let who = line.person.map(|person| format!("{}, ", self.record.people.names[person])).unwrap_or_default();
            Some(Reading {
                chart: chart.kind.title().to_owned(),
                line: format!("{who}{}", line.way.name()),
                unit: chart.unit.to_owned(),
                mean: values.mean,
                min: values.min,
                max: values.max,
            })
        });
        Some(Hover { at_ms, values: values.collect() })
    }
}

/// egui without a window.
struct Painter {
    context: Context,
    again: bool,
}

impl Painter {
    fn new() -> Self {
        let context = Context::default();
        fonts::install(&context);
        // Nothing here is animated; a frame follows from its input.
        context.all_styles_mut(|style| style.animation_time = 0.0);
        Self { context, again: true }
    }

    fn paint(&mut self, record: &CallRecord, state: &State, before: &Areas) -> (Scene, Areas) {
        let Canvas { width, height, pixels_per_point } = state.canvas;
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(width, height))),
            focused: true,
            ..RawInput::default()
        };
        input.viewports.entry(ViewportId::ROOT).or_default().native_pixels_per_point = Some(pixels_per_point);
        let mut areas = Areas::default();
        let mut output = self.context.run_ui(input, |ui| areas = page::paint(ui, record, state, before));
        let delays = output.viewport_output.values().map(|viewport| viewport.repaint_delay);
        self.again = delays.min().is_some_and(|delay| delay.is_zero());
        let textures = std::mem::take(&mut output.textures_delta);
        let primitives = self.context.tessellate(output.shapes, output.pixels_per_point);
        let meshes = primitives.into_iter().filter_map(|primitive| match primitive.primitive {
            egui::epaint::Primitive::Mesh(mesh) if !mesh.indices.is_empty() => {
                Some(ClippedMesh { clip: primitive.clip_rect, mesh })
            }
            _ => None,
        });
        let scene = Scene {
            size: (width, height),
            pixels_per_point: output.pixels_per_point,
            background: state.theme.palette().bg,
            meshes: meshes.collect(),
            freed: textures.free.iter().map(|id| texture_number(*id)).collect(),
            textures: patches(textures),
        };
        (scene, areas)
    }
}

fn patches(mut delta: TexturesDelta) -> Vec<TexturePatch> {
    let mut patches = Vec::new();
    let mut sets: Vec<(TextureId, _)> = delta.set.drain().collect();
    sets.sort_by_key(|(id, _)| texture_number(*id));
    for (id, images) in sets {
        for image in images {
            let ImageData::Color(pixels) = &image.image;
            let [width, height] = pixels.size.map(|size| size as u32);
            let at = image.pos.map(|[x, y]| (x as u32, y as u32));
            patches.push(TexturePatch { id: texture_number(id), at, width, height, texels: pixels.pixels.clone() });
        }
    }
    delta.clear();
    patches
}
