//! Fewer pictures where bits are scarce.
//!
//! At 185 kbit/s, 20 pictures of 640x360 a second are worth 1.1 dB more, each, than 30 are. And VP8 has a floor, below which it makes
//! more than it is told, which a slow link leaves out or keeps in its queue: 20 a second reach it later.
//!
//! Invariant: of three moments two are encoded, or all; a rate in between the two bounds changes nothing.

/// Bits for each pixel of 30 pictures a second below which one in three is left out: 221 kbit/s at 640x360 ...
const THIN_BELOW: f64 = 0.032;
/// ... and from which on none is.
const FULL_FROM: f64 = 0.038;
/// One of so many is left out.
const PERIOD: u64 = 3;

/// Decides for one layer.
#[derive(Debug, Default)]
pub(super) struct Thinning {
    is_thin: bool,
}

impl Thinning {
    /// Takes the layer's rate; gives the pictures a second from now on, where that changes.
    pub(super) fn update(&mut self, bps: u32, (width, height): (u32, u32), fps: u32) -> Option<f64> {
        let pixels_a_second = f64::from(width) * f64::from(height) * f64::from(fps.max(1));
        let bits_per_pixel = f64::from(bps) / pixels_a_second.max(1.0);
        let is_thin = bits_per_pixel < if self.is_thin { FULL_FROM } else { THIN_BELOW };
        if std::mem::replace(&mut self.is_thin, is_thin) == is_thin {
            return None;
        }
        let share = if is_thin { (PERIOD - 1) as f64 / PERIOD as f64 } else { 1.0 };
        Some(f64::from(fps) * share)
    }

    /// Whether the picture of this moment is left out.
    pub(super) fn leaves_out(&self, moment: u64) -> bool {
        self.is_thin && moment % PERIOD == PERIOD - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (640, 360);

    #[test]
    fn a_low_rate_has_two_pictures_of_three_and_comes_back_with_some_distance() {
        let mut thinning = Thinning::default();
        assert_eq!(thinning.update(260_000, SIZE, 30), None);
        assert!((0..30).all(|moment| !thinning.leaves_out(moment)));
        assert_eq!(thinning.update(200_000, SIZE, 30), Some(20.0));
        assert_eq!((0..30).filter(|moment| thinning.leaves_out(*moment)).count(), 10);
        assert_eq!(thinning.update(240_000, SIZE, 30), None, "an estimate wobbles");
        assert_eq!(thinning.update(300_000, SIZE, 30), Some(30.0));
        assert!((0..30).all(|moment| !thinning.leaves_out(moment)));
    }

    #[test]
    fn small_pictures_keep_their_rate() {
        let mut thinning = Thinning::default();
        assert_eq!(thinning.update(100_000, (320, 180), 30), None);
        assert_eq!(thinning.update(0, (0, 0), 0), Some(0.0), "nothing to divide by");
    }
}
