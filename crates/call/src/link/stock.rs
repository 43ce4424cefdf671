//! The crate's own send side, to be measured beside ours: its default interceptors, no estimate, a fixed rate.
//!
//! Invariant: nothing in here mends anything. The tap only watches, so that both are counted alike.

use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot,
    TwccReceiverBuilder, TwccSenderBuilder,
};

use super::chain::TAP;
use super::stage::Stage;
use super::tap::{Counts, Tap};

/// What `register_default_interceptors` composes, and the numbers that its feedback is about.
pub(super) fn registry(counts: Counts) -> Registry {
    Registry::new()
        .with(Slot::from(TAP), Stage::new(Tap::new(counts)))
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(Slot::NackResponder, NackResponderBuilder::new().build())
        .with(Slot::NackGenerator, NackGeneratorBuilder::new().build())
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().build())
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}
