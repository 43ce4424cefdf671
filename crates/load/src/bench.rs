//! What is measured, in which order, and how much of it.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::{kills, loopback, machine, record, relay, small, table};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) starts: usize,
    /// Rooms of two, each of the two with a connection.
    pub(crate) rooms: usize,
    /// Messages that all send together, in a second.
    pub(crate) rate: u32,
    /// Without a message, before memory is looked at.
    pub(crate) quiet: Duration,
    /// Before it is measured: a few messages of each connection.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Sample rows to upload.
    pub(crate) rows: u64,
    /// More of them, in batches as clients send during a call.
    pub(crate) live_rows: u64,
    pub(crate) kills: usize,
}

/// As in the bounds.
const FULL: Length = Length {
    starts: 20,
    rooms: 5000,
    rate: 20_000,
    // Two pings of our server.
    quiet: Duration::from_secs(10),
    warm_up: Duration::from_secs(5),
    measured: Duration::from_secs(15),
    rows: 10_000_000,
    live_rows: 500_000,
    kills: 20,
};
/// A look while developing: about a minute.
const QUICK: Length = Length {
    starts: 5,
    rooms: 500,
    rate: 2000,
    quiet: Duration::from_secs(3),
    warm_up: Duration::from_secs(2),
    measured: Duration::from_secs(5),
    rows: 300_000,
    live_rows: 30_000,
    kills: 3,
};

/// What can be measured by itself.
const SMALL: &str = "small";
const RELAY: &str = "relay";
const RECORD: &str = "record";
const KILLS: &str = "kills";
const PARTS: [&str; 4] = [SMALL, RELAY, RECORD, KILLS];

/// Measures what the command line asks for.
pub(crate) fn run() -> Result<()> {
    let (mut length, mut parts) = (FULL, Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => length = QUICK,
            part if PARTS.contains(&part) => parts.push(argument),
            other => bail!("unknown option {other}; there are --quick and the parts {}", PARTS.join(", ")),
        }
    }
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    println!("{}", machine::line());
    loopback::allow_files(2 * length.rooms)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let lines = runtime.block_on(async {
        let mut lines = Vec::new();
        if wanted(SMALL) {
            lines.extend(small::lines(length).await?);
        }
        if wanted(RELAY) {
            lines.extend(relay::lines(length).await?);
        }
        if wanted(RECORD) {
            lines.extend(record::lines(length).await?);
        }
        if wanted(KILLS) {
            lines.push(kills::line(length).await?);
        }
        anyhow::Ok(lines)
    })?;
    println!();
    table::print(&lines);
    Ok(())
}

/// Says what is being done, for those who wait.
pub(crate) fn progress(what: &str) {
    eprintln!("{what} ...");
}
