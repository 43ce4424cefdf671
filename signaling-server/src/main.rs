//! `sightline-server`: the signaling server as a program. Says on stdout where it listens; all else goes to stderr.

mod options;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::Context;
use sightline_server::{Config, Reloader, Server};
use tracing_subscriber::EnvFilter;

use options::{Failure, Loaded};

/// The configuration was asked about and cannot be used, or the server could not serve.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let loaded = match options::load(std::env::args_os(), &std::env::vars_os().collect()) {
        Ok(loaded) => loaded,
        Err(Failure::Usage(error)) => {
            // Help and version are asked for, all else is wrong usage. Where stdout is closed, nobody wants to know.
            error.print().ok();
            let only_asked = std::env::args_os().any(|argument| argument == "--check-config");
            return match u8::try_from(error.exit_code()) {
                Ok(0) => ExitCode::SUCCESS,
                Ok(code) if !only_asked => code.into(),
                Ok(_) | Err(_) => FAILED.into(),
            };
        }
        Err(Failure::Setting(error)) => return failed(&error),
    };
    let Loaded { config, warnings, check, report } = loaded;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let done = if check { say(&report) } else { serve(config) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// One line, whatever RUST_BACKTRACE says: what cannot be used is no defect of the program.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("sightline-server: {error:#}");
    FAILED.into()
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("stdout is closed")
}

#[tokio::main]
async fn serve(config: Config) -> anyhow::Result<()> {
    let shutdown = shutdown_signal()?;
    let server = Server::bind(config)?;
    reload_on_signal(server.reloader())?;
    say(&format!("listening on {}\n", server.local_addr()))?;
    Ok(server.run_until(shutdown).await?)
}

/// SIGHUP has the certificate read again. Without TLS there is nothing to read, and the server goes on all the same.
#[cfg(unix)]
fn reload_on_signal(reloader: Reloader) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let reloader = reloader.clone();
            match tokio::task::spawn_blocking(move || reloader.reload()).await {
                Ok(Ok(true)) => tracing::info!("the certificate was read again"),
                Ok(Ok(false)) => tracing::info!("asked to read the certificate again, but there is none"),
                Ok(Err(error)) => tracing::error!("the old certificate stays in use: {error}"),
                Err(error) => tracing::error!(%error, "reading the certificate again broke off"),
            }
        }
    });
    Ok(())
}

/// Elsewhere a new certificate takes a restart.
#[cfg(not(unix))]
fn reload_on_signal(_reloader: Reloader) -> anyhow::Result<()> {
    Ok(())
}

/// Resolves when the program is asked to end. The handlers are in place when this returns.
#[cfg(unix)]
fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves when the program is asked to end.
#[cfg(not(unix))]
fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot listen for Ctrl-C; end the program from outside");
            std::future::pending::<()>().await;
        }
    })
}
