//! A Sightline call without a window: what `sightline-headless` does, as a library that the benches use too.
//!
//! Invariant: a run ends with a report and an exit code whatever happens to devices, peers or the server; only wrong
//! usage ends without one.

pub mod cli;
pub mod measure;
pub mod record;
pub mod report;
pub mod run;
pub mod series;
mod share;
mod usage;
pub mod verify;
pub mod watch;
