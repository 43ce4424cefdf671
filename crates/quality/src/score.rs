//! How good a stream was for the one who hears or sees it, as one number from 1 to 5.
//!
//! Audio is the E-model (ITU-T G.107) in the form of rtcscore, video is rtcscore's logarithmic fit. Both are taken
//! where the stream arrives: delay in a peer's buffer is not known to us.

use crate::{BitRate, FrameRate, Millis, Percent};

/// What an audio score depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioConditions {
    /// Packets lost.
    pub loss: Percent,
    /// Round trip.
    pub round_trip: Millis,
    /// Time in the jitter buffer.
    pub buffer: Millis,
    /// `None` where it is not known.
    pub bit_rate: Option<BitRate>,
    /// In-band FEC is in use.
    pub fec: bool,
    /// Discontinuous transmission is in use: the bit rate then tells of pauses, not of quality.
    pub dtx: bool,
}

/// A rating of audio on both usual scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioScore {
    /// Transmission rating R of the E-model, 0 to 100.
    pub r: f64,
    /// Mean opinion score, 1 to 5.
    pub mos: f64,
}

/// The E-model.
pub fn audio_score(conditions: &AudioConditions) -> AudioScore {
    let loss = conditions.loss.0.clamp(0.0, 100.0);
    let delay = 20.0 + conditions.buffer.0 + conditions.round_trip.0 / 2.0;
    let equipment = match conditions.bit_rate {
        _ if conditions.dtx => 8.0,
        Some(BitRate(bps)) if bps > 0.0 => (55.0 - 4.6 * bps.ln()).clamp(0.0, 30.0),
        Some(_) => 30.0,
        None => 6.0,
    };
    let robustness = if conditions.fec { 20.0 } else { 10.0 };
    let loss_impairment = equipment + (100.0 - equipment) * loss / (loss + robustness);
    let late = if delay > 150.0 { 0.1 * (delay - 150.0) } else { 0.0 };
    let r = (100.0 - loss_impairment - 0.03 * delay - late).clamp(0.0, 100.0);
    // The polynomial dips under 1 for small R, where the scale ends.
    let mos = (1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)).clamp(1.0, 5.0);
    AudioScore { r, mos }
}

/// What a video score depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoConditions {
    /// Bits on the wire.
    pub bit_rate: BitRate,
    /// Pixels of a frame: width times height.
    pub pixels: u64,
    /// Frames that came.
    pub frame_rate: FrameRate,
    /// Frames that were meant to come.
    pub expected: FrameRate,
    /// Time in the jitter buffer.
    pub buffer: Millis,
    /// Round trip.
    pub round_trip: Millis,
}

/// How much a codec makes of a bit, VP8 and H.264 being 1; `None` for a codec that nobody has measured.
pub fn codec_efficiency(codec: &str) -> Option<f64> {
    match codec.to_ascii_uppercase().as_str() {
        "VP8" | "H264" => Some(1.0),
        "VP9" => Some(1.2),
        _ => None,
    }
}

