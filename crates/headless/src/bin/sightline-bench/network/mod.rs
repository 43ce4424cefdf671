//! `bench network`: calls between processes over bad paths, beside Chromium and the plain defaults of the WebRTC crate.
//!
//! Invariant: all clients of a row pass the same seeded relay; a row says what was measured, met or not, and a client that
//! fails fails the bench.

mod outcome;
mod reference;
mod rows;
mod six;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sightline_headless::report::Report;
use sightline_headless::run::write_report;
use sightline_netpath::{Door, Line, Loses, Party, Relay};
use sightline_server::{Config, Server};
use tokio::runtime::Runtime;

use self::outcome::{Moment, Outcome};
use self::rows::{Check, ROWS, Row};
use self::wire::Wire;
use crate::machine;
use crate::scene::{Scene, text};

/// Size of the pictures in this table, pixels.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
/// Any seed will do; it makes a path come again.
const SEED: u64 = 7;

/// How long a row takes.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    warm_up: Duration,
    measured: Duration,
}

impl Length {
    /// As in the table.
    const FULL: Self = Self { warm_up: Duration::from_secs(20), measured: Duration::from_secs(60) };
    /// A look while developing; rates that fall and rise have less time than their bounds mean.
    const QUICK: Self = Self { warm_up: Duration::from_secs(8), measured: Duration::from_secs(24) };

    /// Only to see that a row runs.
    const SMOKE: Self = Self { warm_up: Duration::from_secs(3), measured: Duration::from_secs(5) };

    fn total(self) -> Duration {
        self.warm_up + self.measured
    }
}

/// Whose send side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    Ours,
    /// The crate's default interceptors and a fixed rate.
    Stock,
}

/// Runs the rows named, or all, and prints one table.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (keep, args) = match args {
        ["--keep", folder, rest @ ..] => (Some(PathBuf::from(folder)), rest),
        all => (None, all),
    };
    let (ours_only, args) = match args {
        ["--ours", rest @ ..] => (true, rest),
        all => (false, all),
    };
    let (length, named) = match args {
        ["--quick", named @ ..] => (Length::QUICK, named),
        ["--smoke", named @ ..] => (Length::SMOKE, named),
        named => (Length::FULL, named),
    };
    let known: Vec<&str> = ROWS.iter().map(|row| row.name).chain([six::NAME]).collect();
    if let Some(unknown) = named.iter().find(|name| !known.contains(name)) {
        bail!("there is no row '{unknown}'; rows are {}", known.join(", "));
    }
    let wanted = |name: &str| named.is_empty() || named.contains(&name);
    let stage = Stage::start(keep)?;
    println!("{}", machine::line());
    let Length { warm_up, measured } = length;
    println!("{WIDTH}x{HEIGHT} at 30, {} s after {} s of warm-up\n", measured.as_secs(), warm_up.as_secs());
    println!(
        "| path | figure | ours | bound | met | Chromium 156 | webrtc-rs defaults |\n|---|---|---|---|---|---|---|"
    );
    let mut missed = 0;
    let stock = |checks: &dyn Fn(Stack) -> Result<Vec<Check>>| {
        if ours_only { Ok(Vec::new()) } else { checks(Stack::Stock) }
    };
    for row in ROWS.iter().filter(|row| wanted(row.name)) {
        let checks = |stack| stage.two(row, length, stack).map(|outcome| (row.checks)(&outcome));
        missed += print(row.what, &checks(Stack::Ours)?, &stock(&checks)?);
    }
    if wanted(six::NAME) {
        let checks = |stack| six::checks(&stage, length, stack);
        missed += print(six::WHAT, &checks(Stack::Ours)?, &stock(&checks)?);
    }
    println!("\n{missed} figures missed their bound");
    Ok(())
}

