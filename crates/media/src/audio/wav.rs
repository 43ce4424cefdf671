//! A WAV file as an endless source of 48 kHz mono.
//!
//! Invariant: memory use does not depend on the file: it is read as it is played, and from its start again at its end.
//! What a damaged file still holds whole is used, and said once.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec};

use super::SAMPLE_RATE;
use super::resample::Resampler;
use crate::MediaError;

/// More channels than any sound card: beyond them the header is wrong.
const MAX_CHANNELS: u16 = 64;

/// Reads, mixes to mono, converts the rate, loops.
pub(crate) struct WavSource {
    path: PathBuf,
    reader: WavReader<BufReader<File>>,
    resampler: Resampler,
    /// At most one chunk of the resampler more than was asked for.
    ready: VecDeque<f32>,
    /// The file could not be read again at its end: silence from there on.
    gone: bool,
}

impl WavSource {
    /// Fails at once for a file that is missing, not WAV, or has no sound in it.
    pub(crate) fn open(path: &Path) -> Result<Self, MediaError> {
        let mut reader = open(path)?;
        let spec = reader.spec();
        let bad = |problem: String| MediaError::BadFile { path: path.to_owned(), problem };
        if spec.channels == 0 || spec.channels > MAX_CHANNELS || !(1..=32).contains(&spec.bits_per_sample) {
            let WavSpec { channels, bits_per_sample, .. } = spec;
            return Err(bad(format!(
                "{channels} channels of {bits_per_sample} bits; 1 to {MAX_CHANNELS} channels of up to 32 bits work"
            )));
        }
        let resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE).map_err(|e| bad(e.to_string()))?;
        if read_mono(&mut reader, 1).is_empty() {
            return Err(bad("it holds no sound; record it again".into()));
        }
        warn_if_cut_short(path, &spec, reader.duration());
        Ok(Self { path: path.to_owned(), reader: open(path)?, resampler, ready: VecDeque::new(), gone: false })
    }

    /// Fills `out`, from the start of the file again where it ends.
    pub(crate) fn fill(&mut self, out: &mut [f32]) {
        while self.ready.len() < out.len() && !self.gone {
            self.read_more();
        }
        for sample in out {
            *sample = self.ready.pop_front().unwrap_or(0.0);
        }
    }

    fn read_more(&mut self) {
        let rate = self.reader.spec().sample_rate as usize;
        let sound = read_mono(&mut self.reader, rate / 100);
        if !sound.is_empty() {
            let ready = &mut self.ready;
            self.resampler.process(&sound, |piece| ready.extend(piece));
            return;
        }
        // hound cannot seek back reliably after a read error or with padded samples: open it anew.
        match open(&self.path) {
            Ok(mut reader) if reader.spec().sample_rate as usize == rate => {
                let first = read_mono(&mut reader, rate / 100);
                let ready = &mut self.ready;
                self.resampler.process(&first, |piece| ready.extend(piece));
                self.gone = first.is_empty();
                self.reader = reader;
            }
            Ok(_) => self.gone = true,
            Err(error) => {
                tracing::warn!(%error, "the microphone file cannot be read again, silence is sent instead");
                self.gone = true;
            }
        }
    }
}

fn open(path: &Path) -> Result<WavReader<BufReader<File>>, MediaError> {
    WavReader::open(path).map_err(|error| match error {
        // hound makes an I/O error of a short header too; only the system's have a number.
        hound::Error::IoError(source) if source.raw_os_error().is_some() => {
            MediaError::Read { path: path.to_owned(), source }
        }
        other => MediaError::BadFile {
            path: path.to_owned(),
            problem: format!("it is not a WAV file that can be read ({other}); PCM or float WAV works"),
        },
    })
}

/// Up to `frames` frames, mixed to mono; fewer at the end of the data or where it is cut short.
fn read_mono(reader: &mut WavReader<BufReader<File>>, frames: usize) -> Vec<f32> {
    let WavSpec { channels, bits_per_sample, sample_format, .. } = reader.spec();
    let wanted = frames * usize::from(channels);
    let samples: Vec<f32> = match sample_format {
        SampleFormat::Float => reader.samples::<f32>().take(wanted).map_while(Result::ok).map(sane).collect(),
        SampleFormat::Int => {
            let scale = 1.0 / (1_i64 << (bits_per_sample - 1)) as f32;
            reader.samples::<i32>().take(wanted).map_while(Result::ok).map(|s| s as f32 * scale).collect()
        }
    };
    samples.chunks_exact(channels.into()).map(|frame| frame.iter().sum::<f32>() / f32::from(channels)).collect()
}

