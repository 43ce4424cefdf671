//! What `sightline-headless --record` left behind, and what it says about a call.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Sound is judged in blocks of so many milliseconds: many periods of a tone, and less than a word.
const BLOCK_MS: usize = 100;

/// Share of a block's energy that has to be at the tone's frequency.
const TONE_SHARE: f64 = 0.5;

/// A block below this root mean square of full scale is silence.
const SILENCE: f64 = 0.003;

/// Means of a picture's planes, and a few of its pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    /// Mean of Y, Cb and Cr, 0 to 255; black is about (16, 128, 128).
    pub(crate) mean: [f64; 3],
    /// Every 16th luma sample of every 16th line.
    pub(crate) sampled: Vec<u8>,
}

/// A recorded video.
pub(crate) struct Video {
    /// Width and height.
    pub(crate) size: (usize, usize),
    /// In order.
    pub(crate) pictures: Vec<Picture>,
}

impl Video {
    /// How many pictures a recording that is still being written has.
    pub(crate) fn count(path: &Path) -> u64 {
        let Ok(mut file) = File::open(path).map(BufReader::new) else { return 0 };
        let mut header = String::new();
        let bytes = file.get_ref().metadata().map_or(0, |metadata| metadata.len());
        match file.read_line(&mut header).ok().and_then(|_| size(&header)) {
            Some((width, height)) => bytes.saturating_sub(header.len() as u64) / ((width * height * 3 / 2) as u64 + 6),
            None => 0,
        }
    }

    /// Reads a 4:2:0 YUV4MPEG2 file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut file = BufReader::new(File::open(path).with_context(|| format!("no recording {}", path.display()))?);
        let mut header = String::new();
        file.read_line(&mut header)?;
        let (width, height) = size(&header).with_context(|| format!("{header:?} is no y4m header"))?;
        let mut pictures = Vec::new();
        let mut planes = vec![0; width * height * 3 / 2];
        let mut line = String::new();
        while file.read_line(&mut line)? > 0 {
            ensure!(line.starts_with("FRAME"), "{line:?} instead of a frame in {}", path.display());
            line.clear();
            file.read_exact(&mut planes)?;
            pictures.push(Picture::of(&planes, width, height));
        }
        Ok(Self { size: (width, height), pictures })
    }
}

/// Width and height in the first line of a y4m file.
fn size(header: &str) -> Option<(usize, usize)> {
    let field = |tag: char| header.split_whitespace().skip(1).find_map(|word| word.strip_prefix(tag)?.parse().ok());
    field('W').zip(field('H'))
}

impl Picture {
    fn of(planes: &[u8], width: usize, height: usize) -> Self {
        let (y, chroma) = planes.split_at(width * height);
        let (cb, cr) = chroma.split_at(chroma.len() / 2);
        let mean = |plane: &[u8]| plane.iter().map(|&v| f64::from(v)).sum::<f64>() / plane.len() as f64;
        let sampled = y.chunks(width).step_by(16).flat_map(|line| line.iter().step_by(16)).copied().collect();
        Self { mean: [mean(y), mean(cb), mean(cr)], sampled }
    }

    /// Whether a part of the picture looks different.
    pub(crate) fn moved_from(&self, other: &Self) -> bool {
        self.sampled.iter().zip(&other.sampled).any(|(a, b)| a.abs_diff(*b) > 40)
    }
}

/// A row of the list of recorded frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// RTP timestamp, 90 kHz.
    pub(crate) rtp_timestamp: u32,
    /// When it was decoded, microseconds since 1970.
    pub(crate) decoded_us: i64,
}

/// Reads the list of recorded frames: index, RTP timestamp, capture time, decode time.
pub(crate) fn frames(path: &Path) -> Result<Vec<Frame>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("no list of frames {}", path.display()))?;
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        Some(Frame { rtp_timestamp: cells.get(1)?.parse().ok()?, decoded_us: cells.get(3)?.parse().ok()? })
    };
    text.lines().skip(1).map(|line| row(line).with_context(|| format!("{line:?} in {}", path.display()))).collect()
}

/// Longest time between two neighbours, milliseconds.
pub(crate) fn longest_gap_ms(frames: &[Frame]) -> i64 {
    frames.windows(2).map(|pair| (pair[1].decoded_us - pair[0].decoded_us) / 1000).max().unwrap_or(0)
}

