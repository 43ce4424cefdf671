//! A call as the page shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use ts_rs::TS;

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CallPhase {
    /// On the way in.
    Joining,
    /// A host has to let us in.
    Waiting,
    /// In the room.
    In,
    /// In the room, and the server is lost; it is being looked for.
    Reconnecting,
    /// Over.
    Ended,
}

/// The call as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallState {
    /// Where it is.
    pub(crate) phase: CallPhase,
    /// The room's code.
    pub(crate) code: String,
    /// What others open to come in.
    pub(crate) link: String,
    /// What the app is doing about trouble, in a sentence.
    pub(crate) note: Option<String>,
    /// When the room was entered, Unix ms; null before that.
    pub(crate) started_ms: Option<i64>,
    /// We.
    pub(crate) me: Me,
    /// Our own tile first, then a tile for each picture or silent peer.
    pub(crate) tiles: Vec<Tile>,
    /// What limits this call.
    pub(crate) limit: Option<LimitLine>,
    /// The room; null before it is entered.
    pub(crate) room: Option<RoomShown>,
    /// Why it is over.
    pub(crate) ended: Option<Ended>,
}

/// The room as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomShown {
    /// Its name.
    pub(crate) name: String,
    /// We decide about it.
    pub(crate) host: bool,
    /// Ids of those who are hosts, '' for us.
    pub(crate) hosts: Vec<String>,
    /// Nobody new is let in.
    pub(crate) locked: bool,
    /// Newcomers wait for a host.
    pub(crate) waiting_room: bool,
    /// When it ends for all, Unix ms.
    pub(crate) ends_ms: Option<i64>,
    /// It ends so soon that everybody should see it.
    pub(crate) ends_soon: bool,
    /// Who wait to be let in; only where we decide.
    pub(crate) waiting: Vec<Person>,
    /// Who watch without taking part.
    pub(crate) observers: Vec<Person>,
    /// What a host did, in a sentence; for a moment.
    pub(crate) notice: Option<String>,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct Person {
    /// Participant id.
    pub(crate) id: String,
    /// Shown name.
    pub(crate) name: String,
}

/// What a host decides.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, TS)]
#[serde(tag = "what", rename_all = "camelCase")]
pub(crate) enum HostAct {
    /// Let one in who waits.
    Admit {
        /// Participant id.
        id: String,
    },
    /// Send one away who waits.
    Deny {
        /// Participant id.
        id: String,
    },
    /// Ask a peer to mute.
    Mute {
        /// Participant id.
        id: String,
    },
    /// Put a peer out.
    Remove {
        /// Participant id.
        id: String,
    },
    /// Make a peer the host instead.
    HandOver {
        /// Participant id.
        id: String,
    },
    /// Let nobody new in, or let them again.
    Lock {
        /// Which of the two.
        locked: bool,
    },
    /// End the call for everybody.
    End,
}

impl From<HostAct> for sightline_protocol::HostAction {
    fn from(act: HostAct) -> Self {
        let user_id = sightline_protocol::UserId;
        match act {
            HostAct::Admit { id } => Self::Admit { user_id: user_id(id) },
            HostAct::Deny { id } => Self::Deny { user_id: user_id(id) },
            HostAct::Mute { id } => Self::Mute { user_id: user_id(id) },
            HostAct::Remove { id } => Self::Remove { user_id: user_id(id) },
            HostAct::HandOver { id } => Self::HandOver { user_id: user_id(id) },
            HostAct::Lock { locked } => Self::Lock { locked },
            HostAct::End => Self::End {},
        }
    }
}

/// We in the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct Me {
    /// Our name.
    pub(crate) name: String,
    /// The microphone is on and works.
    pub(crate) microphone: bool,
    /// The camera is on and works.
    pub(crate) camera: bool,
    /// About our devices, in a sentence.
    pub(crate) note: Option<String>,
}

/// How the connection to a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Connection {
    /// For the first time.
    Connecting,
    /// Media flows.
    Connected,
    /// Lost; being mended.
    Reconnecting,
    /// Given up, or the peer left.
    Gone,
}

