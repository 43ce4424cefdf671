//! The lobby's devices: camera preview, microphone level, speaker.
//!
//! Invariant: while the lobby is open each device is held once, and when it closes every one of them is free again before
//! anyone hears of it. Devices open and close one change at a time; the page sees each step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sightline_media::MediaError;
use sightline_media::audio::{AudioSource, Meter, Speaker};
use sightline_media::device::{DeviceEvent, DeviceInfo, DeviceKind, DeviceState};
use sightline_media::video::{Preview, VideoSettings, VideoSource};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::frames::{OWN_TILE, Tiles};
use crate::ipc::{LobbyDevice, LobbyState, MicrophoneLevel, Page, PageEvent};
use crate::words;

/// Between two levels: a bar that follows speech.
const LEVEL_EVERY: Duration = Duration::from_millis(100);

/// What the lobby is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) camera: Option<VideoSource>,
    pub(crate) microphone: Option<AudioSource>,
    pub(crate) speaker: Speaker,
    pub(crate) video: VideoSettings,
}

/// The lobby, open or closed.
pub(crate) struct Lobby {
    shared: Arc<Shared>,
    tiles: Arc<Tiles>,
    held: tokio::sync::Mutex<Held>,
}

/// What its devices and the page share.
struct Shared {
    page: Arc<dyn Page>,
    state: Mutex<LobbyState>,
}

#[derive(Default)]
struct Held {
    wanted: Option<Wanted>,
    camera: Option<Preview>,
    microphone: Option<Arc<Meter>>,
    levels: Option<JoinHandle<()>>,
}

impl Lobby {
    pub(crate) fn new(tiles: Arc<Tiles>, page: Arc<dyn Page>) -> Self {
        let shared = Arc::new(Shared { page, state: Mutex::default() });
        Self { shared, tiles, held: tokio::sync::Mutex::default() }
    }

    /// Opens what is wanted and closes what is not; what is held already, and works, stays. `devices` are those there are.
    /// The page is told how it came out also where nothing has changed: it may know nothing yet.
    pub(crate) async fn open(&self, wanted: Wanted, devices: &[DeviceInfo]) {
        let mut held = self.held.lock().await;
        let before = held.wanted.replace(wanted.clone());
        let before = before.as_ref();
        let new_camera = held.camera.is_none()
            || before.is_none_or(|before| (&before.camera, before.video) != (&wanted.camera, wanted.video));
        let new_microphone =
            held.microphone.is_none() || before.is_none_or(|before| before.microphone != wanted.microphone);
        self.shared.change(|state| {
            (state.speaker, state.speaker_note) = speaker(&wanted.speaker, devices);
        });
        let old_camera = if new_camera { held.camera.take() } else { None };
        let old_meter = if new_microphone { self.drop_meter(&mut held) } else { None };
        let (camera, microphone) = tokio::join!(
            self.swap_camera(new_camera.then_some(&wanted), old_camera),
            self.swap_microphone(new_microphone.then_some(&wanted), old_meter)
        );
        if let Some(camera) = camera {
            self.tiles.set(OWN_TILE, camera.latest());
            held.camera = Some(camera);
        }
        if let Some(meter) = microphone {
            let meter = Arc::new(meter);
            held.levels = Some(tokio::spawn(tell_levels(meter.clone(), self.shared.page.clone())));
            held.microphone = Some(meter);
        }
        self.shared.page.tell(PageEvent::Lobby(self.shared.lock().clone()));
    }

    /// Gives all devices back.
    pub(crate) async fn close(&self) {
        let mut held = self.held.lock().await;
        if held.wanted.take().is_none() {
            return;
        }
        self.tiles.remove(OWN_TILE);
        let (camera, meter) = (held.camera.take(), self.drop_meter(&mut held));
        stop(move || drop((camera, meter))).await;
        self.shared.change(|state| *state = LobbyState::default());
    }

    /// The speaker that the lobby is to use, `None` where it is closed.
    pub(crate) async fn speaker(&self) -> Option<Speaker> {
        self.held.lock().await.wanted.as_ref().map(|wanted| wanted.speaker.clone())
    }

    /// Devices came or went.
    pub(crate) async fn devices_changed(&self, devices: &[DeviceInfo]) {
        let held = self.held.lock().await;
        if let Some(wanted) = &held.wanted {
            self.shared.change(|state| (state.speaker, state.speaker_note) = speaker(&wanted.speaker, devices));
        }
    }

    fn drop_meter(&self, held: &mut Held) -> Option<Arc<Meter>> {
        if let Some(levels) = held.levels.take() {
            levels.abort();
        }
        held.microphone.take()
    }

