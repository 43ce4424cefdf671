//! The interceptors of a link, in order from the wire to the application.
//!
//! Invariant: nothing in here queues media. Mends defect 3: the crate's pacer is a queue without a useful bound (27 s of
//! sound behind pictures after the rate fell), so there is none; encoders keep to the rate instead.

use std::time::Duration;

use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot,
    TwccReceiverBuilder, TwccSenderBuilder,
};

use super::rtx_unwrap::RtxUnwrap;
use super::stage::Stage;
use super::sticky::Sticky;
use super::tap::{Counts, Tap};

/// Between requests for lost packets. The generator knows no round trip: it asks for each loss again at every tick until
/// the repair is there. Measured at 3 % loss over loopback, repair counted from the packet after the gap:
///
/// | interval | round trip | copies per loss | repair p50 / p95 |
/// |---|---|---|---|
/// | 20 ms | 20 / 60 / 150 ms | 2.0 / 3.5 / 7.8 | 32 / 55, 74 / 84, 163 / 178 ms |
/// | 50 ms | 20 / 60 / 150 ms | 1.0 / 2.0 / 3.6 | 53 / 89, 94 / 146, 190 / 239 ms |
/// | 100 ms | 20 / 60 / 150 ms | 1.0 / 1.1 / 2.0 | 74 / 149, 115 / 186, 204 / 301 ms |
const NACK_INTERVAL: Duration = Duration::from_millis(50);
/// Requests per lost packet: after a second a keyframe is the better repair.
const NACK_ATTEMPTS: u16 = 20;
/// Sent packets kept for repair: 1024 are 7 s at 1.5 Mbit/s.
const RESEND_HISTORY: u16 = 1024;

/// Tap and receiver reports sit below the unwrapping, so that loss is what the path lost, whatever was repaired.
pub(super) const TAP: usize = 500;
const RECEIVER_REPORT: usize = 6_200;
const RTX_UNWRAP: usize = 6_500;

/// The chain of a link.
pub(super) fn registry(counts: Counts) -> Registry {
    let generator =
        NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).with_max_nacks_per_packet(NACK_ATTEMPTS).build();
    Registry::new()
        .with(Slot::from(TAP), Stage::new(Tap::new(counts)))
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(Slot::NackResponder, NackResponderBuilder::new().with_size(RESEND_HISTORY).build())
        .with(Slot::from(RECEIVER_REPORT), Sticky::new(ReceiverReportBuilder::new().build()))
        .with(Slot::from(RTX_UNWRAP), Stage::new(RtxUnwrap::default()))
        .with(Slot::NackGenerator, Sticky::new(generator))
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Wire, video};
    use super::*;

    #[test]
    fn nothing_waits_in_the_chain() {
        let mut wire = Wire::new(registry(Counts::default()));
        for sequence in 0..500 {
            wire.send(video(sequence));
        }
        // No time has passed: a pacer would have let out the first few.
        assert_eq!(wire.sent_media(), 500);
    }
}
