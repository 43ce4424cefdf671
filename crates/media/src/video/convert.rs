//! Makes I420 of what cameras give.
//!
//! Invariant: pictures come out in limited range with BT.601 coefficients, which is what VP8 decoders assume; a buffer
//! that is too short, or a JPEG without its end, is refused rather than shown half.

use turbojpeg::{Decompressor, Subsamp, YuvImage};
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPackedImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, rgb_to_yuv420,
    yuyv422_to_yuv420,
};

use super::frame::{FrameBuffer, FramePool, PlanesMut, check_size};
use crate::MediaError;

/// Layouts of pixels that cameras deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelLayout {
    /// 4:2:2, packed.
    Yuyv,
    /// 4:2:0, luma plane and one of interleaved chroma.
    Nv12,
    /// A JPEG per picture, with garbage after its end.
    Mjpeg,
    /// Three bytes a pixel.
    Rgb,
}

/// Converts pictures of one camera.
#[derive(Default)]
pub struct Converter {
    pool: FramePool,
    jpeg: Option<Decompressor>,
    /// Planes as the JPEG has them.
    scratch: Vec<u8>,
}

impl Converter {
    /// A converter with a pool of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Converts one picture. A JPEG's own size counts, else `width` x `height`.
    pub fn convert(
        &mut self,
        layout: PixelLayout,
        data: &[u8],
        width: u32,
        height: u32,
    ) -> Result<FrameBuffer, MediaError> {
        let pixels = width as usize * height as usize;
        let whole = |needed: usize| {
            data.get(..needed).ok_or_else(|| {
                unconvertible(format!("the camera gave {} bytes of {needed} for {width}x{height}", data.len()))
            })
        };
        match layout {
            PixelLayout::Mjpeg => self.convert_jpeg(data),
            PixelLayout::Nv12 => {
                let mut buffer = self.pool.buffer(width, height)?;
                split_nv12(whole(pixels * 3 / 2)?, buffer.planes_mut());
                Ok(buffer)
            }
            PixelLayout::Yuyv => {
                let mut buffer = self.pool.buffer(width, height)?;
                let packed = YuvPackedImage { yuy: whole(pixels * 2)?, yuy_stride: width * 2, width, height };
                yuyv422_to_yuv420(&mut planar(buffer.planes_mut(), width, height), &packed).map_err(unconvertible)?;
                Ok(buffer)
            }
            PixelLayout::Rgb => convert_rgb(&self.pool, whole(pixels * 3)?, width, height),
        }
    }

    fn convert_jpeg(&mut self, data: &[u8]) -> Result<FrameBuffer, MediaError> {
        let data = trim_jpeg(data).ok_or_else(|| unconvertible("a JPEG from the camera is not whole"))?;
        let jpeg = match &mut self.jpeg {
            Some(jpeg) => jpeg,
            none => none.insert(Decompressor::new().map_err(unconvertible)?),
        };
        let header = jpeg.read_header(data).map_err(unconvertible)?;
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (width, height) = (side(header.width), side(header.height));
        check_size(width, height)?;
        if !matches!(header.subsamp, Subsamp::Sub2x2 | Subsamp::Sub2x1) {
            self.scratch.resize(header.width * header.height * 3, 0);
            let rgb = turbojpeg::Image {
                pixels: &mut self.scratch[..],
                width: header.width,
                pitch: header.width * 3,
                height: header.height,
                format: turbojpeg::PixelFormat::RGB,
            };
            jpeg.decompress(data, rgb).map_err(unconvertible)?;
            return convert_rgb(&self.pool, &self.scratch, width, height);
        }
        // The library writes as much as the JPEG's own subsampling asks for, so the buffer must be sized by that.
        let len = turbojpeg::yuv_pixels_len(header.width, 1, header.height, header.subsamp).map_err(unconvertible)?;
        self.scratch.resize(len, 0);
        let image = YuvImage {
            pixels: &mut self.scratch[..],
            width: header.width,
            align: 1,
            height: header.height,
            subsamp: header.subsamp,
        };
        jpeg.decompress_to_yuv(data, image).map_err(unconvertible)?;

        let mut buffer = self.pool.buffer(width, height)?;
        let planes = buffer.planes_mut();
        let (luma, chroma) = self.scratch.split_at(planes.y.len());
        narrow(luma, planes.y, 219, 16);
        let (u, v) = chroma.split_at(chroma.len() / 2);
        for (from, to) in [(u, planes.u), (v, planes.v)] {
            if header.subsamp == Subsamp::Sub2x2 {
                narrow(from, to, 224, 16);
            } else {
                halve_rows(from, to, header.width / 2);
            }
        }
        Ok(buffer)
    }
}

