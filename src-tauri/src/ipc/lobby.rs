//! The lobby: devices before a call.

use serde::Serialize;
use ts_rs::TS;

/// What became of a device that was to be opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LobbyDevice {
    /// Nobody wants it.
    #[default]
    Off,
    /// Being opened.
    Opening,
    /// Works.
    On,
    /// There is none, or it was unplugged.
    Missing,
    /// There is one, but it cannot be used.
    Failed,
}

/// The lobby's devices. A note says in a sentence what is wrong, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LobbyState {
    /// The camera; its picture is the tile 'self'.
    pub(crate) camera: LobbyDevice,
    /// About the camera.
    pub(crate) camera_note: Option<String>,
    /// The microphone.
    pub(crate) microphone: LobbyDevice,
    /// About the microphone.
    pub(crate) microphone_note: Option<String>,
    /// The speaker.
    pub(crate) speaker: LobbyDevice,
    /// About the speaker.
    pub(crate) speaker_note: Option<String>,
}

/// The microphone's level, 10 times a second while a lobby is open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
pub(crate) struct MicrophoneLevel {
    /// 0 is silence, 1 the loudest.
    pub(crate) microphone: f32,
}

#[cfg_attr(not(test), expect(dead_code, reason = "until calls tell levels and change devices"))]
/// What the network check found.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkCheck {
    /// The server answers.
    pub(crate) reachable: bool,
    /// To the server and back, ms.
    pub(crate) round_trip_ms: Option<f64>,
    /// UDP gets out and back in.
    pub(crate) udp: Option<bool>,
    /// Calls need a relay.
    pub(crate) relay_needed: Option<bool>,
    /// In a sentence, where there is something to say.
    pub(crate) note: Option<String>,
}
