//! A moving test picture that carries its own number.
//!
//! Invariant: frame `n` of a size is always the same picture, and [`read_frame_counter`] finds `n` in it again, also after
//! a codec at low bitrate or a change of size that keeps the shape.
//!
//! What it shows is made to load an encoder as a camera does: a textured background that drifts, discs that cross it, and
//! a little noise.

use std::path::Path;

use super::frame::{FramePool, PlanesMut, VideoFrame, check_size};
use super::y4m::{Y4mFormat, Y4mWriter};
use crate::MediaError;

/// How far the background drifts, in pixels each way.
const DRIFT: usize = 96;
/// Bits of the number; it starts again after 2^20 frames, nearly ten hours at 30 a second.
const NUMBER_BITS: u32 = 20;
/// Check bits behind them.
const CHECK_BITS: u32 = 4;
/// Cells in a row of the counter, and rows.
const CELLS: (u32, u32) = (12, 2);
/// Cells that would fit side by side in the picture's width.
const CELLS_ACROSS: u32 = 32;

/// Draws the pattern in one size.
pub struct Pattern {
    width: usize,
    height: usize,
    /// Wider and higher than the picture by [`DRIFT`], so that each row of a frame is one copy.
    luma: Vec<u8>,
    chroma: [Vec<u8>; 2],
    /// Added to luma from another place each frame. Small, around zero.
    noise: Vec<u8>,
}

impl Pattern {
    /// Prepares the background.
    pub fn new(width: u32, height: u32) -> Result<Self, MediaError> {
        check_size(width, height)?;
        let (width, height) = (width as usize, height as usize);
        let mut random = Random(0x5167_4c1e);
        let (wide, high) = (width + DRIFT, height + DRIFT);
        let waves: Vec<f32> = (0..wide).map(|x| (x as f32 * 0.021).sin() * 28.0).collect();
        let mut luma = Vec::with_capacity(wide * high);
        for y in 0..high {
            let slope = (y as f32 * 0.017).cos() * 26.0;
            // Bricks of random brightness give edges, the grain within them texture.
            luma.extend(waves.iter().enumerate().map(|(x, wave)| {
                let brick = hash(x / 23 + (y / 13 % 2) * 7, y / 13) % 56;
                let grain = hash(x, y) % 9;
                (88.0 + wave + slope) as u8 + brick as u8 + grain as u8
            }));
        }
        let plane = |salt: usize| {
            let cell = |x: usize, y: usize| 108 + (hash(x / 29 + salt, y / 17) % 40) as u8;
            (0..high / 2).flat_map(|y| (0..wide / 2).map(move |x| cell(x, y))).collect()
        };
        let noise = (0..width * height + 4096).map(|_| ((random.next() % 5) as u8).wrapping_sub(2)).collect();
        Ok(Self { width, height, luma, chroma: [plane(1000), plane(2000)], noise })
    }

    /// Draws frame `number`.
    pub fn draw(&self, number: u64, planes: PlanesMut<'_>) {
        let (width, height) = (self.width, self.height);
        // Two periods without common divisor: the path over the background takes long to close.
        let (left, top) = (sway(number, 210), sway(number, 143));
        let start = hash(number as usize, 77) % 4096;
        for (row, to) in planes.y.chunks_exact_mut(width).enumerate() {
            let from = &self.luma[(row + top) * (width + DRIFT) + left..][..width];
            let noise = &self.noise[start + row * width..][..width];
            for ((to, from), noise) in to.iter_mut().zip(from).zip(noise) {
                *to = from.wrapping_add(*noise);
            }
        }
        for (plane, to) in self.chroma.iter().zip([&mut *planes.u, &mut *planes.v]) {
            for (row, to) in to.chunks_exact_mut(width / 2).enumerate() {
                let from = &plane[(row + top / 2) * ((width + DRIFT) / 2) + left / 2..];
                to.copy_from_slice(&from[..width / 2]);
            }
        }
        let radius = height / 7;
        for (disc, (luma, u, v)) in [(60, 90, 180), (205, 170, 100), (130, 60, 90)].into_iter().enumerate() {
            let pace = 3 + disc * 2;
            let x = bounce(number as usize * pace + disc * 311, width);
            let y = bounce(number as usize * (pace - 1) + disc * 173, height);
            draw_disc(planes.y, (width, height), (x, y), radius, luma);
            draw_disc(planes.u, (width / 2, height / 2), (x / 2, y / 2), radius / 2, u);
            draw_disc(planes.v, (width / 2, height / 2), (x / 2, y / 2), radius / 2, v);
        }
        draw_counter(number, planes, width);
    }
}

