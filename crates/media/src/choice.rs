//! Sources and speakers as people name them on a command line: `none`, a bare word, `file:PATH` or `device[:ID]`.
//!
//! Invariant: a text that names nothing is an error that says what may be given; whether the thing is there is not looked at.

use std::path::PathBuf;
use std::str::FromStr;

use crate::audio::{AudioSource, Speaker};
use crate::video::VideoSource;

/// Where pictures come from: `none`, `pattern`, `file:CLIP.y4m` or `device[:ID]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera(pub Option<VideoSource>);

/// Where sound comes from: `none`, `tone`, `file:VOICE.wav` or `device[:ID]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microphone(pub Option<AudioSource>);

/// Where sound is played: `none` or `device[:ID]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loudspeaker(pub Speaker);

/// The parts of a name.
enum Name<'a> {
    Word(&'a str),
    File(PathBuf),
    Device(Option<String>),
}

fn name(text: &str) -> Result<Name<'_>, String> {
    match text.split_once(':') {
        None if text == "device" => Ok(Name::Device(None)),
        None => Ok(Name::Word(text)),
        Some((_, "")) => Err(format!("nothing after the colon in '{text}'")),
        Some(("file", path)) => Ok(Name::File(PathBuf::from(path))),
        Some(("device", id)) => Ok(Name::Device(Some(id.to_owned()))),
        Some((kind, _)) => Err(format!("'{kind}:' is not known")),
    }
}

impl FromStr for Camera {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match name(text)? {
            Name::Word("none") => None,
            Name::Word("pattern") => Some(VideoSource::Pattern),
            Name::File(path) => Some(VideoSource::File(path)),
            Name::Device(id) => Some(VideoSource::Device(id)),
            Name::Word(_) => return Err("give none, pattern, file:CLIP.y4m or device[:ID]".to_owned()),
        }))
    }
}

impl FromStr for Microphone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match name(text)? {
            Name::Word("none") => None,
            Name::Word("tone") => Some(AudioSource::Tone),
            Name::File(path) => Some(AudioSource::File(path)),
            Name::Device(id) => Some(AudioSource::Device(id)),
            Name::Word(_) => return Err("give none, tone, file:VOICE.wav or device[:ID]".to_owned()),
        }))
    }
}

impl FromStr for Loudspeaker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match name(text)? {
            Name::Word("none") => Ok(Self(Speaker::None)),
            Name::Device(id) => Ok(Self(Speaker::Device(id))),
            Name::Word(_) | Name::File(_) => Err("give none or device[:ID]".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_documented() {
        assert_eq!("none".parse(), Ok(Camera(None)));
        assert_eq!("pattern".parse(), Ok(Camera(Some(VideoSource::Pattern))));
        assert_eq!("file:a:b.y4m".parse(), Ok(Camera(Some(VideoSource::File("a:b.y4m".into())))));
        assert_eq!("device".parse(), Ok(Camera(Some(VideoSource::Device(None)))));
        assert_eq!("device:/dev/video0".parse(), Ok(Camera(Some(VideoSource::Device(Some("/dev/video0".into()))))));
        assert_eq!("tone".parse(), Ok(Microphone(Some(AudioSource::Tone))));
        assert_eq!("device:hw:0".parse(), Ok(Loudspeaker(Speaker::Device(Some("hw:0".into())))));
        for wrong in ["", "tone", "file", "file:", "device:", "pattern:x", "disk:x", "None"] {
            assert!(wrong.parse::<Camera>().is_err(), "{wrong}");
        }
        assert!("file:x.wav".parse::<Loudspeaker>().is_err());
    }
}
