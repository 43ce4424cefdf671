//! `sightline-bench`: the demo, and the figures in the README. Run it through `cargo xtask`.
#![expect(clippy::print_stdout, reason = "a command-line program talks on stdout")]

mod audio;
mod call;
mod demo;
mod machine;
mod network;
mod scene;

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sightline-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<()> {
    match args {
        ["demo"] => demo::run(60),
        ["demo", seconds] => match seconds.parse() {
            Ok(seconds @ 3..=3600) => demo::run(seconds),
            _ => bail!("the demo takes 3 to 3600 seconds, not '{seconds}'"),
        },
        ["call"] => call::run(call::Length::FULL),
        ["call", "--quick"] => call::run(call::Length::QUICK),
        ["network", rest @ ..] => network::run(rest),
        _ => {
            bail!("usage: sightline-bench demo [SECONDS] | call [--quick] | network [--keep FOLDER] [--quick] [ROW...]")
        }
    }
}
