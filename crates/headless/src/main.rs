//! `sightline-headless`: a call without a window.
#![expect(clippy::print_stdout, reason = "a command-line program talks on stdout")]

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use sightline_headless::cli::{Cli, Command, JoinArgs};
use sightline_headless::run::{run, write_report};
use tracing_subscriber::EnvFilter;

/// Exit code where no call took place.
const NO_CALL: u8 = 1;

fn main() -> ExitCode {
    // Wrong usage ends here with exit code 2.
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error,sightline=warn"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    match dispatch(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sightline-headless: {error:#}");
            ExitCode::from(NO_CALL)
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &cli.command {
        Command::Create { server } => {
            println!("{}", runtime.block_on(sightline_call::create_room(server, &Default::default()))?.code);
            Ok(ExitCode::SUCCESS)
        }
        Command::Join(args) => runtime.block_on(join(args)),
        Command::Devices => {
            devices();
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn join(args: &JoinArgs) -> Result<ExitCode> {
    let report = run(args, stop_asked()).await?;
    match args.report.as_deref() {
        Some(path) if path == Path::new("-") => println!("{}", serde_json::to_string_pretty(&report)?),
        Some(path) => write_report(&report, path)?,
        None => print!("{}", report.table()),
    }
    if report.call_took_place {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("sightline-headless: nobody else was in {} within {:.0} s", report.code, report.wall_seconds);
    Ok(ExitCode::from(NO_CALL))
}

/// Resolves at Ctrl-C, and at SIGTERM where there is one.
async fn stop_asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

fn devices() {
    let devices = sightline_media::device::list_devices();
    if devices.is_empty() {
        println!("no camera, microphone or speaker was found");
    }
    for device in devices {
        let default = if device.is_default { ", default" } else { "" };
        println!("{}: {} (device:{}{default})", device.kind, device.name, device.id);
        for format in &device.formats {
            println!("    {format}");
        }
    }
}
