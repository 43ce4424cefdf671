//! Changes the size of pictures.
//!
//! Invariant: pictures keep their shape (width to height). For sending they are made to fit inside of the wanted size and
//! never enlarged; into a recording of fixed size they are fitted with black bars. Sides stay even.

use fast_image_resize as fir;
use fir::images::{TypedImage, TypedImageRef};
use fir::pixels::U8;
use fir::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::frame::{FramePool, VideoFrame};
use crate::MediaError;

/// Luma and chroma of black in limited range (ITU-R BT.601).
const BLACK: (u8, u8) = (16, 128);

/// Scales pictures, with memory of its own to be reused.
#[derive(Default)]
pub struct Scaler {
    resizer: Resizer,
    pool: FramePool,
}

impl Scaler {
    /// A scaler with its own pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// The picture made to fit inside of `width` x `height`; the same one if it already does.
    pub fn fit(&mut self, frame: &VideoFrame, width: u32, height: u32) -> Result<VideoFrame, MediaError> {
        if frame.width() <= width && frame.height() <= height {
            return Ok(frame.clone());
        }
        let (width, height) = fit_size((frame.width(), frame.height()), (width, height));
        self.stretch(frame, width, height)
    }

    /// The picture in exactly this size, which is to be of the same shape but for rounding; the same one if it already is.
    pub(super) fn exact(&mut self, frame: &VideoFrame, size: (u32, u32)) -> Result<VideoFrame, MediaError> {
        if (frame.width(), frame.height()) == size { Ok(frame.clone()) } else { self.stretch(frame, size.0, size.1) }
    }

    /// The picture in the middle of one of exactly `width` x `height`, with black bars where its shape differs.
    pub fn letterbox(&mut self, frame: &VideoFrame, width: u32, height: u32) -> Result<VideoFrame, MediaError> {
        let inner = fit_size((frame.width(), frame.height()), (width, height));
        let scaled = if inner == (frame.width(), frame.height()) {
            frame.clone()
        } else {
            self.stretch(frame, inner.0, inner.1)?
        };
        if inner == (width, height) {
            return Ok(scaled);
        }
        let mut boxed = self.pool.buffer(width, height)?;
        let planes = boxed.planes_mut();
        // Even on the luma plane, so that the chroma planes take half of it.
        let (left, top) = ((width - inner.0) / 4 * 2, (height - inner.1) / 4 * 2);
        for (target, source, black, part) in
            [(planes.y, scaled.y(), BLACK.0, 1), (planes.u, scaled.u(), BLACK.1, 2), (planes.v, scaled.v(), BLACK.1, 2)]
        {
            target.fill(black);
            let rows = target.chunks_exact_mut((width / part) as usize).skip((top / part) as usize);
            for (to, from) in rows.zip(source.chunks_exact((inner.0 / part) as usize)) {
                to[(left / part) as usize..][..from.len()].copy_from_slice(from);
            }
        }
        Ok(boxed.freeze(frame.captured_us()).marked_like(frame))
    }

    fn stretch(&mut self, frame: &VideoFrame, width: u32, height: u32) -> Result<VideoFrame, MediaError> {
        // Averaging over a box is the cheapest way to make smaller without flicker; it enlarges badly.
        let filter = if width <= frame.width() { FilterType::Box } else { FilterType::Bilinear };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        let mut scaled = self.pool.buffer(width, height)?;
        let planes = scaled.planes_mut();
        for (target, source, part) in [(planes.y, frame.y(), 1), (planes.u, frame.u(), 2), (planes.v, frame.v(), 2)] {
            let source = TypedImageRef::<U8>::from_buffer(frame.width() / part, frame.height() / part, source)
                .map_err(unscalable)?;
            let mut target = TypedImage::<U8>::from_buffer(width / part, height / part, target).map_err(unscalable)?;
            // Typed: the untyped call builds kernels for each pixel type into this crate, minutes of compilation.
            self.resizer.resize_typed(&source, &mut target, &options).map_err(unscalable)?;
        }
        Ok(scaled.freeze(frame.captured_us()).marked_like(frame))
    }
}

fn unscalable(error: impl std::fmt::Display) -> MediaError {
    MediaError::Unsupported(format!("the picture cannot be scaled: {error}"))
}

/// The largest even size of the shape of `from` that fits inside of `into`.
pub(super) fn fit_size(from: (u32, u32), into: (u32, u32)) -> (u32, u32) {
    let (from_width, from_height) = (u64::from(from.0), u64::from(from.1));
    let (width, height) = (u64::from(into.0), u64::from(into.1));
    let even = |side: u64, limit: u32| ((side.div_ceil(2) * 2) as u32).clamp(2, limit.max(2));
    if from_width * height >= from_height * width {
        (into.0, even((from_height * width + from_width / 2) / from_width, into.1))
    } else {
        (even((from_width * height + from_height / 2) / from_height, into.0), into.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left half dark, right half bright, one colour.
    fn two_halves(width: u32, height: u32) -> VideoFrame {
        let mut buffer = FramePool::default().buffer(width, height).expect("buffer");
        let planes = buffer.planes_mut();
        for row in planes.y.chunks_exact_mut(width as usize) {
            row[..width as usize / 2].fill(40);
            row[width as usize / 2..].fill(200);
        }
        planes.u.fill(90);
        planes.v.fill(170);
        buffer.freeze(5).with_index(3)
    }

    #[test]
    fn sizes_keep_their_shape_and_stay_even() {
        assert_eq!(fit_size((1280, 720), (640, 360)), (640, 360));
        assert_eq!(fit_size((640, 480), (1280, 720)), (960, 720));
        assert_eq!(fit_size((1920, 1080), (640, 640)), (640, 360));
        assert_eq!(fit_size((1000, 562), (320, 320)), (320, 180));
        assert_eq!(fit_size((4096, 2), (64, 64)), (64, 2));
        assert_eq!(fit_size((2, 4096), (64, 64)), (2, 64));
    }

    #[test]
    fn fitting_makes_smaller_and_never_larger() {
        let mut scaler = Scaler::new();
        let small = scaler.fit(&two_halves(1280, 720), 640, 480).expect("scaled");
        assert_eq!((small.width(), small.height(), small.index(), small.captured_us()), (640, 360, Some(3), 5));
        assert_eq!((small.y()[10], small.y()[630], small.u()[0], small.v()[0]), (40, 200, 90, 170));
        let same = scaler.fit(&two_halves(320, 240), 640, 480).expect("kept");
        assert_eq!((same.width(), same.height()), (320, 240));
    }

    #[test]
    fn a_picture_of_another_shape_gets_black_bars() {
        let boxed = Scaler::new().letterbox(&two_halves(320, 240), 1280, 720).expect("boxed");
        assert_eq!((boxed.width(), boxed.height()), (1280, 720));
        let row = &boxed.y()[360 * 1280..][..1280];
        assert_eq!((row[0], row[159], row[170], row[1110], row[1120]), (16, 16, 40, 200, 16));
        let chroma = &boxed.u()[180 * 640..][..640];
        assert_eq!((chroma[0], chroma[79], chroma[90], chroma[560]), (128, 128, 90, 128));
    }
}
