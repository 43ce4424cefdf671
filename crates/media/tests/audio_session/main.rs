//! Sound through real cpal on virtual devices: what the microphone hears comes out of the speaker, and losing both in
//! mid-call is survived.
//!
//! Programs find the devices through their environment, so each case runs in a child process inside of the session. The
//! child has the plug pulled by writing a line to its standard output.

#![expect(clippy::print_stdout, reason = "cases say what they measured, and children talk to them on stdout")]

use std::process::ExitCode;

#[cfg(target_os = "linux")]
use libtest_mimic::{Arguments, Failed, Trial};

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
    let mut arguments = Arguments::from_args();
    // Each case has a processor to itself: what is listened for is sound in real time.
    arguments.test_threads = Some(1);
    let trials = cases::ALL.map(|(name, case)| Trial::test(name, move || case().map_err(Failed::from)));
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: virtual sound devices need PipeWire, which is Linux only");
    ExitCode::SUCCESS
}
