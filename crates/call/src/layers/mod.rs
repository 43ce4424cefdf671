//! Which layer of our pictures each link takes, and the rate of each layer. Pure: time and rates are passed in.
//!
//! Invariant: a link never takes a layer that it cannot carry for longer than it takes to ask here; it goes down at once, and
//! up only after the larger layer was affordable for a while, ever longer the more often that failed.

mod climb;
mod ladder;
mod load;
mod plan;
#[cfg(test)]
mod tests;

pub(crate) use ladder::Source;
pub(crate) use load::{EncodeLoad, Work};
pub(crate) use plan::{Demand, Planner};
