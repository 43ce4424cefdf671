//! Loss that is not for want of room: random, or in bursts.

use crate::Dice;

/// How packets are lost on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each packet on its own.
    Random {
        /// Of 1.
        probability: f64,
    },
    /// In bursts (Gilbert-Elliott; all is lost in the bad state, nothing in the good one).
    Bursts {
        /// Share of all packets lost, of 1.
        mean: f64,
        /// Mean length of a burst, in packets.
        length: f64,
    },
}

/// Where the process stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Losing {
    bad: bool,
}

impl Losing {
    /// Whether the next packet is lost.
    pub(crate) fn next(&mut self, loss: Loss, dice: &mut Dice) -> bool {
        match loss {
            Loss::None => {
                self.bad = false;
                false
            }
            Loss::Random { probability } => dice.unit() < probability,
            Loss::Bursts { mean, length } => {
                let throw = dice.unit();
                // Bad to good with 1 / length; good to bad such that the share of bad is the mean.
                self.bad = if self.bad {
                    throw >= 1.0 / length.max(1.0)
                } else {
                    throw < mean / (length.max(1.0) * (1.0 - mean.clamp(0.0, 0.99)))
                };
                self.bad
            }
        }
    }
}
