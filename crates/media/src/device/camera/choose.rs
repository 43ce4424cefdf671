//! Which of a camera's formats to ask for.
//!
//! Invariant: only formats that can be converted are chosen; a smooth picture goes before a large one, and among formats of
//! the same size and rate the one that costs the least to convert wins. Pure.

use nokhwa::utils::CameraFormat;

use super::{CameraWish, FORMATS};
use crate::video::MAX_SIDE;

/// The best format for what is wanted.
pub(super) fn choose(formats: &[CameraFormat], wish: &CameraWish) -> Option<CameraFormat> {
    let usable = formats.iter().filter(|format| FORMATS.contains(&format.format()) && usable_size(format));
    usable.min_by_key(|format| cost(format, wish)).copied()
}

fn usable_size(format: &CameraFormat) -> bool {
    let fine = |side: u32| side.is_multiple_of(2) && (2..=MAX_SIDE).contains(&side);
    fine(format.width()) && fine(format.height()) && format.frame_rate() > 0
}

/// Compared from the first field on; smaller is better.
fn cost(format: &CameraFormat, wish: &CameraWish) -> (u32, u64, u64, u32, usize) {
    let area = |width: u32, height: u32| u64::from(width) * u64::from(height);
    // What is larger is scaled to fit, so of a picture of another shape only the part counts that it fills.
    let (width, height) = (format.width().min(wish.width), format.height().min(wish.height));
    let lacking = area(wish.width, wish.height) - area(width, height);
    let too_large = area(format.width(), format.height()) - area(width, height);
    // A quarter less than wanted is still smooth: 24 for 30.
    let too_slow = (wish.fps * 3 / 4).saturating_sub(format.frame_rate());
    let rate_off = format.frame_rate().abs_diff(wish.fps);
    let effort = FORMATS.iter().position(|known| *known == format.format()).unwrap_or(FORMATS.len());
    (too_slow, lacking, too_large, rate_off, effort)
}

#[cfg(test)]
mod tests {
    use nokhwa::utils::FrameFormat::{self, GRAY, MJPEG, NV12, YUYV};

    use super::*;

    fn choice(formats: &[(u32, u32, FrameFormat, u32)]) -> Option<(u32, u32, FrameFormat, u32)> {
        let formats: Vec<_> =
            formats.iter().map(|(w, h, format, fps)| CameraFormat::new_from(*w, *h, *format, *fps)).collect();
        let wish = CameraWish { name: None, width: 1280, height: 720, fps: 30 };
        choose(&formats, &wish).map(|chosen| (chosen.width(), chosen.height(), chosen.format(), chosen.frame_rate()))
    }

    #[test]
    fn the_exact_format_wins_and_the_cheapest_of_them() {
        let exact = (1280, 720, YUYV, 30);
        assert_eq!(choice(&[(1920, 1080, YUYV, 30), (1280, 720, MJPEG, 30), exact, (640, 480, NV12, 30)]), Some(exact));
        assert_eq!(choice(&[exact, (1280, 720, NV12, 30)]), Some((1280, 720, NV12, 30)));
    }

    #[test]
    fn a_smooth_picture_goes_before_a_cheap_or_large_one() {
        // As webcams on USB 2 are: packed pixels only slowly, JPEG fast.
        assert_eq!(choice(&[(1280, 720, YUYV, 10), (1280, 720, MJPEG, 30)]), Some((1280, 720, MJPEG, 30)));
        assert_eq!(choice(&[(1280, 720, YUYV, 10), (640, 480, YUYV, 30)]), Some((640, 480, YUYV, 30)));
        assert_eq!(choice(&[(1280, 720, YUYV, 24), (640, 480, YUYV, 30)]), Some((1280, 720, YUYV, 24)));
    }

    #[test]
    fn without_the_size_the_nearest_larger_then_smaller_one_is_taken() {
        let larger = (1920, 1080, YUYV, 30);
        assert_eq!(choice(&[(640, 480, YUYV, 30), larger, (3840, 2160, YUYV, 30)]), Some(larger));
        assert_eq!(choice(&[(640, 480, YUYV, 30), (320, 240, YUYV, 30)]), Some((640, 480, YUYV, 30)));
    }

    #[test]
    fn what_cannot_be_converted_is_not_chosen() {
        assert_eq!(choice(&[(1280, 720, GRAY, 30), (641, 361, YUYV, 30), (8192, 8192, YUYV, 30)]), None);
        assert_eq!(choice(&[]), None);
    }
}
