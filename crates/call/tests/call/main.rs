//! Whole calls in one process: server, clients, links over loopback, media from files. One program, as each one more
//! would be linked with all codecs again.

mod devices;
mod hosting;
#[cfg(target_os = "linux")]
mod leaving;
mod network;
mod paths;
mod room;
#[path = "../support/mod.rs"]
mod support;
mod trouble;
mod turn;
mod two;