    async fn swap_camera(&self, wanted: Option<&Wanted>, old: Option<Preview>) -> Option<Preview> {
        let wanted = wanted?;
        let Some(source) = wanted.camera.clone() else {
            self.tiles.remove(OWN_TILE);
            stop(move || drop(old)).await;
            self.shared.change(|state| (state.camera, state.camera_note) = (LobbyDevice::Off, None));
            return None;
        };
        self.shared.change(|state| (state.camera, state.camera_note) = (LobbyDevice::Opening, None));
        let (settings, shared) = (wanted.video, self.shared.clone());
        let opened = spawn_blocking(move || {
            drop(old);
            Preview::start(&source, settings, Box::new(move |event| shared.device(&event)))
        });
        match opened.await {
            Ok(Ok(camera)) => {
                self.shared.change(|state| state.camera = LobbyDevice::On);
                Some(camera)
            }
            failed => {
                self.tiles.remove(OWN_TILE);
                let (standing, note) = failure(failed.map(Result::err));
                self.shared.change(|state| (state.camera, state.camera_note) = (standing, Some(note)));
                None
            }
        }
    }

    async fn swap_microphone(&self, wanted: Option<&Wanted>, old: Option<Arc<Meter>>) -> Option<Meter> {
        let wanted = wanted?;
        let Some(source) = wanted.microphone.clone() else {
            stop(move || drop(old)).await;
            self.shared.change(|state| (state.microphone, state.microphone_note) = (LobbyDevice::Off, None));
            return None;
        };
        self.shared.change(|state| (state.microphone, state.microphone_note) = (LobbyDevice::Opening, None));
        let shared = self.shared.clone();
        let opened = spawn_blocking(move || {
            drop(old);
            Meter::start(source, Box::new(move |event| shared.device(&event)))
        });
        match opened.await {
            Ok(Ok(meter)) => {
                self.shared.change(|state| state.microphone = LobbyDevice::On);
                Some(meter)
            }
            failed => {
                let (standing, note) = failure(failed.map(Result::err));
                self.shared.change(|state| (state.microphone, state.microphone_note) = (standing, Some(note)));
                None
            }
        }
    }
}

impl Shared {
    /// Changes the state, and tells the page where it is another one then.
    fn change(&self, change: impl FnOnce(&mut LobbyState)) {
        let mut state = self.lock();
        let before = state.clone();
        change(&mut state);
        if *state != before {
            self.page.tell(PageEvent::Lobby(state.clone()));
        }
    }

    fn device(&self, event: &DeviceEvent) {
        let (standing, note) = match event.state {
            DeviceState::Lost => (LobbyDevice::Missing, Some(words::sentence(&event.detail))),
            DeviceState::Stalled => (LobbyDevice::Failed, Some(words::sentence(&event.detail))),
            DeviceState::Back | DeviceState::Changed => (LobbyDevice::On, None),
        };
        self.change(|state| match event.kind {
            DeviceKind::Camera => (state.camera, state.camera_note) = (standing, note),
            DeviceKind::Microphone => (state.microphone, state.microphone_note) = (standing, note),
            DeviceKind::Speaker => (state.speaker, state.speaker_note) = (standing, note),
        });
    }

    fn lock(&self) -> MutexGuard<'_, LobbyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tell_levels(meter: Arc<Meter>, page: Arc<dyn Page>) {
    let mut pulse = tokio::time::interval(LEVEL_EVERY);
    loop {
        pulse.tick().await;
        page.tell(PageEvent::Level(MicrophoneLevel { microphone: meter.level() }));
    }
}

/// Stopping joins threads.
async fn stop(work: impl FnOnce() + Send + 'static) {
    if let Err(error) = spawn_blocking(work).await {
        tracing::error!(%error, "giving a device back broke");
    }
}

fn failure(error: Result<Option<MediaError>, tokio::task::JoinError>) -> (LobbyDevice, String) {
    match error {
        Ok(Some(MediaError::NoDevice { kind, name: None })) => {
            (LobbyDevice::Missing, words::no_device(kind).to_owned())
        }
        Ok(Some(MediaError::NoDevice { kind, name: Some(name) })) => {
            (LobbyDevice::Missing, words::device_is_away(kind, &name))
        }
        Ok(Some(error)) => (LobbyDevice::Failed, words::sentence(&error.to_string())),
        Ok(None) => (LobbyDevice::Failed, String::new()),
        Err(error) => (LobbyDevice::Failed, words::sentence(&words::device_broke(&error.to_string()))),
    }
}