/// How good something was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum QualityClass {
    /// Less than 1 % lost.
    Good,
    /// Less than 3 %.
    Ok,
    /// Less than 10 %, or another sign of a poor stream.
    Bad,
    /// 10 % or more.
    Terrible,
}

/// One picture on the screen.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub(crate) struct Tile {
    /// 'self', the peer's id, or `id:2` and so on for a peer's further pictures.
    pub(crate) id: String,
    /// The peer's id; '' for our own.
    pub(crate) peer: String,
    /// The name to show.
    pub(crate) name: String,
    /// Our own.
    #[serde(rename = "self")]
    pub(crate) own: bool,
    /// The camera is on and gives pictures.
    pub(crate) video: bool,
    /// The microphone is on.
    pub(crate) audio: bool,
    /// Is speaking.
    pub(crate) speaking: bool,
    /// How it is at the moment.
    pub(crate) class: Option<QualityClass>,
    /// The connection; our own is always connected.
    pub(crate) connection: Connection,
    /// What is wrong and what is being done, in a sentence.
    pub(crate) note: Option<String>,
    /// The last second.
    pub(crate) stats: Option<TileStats>,
}

/// The last second with a peer; null is not known. 'Sent' is from us to the peer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TileStats {
    /// Sound and pictures together, kbit/s.
    pub(crate) sent_kbps: Option<f64>,
    /// Sound and pictures together, kbit/s.
    pub(crate) received_kbps: Option<f64>,
    /// Packets the peer says it did not get, percent; the worse of sound and pictures.
    pub(crate) sent_loss: Option<f64>,
    /// Packets we did not get, percent; the worse of sound and pictures.
    pub(crate) received_loss: Option<f64>,
    /// To the peer and back, ms.
    pub(crate) rtt_ms: Option<f64>,
    /// How unevenly packets come, ms; the worse of sound and pictures.
    pub(crate) jitter_ms: Option<f64>,
    /// Pictures a second that we decode.
    pub(crate) fps: Option<f64>,
    /// Width in pixels of the pictures that we get.
    pub(crate) width: Option<u32>,
    /// Height in pixels.
    pub(crate) height: Option<u32>,
    /// Pictures a second that we send.
    pub(crate) sent_fps: Option<f64>,
    /// Width in pixels of the pictures that we send.
    pub(crate) sent_width: Option<u32>,
    /// Height in pixels.
    pub(crate) sent_height: Option<u32>,
    /// Time that sound waits in our buffer, ms.
    pub(crate) buffer_ms: Option<f64>,
    /// Sound that had to be made up, percent.
    pub(crate) concealed: Option<f64>,
    /// From the peer's camera to our decoder, ms.
    pub(crate) latency_ms: Option<f64>,
    /// Candidate types and protocol, for example `host - host, udp`.
    pub(crate) path: Option<String>,
}

/// What limits the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct LimitLine {
    /// In a sentence.
    pub(crate) sentence: String,
    /// On whose side: `our-uplink`, `their-computer`, `path`, `nobody`, ...
    pub(crate) side: String,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct Ended {
    /// `left`, `replaced`, `connection-lost`, `media-failed`, or `unanswered` where nobody took our call.
    pub(crate) reason: String,
    /// For people.
    pub(crate) sentence: String,
}

/// How loud each tile is, 5 times a second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
pub(crate) struct SpeakingLevels {
    /// By tile id; 0 is silence, 1 the loudest.
    pub(crate) levels: BTreeMap<String, f32>,
}

/// A line of the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChatLine {
    /// Counted from 1 within a call: a line that comes twice is told by it.
    pub(crate) number: u32,
    /// Id of who wrote it.
    pub(crate) from_id: String,
    /// Name of who wrote it.
    pub(crate) from: String,
    /// The text, as it was written.
    pub(crate) text: String,
    /// We wrote it: the server has taken it.
    pub(crate) own: bool,
    /// When it came, Unix ms.
    pub(crate) at_ms: i64,
}
