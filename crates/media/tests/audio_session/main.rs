//! Sound through real cpal on virtual devices: what the microphone hears comes out of the speaker, and losing both in
//! mid-call is survived.
//!
//! Programs find the devices through their environment, so each case runs in a child process inside of the session. The
//! child has the plug pulled by writing a line to its standard output.

#![expect(clippy::print_stdout, reason = "a test without the harness reports by itself")]

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod call;
#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
#[path = "../support/sound_session.rs"]
mod sound_session;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    if let Ok(case) = std::env::var(cases::CHILD) {
        return call::run(&case);
    }
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut failed = false;
    for (name, case) in cases::ALL {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        let outcome = case();
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        if let Err(problem) = outcome {
            println!("    {problem}");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: virtual sound devices need PipeWire, which is Linux only");
    ExitCode::SUCCESS
}
