//! The home screen: what the page starts with, devices, invitations.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{CallLine, CallState, Settings};

/// What the page starts with.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Boot {
    /// The settings.
    pub(crate) settings: Settings,
    /// Version of the app.
    pub(crate) version: String,
    /// A link that the app was started with and nobody has taken yet.
    pub(crate) link: Option<String>,
    /// The latest calls.
    pub(crate) recent: Vec<CallLine>,
    /// Where pictures come from.
    pub(crate) frames: FramesAddress,
    /// There is a graphics card: WebGL is worth trying.
    pub(crate) has_card: bool,
    /// The server inside the app.
    pub(crate) hosting: Hosting,
    /// Why calls are not recorded; null where they are.
    pub(crate) history_problem: Option<String>,
    /// What became of a settings file that could not be read; null where it could.
    pub(crate) settings_problem: Option<String>,
    /// A call that runs, where the page was loaded anew in the middle of it.
    pub(crate) call: Option<RunningCall>,
}

/// A call that runs, for a page that knows nothing of it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub(crate) struct RunningCall {
    /// As it is now.
    pub(crate) state: CallState,
    /// Where it is, and how others get there.
    pub(crate) invitation: Invitation,
}

/// The frame socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FramesAddress {
    /// `ws://127.0.0.1:PORT/frames`, without the token.
    pub(crate) url: String,
    /// Goes into the query as `token`.
    pub(crate) token: String,
}

/// The signaling server inside the app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hosting {
    /// It runs.
    pub(crate) running: bool,
    /// `host:port` that others on the network may type; empty where it does not run.
    pub(crate) addresses: Vec<String>,
    /// Why it does not run although it should.
    pub(crate) problem: Option<String>,
}

/// A room, and how others get there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invitation {
    /// The server as `joinCall` wants it.
    pub(crate) server: String,
    /// The room's code in its canonical spelling.
    pub(crate) code: String,
    /// `sightline://join/HOST/CODE`.
    pub(crate) link: String,
    /// `host:port` that others may type.
    pub(crate) addresses: Vec<String>,
    /// The link as a QR code, an SVG document.
    pub(crate) qr: String,
    /// The room's name.
    pub(crate) name: String,
    /// The room's password is wanted by `joinCall`.
    pub(crate) password_needed: bool,
    /// A host lets newcomers in.
    pub(crate) waiting_room: bool,
}

/// What a new room is to be like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RoomPlan {
    /// Its name; '' lets the server make one up.
    pub(crate) name: String,
    /// It ends after so many minutes; 0 is never.
    pub(crate) minutes: u32,
    /// Whoever comes has to know it; '' is none.
    pub(crate) password: String,
    /// Newcomers wait until we let them in.
    pub(crate) waiting_room: bool,
}

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeviceKind {
    /// Captures pictures.
    Camera,
    /// Captures sound.
    Microphone,
    /// Plays sound.
    Speaker,
}

/// A device of this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    /// What it is for.
    pub(crate) kind: DeviceKind,
    /// Opaque; what settings and commands take.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// Used where none is chosen.
    pub(crate) is_default: bool,
}

/// A link from outside: a deep link, or a second start of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct WaitingLink {
    /// As it came.
    pub(crate) text: String,
}

impl From<sightline_media::device::DeviceInfo> for Device {
    fn from(device: sightline_media::device::DeviceInfo) -> Self {
        use sightline_media::device::DeviceKind as Media;
        let kind = match device.kind {
            Media::Camera => DeviceKind::Camera,
            Media::Microphone => DeviceKind::Microphone,
            Media::Speaker => DeviceKind::Speaker,
        };
        Self { kind, id: device.id, name: device.name, is_default: device.is_default }
    }
}
