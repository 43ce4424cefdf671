//! `cargo xtask bench app`: the app in its window under Xvfb, measured and held against its bounds.
//!
//! Invariant: times that people feel are taken in the page, from the click to the painted result; CPU and memory are those
//! of the app and its web processes together, as the kernel counts them. Clips and speech stand in for devices.
#![expect(clippy::print_stdout, reason = "a command-line program talks on stdout")]

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod call;
#[cfg(target_os = "linux")]
mod fixture;
#[cfg(target_os = "linux")]
#[path = "../../tests/desktop/guest.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod guest;
#[cfg(target_os = "linux")]
mod history;
#[cfg(target_os = "linux")]
#[path = "../../tests/desktop/holdings.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod holdings;
#[cfg(target_os = "linux")]
mod home;
#[cfg(target_os = "linux")]
#[path = "../../../crates/headless/src/bin/sightline-bench/machine.rs"]
#[expect(dead_code, reason = "the bench of calls uses the rest of it")]
mod machine;
#[cfg(target_os = "linux")]
#[path = "../../tests/desktop/page.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod page;
#[cfg(target_os = "linux")]
#[path = "../../tests/desktop/processes.rs"]
mod processes;
#[cfg(target_os = "linux")]
#[path = "../../tests/desktop/setup.rs"]
mod setup;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod table;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match bench::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench app: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: the app is measured under Xvfb, which is Linux only");
    ExitCode::SUCCESS
}
