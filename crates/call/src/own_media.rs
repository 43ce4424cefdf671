//! What we send at the moment, as the others are told.
//!
//! Invariant: something is on when there is a source for it, the user wants it and the device works; the others are told
//! once per change.

use sightline_media::device::{DeviceEvent, DeviceKind, DeviceState};
use sightline_protocol::MediaState;

use crate::config::Entry;

/// Our microphone and camera.
#[derive(Debug)]
pub(crate) struct OwnMedia {
    present: MediaState,
    wanted: MediaState,
    working: MediaState,
    told: MediaState,
}

impl OwnMedia {
    /// `present` says which sources there are. What is on at first was said when joining.
    pub(crate) fn new(present: MediaState, entry: &Entry) -> Self {
        let wanted = MediaState { audio: entry.microphone, video: entry.camera };
        let mut own = Self { present, wanted, working: MediaState { audio: true, video: true }, told: present };
        own.told = own.now();
        own
    }

    /// What is on.
    pub(crate) fn now(&self) -> MediaState {
        let Self { present, wanted, working, .. } = self;
        MediaState {
            audio: present.audio && wanted.audio && working.audio,
            video: present.video && wanted.video && working.video,
        }
    }

    /// What the user wants to be on, wherever it comes from.
    pub(crate) fn wants(&self) -> MediaState {
        self.wanted
    }

    /// The user switches the microphone; true where that changes anything.
    pub(crate) fn want_audio(&mut self, on: bool) -> bool {
        std::mem::replace(&mut self.wanted.audio, on) != on && self.present.audio
    }

    /// The user switches the camera; true where that changes anything. It is opened anew then, and works until the contrary
    /// is reported.
    pub(crate) fn want_video(&mut self, on: bool) -> bool {
        let changes = std::mem::replace(&mut self.wanted.video, on) != on;
        self.working.video |= changes && on;
        changes && self.present.video
    }

    /// There is another source of sound now, or none. It works until the contrary is reported.
    pub(crate) fn set_microphone(&mut self, present: bool) {
        (self.present.audio, self.working.audio) = (present, true);
    }

    /// There is another source of pictures now, or none. It works until the contrary is reported.
    pub(crate) fn set_camera(&mut self, present: bool) {
        (self.present.video, self.working.video) = (present, true);
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
        let mut own = OwnMedia::new(MediaState { audio: true, video: true }, &Entry::default());
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
        let mut own = OwnMedia::new(MediaState { audio: true, video: true }, &Entry::default());
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
        let mut own = OwnMedia::new(MediaState { audio: false, video: false }, &Entry::default());
        assert!(!own.want_audio(true) && !own.want_audio(false) && !own.want_video(true));
        own.device(&device(DeviceKind::Speaker, DeviceState::Lost));
        assert_eq!(own.news(), None);
    }

    #[test]
    fn who_comes_in_muted_says_nothing_new_about_it() {
        let entry = Entry { microphone: false, camera: false, devices_required: true };
        let mut own = OwnMedia::new(MediaState { audio: true, video: true }, &entry);
        assert_eq!((own.news(), own.now()), (None, MediaState { audio: false, video: false }));
        assert!(own.want_audio(true));
        assert_eq!(own.news(), Some(MediaState { audio: true, video: false }));
    }

    #[test]
    fn a_source_that_comes_later_is_on_as_the_user_wanted_it() {
        let mut own = OwnMedia::new(MediaState { audio: false, video: false }, &Entry::default());
        own.want_audio(false);
        own.set_microphone(true);
        own.set_camera(true);
        assert_eq!(own.news(), Some(MediaState { audio: false, video: true }));
        own.device(&device(DeviceKind::Camera, DeviceState::Lost));
        assert_eq!(own.news(), Some(MediaState { audio: false, video: false }));
        // Another one takes the place of the one that was lost.
        own.set_camera(true);
        assert_eq!(own.news(), Some(MediaState { audio: false, video: true }));
        own.set_camera(false);
        assert_eq!(own.news(), Some(MediaState { audio: false, video: false }));
    }

    #[test]
    fn a_lost_camera_that_is_switched_off_and_on_is_taken_to_work() {
        let mut own = OwnMedia::new(MediaState { audio: true, video: true }, &Entry::default());
        own.device(&device(DeviceKind::Camera, DeviceState::Lost));
        assert!(own.want_video(false) && !own.now().video);
        assert!(own.want_video(true) && own.now().video);
    }
}
