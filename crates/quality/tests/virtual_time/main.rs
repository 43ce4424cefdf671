//! The sampler through its public face, in virtual time.

mod bench;
mod derivation;
mod sampler;
