//! What is sent from where.
//!
//! Invariant: a device that a person chose is the one that is used; the options of the command line stand in only where
//! nothing was chosen.

use sightline_media::audio::{AudioSource, Speaker};
use sightline_media::video::{VideoSettings, VideoSource};

use crate::ipc::Settings;
use crate::options::Options;

/// Width to height of what we send.
const SHAPE: (u32, u32) = (16, 9);
/// A picture that saves data: small, slow and still a face.
const SAVING: VideoSettings = VideoSettings { width: 320, height: 180, fps: 15, max_bps: 150_000 };
const FPS: u32 = 30;

/// Ids of devices; '' is the default one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) camera: String,
    pub(crate) microphone: String,
    pub(crate) speaker: String,
}

impl From<&Settings> for Choice {
    fn from(settings: &Settings) -> Self {
        Self {
            camera: settings.camera.clone(),
            microphone: settings.microphone.clone(),
            speaker: settings.speaker.clone(),
        }
    }
}

/// Sources and where to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Equipment {
    pub(crate) camera: Option<VideoSource>,
    pub(crate) microphone: Option<AudioSource>,
    pub(crate) speaker: Speaker,
}

impl Equipment {
    /// What a choice means with these options.
    pub(crate) fn of(choice: &Choice, options: &Options) -> Self {
        let id = |id: &String| (!id.is_empty()).then(|| id.clone());
        let camera = match (&options.camera, id(&choice.camera)) {
            (Some(camera), None) => camera.0.clone(),
            (_, id) => Some(VideoSource::Device(id)),
        };
        let microphone = match (&options.microphone, id(&choice.microphone)) {
            (Some(microphone), None) => microphone.0.clone(),
            (_, id) => Some(AudioSource::Device(id)),
        };
        let speaker = match (&options.speaker, id(&choice.speaker)) {
            (Some(speaker), None) => speaker.0.clone(),
            (_, id) => Speaker::Device(id),
        };
        Self { camera, microphone, speaker }
    }
}

/// Size, rate and bit rate of our pictures.
pub(crate) fn video_settings(settings: &Settings) -> VideoSettings {
    if settings.data_saver {
        return SAVING;
    }
    let height = settings.max_height;
    VideoSettings {
        width: (height * SHAPE.0 / SHAPE.1).next_multiple_of(2),
        height,
        fps: FPS,
        max_bps: settings.max_kbps.saturating_mul(1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_comes_before_the_options() {
        let options = Options {
            camera: Some("file:clip.y4m".parse().unwrap()),
            microphone: Some("none".parse().unwrap()),
            speaker: Some("none".parse().unwrap()),
            ..Options::default()
        };
        let choice = Choice { camera: "/dev/video2".into(), ..Choice::default() };
        let chosen = Equipment::of(&choice, &options);
        assert_eq!(chosen.camera, Some(VideoSource::Device(Some("/dev/video2".into()))));
        assert_eq!((chosen.microphone, chosen.speaker), (None, Speaker::None));
        let plain = Equipment::of(&Choice::default(), &options);
        assert_eq!(plain.camera, Some(VideoSource::File("clip.y4m".into())));
        let plain = Equipment::of(&Choice::default(), &Options::default());
        assert_eq!(plain.camera, Some(VideoSource::Device(None)));
        assert_eq!((plain.microphone, plain.speaker), (Some(AudioSource::Device(None)), Speaker::Device(None)));
    }

    #[test]
    fn pictures_are_as_the_settings_say() {
        let sizes = crate::settings::HEIGHTS.map(|max_height| {
            let VideoSettings { width, height, .. } = video_settings(&Settings { max_height, ..Settings::default() });
            (width, height)
        });
        assert_eq!(sizes, [(320, 180), (640, 360), (1280, 720), (1920, 1080)]);
        assert_eq!(video_settings(&Settings::default()).max_bps, 1_500_000);
        assert_eq!(video_settings(&Settings { data_saver: true, ..Settings::default() }), SAVING);
    }
}
