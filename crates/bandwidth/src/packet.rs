//! What goes in and comes out: plain data.

use std::time::{Duration, Instant};

/// A rate in bits per second, headers down to IP included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(u64);

impl BitRate {
    /// From bits per second.
    pub const fn bps(bits_per_second: u64) -> Self {
        Self(bits_per_second)
    }

    /// From thousands of bits per second.
    pub const fn kbps(kilobits_per_second: u64) -> Self {
        Self(kilobits_per_second.saturating_mul(1000))
    }

    /// In bits per second.
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// In bits per second.
    pub(crate) fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// From bits per second; nothing for what is not a rate.
    pub(crate) fn from_f64(bits_per_second: f64) -> Self {
        Self(bits_per_second.max(0.0) as u64)
    }

    /// So many times the rate.
    pub fn times(self, factor: f64) -> Self {
        Self::from_f64(self.as_f64() * factor)
    }

    /// How long `bytes` take.
    pub fn time_for(self, bytes: usize) -> Duration {
        // A rate of nothing takes a minute for anything: long, but harmless to add to a time.
        Duration::try_from_secs_f64(bytes as f64 * 8.0 / self.as_f64().max(1.0))
            .map_or(Duration::from_secs(60), |time| time.min(Duration::from_secs(60)))
    }
}

/// Which frame a packet of video belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Which stream of video: frames of one stream depend on each other, those of two do not.
    pub stream: u32,
    /// Differs from the frames before and after it in the stream.
    pub id: u64,
    /// Temporal layer. Nothing but later frames of layers above depends on a frame above 0.
    pub layer: u8,
    /// Whether it depends on no frame before it.
    pub key: bool,
}

/// What a packet is for, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Never waits.
    Audio,
    /// A packet sent again, or redundancy.
    Repair,
    /// A packet of a frame; those of a frame are handed in one after the other.
    Video(Frame),
    /// Sent only to fill a probe.
    Padding,
}

/// A packet that is to be sent.
#[derive(Debug, Clone)]
pub struct Packet<T> {
    /// What it is for.
    pub kind: Kind,
    /// On the wire, headers down to IP included.
    pub bytes: usize,
    /// Whatever the caller needs to send it.
    pub body: T,
}

/// Names a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeId(pub u32);

/// A packet that was sent.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Transport-wide sequence number, unwrapped.
    pub sequence: u64,
    /// When.
    pub at: Instant,
    /// On the wire, headers down to IP included.
    pub bytes: usize,
    /// The probe it is part of.
    pub probe: Option<ProbeId>,
}

/// What feedback says of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Transport-wide sequence number, unwrapped.
    pub sequence: u64,
    /// When it arrived, by the receiver's clock since any fixed time; `None` if it has not.
    pub arrival: Option<Duration>,
}
