//! Pictures for screens.

use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgba};

use super::frame::VideoFrame;
use crate::MediaError;

impl VideoFrame {
    /// Bytes of [`Self::write_rgba`]: four for each pixel.
    pub fn rgba_len(&self) -> usize {
        4 * self.width() as usize * self.height() as usize
    }

    /// Writes the picture as rows of R, G, B and A (opaque) into a buffer of [`Self::rgba_len`] bytes.
    ///
    /// # Errors
    /// Where the buffer has another size.
    pub fn write_rgba(&self, to: &mut [u8]) -> Result<(), MediaError> {
        let (width, height) = (self.width(), self.height());
        let chroma = width.div_ceil(2);
        let image = YuvPlanarImage {
            y_plane: self.y(),
            y_stride: width,
            u_plane: self.u(),
            u_stride: chroma,
            v_plane: self.v(),
            v_stride: chroma,
            width,
            height,
        };
        yuv420_to_rgba(&image, to, 4 * width, YuvRange::Limited, YuvStandardMatrix::Bt601)
            .map_err(|error| MediaError::Unsupported(format!("a picture cannot be shown: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(y: u8, u: u8, v: u8) -> [u8; 4] {
        let data = [[y; 4].as_slice(), &[u], &[v]].concat();
        let frame = VideoFrame::from_i420(2, 2, data, 0).unwrap();
        let mut rgba = vec![0; frame.rgba_len()];
        frame.write_rgba(&mut rgba).unwrap();
        assert!(rgba.chunks(4).all(|pixel| pixel == &rgba[..4]));
        [rgba[0], rgba[1], rgba[2], rgba[3]]
    }

    #[test]
    fn limited_range_of_bt601_becomes_black_white_and_the_primary_colours() {
        for ((y, u, v), wanted) in [
            ((16, 128, 128), [0, 0, 0]),
            ((235, 128, 128), [255, 255, 255]),
            ((81, 90, 240), [255, 0, 0]),
            ((145, 54, 34), [0, 255, 0]),
            ((41, 240, 110), [0, 0, 255]),
        ] {
            let [r, g, b, a] = pixel(y, u, v);
            let near = [r, g, b].iter().zip(wanted).all(|(is, wanted)| is.abs_diff(wanted) <= 2);
            assert!(near && a == 255, "{:?} is not {wanted:?}", [r, g, b, a]);
        }
    }

    #[test]
    fn a_buffer_of_another_size_is_refused() {
        let frame = VideoFrame::from_i420(4, 2, vec![0; 12], 0).unwrap();
        assert!(frame.write_rgba(&mut [0; 31]).is_err());
    }
}
