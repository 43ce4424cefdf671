//! The app's page, in the hands of a person who sees only what is on the screen.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use sightline_media::video::{VideoFrame, read_frame_counter};
use tokio::time::{Instant, sleep};

use crate::holdings::Tree;
use crate::processes::{Bus, Driver, Screen};
use crate::setup::Setup;

/// A busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(90);

/// The program under test.
const APP: &str = env!("CARGO_BIN_EXE_sightline");

/// Gives the next picture of a tile: width, height, and its luma as text of base 64.
const PIXELS: &str = "
    const [tile, done] = arguments;
    window.sightline.pixels(tile).then(({ width, height, data }) => {
        const luma = new Uint8Array(width * height);
        for (let at = 0; at < luma.length; at += 1) {
            const [r, g, b] = [data[4 * at], data[4 * at + 1], data[4 * at + 2]];
            luma[at] = Math.round(16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255);
        }
        let text = '';
        for (let at = 0; at < luma.length; at += 8192) text += String.fromCharCode(...luma.subarray(at, at + 8192));
        done({ width, height, luma: btoa(text) });
    }, (error) => done({ error: String(error) }));";

const INVOKE: &str = "
    const [command, args, done] = arguments;
    window.__TAURI__.core.invoke(command, args).then(
        (value) => done({ value: value ?? null }),
        (error) => done({ error: JSON.stringify(error) }),
    );";

/// The app, started, with its page loaded.
pub(crate) struct Page {
    client: Client,
    // Dropped in this order: processes first, then the folder they write to.
    _driver: Driver,
    bus: Bus,
    screen: Screen,
    setup: Setup,
}

impl Page {
    /// Starts the app for the first time and tells it a name.
    pub(crate) async fn open(name: &str) -> Result<Self> {
        Self::open_with(name, Setup::with_clip(640, 360)?).await
    }

    /// The same with other devices.
    pub(crate) async fn open_with(name: &str, setup: Setup) -> Result<Self> {
        let page = Self::start(setup).await?;
        page.write("main input", name).await?;
        page.button("Continue").await?;
        Ok(page)
    }

    /// Starts the app.
    pub(crate) async fn start(setup: Setup) -> Result<Self> {
        let (screen, bus) = (Screen::start()?, Bus::start()?);
        let surroundings = |command: &mut Command| setup.surround(command, &screen, &bus);
        let driver = Driver::start(setup.priority, surroundings, &setup.home.path().join("driver.log")).await?;
        let options = json!({ "binary": APP, "args": setup.arguments() });
        let Value::Object(capabilities) = json!({ "webkitgtk:browserOptions": options }) else {
            bail!("capabilities are an object")
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver.url)
            .await
            .context("WebKitWebDriver starts no app")?;
        client.update_timeouts(TimeoutConfiguration::new(Some(PATIENCE), Some(PATIENCE), None)).await?;
        Ok(Self { client, _driver: driver, bus, screen, setup })
    }

    /// The clip that the app's camera shows.
    pub(crate) fn clip(&self) -> PathBuf {
        self.setup.clip()
    }

    pub(crate) fn history_file(&self) -> PathBuf {
        self.setup.data().join("history.sqlite")
    }

    /// Address of the server inside the app.
    pub(crate) async fn server(&self) -> Result<String> {
        let boot = self.invoke("boot", json!({})).await?;
        let address = boot["hosting"]["addresses"][0].as_str().context("the server inside the app runs")?;
        Ok(format!("ws://{address}"))
    }

    /// Enters a server's address in the settings.
    pub(crate) async fn use_server(&self, server: &str) -> Result<()> {
        self.button("Settings").await?;
        self.write(".settings input.mono", &format!("{server}\u{e007}")).await?;
        until("the server is kept", async || {
            let boot = self.invoke("boot", json!({})).await?;
            Ok((boot["settings"]["server"] == server).then_some(()))
        })
        .await
    }

    /// Joins a room by its code, from the home screen.
    pub(crate) async fn join(&self, code: &str) -> Result<String> {
        self.write(".home form input", code).await?;
        self.button("Join").await?;
        self.enter().await
    }

