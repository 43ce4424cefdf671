//! A painted frame as bytes for a painter elsewhere, such as WebGL2 in a page.
//!
//! Invariant: what is decoded is what was encoded; bytes that are cut off or lie about a length are refused without
//! taking memory for what is not there.
//!
//! All numbers are little endian and all parts are a multiple of 4 bytes long:
//!
//! ```text
//! header   u32 magic 0x31434c53 ("SLC1"), f32 width, f32 height (points), f32 pixels per point,
//!          u8 x4 background RGBA, u32 textures, u32 freed, u32 meshes
//! texture  u32 id, i32 x, i32 y, u32 width, u32 height, then width * height * (u8 x4 RGBA)
//!          x = y = -1: the whole texture, to be created or replaced; else a patch of it (texSubImage2D)
//! freed    u32 id: to be deleted once the meshes are painted
//! mesh     f32 x4 clip rectangle (left, top, right, bottom; points), u32 texture, u32 vertices, u32 indices,
//!          vertices * (f32 x, f32 y (points), f32 u, f32 v, u8 x4 RGBA), indices * u32 (triangles)
//!          vertices = 0xffffffff: the same as mesh number `texture` of the frame before, and nothing follows; only the
//!          clip rectangle is its own. A moving crosshair need not send all lines again.
//! ```
//!
//! Colours have premultiplied alpha in gamma space: clear with the background, enable `BLEND` with
//! `blendFunc(ONE, ONE_MINUS_SRC_ALPHA)`, let the fragment be the colour times the texel, no sRGB conversion, no
//! premultiplication on upload. Textures are `RGBA`, `LINEAR`, `CLAMP_TO_EDGE`. A point is at
//! `(2 x / width - 1, 1 - 2 y / height)`; the clip rectangle times pixels per point, rounded, is the scissor.

use egui::epaint::{Mesh, Vertex};
use egui::{Color32, Pos2, Rect, TextureId, pos2};

const MAGIC: u32 = u32::from_le_bytes(*b"SLC1");
const VERTEX_BYTES: usize = 20;
/// Instead of a number of vertices: the mesh is that of the frame before.
const KNOWN: u32 = u32::MAX;

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Another format, or none.
    #[error("this is no frame of charts")]
    Magic,
    /// Less than is announced.
    #[error("the frame is cut off")]
    Short,
    /// A mesh names a vertex that it does not have.
    #[error("the frame contradicts itself")]
    Index,
    /// It refers to a frame that is not at hand.
    #[error("the frame before this one is missing")]
    Before,
}

/// A texture, or a patch of one.
#[derive(Debug, Clone, PartialEq)]
pub struct TexturePatch {
    /// Which.
    pub id: u32,
    /// Where it goes, in texels; `None` where it is the whole texture.
    pub at: Option<(u32, u32)>,
    /// Texels.
    pub width: u32,
    /// Texels.
    pub height: u32,
    /// Row by row, premultiplied.
    pub texels: Vec<Color32>,
}

/// Triangles, and what of them is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct ClippedMesh {
    /// Nothing is painted outside.
    pub clip: Rect,
    /// The triangles.
    pub mesh: Mesh,
}

/// A frame, ready to be painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Size in points.
    pub size: (f32, f32),
    /// Pixels for each point.
    pub pixels_per_point: f32,
    /// What is behind everything.
    pub background: Color32,
    /// To be stored before anything is painted.
    pub textures: Vec<TexturePatch>,
    /// To be forgotten afterwards.
    pub freed: Vec<u32>,
    /// To be painted in this order.
    pub meshes: Vec<ClippedMesh>,
}

impl Scene {
    /// As bytes; see the head of this module. `before` is the last frame that went the same way.
    pub fn encode(&self, before: Option<&Self>) -> Vec<u8> {
        let texels: usize = self.textures.iter().map(|texture| 20 + 4 * texture.texels.len()).sum();
        let of_mesh = |mesh: &Mesh| VERTEX_BYTES * mesh.vertices.len() + 4 * mesh.indices.len();
        let known: Vec<Option<usize>> = self.meshes.iter().map(|clipped| before?.position(&clipped.mesh)).collect();
        let new = || self.meshes.iter().zip(&known).filter(|(_, known)| known.is_none());
        let meshes = 28 * self.meshes.len() + new().map(|(clipped, _)| of_mesh(&clipped.mesh)).sum::<usize>();
        let mut out = Out(Vec::with_capacity(32 + texels + 4 * self.freed.len() + meshes));
        out.u32(MAGIC);
        out.f32s(&[self.size.0, self.size.1, self.pixels_per_point]);
        out.color(self.background);
        for count in [self.textures.len(), self.freed.len(), self.meshes.len()] {
            out.u32(count as u32);
        }
        for texture in &self.textures {
            let (x, y) = texture.at.map_or((u32::MAX, u32::MAX), |at| at);
            for value in [texture.id, x, y, texture.width, texture.height] {
                out.u32(value);
            }
            texture.texels.iter().for_each(|texel| out.color(*texel));
        }
        self.freed.iter().for_each(|id| out.u32(*id));
        for (ClippedMesh { clip, mesh }, known) in self.meshes.iter().zip(known) {
            out.f32s(&[clip.min.x, clip.min.y, clip.max.x, clip.max.y]);
            if let Some(number) = known {
                [number as u32, KNOWN, 0].iter().for_each(|value| out.u32(*value));
                continue;
            }
            out.u32(texture_number(mesh.texture_id));
            out.u32(mesh.vertices.len() as u32);
            out.u32(mesh.indices.len() as u32);
            for Vertex { pos, uv, color } in &mesh.vertices {
                out.f32s(&[pos.x, pos.y, uv.x, uv.y]);
                out.color(*color);
            }
            mesh.indices.iter().for_each(|index| out.u32(*index));
        }
        out.0
    }

