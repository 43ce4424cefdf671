//! What the user asks for in mid-call, and what becomes of the devices meanwhile.
//!
//! Invariant: nothing here waits for a device: one that is asked for is opened by its own threads, which report back; the
//! others are told of what is really on.

use std::time::Instant;

use sightline_media::audio::{AudioSource, Speaker};
use sightline_media::device::{DeviceEvent, DeviceKind};
use sightline_media::video::VideoSource;
use sightline_protocol::{ClientMessage, HostAction, UserId, limits};
use sightline_quality::{Direction, EventKind, Kind};

use crate::driver::Driver;

/// What the user asks for.
#[derive(Debug)]
pub(crate) enum Order {
    Microphone(bool),
    Camera(bool),
    MicrophoneSource(Option<AudioSource>),
    CameraSource(Option<VideoSource>),
    Speaker(Speaker),
    Chat(String),
    Host(HostAction),
    Mark,
    /// The pictures of this peer are shown in so many pixels.
    TileSize(UserId, (u16, u16)),
}

impl Driver {
    pub(crate) fn on_order(&mut self, order: Order) {
        match order {
            Order::Microphone(on) => {
                if self.media.want_audio(on) {
                    if let Some(audio) = self.local.as_ref().and_then(|local| local.audio.as_ref()) {
                        audio.set_muted(!on);
                    }
                    self.record(None, switched(Kind::Audio, on));
                }
            }
            Order::Camera(on) => {
                if self.media.want_video(on) {
                    if let Some(video) = self.local.as_ref().and_then(|local| local.video.as_ref()) {
                        video.set_enabled(on);
                    }
                    self.record(None, switched(Kind::Video, on));
                }
            }
            Order::MicrophoneSource(source) => self.set_microphone_source(source),
            Order::CameraSource(source) => self.set_camera_source(source),
            Order::Speaker(speaker) => {
                if let Some(local) = &self.local {
                    local.set_speaker(speaker);
                }
            }
            Order::Chat(text) => self.say(text),
            Order::Host(action) => self.signaling.send(ClientMessage::Host(action)),
            Order::TileSize(peer, size) => match self.peers.get_mut(&peer) {
                Some(peer) => peer.shown.set(size),
                None => tracing::debug!("the tile of somebody who has left"),
            },
            Order::Mark => self.record(None, EventKind::Mark),
        }
        self.tell_media();
    }

    fn set_microphone_source(&mut self, source: Option<AudioSource>) {
        let is_there = source.is_some();
        let (before, on) = (self.media.now().audio, self.media.wants().audio);
        if let Some(local) = &mut self.local
            && let Err(error) = local.set_microphone(source, on)
        {
            return self.warn(error.to_string());
        }
        self.media.set_microphone(is_there);
        if self.media.now().audio != before {
            self.record(None, switched(Kind::Audio, !before));
        }
    }

    fn set_camera_source(&mut self, source: Option<VideoSource>) {
        let is_there = source.is_some();
        let (before, on) = (self.media.now().video, self.media.wants().video);
        if let Some(local) = &mut self.local
            && let Err(error) = local.set_camera(source, on)
        {
            return self.warn(error.to_string());
        }
        self.media.set_camera(is_there);
        self.adapt(Instant::now());
        if self.media.now().video != before {
            self.record(None, switched(Kind::Video, !before));
        }
    }

    fn say(&self, text: String) {
        let length = text.chars().count();
        if length == 0 || length > limits::CHAT_CHARS {
            let most = limits::CHAT_CHARS;
            self.warn(format!("a chat text has 1 to {most} characters, this one has {length}; it was not sent"));
        } else {
            self.signaling.send(ClientMessage::Chat { text });
        }
    }

    pub(crate) fn on_device(&mut self, event: &DeviceEvent) {
        self.media.device(event);
        let (media, direction) = match event.kind {
            DeviceKind::Camera => (Kind::Video, Direction::Outbound),
            DeviceKind::Microphone => (Kind::Audio, Direction::Outbound),
            DeviceKind::Speaker => (Kind::Audio, Direction::Inbound),
        };
        let state = event.state.as_str().to_owned();
        self.record(None, EventKind::Device { media, direction, state, detail: event.detail.clone() });
        self.warn(event.detail.clone());
        self.tell_media();
    }

    /// The others are told what is on, where that changed.
    fn tell_media(&mut self) {
        if let Some(media) = self.media.news() {
            self.signaling.send(ClientMessage::media(media));
        }
    }
}

fn switched(media: Kind, on: bool) -> EventKind {
    if on { EventKind::Unmuted { media } } else { EventKind::Muted { media } }
}
