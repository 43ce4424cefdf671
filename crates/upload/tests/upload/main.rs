//! The uploader against a server that misbehaves.

#![expect(clippy::unwrap_used, reason = "all of this crate is a test, its helpers too")]

mod bench;
mod delivery;
mod server;
mod words;
