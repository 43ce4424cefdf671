//! Mends defect 24: the controlling agent of the crate nominates a pair once and never again. A peer that believes to
//! control ICE itself at that moment does not hear it: Chromium, which takes the controlling role with each ICE restart
//! it offers, then gives way, finds no pair nominated but the old one, and sends into that for four seconds.
//!
//! So we are the one to give way: whoever has the smaller tie-breaker does (RFC 8445, 7.3.1.1), and ours is small.
//!
//! Invariant: of all that the crate draws at random, only the tie-breaker is changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rtc::crypto::{CryptoError, RTCCrypto, RTCCryptoProvider, RTCRandom, default_provider};

/// Size of a tie-breaker.
const TIE_BREAKER: usize = 8;
/// Upper half of it, which is zero in ours: smaller than a random one but once in four thousand million. The lower half is
/// random, so that a conflict of two of us ends too.
const UPPER: std::ops::Range<usize> = 0..4;

/// The crate's own cryptography for one connection, with a small tie-breaker.
pub(super) struct GivesWay {
    inner: Arc<dyn RTCCryptoProvider>,
    /// The agent draws its tie-breaker when it is made, before anything else of that size.
    drawn: AtomicBool,
}

impl GivesWay {
    /// For one connection and no more.
    pub(super) fn provider() -> Result<Arc<dyn RTCCryptoProvider>, CryptoError> {
        Ok(Arc::new(Self { inner: default_provider()?, drawn: AtomicBool::new(false) }))
    }
}

impl RTCCryptoProvider for GivesWay {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self.inner.crypto()
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for GivesWay {
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.random().fill(output)?;
        if output.len() == TIE_BREAKER && !self.drawn.swap(true, Ordering::Relaxed) {
            output[UPPER].fill(0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rtc::peer_connection::configuration::setting_engine::SettingEngine;

    use super::super::role_conflict::attribute;
    use super::super::{ice, testing};
    use super::*;

    /// STUN (RFC 8445, 16.1).
    const USE_CANDIDATE: u16 = 0x0025;
    const ICE_CONTROLLED: u16 = 0x8029;
    const ICE_CONTROLLING: u16 = 0x802a;

    fn has(sent: &[Vec<u8>], wanted: u16) -> bool {
        sent.iter().any(|message| attribute(message, wanted).is_some())
    }

    #[test]
    fn in_a_conflict_we_give_way_and_the_peer_nominates() {
        for _ in 0..8 {
            let [ours, theirs] = testing::role_conflict([ice::setting_engine(), SettingEngine::default()]);
            assert!(has(&ours, ICE_CONTROLLING) && has(&ours, ICE_CONTROLLED), "we controlled, and gave way");
            assert!(has(&theirs, USE_CANDIDATE) && !has(&theirs, ICE_CONTROLLED), "the peer stayed and nominated");
        }
    }

    #[test]
    fn two_of_us_come_to_an_end_too() {
        let sent = testing::role_conflict([ice::setting_engine(), ice::setting_engine()]);
        assert_eq!(sent.iter().filter(|sent| has(sent, ICE_CONTROLLED)).count(), 1, "one gave way");
    }

    #[test]
    fn only_the_first_draw_of_its_size_is_changed() {
        let provider = GivesWay::provider().expect("randomness");
        let draw = |length: usize| {
            let mut bytes = vec![0; length];
            provider.random().fill(&mut bytes).expect("randomness");
            bytes
        };
        assert_ne!(draw(16)[UPPER], [0; 4]);
        let first = draw(TIE_BREAKER);
        assert_eq!(first[UPPER], [0; 4]);
        assert_ne!(first[UPPER.end..], [0; 4]);
        assert_ne!(draw(TIE_BREAKER)[UPPER], [0; 4], "a nonce is as random as ever");
    }
}
