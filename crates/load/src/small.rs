//! What the server is before anybody comes: its size, its start, its memory.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use crate::{
    bench::{Length, progress},
    signaling::{self, Home},
    table::{Line, at_most, median_and_worst},
};

/// Until nothing of the start goes on any more.
const QUIET: Duration = Duration::from_secs(5);

/// The lines of the table.
pub(crate) async fn lines(length: Length) -> Result<Vec<Line>> {
    progress("size, starts, idle memory");
    let megabytes = stripped_bytes()? as f64 / 1e6;
    let home = Home::new()?;
    let mut times = Vec::new();
    for _ in 0..length.starts {
        let began = Instant::now();
        let server = home.start()?;
        ask_health(server.address)?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        server.end()?;
    }
    let (median, worst) = median_and_worst(&mut times);
    let server = home.start()?;
    sleep(QUIET).await;
    let mib = server.mib()?;
    server.end()?;
    Ok(vec![
        at_most("binary, stripped", megabytes, format!("{megabytes:.1} MB"), 15.0, "MB"),
        at_most(
            "started to ready (healthz answered), with a database",
            median,
            format!("{median:.1} ms (worst of {}: {worst:.1})", times.len()),
            100.0,
            "ms",
        ),
        at_most("memory when idle (RSS)", mib, format!("{mib:.1} MiB"), 15.0, "MiB"),
    ])
}

fn stripped_bytes() -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("sightline-server");
    fs::copy(signaling::binary()?, &copy)?;
    let status = Command::new("strip").arg("--strip-unneeded").arg(&copy).status().context("strip")?;
    ensure!(status.success(), "strip failed");
    Ok(fs::metadata(&copy)?.len())
}

fn ask_health(at: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(at)?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "not healthy: {answer}");
    Ok(())
}