/// Where a tone is heard in a recording.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tone {
    /// One entry per block, from the first block in which the tone is heard to the last.
    pub(crate) heard: Vec<bool>,
}

impl Tone {
    /// Looks for a tone of `hz` in a 48 kHz WAV file.
    pub(crate) fn read(path: &Path, hz: f64) -> Result<Self> {
        let mut wav = hound::WavReader::open(path).with_context(|| format!("no recording {}", path.display()))?;
        let spec = wav.spec();
        ensure!(spec.sample_rate == 48_000 && spec.channels == 1, "{spec:?} is not 48 kHz mono");
        let samples: Vec<f64> = match spec.sample_format {
            hound::SampleFormat::Float => wav.samples::<f32>().map(|s| s.map(f64::from)).collect::<Result<_, _>>()?,
            hound::SampleFormat::Int => {
                let full = f64::from(1_u32 << (spec.bits_per_sample - 1));
                wav.samples::<i32>().map(|s| s.map(|s| f64::from(s) / full)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self::find(&samples, hz))
    }

    fn find(samples: &[f64], hz: f64) -> Self {
        let heard: Vec<bool> = samples.chunks_exact(48 * BLOCK_MS).map(|block| has_tone(block, hz)).collect();
        let first = heard.iter().position(|&h| h).unwrap_or(heard.len());
        let end = heard.iter().rposition(|&h| h).map_or(first, |last| last + 1);
        Self { heard: heard[first..end].to_vec() }
    }

    /// Seconds from the first to the last of it.
    pub(crate) fn seconds(&self) -> f64 {
        (self.heard.len() * BLOCK_MS) as f64 / 1000.0
    }

    /// Share of the blocks in between that have it.
    pub(crate) fn share(&self) -> f64 {
        self.heard.iter().filter(|&&h| h).count() as f64 / self.heard.len().max(1) as f64
    }

    /// Longest time without it, milliseconds.
    pub(crate) fn longest_hole_ms(&self) -> usize {
        self.heard.split(|&h| h).map(<[bool]>::len).max().unwrap_or(0) * BLOCK_MS
    }
}

/// Whether most of a block's energy is at `hz`, by its Fourier coefficient there.
fn has_tone(block: &[f64], hz: f64) -> bool {
    let length = block.len() as f64;
    let energy: f64 = block.iter().map(|s| s * s).sum();
    let step = std::f64::consts::TAU * hz / 48_000.0;
    let (re, im) = block.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, sample)| {
        let phase = step * i as f64;
        (re + sample * phase.cos(), im + sample * phase.sin())
    });
    // For a pure tone of amplitude A: energy A² N / 2, coefficient A N / 2.
    let at_tone = 2.0 * (re * re + im * im) / length;
    (energy / length).sqrt() > SILENCE && at_tone > TONE_SHARE * energy
}

/// Writes one second of a tone, to be played over and over without a click (`hz` is whole).
pub(crate) fn write_tone(path: &Path, hz: u32) -> Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec)?;
    for i in 0..48_000_u32 {
        let phase = std::f64::consts::TAU * f64::from(i * hz % 48_000) / 48_000.0;
        wav.write_sample((phase.sin() * 12_000.0) as i16)?;
    }
    Ok(wav.finalize()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, seconds: f64) -> impl Iterator<Item = f64> {
        (0..(seconds * 48_000.0) as usize).map(move |i| 0.3 * (std::f64::consts::TAU * hz * i as f64 / 48_000.0).sin())
    }

    #[test]
    fn a_tone_is_told_from_silence_and_from_another_tone() {
        let silence = std::iter::repeat_n(0.0, 48_000 * 3 / 10);
        let samples: Vec<f64> =
            silence.chain(sine(660.0, 1.0)).chain(sine(990.0, 0.3)).chain(sine(660.0, 0.5)).collect();
        let tone = Tone::find(&samples, 660.0);
        assert_eq!((tone.heard.len(), tone.longest_hole_ms()), (18, 300));
        assert!((tone.share() - 15.0 / 18.0).abs() < 1e-9);
        assert_eq!(Tone::find(&samples, 440.0).heard.len(), 0);
    }
}
