//! The other side of the call: a client without a window, with the clip for a camera and a tone for a microphone.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use sightline_call::link::RemoteTrack;
use sightline_call::{Call, CallConfig, CallEvent, Entry, LinkOptions, PeerInfo, RoomNews, SinkFactory};
use sightline_media::audio::{AudioSettings, AudioSink, AudioSource, Speaker};
use sightline_media::video::{LatestFrame, VideoSettings, VideoSink, VideoSource, read_frame_counter};
use sightline_protocol::Role;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::page::until;

/// The history has a row of its own for each 15 s of a call; this makes two of most.
const MEASURED_SECONDS: u32 = 17;
/// What the guest sends in the tests.
pub(crate) const PICTURE: VideoSettings = VideoSettings { width: 640, height: 360, fps: 30, max_bps: 800_000 };

/// What the guest has been told, and when.
#[derive(Debug, Clone, Default)]
struct Heard {
    chat: Vec<String>,
    /// The app's microphone and camera.
    media: Option<(bool, bool)>,
    peers: usize,
    snapshots: u32,
    /// Some peer is known to be a host.
    knows_host: bool,
    /// Who asked to mute.
    asked_to_mute: Option<String>,
    /// Why the call ended.
    ended: Option<&'static str>,
}

/// The guest.
pub(crate) struct Guest {
    call: Call,
    heard: watch::Receiver<Heard>,
    listener: JoinHandle<()>,
    senses: Arc<Senses>,
}

#[derive(Default)]
struct Senses {
    picture: Arc<LatestFrame>,
    /// Blocks of 10 ms that were louder than breath.
    loud: Arc<Loud>,
}

#[derive(Default)]
struct Loud(AtomicU32);

impl AudioSink for Loud {
    fn block(&self, samples: &[f32]) {
        if samples.iter().any(|sample| sample.abs() > 0.05) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl SinkFactory for Senses {
    fn video(&self, _: &PeerInfo, _: &RemoteTrack) -> Arc<dyn VideoSink> {
        self.picture.clone()
    }

    fn audio(&self, _: &PeerInfo, _: &RemoteTrack) -> Option<Arc<dyn AudioSink>> {
        Some(self.loud.clone())
    }
}

impl Guest {
    pub(crate) async fn join(server: &str, code: &str, clip: PathBuf, picture: VideoSettings) -> Result<Self> {
        Self::enter(server, code, None, clip, picture).await
    }

    /// The same with a token for the room.
    pub(crate) async fn enter(
        server: &str,
        code: &str,
        token: Option<String>,
        clip: PathBuf,
        picture: VideoSettings,
    ) -> Result<Self> {
        let senses = Arc::new(Senses::default());
        let config = CallConfig {
            server: server.to_owned(),
            code: code.to_owned(),
            name: "Ben".to_owned(),
            token,
            on_waiting: None,
            video: Some(VideoSource::File(clip)),
            video_settings: picture,
            audio: Some(AudioSource::Tone),
            audio_settings: AudioSettings::default(),
            speaker: Speaker::None,
            entry: Entry::default(),
            sinks: senses.clone(),
            on_captured: None,
            link: LinkOptions::default(),
        };
        let (call, mut events) = Call::join(config).await.context("the guest joins")?;
        let (told, heard) = watch::channel(Heard::default());
        let listener = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                told.send_modify(|heard| heard.take(&event));
            }
        });
        Ok(Self { call, heard, listener, senses })
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// Waits until the app's clip has gone on by so many pictures.
    pub(crate) async fn sees_motion(&self, pictures: u64) -> Result<()> {
        let counter = || self.senses.picture.newer_than(0).and_then(|(_, frame)| read_frame_counter(&frame));
        let first = until("the guest reads the clip's counter", async || Ok(counter())).await?;
        until(&format!("{pictures} pictures at the guest after {first}"), async || {
            Ok(counter().filter(|now| *now >= first + pictures || *now < first))
        })
        .await
        .map(drop)
    }

    /// Waits for a second of sound.
    pub(crate) async fn hears(&self) -> Result<()> {
        until("the guest hears a second of sound", async || {
            Ok((self.senses.loud.0.load(Ordering::Relaxed) >= 100).then_some(()))
        })
        .await
    }

    /// Waits for a line of chat.
    pub(crate) async fn reads(&self, text: &str) -> Result<()> {
        self.hears_that(&format!("the guest reads '{text}'"), |heard| heard.chat.iter().any(|line| line == text)).await
    }

    /// Waits until the app's microphone and camera are told to be so.
    pub(crate) async fn is_told(&self, microphone: bool, camera: bool) -> Result<()> {
        let wanted = Some((microphone, camera));
        self.hears_that("the guest is told of microphone and camera", |heard| heard.media == wanted).await
    }

    /// Waits until the call was long enough for the history to say something.
    pub(crate) async fn measured(&self) -> Result<()> {
        self.hears_that("the call lasts", |heard| heard.snapshots >= MEASURED_SECONDS).await
    }

    /// Waits until the guest knows that somebody else is the host.
    pub(crate) async fn knows_host(&self) -> Result<()> {
        self.hears_that("the guest knows the host", |heard| heard.knows_host).await
    }

    /// Waits until a host of this name has asked to mute.
    pub(crate) async fn is_asked_to_mute(&self, by: &str) -> Result<()> {
        self.hears_that("the guest is asked to mute", |heard| heard.asked_to_mute.as_deref() == Some(by)).await
    }

    /// Waits until the call has ended for this reason.
    pub(crate) async fn is_over(&self, reason: &str) -> Result<()> {
        self.hears_that(&format!("the guest's call ends: {reason}"), |heard| heard.ended == Some(reason)).await
    }

    /// Waits until the app has left.
    pub(crate) async fn is_alone(&self) -> Result<()> {
        self.hears_that("the app leaves", |heard| heard.peers == 0).await
    }

    pub(crate) async fn leave(self) {
        self.call.leave().await;
        // The call's last event was its end.
        let _ = self.listener.await;
    }

    async fn hears_that(&self, what: &str, is_so: impl Fn(&Heard) -> bool) -> Result<()> {
        let mut heard = self.heard.clone();
        let patience = Duration::from_secs(90);
        let waiting = tokio::time::timeout(patience, heard.wait_for(|heard| is_so(heard)));
        waiting.await.with_context(|| format!("it did not come to pass that {what}"))??;
        Ok(())
    }
}

impl Heard {
    fn take(&mut self, event: &CallEvent) {
        match event {
            CallEvent::Chat { text, .. } => self.chat.push(text.clone()),
            CallEvent::MediaState { audio, video, .. } => self.media = Some((*audio, *video)),
            CallEvent::PeerJoined(_) => self.peers += 1,
            CallEvent::PeerLeft { .. } => self.peers -= 1,
            CallEvent::Snapshot(_) => self.snapshots += 1,
            CallEvent::Room(RoomNews::Role { role: Role::Host, .. }) => self.knows_host = true,
            CallEvent::Room(RoomNews::AskedToMute { by }) => self.asked_to_mute = Some(by.clone()),
            CallEvent::Ended { reason } => self.ended = Some(reason.as_str()),
            _ => {}
        }
    }
}
