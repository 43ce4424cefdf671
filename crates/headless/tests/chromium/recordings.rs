//! The sounds of the tests.

use std::path::Path;

use anyhow::Result;

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
