//! The lobby: devices before a call.

use serde::Serialize;
use sightline_call::NetworkReport;
use ts_rs::TS;

use crate::words;

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

impl From<NetworkReport> for NetworkCheck {
    fn from(report: NetworkReport) -> Self {
        let note = match (&report.reachable, report.udp, report.relay_needed) {
            (Err(why), _, _) => Some(words::sentence(why)),
            (Ok(()), None, _) => Some(words::UDP_UNKNOWN.to_owned()),
            (Ok(()), Some(false), _) => Some(words::NO_UDP.to_owned()),
            (Ok(()), Some(true), Some(true)) => Some(words::RELAY_NEEDED.to_owned()),
            (Ok(()), Some(true), _) => None,
        };
        Self {
            reachable: report.reachable.is_ok(),
            round_trip_ms: report.round_trip_ms,
            udp: report.udp,
            relay_needed: report.relay_needed,
            note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_network_check_does_not_know_is_said() {
        let report = NetworkReport {
            reachable: Ok(()),
            round_trip_ms: Some(1.5),
            udp: None,
            relay_needed: None,
            address_kinds: Vec::new(),
        };
        let check = NetworkCheck::from(report.clone());
        assert!(check.reachable && check.note.is_some_and(|note| note.contains("not known")));
        let fine = NetworkReport { udp: Some(true), relay_needed: Some(false), ..report.clone() };
        assert_eq!(NetworkCheck::from(fine).note, None);
        let gone = NetworkReport { reachable: Err("nobody there".into()), ..report };
        let check = NetworkCheck::from(gone);
        assert_eq!((check.reachable, check.note.as_deref()), (false, Some("Nobody there.")));
    }
}
