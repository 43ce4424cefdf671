//! Speech on its way: encoded as a sender does, and as it arrives after a path.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sightline_media::audio::{AudioEncoder, FRAME, OpusDecoder, OpusEncoder, SAMPLE_RATE};
use sightline_media::{EncodedAudio, RtpPacket};

use super::network::{Conditions, Network};

pub(crate) fn decoder() -> Box<OpusDecoder> {
    Box::new(OpusDecoder::new().expect("Opus has a decoder"))
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What is sent of `sound`, as a sender does: left-out frames are not in it.
pub(crate) fn packets(sound: &[f32], expected_loss: u8, dtx: bool) -> Vec<EncodedAudio> {
    let mut encoder = OpusEncoder::new(32_000, expected_loss, dtx).expect("these settings are valid");
    let mut sent = Vec::new();
    for (i, frame) in sound.chunks_exact(FRAME).enumerate() {
        let mut payload = Vec::new();
        let frame = frame.try_into().expect("a whole frame");
        if let Some(encoded) = encoder.encode(frame, &mut payload).expect("a frame can be encoded") {
            sent.push(EncodedAudio {
                payload: Bytes::from(payload),
                timestamp: (i * FRAME) as u32,
                captured_us: 0,
                marker: encoded.marker,
                level: 0,
            });
        }
    }
    sent
}

/// The time line of a sender: sequence and timestamp offsets, and how fast its clock is.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) drift_ppm: f64,
}

pub(crate) const PLAIN: Clock = Clock { sequence: 65_500, timestamp: u32::MAX - 100_000, drift_ppm: 0.0 };

pub(crate) fn arrivals(sent: &[EncodedAudio], clock: Clock, conditions: Conditions, start: Instant) -> Vec<RtpPacket> {
    let mut network = Network::new(7, conditions);
    for (i, packet) in sent.iter().enumerate() {
        // A packet leaves when its last sample was captured.
        let media = f64::from(packet.timestamp + FRAME as u32) / f64::from(SAMPLE_RATE);
        let left = start + Duration::from_secs_f64(media / (1.0 + clock.drift_ppm * 1e-6));
        let sequence = clock.sequence.wrapping_add(i as u16);
        network.send((sequence, packet), left);
    }
    let everything = network.arrived(start + Duration::from_secs(86_400));
    let packet = |(arrived, (sequence, packet)): (Instant, (u16, &EncodedAudio))| RtpPacket {
        sequence,
        timestamp: clock.timestamp.wrapping_add(packet.timestamp),
        marker: packet.marker,
        payload: packet.payload.clone(),
        arrived,
        captured_us: None,
        is_copy: false,
    };
    everything.into_iter().map(packet).collect()
}
