//! Echo cancellation, noise suppression and gain, with sonora (a port of WebRTC's audio processing).
//!
//! Invariant: the canceller hears every block that is played, in order, before the microphone hears its echo.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::{BLOCK, SAMPLE_RATE};

/// Longest delay that the canceller takes as a hint.
const MAX_DELAY_MS: u32 = 500;

/// Shared by the sender (which gives what the microphone hears) and the player (which gives what the speaker plays).
pub struct AudioProcessor {
    inner: Mutex<Inner>,
    /// Somebody sends what was processed; until then nothing needs to be heard.
    used: AtomicBool,
    /// From handing a block over for playing to its sound.
    output_delay_ms: AtomicU32,
}

struct Inner {
    processing: AudioProcessing,
    output: Vec<f32>,
}

impl AudioProcessor {
    /// Echo canceller, noise suppression, gain control and high-pass filter at 48 kHz mono.
    pub fn new() -> Self {
        let config = Config {
            // The default of 32 kHz would cut speech off at 16 kHz.
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: Some(EchoCanceller::default()),
            noise_suppression: Some(NoiseSuppression::default()),
            gain_controller2: Some(GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..GainController2::default()
            }),
            ..Config::default()
        };
        let stream = StreamConfig::new(SAMPLE_RATE, 1);
        let processing = AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build();
        Self {
            inner: Mutex::new(Inner { processing, output: vec![0.0; BLOCK] }),
            used: AtomicBool::new(false),
            output_delay_ms: AtomicU32::new(0),
        }
    }

    /// Cleans 10 ms from the microphone, which its first sample reached `input_delay` ago.
    pub fn capture(&self, block: &mut [f32; BLOCK], input_delay: Duration) {
        self.used.store(true, Ordering::Relaxed);
        let delay = self.output_delay_ms.load(Ordering::Relaxed).saturating_add(input_delay.as_millis() as u32);
        let mut inner = self.lock();
        let Inner { processing, output } = &mut *inner;
        // In range by the clamp, and sonora goes on with a clamped value anyway.
        let _ = processing.set_stream_delay_ms(delay.min(MAX_DELAY_MS) as i32);
        match processing.process_capture_f32(&[&block[..]], &mut [output]) {
            Ok(()) => block.copy_from_slice(output),
            Err(error) => tracing::debug!(%error, "sound is sent unprocessed"),
        }
    }

    /// Hears 10 ms that will sound `output_delay` from now.
    pub fn render(&self, block: &[f32; BLOCK], output_delay: Duration) {
        if !self.used.load(Ordering::Relaxed) {
            return;
        }
        self.output_delay_ms.store(output_delay.as_millis() as u32, Ordering::Relaxed);
        let mut inner = self.lock();
        let Inner { processing, output } = &mut *inner;
        if let Err(error) = processing.process_render_f32(&[&block[..]], &mut [output]) {
            tracing::debug!(%error, "the echo canceller did not hear a block");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for AudioProcessor {
    fn default() -> Self {
        Self::new()
    }
}
