//! Loudness: the level that goes with each packet and the energy that the record keeps.
//!
//! Invariant: full scale is 1.0; a square wave of full scale has level 0 dBov.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::BLOCK;

/// Level of silence (RFC 6464: 127 is digital silence or below the range).
pub(crate) const SILENT: u8 = 127;

/// Level in -dBov, 0 loud to 127 silent (RFC 6464, 3), as root mean square.
pub(crate) fn dbov(samples: &[f32]) -> u8 {
    let power = mean_square(samples);
    if power <= 0.0 {
        return SILENT;
    }
    (-10.0 * power.log10()).round().clamp(0.0, f64::from(SILENT)) as u8
}

pub(crate) fn mean_square(samples: &[f32]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>() / samples.len() as f64
}

/// Sum of squared level times duration (webrtc-stats `totalAudioEnergy`, `totalSamplesDuration`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EnergyMeter {
    energy: f64,
    samples: u64,
}

impl EnergyMeter {
    pub(crate) fn add(&mut self, samples: &[f32]) {
        self.energy += mean_square(samples) * samples.len() as f64 / f64::from(super::SAMPLE_RATE);
        self.samples += samples.len() as u64;
    }

    /// Squared full scale times seconds.
    pub(crate) fn energy(&self) -> f64 {
        self.energy
    }

    pub(crate) fn duration(&self) -> Duration {
        super::duration_of(self.samples)
    }
}

/// How loud something is at the moment; cheap to clone and to read from any thread.
#[derive(Debug, Clone, Default)]
pub struct Level(Arc<AtomicU32>);

impl Level {
    /// Peak of the last 100 ms, 0 to 1 (full scale).
    pub fn now(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// False once nobody else holds this level, so that it stays what it is.
    pub fn is_kept(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// Blocks in the peak of a [`Level`].
const PEAK_BLOCKS: usize = 10;

/// Keeps a [`Level`] up to date.
#[derive(Debug)]
pub(crate) struct PeakMeter {
    peaks: [f32; PEAK_BLOCKS],
    next: usize,
    level: Level,
}

impl PeakMeter {
    pub(crate) fn new(level: Level) -> Self {
        Self { peaks: [0.0; PEAK_BLOCKS], next: 0, level }
    }

    /// Takes in one or more blocks.
    pub(crate) fn add(&mut self, samples: &[f32]) {
        for block in samples.chunks(BLOCK) {
            self.peaks[self.next] = block.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs())).min(1.0);
            self.next = (self.next + 1) % PEAK_BLOCKS;
        }
        self.publish();
    }

    /// Nothing is heard any more.
    pub(crate) fn clear(&mut self) {
        self.peaks = [0.0; PEAK_BLOCKS];
        self.publish();
    }

    fn publish(&self) {
        let peak = self.peaks.iter().copied().fold(0.0, f32::max);
        self.level.0.store(peak.to_bits(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_rfc_6464() {
        assert_eq!(dbov(&[1.0, -1.0, 1.0, -1.0]), 0);
        assert_eq!(dbov(&[0.1; 480]), 20);
        assert_eq!(dbov(&[0.0; 480]), SILENT);
        assert_eq!(dbov(&[1e-9; 480]), SILENT);
        assert_eq!(dbov(&[]), SILENT);
    }

    #[test]
    fn energy_is_squared_level_times_seconds() {
        let mut meter = EnergyMeter::default();
        for _ in 0..200 {
            meter.add(&[0.5; 480]);
        }
        assert!((meter.energy() - 0.5).abs() < 1e-9, "0.25 for 2 s");
        assert_eq!(meter.duration(), Duration::from_secs(2));
    }

    #[test]
    fn a_peak_is_seen_for_a_tenth_of_a_second() {
        let level = Level::default();
        let mut meter = PeakMeter::new(level.clone());
        meter.add(&[-0.5; 2 * BLOCK]);
        for _ in 0..9 {
            assert_eq!(level.now(), 0.5);
            meter.add(&[0.1; BLOCK]);
        }
        meter.add(&[0.1; BLOCK]);
        assert_eq!(level.now(), 0.1);
        meter.add(&[f32::NAN, 7.0]);
        assert_eq!(level.now(), 1.0, "never more than full scale");
        meter.clear();
        assert_eq!(level.now(), 0.0);
    }
}