/// Float files can hold anything.
fn sane(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

fn warn_if_cut_short(path: &Path, spec: &WavSpec, frames: u32) {
    let claimed = u64::from(frames) * u64::from(spec.channels) * u64::from(spec.bits_per_sample.div_ceil(8));
    let actual = std::fs::metadata(path).map_or(u64::MAX, |meta| meta.len());
    if actual < claimed {
        let path = path.display();
        tracing::warn!("{path} is cut short: its header promises {claimed} bytes of sound; what is there is used");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, spec: WavSpec, seconds: f32) {
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for i in 0..(spec.sample_rate as f32 * seconds) as u32 {
            let value = 0.5 * (std::f32::consts::TAU * 500.0 * i as f32 / spec.sample_rate as f32).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(value).unwrap(),
                    SampleFormat::Int => {
                        let full = (1_i64 << (spec.bits_per_sample - 1)) as f32 - 1.0;
                        writer.write_sample((value * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
    }

    fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec { channels, sample_rate, bits_per_sample, sample_format }
    }

    #[test]
    fn every_common_format_plays_at_its_pitch_and_level_and_loops() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        for spec in [
            spec(1, 48_000, 16, SampleFormat::Int),
            spec(2, 44_100, 16, SampleFormat::Int),
            spec(1, 8_000, 8, SampleFormat::Int),
            spec(6, 96_000, 24, SampleFormat::Int),
            spec(2, 48_000, 32, SampleFormat::Int),
            spec(2, 22_050, 32, SampleFormat::Float),
        ] {
            write(&path, spec, 0.3);
            let mut source = WavSource::open(&path).unwrap();
            let mut sound = vec![0.0; 48_000];
            for piece in sound.chunks_mut(480) {
                source.fill(piece);
            }
            let rising = sound.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
            assert!((495..=505).contains(&rising), "{spec:?}: {rising} periods in a second");
            let rms = super::super::level::mean_square(&sound).sqrt();
            assert!((rms - 0.3536).abs() < 0.01, "{spec:?}: rms {rms}");
        }
    }

    #[test]
    fn a_missing_or_wrong_file_is_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let missing = WavSource::open(&dir.path().join("no.wav")).err().expect("there is no such file").to_string();
        assert!(missing.starts_with("cannot read ") && missing.contains("no.wav"), "{missing}");
        let path = dir.path().join("text.wav");
        for content in [&b""[..], b"RIFF", b"this is not a sound file at all, however long it may be, is it?"] {
            std::fs::write(&path, content).unwrap();
            let wrong = WavSource::open(&path).err().expect("it is not WAV").to_string();
            assert!(wrong.starts_with("cannot use ") && wrong.contains("not a WAV file"), "{wrong}");
        }
        write(&path, spec(1, 48_000, 16, SampleFormat::Int), 0.0);
        let empty = WavSource::open(&path).err().expect("it is empty").to_string();
        assert!(empty.contains("holds no sound"), "{empty}");
        write(&path, spec(1, 1_000, 16, SampleFormat::Int), 0.1);
        let slow = WavSource::open(&path).err().expect("1 kHz is no sound").to_string();
        assert!(slow.contains("1000 Hz"), "{slow}");
    }

    #[test]
    fn what_a_cut_file_holds_whole_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.wav");
        write(&path, spec(2, 48_000, 16, SampleFormat::Int), 1.0);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..44 + 4 * 4800 + 3]).unwrap();
        let mut source = WavSource::open(&path).unwrap();
        let mut sound = vec![0.0; 9600];
        source.fill(&mut sound);
        assert_eq!(sound[..4800], sound[4800..], "4800 whole frames, then from the start");
    }

    #[test]
    fn a_file_that_vanishes_becomes_silence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone.wav");
        write(&path, spec(1, 48_000, 16, SampleFormat::Int), 0.1);
        let mut source = WavSource::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut sound = vec![1.0; 9600];
        source.fill(&mut sound);
        assert!(sound[..4800].iter().any(|&s| s != 0.0), "what is open is played to its end");
        assert!(sound[4800..].iter().all(|&s| s == 0.0));
    }

    #[test]
    fn no_damaged_header_panics() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("damaged.wav");
        write(&path, spec(2, 44_100, 32, SampleFormat::Float), 0.02);
        let whole = std::fs::read(&path).unwrap();
        let mut out = [0.0; 480];
        for at in 0..80 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                std::fs::write(&path, &damaged).unwrap();
                if let Ok(mut source) = WavSource::open(&path) {
                    source.fill(&mut out);
                }
            }
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(WavSource::open(&path).is_err() || at > 44, "cut at {at}");
        }
    }
}