fn unconvertible(error: impl std::fmt::Display) -> MediaError {
    MediaError::Unsupported(format!("a picture from the camera cannot be used: {error}"))
}

fn planar<'a>(planes: PlanesMut<'a>, width: u32, height: u32) -> YuvPlanarImageMut<'a, u8> {
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(planes.y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(planes.u),
        u_stride: width / 2,
        v_plane: BufferStoreMut::Borrowed(planes.v),
        v_stride: width / 2,
        width,
        height,
    }
}

fn convert_rgb(pool: &FramePool, rgb: &[u8], width: u32, height: u32) -> Result<FrameBuffer, MediaError> {
    let mut buffer = pool.buffer(width, height)?;
    rgb_to_yuv420(
        &mut planar(buffer.planes_mut(), width, height),
        rgb,
        width * 3,
        YuvRange::Limited,
        YuvStandardMatrix::Bt601,
        YuvConversionMode::Balanced,
    )
    .map_err(unconvertible)?;
    Ok(buffer)
}

fn split_nv12(data: &[u8], planes: PlanesMut<'_>) {
    let (luma, chroma) = data.split_at(planes.y.len());
    planes.y.copy_from_slice(luma);
    for ((pair, u), v) in chroma.chunks_exact(2).zip(planes.u).zip(planes.v) {
        (*u, *v) = (pair[0], pair[1]);
    }
}

/// From full range, as JPEG has it, to limited: `to = from * span / 255 + low`, rounded.
fn narrow(from: &[u8], to: &mut [u8], span: u16, low: u8) {
    for (from, to) in from.iter().zip(to) {
        // Exact division by 255 for 16 bits, in a form that compilers vectorise.
        let scaled = u16::from(*from) * span + 128;
        *to = ((scaled + (scaled >> 8)) >> 8) as u8 + low;
    }
}

/// 4:2:2 to 4:2:0: averages each two rows of chroma, then narrows them.
fn halve_rows(from: &[u8], to: &mut [u8], width: usize) {
    for (rows, to) in from.chunks_exact(width * 2).zip(to.chunks_exact_mut(width)) {
        let (upper, lower) = rows.split_at(width);
        for ((upper, lower), to) in upper.iter().zip(lower).zip(to.iter_mut()) {
            let scaled = (u16::from(*upper) + u16::from(*lower)) / 2 * 224 + 128;
            *to = ((scaled + (scaled >> 8)) >> 8) as u8 + 16;
        }
    }
}

