//! Playing a little faster or slower without changing the pitch: one period of the voice is left out or repeated.
//!
//! Invariant: only sound that resembles itself one period later is touched (or silence, where nobody hears it), and the
//! seam is cross-faded; the amount changed is reported exactly.

use crate::audio::level::mean_square;

/// Shortest period: 2.5 ms, a voice of 400 Hz.
const MIN_LAG: usize = 120;
/// Longest period: 15 ms, a voice of 67 Hz.
pub(super) const MAX_LAG: usize = 720;
/// Compared over 10 ms.
const WINDOW: usize = 480;
/// Samples that must be at hand to leave some out.
pub(super) const NEEDED: usize = MAX_LAG + WINDOW;
/// Cross-fade of 5 ms.
const FADE: usize = 240;
/// Step of the coarse search, and of the samples compared in it.
const COARSE: usize = 4;
/// -50 dBov: below it any seam goes unheard.
const QUIET: f64 = 1e-5;
/// How alike the periods must be.
const ALIKE: f32 = 0.85;
/// The same when there is haste.
const ALIKE_IN_HASTE: f32 = 0.4;

/// Leaves out one period near the start of `ahead` (at least [`NEEDED`] samples): writes what replaces the first
/// samples to `head` and returns (samples to drop from the front of `ahead`, period left out), the latter `most` or less.
pub(super) fn shorten(ahead: &[f32], most: usize, haste: bool, head: &mut Vec<f32>) -> Option<(usize, usize)> {
    let lag = best_lag(most, haste, &ahead[..WINDOW], |lag| &ahead[lag..lag + WINDOW])?;
    head.clear();
    head.extend((0..FADE).map(|i| fade(ahead[i], ahead[lag + i], i)));
    Some((FADE + lag, lag))
}

/// Repeats one period: `before` are the last [`MAX_LAG`] samples played, `ahead` at least 10 ms of what follows. Writes
/// what replaces the first samples to `head` and returns (samples to drop from the front of `ahead`, period repeated),
/// the latter `most` or less.
pub(super) fn lengthen(
    before: &[f32],
    ahead: &[f32],
    most: usize,
    haste: bool,
    head: &mut Vec<f32>,
) -> Option<(usize, usize)> {
    let sound = [before, &ahead[..WINDOW]].concat();
    let now = before.len();
    let lag = best_lag(most, haste, &ahead[..WINDOW], |lag| &sound[now - lag..now - lag + WINDOW])?;
    head.clear();
    head.extend((0..FADE).map(|i| fade(ahead[i], sound[now - lag + i], i)));
    head.extend_from_slice(&sound[now - lag + FADE..now + FADE]);
    Some((FADE, lag))
}

/// From `a` to `b` as `i` goes from 0 to [`FADE`].
fn fade(a: f32, b: f32, i: usize) -> f32 {
    let share = (i as f32 + 0.5) / FADE as f32;
    a + (b - a) * share
}

fn best_lag<'a>(most: usize, haste: bool, now: &[f32], at: impl Fn(usize) -> &'a [f32]) -> Option<usize> {
    let most = most.min(MAX_LAG);
    if most < MIN_LAG {
        return None;
    }
    if mean_square(now) < QUIET && mean_square(at(most)) < QUIET {
        return Some(most);
    }
    let coarse = (MIN_LAG..=most).step_by(COARSE);
    let near = coarse.max_by(|&a, &b| alike(now, at(a), COARSE).total_cmp(&alike(now, at(b), COARSE)))?;
    let fine = near.saturating_sub(COARSE).max(MIN_LAG)..=(near + COARSE).min(most);
    let best = fine.max_by(|&a, &b| alike(now, at(a), 1).total_cmp(&alike(now, at(b), 1)))?;
    let enough = if haste { ALIKE_IN_HASTE } else { ALIKE };
    (alike(now, at(best), 1) >= enough).then_some(best)
}

/// Normalised correlation over every `step`-th sample.
fn alike(a: &[f32], b: &[f32], step: usize) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0, 1e-9, 1e-9);
    for (&x, &y) in a.iter().zip(b).step_by(step) {
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / f32::sqrt(aa * bb)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 125 Hz with overtones: a period of 384 samples.
    fn voice(n: usize) -> Vec<f32> {
        let wave = |i: usize, k: f32| (std::f32::consts::TAU * 125.0 * k * i as f32 / 48_000.0).sin() / k;
        (0..n).map(|i| 0.3 * (wave(i, 1.0) + wave(i, 2.0) + wave(i, 3.0))).collect()
    }

    fn largest_step(sound: &[f32]) -> f32 {
        sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_voice_loses_or_gains_whole_periods_without_a_click() {
        let sound = voice(4800);
        let mut head = Vec::new();
        let (drop, left_out) = shorten(&sound[1000..], MAX_LAG, false, &mut head).expect("a voice is periodic");
        assert_eq!(left_out, 384);
        let shorter = [&sound[..1000], &head, &sound[1000 + drop..]].concat();
        assert_eq!(shorter.len(), 4800 - 384);
        assert!(largest_step(&shorter) < 1.1 * largest_step(&sound));

        let (drop, repeated) =
            lengthen(&sound[..1000], &sound[1000..], MAX_LAG, false, &mut head).expect("a voice is periodic");
        assert_eq!(repeated, 384);
        let longer = [&sound[..1000], &head, &sound[1000 + drop..]].concat();
        assert_eq!(longer.len(), 4800 + 384);
        assert!(largest_step(&longer) < 1.1 * largest_step(&sound));
    }

    #[test]
    fn no_more_is_changed_than_asked_for() {
        let mut head = Vec::new();
        assert_eq!(shorten(&voice(4800), 300, false, &mut head), None, "its period is longer");
        assert_eq!(shorten(&[0.0; 4800], 300, false, &mut head), Some((FADE + 300, 300)));
        assert_eq!(shorten(&[0.0; 4800], 100, false, &mut head), None);
    }

    #[test]
    fn noise_is_left_alone_unless_quiet() {
        let mut seed = 1_u32;
        let mut noise: Vec<f32> = (0..4800)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect();
        let mut head = Vec::new();
        assert_eq!(shorten(&noise, MAX_LAG, false, &mut head), None);
        assert_eq!(lengthen(&noise[..1000], &noise[1000..], MAX_LAG, false, &mut head), None);
        noise.iter_mut().for_each(|s| *s *= 0.005);
        assert_eq!(shorten(&noise, MAX_LAG, false, &mut head), Some((FADE + MAX_LAG, MAX_LAG)));
        assert_eq!(lengthen(&noise[..1000], &noise[1000..], MAX_LAG, false, &mut head), Some((FADE, MAX_LAG)));
    }
}
