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
    let (mut filters, mut skips) = (Vec::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--skip" => skips.extend(arguments.next()),
            other if other.starts_with('-') => {}
            _ => filters.push(argument),
        }
    }
    let mut failed = false;
    for (name, case) in cases::ALL {
        let named = |texts: &[String]| texts.iter().any(|text| name.contains(text.as_str()));
        if named(&skips) || !(filters.is_empty() || named(&filters)) {
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
