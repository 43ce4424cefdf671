//! The rows of the table that concern rates, in virtual time over seeded paths, beside `goog_cc` and the estimator of the WebRTC crate.

#![expect(clippy::print_stdout, reason = "the table is the point of these tests")]

mod google;
mod receiver;
mod rows;
mod run;
mod side;
mod source;
mod stock;
mod table;
