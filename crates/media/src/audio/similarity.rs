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
/// Windows by which the common lag is found: enough to know a place by.
const ALIGNED: usize = 20;
/// Step of that search, in blocks.
const COARSE: usize = 2;
/// How far a window may lie from the common lag, in blocks: what jitter buffers and starved devices move it by.
const WANDER: i64 = 40;

/// Outcome of [`similarity`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// How much later the received sound is, modulo the length of what was sent: the median, in milliseconds.
    pub lag_ms: f64,
    /// 1 is the same; other speech reaches 0.6, since the best place is taken. Mean over windows that hold sound.
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
    let mut fits: Vec<(f64, i64)> = Vec::new();
    for start in (0..=received.len() - WINDOW).step_by(WINDOW) {
        let window = &received[start..start + WINDOW];
        let place = |lag| correlate(&sent, window, start as i64 - lag).map(|fit| (fit, lag));
        // Where silence meets silence there is nothing to compare.
        if let Some(places) = (common - WANDER..=common + WANDER).map(place).collect::<Option<Vec<_>>>() {
            fits.extend(places.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)));
        }
    }
    let windows = fits.len();
    let correlation = fits.iter().map(|(fit, _)| fit).sum::<f64>() / windows.max(1) as f64;
    fits.sort_by_key(|&(_, lag)| lag);
    let lag = fits.get(windows / 2).map_or(common, |&(_, lag)| lag);
    Similarity { lag_ms: lag.rem_euclid(sent.len() as i64) as f64 * 10.0, correlation, windows }
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

/// The lag in blocks around which most windows find their place. (Correlating all at once would not survive that sound
/// slips by more than a syllable on its way.)
fn common_lag(sent: &[Envelope], received: &[Envelope]) -> i64 {
    let windows = received.len() / WINDOW;
    let mut votes = vec![0.0; sent.len().div_ceil(COARSE)];
    for start in (0..windows).step_by(windows.div_ceil(ALIGNED)).map(|window| window * WINDOW) {
        let window = &received[start..start + WINDOW];
        let place = |lag: usize| correlate(sent, window, start as i64 - (lag * COARSE) as i64).unwrap_or(0.0);
        let profile: Vec<f64> = (0..votes.len()).map(place).collect();
        for (lag, vote) in votes.iter_mut().enumerate() {
            let near = (lag + profile.len() - WANDER as usize / COARSE..).take(WANDER as usize / COARSE * 2 + 1);
            *vote += near.map(|at| profile[at % profile.len()]).fold(f64::MIN, f64::max);
        }
    }
    // Of all lags that reach every place, the middle one.
    let best = votes.iter().copied().fold(f64::MIN, f64::max);
    let reaching: Vec<usize> = (0..votes.len()).filter(|&lag| votes[lag] > best - 0.01).collect();
    reaching.get(reaching.len() / 2).map_or(0, |&lag| (lag * COARSE) as i64)
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
        assert!(other.correlation < 0.7, "{other:?}");
        let silence = similarity(&all[..576_000], &[0.0; 480_000]);
        assert_eq!(silence.correlation, 0.0);
        assert_eq!(similarity(&all, &[]).windows, 0);
    }
}
