//! What an app is started with: its folder, its devices, its environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use sightline_media::video::write_test_clip;
use tempfile::TempDir;

use crate::processes::{Bus, Screen};

/// The start of an app.
#[derive(Clone)]
pub(crate) struct Setup {
    /// Folder of its data, of its home, and of the files it is given; goes with the last setup that has it.
    pub(crate) home: Arc<TempDir>,
    /// Its options for camera, microphone and speaker.
    pub(crate) devices: Vec<String>,
    /// What it finds in its environment besides.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// Before other programs, so that a busy machine tears no holes into sound.
    pub(crate) priority: bool,
}

impl Setup {
    /// In a new folder and with the system's devices.
    pub(crate) fn new() -> Result<Self> {
        let home = Arc::new(TempDir::with_prefix("sightline-desktop-")?);
        Ok(Self { home, devices: Vec::new(), environment: Vec::new(), priority: false })
    }

    /// In a new folder, with a clip of this size for a camera, a tone for a microphone, and no speaker.
    pub(crate) fn with_clip(width: u32, height: u32) -> Result<Self> {
        let mut setup = Self::new()?;
        write_test_clip(&setup.clip(), width, height, 30, 4)?;
        setup.devices = vec![
            format!("--camera=file:{}", setup.clip().display()),
            "--microphone=tone".to_owned(),
            "--speaker=none".to_owned(),
        ];
        Ok(setup)
    }

    /// The clip, where there is one.
    pub(crate) fn clip(&self) -> PathBuf {
        self.home.path().join("clip.y4m")
    }

    /// The app's own folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The app's command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--data-dir={}", self.data().display()),
            format!("--export-dir={}", self.home.path().join("exports").display()),
            "--listen=127.0.0.1:0".to_owned(),
        ];
        arguments.extend_from_slice(&self.devices);
        arguments
    }

    /// Without a bus, a home and a screen of our own, the machine's would be used.
    pub(crate) fn surround(&self, command: &mut Command, screen: &Screen, bus: &Bus) {
        let home = self.home.path();
        command
            .env("DISPLAY", &screen.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
            .env("GDK_BACKEND", "x11")
            .env("NO_AT_BRIDGE", "1")
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .envs(self.environment.iter().cloned());
    }
}
