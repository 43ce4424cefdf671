//! All that a call takes: server, path, browser, rooms and files, set up afresh for each test.
//!
//! Invariant: one scene at a time. A browser and two codecs fill a small machine; two such calls at once would measure each
//! other.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use sightline_netpath::{Conditions, Line, Loses, Loss, Party, Relay};
use sightline_server::{Config, Server};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::browser::Browser;
use crate::page::{self, Page, until};
use crate::recordings::write_tone;
use crate::sightline::{self, Sightline};
use crate::web::Web;

/// What Chromium's microphone hears, Hz.
pub(crate) const CHROMIUM_HZ: u32 = 660;
/// What Sightline's microphone hears, Hz; no multiple of the other.
pub(crate) const SIGHTLINE_HZ: u32 = 990;

/// Any seed will do; it makes a failure come again.
const SEED: u64 = 2;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Who waits for the other.
pub(crate) enum First {
    /// Sightline is in the room, Chromium joins and offers.
    Sightline,
    /// Chromium is in the room, Sightline joins and offers.
    Chromium,
}

/// A stage for one call; everything ends when it is dropped.
pub(crate) struct Scene {
    browser: Browser,
    _web: Web,
    relay: Option<Arc<Relay>>,
    address: String,
    code: String,
    files: TempDir,
    server: JoinHandle<()>,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    /// Sets the stage. Where `loss` is not 0 both sides talk through a relay that loses this share.
    pub(crate) async fn set(loss: f64) -> Result<Self> {
        let alone = ONE_AT_A_TIME.lock().await;
        let relay = (loss > 0.0).then(|| lossy(loss)).transpose()?;
        let web = Web::start(relay.clone()).await?;
        let server = Server::bind(Config::default())?;
        let address = server.local_addr().to_string();
        let server = tokio::spawn(async { server.run_until(std::future::pending()).await.expect("the server runs") });
        let files = TempDir::with_prefix("sightline-call-")?;
        write_tone(&files.path().join("voice-of-chromium.wav"), CHROMIUM_HZ)?;
        write_tone(&files.path().join("voice-of-sightline.wav"), SIGHTLINE_HZ)?;
        let browser = Browser::start(&web.url(), &files.path().join("voice-of-chromium.wav")).await?;
        let code = browser.call("createRoom", json!({ "server": format!("http://{address}") })).await?;
        Ok(Self { browser, _web: web, relay, address, code, files, server, _alone: alone })
    }

    /// Both join; the one who is first is in the room before the other comes.
    pub(crate) async fn meet(&self, first: First) -> Result<(Page<'_>, Sightline)> {
        match first {
            First::Sightline => {
                let sightline = self.sightline()?;
                let room = json!({ "server": format!("http://{}", self.address), "code": self.code });
                until("Sightline is in the room", async || {
                    let members: u32 = self.browser.call("members", room.clone()).await?;
                    Ok((members == 1).then_some(()))
                })
                .await?;
                Ok((self.page("Chromium").await?, sightline))
            }
            First::Chromium => {
                let page = self.page("Chromium").await?;
                Ok((page, self.sightline()?))
            }
        }
    }

    /// A client in the page joins.
    pub(crate) async fn page(&self, name: &str) -> Result<Page<'_>> {
        let server = format!("ws://{}", self.address);
        let join = page::Join { server: &server, code: &self.code, name, relayed: self.relay.is_some() };
        Page::join(&self.browser, &join).await
    }

    fn sightline(&self) -> Result<Sightline> {
        Sightline::join(&sightline::Join {
            server: &format!("ws://{}", self.address),
            code: &self.code,
            voice: &self.files.path().join("voice-of-sightline.wav"),
            directory: self.files.path(),
        })
    }

    /// A file that Sightline recorded.
    pub(crate) fn recording(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Packets that the path let through, and that it lost.
    pub(crate) fn relayed(&self) -> (u64, u64) {
        let Some(relay) = &self.relay else { return (0, 0) };
        let [up, _] = relay.counters(Party(0));
        (up.passed, up.lost)
    }
}

/// A relay for everybody, which loses this share of the media whatever its direction.
fn lossy(loss: f64) -> Result<Arc<Relay>> {
    let conditions = Conditions { loss: Loss::Random { probability: loss }, ..Conditions::default() };
    let line = Line { down: Line::perfect().down, ..Line::new(conditions, SEED) };
    Ok(Arc::new(Relay::start(vec![line], Loses::MediaOnly)?))
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.abort();
    }
}