    /// Goes from the lobby into the call; gives its code.
    pub(crate) async fn enter(&self) -> Result<String> {
        self.until("the lobby leads to the call", async || {
            // While the network is looked at, what is shown of it moves the button away from under a pointer.
            let path = Locator::XPath("//button[normalize-space()='Join the call']");
            if let Ok(button) = self.client.find(path).await {
                button.click().await?;
            }
            Ok(self.texts(".bar-code .mono").await?.into_iter().find(|text| !text.is_empty()))
        })
        .await
    }

    /// Presses the button of this name, as soon as there is one.
    pub(crate) async fn button(&self, name: &str) -> Result<()> {
        let path = format!("//button[@aria-label='{name}' or normalize-space()='{name}']");
        self.press(Locator::XPath(&path), name).await
    }

    /// Presses the first of what a selector finds.
    pub(crate) async fn click(&self, css: &str) -> Result<()> {
        self.press(Locator::Css(css), css).await
    }

    async fn press(&self, locator: Locator<'_>, what: &str) -> Result<()> {
        self.until(&format!("'{what}' can be pressed"), async || {
            let Ok(element) = self.client.find(locator).await else { return Ok(None) };
            // It may be on its way, or under something that is.
            Ok(element.click().await.ok())
        })
        .await
    }

    /// Writes into a field.
    pub(crate) async fn write(&self, css: &str, text: &str) -> Result<()> {
        self.until(&format!("{css} can be written into"), async || {
            let Ok(element) = self.client.find(Locator::Css(css)).await else { return Ok(None) };
            Ok(element.send_keys(text).await.ok())
        })
        .await
    }

    /// Takes out what is in a field, as somebody does who selects all of it and begins anew.
    pub(crate) async fn clear(&self, css: &str) -> Result<()> {
        self.write(css, "\u{e009}a\u{e000}\u{e017}").await
    }

    /// The text of an element, as soon as it has one.
    pub(crate) async fn text(&self, css: &str) -> Result<String> {
        let find = async || Ok(self.texts(css).await?.into_iter().find(|text| !text.is_empty()));
        self.until(&format!("there is a text in {css}"), find).await
    }

    /// Waits until one of what a selector finds has a text in it.
    pub(crate) async fn sees_text(&self, css: &str, text: &str) -> Result<()> {
        self.until(&format!("'{text}' is seen in {css}"), async || {
            Ok(self.texts(css).await?.iter().any(|seen| seen.contains(text)).then_some(()))
        })
        .await
    }

    /// Waits until a selector finds nothing.
    pub(crate) async fn sees_none(&self, css: &str) -> Result<()> {
        self.until(&format!("no {css} is there"), async || Ok((self.count(css).await? == 0).then_some(()))).await
    }

