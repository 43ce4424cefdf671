//! A painted frame as pixels, for a page without a graphics card: what changed since the frame before, in runs.
//!
//! Invariant: who applies all frames in order has the picture; a frame in which nothing changed has no bytes.
//!
//! ```text
//! u32 magic 0x31504c53 ("SLP1"), u32 width, u32 height (pixels), then runs along the rows to the end; little endian
//! run      u32: in the upper two bits its kind, below them a number of pixels
//!          0  that many stay as they are
//!          1  one colour for that many: u32 follows
//!          2  that many colours follow
//! ```
//!
//! A colour is its bytes R, G, B, A. Where the size is another one than before nothing stays: the picture begins anew. Charts
//! are mostly background: a frame is some hundred KiB, a tenth of its pixels.

use std::ops::Range;

use egui::Color32;

use crate::raster::{Board, Picture};
use crate::wire::Scene;

const MAGIC: u32 = u32::from_le_bytes(*b"SLP1");
const FILL: u32 = 1 << 30;
const COPY: u32 = 2 << 30;
/// Below this many pixels a run of its own costs more than it saves.
const WORTH: usize = 3;

/// Rows above and below those that are seen, so that a turn of the wheel finds them painted.
const MARGIN: f32 = 120.0;

/// Paints frames and tells what changed.
#[derive(Debug, Default)]
pub(crate) struct Pixels {
    board: Board,
    before: Option<Picture>,
    /// Rows that show the last scene; the others show an older one.
    fresh: Range<u32>,
}

impl Pixels {
    /// Whether rows are seen that do not show the last scene.
    pub(crate) fn lacks(&self, seen: &Range<u32>) -> bool {
        let height = self.before.as_ref().map_or(0, |picture| picture.height);
        let seen = seen.start.min(height)..seen.end.min(height);
        seen.start < self.fresh.start || seen.end > self.fresh.end
    }

    /// The frame as bytes, of these rows and some around them; empty where it looks like the one before.
    pub(crate) fn encode(&mut self, scene: &Scene, seen: &Range<u32>) -> Vec<u8> {
        let margin = (MARGIN * scene.pixels_per_point) as u32;
        self.fresh = seen.start.saturating_sub(margin)..seen.end.saturating_add(margin);
        let picture = self.board.paint(scene, self.fresh.clone());
        let before = self.before.as_ref().filter(|it| (it.width, it.height) == (picture.width, picture.height));
        if before == Some(picture) {
            return Vec::new();
        }
        let width = picture.width as usize;
        let mut runs = Runs::default();
        for (number, row) in picture.pixels.chunks(width).enumerate() {
            runs.row(row, before.map(|before| &before.pixels[number * width..][..width]));
        }
        let words = [MAGIC, picture.width, picture.height].into_iter().chain(runs.words());
        let bytes = words.flat_map(u32::to_le_bytes).collect();
        match &mut self.before {
            Some(before) => before.clone_from(picture),
            none => *none = Some(picture.clone()),
        }
        bytes
    }
}

/// The runs so far; the last kind goes on where it can.
#[derive(Debug, Default)]
struct Runs {
    words: Vec<u32>,
    /// Pixels at the end that stay.
    kept: usize,
    /// Where the word of a run of copied pixels stands, if that run is the last.
    copying: Option<usize>,
}

impl Runs {
    fn row(&mut self, row: &[Color32], before: Option<&[Color32]>) {
        if before == Some(row) {
            return self.keep(row.len());
        }
        let mut at = 0;
        while at < row.len() {
            let rest = &row[at..];
            let kept = before.map_or(0, |before| rest.iter().zip(&before[at..]).take_while(|(a, b)| a == b).count());
            let alike = rest.iter().take_while(|pixel| **pixel == rest[0]).count();
            if kept >= WORTH && kept >= alike {
                self.keep(kept);
                at += kept;
            } else if alike >= WORTH {
                self.fill(rest[0], alike);
                at += alike;
            } else {
                self.copy(rest[0]);
                at += 1;
            }
        }
    }

    fn keep(&mut self, count: usize) {
        self.kept += count;
        self.copying = None;
    }

    fn fill(&mut self, color: Color32, count: usize) {
        self.end_kept();
        self.copying = None;
        self.words.extend([FILL | count as u32, word(color)]);
    }

    fn copy(&mut self, color: Color32) {
        self.end_kept();
        let at = *self.copying.get_or_insert_with(|| {
            self.words.push(COPY);
            self.words.len() - 1
        });
        self.words[at] += 1;
        self.words.push(word(color));
    }

    fn end_kept(&mut self) {
        if self.kept > 0 {
            self.words.push(self.kept as u32);
            self.kept = 0;
        }
    }

    /// What stays at the end need not be said.
    fn words(self) -> Vec<u32> {
        self.words
    }
}

fn word(color: Color32) -> u32 {
    u32::from_le_bytes(color.to_array())
}

