//! The charts of calls that were recorded in virtual time, without a screen.

#![expect(clippy::unwrap_used, reason = "all of this crate is a test, its helpers too")]

mod bench;
mod ends;
mod lines;
mod looks;
mod use_of;
