//! How much received speech is like what was sent, when clocks, buffers and codecs lie between.
//!
//! Invariant: waveforms are not compared (a codec keeps no phase, a jitter buffer moves sound by milliseconds), but the
//! loudness of eight bands over time, window by window, each at its own best place near the common lag.

use std::f32::consts::TAU;
use std::path::Path;

use super::wav::WavSource;
use super::{BLOCK, SAMPLE_RATE};
use crate::MediaError;

/// Centres of the bands in Hz: where speech is.
const BANDS: [f32; 8] = [200.0, 400.0, 700.0, 1100.0, 1700.0, 2500.0, 3600.0, 5500.0];
/// Quieter than this below the loudest block of the band counts as silence.
const RANGE_DB: f32 = 40.0;
/// Blocks of 10 ms that are compared at once: 1 s, longer than a word.
const WINDOW: usize = 100;
/// Blocks by which the common lag is found: a minute is enough to know a place by.
const ALIGNED: usize = 6000;
/// How far a window may lie from the common lag: what a jitter buffer moves it by.
const WANDER: i64 = 25;

/// Outcome of [`similarity`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// How much later the received sound is, modulo the length of what was sent. Milliseconds.
    pub lag_ms: f64,
    /// 1 is the same, around 0 is nothing in common. Mean over windows that hold sound.
    pub correlation: f64,
    /// Windows of a second that were compared; 0 where there was no sound to compare.
    pub windows: usize,
}

/// Compares 48 kHz mono; `sent` is taken as played over and over.
pub fn similarity(sent: &[f32], received: &[f32]) -> Similarity {
    let (sent, received) = (envelopes(sent), envelopes(received));
    if sent.len() < WINDOW || received.len() < WINDOW {
        return Similarity { lag_ms: 0.0, correlation: 0.0, windows: 0 };
    }
    let common = common_lag(&sent, &received);
    let (mut sum, mut windows) = (0.0, 0);
    for start in (0..=received.len() - WINDOW).step_by(WINDOW) {
        let window = &received[start..start + WINDOW];
        let places = (-WANDER..=WANDER).map(|wander| correlate(&sent, window, start as i64 - common + wander));
        // Where silence meets silence there is nothing to compare.
        if let Some(fits) = places.collect::<Option<Vec<f64>>>() {
            sum += fits.into_iter().fold(f64::MIN, f64::max);
            windows += 1;
        }
    }
    let correlation = if windows > 0 { sum / windows as f64 } else { 0.0 };
    Similarity { lag_ms: common as f64 * 10.0, correlation, windows }
}

/// The same of two WAV files of any format, at most `seconds` of each.
pub fn similarity_of_files(sent: &Path, received: &Path, seconds: f32) -> Result<Similarity, MediaError> {
    Ok(similarity(&load(sent, seconds)?, &load(received, seconds)?))
}

fn load(path: &Path, seconds: f32) -> Result<Vec<f32>, MediaError> {
    WavSource::open(path)?;
    let length = hound::WavReader::open(path).map_or(0.0, |r| r.duration() as f32 / r.spec().sample_rate as f32);
    let mut sound = vec![0.0; (length.min(seconds) * SAMPLE_RATE as f32) as usize];
    WavSource::open(path)?.fill(&mut sound);
    Ok(sound)
}

type Envelope = [f32; BANDS.len()];

/// Loudness of each band in each block of 10 ms, in dB above the floor.
fn envelopes(sound: &[f32]) -> Vec<Envelope> {
    let mut envelopes = vec![Envelope::default(); sound.len() / BLOCK];
    for (band, &hz) in BANDS.iter().enumerate() {
        let mut filter = BandPass::new(hz);
        for (block, envelope) in sound.chunks_exact(BLOCK).zip(&mut envelopes) {
            let power: f32 = block.iter().map(|&s| filter.run(s).powi(2)).sum::<f32>() / BLOCK as f32;
            envelope[band] = 10.0 * (power + 1e-12).log10();
        }
        let loudest = envelopes.iter().fold(f32::MIN, |loudest, e| loudest.max(e[band])).max(-80.0);
        for envelope in &mut envelopes {
            envelope[band] = (envelope[band] - loudest + RANGE_DB).max(0.0);
        }
    }
    envelopes
}

