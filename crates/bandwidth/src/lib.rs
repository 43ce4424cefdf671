//! The send side of a link: how much the path carries, and what is sent when.
//!
//! Invariant: no clock, no I/O, no knowledge of RTP beyond numbers and sizes. The caller hands in `now`; times that step
//! back count as the latest time seen. Every queue and history is bounded, whatever comes from the wire.
//!
//! [`SendSide`] is the whole of it: packets in, packets out at the right time, feedback in, a target rate out. Its parts
//! can be used on their own: [`Estimator`] (draft-ietf-rmcat-gcc-02 with a loss estimate after the published accounts of
//! 'loss-based v2'), [`ProbeController`], [`Pacer`], [`RepairLimiter`].

mod acked;
mod aimd;
mod delay;
mod estimator;
mod history;
mod judge;
mod loss;
mod meter;
mod pacer;
mod packet;
mod probe;
mod repair;
mod send_side;
mod timeline;
mod unwrap;
mod uplink;

pub use estimator::{Estimator, Limits, State};
pub use judge::Outcome;
pub use pacer::{Admission, Departure, Pacer};
pub use packet::{BitRate, Frame, Kind, Packet, ProbeId, Report, Sent};
pub use probe::{Cluster, ProbeController};
pub use repair::{Repair, RepairLimiter};
pub use send_side::{SendSide, Statistics};
pub use unwrap::{ReferenceTime, at_or_before};
pub use uplink::Uplink;