/// The JPEG at the start of `data` without what follows its end; `None` if it has no start or no end.
///
/// Walks the segments (ITU-T T.81, annex B): inside of them an end marker means nothing, after the start of scan it is the
/// end, because entropy-coded data escapes 0xFF.
fn trim_jpeg(data: &[u8]) -> Option<&[u8]> {
    if !data.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
    loop {
        let [0xFF, marker] = *data.get(at..at + 2)? else { return None };
        let length = usize::from(u16::from_be_bytes([*data.get(at + 2)?, *data.get(at + 3)?]));
        at += 2 + length;
        if marker == 0xDA {
            break;
        }
    }
    let end = data.get(at..)?.windows(2).position(|pair| pair == [0xFF, 0xD9])?;
    Some(&data[..at + end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 64;
    const HEIGHT: usize = 32;

    /// Mean of a plane's left or right half.
    fn mean(plane: &[u8], width: usize, right: bool) -> u32 {
        let rows = plane.chunks_exact(width).map(|row| row.split_at(width / 2));
        let halves = rows.flat_map(|(l, r)| if right { r } else { l }.iter());
        halves.map(|byte| u32::from(*byte)).sum::<u32>() / (plane.len() / 2) as u32
    }

    /// Luma left and right, and chroma, within `slack`.
    fn assert_picture(mut buffer: FrameBuffer, luma: (u32, u32), chroma: (u32, u32), slack: u32) {
        assert_eq!((buffer.width() as usize, buffer.height() as usize), (WIDTH, HEIGHT));
        let planes = buffer.planes_mut();
        let got = [
            (mean(planes.y, WIDTH, false), luma.0),
            (mean(planes.y, WIDTH, true), luma.1),
            (mean(planes.u, WIDTH / 2, false), chroma.0),
            (mean(planes.v, WIDTH / 2, true), chroma.1),
        ];
        assert!(got.iter().all(|(got, want)| got.abs_diff(*want) <= slack), "{got:?}");
    }

    #[test]
    fn packed_and_semi_planar_pictures_keep_their_values() {
        let luma = |x: usize| if x < WIDTH / 2 { 60 } else { 200 };
        let mut yuyv = Vec::new();
        let mut nv12 = Vec::new();
        for _ in 0..HEIGHT {
            (0..WIDTH).step_by(2).for_each(|x| yuyv.extend([luma(x), 90, luma(x + 1), 160]));
            nv12.extend((0..WIDTH).map(luma));
        }
        nv12.extend([90, 160].repeat(WIDTH * HEIGHT / 4));
        let mut converter = Converter::new();
        for (layout, mut data) in [(PixelLayout::Yuyv, yuyv), (PixelLayout::Nv12, nv12)] {
            data.extend([7; 100]);
            let whole = converter.convert(layout, &data, WIDTH as u32, HEIGHT as u32).expect("converted");
            assert_picture(whole, (60, 200), (90, 160), 0);
            let short = converter.convert(layout, &data[..data.len() - 101], WIDTH as u32, HEIGHT as u32);
            assert!(short.is_err_and(|error| error.to_string().contains("bytes of")));
        }
    }

    fn rgb() -> Vec<u8> {
        let pixel = |x: usize| if x < WIDTH / 2 { [0, 0, 0] } else { [255, 255, 255] };
        (0..HEIGHT).flat_map(|_| (0..WIDTH).flat_map(pixel)).collect()
    }

    #[test]
    fn black_and_white_become_limited_range() {
        let rgb = rgb();
        let mut converter = Converter::new();
        let converted = converter.convert(PixelLayout::Rgb, &rgb, WIDTH as u32, HEIGHT as u32).expect("converted");
        assert_picture(converted, (16, 235), (128, 128), 1);

        let image = turbojpeg::Image {
            pixels: &rgb[..],
            width: WIDTH,
            pitch: WIDTH * 3,
            height: HEIGHT,
            format: turbojpeg::PixelFormat::RGB,
        };
        for subsampling in [Subsamp::Sub2x2, Subsamp::Sub2x1, Subsamp::None, Subsamp::Gray] {
            let mut jpeg = turbojpeg::compress(image, 90, subsampling).expect("a JPEG").to_vec();
            let whole = jpeg.len();
            jpeg.extend([0xFF, 0xD9, 0xAA, 0x55].repeat(100));
            // The size that the camera claims does not count.
            let converted = converter.convert(PixelLayout::Mjpeg, &jpeg, 2, 2).expect("converted");
            assert_picture(converted, (16, 235), (128, 128), 2);
            assert!(converter.convert(PixelLayout::Mjpeg, &jpeg[..whole - 2], 2, 2).is_err(), "{subsampling:?} cut");
        }
    }

    #[test]
    fn colours_of_a_jpeg_survive_both_subsamplings() {
        let rgb = [200u8, 30, 60].repeat(WIDTH * HEIGHT);
        let image = turbojpeg::Image {
            pixels: &rgb[..],
            width: WIDTH,
            pitch: WIDTH * 3,
            height: HEIGHT,
            format: turbojpeg::PixelFormat::RGB,
        };
        let mut converter = Converter::new();
        for subsampling in [Subsamp::Sub2x2, Subsamp::Sub2x1] {
            let jpeg = turbojpeg::compress(image, 95, subsampling).expect("a JPEG");
            let converted = converter.convert(PixelLayout::Mjpeg, &jpeg, 2, 2).expect("converted");
            // BT.601, limited: Y = 16 + 219 (0.299 R + 0.587 G + 0.114 B) / 255, and so on.
            assert_picture(converted, (88, 88), (116, 200), 2);
        }
    }

    #[test]
    fn damaged_jpegs_are_refused_or_shown_but_never_crash() {
        let rgb = rgb();
        let image = turbojpeg::Image {
            pixels: &rgb[..],
            width: WIDTH,
            pitch: WIDTH * 3,
            height: HEIGHT,
            format: turbojpeg::PixelFormat::RGB,
        };
        let jpeg = turbojpeg::compress(image, 90, Subsamp::Sub2x1).expect("a JPEG").to_vec();
        let mut converter = Converter::new();
        assert!(converter.convert(PixelLayout::Mjpeg, &[], 2, 2).is_err());
        assert!(converter.convert(PixelLayout::Mjpeg, &[0; 4096], 2, 2).is_err());
        for at in 0..jpeg.len() {
            let mut damaged = jpeg.clone();
            damaged[at] ^= 0x5A;
            // Either answer is right; what counts is that there is one.
            let _ = converter.convert(PixelLayout::Mjpeg, &damaged, 2, 2);
        }
    }
}
