//! Our side of the call: the program `sightline-headless` as people run it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sightline_headless::report::Report;
use tokio::process::{Child, Command};

use crate::page::until;
use crate::recordings::Video;

/// A call that was told to end leaves the room, completes its files and exits; a busy machine may need a while.
const EXIT_WITHIN: Duration = Duration::from_secs(20);

/// The program in a call; killed when dropped.
pub(crate) struct Sightline {
    process: Child,
    directory: PathBuf,
}

/// How the program is to join.
pub(crate) struct Join<'a> {
    /// `ws://` address of the server.
    pub(crate) server: &'a str,
    /// The room.
    pub(crate) code: &'a str,
    /// Its microphone: a WAV file.
    pub(crate) voice: &'a Path,
    /// Where it records and reports.
    pub(crate) directory: &'a Path,
}

impl Sightline {
    /// Starts the program.
    pub(crate) fn join(join: &Join<'_>) -> Result<Self> {
        let process = Command::new(env!("CARGO_BIN_EXE_sightline-headless"))
            .args(["join", join.code, "--server", join.server, "--name", "Sightline"])
            .args(["--camera", "pattern", "--size", "640x360", "--fps", "30", "--max-kbps", "800"])
            .arg("--microphone")
            .arg(format!("file:{}", join.voice.display()))
            .arg("--record")
            .arg(join.directory)
            .arg("--report")
            .arg(join.directory.join("report.json"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start sightline-headless")?;
        Ok(Self { process, directory: join.directory.to_owned() })
    }

    /// Waits until so many more pictures are recorded in a file.
    pub(crate) async fn records_more(&self, file: &str, pictures: u64) -> Result<()> {
        let path = self.directory.join(file);
        let before = Video::count(&path);
        until(&format!("Sightline records {pictures} more pictures in {file}"), async || {
            Ok((Video::count(&path) >= before + pictures).then_some(()))
        })
        .await
    }

    /// Ends the call as a supervisor would, by SIGTERM, and gives the report.
    pub(crate) async fn end(mut self) -> Result<Report> {
        let id = self.process.id().context("sightline-headless ended before it was told to")?;
        // std sends no signal but SIGKILL.
        let told = Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        ensure!(told.success(), "sightline-headless cannot be told to end");
        let status = tokio::time::timeout(EXIT_WITHIN, self.process.wait())
            .await
            .with_context(|| format!("sightline-headless did not end within {EXIT_WITHIN:?}"))??;
        ensure!(status.success(), "sightline-headless ended with {status}");
        let report = std::fs::read(self.directory.join("report.json")).context("no report")?;
        Ok(serde_json::from_slice(&report)?)
    }
}
