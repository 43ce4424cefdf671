//! Paints a [`Scene`] into a picture, without a graphics card.
//!
//! Invariant: a pixel on the edge that two triangles share is painted once, by one of them, so that translucent areas have no
//! seams: both find the same place at which a row crosses the edge, and the pixels whose centres lie left of it belong to
//! the triangle on the left.

use std::collections::HashMap;
use std::ops::Range;

use egui::epaint::Vertex;
use egui::{Color32, Rect};

use crate::wire::{ClippedMesh, Scene, TexturePatch, texture_number};

/// The greatest picture, in pixels: 8192 x 6144, 200 MB while it is made.
const MOST_PIXELS: u64 = 50_331_648;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Row by row.
    pub pixels: Vec<Color32>,
}

#[derive(Debug)]
struct Texture {
    width: usize,
    height: usize,
    texels: Vec<Color32>,
}

/// Paints a scene that brings all its textures. One that is too large is painted smaller.
pub fn paint(scene: &Scene) -> Picture {
    let mut board = Board::default();
    board.paint(scene, 0..u32::MAX);
    board.picture
}

/// Paints one scene after the other, and keeps their textures and memory.
#[derive(Debug)]
pub(crate) struct Board {
    textures: HashMap<u32, Texture>,
    picture: Picture,
}

impl Default for Board {
    fn default() -> Self {
        Self { textures: HashMap::new(), picture: Picture { width: 0, height: 0, pixels: Vec::new() } }
    }
}

impl Board {
    /// Paints these rows of a scene; the others stay as they were, or empty where the size is another one.
    pub(crate) fn paint(&mut self, scene: &Scene, rows: Range<u32>) -> &Picture {
        let scale = fitting(scene);
        let size = |points: f32| (points * scale).round().clamp(1.0, 16_384.0) as u32;
        let (width, height) = (size(scene.size.0), size(scene.size.1));
        let picture = &mut self.picture;
        if (picture.width, picture.height) != (width, height) {
            let pixels = vec![scene.background; width as usize * height as usize];
            *picture = Picture { width, height, pixels };
        }
        let rows = rows.start.min(height)..rows.end.min(height);
        let place = |row: u32| row as usize * width as usize;
        picture.pixels[place(rows.start)..place(rows.end).max(place(rows.start))].fill(scene.background);
        scene.textures.iter().for_each(|patch| store(&mut self.textures, patch));
        for clipped in &scene.meshes {
            if let Some(texture) = self.textures.get(&texture_number(clipped.mesh.texture_id)) {
                paint_mesh(picture, clipped, texture, scale, &rows);
            }
        }
        scene.freed.iter().for_each(|id| drop(self.textures.remove(id)));
        picture
    }
}

/// Pixels for each point, fewer where there would be too many.
fn fitting(scene: &Scene) -> f32 {
    let (width, height) = (f64::from(scene.size.0), f64::from(scene.size.1));
    let scale = f64::from(scene.pixels_per_point);
    let pixels = width * height * scale * scale;
    let usual = if pixels > MOST_PIXELS as f64 { (MOST_PIXELS as f64 / (width * height)).sqrt() } else { scale };
    if usual.is_finite() { usual as f32 } else { 1.0 }
}

fn store(textures: &mut HashMap<u32, Texture>, patch: &TexturePatch) {
    let (width, height) = (patch.width as usize, patch.height as usize);
    if patch.texels.len() != width * height || width == 0 {
        return;
    }
    let Some((x, y)) = patch.at else {
        textures.insert(patch.id, Texture { width, height, texels: patch.texels.clone() });
        return;
    };
    let Some(texture) = textures.get_mut(&patch.id) else { return };
    let (x, y) = (x as usize, y as usize);
    if x + width > texture.width || y + height > texture.height {
        return;
    }
    for (row, texels) in patch.texels.chunks(width).enumerate() {
        let start = (y + row) * texture.width + x;
        texture.texels[start..start + width].copy_from_slice(texels);
    }
}

/// Pixels that may be painted: left, top, right, bottom.
type Bounds = [i32; 4];

