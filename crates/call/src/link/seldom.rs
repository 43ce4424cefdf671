//! On a slow link the peer is told half as often what arrived: at 50 ms each, feedback is 12 kbit/s, 4 % of 300, which is more to the
//! pictures than it is to the estimate. So does libwebrtc, which gives feedback 5 % of what its own side may send.
//!
//! Invariant: the wrapped receiver's clock is late by one of its intervals at most, and everything that arrives is told.

use std::time::{Duration, Instant};

use rtc::interceptor::{Interceptor, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use sightline_bandwidth::BitRate;

use super::send_side::Outlook;
use super::stage::packets_pass_through;

/// A line that carries no more our way is taken for as slow the other way.
const SLOW: BitRate = BitRate::kbps(330);
/// Between two feedbacks of a slow link.
const INTERVAL: Duration = Duration::from_millis(100);

/// Wraps a maker of feedback.
pub(super) struct SeldomIfSlow<I> {
    inner: I,
    outlook: Outlook,
    /// When the wrapped one last had something to do.
    last: Option<Instant>,
}

impl<I: Interceptor> SeldomIfSlow<I> {
    pub(super) fn new(inner: I, outlook: Outlook) -> Self {
        Self { inner, outlook, last: None }
    }

    /// When the wrapped one is next given the time.
    fn due(&mut self) -> Option<Instant> {
        let due = self.inner.poll_timeout()?;
        let is_slow = self.outlook.figures().target_bps.is_some_and(|bps| bps < SLOW.as_bps());
        Some(match self.last {
            Some(last) if is_slow => due.max(last + INTERVAL),
            _ => due,
        })
    }
}

impl<I: Interceptor> Protocol<TaggedPacket, TaggedPacket, ()> for SeldomIfSlow<I> {
    packets_pass_through!();

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.due().is_none_or(|due| due > now) {
            return Ok(());
        }
        self.last = Some(now);
        self.inner.handle_timeout(now)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.due()
    }
}

impl<I: Interceptor> Interceptor for SeldomIfSlow<I> {
    fn bind_local_stream(&mut self, stream: &StreamInfo) {
        self.inner.bind_local_stream(stream);
    }

    fn unbind_local_stream(&mut self, stream: &StreamInfo) {
        self.inner.unbind_local_stream(stream);
    }

    fn bind_remote_stream(&mut self, stream: &StreamInfo) {
        self.inner.bind_remote_stream(stream);
    }

    fn unbind_remote_stream(&mut self, stream: &StreamInfo) {
        self.inner.unbind_remote_stream(stream);
    }
}

#[cfg(test)]
mod tests {
    use rtc::interceptor::{Registry, Slot, TwccReceiverBuilder};

    use super::super::testing::{TWCC, Wire, video, video_stream};
    use super::*;

    /// How many packets each feedback of a second is about, of one packet each 10 ms.
    fn told(target_bps: Option<u64>) -> Vec<u16> {
        let receiver = TwccReceiverBuilder::new().with_interval(INTERVAL / 2).build();
        let seldom = SeldomIfSlow::new(receiver, Outlook::known(target_bps));
        let mut wire = Wire::new(Registry::new().with(Slot::TwccReceiver, seldom));
        wire.bind_remote(&video_stream());
        for number in 0..100_u16 {
            let mut packet = video(number);
            packet.header.set_extension(TWCC as u8, number.to_be_bytes().to_vec().into()).expect("fits");
            wire.receive(packet);
            wire.advance(Duration::from_millis(10));
        }
        wire.told()
    }

    #[test]
    fn a_slow_link_has_half_as_many_and_is_told_of_everything() {
        let slow = told(Some(280_000));
        assert!((9..=11).contains(&slow.len()), "{slow:?}");
        for target_bps in [None, Some(400_000)] {
            let fast = told(target_bps);
            assert!((18..=20).contains(&fast.len()), "{fast:?}");
        }
        assert!(slow.iter().sum::<u16>() >= 90, "{slow:?}");
    }
}
