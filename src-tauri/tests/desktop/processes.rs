//! What a window needs around it: a screen, a message bus, the driver.
//!
//! Invariant: dropping one leaves no process behind: each leads a group that its children stay in, and the group is killed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// A process with its group.
pub(crate) struct Group(Child);

impl Group {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(command.process_group(0).spawn().with_context(|| format!("cannot start {name}; is it installed?"))?))
    }

    fn stdout(&mut self) -> Result<ChildStdout> {
        self.0.stdout.take().context("no stdout")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The whole group, by its leader: std kills single processes only.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// A screen in memory.
pub(crate) struct Screen {
    _process: Group,
    /// For `DISPLAY`.
    pub(crate) display: String,
}

impl Screen {
    /// On a free number, which Xvfb finds.
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Group::start(&mut command)?;
        let number = first_line(process.stdout()?)?;
        Ok(Self { _process: process, display: format!(":{number}") })
    }
}

/// A message bus of our own, on which a second start finds the first one.
pub(crate) struct Bus {
    _process: Group,
    /// For `DBUS_SESSION_BUS_ADDRESS`.
    pub(crate) address: String,
}

impl Bus {
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address=1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Group::start(&mut command)?;
        let address = first_line(process.stdout()?)?;
        Ok(Self { _process: process, address })
    }
}

fn first_line(stdout: ChildStdout) -> Result<String> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(!line.trim().is_empty(), "it ended without saying where it is");
    Ok(line.trim().to_owned())
}

/// The driver, and the apps that it starts.
pub(crate) struct Driver {
    _process: Group,
    pub(crate) url: String,
}

impl Driver {
    /// Starts it with the surroundings of its apps, and before other programs where that is wanted and allowed.
    pub(crate) async fn start(priority: bool, surroundings: impl Fn(&mut Command), log: &Path) -> Result<Self> {
        // It takes no 0 for a free port.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("nice");
        command.args(["-n", if priority { "-11" } else { "0" }, "WebKitWebDriver"]);
        command.arg(format!("--port={port}")).stdin(Stdio::null());
        let log = std::fs::File::create(log)?;
        command.stdout(log.try_clone()?).stderr(log);
        surroundings(&mut command);
        let process = Group::start(&mut command)?;
        let address = format!("127.0.0.1:{port}");
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                return Ok(Self { _process: process, url: format!("http://{address}") });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("WebKitWebDriver does not listen on {address}")
    }
}