/// Mean opinion score of video, 1 to 5; `efficiency` is that of [`codec_efficiency`].
pub fn video_score(conditions: &VideoConditions, efficiency: f64) -> f64 {
    let (bps, fps) = (conditions.bit_rate.0, conditions.frame_rate.0);
    if bps <= 0.0 || fps <= 0.0 || conditions.pixels == 0 {
        return 1.0;
    }
    let bits_per_pixel = efficiency * bps / conditions.pixels as f64 / fps;
    let picture = (0.56 * bits_per_pixel.ln() + 5.36).clamp(1.0, 5.0);
    let motion = 1.9 * (conditions.expected.0 / fps).ln();
    let delay = conditions.buffer.0 + conditions.round_trip.0 / 2.0;
    (picture - motion - 0.002 * delay).clamp(1.0, 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(loss: f64, round_trip: f64, buffer: f64) -> AudioConditions {
        AudioConditions {
            loss: Percent(loss),
            round_trip: Millis(round_trip),
            buffer: Millis(buffer),
            bit_rate: Some(BitRate(32_000.0)),
            fec: true,
            dtx: false,
        }
    }

    #[track_caller]
    fn near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within, "{value} is not {expected}");
    }

    /// docs/metrics.md, check values: 32 kbit/s with FEC, so Ie = 55 - 4.6 ln 32000 = 55 - 4.6 * 10.3735 = 7.282, Bpl = 20.
    #[test]
    fn audio_check_values() {
        // (loss, round trip, buffer) -> R, MOS
        // D = 20 + 50 + 25 = 95;   R = 100 - 7.282 - 2.85 = 89.87
        // D = 20 + 60 + 50 = 130;  R = 100 - (7.282 + 92.718 * 1 / 21) - 3.9 = 84.40
        // same D;                  R = 100 - (7.282 + 92.718 * 5 / 25) - 3.9 = 70.27
        // D = 20 + 100 + 100 = 220; R = 100 - (7.282 + 92.718 * 10 / 30) - 6.6 - 0.1 * 70 = 48.21
        for ((loss, rtt, buffer), r, mos) in [
            ((0.0, 50.0, 50.0), 89.9, 4.34),
            ((1.0, 100.0, 60.0), 84.4, 4.18),
            ((5.0, 100.0, 60.0), 70.3, 3.61),
            ((10.0, 200.0, 100.0), 48.2, 2.48),
        ] {
            let score = audio_score(&audio(loss, rtt, buffer));
            near(score.r, r, 0.05);
            near(score.mos, mos, 0.005);
        }
    }

    #[test]
    fn audio_without_fec_with_dtx_or_unknown_bit_rate() {
        let at_five = audio(5.0, 0.0, 0.0); // D = 20: 0.6
        // Bpl 10: R = 100 - (7.282 + 92.718 * 5 / 15) - 0.6 = 61.21
        near(audio_score(&AudioConditions { fec: false, ..at_five }).r, 61.21, 0.01);
        // Ie 8: R = 100 - (8 + 92 * 5 / 25) - 0.6 = 73.0, however few bits came
        let quiet = AudioConditions { dtx: true, bit_rate: Some(BitRate(500.0)), ..at_five };
        near(audio_score(&quiet).r, 73.0, 0.01);
        // Ie 6: R = 100 - (6 + 94 * 5 / 25) - 0.6 = 74.6
        near(audio_score(&AudioConditions { bit_rate: None, ..at_five }).r, 74.6, 0.01);
    }

    #[test]
    fn audio_stays_on_the_scale() {
        let worst = AudioConditions { bit_rate: Some(BitRate(0.0)), fec: false, ..audio(1000.0, 1e6, 1e6) };
        assert_eq!(audio_score(&worst), AudioScore { r: 0.0, mos: 1.0 });
        // Ie = clamp(55 - 4.6 ln 510000 = -5.45) = 0; D = 20: R = 99.4, MOS = 1 + 3.479 + 7e-6*99.4*39.4*0.6 = 4.495
        let best = AudioConditions { bit_rate: Some(BitRate(510_000.0)), ..audio(0.0, 0.0, 0.0) };
        near(audio_score(&best).mos, 4.495, 0.001);
    }

    fn hd() -> VideoConditions {
        VideoConditions {
            bit_rate: BitRate(1_500_000.0),
            pixels: 1280 * 720,
            frame_rate: FrameRate(30.0),
            expected: FrameRate(30.0),
            buffer: Millis(40.0),
            round_trip: Millis(60.0),
        }
    }

    #[test]
    fn video_by_hand() {
        // 1.5e6 / 921600 / 30 = 0.05425 bit per pixel; 0.56 ln 0.05425 + 5.36 = 0.56 * -2.9141 + 5.36 = 3.7281
        // - 0.002 * (40 + 30) = 0.14 -> 3.588
        near(video_score(&hd(), 1.0), 3.588, 0.001);
        // VP9: 0.56 ln 1.2 = 0.1021 more
        near(video_score(&hd(), 1.2), 3.690, 0.001);
        // 15 of 30 frames: twice the bits a frame, 0.56 ln 2 = 0.3882 more, but 1.9 ln 2 = 1.3170 less: 2.659
        near(video_score(&VideoConditions { frame_rate: FrameRate(15.0), ..hd() }, 1.0), 2.659, 0.001);
    }

    #[test]
    fn video_that_stands_still_is_at_the_bottom() {
        assert_eq!(video_score(&VideoConditions { frame_rate: FrameRate(0.0), ..hd() }, 1.0), 1.0);
        assert_eq!(video_score(&VideoConditions { bit_rate: BitRate(0.0), ..hd() }, 1.0), 1.0);
        assert_eq!(video_score(&VideoConditions { pixels: 0, ..hd() }, 1.0), 1.0);
    }

    #[test]
    fn codecs_nobody_measured_have_no_score() {
        assert_eq!(codec_efficiency("vp8"), Some(1.0));
        assert_eq!(codec_efficiency("VP9"), Some(1.2));
        assert_eq!(codec_efficiency("AV1"), None);
    }
}
