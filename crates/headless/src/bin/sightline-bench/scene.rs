//! A stage for calls between processes: media made here, a server, clients, their reports.
//!
//! Invariant: everything a scene starts ends with it, also when it is dropped half way.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use sightline_headless::report::Report;
use sightline_media::audio::write_test_speech;
use sightline_media::video::write_test_clip;
use tempfile::TempDir;

/// Seconds of a clip; it loops. Raw 720p is 41 MB a second.
const CLIP_SECONDS: u32 = 4;
/// Seconds of speech; it loops.
pub(crate) const SPEECH_SECONDS: f32 = 20.0;

/// A directory, a server and the programs' paths.
pub(crate) struct Scene {
    /// Where media and reports lie; removed at the end.
    pub(crate) dir: TempDir,
    /// `None` where it is somebody else's.
    _server: Option<Process>,
    address: SocketAddr,
}

/// A child that is killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client that runs.
pub(crate) struct Client {
    name: String,
    process: Process,
    report: PathBuf,
}

fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        bail!("{} is not built; run this through cargo xtask", path.display());
    }
    Ok(path)
}

impl Scene {
    /// Makes the directory and starts the server on a free port.
    pub(crate) fn start() -> Result<Self> {
        let mut server = Process(
            Command::new(program("sightline-server")?)
                .args(["--listen", "127.0.0.1:0"])
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start sightline-server")?,
        );
        let stdout = server.0.stdout.take().context("the server has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
        let address = address.context("sightline-server did not say where it listens")?;
        Ok(Self { _server: Some(server), ..Self::at(address)? })
    }

    /// Makes the directory; the server is there already.
    pub(crate) fn at(address: SocketAddr) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("sightline-").tempdir()?;
        Ok(Self { dir, _server: None, address })
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// A clip of this size, made at the first call.
    pub(crate) fn clip(&self, width: u32, height: u32) -> Result<PathBuf> {
        let path = self.dir.path().join(format!("clip-{width}x{height}.y4m"));
        if !path.exists() {
            write_test_clip(&path, width, height, 30, CLIP_SECONDS)?;
            // Now, and not half a minute later in the middle of a call: it is 166 MB that the kernel would write then.
            File::open(&path)?.sync_all()?;
        }
        Ok(path)
    }

    /// Speech, made at the first call.
    pub(crate) fn speech(&self) -> Result<PathBuf> {
        let path = self.dir.path().join("speech.wav");
        if !path.exists() {
            write_test_speech(&path, SPEECH_SECONDS)?;
        }
        Ok(path)
    }

    /// A new room's code.
    pub(crate) fn room(&self) -> Result<String> {
        let out = Command::new(program("sightline-headless")?).args(["create", "--server", &self.url()]).output()?;
        if !out.status.success() {
            bail!("no room was created: {}", String::from_utf8_lossy(&out.stderr).trim());
        }
        Ok(String::from_utf8(out.stdout)?.trim().to_owned())
    }

    /// Starts a client in a room.
    pub(crate) fn join(&self, code: &str, name: &str, args: &[&str]) -> Result<Client> {
        self.join_at(&self.url(), code, name, args)
    }

    /// The same by another way to the server.
    pub(crate) fn join_at(&self, url: &str, code: &str, name: &str, args: &[&str]) -> Result<Client> {
        let report = self.dir.path().join(format!("{code}-{name}.json"));
        let child = Command::new(program("sightline-headless")?)
            .args(["join", code, "--server", url, "--name", name, "--report"])
            .arg(&report)
            .args(args)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start sightline-headless")?;
        Ok(Client { name: name.to_owned(), process: Process(child), report })
    }
}

impl Client {
    /// Waits for the client's end and reads its report.
    pub(crate) fn report(mut self) -> Result<Report> {
        let status = self.process.0.wait()?;
        if !status.success() {
            bail!("client {} ended with {status}", self.name);
        }
        read(&self.report)
    }
}

fn read(path: &Path) -> Result<Report> {
    let json = std::fs::read(path).with_context(|| format!("no report at {}", path.display()))?;
    Ok(serde_json::from_slice(&json)?)
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path here is not UTF-8")
}
