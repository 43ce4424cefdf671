//! Our own camera, microphone and speaker: started together, exchanged one by one, stopped together.
//!
//! Invariant: one [`VideoSender`] and one [`AudioSender`] at most per call, whose frames go to every link through one
//! [`Fanout`]. Each is made when its first source comes and stays to the end, so that counters and timestamps never fall.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sightline_media::MediaError;
use sightline_media::audio::{
    AudioPlayer, AudioProcessor, AudioSender, AudioSenderHooks, AudioSettings, AudioSource, Speaker,
};
use sightline_media::device::DeviceEvent;
use sightline_media::video::{LAYERS, LatestFrame, VideoSender, VideoSenderHooks, VideoSettings, VideoSource};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::{Entry, OnCaptured};
use crate::forward::Fanout;
use crate::inbound::PlayerSlot;
use crate::levels::LevelBoard;

/// What to start.
pub(crate) struct Sources {
    pub video: Option<VideoSource>,
    pub video_settings: VideoSettings,
    pub on_captured: Option<OnCaptured>,
    pub audio: Option<AudioSource>,
    pub audio_settings: AudioSettings,
    pub speaker: Speaker,
    pub entry: Entry,
}

/// Trouble of three devices at once, twice over.
const DEVICE_EVENTS: usize = 16;

/// Media on the way up, and what they share with the links.
pub(crate) struct Equipment {
    pub fanout: Arc<Fanout>,
    pub player: Arc<PlayerSlot>,
    pub levels: Arc<LevelBoard>,
    pub self_view: Arc<OnceLock<Arc<LatestFrame>>>,
    pub devices: mpsc::Receiver<DeviceEvent>,
    pub starting: JoinHandle<Result<LocalMedia, MediaError>>,
}

impl Equipment {
    /// Begins to start everything, and does not wait for it.
    pub(crate) fn start(sources: Sources) -> Self {
        let (fanout, levels) = (Arc::<Fanout>::default(), Arc::<LevelBoard>::default());
        let player = Arc::new(PlayerSlot::new(levels.clone()));
        let self_view = Arc::<OnceLock<Arc<LatestFrame>>>::default();
        let (device_tx, devices) = mpsc::channel(DEVICE_EVENTS);
        let Sources { video, video_settings, on_captured, audio, audio_settings, speaker, entry } = sources;
        let pictures = Pictures {
            settings: video_settings,
            on_captured: Mutex::new(on_captured),
            fanout: fanout.clone(),
            devices: device_tx.clone(),
            self_view: self_view.clone(),
        };
        let sound = Sound {
            settings: audio_settings,
            processor: Arc::new(AudioProcessor::new()),
            fanout: fanout.clone(),
            devices: device_tx,
            levels: levels.clone(),
            player: player.clone(),
        };
        let starting = tokio::spawn(LocalMedia::start(pictures, video, sound, audio, speaker, entry));
        Self { fanout, player, levels, self_view, devices, starting }
    }

    /// The call does not come to be: stops what was started, in the background.
    pub(crate) fn abandon(self) {
        tokio::spawn(async move {
            if let Ok(Ok(local)) = self.starting.await {
                local.stop().await;
            }
        });
    }
}

/// What a sender of pictures is made of.
struct Pictures {
    settings: VideoSettings,
    /// For the first sender, which is the only one.
    on_captured: Mutex<Option<OnCaptured>>,
    fanout: Arc<Fanout>,
    devices: mpsc::Sender<DeviceEvent>,
    self_view: Arc<OnceLock<Arc<LatestFrame>>>,
}

impl Pictures {
    /// Blocks while a camera that is required opens.
    fn start(&self, source: VideoSource, on: bool, required: bool) -> Result<VideoSender, MediaError> {
        let fanout = self.fanout.clone();
        let hooks = VideoSenderHooks {
            encoded: Box::new(move |frame| fanout.video(&frame)),
            captured: self.on_captured.lock().unwrap_or_else(PoisonError::into_inner).take(),
            device: report(self.devices.clone()),
        };
        let sender = if on && required {
            VideoSender::start(source, self.settings, hooks)?
        } else {
            let sender = VideoSender::idle(self.settings, hooks)?;
            sender.set_enabled(on);
            sender.set_source(Some(source));
            sender
        };
        sender.set_layers([0; LAYERS]);
        // There is one sender in a call, so that this is the first.
        let _ = self.self_view.set(sender.latest());
        Ok(sender)
    }
}

/// What a sender of sound and the player are made of.
struct Sound {
    settings: AudioSettings,
    /// Shared by both, and idle until sound from a microphone goes through it.
    processor: Arc<AudioProcessor>,
    fanout: Arc<Fanout>,
    devices: mpsc::Sender<DeviceEvent>,
    levels: Arc<LevelBoard>,
    player: Arc<PlayerSlot>,
}