/// There and back within [`DRIFT`], two pixels at a time, so that chroma moves with luma.
fn sway(number: u64, period: u64) -> usize {
    let angle = (number % period) as f32 / period as f32 * std::f32::consts::TAU;
    ((angle.sin() + 1.0) / 2.0 * (DRIFT - 2) as f32) as usize / 2 * 2
}

/// Moves to and fro between 0 and `length`.
fn bounce(travelled: usize, length: usize) -> usize {
    let there = travelled % (2 * length);
    if there < length { there } else { 2 * length - 1 - there }
}

fn draw_disc(plane: &mut [u8], size: (usize, usize), centre: (usize, usize), radius: usize, value: u8) {
    let rows = centre.1.saturating_sub(radius)..(centre.1 + radius).min(size.1);
    for y in rows {
        let rise = y.abs_diff(centre.1);
        let half = (radius * radius - rise * rise).isqrt();
        let (from, to) = (centre.0.saturating_sub(half), (centre.0 + half).min(size.0));
        plane[y * size.0 + from..y * size.0 + to].fill(value);
    }
}

/// The bits that stand for a number: its Gray code, in which one cell changes from frame to frame, and a check over it
/// that neither an all-black nor an all-white picture fulfils.
fn code(number: u64) -> u32 {
    let number = (number as u32) & ((1 << NUMBER_BITS) - 1);
    let gray = number ^ (number >> 1);
    let check = (0..NUMBER_BITS).step_by(CHECK_BITS as usize).fold(0b1010, |sum, at| sum ^ (gray >> at));
    gray << CHECK_BITS | (check & ((1 << CHECK_BITS) - 1))
}

/// Edges of cell `index` in pixels: left, right, top, bottom.
fn cell(index: u32, width: usize) -> (usize, usize, usize, usize) {
    let edge = |at: u32| at as usize * width / CELLS_ACROSS as usize;
    let (column, row) = (index % CELLS.0, index / CELLS.0);
    (edge(column), edge(column + 1), edge(row), edge(row + 1))
}

fn draw_counter(number: u64, planes: PlanesMut<'_>, width: usize) {
    let code = code(number);
    for index in 0..NUMBER_BITS + CHECK_BITS {
        let (left, right, top, bottom) = cell(index, width);
        let value = if code >> index & 1 == 1 { 224 } else { 24 };
        for row in planes.y.chunks_exact_mut(width).take(bottom).skip(top) {
            row[left..right].fill(value);
        }
    }
    let (_, right, _, bottom) = cell(NUMBER_BITS + CHECK_BITS - 1, width);
    for plane in [planes.u, planes.v] {
        plane.chunks_exact_mut(width / 2).take(bottom / 2).for_each(|row| row[..right / 2].fill(128));
    }
}

/// The number that the pattern drew into this picture, modulo 2^20; `None` if it cannot be told.
pub fn read_frame_counter(frame: &VideoFrame) -> Option<u64> {
    let width = frame.width() as usize;
    let mut code_read = 0;
    for index in 0..NUMBER_BITS + CHECK_BITS {
        let (left, right, top, bottom) = cell(index, width);
        // The middle of the cell: its edges are blurred.
        let (inset_x, inset_y) = ((right - left) / 4, (bottom - top) / 4);
        let (mut sum, mut count) = (0u32, 0u32);
        for row in frame.y().chunks_exact(width).take(bottom - inset_y).skip(top + inset_y) {
            for luma in &row[left + inset_x..right - inset_x] {
                sum += u32::from(*luma);
                count += 1;
            }
        }
        match sum.checked_div(count)? {
            0..=92 => {}
            156..=255 => code_read |= 1 << index,
            _ => return None,
        }
    }
    let mut number = code_read >> CHECK_BITS;
    for shift in [1, 2, 4, 8, 16] {
        number ^= number >> shift;
    }
    (code(u64::from(number)) == code_read).then_some(u64::from(number))
}

