//! Pictures of Sightline's own pattern, compared with what was sent: the pattern carries its number, so the receiver can
//! draw the very picture that it should have got.
//!
//! Invariant: few pictures are compared, as it is done on the decode thread: two a second at 30 a second.

use serde::{Deserialize, Serialize};
use sightline_media::MediaError;
use sightline_media::video::{FramePool, Pattern, Scaler, VideoFrame};

/// Of so many pictures one is compared: drawing and comparing 640x360 takes under a millisecond.
const EVERY: u64 = 15;

/// How like the pictures are to those sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PictureQuality {
    /// Pictures compared.
    pub compared: u64,
    /// Mean PSNR of luma over them, dB.
    pub psnr_y_db: f64,
    /// The worst of them, dB.
    pub worst_db: f64,
}

/// Draws what should have come, and compares.
pub struct Verifier {
    pattern: Pattern,
    pool: FramePool,
    scaler: Scaler,
    size: (u32, u32),
    seen: u64,
    quality: PictureQuality,
}

impl Verifier {
    /// For a sender whose pictures have this size before encoding.
    ///
    /// # Errors
    /// Where there are no pictures of that size.
    pub fn new(width: u32, height: u32) -> Result<Self, MediaError> {
        Ok(Self {
            pattern: Pattern::new(width, height)?,
            pool: FramePool::default(),
            scaler: Scaler::new(),
            size: (width, height),
            seen: 0,
            quality: PictureQuality::default(),
        })
    }

    /// A picture that says that it is number `number`. Smaller ones are scaled up first, as they are to be looked at.
    pub fn picture(&mut self, frame: &VideoFrame, number: u64) {
        self.seen += 1;
        if !self.seen.is_multiple_of(EVERY) {
            return;
        }
        if let Some(db) = self.compare(frame, number) {
            let PictureQuality { compared, psnr_y_db, worst_db } = &mut self.quality;
            *worst_db = if *compared == 0 { db } else { worst_db.min(db) };
            *compared += 1;
            *psnr_y_db += (db - *psnr_y_db) / *compared as f64;
        }
    }

    /// What was found since the last [`restart`](Self::restart).
    pub fn quality(&self) -> Option<PictureQuality> {
        (self.quality.compared > 0).then_some(self.quality)
    }

    /// Forgets what was found.
    pub fn restart(&mut self) {
        self.quality = PictureQuality::default();
    }

    fn compare(&mut self, frame: &VideoFrame, number: u64) -> Option<f64> {
        let (width, height) = self.size;
        let mut sent = self.pool.buffer(width, height).ok()?;
        self.pattern.draw(number, sent.planes_mut());
        let sent = sent.freeze(0);
        let shown = self.scaler.letterbox(frame, width, height).ok()?;
        (shown.y().len() == sent.y().len()).then(|| psnr(sent.y(), shown.y()))
    }
}

/// Peak signal-to-noise ratio of two planes, dB; equal ones count as one step off in one of their pixels.
fn psnr(sent: &[u8], shown: &[u8]) -> f64 {
    let squares = sent.iter().zip(shown).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum::<u64>().max(1);
    10.0 * (255.0 * 255.0 * sent.len() as f64 / squares as f64).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(number: u64, width: u32, height: u32) -> VideoFrame {
        let mut buffer = FramePool::default().buffer(width, height).expect("a buffer");
        Pattern::new(width, height).expect("a pattern").draw(number, buffer.planes_mut());
        buffer.freeze(0)
    }

    #[test]
    fn the_ratio_is_that_of_the_definition() {
        // Every pixel off by 5: 20 log10(255 / 5).
        assert!((psnr(&[100; 64], &[105; 64]) - 34.151).abs() < 0.001);
        assert!(psnr(&[100; 64], &[100; 64]) > 60.0);
    }

    #[test]
    fn one_picture_in_fifteen_is_compared_with_the_one_sent() {
        let mut verifier = Verifier::new(320, 180).expect("a size");
        for number in 0..60 {
            verifier.picture(&draw(number, 320, 180), number);
        }
        let quality = verifier.quality().expect("compared");
        assert_eq!(quality.compared, 4);
        assert!(quality.worst_db > 60.0, "the same pictures: {quality:?}");
        verifier.restart();
        assert_eq!(verifier.quality(), None);
        for number in 0..15 {
            verifier.picture(&draw(number, 320, 180), number + 1);
        }
        assert!(verifier.quality().expect("compared").psnr_y_db < 40.0, "another picture");
    }

    #[test]
    fn small_pictures_are_compared_as_they_are_shown() {
        let mut verifier = Verifier::new(320, 180).expect("a size");
        for number in 0..15 {
            let small = Scaler::new().fit(&draw(number, 320, 180), 160, 90).expect("scaled");
            verifier.picture(&small, number);
        }
        let quality = verifier.quality().expect("compared");
        assert!((10.0..40.0).contains(&quality.psnr_y_db), "{quality:?}");
    }
}