impl Sound {
    /// Blocks while a microphone that is required opens.
    fn start(&self, source: AudioSource, on: bool, required: bool) -> Result<AudioSender, MediaError> {
        let (fanout, processor) = (self.fanout.clone(), Some(self.processor.clone()));
        let hooks = AudioSenderHooks {
            encoded: Box::new(move |packet| fanout.audio(&packet)),
            device: report(self.devices.clone()),
        };
        let sender = if required {
            AudioSender::start(source, self.settings, processor, hooks)?
        } else {
            let sender = AudioSender::idle(self.settings, processor, hooks)?;
            sender.set_source(Some(source));
            sender
        };
        // Its first packet takes 20 ms.
        sender.set_muted(!on);
        self.levels.set_own(sender.level());
        Ok(sender)
    }

    /// Blocks while a speaker that is required opens.
    fn start_player(&self, speaker: Speaker, required: bool) -> Result<(), MediaError> {
        let (processor, devices) = (Some(self.processor.clone()), report(self.devices.clone()));
        let player = if required {
            AudioPlayer::start(speaker, processor, devices)?
        } else {
            let player = AudioPlayer::start(Speaker::None, processor, devices)?;
            player.set_speaker(speaker);
            player
        };
        self.player.set(player);
        Ok(())
    }
}

/// What runs, and what it takes to start what does not run yet.
pub(crate) struct LocalMedia {
    pub video: Option<VideoSender>,
    pub audio: Option<AudioSender>,
    pictures: Arc<Pictures>,
    sound: Arc<Sound>,
}

impl LocalMedia {
    /// Starts everything, pictures and sound at the same time: opening a camera takes up to a second.
    async fn start(
        pictures: Pictures,
        video: Option<VideoSource>,
        sound: Sound,
        audio: Option<AudioSource>,
        speaker: Speaker,
        entry: Entry,
    ) -> Result<Self, MediaError> {
        let (pictures, sound) = (Arc::new(pictures), Arc::new(sound));
        let Entry { microphone, camera, devices_required } = entry;
        let eye = pictures.clone();
        let seeing =
            spawn_blocking(move || video.map(|source| eye.start(source, camera, devices_required)).transpose());
        let ear = sound.clone();
        let hearing = spawn_blocking(move || {
            ear.start_player(speaker, devices_required)?;
            audio.map(|source| ear.start(source, microphone, devices_required)).transpose()
        });
        let mut local = Self { video: None, audio: None, pictures, sound };
        let mut failure = None;
        match joined(seeing).await {
            Ok(video) => local.video = video,
            Err(error) => failure = Some(error),
        }
        match joined(hearing).await {
            Ok(audio) => local.audio = audio,
            Err(error) => failure = failure.or(Some(error)),
        }
        match failure {
            None => Ok(local),
            Some(error) => {
                local.stop().await;
                Err(error)
            }
        }
    }

    /// Another source of pictures, or none; never waits for a device. `on` says whether the user wants it on.
    pub(crate) fn set_camera(&mut self, source: Option<VideoSource>, on: bool) -> Result<(), MediaError> {
        match (&self.video, source) {
            (Some(video), source) => {
                video.set_enabled(on);
                video.set_source(source);
            }
            (None, Some(source)) => self.video = Some(self.pictures.start(source, on, false)?),
            (None, None) => {}
        }
        Ok(())
    }

    /// Another source of sound, or none; never waits for a device. `on` says whether the user wants to be heard.
    pub(crate) fn set_microphone(&mut self, source: Option<AudioSource>, on: bool) -> Result<(), MediaError> {
        match (&self.audio, source) {
            (Some(audio), source) => {
                audio.set_muted(!on);
                audio.set_source(source);
            }
            (None, Some(source)) => self.audio = Some(self.sound.start(source, on, false)?),
            (None, None) => {}
        }
        Ok(())
    }

    /// Another speaker, or none; never waits for a device.
    pub(crate) fn set_speaker(&self, speaker: Speaker) {
        self.sound.player.set_speaker(speaker);
    }

    /// Stops and joins all threads.
    pub(crate) async fn stop(self) {
        let stopping = spawn_blocking(move || {
            if let Some(video) = self.video {
                video.stop();
            }
            if let Some(audio) = self.audio {
                audio.stop();
            }
            if let Some(player) = self.sound.player.take() {
                player.stop();
            }
        });
        if let Err(error) = stopping.await {
            tracing::error!(%error, "stopping media broke");
        }
    }
}

async fn joined<T>(task: JoinHandle<Result<T, MediaError>>) -> Result<T, MediaError> {
    task.await.unwrap_or_else(|broken| Err(MediaError::Thread(std::io::Error::other(broken))))
}

/// Device events are rare, and a device that is in trouble says so again.
fn report(devices: mpsc::Sender<DeviceEvent>) -> Box<dyn Fn(DeviceEvent) + Send + Sync> {
    Box::new(move |event| {
        if let Err(error) = devices.try_send(event) {
            tracing::warn!(%error, "a device event was lost");
        }
    })
}
