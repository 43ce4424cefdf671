//! `cargo xtask`: the only task runner. `run` and `test` do everything on a machine that has only Rust and git.
#![expect(clippy::print_stdout, reason = "a command-line program talks on stdout")]

mod cargo;
mod dist;
mod page;
mod system;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  run [OPTIONS]       install what is missing, build, and open the app (without a display: the demo); its options are
                      those of `sightline --help`
  test                install what is missing, then fmt, clippy, rustdoc and all tests
  demo [SECONDS]      bundled server and two clients in a call (default 60 s), then the call's quality
  bench call [--quick]  measure calls in a release build and print the tables of the README
  bench network [--keep FOLDER] [--quick] [ROW...]
                      measure calls over bad paths, beside Chromium and the defaults of webrtc-rs
  bench app [--quick] [--soak]
                      the same of the app in its window, under Xvfb; with --soak, whether it gives back what calls took
  bench server [--quick] [PART...]
                      load on the signaling server from another process, beside PeerServer and socket.io; parts are small,
                      relay, record, kills
  dist                build the installer of this platform: on Debian a .deb
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
        ["run", rest @ ..] => run(rest),
        ["dist"] => dist::run(),
        ["demo", rest @ ..] => demo(rest),
        ["test"] => test::run(),
        ["bench", what @ ("call" | "network"), rest @ ..] => bench(what, rest),
        ["bench", "app", rest @ ..] => bench_app(rest),
        ["bench", "server", rest @ ..] => bench_server(rest),
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

fn run(args: &[&str]) -> Result<()> {
    if cfg!(target_os = "linux") && ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| std::env::var_os(name).is_none()) {
        println!("there is no display here, and the app needs one; this is `cargo xtask demo` instead");
        return demo(&[]);
    }
    system::require(system::BUILD)?;
    cargo::status(cargo::cargo().args(["build", "--release", "-p", "sightline"]))?;
    cargo::release_bin("sightline", args)
}

fn demo(args: &[&str]) -> Result<()> {
    system::require(system::BUILD)?;
    cargo::build_release()?;
    cargo::release_bin("sightline-bench", &[&["demo"], args].concat())
}

fn bench(what: &str, args: &[&str]) -> Result<()> {
    system::require(system::BUILD)?;
    cargo::build_release()?;
    cargo::release_bin("sightline-bench", &[&[what], args].concat())
}

fn bench_app(args: &[&str]) -> Result<()> {
    system::require(system::BUILD)?;
    system::require(system::WINDOW)?;
    cargo::status(cargo::cargo().args(["bench", "--quiet", "-p", "sightline", "--bench", "app", "--"]).args(args))
}

/// One build each: with the load in the same build the server would get features that only the load asks for.
fn bench_server(args: &[&str]) -> Result<()> {
    system::require(system::SERVER_BENCH)?;
    for package in ["sightline-server", "sightline-load"] {
        cargo::status(cargo::cargo().args(["build", "--release", "-p", package]))?;
    }
    cargo::release_bin("sightline-load", args)
}
