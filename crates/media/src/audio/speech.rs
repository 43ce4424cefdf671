//! Speech-like sound to test with, made by the program itself.
//!
//! Invariant: the same seconds are the same samples on every machine and in every run, and no two seconds are alike, so
//! that a recording can be placed in it.

use std::f32::consts::{FRAC_1_PI, PI, TAU};
use std::path::Path;

use super::SAMPLE_RATE;
use crate::MediaError;

/// First four formants in Hz of a, e, i, o, u, schwa (Peterson and Barney, adult male, rounded).
const VOWELS: [[f32; 4]; 6] = [
    [730.0, 1090.0, 2440.0, 3400.0],
    [530.0, 1840.0, 2480.0, 3500.0],
    [270.0, 2290.0, 3010.0, 3600.0],
    [570.0, 840.0, 2410.0, 3300.0],
    [300.0, 870.0, 2240.0, 3300.0],
    [490.0, 1350.0, 1690.0, 3350.0],
];
const BANDWIDTHS: [f32; 4] = [60.0, 90.0, 120.0, 180.0];
/// Loudest sample: -6 dB, as a well-set microphone gives it.
const PEAK: f32 = 0.5;

/// Synthesises `seconds` of speech-like sound: voiced syllables of moving formants, hissing consonants, pauses.
pub fn speech(seconds: f32) -> Vec<f32> {
    let wanted = (seconds.max(0.0) * SAMPLE_RATE as f32) as usize;
    let mut voice = Voice::new();
    let mut sound = Vec::with_capacity(wanted + SAMPLE_RATE as usize);
    while sound.len() < wanted {
        for _ in 0..3 + voice.pick(5) {
            if voice.pick(3) == 0 {
                voice.hiss(&mut sound);
            }
            voice.syllable(&mut sound);
        }
        let pause = voice.samples(0.15, 0.45);
        sound.resize(sound.len() + pause, 0.0);
    }
    sound.truncate(wanted);
    // One fixed gain: the same second sounds the same in a shorter or longer recording.
    sound.iter_mut().for_each(|sample| *sample = (*sample * 0.09).clamp(-PEAK, PEAK));
    sound
}

/// Writes [`speech`] as a 48 kHz mono WAV file.
pub fn write_test_speech(path: &Path, seconds: f32) -> Result<(), MediaError> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = || {
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in speech(seconds) {
            writer.write_sample((sample * f32::from(i16::MAX)) as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|error| super::recorder::write_error(path, error))
}

struct Voice {
    random: u32,
    /// Phase of the glottal pulse, 0 to 1.
    phase: f32,
    pitch_hz: f32,
    formants: [f32; 4],
    resonators: [Resonator; 4],
}

impl Voice {
    fn new() -> Self {
        Self { random: 1, phase: 0.0, pitch_hz: 110.0, formants: VOWELS[5], resonators: Default::default() }
    }

    /// 0 to 1.
    fn noise(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) as f32 / (1 << 24) as f32
    }

    fn pick(&mut self, n: usize) -> usize {
        (self.noise() * n as f32) as usize
    }

    fn samples(&mut self, low_s: f32, high_s: f32) -> usize {
        ((low_s + (high_s - low_s) * self.noise()) * SAMPLE_RATE as f32) as usize
    }

    /// A vowel into which the last one glides, 120 to 250 ms.
    fn syllable(&mut self, sound: &mut Vec<f32>) {
        let (from, to) = (self.formants, VOWELS[self.pick(VOWELS.len())]);
        let (pitch_from, pitch_to) = (self.pitch_hz, 90.0 + 60.0 * self.noise());
        let loud = 0.5 + 0.5 * self.noise();
        let n = self.samples(0.12, 0.25);
        for i in 0..n {
            let at = i as f32 / n as f32;
            if i % 96 == 0 {
                let glide = (at * 2.0).min(1.0);
                for k in 0..4 {
                    self.formants[k] = from[k] + (to[k] - from[k]) * glide;
                    self.resonators[k].tune(self.formants[k], BANDWIDTHS[k]);
                }
                self.pitch_hz = pitch_from + (pitch_to - pitch_from) * at;
            }
            self.phase = (self.phase + self.pitch_hz / SAMPLE_RATE as f32).fract();
            // An opening glottis: a rising sine arch over half of the period, then closed; breath on top.
            let pulse = if self.phase < 0.5 { (TAU * self.phase).sin() } else { 0.0 };
            let excitation = pulse - FRAC_1_PI + 0.02 * (self.noise() - 0.5);
            let mut sample = 0.0;
            for (k, resonator) in self.resonators.iter_mut().enumerate() {
                sample += resonator.run(excitation) / (k + 1) as f32;
            }
            let envelope = (at * 8.0).min(1.0) * ((1.0 - at) * 5.0).min(1.0);
            sound.push(sample * loud * envelope);
        }
    }

    /// A consonant of noise above some kilohertz, 50 to 110 ms.
    fn hiss(&mut self, sound: &mut Vec<f32>) {
        let mut filter = Resonator::default();
        filter.tune(3000.0 + 3500.0 * self.noise(), 1500.0);
        let n = self.samples(0.05, 0.11);
        for i in 0..n {
            let envelope = (PI * i as f32 / n as f32).sin();
            sound.push(filter.run(self.noise() - 0.5) * 0.8 * envelope);
        }
    }
}

/// Two poles, unity gain at its peak.
#[derive(Default)]
struct Resonator {
    gain: f32,
    a1: f32,
    a2: f32,
    y1: f32,
    y2: f32,
}

impl Resonator {
    fn tune(&mut self, hz: f32, bandwidth_hz: f32) {
        let rate = SAMPLE_RATE as f32;
        let radius = (-PI * bandwidth_hz / rate).exp();
        let angle = TAU * hz / rate;
        self.a1 = 2.0 * radius * angle.cos();
        self.a2 = -radius * radius;
        self.gain = (1.0 - radius) * (1.0 - 2.0 * radius * (2.0 * angle).cos() + radius * radius).sqrt() * 8.0;
    }

    fn run(&mut self, input: f32) -> f32 {
        let y = self.gain * input + self.a1 * self.y1 + self.a2 * self.y2;
        (self.y2, self.y1) = (self.y1, y);
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::BLOCK;
    use crate::audio::level::mean_square;

    #[test]
    fn it_has_the_levels_and_pauses_of_speech_and_does_not_repeat() {
        let sound = speech(20.0);
        assert_eq!(sound.len(), 960_000);
        let level = 10.0 * mean_square(&sound).log10();
        assert!((-32.0..=-16.0).contains(&level), "{level} dBov");
        let pauses = sound.chunks(BLOCK).filter(|block| block.iter().all(|&s| s == 0.0)).count();
        assert!((200..=800).contains(&pauses), "{pauses} of 2000 blocks are pauses");
        let peak = sound.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
        assert!((0.2..=PEAK).contains(&peak), "{peak}");
        assert_eq!(sound[..48_000], speech(1.0)[..]);
        assert_ne!(sound[..48_000], sound[48_000..96_000]);
    }

    #[test]
    fn the_file_is_a_source() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("speech.wav");
        write_test_speech(&path, 1.0).unwrap();
        let mut source = crate::audio::wav::WavSource::open(&path).unwrap();
        let mut sound = vec![0.0; 48_000];
        source.fill(&mut sound);
        let worst = sound.iter().zip(speech(1.0)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "off by {worst}");
        assert!(write_test_speech(Path::new("/nowhere/speech.wav"), 1.0).is_err());
    }
}
