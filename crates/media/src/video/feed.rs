//! The thread of a sender that owns its source: opens, releases and exchanges it as told.
//!
//! Invariant: at most one source is open, and none while the camera is off; a source that cannot be opened is tried again for
//! as long as it is wanted, which is told once.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::LatestFrame;
use super::source::{Capture, DeviceSink, FrameSink, VideoSettings, VideoSource};
use crate::MediaError;
use crate::device::{DeviceEvent, DeviceKind, DeviceState};

/// How often a source that could not be opened is tried.
const RETRY: Duration = Duration::from_secs(1);

/// What the owner asks for.
pub(super) enum Command {
    Enable(bool),
    Source(Option<VideoSource>),
    Stop,
}

/// Where pictures and news go.
pub(super) struct Wiring {
    pub(super) settings: VideoSettings,
    pub(super) frames: FrameSink,
    pub(super) events: DeviceSink,
    pub(super) slot: Arc<LatestFrame>,
}

impl Wiring {
    fn open(&self, source: &VideoSource) -> Result<Capture, MediaError> {
        Capture::start(source, self.settings, self.frames.clone(), self.events.clone())
    }

    fn tell(&self, state: DeviceState, detail: String) {
        (self.events)(DeviceEvent { kind: DeviceKind::Camera, state, detail });
    }
}

pub(super) struct Feed {
    wiring: Wiring,
    source: Option<VideoSource>,
    capture: Option<Capture>,
    wanted: bool,
    /// It was told that the source does not open.
    lost: bool,
    /// The source took the place of another one, which was not told yet.
    exchanged: bool,
}

impl Feed {
    /// Opens the source, if there is one, or says why it cannot.
    pub(super) fn open(source: Option<VideoSource>, wiring: Wiring) -> Result<Self, MediaError> {
        let capture = source.as_ref().map(|source| wiring.open(source)).transpose()?;
        Ok(Self { wiring, source, capture, wanted: true, lost: false, exchanged: false })
    }

    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let missing = self.wanted && self.source.is_some() && self.capture.is_none();
            let wait = if missing { RETRY } else { Duration::MAX };
            let mut next = commands.recv_timeout(wait);
            // What is asked for last counts: nothing is opened only to be released.
            while let Ok(command) = next {
                match command {
                    Command::Enable(on) => self.wanted = on,
                    Command::Source(source) => self.exchange(source),
                    Command::Stop => return self.release(),
                }
                next = commands.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            }
            if matches!(next, Err(RecvTimeoutError::Disconnected)) {
                return self.release();
            }
            match self.source.clone().filter(|_| self.wanted) {
                Some(source) if self.capture.is_none() => self.reopen(&source),
                Some(_) => {}
                None => self.release(),
            }
        }
    }

    fn exchange(&mut self, source: Option<VideoSource>) {
        self.release();
        self.exchanged = self.source.is_some();
        self.source = source;
    }

    fn release(&mut self) {
        self.capture.take().into_iter().for_each(Capture::stop);
        self.wiring.slot.clear();
        self.lost = false;
    }

    fn reopen(&mut self, source: &VideoSource) {
        match self.wiring.open(source) {
            Ok(capture) => {
                self.capture = Some(capture);
                let exchanged = std::mem::take(&mut self.exchanged);
                if std::mem::take(&mut self.lost) {
                    self.wiring.tell(DeviceState::Back, "the camera is back".into());
                } else if exchanged {
                    self.wiring.tell(DeviceState::Changed, "another camera is in use now".into());
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.lost, true) {
                    self.wiring.tell(DeviceState::Lost, error.to_string());
                }
            }
        }
    }
}
