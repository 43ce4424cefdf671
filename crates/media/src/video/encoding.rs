//! The thread of a sender that encodes.
//!
//! Invariant: it takes the newest picture, never a queue of them, and encodes it once for all links; what it missed is
//! counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::codec::{EncoderSettings, VideoEncoder};
use super::payload::Packetizer;
use super::request::KeyframeGate;
use super::sender::Shared;
use super::source::VideoSettings;
use super::vpx::Vp8Encoder;
use super::{Scaler, VideoFrame};
use crate::{EncodedVideo, MediaError};

/// How often it is looked whether the thread is to end while no picture comes; the end itself wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// What the encode thread owns.
pub(super) struct Encoding {
    shared: Arc<Shared>,
    settings: VideoSettings,
    hook: Box<dyn Fn(Arc<EncodedVideo>) + Send>,
    encoder: Option<Encoder>,
    packetizer: Packetizer,
    scaler: Scaler,
    keyframes: KeyframeGate,
    /// Of the last picture, so that the next one's is higher.
    timestamp: Option<u32>,
}

struct Encoder {
    codec: Box<dyn VideoEncoder>,
    size: (u32, u32),
    bps: u32,
}

impl Encoding {
    pub(super) fn new(
        shared: Arc<Shared>,
        settings: VideoSettings,
        hook: Box<dyn Fn(Arc<EncodedVideo>) + Send>,
    ) -> Self {
        Self {
            shared,
            settings,
            hook,
            encoder: None,
            packetizer: Packetizer::default(),
            scaler: Scaler::new(),
            keyframes: KeyframeGate::default(),
            timestamp: None,
        }
    }

    pub(super) fn run(mut self) {
        let mut seen = 0;
        let mut idle = true;
        while !self.shared.stopped.load(Ordering::Relaxed) {
            let Some((sequence, frame)) = self.shared.slot.wait_newer_than(seen, IDLE) else { continue };
            let missed = sequence - seen - 1;
            seen = sequence;
            if !self.shared.takers.load(Ordering::Relaxed) {
                idle = true;
                continue;
            }
            if !std::mem::take(&mut idle) {
                self.shared.counters().frames_dropped += missed;
            }
            if let Err(error) = self.encode(&frame) {
                tracing::error!(%error, "a picture could not be encoded");
                self.shared.counters().frames_dropped += 1;
                self.encoder = None;
            }
        }
    }

    fn encode(&mut self, frame: &VideoFrame) -> Result<(), MediaError> {
        let frame = self.scaler.fit(frame, self.settings.width, self.settings.height)?;
        let size = (frame.width(), frame.height());
        let bps = self.shared.target_bps.load(Ordering::Relaxed);
        self.encoder.take_if(|encoder| encoder.size != size);
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => {
                let (width, height) = size;
                let settings = EncoderSettings { width, height, fps: self.settings.fps, bitrate_bps: bps };
                // Its first picture is a keyframe whether or not one is asked for.
                self.shared.keyframe.store(true, Ordering::Relaxed);
                self.keyframes = KeyframeGate::default();
                none.insert(Encoder { codec: Box::new(Vp8Encoder::new(settings)?), size, bps })
            }
        };
        if encoder.bps != bps {
            encoder.codec.set_bitrate(bps)?;
            encoder.bps = bps;
        }
        let begun = Instant::now();
        let force = self.keyframes.grant(self.shared.keyframe.load(Ordering::Relaxed), begun);
        if force {
            self.shared.keyframe.store(false, Ordering::Relaxed);
        }
        let picture = encoder.codec.encode(&frame, force)?;
        let took = begun.elapsed();
        let encoded = picture.map(|picture| {
            // Capture time in units of 90 kHz; two pictures never share a timestamp.
            let captured = (frame.captured_us() * 9 / 100) as u32;
            let timestamp = match self.timestamp {
                Some(before) if (captured.wrapping_sub(before) as i32) <= 0 => before.wrapping_add(1),
                _ => captured,
            };
            self.timestamp = Some(timestamp);
            EncodedVideo {
                payloads: self.packetizer.packetize(&picture),
                timestamp,
                captured_us: frame.captured_us(),
                keyframe: picture.keyframe,
                temporal_layer: picture.temporal_layer,
                width: size.0,
                height: size.1,
            }
        });
        let mut counters = self.shared.counters();
        counters.encode_time += took;
        counters.target_bps = bps;
        counters.encoders_running = 1;
        (counters.width, counters.height) = size;
        let Some(encoded) = encoded else {
            counters.frames_dropped += 1;
            return Ok(());
        };
        counters.frames_encoded += 1;
        counters.key_frames += u64::from(encoded.keyframe);
        counters.bytes += encoded.payloads.iter().map(|payload| payload.len() as u64).sum::<u64>();
        drop(counters);
        (self.hook)(Arc::new(encoded));
        Ok(())
    }
}
