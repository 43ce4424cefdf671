//! The history through its public face, on real files.

#![expect(clippy::unwrap_used, reason = "all of this crate is a test, its helpers too")]

mod bench;
mod crash;
mod creation;
mod export;
mod find;
mod findings;
mod import;
mod nulls;
mod outbox;
mod refusal;
mod session;
mod upkeep;
