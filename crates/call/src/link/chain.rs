//! The interceptors of a link, in order from the wire to the application.
//!
//! Invariant: media wait in one place only, the [`SendStage`], whose pacer bounds what waits.

use std::time::Duration;

use rtc::interceptor::{ReceiverReportBuilder, Registry, SenderReportBuilder, Slot, TwccReceiverBuilder};

use super::nack::NackStage;
use super::rtx_unwrap::RtxUnwrap;
use super::seldom::SeldomIfSlow;
use super::send_side::{Outlook, SendStage, SharedUplink};
use super::stage::Stage;
use super::sticky::Sticky;
use super::tap::{Counts, Tap};

/// How often the peer is told what arrived. At 100 ms a link that becomes slower is noticed 50 ms later.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);

/// Tap, receiver reports and the feedback on arrivals sit below the unwrapping: loss is what the path lost, whatever was
/// repaired, and probes that are nothing but padding arrive too (defect 17).
pub(super) const TAP: usize = 500;
const RECEIVER_REPORT: usize = 6_200;
const FEEDBACK: usize = 6_300;
const RTX_UNWRAP: usize = 6_500;

/// The chain of a link whose pictures take `max_video_bps` at most.
pub(super) fn registry(counts: &Counts, outlook: Outlook, uplink: SharedUplink, max_video_bps: u32) -> Registry {
    let feedback =
        SeldomIfSlow::new(TwccReceiverBuilder::new().with_interval(FEEDBACK_INTERVAL).build(), outlook.clone());
    let send_side = SendStage::new(max_video_bps, uplink, outlook, counts.keyframe.clone());
    Registry::new()
        .with(Slot::from(TAP), Stage::new(Tap::new(counts.clone())))
        .with(Slot::TwccSender, send_side)
        .with(Slot::from(RECEIVER_REPORT), Sticky::new(ReceiverReportBuilder::new().build()))
        .with(Slot::from(FEEDBACK), feedback)
        .with(Slot::from(RTX_UNWRAP), Stage::new(RtxUnwrap::default()))
        .with(Slot::NackGenerator, NackStage::new(counts.clone()))
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{AUDIO_SSRC, Wire, audio, audio_stream, video, video_stream};
    use super::*;

    /// Half a megabit of pictures at once, and sound behind them.
    fn flooded() -> Wire {
        let mut wire = Wire::new(registry(&Counts::default(), Outlook::default(), SharedUplink::default(), 2_500_000));
        wire.chain.bind_local_stream(&video_stream());
        wire.chain.bind_local_stream(&audio_stream());
        for sequence in 0..300 {
            wire.send(video(sequence));
        }
        wire.send(audio(1));
        wire
    }

    #[test]
    fn sound_passes_whatever_waits() {
        let sent = flooded().sent_media();
        assert_eq!(sent.last().map(|packet| packet.header.ssrc), Some(AUDIO_SSRC));
        assert!(sent.len() < 50, "pictures leave at the rate of the link, not at once: {}", sent.len());
    }

    #[test]
    fn nothing_waits_for_more_than_200_ms() {
        let mut wire = flooded();
        wire.advance(Duration::from_millis(205));
        assert!(!wire.sent_media().is_empty());
        wire.advance(Duration::from_secs(2));
        let late = wire.sent_media();
        assert!(late.iter().all(|packet| packet.header.ssrc != video_stream().ssrc), "{} came late", late.len());
    }
}
