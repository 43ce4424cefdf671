//! `sightline-server`: the signaling server as a program. Says on stdout where it listens; all else goes to stderr.

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::Parser;
use sightline_protocol::IceServer;
use sightline_server::{Config, Server, Turn};
use tracing_subscriber::EnvFilter;

/// Signaling server for Sightline calls. RUST_LOG sets what is logged (default: info).
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:7788")]
    listen: SocketAddr,
    /// SQLite file that keeps rooms and places over a restart; without it they are in memory
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Most members of a room at a time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=64))]
    max_participants: u32,
    /// STUN or TURN server for the clients; may be given several times
    #[arg(long = "ice-server", value_name = "URL[,USER,CREDENTIAL]", value_parser = ice_server)]
    ice_servers: Vec<IceServer>,
    /// TURN server that knows no users but a secret; may be given several times
    #[arg(long = "turn-server", value_name = "turn:HOST[:PORT]", value_parser = turn_url, requires = "turn_secret_file")]
    turn_servers: Vec<String>,
    /// File with that secret (coturn: use-auth-secret, static-auth-secret)
    #[arg(long, value_name = "FILE", requires = "turn_servers")]
    turn_secret_file: Option<PathBuf>,
}

fn turn_url(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some(("turn" | "turns", host)) if !host.is_empty() => Ok(text.into()),
        _ => Err("a TURN server's URL begins with turn: or turns:".into()),
    }
}

/// The TURN servers with their secret, if there are any.
fn turn(urls: Vec<String>, secret_file: Option<PathBuf>) -> anyhow::Result<Option<Turn>> {
    let Some(file) = secret_file else { return Ok(None) };
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let secret = text.trim().to_owned();
    anyhow::ensure!(!secret.is_empty(), "{} is empty; it must hold the TURN server's secret", file.display());
    Ok(Some(Turn { urls, secret }))
}

fn ice_server(text: &str) -> Result<IceServer, String> {
    let (url, login) = match text.split_once(',') {
        None => (text, None),
        Some((url, login)) => {
            (url, Some(login.split_once(',').ok_or("a user needs a credential: URL,USER,CREDENTIAL")?))
        }
    };
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    match (scheme, login) {
        (Some("turn" | "turns"), None) => return Err("a TURN server needs URL,USER,CREDENTIAL".into()),
        (Some("stun" | "stuns" | "turn" | "turns"), _) => {}
        _ => return Err("an ICE server's URL begins with stun:, stuns:, turn: or turns:".into()),
    }
    Ok(IceServer {
        urls: vec![url.into()],
        username: login.map(|(user, _)| user.into()),
        credential: login.map(|(_, credential)| credential.into()),
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever RUST_BACKTRACE says: what cannot be used is no defect of the program.
            eprintln!("sightline-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
    let turn = turn(arguments.turn_servers, arguments.turn_secret_file)?;
    let shutdown = shutdown_signal()?;
    let server = Server::bind(Config {
        listen: arguments.listen,
        database: arguments.database,
        max_participants: arguments.max_participants,
        ice_servers: arguments.ice_servers,
        turn,
        ..Config::default()
    })?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on {}", server.local_addr())
        .and_then(|()| stdout.flush())
        .context("stdout is closed")?;
    Ok(server.run_until(shutdown).await?)
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
