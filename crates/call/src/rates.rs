//! One encoder for all links: it follows the one that carries least.
//!
//! Invariant: a link that is not up holds nobody back.

use crate::driver::Driver;
use crate::link::LinkRate;

/// What all of these can carry, and the loss that the worst of them has; `None` where there are none.
fn least(rates: impl IntoIterator<Item = LinkRate>) -> Option<LinkRate> {
    rates.into_iter().reduce(|one, other| LinkRate {
        video_bps: one.video_bps.min(other.video_bps),
        audio_bps: one.audio_bps.min(other.audio_bps),
        audio_loss: one.audio_loss.max(other.audio_loss),
    })
}

impl Driver {
    /// Has pictures made at the rate that every link carries; called a few times a second.
    pub(crate) fn follow_rates(&self) {
        let up = self.peers.values().filter(|peer| peer.recovery.is_up());
        let links = up.filter_map(|peer| peer.link.as_ref()?.sources.link.get());
        let Some(rate) = least(links.map(|link| *link.rate().borrow())) else { return };
        if let Some(video) = self.local.as_ref().and_then(|local| local.video.as_ref()) {
            video.set_bitrate(rate.video_bps);
            video.set_takers(rate.video_bps > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weakest_link_counts() {
        let rate = |video_bps, audio_loss| LinkRate { video_bps, audio_bps: 32_000, audio_loss };
        assert_eq!(least([]), None);
        assert_eq!(least([rate(900, 0.0), rate(300, 0.0), rate(500, 0.2)]), Some(rate(300, 0.2)));
    }
}