    fn position(&self, mesh: &Mesh) -> Option<usize> {
        self.meshes.iter().position(|known| known.mesh == *mesh)
    }

    /// Back from [`Scene::encode`], with the same `before`.
    ///
    /// # Errors
    /// Where the bytes are no frame.
    pub fn decode(bytes: &[u8], before: Option<&Self>) -> Result<Self, WireError> {
        let mut rest = In(bytes);
        if rest.u32()? != MAGIC {
            return Err(WireError::Magic);
        }
        let size = (rest.f32()?, rest.f32()?);
        let pixels_per_point = rest.f32()?;
        let background = rest.color()?;
        let (textures, freed, meshes) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let textures = (0..textures).map(|_| rest.texture()).collect::<Result<_, _>>()?;
        let freed = (0..freed).map(|_| rest.u32()).collect::<Result<_, _>>()?;
        let meshes = (0..meshes).map(|_| rest.mesh(before)).collect::<Result<_, _>>()?;
        Ok(Self { size, pixels_per_point, background, textures, freed, meshes })
    }
}

/// The number of a texture on the wire.
pub(crate) fn texture_number(id: TextureId) -> u32 {
    match id {
        TextureId::Managed(number) => number as u32,
        TextureId::User(number) => number as u32 | 1 << 31,
    }
}

struct Out(Vec<u8>);

impl Out {
    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn f32s(&mut self, values: &[f32]) {
        values.iter().for_each(|value| self.0.extend_from_slice(&value.to_le_bytes()));
    }

    fn color(&mut self, color: Color32) {
        self.0.extend_from_slice(&color.to_array());
    }
}

struct In<'a>(&'a [u8]);

