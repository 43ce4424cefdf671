//! Our own camera, microphone and speaker: started together, stopped together.
//!
//! Invariant: one [`VideoSender`] and one [`AudioSender`] at most per call, whose frames go to every link through one
//! [`Fanout`].

use std::sync::Arc;

use sightline_media::MediaError;
use sightline_media::audio::{
    AudioPlayer, AudioProcessor, AudioSender, AudioSenderHooks, AudioSettings, AudioSource, Speaker,
};
use sightline_media::device::DeviceEvent;
use sightline_media::video::{LatestFrame, VideoSender, VideoSenderHooks, VideoSettings, VideoSource};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::forward::Fanout;
use crate::inbound::PlayerSlot;

/// What to start.
pub(crate) struct Sources {
    pub video: Option<VideoSource>,
    pub video_settings: VideoSettings,
    pub on_captured: Option<Box<dyn Fn(u64, i64) + Send>>,
    pub audio: Option<AudioSource>,
    pub audio_settings: AudioSettings,
    pub speaker: Speaker,
}

/// Trouble of three devices at once, twice over.
const DEVICE_EVENTS: usize = 16;

/// Media on the way up, and what they share with the links.
pub(crate) struct Equipment {
    pub fanout: Arc<Fanout>,
    pub player: Arc<PlayerSlot>,
    pub devices: mpsc::Receiver<DeviceEvent>,
    pub starting: JoinHandle<Result<LocalMedia, MediaError>>,
}

impl Equipment {
    /// Begins to start everything, and does not wait for it.
    pub(crate) fn start(sources: Sources) -> Self {
        let (fanout, player) = (Arc::<Fanout>::default(), Arc::<PlayerSlot>::default());
        let (device_tx, devices) = mpsc::channel(DEVICE_EVENTS);
        let starting = tokio::spawn(LocalMedia::start(sources, fanout.clone(), player.clone(), device_tx));
        Self { fanout, player, devices, starting }
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

/// What runs.
pub(crate) struct LocalMedia {
    pub video: Option<VideoSender>,
    pub audio: Option<AudioSender>,
    player: Arc<PlayerSlot>,
}

impl LocalMedia {
    /// Starts everything, pictures and sound at the same time: opening a camera takes up to a second.
    pub(crate) async fn start(
        sources: Sources,
        fanout: Arc<Fanout>,
        player: Arc<PlayerSlot>,
        devices: mpsc::Sender<DeviceEvent>,
    ) -> Result<Self, MediaError> {
        let Sources { video, video_settings, on_captured, audio, audio_settings, speaker } = sources;
        let (shared, reports) = (fanout.clone(), devices.clone());
        let pictures = spawn_blocking(move || {
            let hooks = VideoSenderHooks {
                encoded: Box::new(move |frame| shared.video(&frame)),
                captured: on_captured,
                device: report(reports),
            };
            let sender = video.map(|source| VideoSender::start(source, video_settings, hooks)).transpose()?;
            if let Some(sender) = &sender {
                sender.set_takers(false);
            }
            Ok(sender)
        });
        let slot = player.clone();
        let sound = spawn_blocking(move || {
            let processor = is_processed(&audio_settings, audio.as_ref()).then(AudioProcessor::new).map(Arc::new);
            slot.set(AudioPlayer::start(speaker, processor.clone(), report(devices.clone()))?);
            let hooks =
                AudioSenderHooks { encoded: Box::new(move |packet| fanout.audio(&packet)), device: report(devices) };
            audio.map(|source| AudioSender::start(source, audio_settings, processor, hooks)).transpose()
        });
        let mut local = Self { video: None, audio: None, player };
        let mut failure = None;
        match joined(pictures).await {
            Ok(video) => local.video = video,
            Err(error) => failure = Some(error),
        }
        match joined(sound).await {
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

    /// For the self-view.
    pub(crate) fn self_view(&self) -> Option<Arc<LatestFrame>> {
        self.video.as_ref().map(VideoSender::latest)
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
            if let Some(player) = self.player.take() {
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

/// A microphone is always processed, with what is played as the reference; a file goes out as it is unless asked for.
fn is_processed(settings: &AudioSettings, source: Option<&AudioSource>) -> bool {
    match source {
        Some(AudioSource::Device(_)) => true,
        Some(AudioSource::File(_) | AudioSource::Tone) => settings.process,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microphones_are_processed_and_files_are_sent_as_they_are() {
        let (plain, asked) = (AudioSettings::default(), AudioSettings { process: true, ..AudioSettings::default() });
        let (device, file) = (AudioSource::Device(None), AudioSource::File("voice.wav".into()));
        assert!(is_processed(&plain, Some(&device)));
        assert!(!is_processed(&plain, Some(&file)));
        assert!(is_processed(&asked, Some(&file)));
        assert!(!is_processed(&asked, None));
    }
}
