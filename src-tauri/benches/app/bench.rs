//! What is measured, in which order, and how long.

use anyhow::{Result, bail};

use crate::table::Line;
use crate::{call, fixture, history, home, machine, soak, table};

/// How long and how often to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) starts: usize,
    pub(crate) idle_seconds: u64,
    pub(crate) openings: usize,
    pub(crate) pan_seconds: u64,
    pub(crate) call_seconds: u64,
    pub(crate) soak_seconds: u64,
    pub(crate) joins: usize,
}

/// What the README's table was measured with.
const FULL: Length =
    Length { starts: 7, idle_seconds: 30, openings: 9, pan_seconds: 5, call_seconds: 60, soak_seconds: 600, joins: 30 };
/// A look while developing.
const QUICK: Length =
    Length { starts: 3, idle_seconds: 8, openings: 3, pan_seconds: 2, call_seconds: 12, soak_seconds: 20, joins: 4 };

/// What can be measured by itself.
const HOME: &str = "home";
const HISTORY: &str = "history";
const CALL: &str = "call";
const PARTS: [&str; 3] = [HOME, HISTORY, CALL];

/// Measures what the command line asks for.
pub(crate) fn run() -> Result<()> {
    let (mut length, mut soaks, mut parts) = (FULL, false, Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => length = QUICK,
            "--soak" => soaks = true,
            part if PARTS.contains(&part) => parts.push(argument),
            // Cargo says so to every bench.
            "--bench" => {}
            other => bail!("unknown option {other}; there are --quick, --soak and the parts {}", PARTS.join(", ")),
        }
    }
    println!("{}\n", machine::line());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let lines = runtime.block_on(async {
        match soaks {
            true => soak::lines(length).await,
            false => figures(length, |part| parts.is_empty() || parts.iter().any(|wanted| wanted == part)).await,
        }
    })?;
    table::print(&lines);
    Ok(())
}

async fn figures(length: Length, wanted: impl Fn(&str) -> bool) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    if wanted(HOME) || wanted(HISTORY) {
        let setup = fixture::history()?;
        let (page, starts) = home::starts(&setup, length).await?;
        if wanted(HOME) {
            lines.extend(starts);
            lines.push(home::idle(&page, length).await?);
        }
        if wanted(HISTORY) {
            lines.extend(history::lines(&page, length).await?);
        }
        page.close().await?;
    }
    if wanted(CALL) {
        lines.extend(call::lines(length).await?);
    }
    Ok(lines)
}