fn paint_mesh(picture: &mut Picture, clipped: &ClippedMesh, texture: &Texture, scale: f32, rows: &Range<u32>) {
    let [left, top, right, bottom] = pixels(clipped.clip, scale, picture);
    let bounds = [left, top.max(rows.start as i32), right, bottom.min(rows.end as i32)];
    if bounds[0] >= bounds[2] || bounds[1] >= bounds[3] {
        return;
    }
    let vertices = &clipped.mesh.vertices;
    for triangle in clipped.mesh.indices.chunks_exact(3) {
        let corner = |number: usize| vertices.get(triangle[number] as usize);
        if let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) {
            paint_triangle(picture, [a, b, c], texture, scale, bounds);
        }
    }
}

fn pixels(clip: Rect, scale: f32, picture: &Picture) -> Bounds {
    let pixel = |points: f32, most: u32| ((points * scale).round() as i32).clamp(0, most as i32);
    let (width, height) = (picture.width, picture.height);
    [pixel(clip.min.x, width), pixel(clip.min.y, height), pixel(clip.max.x, width), pixel(clip.max.y, height)]
}

/// A corner in pixels.
#[derive(Debug, Clone, Copy)]
struct Corner<'a> {
    x: f32,
    y: f32,
    vertex: &'a Vertex,
}

/// The first pixel whose centre is not before a place. Without `ceil`, which is a call on processors of 2003.
fn pixel_from(place: f32) -> i32 {
    let whole = (place - 0.5) as i32;
    whole.saturating_add(i32::from((whole as f32) < place - 0.5))
}

/// Where a row crosses the edge from `a` down to `b`.
fn crossing(a: &Corner<'_>, b: &Corner<'_>, y: f32) -> f32 {
    a.x + (y - a.y) * ((b.x - a.x) / (b.y - a.y))
}

fn paint_triangle(picture: &mut Picture, vertices: [&Vertex; 3], texture: &Texture, scale: f32, bounds: Bounds) {
    let mut corners = vertices.map(|vertex| Corner { x: vertex.pos.x * scale, y: vertex.pos.y * scale, vertex });
    if corners.iter().any(|corner| !(corner.x.is_finite() && corner.y.is_finite())) {
        return;
    }
    // Down the picture, so that triangles on both sides of an edge come upon its ends in the same order.
    corners.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
    let [top, middle, bottom] = &corners;
    let (left, right) = (top.x.min(middle.x).min(bottom.x), top.x.max(middle.x).max(bottom.x));
    let rows = pixel_from(top.y).max(bounds[1])..pixel_from(bottom.y).min(bounds[3]);
    // Most triangles are slivers of a line's soft edge, which have the centre of no pixel in them.
    if rows.is_empty() || pixel_from(left).max(bounds[0]) >= pixel_from(right).min(bounds[2]) {
        return;
    }
    let Some(ink) = Ink::of(&corners, texture) else { return };
    let turn = pixel_from(middle.y);
    for row in rows {
        let y = row as f32 + 0.5;
        let long = crossing(top, bottom, y);
        let short = if row < turn { crossing(top, middle, y) } else { crossing(middle, bottom, y) };
        let (from, to) = (pixel_from(long.min(short)).max(bounds[0]), pixel_from(long.max(short)).min(bounds[2]));
        if from < to {
            let start = row as usize * picture.width as usize;
            let span = &mut picture.pixels[start + from as usize..start + to as usize];
            ink.paint(span, from as f32 + 0.5, y, texture);
        }
    }
}

/// The colours of a triangle.
enum Ink {
    /// One for all of it.
    Plain(Color32),
    /// Red, green, blue and alpha (0 to 255) that change evenly.
    Shaded(Gradient<4>),
    /// The same, and the place in the texture.
    Textured(Gradient<6>),
}