impl In<'_> {
    fn take(&mut self, length: usize) -> Result<&[u8], WireError> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(head)
    }

    fn word(&mut self) -> Result<[u8; 4], WireError> {
        self.take(4)?.try_into().map_err(|_| WireError::Short)
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        self.word().map(u32::from_le_bytes)
    }

    fn f32(&mut self) -> Result<f32, WireError> {
        self.word().map(f32::from_le_bytes)
    }

    fn color(&mut self) -> Result<Color32, WireError> {
        let [r, g, b, a] = self.word()?;
        Ok(Color32::from_rgba_premultiplied(r, g, b, a))
    }

    /// Fails unless so many things of so many bytes are there.
    fn expect(&self, count: usize, bytes: usize) -> Result<usize, WireError> {
        let enough = count.checked_mul(bytes).is_some_and(|needed| needed <= self.0.len());
        if enough { Ok(count) } else { Err(WireError::Short) }
    }

    fn texture(&mut self) -> Result<TexturePatch, WireError> {
        let (id, x, y, width, height) = (self.u32()?, self.u32()?, self.u32()?, self.u32()?, self.u32()?);
        let count = (width as usize).checked_mul(height as usize).ok_or(WireError::Short)?;
        let texels = (0..self.expect(count, 4)?).map(|_| self.color()).collect::<Result<_, _>>()?;
        let at = ((x, y) != (u32::MAX, u32::MAX)).then_some((x, y));
        Ok(TexturePatch { id, at, width, height, texels })
    }

    fn mesh(&mut self, before: Option<&Scene>) -> Result<ClippedMesh, WireError> {
        let clip = Rect::from_min_max(self.pos()?, self.pos()?);
        let (texture, vertices, indices) = (self.u32()?, self.u32()?, self.u32()? as usize);
        if vertices == KNOWN {
            let known = before.and_then(|before| before.meshes.get(texture as usize)).ok_or(WireError::Before)?;
            return Ok(ClippedMesh { clip, mesh: known.mesh.clone() });
        }
        let texture_id = match texture {
            user if user >> 31 == 1 => TextureId::User(u64::from(user & !(1 << 31))),
            managed => TextureId::Managed(u64::from(managed)),
        };
        let vertices: Vec<Vertex> =
            (0..self.expect(vertices as usize, VERTEX_BYTES)?).map(|_| self.vertex()).collect::<Result<_, _>>()?;
        let indices: Vec<u32> = (0..self.expect(indices, 4)?).map(|_| self.u32()).collect::<Result<_, _>>()?;
        if indices.iter().any(|index| *index as usize >= vertices.len()) {
            return Err(WireError::Index);
        }
        Ok(ClippedMesh { clip, mesh: Mesh { indices, vertices, texture_id } })
    }

    fn pos(&mut self) -> Result<Pos2, WireError> {
        Ok(pos2(self.f32()?, self.f32()?))
    }

    fn vertex(&mut self) -> Result<Vertex, WireError> {
        Ok(Vertex { pos: self.pos()?, uv: self.pos()?, color: self.color()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        let mut mesh = Mesh::with_texture(TextureId::Managed(7));
        mesh.add_colored_triangle();
        Scene {
            size: (800.0, 600.5),
            pixels_per_point: 1.25,
            background: Color32::from_rgb(1, 2, 3),
            textures: vec![
                TexturePatch { id: 7, at: None, width: 2, height: 1, texels: vec![Color32::WHITE, Color32::RED] },
                TexturePatch { id: 7, at: Some((1, 0)), width: 1, height: 1, texels: vec![Color32::TRANSPARENT] },
            ],
            freed: vec![3, 9],
            meshes: vec![ClippedMesh { clip: Rect::from_min_max(pos2(1.0, 2.0), pos2(30.0, 40.0)), mesh }],
        }
    }

    trait Triangle {
        fn add_colored_triangle(&mut self);
    }

    impl Triangle for Mesh {
        fn add_colored_triangle(&mut self) {
            for (x, color) in [(0.0, Color32::RED), (10.0, Color32::from_rgba_unmultiplied(9, 200, 70, 40))] {
                self.vertices.push(Vertex { pos: pos2(x, 3.5), uv: pos2(0.25, x), color });
            }
            self.vertices.push(Vertex { pos: pos2(5.0, 9.0), uv: pos2(1.0, 0.0), color: Color32::BLUE });
            self.add_triangle(0, 1, 2);
        }
    }

    #[test]
    fn what_is_encoded_comes_back() {
        let scene = scene();
        let bytes = scene.encode(None);
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(&bytes[..4], b"SLC1");
        assert_eq!(Scene::decode(&bytes, None), Ok(scene));
    }

    #[test]
    fn the_layout_is_as_documented() {
        let bytes = scene().encode(None);
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(f32::from_bits(word(4)), 800.0);
        assert_eq!(bytes[16..20], [1, 2, 3, 255]);
        assert_eq!((word(20), word(24), word(28)), (2, 2, 1));
        assert_eq!((word(32), word(36) as i32, word(40) as i32, word(44), word(48)), (7, -1, -1, 2, 1));
        let mesh = 32 + (20 + 8) + (20 + 4) + 8;
        assert_eq!(f32::from_bits(word(mesh)), 1.0);
        assert_eq!((word(mesh + 16), word(mesh + 20), word(mesh + 24)), (7, 3, 3));
        assert_eq!(f32::from_bits(word(mesh + 28 + 4)), 3.5);
        assert_eq!(bytes.len(), mesh + 28 + 3 * 20 + 3 * 4);
    }

    #[test]
    fn a_mesh_of_the_frame_before_is_not_sent_again() {
        let before = scene();
        let mut after = scene();
        after.textures.clear();
        after.meshes[0].clip.max.x = 31.0;
        let mut other = after.meshes[0].clone();
        other.mesh.vertices[0].pos.x += 1.0;
        after.meshes.insert(0, other);
        let bytes = after.encode(Some(&before));
        assert_eq!(bytes.len(), 32 + 8 + (28 + 3 * 20 + 3 * 4) + 28);
        assert_eq!(Scene::decode(&bytes, Some(&before)), Ok(after));
        assert_eq!(Scene::decode(&bytes, None), Err(WireError::Before));
        let empty = Scene { meshes: Vec::new(), ..before };
        assert_eq!(Scene::decode(&bytes, Some(&empty)), Err(WireError::Before));
    }

    #[test]
    fn what_is_cut_off_or_lies_is_refused() {
        let bytes = scene().encode(None);
        for length in 0..bytes.len() {
            assert_eq!(Scene::decode(&bytes[..length], None), Err(WireError::Short), "{length}");
        }
        assert_eq!(Scene::decode(b"hello, world", None), Err(WireError::Magic));
        for at in (20..bytes.len()).step_by(4) {
            let mut liar = bytes.clone();
            liar[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            // Some words are colours or places and may be anything; none may cost memory or a panic.
            drop(Scene::decode(&liar, None));
        }
        let mut liar = bytes.clone();
        let last = liar.len() - 4;
        liar[last..].copy_from_slice(&3u32.to_le_bytes());
        assert_eq!(Scene::decode(&liar, None), Err(WireError::Index));
    }
}
