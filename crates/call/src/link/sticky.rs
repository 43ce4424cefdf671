//! Mends defect 11: each renegotiation binds every remote stream again, which wipes the NACK log and the counters of the
//! receiver reports, so that losses near it are never repaired (149 sequence numbers instead of none).
//!
//! Invariant: the wrapped interceptor sees one bind per stream until the stream is unbound or becomes another one.

use std::collections::HashMap;
use std::time::Instant;

use rtc::interceptor::{Interceptor, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::stage::packets_pass_through;

/// Wraps an interceptor that must not forget its streams.
pub(super) struct Sticky<I> {
    inner: I,
    /// SSRC -> payload type and RTX SSRC as bound. As long as the session description makes it.
    bound: HashMap<u32, (u8, Option<u32>)>,
}

impl<I: Interceptor> Sticky<I> {
    pub(super) fn new(inner: I) -> Self {
        Self { inner, bound: HashMap::new() }
    }
}

impl<I: Interceptor> Protocol<TaggedPacket, TaggedPacket, ()> for Sticky<I> {
    packets_pass_through!();

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.inner.handle_timeout(now)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.inner.poll_timeout()
    }
}

impl<I: Interceptor> Interceptor for Sticky<I> {
    fn bind_local_stream(&mut self, stream: &StreamInfo) {
        self.inner.bind_local_stream(stream);
    }

    fn unbind_local_stream(&mut self, stream: &StreamInfo) {
        self.inner.unbind_local_stream(stream);
    }

    fn bind_remote_stream(&mut self, stream: &StreamInfo) {
        let binding = (stream.payload_type, stream.ssrc_rtx);
        if self.bound.insert(stream.ssrc, binding) != Some(binding) {
            self.inner.bind_remote_stream(stream);
        }
    }

    fn unbind_remote_stream(&mut self, stream: &StreamInfo) {
        self.bound.remove(&stream.ssrc);
        self.inner.unbind_remote_stream(stream);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rtc::interceptor::{NackGeneratorBuilder, ReceiverReportBuilder, Registry, Slot};

    use super::super::testing::{NACK_INTERVAL, Wire, video, video_stream};
    use super::*;

    /// Losses at the time of a renegotiation that are asked for after it.
    fn asked_after_renegotiation(registry: Registry) -> Vec<u16> {
        let mut wire = Wire::new(registry);
        wire.bind_remote(&video_stream());
        for sequence in [10, 11, 14] {
            wire.receive(video(sequence));
        }
        wire.bind_remote(&video_stream());
        wire.receive(video(15));
        wire.advance(Duration::from_millis(120));
        wire.nacked()
    }

    #[test]
    fn losses_before_a_renegotiation_are_still_asked_for() {
        let generator = || NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).build();
        let mended = Registry::new().with(Slot::NackGenerator, Sticky::new(generator()));
        assert_eq!(asked_after_renegotiation(mended), vec![12, 13]);
        // The defect is still there; when this fails, the wrapper can go.
        let stock = Registry::new().with(Slot::NackGenerator, generator());
        assert!(asked_after_renegotiation(stock).is_empty());
    }

    #[test]
    fn receiver_reports_go_on_counting_over_a_renegotiation() {
        let lost = |registry: Registry| {
            let mut wire = Wire::new(registry);
            wire.bind_remote(&video_stream());
            for sequence in [10, 11, 14, 15] {
                wire.receive(video(sequence));
            }
            wire.bind_remote(&video_stream());
            wire.receive(video(16));
            wire.advance(Duration::from_millis(1100));
            wire.reported_lost()
        };
        let mended = Registry::new().with(Slot::ReceiverReport, Sticky::new(ReceiverReportBuilder::new().build()));
        assert_eq!(lost(mended), Some(2));
        let stock = Registry::new().with(Slot::ReceiverReport, ReceiverReportBuilder::new().build());
        assert_eq!(lost(stock), Some(0));
    }

    #[test]
    fn a_stream_that_was_unbound_is_bound_afresh() {
        let registry = Registry::new()
            .with(Slot::NackGenerator, Sticky::new(NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).build()));
        let mut wire = Wire::new(registry);
        wire.bind_remote(&video_stream());
        wire.receive(video(10));
        wire.unbind_remote(&video_stream());
        wire.bind_remote(&video_stream());
        // Far away: with the old log this would be a gap of hundreds.
        wire.receive(video(900));
        wire.advance(Duration::from_millis(120));
        assert!(wire.nacked().is_empty());
    }
}
