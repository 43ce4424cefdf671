//! A speaker, with what it takes to match its rate.
//!
//! Invariant: sound goes in at 48 kHz whatever the device takes, also after it came back as another one.

use std::time::Duration;

use super::SAMPLE_RATE;
use super::resample::Resampler;
use crate::MediaError;
use crate::device::DeviceKind;
use crate::device::sound::{Events, SoundDevice};

/// A speaker that asked for nothing this long is not waited for. Longer than any device's period.
const SILENT_AFTER: Duration = Duration::from_millis(150);

pub(super) struct Output {
    device: SoundDevice,
    resampler: Resampler,
    rate: u32,
}

impl Output {
    pub(super) fn open(wanted: Option<String>, events: Events) -> Result<Self, MediaError> {
        let device = SoundDevice::open(DeviceKind::Speaker, wanted, events)?;
        let rate = device.port().rate();
        Ok(Self { device, resampler: Resampler::new(SAMPLE_RATE, rate)?, rate })
    }

    pub(super) fn alive(&self) -> bool {
        self.device.port().quiet_for().is_some_and(|quiet| quiet < SILENT_AFTER)
    }

    /// Waits at most `limit` until it takes another block.
    pub(super) fn wait_for_room(&self, limit: Duration) -> bool {
        self.device.port().wait_for_room(limit)
    }

    /// From queueing a block to its sound.
    pub(super) fn delay(&self) -> Duration {
        self.device.port().queued() + self.device.port().latency()
    }

    pub(super) fn play(&mut self, block: &[f32]) {
        let port = self.device.port();
        if port.rate() != self.rate {
            // It came back as another device.
            match Resampler::new(SAMPLE_RATE, port.rate()) {
                Ok(resampler) => (self.resampler, self.rate) = (resampler, port.rate()),
                Err(error) => return tracing::error!(%error, "the speaker cannot be used"),
            }
        }
        self.resampler.process(block, |piece| port.put(piece));
    }
}
