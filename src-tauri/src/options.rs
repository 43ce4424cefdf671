//! The command line of `sightline`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use sightline_media::audio::{AudioSource, Speaker};
use sightline_media::video::VideoSource;

/// Video calls with a flight recorder.
///
/// RUST_LOG sets what is logged to stderr (default: warnings).
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "sightline", version, max_term_width = 100)]
pub struct Options {
    /// A link to open: sightline://join/HOST/CODE
    pub link: Option<String>,
    /// Folder of settings, history and rooms; another folder is another Sightline, which runs beside the first
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder for exports; the system's folder for downloads without it
    #[arg(long, value_name = "DIR")]
    pub export_dir: Option<PathBuf>,
    /// Address of the server inside the app; without it port 7788, or a free one, on all interfaces
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Pictures to send where no camera is chosen: `none`, `pattern`, `file:CLIP.y4m` or `device[:ID]`
    #[arg(long, value_name = "SOURCE")]
    pub camera: Option<Camera>,
    /// Sound to send where no microphone is chosen: `none`, `tone`, `file:VOICE.wav` or `device[:ID]`
    #[arg(long, value_name = "SOURCE")]
    pub microphone: Option<Microphone>,
    /// Where to play where no speaker is chosen: `none` or `device[:ID]`
    #[arg(long, value_name = "SINK")]
    pub speaker: Option<Loudspeaker>,
}

/// `--camera`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera(pub Option<VideoSource>);

/// `--microphone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microphone(pub Option<AudioSource>);

/// `--speaker`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loudspeaker(pub Speaker);

/// `word`, `file:PATH` or `device[:ID]`, split.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    match text.split_once(':') {
        None => Some((text, None)),
        Some((_, "")) => None,
        Some((kind, rest)) => Some((kind, Some(rest))),
    }
}

impl FromStr for Camera {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match split(text) {
            Some(("none", None)) => Ok(Self(None)),
            Some(("pattern", None)) => Ok(Self(Some(VideoSource::Pattern))),
            Some(("file", Some(path))) => Ok(Self(Some(VideoSource::File(path.into())))),
            Some(("device", id)) => Ok(Self(Some(VideoSource::Device(id.map(str::to_owned))))),
            _ => Err("give none, pattern, file:CLIP.y4m or device[:ID]".to_owned()),
        }
    }
}

impl FromStr for Microphone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match split(text) {
            Some(("none", None)) => Ok(Self(None)),
            Some(("tone", None)) => Ok(Self(Some(AudioSource::Tone))),
            Some(("file", Some(path))) => Ok(Self(Some(AudioSource::File(path.into())))),
            Some(("device", id)) => Ok(Self(Some(AudioSource::Device(id.map(str::to_owned))))),
            _ => Err("give none, tone, file:VOICE.wav or device[:ID]".to_owned()),
        }
    }
}

impl FromStr for Loudspeaker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match split(text) {
            Some(("none", None)) => Ok(Self(Speaker::None)),
            Some(("device", id)) => Ok(Self(Speaker::Device(id.map(str::to_owned)))),
            _ => Err("give none or device[:ID]".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_as_documented() {
        assert_eq!("none".parse(), Ok(Camera(None)));
        assert_eq!("pattern".parse(), Ok(Camera(Some(VideoSource::Pattern))));
        assert_eq!("file:a:b.y4m".parse(), Ok(Camera(Some(VideoSource::File("a:b.y4m".into())))));
        assert_eq!("device".parse(), Ok(Camera(Some(VideoSource::Device(None)))));
        assert_eq!("device:/dev/video0".parse(), Ok(Camera(Some(VideoSource::Device(Some("/dev/video0".into()))))));
        assert_eq!("tone".parse(), Ok(Microphone(Some(AudioSource::Tone))));
        assert_eq!("device:hw:0".parse(), Ok(Loudspeaker(Speaker::Device(Some("hw:0".into())))));
        for wrong in ["", "tone", "file", "file:", "device:", "pattern:x", "None"] {
            assert!(wrong.parse::<Camera>().is_err(), "{wrong}");
        }
        assert!("file:x.wav".parse::<Loudspeaker>().is_err());
    }

    #[test]
    fn a_link_is_an_argument() {
        let options = Options::try_parse_from(["sightline", "sightline://join/host/a-b"]).unwrap();
        assert_eq!(options.link.as_deref(), Some("sightline://join/host/a-b"));
        assert_eq!(Options::try_parse_from(["sightline", "--camera", "tone"]).unwrap_err().exit_code(), 2);
    }
}