#[cfg(test)]
mod tests {
    use egui::epaint::{Mesh, Vertex};
    use egui::{Rect, TextureId, pos2};

    use super::*;
    use crate::wire::{ClippedMesh, TexturePatch};

    const ALL: Range<u32> = 0..u32::MAX;

    /// What the page does.
    fn apply(bytes: &[u8], to: &mut (u32, u32, Vec<u32>)) {
        let mut words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        assert_eq!(words.next(), Some(MAGIC));
        let size = (words.next().unwrap(), words.next().unwrap());
        if (to.0, to.1) != size {
            *to = (size.0, size.1, vec![0; (size.0 * size.1) as usize]);
        }
        let mut at = 0;
        while let Some(word) = words.next() {
            let count = (word & 0x3fff_ffff) as usize;
            match word >> 30 {
                0 => {}
                1 => to.2[at..at + count].fill(words.next().unwrap()),
                2 => to.2[at..at + count].iter_mut().for_each(|pixel| *pixel = words.next().unwrap()),
                other => panic!("kind {other}"),
            }
            at += count;
        }
    }

    fn scene(width: f32, boxes: &[(Rect, Color32)]) -> Scene {
        let mut mesh = Mesh::with_texture(TextureId::Managed(0));
        for (rect, color) in boxes {
            let first = mesh.vertices.len() as u32;
            for pos in [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom()] {
                mesh.vertices.push(Vertex { pos, uv: pos2(0.0, 0.0), color: *color });
            }
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first, first + 2, first + 3);
        }
        let clip = Rect::from_min_max(pos2(0.0, 0.0), pos2(width, 20.0));
        Scene {
            size: (width, 20.0),
            pixels_per_point: 1.0,
            background: Color32::BLACK,
            textures: vec![TexturePatch { id: 0, at: None, width: 1, height: 1, texels: vec![Color32::WHITE] }],
            freed: Vec::new(),
            meshes: vec![ClippedMesh { clip, mesh }],
        }
    }

    fn at(x: f32, y: f32, width: f32, height: f32) -> Rect {
        Rect::from_min_max(pos2(x, y), pos2(x + width, y + height))
    }

    #[test]
    fn frames_applied_in_order_are_the_pictures() {
        let (red, soft) = (Color32::RED, Color32::from_rgba_premultiplied(0, 60, 0, 90));
        let scenes = [
            scene(30.0, &[(at(2.0, 2.0, 10.0, 10.0), red)]),
            scene(30.0, &[(at(3.0, 2.0, 10.0, 10.0), red), (at(1.0, 1.0, 1.0, 18.0), soft)]),
            scene(30.0, &[]),
            scene(41.0, &[(at(0.0, 0.0, 41.0, 20.0), soft), (at(40.0, 19.0, 1.0, 1.0), red)]),
        ];
        let (mut pixels, mut page) = (Pixels::default(), (0, 0, Vec::new()));
        for scene in &scenes {
            apply(&pixels.encode(scene, &ALL), &mut page);
            let wanted: Vec<u32> = crate::raster::paint(scene).pixels.into_iter().map(word).collect();
            assert!(page.2 == wanted, "{} x {}", page.0, page.1);
            assert!(pixels.encode(scene, &ALL).is_empty(), "nothing is new");
        }
    }

    #[test]
    fn rows_that_come_into_sight_are_brought_up_to_date() {
        let tall = |x: f32| {
            let mut scene = scene(10.0, &[(at(x, 0.0, 2.0, 1000.0), Color32::RED)]);
            (scene.size.1, scene.meshes[0].clip.max.y) = (1000.0, 1000.0);
            scene
        };
        let (mut pixels, mut page) = (Pixels::default(), (0, 0, Vec::new()));
        let (top, bottom) = (0..100, 700..800);
        apply(&pixels.encode(&tall(1.0), &top), &mut page);
        assert!(!pixels.lacks(&top) && pixels.lacks(&bottom));
        apply(&pixels.encode(&tall(4.0), &top), &mut page);
        apply(&pixels.encode(&tall(4.0), &bottom), &mut page);
        assert!(!pixels.lacks(&bottom) && pixels.lacks(&top));
        let red = |page: &(u32, u32, Vec<u32>), x: usize, y: usize| page.2[y * 10 + x] == word(Color32::RED);
        for row in [0, 99, 700, 799] {
            assert!(red(&page, 4, row) && !red(&page, 1, row), "row {row}");
        }
        assert!(!red(&page, 4, 400), "nobody sees it");
    }

    #[test]
    fn what_moves_little_costs_little() {
        let mut pixels = Pixels::default();
        let first = pixels.encode(&scene(1000.0, &[(at(2.0, 2.0, 1.0, 10.0), Color32::RED)]), &ALL);
        let moved = pixels.encode(&scene(1000.0, &[(at(3.0, 2.0, 1.0, 10.0), Color32::RED)]), &ALL);
        assert!(first.len() < 600 && moved.len() < 300, "{} and {} bytes", first.len(), moved.len());
    }
}
