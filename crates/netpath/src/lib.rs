//! A model of one direction of a network path: a packet goes in at some time and comes out later, or not at all.
//!
//! Invariant: no clock, no socket, no thread. What becomes of a packet depends only on the seed, the plan and the packets
//! before it; two runs with the same input are the same run. The same model serves tests in virtual time and, with a
//! relay around it, calls between processes in real time.
//!
//! The order of a packet's way: the address it is sent to, the outage, the bottleneck with its drop-tail queue, loss, delay
//! and jitter.

mod dice;
mod loss;
mod path;

pub use dice::Dice;
pub use loss::Loss;
pub use path::{Change, Conditions, Counters, Fate, Path, Reason};