impl Ink {
    /// `None` where the triangle has no area.
    fn of(corners: &[Corner<'_>; 3], texture: &Texture) -> Option<Self> {
        let [a, b, c] = corners.map(|corner| corner.vertex);
        if a.uv != b.uv || a.uv != c.uv {
            let values = |vertex: &Vertex| {
                let [red, green, blue, alpha] = vertex.color.to_array().map(f32::from);
                [red, green, blue, alpha, vertex.uv.x, vertex.uv.y]
            };
            return Gradient::new(corners, values).map(Self::Textured);
        }
        let texel = texture.at(a.uv.x, a.uv.y);
        if a.color == b.color && a.color == c.color {
            return Some(Self::Plain(times(a.color, texel)));
        }
        Gradient::new(corners, |vertex| times(vertex.color, texel).to_array().map(f32::from)).map(Self::Shaded)
    }

    /// Paints pixels of a row, the first of which has its centre at `x` and `y`.
    fn paint(&self, span: &mut [Color32], x: f32, y: f32, texture: &Texture) {
        match self {
            Self::Plain(color) if color.is_opaque() => span.fill(*color),
            Self::Plain(color) => span.iter_mut().for_each(|pixel| *pixel = over(*color, *pixel)),
            Self::Shaded(gradient) => gradient.along(x, y, span, |values, pixel| over(color_of(values), pixel)),
            Self::Textured(gradient) => gradient.along(x, y, span, |[red, green, blue, alpha, u, v], pixel| {
                over(times(color_of([red, green, blue, alpha]), texture.at(u, v)), pixel)
            }),
        }
    }
}

/// Values that change evenly over a triangle: those at a place, and what a pixel to the right and one down add.
struct Gradient<const N: usize> {
    x: f32,
    y: f32,
    there: [f32; N],
    right: [f32; N],
    down: [f32; N],
}

impl<const N: usize> Gradient<N> {
    /// `None` where the triangle has no area.
    fn new([a, b, c]: &[Corner<'_>; 3], values: impl Fn(&Vertex) -> [f32; N]) -> Option<Self> {
        let ((bx, by), (cx, cy)) = ((b.x - a.x, b.y - a.y), (c.x - a.x, c.y - a.y));
        let share = 1.0 / (bx * cy - cx * by);
        if !share.is_finite() {
            return None;
        }
        let (there, at_b, at_c) = (values(a.vertex), values(b.vertex), values(c.vertex));
        let (mut right, mut down) = ([0.0; N], [0.0; N]);
        for n in 0..N {
            let (toward_b, toward_c) = (at_b[n] - there[n], at_c[n] - there[n]);
            right[n] = (toward_b * cy - toward_c * by) * share;
            down[n] = (toward_c * bx - toward_b * cx) * share;
        }
        Some(Self { x: a.x, y: a.y, there, right, down })
    }

    /// Goes along a row whose first pixel has its centre at `x` and `y`.
    fn along(&self, x: f32, y: f32, span: &mut [Color32], paint: impl Fn([f32; N], Color32) -> Color32) {
        let (right, down) = (x - self.x, y - self.y);
        let mut values: [f32; N] = std::array::from_fn(|n| self.there[n] + right * self.right[n] + down * self.down[n]);
        for pixel in span {
            *pixel = paint(values, *pixel);
            values.iter_mut().zip(&self.right).for_each(|(value, more)| *value += more);
        }
    }
}

impl Texture {
    /// The texel at a place, as shares of both sides.
    fn at(&self, u: f32, v: f32) -> Color32 {
        let texel = |share: f32, size: usize| ((share * size as f32).max(0.0) as usize).min(size - 1);
        self.texels[texel(v, self.height) * self.width + texel(u, self.width)]
    }
}

/// Red, green, blue and alpha from 0 to 255, to the nearest. Such casts stay between 0 and 255.
fn color_of(values: [f32; 4]) -> Color32 {
    let [red, green, blue, alpha] = values.map(|channel| (channel + 0.5) as u8);
    Color32::from_rgba_premultiplied(red, green, blue, alpha)
}

/// A colour times a texel.
fn times(color: Color32, texel: Color32) -> Color32 {
    if texel == Color32::WHITE {
        return color;
    }
    let (color, texel) = (color.to_array(), texel.to_array());
    let channel = |number: usize| ((u32::from(color[number]) * u32::from(texel[number]) + 127) / 255) as u8;
    Color32::from_rgba_premultiplied(channel(0), channel(1), channel(2), channel(3))
}

/// Premultiplied alpha.
fn over(above: Color32, below: Color32) -> Color32 {
    let ([r, g, b, a], [below_r, below_g, below_b, below_a]) = (above.to_array(), below.to_array());
    let mix = |above: u8, below: u8| {
        let through = (u16::from(below) * u16::from(255 - a) + 127) / 255;
        (u16::from(above) + through).min(255) as u8
    };
    Color32::from_rgba_premultiplied(mix(r, below_r), mix(g, below_g), mix(b, below_b), mix(a, below_a))
}

impl Picture {
    /// As a PNG file.
    ///
    /// # Errors
    /// Where it cannot be encoded.
    pub fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        // The background is opaque, and so is all that is painted onto it.
        let rgb: Vec<u8> = self.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&rgb)?;
        writer.finish()?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use egui::epaint::Mesh;
    use egui::{TextureId, pos2};

