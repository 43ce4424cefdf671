//! The program `sightline`.
// No console window beside ours on Windows.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use sightline_app::Options;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Wrong usage ends here with exit code 2.
    let options = Options::parse();
    sightline_app::settle();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error,sightline=warn"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    match sightline_app::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sightline: {error:#}");
            ExitCode::FAILURE
        }
    }
}
