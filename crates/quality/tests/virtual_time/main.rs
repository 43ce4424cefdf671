//! The sampler, and what is said of its numbers, through the public face, in virtual time.

mod bench;
mod derivation;
mod findings;
mod limit;
mod sampler;
mod stage;
