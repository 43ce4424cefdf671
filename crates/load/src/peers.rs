//! The servers that ours is measured against, installed into a folder beside the build's own.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{bench::progress, program::Program, signaling};

const PACKAGES: &str = include_str!("../peers/package.json");
const RELAY: &str = include_str!("../peers/relay.mjs");

/// Where they are.
#[derive(Debug)]
pub(crate) struct Peers(PathBuf);

impl Peers {
    /// Installs them.
    pub(crate) fn install() -> Result<Self> {
        // Beside `release`: not in git, and kept between runs.
        let folder = signaling::beside("")?.with_file_name("bench-server");
        progress(&format!("npm install in {}", folder.display()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("package.json"), PACKAGES)?;
        fs::write(folder.join("relay.mjs"), RELAY)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder);
        ensure!(npm.status().context("npm")?.success(), "npm could not install PeerServer and socket.io");
        Ok(Self(folder))
    }

    /// Which they are.
    pub(crate) fn versions(&self) -> Result<String> {
        let node = Command::new("node").arg("--version").output().context("node")?;
        let version = |name: &str| -> Result<String> {
            let file = self.0.join("node_modules").join(name).join("package.json");
            let package: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
            Ok(format!("{name} {}", package["version"].as_str().context("a package has a version")?))
        };
        let node = String::from_utf8_lossy(&node.stdout);
        Ok(format!("node {}, {}, {}, {}", node.trim(), version("peer")?, version("socket.io")?, version("ws")?))
    }

    /// Starts PeerServer with room for so many; all else is its default.
    pub(crate) async fn peer_server(&self, connections: usize) -> Result<Program> {
        let mut command = self.node("node_modules/peer/dist/bin/peerjs.js");
        command.args(["--host", "127.0.0.1", "--concurrent_limit", &(2 * connections).to_string(), "--port"]);
        Program::start_on_port(&mut command, &self.0.join("peer-server.log")).await
    }

    /// Starts the relay of socket.io.
    pub(crate) fn socket_io(&self) -> Result<Program> {
        Program::start(&mut self.node("relay.mjs"), &self.0.join("socket-io.log"))
    }

    fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(script).current_dir(&self.0).env("NODE_ENV", "production");
        command
    }
}
