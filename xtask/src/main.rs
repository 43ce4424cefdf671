//! `cargo xtask`: the only task runner. `run` and `test` do everything on a machine that has only Rust and git.
#![expect(clippy::print_stdout, reason = "a command-line program talks on stdout")]

mod cargo;
mod page;
mod system;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  run                 install what is missing, build, and run Sightline (for now: the demo)
  test                install what is missing, then fmt, clippy, rustdoc and all tests
  demo [SECONDS]      bundled server and two clients in a call (default 60 s), then the call's quality
  bench call [--quick]  measure calls in a release build and print the tables of the README
  setup               only install what is missing";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<()> {
    match args {
        ["run"] => demo(&[]),
        ["demo", rest @ ..] => demo(rest),
        ["test"] => test::run(),
        ["bench", "call", rest @ ..] => bench(rest),
        ["setup"] => {
            system::require(system::BUILD)?;
            system::offer(system::TEST);
            Ok(())
        }
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("unknown command\n\n{USAGE}"),
    }
}

fn demo(args: &[&str]) -> Result<()> {
    system::require(system::BUILD)?;
    cargo::build_release()?;
    cargo::release_bin("sightline-bench", &[&["demo"], args].concat())
}

fn bench(args: &[&str]) -> Result<()> {
    system::require(system::BUILD)?;
    cargo::build_release()?;
    cargo::release_bin("sightline-bench", &[&["call"], args].concat())
}
