//! A test tone.
//!
//! Invariant: the phase runs on, whatever the size of the pieces it is asked for in.

use std::f64::consts::TAU;

const HZ: f64 = 440.0;
/// -17 dBov: clearly heard, not painful.
const AMPLITUDE: f64 = 0.2;

/// An endless sine of 440 Hz.
#[derive(Debug, Default)]
pub(crate) struct Tone {
    phase: f64,
}

impl Tone {
    pub(crate) fn fill(&mut self, out: &mut [f32]) {
        for sample in out {
            *sample = (AMPLITUDE * self.phase.sin()) as f32;
            self.phase = (self.phase + TAU * HZ / f64::from(super::SAMPLE_RATE)) % TAU;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_440_hz_without_a_click() {
        let mut tone = Tone::default();
        let mut sound = vec![0.0; 48_000];
        let (first, second) = sound.split_at_mut(12_345);
        tone.fill(first);
        tone.fill(second);
        let rising = sound.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        assert!((439..=440).contains(&rising), "{rising} periods in a second");
        let step = sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.0116, "largest step {step}");
    }
}
