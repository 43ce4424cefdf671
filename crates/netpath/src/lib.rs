//! A model of a network: a packet goes in at some time and comes out later, or not at all.
//!
//! Invariant: [`Path`] and [`Network`] know no clock, no socket, no thread. What becomes of a packet depends only on the
//! seed, the plan and the packets before it; two runs with the same input are the same run. The same model serves tests in
//! virtual time and, with the feature `relay`, real calls: a [`Relay`] puts it between UDP sockets, and a [`Door`] for each
//! client between it and the signaling server leads the call to the relay.
//!
//! The order of a packet's way on a path: the address it is sent to, the outage, the bottleneck with its drop-tail queue,
//! loss, delay and jitter.

#[cfg(feature = "relay")]
mod candidate;
mod dice;
#[cfg(feature = "relay")]
mod door;
mod loss;
mod network;
mod path;
#[cfg(feature = "relay")]
mod relay;

pub use dice::Dice;
#[cfg(feature = "relay")]
pub use door::Door;
pub use loss::Loss;
pub use network::{Line, Network, Parcel, Party};
pub use path::{Change, Conditions, Counters, Fate, Path, Reason};
#[cfg(feature = "relay")]
pub use relay::{Loses, Relay, Sight};