fn speaker(wanted: &Speaker, devices: &[DeviceInfo]) -> (LobbyDevice, Option<String>) {
    let mut speakers = devices.iter().filter(|device| device.kind == DeviceKind::Speaker);
    match wanted {
        Speaker::None => (LobbyDevice::Off, None),
        Speaker::Device(None) if speakers.next().is_some() => (LobbyDevice::On, None),
        Speaker::Device(None) => (LobbyDevice::Missing, Some(words::no_device(DeviceKind::Speaker).to_owned())),
        Speaker::Device(Some(id)) if speakers.any(|device| device.id == *id) => (LobbyDevice::On, None),
        Speaker::Device(Some(_)) => (LobbyDevice::Missing, Some(words::SPEAKER_IS_AWAY.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Notes;

    const VIDEO: VideoSettings = VideoSettings { width: 64, height: 64, fps: 30, max_bps: 100_000 };

    fn wanted(camera: Option<VideoSource>, microphone: Option<AudioSource>) -> Wanted {
        Wanted { camera, microphone, speaker: Speaker::None, video: VIDEO }
    }

    fn lobby() -> (Lobby, Arc<Tiles>, Arc<Notes>) {
        let (tiles, notes) = (Arc::new(Tiles::default()), Arc::new(Notes::default()));
        (Lobby::new(tiles.clone(), notes.clone()), tiles, notes)
    }

    fn last(notes: &Notes) -> LobbyState {
        let states = notes.all(|event| match event {
            PageEvent::Lobby(state) => Some(state.clone()),
            _ => None,
        });
        states.last().cloned().expect("told")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_wanted_opens_and_closes() {
        let (lobby, tiles, notes) = lobby();
        lobby.open(wanted(Some(VideoSource::Pattern), Some(AudioSource::Tone)), &[]).await;
        assert_eq!((last(&notes).camera, last(&notes).microphone), (LobbyDevice::On, LobbyDevice::On));
        let slot = tiles.get(OWN_TILE).expect("our own picture");
        let (seen, _) = slot.wait_newer_than(0, Duration::from_secs(20)).expect("a picture");
        notes.wait_for(|event| matches!(event, PageEvent::Level(level) if level.microphone > 0.1)).await;

        lobby.open(wanted(Some(VideoSource::Pattern), None), &[]).await;
        assert_eq!((last(&notes).camera, last(&notes).microphone), (LobbyDevice::On, LobbyDevice::Off));
        assert!(slot.wait_newer_than(seen, Duration::from_secs(20)).is_some(), "the camera was not opened again");
        assert!(tiles.get(OWN_TILE).is_some_and(|now| Arc::ptr_eq(&now, &slot)));

        lobby.close().await;
        assert_eq!(last(&notes), LobbyState::default());
        assert!(tiles.get(OWN_TILE).is_none());
    }

    #[tokio::test]
    async fn a_lobby_without_any_device_says_so() {
        let (lobby, _, notes) = lobby();
        lobby.open(wanted(None, None), &[]).await;
        assert_eq!(last(&notes), LobbyState::default());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_cannot_be_had_is_said_and_the_rest_works() {
        let (lobby, tiles, notes) = lobby();
        let missing = Some(VideoSource::File("/nowhere/clip.y4m".into()));
        lobby.open(wanted(missing, Some(AudioSource::Tone)), &[]).await;
        let state = last(&notes);
        assert_eq!((state.camera, state.microphone), (LobbyDevice::Failed, LobbyDevice::On));
        assert!(state.camera_note.is_some_and(|note| note.contains("/nowhere/clip.y4m")));
        assert!(tiles.get(OWN_TILE).is_none());
        lobby.open(wanted(Some(VideoSource::Pattern), Some(AudioSource::Tone)), &[]).await;
        assert_eq!((last(&notes).camera, last(&notes).camera_note), (LobbyDevice::On, None));
    }

    #[test]
    fn a_speaker_is_there_or_not() {
        let device = DeviceInfo {
            kind: DeviceKind::Speaker,
            id: "hw:0".into(),
            name: "Speaker".into(),
            is_default: true,
            formats: Vec::new(),
        };
        let some = std::slice::from_ref(&device);
        assert_eq!(speaker(&Speaker::None, &[]).0, LobbyDevice::Off);
        assert_eq!(speaker(&Speaker::Device(None), some), (LobbyDevice::On, None));
        assert_eq!(speaker(&Speaker::Device(Some("hw:0".into())), some).0, LobbyDevice::On);
        for (wanted, devices) in [(Speaker::Device(None), &[][..]), (Speaker::Device(Some("hw:1".into())), some)] {
            let (standing, note) = speaker(&wanted, devices);
            assert!(standing == LobbyDevice::Missing && note.is_some());
        }
    }
}