/// Prints a row and gives the number of figures that missed their bound.
fn print(what: &str, ours: &[Check], stock: &[Check]) -> usize {
    let mut what = what;
    for (index, ours) in ours.iter().enumerate() {
        let figure = |check: &Check| check.value.map_or("-".to_owned(), |value| format!("{value:.*}", check.digits));
        let met = if ours.bound.holds(ours.value) { "yes" } else { "NO" };
        let Check { what: name, bound, chromium, .. } = ours;
        println!(
            "| {what} | {name} | {} | {bound} | {met} | {chromium} | {} |",
            figure(ours),
            stock.get(index).map_or("-".to_owned(), figure)
        );
        what = "";
    }
    ours.iter().filter(|check| !check.bound.holds(check.value)).count()
}

/// Files, and the runtime in which the server runs and doors stand open.
pub(crate) struct Stage {
    scene: Scene,
    /// Where reports are to stay.
    keep: Option<PathBuf>,
    runtime: Runtime,
}

/// What a client is told besides where to go.
pub(crate) struct Terms {
    /// The row's name.
    pub(crate) row: &'static str,
    pub(crate) length: Length,
    pub(crate) stack: Stack,
    pub(crate) max_kbps: u32,
}

impl Stage {
    fn start(keep: Option<PathBuf>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let scene = {
            let _here = runtime.enter();
            let server = Server::bind(Config::default())?;
            let scene = Scene::at(server.local_addr())?;
            runtime.spawn(server.run_until(std::future::pending()));
            scene
        };
        if let Some(folder) = &keep {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(Self { scene, keep, runtime })
    }

    /// A call between two over a row's path.
    fn two(&self, row: &Row, length: Length, stack: Stack) -> Result<Outcome> {
        let begin = Moment::now().after(length.warm_up);
        let (line, changes) = row.line(SEED, begin, length.measured);
        let relay = Arc::new(Relay::start(vec![line, Line::perfect()], Loses::Everything)?);
        let wire = Wire::tap(&relay);
        let terms = Terms { row: row.name, length, stack, max_kbps: row.cap_kbps };
        let reports = self.call(&relay, &["sender", "receiver"], &terms)?;
        let [sender, receiver]: [Report; 2] = reports.try_into().ok().context("two clients have two reports")?;
        if let Some(folder) = &self.keep {
            let file = folder.join(format!("{}-{stack:?}-wire.csv", row.name).to_lowercase());
            std::fs::write(&file, wire.by_slice()).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let end = begin.after(length.measured);
        let cap_bps = u64::from(row.cap_kbps) * 1000;
        Outcome { sender, receiver, wire, begin, end, changes, cap_bps }.check()
    }

    /// A call over a relay with a party for each name, to its end.
    pub(crate) fn call(&self, relay: &Arc<Relay>, names: &[&str], terms: &Terms) -> Result<Vec<Report>> {
        let code = self.scene.room()?;
        let microphone = format!("file:{}", text(&self.scene.speech()?)?);
        let (size, kbps) = (format!("{WIDTH}x{HEIGHT}"), terms.max_kbps.to_string());
        let (seconds, warm_up) =
            (terms.length.total().as_secs().to_string(), terms.length.warm_up.as_secs().to_string());
        let mut args = vec!["--camera", "pattern", "--microphone", &microphone, "--size", &size, "--max-kbps", &kbps];
        args.extend(["--seconds", &seconds, "--warm-up", &warm_up, "--series", "--verify-picture"]);
        args.extend(["--bind", "127.0.0.1:0"]);
        if terms.stack == Stack::Stock {
            args.push("--stock-network");
        }
        let server = self.scene.address();
        let doors = names.iter().enumerate().map(|(party, _)| {
            self.runtime.block_on(Door::open(Arc::clone(relay), Party(party), server, Duration::ZERO))
        });
        let doors: Vec<Door> = doors.collect::<std::io::Result<_>>()?;
        let clients = names.iter().zip(&doors).map(|(name, door)| self.scene.join_at(&door.url(), &code, name, &args));
        let clients: Vec<_> = clients.collect::<Result<_>>()?;
        let reports: Vec<Report> = clients.into_iter().map(|client| client.report()).collect::<Result<_>>()?;
        for report in &reports {
            if let Some(folder) = &self.keep {
                let file = format!("{}-{:?}-{}.json", terms.row, terms.stack, report.name).to_lowercase();
                write_report(report, &folder.join(file))?;
            }
        }
        Ok(reports)
    }
}