    use super::*;

    fn scene(meshes: Vec<ClippedMesh>) -> Scene {
        let texels = vec![Color32::WHITE, Color32::from_rgba_premultiplied(128, 128, 128, 128)];
        Scene {
            size: (20.0, 10.0),
            pixels_per_point: 1.0,
            background: Color32::BLACK,
            textures: vec![TexturePatch { id: 0, at: None, width: 2, height: 1, texels }],
            freed: Vec::new(),
            meshes,
        }
    }

    fn quad(rect: Rect, color: Color32, u: f32) -> Mesh {
        let mut mesh = Mesh::with_texture(TextureId::Managed(0));
        for pos in [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom()] {
            mesh.vertices.push(Vertex { pos, uv: pos2(u, 0.5), color });
        }
        mesh.add_triangle(0, 1, 2);
        mesh.add_triangle(0, 2, 3);
        mesh
    }

    fn whole() -> Rect {
        Rect::from_min_max(pos2(0.0, 0.0), pos2(20.0, 10.0))
    }

    #[test]
    fn two_translucent_triangles_paint_each_pixel_once_and_nothing_outside() {
        let half = Color32::from_rgba_premultiplied(100, 0, 0, 128);
        let rect = Rect::from_min_max(pos2(2.0, 1.0), pos2(13.0, 8.0));
        let picture = paint(&scene(vec![ClippedMesh { clip: whole(), mesh: quad(rect, half, 0.0) }]));
        for y in 0..10 {
            for x in 0..20 {
                let inside = (2..13).contains(&x) && (1..8).contains(&y);
                let expected = if inside { 100 } else { 0 };
                assert_eq!(picture.pixels[y * 20 + x].r(), expected, "{x} {y}");
            }
        }
    }

    #[test]
    fn clipped_textured_blended_and_scaled() {
        let clip = Rect::from_min_max(pos2(0.0, 0.0), pos2(10.0, 5.0));
        let mut scene = scene(vec![ClippedMesh { clip, mesh: quad(whole(), Color32::from_rgb(200, 100, 0), 0.75) }]);
        scene.background = Color32::from_rgb(0, 0, 100);
        scene.pixels_per_point = 2.0;
        let picture = paint(&scene);
        assert_eq!((picture.width, picture.height), (40, 20));
        assert_eq!(picture.pixels[9 * 40 + 19].to_array(), [100, 50, 50, 255]);
        assert_eq!(picture.pixels[10 * 40].to_array(), [0, 0, 100, 255]);
        assert_eq!(picture.pixels[20].to_array(), [0, 0, 100, 255]);
    }

    #[test]
    fn nonsense_paints_nothing_and_the_size_is_bounded() {
        let mut mesh = quad(whole(), Color32::WHITE, 0.0);
        mesh.vertices[0].pos = pos2(f32::NAN, f32::INFINITY);
        mesh.vertices[3].pos = pos2(1e30, -1e30);
        mesh.indices.push(77);
        let mut scene = scene(vec![ClippedMesh { clip: whole(), mesh }]);
        scene.textures.push(TexturePatch { id: 0, at: Some((9, 9)), width: 1, height: 1, texels: vec![Color32::RED] });
        scene.textures.push(TexturePatch { id: 5, at: None, width: 9, height: 9, texels: Vec::new() });
        paint(&scene);
        scene.meshes.clear();
        scene.size = (10_000.0, 10_000.0);
        scene.pixels_per_point = 4.0;
        let picture = paint(&scene);
        assert!(u64::from(picture.width) * u64::from(picture.height) <= MOST_PIXELS + 20_000);
        assert_eq!(picture.width, picture.height);
    }
}
