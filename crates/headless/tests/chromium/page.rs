//! One client in the page, as the tests see it: what it does, and the figures that Chromium gives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;

/// Longest that anything is waited for: generous, since the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(40);

/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Polls until `look` gives something; fails with `what` when that takes too long.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if Instant::now() > deadline {
            bail!("{what}: not within {PATIENCE:?}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How a page is to join a room.
pub(crate) struct Join<'a> {
    /// `ws://` address of the server.
    pub(crate) server: &'a str,
    /// The room.
    pub(crate) code: &'a str,
    /// Name shown to the others.
    pub(crate) name: &'a str,
    /// Whether candidates are replaced by the relay's stand-ins.
    pub(crate) relayed: bool,
}

/// A client in the page.
pub(crate) struct Page<'a> {
    browser: &'a Browser,
    client: u64,
}

/// What a client says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct State {
    /// Whatever went wrong.
    pub(crate) errors: Vec<String>,
    /// Answers to its pings.
    pub(crate) pongs: u64,
    /// Its links, those to members who have left included.
    pub(crate) links: Vec<LinkState>,
}

/// A link of the page.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LinkState {
    /// The other side's user id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Whether it has left.
    pub(crate) left: bool,
    /// `RTCPeerConnection.connectionState`.
    pub(crate) connection: String,
    /// `RTCPeerConnection.signalingState`.
    pub(crate) signaling: String,
    /// Our ICE user fragment; another one after an ICE restart.
    pub(crate) ufrag: Option<String>,
}

/// A small copy of a picture on the screen.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    /// Width of the video itself.
    pub(crate) width: u32,
    /// Height of the video itself.
    pub(crate) height: u32,
    pixels: Vec<[u8; 3]>,
}

impl Shown {
    /// Mean over all pixels and colours, 0 to 255.
    pub(crate) fn brightness(&self) -> f64 {
        let sum: f64 = self.pixels.iter().flatten().map(|&v| f64::from(v)).sum();
        sum / (self.pixels.len() * 3) as f64
    }

    /// Whether a part of the picture looks different.
    pub(crate) fn moved_from(&self, other: &Self) -> bool {
        let pixels = self.pixels.iter().flatten().zip(other.pixels.iter().flatten());
        pixels.filter(|(a, b)| a.abs_diff(**b) > 40).count() > 10
    }
}

/// The strongest tone in what is played.
#[derive(Debug, Deserialize)]
pub(crate) struct Heard {
    /// Its frequency.
    pub(crate) hz: f64,
    /// Its level; 0 is full scale.
    pub(crate) db: f64,
}

/// The entries of getStats (W3C webrtc-stats).
#[derive(Debug, Clone)]
pub(crate) struct Stats(Vec<Value>);

impl Stats {
    /// A counter of the entries of a type and kind, by SSRC.
    pub(crate) fn each(&self, entry: &str, kind: &str, counter: &str) -> BTreeMap<u64, f64> {
        let matching = self.0.iter().filter(|e| e["type"] == entry && e["kind"] == kind);
        matching.filter_map(|e| Some((e["ssrc"].as_u64()?, e[counter].as_f64()?))).collect()
    }

    /// The sum of them, 0 where there are none.
    pub(crate) fn sum(&self, entry: &str, kind: &str, counter: &str) -> f64 {
        self.each(entry, kind, counter).values().sum()
    }

    /// A figure of the one transport that carries everything.
    pub(crate) fn transport(&self, figure: &str) -> &Value {
        self.0.iter().find(|e| e["type"] == "transport").map_or(&Value::Null, |transport| &transport[figure])
    }
}

impl<'a> Page<'a> {
    /// Joins a room.
    pub(crate) async fn join(browser: &'a Browser, join: &Join<'_>) -> Result<Self> {
        let argument = json!({
            "server": join.server, "code": join.code, "name": join.name, "relayed": join.relayed,
            "width": 640, "height": 360, "fps": 30,
        });
        let client = browser.call("join", argument).await?;
        Ok(Self { browser, client })
    }

    /// Where it stands.
    pub(crate) async fn state(&self) -> Result<State> {
        self.browser.call("state", json!({ "client": self.client })).await
    }

    /// Its link to the one other member, once it is connected.
    pub(crate) async fn connected(&self) -> Result<LinkState> {
        until("the page is connected to one other member", async || {
            let links = self.state().await?.links;
            Ok(match links.as_slice() {
                [link] if link.connection == "connected" => Some(link.clone()),
                _ => None,
            })
        })
        .await
        .with_context(|| "no call came about")
    }

    /// The figures of a link.
    pub(crate) async fn stats(&self, peer: &str) -> Result<Stats> {
        self.browser.call("stats", json!({ "client": self.client, "peer": peer })).await.map(Stats)
    }

    /// What a remote video shows at the moment.
    pub(crate) async fn picture(&self, peer: &str) -> Result<Shown> {
        self.browser.call("picture", json!({ "peer": peer, "index": 0 })).await
    }

    /// What is heard of a peer at the moment.
    pub(crate) async fn heard(&self, peer: &str) -> Result<Heard> {
        self.browser.call("heard", json!({ "peer": peer })).await
    }

    /// Sends a second picture, blue with a white bar.
    pub(crate) async fn add_track(&self, peer: &str) -> Result<()> {
        self.browser.call("addTrack", json!({ "client": self.client, "peer": peer, "fps": 15 })).await
    }

    /// Restarts ICE.
    pub(crate) async fn restart_ice(&self, peer: &str) -> Result<()> {
        self.browser.call("restartIce", json!({ "client": self.client, "peer": peer })).await
    }

    /// Leaves the room.
    pub(crate) async fn leave(&self) -> Result<()> {
        self.browser.call("leave", json!({ "client": self.client })).await
    }

    /// Waits until every video of the peer, and there are so many, has given so many more pictures.
    pub(crate) async fn sees_more(&self, peer: &str, videos: usize, pictures: f64) -> Result<()> {
        let before = self.stats(peer).await?.each("inbound-rtp", "video", "framesDecoded");
        until(&format!("the page decodes {pictures} more pictures of {videos} videos"), async || {
            let now = self.stats(peer).await?.each("inbound-rtp", "video", "framesDecoded");
            let more = now.iter().filter(|(ssrc, now)| **now >= before.get(*ssrc).unwrap_or(&0.0) + pictures);
            Ok((more.count() == videos).then_some(()))
        })
        .await
    }

    /// Waits until the peer's pictures move on the screen and are not black.
    pub(crate) async fn sees_motion(&self, peer: &str) -> Result<Shown> {
        let first = self.picture(peer).await?;
        until("the page shows moving pictures", async || {
            let now = self.picture(peer).await?;
            Ok((now.brightness() > 20.0 && now.moved_from(&first)).then_some(now))
        })
        .await
    }

    /// Waits until a tone is heard from the peer, 8 Hz (more than a bin of the transform) up or down.
    pub(crate) async fn hears(&self, peer: &str, hz: u32) -> Result<()> {
        until(&format!("the page hears {hz} Hz"), async || {
            let heard = self.heard(peer).await?;
            Ok((heard.db > -60.0 && (heard.hz - f64::from(hz)).abs() < 8.0).then_some(()))
        })
        .await
    }
}
