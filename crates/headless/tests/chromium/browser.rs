//! A Chromium of our own: chromedriver, a headless browser with fake devices and a fresh profile, and the page in it.
//!
//! Invariant: dropping a [`Browser`] leaves no process and no file behind, however the test ended: chromedriver leads a
//! process group that all its children stay in, and the group is killed.

use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use tempfile::TempDir;

/// A busy machine takes its time to start a browser and to run a script.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(60);

/// Calls a function of the page's `window.probe` and waits for what its promise gives.
const CALL: &str = "
    const done = arguments[arguments.length - 1];
    window.probe[arguments[0]](arguments[1]).then(
        (value) => done({ value: value ?? null }),
        (error) => done({ error: String(error) }),
    );";

/// The browser, with the page loaded.
pub(crate) struct Browser {
    client: Client,
    // Dropped in this order: first the processes, then the profile they write to.
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser whose microphone plays `voice` over and over, and loads the page at `url`.
    pub(crate) async fn start(url: &str, voice: &Path) -> Result<Self> {
        let profile = TempDir::with_prefix("sightline-chromium-")?;
        let driver = Driver::start(profile.path())?;
        let args = [
            "--headless=new".to_owned(),
            // The sandbox does not run as root, which containers of CI are.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--autoplay-policy=no-user-gesture-required".to_owned(),
            "--use-fake-ui-for-media-stream".to_owned(),
            "--use-fake-device-for-media-stream=fps=30".to_owned(),
            format!("--use-file-for-fake-audio-capture={}", voice.display()),
            // Loopback candidates, and addresses instead of mDNS names: both sides are on this machine.
            "--allow-loopback-in-peer-connection".to_owned(),
            "--disable-features=WebRtcHideLocalIpsWithMdns".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": args } });
        let Value::Object(capabilities) = capabilities else { bail!("capabilities are an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver.url)
            .await
            .context("chromedriver starts no Chromium; are both of the same version?")?;
        let timeouts = TimeoutConfiguration::new(Some(SCRIPT_TIMEOUT), Some(SCRIPT_TIMEOUT), None);
        client.update_timeouts(timeouts).await?;
        client.goto(url).await.with_context(|| format!("Chromium cannot load {url}"))?;
        Ok(Self { client, _driver: driver, _profile: profile })
    }

    /// Calls a function of the page.
    pub(crate) async fn call<T: DeserializeOwned>(&self, function: &str, argument: Value) -> Result<T> {
        let mut answer = self
            .client
            .execute_async(CALL, vec![json!(function), argument])
            .await
            .with_context(|| format!("{function} in the page"))?;
        if let Some(error) = answer.get("error") {
            bail!("{function} in the page: {error}");
        }
        Ok(serde_json::from_value(answer["value"].take())?)
    }
}

/// chromedriver, on a port that it chose itself.
struct Driver {
    process: Child,
    url: String,
    /// Kept open: chromedriver dies of a broken pipe.
    _stdout: BufReader<ChildStdout>,
}

impl Driver {
    fn start(home: &Path) -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Whatever Chromium keeps outside its profile goes with the profile.
        command.env("TMPDIR", home).env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_CACHE_HOME", home);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().context("cannot start chromedriver; install chromium-driver")?;
        let stdout = process.stdout.take().context("chromedriver has no stdout")?;
        let mut driver = Self { process, url: String::new(), _stdout: BufReader::new(stdout) };
        let mut line = String::new();
        while driver._stdout.read_line(&mut line)? > 0 {
            // 'ChromeDriver was started successfully on port 43535.'
            if let Some((_, port)) = line.split_once("successfully on port ") {
                let port: u16 = port.trim().trim_end_matches('.').parse().context("chromedriver names no port")?;
                driver.url = format!("http://127.0.0.1:{port}");
                return Ok(driver);
            }
            line.clear();
        }
        bail!("chromedriver ended without saying its port")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The whole group, by its leader: std kills single processes only.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.process.wait();
    }
}
