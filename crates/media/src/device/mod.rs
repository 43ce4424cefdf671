//! Cameras, microphones and speakers of this machine. Nothing outside this folder names `nokhwa` or `cpal`.
//!
//! Invariant: each open device belongs to one thread, which creates, uses and drops it. Others hear of trouble through
//! [`DeviceEvent`]; a device that is lost is looked for again until it is back.

use std::fmt;

pub(crate) mod camera;
pub(crate) mod sound;
mod watch;

pub use watch::{DeviceWatch, watch};

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// Captures pictures.
    Camera,
    /// Captures sound.
    Microphone,
    /// Plays sound.
    Speaker,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
        })
    }
}

/// What became of a device in mid-call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceState {
    /// Unplugged or failed; it is looked for in the background.
    Lost,
    /// Still there but gives nothing; it is being opened again.
    Stalled,
    /// Works again after `Lost` or `Stalled`.
    Back,
    /// Another device, or another format of it, is in use now.
    Changed,
}

impl DeviceState {
    /// The state as it stands in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stalled => "stalled",
            Self::Back => "back",
            Self::Changed => "changed",
        }
    }
}

/// A device changed its state in mid-call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceEvent {
    /// Which kind of device.
    pub kind: DeviceKind,
    /// Its new state.
    pub state: DeviceState,
    /// A sentence for people.
    pub detail: String,
}

/// A device as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Which kind of device.
    pub kind: DeviceKind,
    /// Selects the device on the command line.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Used where none is named.
    pub is_default: bool,
    /// Cameras: what they offer, for example `1280x720 30 fps YUYV`. Empty where unknown.
    pub formats: Vec<String>,
}

/// All devices. Never fails: what cannot be asked is left out. Takes at most a few seconds with broken drivers.
pub fn list_devices() -> Vec<DeviceInfo> {
    let mut all = camera::list();
    all.extend(sound::list());
    all
}