/// The lag in blocks at which all of `received` fits best, by loudness over all bands.
fn common_lag(sent: &[Envelope], received: &[Envelope]) -> i64 {
    let loudness = |e: &Envelope| e.iter().sum::<f32>();
    let flat = |x: &[Envelope]| {
        let mean = x.iter().map(loudness).sum::<f32>() / x.len() as f32;
        x.iter().map(|e| loudness(e) - mean).collect::<Vec<f32>>()
    };
    let received = flat(&received[..received.len().min(ALIGNED)]);
    let once = flat(sent);
    let again: Vec<f32> = once.iter().cycle().take(sent.len() + received.len()).copied().collect();
    let fit = |lag: usize| again[sent.len() - lag..].iter().zip(&received).map(|(s, r)| s * r).sum::<f32>();
    (0..sent.len()).map(|lag| (lag, fit(lag))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(lag, _)| lag as i64)
}

/// Pearson's r of a window against `sent` from block `at` on, each band about its own mean (all speech has the same
/// tilt); `None` where both are even.
fn correlate(sent: &[Envelope], window: &[Envelope], at: i64) -> Option<f64> {
    let at = at.rem_euclid(sent.len() as i64) as usize;
    let place = |i: usize| &sent[(at + i) % sent.len()];
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for band in 0..BANDS.len() {
        let pairs = || window.iter().enumerate().map(|(i, w)| (f64::from(w[band]), f64::from(place(i)[band])));
        let (sum_a, sum_b) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        let (mean_a, mean_b) = (sum_a / window.len() as f64, sum_b / window.len() as f64);
        for (a, b) in pairs() {
            ab += (a - mean_a) * (b - mean_b);
            aa += (a - mean_a).powi(2);
            bb += (b - mean_b).powi(2);
        }
    }
    // Sound that was sent and did not come is no likeness; nothing sent says nothing.
    let even = (window.len() * BANDS.len()) as f64;
    if bb < even {
        None
    } else if aa < even {
        Some(0.0)
    } else {
        Some(ab / (aa * bb).sqrt())
    }
}

/// Two poles, Q of 3 (Audio EQ Cookbook, constant peak gain).
struct BandPass {
    b0: f32,
    a1: f32,
    a2: f32,
    x: [f32; 2],
    y: [f32; 2],
}

impl BandPass {
    fn new(hz: f32) -> Self {
        let angle = TAU * hz / SAMPLE_RATE as f32;
        let alpha = angle.sin() / 6.0;
        let a0 = 1.0 + alpha;
        Self { b0: alpha / a0, a1: -2.0 * angle.cos() / a0, a2: (1.0 - alpha) / a0, x: [0.0; 2], y: [0.0; 2] }
    }

    fn run(&mut self, input: f32) -> f32 {
        let y = self.b0 * (input - self.x[1]) - self.a1 * self.y[0] - self.a2 * self.y[1];
        self.x = [input, self.x[0]];
        self.y = [y, self.y[0]];
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::speech;

    #[test]
    fn the_same_later_and_quieter_is_the_same() {
        let sent = speech(12.0);
        let received: Vec<f32> = sent.iter().cycle().skip(100_000).take(400_000).map(|s| s * 0.3).collect();
        let found = similarity(&sent, &received);
        assert!(found.correlation > 0.98, "{found:?}");
        assert!((found.lag_ms - (12_000.0 - 100_000.0 / 48.0)).abs() <= 10.0, "{found:?}");
    }

    #[test]
    fn small_shifts_within_do_not_matter_and_holes_do() {
        let sent = speech(12.0);
        let mut shifted = Vec::new();
        for (i, second) in sent.chunks(48_000).enumerate() {
            shifted.extend(vec![0.0; if i % 2 == 0 { 960 } else { 0 }]);
            shifted.extend_from_slice(&second[..second.len() - 480]);
        }
        let shifted = similarity(&sent, &shifted);
        assert!(shifted.correlation > 0.85, "{shifted:?}");
        let mut holed = sent.clone();
        holed.chunks_mut(960).step_by(2).for_each(|frame| frame.fill(0.0));
        let holed = similarity(&sent, &holed);
        assert!(holed.correlation < 0.75, "{holed:?}");
    }

    #[test]
    fn other_speech_and_silence_are_not_alike() {
        let all = speech(24.0);
        let other = similarity(&all[..576_000], &all[576_000..]);
        assert!(other.correlation < 0.6, "{other:?}");
        let silence = similarity(&all[..576_000], &[0.0; 480_000]);
        assert_eq!(silence.correlation, 0.0);
        assert_eq!(similarity(&all, &[]).windows, 0);
    }
}
