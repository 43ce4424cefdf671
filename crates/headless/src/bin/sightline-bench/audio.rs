//! What 10 % of lost packets leaves of speech, with and without in-band FEC.

use anyhow::Result;
use sightline_media::audio::{AudioDecoder, AudioEncoder, FRAME, OpusDecoder, OpusEncoder, similarity, speech};

const SECONDS: f32 = 60.0;
const LOSS: f64 = 0.10;
/// Below this correlation of band envelopes words are lost; above 0.8 speech is understood.
const INTELLIGIBLE: f64 = 0.8;

/// Sound that came out, and how far its lost frames are from what no loss would have given.
struct Outcome {
    snr_db: f64,
    correlation: f64,
}

/// Lines of the table: what, figure, bound, met.
pub(crate) fn lines() -> Result<Vec<(String, String, &'static str, bool)>> {
    let sound = speech(SECONDS);
    let packets = encode(&sound)?;
    let concealed = decode(&sound, &packets, false)?;
    let recovered = decode(&sound, &packets, true)?;
    let figure = |o: &Outcome| format!("{:.1} dB, correlation {:.2}", o.snr_db, o.correlation);
    Ok(vec![
        ("speech at 10 % loss, concealment only: SNR of lost frames".to_owned(), figure(&concealed), "stated", true),
        (
            "speech at 10 % loss, with in-band FEC: SNR of lost frames".to_owned(),
            figure(&recovered),
            "intelligible (> 0.8)",
            recovered.correlation > INTELLIGIBLE && recovered.snr_db > concealed.snr_db,
        ),
    ])
}

fn encode(sound: &[f32]) -> Result<Vec<Vec<u8>>> {
    let mut encoder = OpusEncoder::new(32_000, 10, false)?;
    let mut packets = Vec::new();
    for frame in sound.as_chunks::<FRAME>().0 {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload)?;
        packets.push(payload);
    }
    Ok(packets)
}

fn decode(sound: &[f32], packets: &[Vec<u8>], fec: bool) -> Result<Outcome> {
    let (mut clean, mut lossy) = (OpusDecoder::new()?, OpusDecoder::new()?);
    let (mut heard, mut signal, mut error) = (Vec::new(), 0.0, 0.0);
    let mut random = Lcg(12_345);
    let lost: Vec<bool> = packets.iter().map(|_| random.fraction() < LOSS).collect();
    for (i, packet) in packets.iter().enumerate() {
        let mut reference = Vec::new();
        clean.decode(packet, &mut reference)?;
        let start = heard.len();
        if !lost[i] {
            lossy.decode(packet, &mut heard)?;
            continue;
        }
        match packets.get(i + 1).filter(|next| fec && !lost[i + 1] && lossy.has_redundancy(next)) {
            Some(next) => lossy.recover(next, FRAME, &mut heard)?,
            None => lossy.conceal(FRAME, &mut heard)?,
        }
        for (got, wanted) in heard[start..].iter().zip(&reference) {
            signal += f64::from(*wanted).powi(2);
            error += f64::from(wanted - got).powi(2);
        }
    }
    Ok(Outcome { snr_db: 10.0 * (signal / error).log10(), correlation: similarity(sound, &heard).correlation })
}

/// Numerical Recipes' generator: the same losses in each run.
struct Lcg(u32);

impl Lcg {
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 >> 8) / f64::from(1 << 24)
    }
}