    /// What can be read in each that a selector finds. Not by the driver's own command for it, which finds no text in what
    /// is not scrolled into view.
    async fn texts(&self, css: &str) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.innerText.trim());";
        Ok(serde_json::from_value(self.client.execute(script, vec![json!(css)]).await?)?)
    }

    /// How many a selector finds.
    pub(crate) async fn count(&self, css: &str) -> Result<usize> {
        Ok(self.client.find_all(Locator::Css(css)).await?.len())
    }

    /// What an element looks like, as PNG.
    pub(crate) async fn picture_of(&self, css: &str) -> Result<Vec<u8>> {
        Ok(self.client.wait().for_element(Locator::Css(css)).await?.screenshot().await?)
    }

    /// Id of the tile of the only peer.
    pub(crate) async fn peer_tile(&self) -> Result<String> {
        self.until("the guest has a tile", async || {
            for element in self.client.find_all(Locator::Css("[data-tile]")).await? {
                if let Ok(Some(id)) = element.attr("data-tile").await
                    && id != "self"
                {
                    return Ok(Some(id));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Waits until the clip's counter, as it is drawn in a tile, has gone on by so many pictures.
    pub(crate) async fn sees_motion(&self, tile: &str, pictures: u64) -> Result<()> {
        let first = self.counter(tile).await?;
        self.until(&format!("{pictures} pictures in {tile} after {first}"), async || {
            let now = self.counter(tile).await?;
            // The clip begins anew after 4 s.
            Ok((now >= first + pictures || now < first).then_some(()))
        })
        .await
    }

    /// The number that the clip shows in a tile, read from the pixels on the page.
    async fn counter(&self, tile: &str) -> Result<u64> {
        self.until(&format!("the clip's counter can be read in {tile}"), async || {
            Ok(self.picture_in(tile).await?.as_ref().and_then(read_frame_counter))
        })
        .await
    }

    /// The next picture that is drawn in a tile, its luma as on the page, without colours.
    pub(crate) async fn picture_in(&self, tile: &str) -> Result<Option<VideoFrame>> {
        let answer = self.client.execute_async(PIXELS, vec![json!(tile)]).await?;
        let side = |name: &str| answer[name].as_u64().and_then(|side| u32::try_from(side).ok());
        let (Some(width), Some(height), Some(luma)) = (side("width"), side("height"), answer["luma"].as_str()) else {
            return Ok(None);
        };
        let mut planes = decode_base64(luma)?;
        planes.resize((width * height * 3 / 2) as usize, 128);
        Ok(Some(VideoFrame::from_i420(width, height, planes, 0)?))
    }

    /// Runs a script in the page that ends by calling its last argument with `{ value }` or `{ error }`.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        let mut answer = self.client.execute_async(script, arguments).await?;
        if let Some(error) = answer.get("error") {
            bail!("{error}");
        }
        Ok(answer["value"].take())
    }

    /// Asks the app as its page does.
    pub(crate) async fn invoke(&self, command: &str, args: Value) -> Result<Value> {
        self.run(INVOKE, vec![json!(command), args]).await.with_context(|| command.to_owned())
    }

    /// Starts the app a second time, with a link; it hands it over and ends by itself.
    pub(crate) async fn second_start(&self, link: &str) -> Result<()> {
        let mut command = Command::new(APP);
        command.args(self.setup.arguments()).arg(link);
        self.setup.surround(&mut command, &self.screen, &self.bus);
        let started = tokio::process::Command::from(command).kill_on_drop(true).status();
        let status = tokio::time::timeout(PATIENCE, started).await.context("the second start does not end")??;
        ensure!(status.success(), "the second start ended with {status}");
        Ok(())
    }

    /// Tells the app to end, as a desktop does that is closed, and waits until it has.
    pub(crate) async fn terminate(&self) -> Result<()> {
        let id = self.processes()?.root().to_string();
        // std sends no signal but SIGKILL.
        let told = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(told.success(), "the app cannot be told to end");
        let process = Path::new("/proc").join(&id).join("stat");
        until("the app ends", async || {
            // One that has ended stays until the driver has taken notice.
            let state = std::fs::read_to_string(&process).unwrap_or_default();
            Ok((state.is_empty() || state.contains(") Z ")).then_some(()))
        })
        .await
    }

    /// The app and the processes that it has started.
    pub(crate) fn processes(&self) -> Result<Tree> {
        let line = format!("^{APP} .*{}", self.setup.data().display());
        let found = Command::new("pgrep").args(["--full", "--oldest", &line]).output()?;
        let id = String::from_utf8(found.stdout)?.trim().parse().context("the app does not run")?;
        Ok(Tree::of(id))
    }

    /// As [`until`]; where it does not come to pass, says what the page shows instead.
    async fn until<T>(&self, what: &str, attempt: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        match until(what, attempt).await {
            Ok(found) => Ok(found),
            Err(error) => {
                let shown = self.client.execute("return document.body.innerText;", Vec::new()).await;
                Err(error.context(format!("the page shows: {shown:?}")))
            }
        }
    }

    /// Makes the window wider and higher, by pixels of the page.
    pub(crate) async fn grow_window(&self, (width, height): (i64, i64)) -> Result<()> {
        let (now_width, now_height) = self.client.get_window_size().await?;
        let side = |now: u64, more: i64| u32::try_from(now.saturating_add_signed(more)).unwrap_or(u32::MAX);
        Ok(self.client.set_window_size(side(now_width, width), side(now_height, height)).await?)
    }

    /// Ends the app, which has to tidy up behind itself.
    pub(crate) async fn close(self) -> Result<()> {
        self.client.close().await?;
        Ok(())
    }
}

/// Tries again until there is a result; gives up after [`PATIENCE`] with the words for what was waited for.
pub(crate) async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = attempt().await;
        if let Ok(Some(found)) = last {
            return Ok(found);
        }
        if Instant::now() > deadline {
            last.with_context(|| format!("it did not come to pass that {what}"))?;
            bail!("it did not come to pass that {what}");
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn decode_base64(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for sign in text.bytes().filter(|sign| *sign != b'=') {
        let value = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => bail!("{other} is no sign of base 64"),
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Ok(bytes)
}
