//! What we send at the moment, as the others are told.
//!
//! Invariant: something is on when there is a source for it, the user wants it and the device works; the others are told
//! once per change.

use sightline_media::device::{DeviceEvent, DeviceKind, DeviceState};
use sightline_protocol::MediaState;

/// Our microphone and camera.
#[derive(Debug)]
pub(crate) struct OwnMedia {
    present: MediaState,
    wanted: MediaState,
    working: MediaState,
    told: MediaState,
}

impl OwnMedia {
    /// `present` says which sources there are; it is what was said when joining.
    pub(crate) fn new(present: MediaState) -> Self {
        let all = MediaState { audio: true, video: true };
        Self { present, wanted: all, working: all, told: present }
    }

    /// What is on.
    pub(crate) fn now(&self) -> MediaState {
        let Self { present, wanted, working, .. } = self;
        MediaState {
            audio: present.audio && wanted.audio && working.audio,
            video: present.video && wanted.video && working.video,
        }
    }

    /// The user switches the microphone; true where that changes anything.
    pub(crate) fn want_audio(&mut self, on: bool) -> bool {
        self.present.audio && std::mem::replace(&mut self.wanted.audio, on) != on
    }

    /// The user switches the camera; true where that changes anything.
    pub(crate) fn want_video(&mut self, on: bool) -> bool {
        self.present.video && std::mem::replace(&mut self.wanted.video, on) != on
    }

    /// A device changed its state.
    pub(crate) fn device(&mut self, event: &DeviceEvent) {
        let works = match event.state {
            DeviceState::Lost | DeviceState::Stalled => false,
            DeviceState::Back | DeviceState::Changed => true,
        };
        match event.kind {
            DeviceKind::Camera => self.working.video = works,
            DeviceKind::Microphone => self.working.audio = works,
            DeviceKind::Speaker => {}
        }
    }

    /// What to tell the others, where it is not what they were told last.
    pub(crate) fn news(&mut self) -> Option<MediaState> {
        let now = self.now();
        (std::mem::replace(&mut self.told, now) != now).then_some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(kind: DeviceKind, state: DeviceState) -> DeviceEvent {
        DeviceEvent { kind, state, detail: String::new() }
    }

    #[test]
    fn a_stalled_camera_is_off_until_it_is_back() {
        let mut own = OwnMedia::new(MediaState { audio: true, video: true });
        assert_eq!(own.news(), None);
        own.device(&device(DeviceKind::Camera, DeviceState::Stalled));
        assert_eq!(own.news(), Some(MediaState { audio: true, video: false }));
        own.device(&device(DeviceKind::Camera, DeviceState::Lost));
        assert_eq!(own.news(), None, "told already");
        own.device(&device(DeviceKind::Camera, DeviceState::Back));
        assert_eq!(own.news(), Some(MediaState { audio: true, video: true }));
    }

    #[test]
    fn a_camera_that_is_back_stays_off_when_the_user_wants_it_off() {
        let mut own = OwnMedia::new(MediaState { audio: true, video: true });
        own.device(&device(DeviceKind::Camera, DeviceState::Lost));
        assert!(own.want_video(false));
        assert!(!own.want_video(false));
        own.device(&device(DeviceKind::Camera, DeviceState::Back));
        assert!(!own.now().video);
        assert!(own.want_audio(false));
        assert_eq!(own.news(), Some(MediaState { audio: false, video: false }));
    }

    #[test]
    fn what_is_not_there_cannot_be_switched_on() {
        let mut own = OwnMedia::new(MediaState { audio: false, video: false });
        assert!(!own.want_audio(true) && !own.want_audio(false) && !own.want_video(true));
        own.device(&device(DeviceKind::Speaker, DeviceState::Lost));
        assert_eq!(own.news(), None);
    }
}
