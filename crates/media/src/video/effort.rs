//! How hard the encoder searches for a good picture.
//!
//! Processor time is cheap where pictures are small and dear where they are large; bits are the other way round. At 185 kbit/s a
//! picture of 640x360 gains 1.7 dB by searching (1.7 ms instead of 0.7), and libvpx keeps to the rate, which without it makes a
//! fifth more than it is told, at its coarsest. At 1.5 Mbit/s and 720p the same search gains 0.8 dB and takes 6 ms more. (Our test
//! pattern on the machine of README.md.)
//!
//! Invariant: depends on the settings of a layer only; more bits never make it search more.

use super::codec::EncoderSettings;

/// `VP8E_SET_CPUUSED` in real time: the speed, negated, from 1 (best) to 16 (fastest).
pub(super) type CpuUsed = i32;

/// Larger pictures are searched less.
const SMALL: u64 = 640 * 360;
/// Bits for each pixel below which every bit counts: 311 kbit/s at 640x360 and 30 fps, 1.2 Mbit/s at 720p ...
const SCARCE: f64 = 0.045;
/// ... and above which none does: 622 kbit/s.
const PLENTY: f64 = 0.09;

pub(super) fn cpu_used(settings: &EncoderSettings) -> CpuUsed {
    let pixels = u64::from(settings.width) * u64::from(settings.height);
    let pixels_a_second = pixels as f64 * f64::from(settings.fps);
    let bits_per_pixel = f64::from(settings.bitrate_bps) / pixels_a_second.max(1.0);
    match pixels {
        ..=SMALL if bits_per_pixel < SCARCE => -4,
        ..=SMALL if bits_per_pixel < PLENTY => -8,
        _ if bits_per_pixel < SCARCE => -6,
        _ => -12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at((width, height): (u32, u32), kbps: u32) -> CpuUsed {
        cpu_used(&EncoderSettings { width, height, fps: 30, bitrate_bps: kbps * 1000 })
    }

    #[test]
    fn the_search_is_longest_where_bits_are_scarce_and_pictures_small() {
        let rates = [100, 300, 500, 700, 1500];
        assert_eq!(rates.map(|kbps| at((640, 360), kbps)), [-4, -4, -8, -12, -12]);
        assert_eq!(rates.map(|kbps| at((1280, 720), kbps)), [-6, -6, -6, -6, -12]);
        assert_eq!(rates.map(|kbps| at((320, 180), kbps)), [-8, -12, -12, -12, -12]);
        assert_eq!(at((320, 180), 60), -4);
        assert_eq!(cpu_used(&EncoderSettings { width: 0, height: 0, fps: 0, bitrate_bps: 0 }), -4);
    }
}
