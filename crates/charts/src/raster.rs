//! Paints a [`Scene`] into a picture, without a graphics card.
//!
//! Invariant: a pixel on the edge that two triangles share is painted once, by one of them (the top-left rule of
//! rasterisers), so that translucent areas have no seams.

use std::collections::HashMap;

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
    let scale = fitting(scene);
    let size = |points: f32| (points * scale).round().clamp(1.0, 16_384.0) as u32;
    let (width, height) = (size(scene.size.0), size(scene.size.1));
    let mut picture = Picture { width, height, pixels: vec![scene.background; width as usize * height as usize] };
    let mut textures: HashMap<u32, Texture> = HashMap::new();
    scene.textures.iter().for_each(|patch| store(&mut textures, patch));
    for clipped in &scene.meshes {
        if let Some(texture) = textures.get(&texture_number(clipped.mesh.texture_id)) {
            paint_mesh(&mut picture, clipped, texture, scale);
        }
    }
    picture
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
type Bounds = [i64; 4];

fn paint_mesh(picture: &mut Picture, clipped: &ClippedMesh, texture: &Texture, scale: f32) {
    let bounds = pixels(clipped.clip, scale, picture);
    let vertices = &clipped.mesh.vertices;
    for triangle in clipped.mesh.indices.chunks_exact(3) {
        let corner = |number: usize| vertices.get(triangle[number] as usize);
        if let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) {
            paint_triangle(picture, [a, b, c], texture, scale, bounds);
        }
    }
}

fn pixels(clip: Rect, scale: f32, picture: &Picture) -> Bounds {
    let pixel = |points: f32, most: u32| ((points * scale).round() as i64).clamp(0, i64::from(most));
    let (width, height) = (picture.width, picture.height);
    [pixel(clip.min.x, width), pixel(clip.min.y, height), pixel(clip.max.x, width), pixel(clip.max.y, height)]
}

/// Twice the area of the triangle a, b, p; positive where p is on the inner side of the edge from a to b.
fn edge(a: [f64; 2], b: [f64; 2], p: [f64; 2]) -> f64 {
    (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
}

/// Whether pixels exactly on an edge belong to the triangle.
fn owns(a: [f64; 2], b: [f64; 2]) -> bool {
    a[1] > b[1] || (a[1] == b[1] && b[0] > a[0])
}

fn paint_triangle(picture: &mut Picture, mut corners: [&Vertex; 3], texture: &Texture, scale: f32, bounds: Bounds) {
    let place = |vertex: &Vertex| [f64::from(vertex.pos.x * scale), f64::from(vertex.pos.y * scale)];
    let area = edge(place(corners[0]), place(corners[1]), place(corners[2]));
    if area == 0.0 || !area.is_finite() {
        return;
    }
    if area < 0.0 {
        corners.swap(1, 2);
    }
    let [a, b, c] = corners.map(place);
    let area = area.abs();
    let least = |axis: usize| (a[axis].min(b[axis]).min(c[axis]) - 0.5).ceil() as i64;
    let most = |axis: usize| (a[axis].max(b[axis]).max(c[axis]) - 0.5).floor() as i64 + 1;
    let owned = [owns(b, c), owns(c, a), owns(a, b)];
    let plain = corners.iter().all(|corner| corner.color == corners[0].color && corner.uv == corners[0].uv);
    let plain = plain.then(|| shade(corners, [1.0, 0.0, 0.0], texture));
    for y in least(1).max(bounds[1])..most(1).min(bounds[3]) {
        let row = y as usize * picture.width as usize;
        for x in least(0).max(bounds[0])..most(0).min(bounds[2]) {
            let p = [x as f64 + 0.5, y as f64 + 0.5];
            let weights = [edge(b, c, p), edge(c, a, p), edge(a, b, p)];
            if weights.iter().zip(owned).all(|(weight, owned)| *weight > 0.0 || (owned && *weight == 0.0)) {
                let color =
                    plain.unwrap_or_else(|| shade(corners, weights.map(|weight| (weight / area) as f32), texture));
                let pixel = &mut picture.pixels[row + x as usize];
                *pixel = over(color, *pixel);
            }
        }
    }
}

/// The colour times the texel at a place within a triangle.
fn shade(corners: [&Vertex; 3], weights: [f32; 3], texture: &Texture) -> Color32 {
    let mixed = |of: &dyn Fn(&Vertex) -> f32| corners.iter().zip(weights).map(|(c, w)| of(c) * w).sum::<f32>();
    let texel = |share: f32, size: usize| ((share * size as f32).max(0.0) as usize).min(size - 1);
    let (u, v) = (texel(mixed(&|c| c.uv.x), texture.width), texel(mixed(&|c| c.uv.y), texture.height));
    let texel = texture.texels[v * texture.width + u];
    let channel = |number: usize| {
        let color = mixed(&|c| f32::from(c.color.to_array()[number]));
        (color * f32::from(texel.to_array()[number]) / 255.0).round().clamp(0.0, 255.0) as u8
    };
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
