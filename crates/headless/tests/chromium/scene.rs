//! All that a call takes: server, path, browser, rooms and files, set up afresh for each test.
//!
//! Invariant: one scene at a time. A browser and two codecs fill a small machine; two such calls at once would measure each
//! other.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use sightline_server::{Config, Server};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::browser::Browser;
use crate::page::{self, Page};
use crate::recordings::write_tone;
use crate::relay::Relay;
use crate::web::Web;

/// What Chromium's microphone hears, Hz.
pub(crate) const CHROMIUM_HZ: u32 = 660;

/// Any seed will do; it makes a failure come again.
const SEED: u64 = 2;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A stage for one call; everything ends when it is dropped.
pub(crate) struct Scene {
    browser: Browser,
    _web: Web,
    relay: Option<Arc<Relay>>,
    address: String,
    code: String,
    _files: TempDir,
    server: JoinHandle<()>,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    /// Sets the stage. Where `loss` is not 0 both sides talk through a relay that loses this share.
    pub(crate) async fn set(loss: f64) -> Result<Self> {
        let alone = ONE_AT_A_TIME.lock().await;
        let relay = (loss > 0.0).then(|| Arc::new(Relay::new(loss, SEED)));
        let web = Web::start(relay.clone()).await?;
        let server = Server::bind(Config::default())?;
        let address = server.local_addr().to_string();
        let server = tokio::spawn(async { server.run_until(std::future::pending()).await.expect("the server runs") });
        let files = TempDir::with_prefix("sightline-call-")?;
        write_tone(&files.path().join("voice-of-chromium.wav"), CHROMIUM_HZ)?;
        let browser = Browser::start(&web.url(), &files.path().join("voice-of-chromium.wav")).await?;
        let code = browser.call("createRoom", json!({ "server": format!("http://{address}") })).await?;
        Ok(Self { browser, _web: web, relay, address, code, _files: files, server, _alone: alone })
    }

    /// A client in the page joins.
    pub(crate) async fn page(&self, name: &str) -> Result<Page<'_>> {
        let server = format!("ws://{}", self.address);
        let join = page::Join { server: &server, code: &self.code, name, relayed: self.relay.is_some() };
        Page::join(&self.browser, &join).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.abort();
    }
}
