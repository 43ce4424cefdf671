//! What Chromium's picture on the slow path is worth in dB: no figure of it is on record but its rate and 'QP 62', so the
//! same pictures are encoded here by the same codec at the rate that it had.
//!
//! Invariant: an encoder that keeps every picture at 30 a second, as Chromium did; no network, no other influence. It is ours,
//! with its two temporal layers, where Chromium had one, and at speed 4, where libwebrtc has 6, which makes up for them.

use std::sync::OnceLock;

use anyhow::Result;
use sightline_headless::verify::Verifier;
use sightline_media::video::{
    EncoderSettings, FramePool, Pattern, PictureKind, VideoDecoder, VideoEncoder, Vp8Decoder, Vp8Encoder,
};

use super::{HEIGHT, WIDTH};

/// What Chromium sent on 300 kbit/s.
const BITRATE_BPS: u32 = 193_000;
const FPS: u32 = 30;
/// Long enough for the rate to settle, and for the picture to move through its whole range.
const PICTURES: u64 = 20 * FPS as u64;

/// PSNR of luma; not a number where the codec fails, which no picture is better than.
pub(crate) fn chromium_db() -> f64 {
    static FOUND: OnceLock<f64> = OnceLock::new();
    *FOUND.get_or_init(|| psnr_db().unwrap_or(f64::NAN))
}

fn psnr_db() -> Result<f64> {
    let settings = EncoderSettings { width: WIDTH, height: HEIGHT, fps: FPS, bitrate_bps: BITRATE_BPS };
    let (mut encoder, mut decoder) = (Vp8Encoder::new(settings)?, Vp8Decoder::new()?);
    let (pattern, pool) = (Pattern::new(WIDTH, HEIGHT)?, FramePool::default());
    let mut verifier = Verifier::new(WIDTH, HEIGHT)?;
    for number in 0..PICTURES {
        let mut buffer = pool.buffer(WIDTH, HEIGHT)?;
        pattern.draw(number, buffer.planes_mut());
        let frame = buffer.freeze(i64::try_from(number)? * 1_000_000 / i64::from(FPS));
        let kind = if number.is_multiple_of(2) { PictureKind::Base } else { PictureKind::Upper };
        if let Some(encoded) = encoder.encode(&frame, kind)?
            && let Some(shown) = decoder.decode(encoded.data)?
        {
            verifier.picture(&shown, number);
        }
    }
    Ok(verifier.quality().map_or(f64::NAN, |quality| quality.psnr_y_db))
}