/// Writes a clip of the pattern.
pub fn write_test_clip(path: &Path, width: u32, height: u32, fps: u32, seconds: u32) -> Result<(), MediaError> {
    let pattern = Pattern::new(width, height)?;
    let pool = FramePool::default();
    let mut writer = Y4mWriter::create(path, Y4mFormat { width, height, rate: (fps, 1) })?;
    for number in 0..u64::from(fps) * u64::from(seconds) {
        let mut buffer = pool.buffer(width, height)?;
        pattern.draw(number, buffer.planes_mut());
        writer.write(&buffer.freeze(0))?;
    }
    writer.finish()
}

/// Spreads coordinates over all values (the finaliser of MurmurHash3).
fn hash(x: usize, y: usize) -> usize {
    let mut bits = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    bits = (bits ^ bits >> 16).wrapping_mul(0x85EB_CA6B);
    bits = (bits ^ bits >> 13).wrapping_mul(0xC2B2_AE35);
    (bits ^ bits >> 16) as usize
}

/// Xorshift (Marsaglia): enough for noise.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::y4m::Y4mReader;
    use super::super::{Scaler, frame::i420_len};
    use super::*;

    fn draw(pattern: &Pattern, number: u64, width: u32, height: u32) -> VideoFrame {
        let mut buffer = FramePool::default().buffer(width, height).expect("buffer");
        pattern.draw(number, buffer.planes_mut());
        buffer.freeze(0)
    }

    #[test]
    fn the_counter_is_read_in_each_size() {
        for (width, height) in [(1280, 720), (640, 360), (320, 180), (176, 144), (480, 640)] {
            let pattern = Pattern::new(width, height).expect("a pattern");
            for number in [0, 1, 2, 29, 1023, 1024, 99_999, (1 << 20) - 1] {
                assert_eq!(
                    read_frame_counter(&draw(&pattern, number, width, height)),
                    Some(number),
                    "{width}x{height}"
                );
            }
            assert_eq!(read_frame_counter(&draw(&pattern, 1 << 20, width, height)), Some(0));
        }
    }

    #[test]
    fn the_counter_survives_a_change_of_size() {
        let pattern = Pattern::new(1280, 720).expect("a pattern");
        let small = Scaler::new().fit(&draw(&pattern, 4711, 1280, 720), 320, 240).expect("scaled");
        assert_eq!(read_frame_counter(&small), Some(4711));
    }

    #[test]
    fn pictures_without_a_counter_have_no_number() {
        for level in [0, 16, 128, 235, 255] {
            let flat = VideoFrame::from_i420(640, 360, vec![level; i420_len(640, 360)], 0).expect("a picture");
            assert_eq!(read_frame_counter(&flat), None, "level {level}");
        }
    }

    #[test]
    fn the_picture_moves_and_stays_within_range() {
        let pattern = Pattern::new(640, 360).expect("a pattern");
        let (one, two) = (draw(&pattern, 10, 640, 360), draw(&pattern, 11, 640, 360));
        let changed = one.y().iter().zip(two.y()).filter(|(a, b)| a.abs_diff(**b) > 8).count();
        assert!(changed > 640 * 360 / 10, "only {changed} pixels changed");
        assert!(one.y().iter().all(|luma| (16..=235).contains(luma)));
    }

    #[test]
    fn a_written_clip_holds_its_numbers_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("clip.y4m");
        write_test_clip(&path, 160, 120, 15, 2).expect("written");
        let mut reader = Y4mReader::open(&path).expect("opened");
        assert_eq!(reader.format().rate, (15, 1));
        let pool = FramePool::default();
        for expected in (0..30).chain([0]) {
            let (number, buffer) = reader.next_frame(&pool).expect("a picture");
            assert_eq!((number, read_frame_counter(&buffer.freeze(0))), (expected, Some(expected)));
        }
    }
}
