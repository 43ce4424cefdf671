//! `cargo xtask bench server`: the signaling server in a process of its own, held against its bounds and beside PeerServer
//! and a relay of socket.io.
//!
//! Invariant: servers are the programs that people run, on loopback, with a database where they have one; all that is said of
//! them is what the kernel counts (CPU, memory) or what a client sees (times, by this process's clock). Whatever a server
//! has to be given first is made before the clock runs.
#![expect(clippy::print_stdout, reason = "a command-line program talks on stdout")]

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod dialect;
#[cfg(target_os = "linux")]
mod http;
#[cfg(target_os = "linux")]
mod kills;
#[cfg(target_os = "linux")]
mod loopback;
#[cfg(target_os = "linux")]
#[path = "../../headless/src/bin/sightline-bench/machine.rs"]
mod machine;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod record;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod signaling;
#[cfg(target_os = "linux")]
mod small;
#[cfg(target_os = "linux")]
#[path = "../../../src-tauri/benches/app/table.rs"]
mod table;
#[cfg(target_os = "linux")]
mod uploads;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match bench::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: what a server uses of the machine is read from Linux's /proc");
    ExitCode::SUCCESS
}
