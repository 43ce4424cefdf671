//! Conversion between sample rates, as a stream.
//!
//! Invariant: what comes out is the input in full, later by the filter's delay, which is cut off at the start; nothing
//! is lost or doubled between calls.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::MediaError;

/// Rates that make sense for sound. Outside of them a header is wrong, and the filter would need absurd memory.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Mono from one rate to another; passes sound through where they are the same.
pub(crate) struct Resampler {
    filter: Option<Filter>,
}

struct Filter {
    fft: Fft<f32>,
    /// Input that does not fill a chunk yet.
    pending: Vec<f32>,
    output: Vec<f32>,
    /// Output samples still to be cut off at the start.
    delay: usize,
}

impl Resampler {
    /// `from` and `to` in Hz.
    pub(crate) fn new(from: u32, to: u32) -> Result<Self, MediaError> {
        if let Some(rate) = [from, to].into_iter().find(|rate| !RATES.contains(rate)) {
            let (low, high) = (RATES.start(), RATES.end());
            return Err(MediaError::Unsupported(format!("a sample rate of {rate} Hz is not within {low}..{high} Hz")));
        }
        if from == to {
            return Ok(Self { filter: None });
        }
        // Chunks of 10 ms add little delay.
        let fft = Fft::new(from as usize, to as usize, from as usize / 100, 1, FixedSync::Input)
            .map_err(|e| MediaError::Unsupported(format!("cannot convert sound from {from} to {to} Hz: {e}")))?;
        let output = vec![0.0; fft.output_frames_max()];
        let delay = fft.output_delay();
        Ok(Self { filter: Some(Filter { pending: Vec::with_capacity(fft.input_frames_max()), fft, output, delay }) })
    }

    /// Takes `samples` and hands on what is ready, in pieces.
    pub(crate) fn process(&mut self, samples: &[f32], mut emit: impl FnMut(&[f32])) {
        match &mut self.filter {
            None => emit(samples),
            Some(filter) => filter.process(samples, &mut emit),
        }
    }
}

impl Filter {
    fn process(&mut self, mut samples: &[f32], emit: &mut impl FnMut(&[f32])) {
        loop {
            let missing = self.fft.input_frames_next() - self.pending.len();
            let (now, later) = samples.split_at(missing.min(samples.len()));
            self.pending.extend_from_slice(now);
            samples = later;
            if now.len() < missing {
                return;
            }
            let made = self.run();
            self.pending.clear();
            let cut = self.delay.min(made);
            self.delay -= cut;
            emit(&self.output[cut..made]);
        }
    }

    /// Samples made from one chunk. The buffers have the sizes the filter asked for, which is all it can refuse.
    fn run(&mut self) -> usize {
        let room = self.output.len();
        let input = SequentialSlice::new(&self.pending, 1, self.pending.len());
        let output = SequentialSlice::new_mut(&mut self.output, 1, room);
        match (input, output) {
            (Ok(input), Ok(mut output)) => {
                self.fft.process_into_buffer(&input, &mut output, None).map_or(0, |(_, made)| made)
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hz: f32, seconds: f32) -> Vec<f32> {
        let n = (rate as f32 * seconds) as usize;
        (0..n).map(|i| (std::f32::consts::TAU * hz * i as f32 / rate as f32).sin()).collect()
    }

    fn convert(from: u32, to: u32, input: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut out = Vec::new();
        for piece in input.chunks(piece) {
            resampler.process(piece, |ready| out.extend_from_slice(ready));
        }
        out
    }

    #[test]
    fn a_sine_stays_the_same_sine_in_place() {
        for (from, to) in [(44_100, 48_000), (8_000, 48_000), (96_000, 48_000), (48_000, 44_100), (22_050, 48_000)] {
            let out = convert(from, to, &sine(from, 1000.0, 1.0), 333);
            let wanted = sine(to, 1000.0, 1.0);
            assert!(out.len() > wanted.len() * 95 / 100, "{from}: {} samples", out.len());
            let middle = 2000..out.len() - 500;
            let worst = middle.map(|i| (out[i] - wanted[i]).abs()).fold(0.0, f32::max);
            // The delay is known to half a sample: 0.065 at 1 kHz.
            assert!(worst < 0.08, "{from} -> {to}: off by {worst}");
        }
    }

    #[test]
    fn the_size_of_the_pieces_makes_no_difference() {
        let input = sine(44_100, 700.0, 0.5);
        assert_eq!(convert(44_100, 48_000, &input, 1), convert(44_100, 48_000, &input, 5000));
    }

    #[test]
    fn absurd_rates_are_refused() {
        for rate in [0, 1, 3_999, 400_000, u32::MAX] {
            assert!(Resampler::new(rate, 48_000).is_err(), "{rate}");
        }
    }
}
