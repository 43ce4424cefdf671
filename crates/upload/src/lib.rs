//! Sends the shared part of the record to the server, and keeps at it until it is there.
//!
//! [`Uploader`] owns a thread that posts what waits in the outbox of the history; [`what_is_uploaded`] tells people what
//! that is. Invariant: a row is set down as acknowledged only after the server has said that it has it, so that nothing
//! is lost when server, network or this program go away at any moment; what is sent twice is known by its id.

mod answer;
mod backoff;
mod post;
mod uploader;
mod words;

pub use backoff::Backoff;
pub use uploader::{Status, Timing, UploadError, Uploader};
pub use words::{Field, WhatIsUploaded, what_is_uploaded};
