//! Decoded sound that waits to be played, and where each piece of it came from.
//!
//! Invariant: the pieces of `origins` always add up to the length of `sound`.

use std::collections::VecDeque;
use std::time::Instant;

use super::stretch::MAX_LAG;

/// Where sound came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A packet.
    Received { arrived: Instant },
    /// The redundancy of a packet after it.
    Recovered { arrived: Instant },
    /// Made up for something lost.
    Concealed,
    /// Comfort noise in silence that was not sent.
    Noise,
}

#[derive(Debug)]
pub(super) struct Playout {
    /// The last [`MAX_LAG`] samples that were played, then what is to be played.
    sound: Vec<f32>,
    origins: VecDeque<(Origin, usize)>,
}

impl Playout {
    pub(super) fn new() -> Self {
        Self { sound: vec![0.0; MAX_LAG], origins: VecDeque::new() }
    }

    pub(super) fn clear(&mut self) {
        self.sound.clear();
        self.sound.resize(MAX_LAG, 0.0);
        self.origins.clear();
    }

    /// Samples to be played.
    pub(super) fn len(&self) -> usize {
        self.sound.len() - MAX_LAG
    }

    pub(super) fn push(&mut self, sound: &[f32], origin: Origin) {
        self.sound.extend_from_slice(sound);
        self.origins.push_back((origin, sound.len()));
    }

    /// What is to be played.
    pub(super) fn ahead(&self) -> &[f32] {
        &self.sound[MAX_LAG..]
    }

    /// What was played and what is to be played.
    pub(super) fn around(&self) -> (&[f32], &[f32]) {
        self.sound.split_at(MAX_LAG)
    }

    /// What is played next was sent, not made up.
    pub(super) fn starts_with_sent(&self) -> bool {
        matches!(self.origins.front(), Some((Origin::Received { .. } | Origin::Recovered { .. }, _)))
    }

    /// Puts `head` in place of the next `drop` samples.
    pub(super) fn replace(&mut self, drop: usize, head: &[f32]) {
        self.sound.splice(MAX_LAG..MAX_LAG + drop, head.iter().copied());
        let Some(front) = self.origins.front_mut() else { return };
        if head.len() >= drop {
            front.1 += head.len() - drop;
            return;
        }
        let mut less = drop - head.len();
        while let Some(front) = self.origins.front_mut() {
            let taken = less.min(front.1);
            front.1 -= taken;
            less -= taken;
            if front.1 > 0 {
                return;
            }
            self.origins.pop_front();
        }
    }

    /// Fills `out` and tells the origin of each piece and its samples.
    pub(super) fn take(&mut self, out: &mut [f32], mut origin: impl FnMut(Origin, u64)) {
        let taken = out.len().min(self.len());
        out[..taken].copy_from_slice(&self.sound[MAX_LAG..MAX_LAG + taken]);
        out[taken..].fill(0.0);
        self.sound.drain(..taken);
        let mut rest = taken;
        while let Some(front) = self.origins.front_mut().filter(|_| rest > 0) {
            let piece = rest.min(front.1);
            origin(front.0, piece as u64);
            front.1 -= piece;
            rest -= piece;
            if front.1 == 0 {
                self.origins.pop_front();
            }
        }
    }
}
