//! What a call tells its user.

use std::time::Duration;

use sightline_media::audio::AudioSendCounters;
use sightline_media::video::VideoSendCounters;
use sightline_protocol::{Role, RoomState};
use sightline_quality::{Event, EventKind, SetupTimes, Snapshot};
use tokio::sync::mpsc;

use crate::PeerInfo;

/// Something happened in the call. After [`CallEvent::Ended`] nothing follows.
#[derive(Debug)]
pub enum CallEvent {
    /// For the history, whatever it is.
    Record(Event),
    /// Every second, and a last one at the end.
    Snapshot(Box<Snapshot>),
    /// The room is entered. Comes once, and first.
    Joined {
        /// Our id.
        user_id: String,
        /// The room's code in its canonical spelling.
        room_id: String,
        /// The server, `ws://host:port`.
        server: String,
        /// Who is there. Each of them gets its own [`CallEvent::PeerJoined`] too.
        peers: Vec<PeerInfo>,
        /// Our token for the room; older servers give none.
        token: Option<String>,
    },
    /// Something about the room itself.
    Room(RoomNews),
    /// Somebody came in.
    PeerJoined(PeerInfo),
    /// Somebody is gone: `left`, `lost`, `too-slow`, `shutdown`, or `rejoined` under another id.
    PeerLeft {
        /// Who.
        peer: PeerInfo,
        /// Why.
        reason: String,
    },
    /// Media can flow to and from this peer.
    PeerConnected {
        /// Who.
        peer: PeerInfo,
        /// Times so far.
        setup: SetupTimes,
    },
    /// The first picture of this peer was decoded.
    FirstFrame {
        /// Who.
        peer: PeerInfo,
        /// All times.
        setup: SetupTimes,
    },
    /// Text; our own comes back as the receipt.
    Chat {
        /// Who wrote it.
        from: PeerInfo,
        /// The text.
        text: String,
        /// It was said before we came in.
        earlier: bool,
    },
    /// What the peer sends at the moment.
    MediaState {
        /// Who.
        peer: PeerInfo,
        /// Microphone is on.
        audio: bool,
        /// Camera is on and gives pictures.
        video: bool,
    },
    /// Pictures pause because the link carries no more than sound, or go on. Sound is not touched.
    PicturesPaused {
        /// To or from whom.
        peer: PeerInfo,
        /// Those that we send; otherwise those that the peer sends.
        ours: bool,
        /// They pause; otherwise they go on.
        paused: bool,
    },
    /// One line for people.
    Warning(String),
    /// The call is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// What is told about the room itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomNews {
    /// What it is like: when we come in or come back, and whenever that changes.
    State {
        /// All of it.
        state: Box<RoomState>,
        /// Set in a warning: it ends in so many seconds.
        seconds_left: Option<u32>,
        /// A token for the room in the place of the one that we had: our role has changed, or may have while the server was lost.
        /// Only while our id is that of [`CallEvent::Joined`], under which the call is recorded.
        token: Option<String>,
    },
    /// Somebody waits to be let in. Told to hosts.
    Waiting {
        /// Who.
        peer: PeerInfo,
    },
    /// Waits no longer.
    WaitingEnded {
        /// Participant id.
        id: String,
    },
    /// Somebody watches the room.
    Watching {
        /// Who.
        peer: PeerInfo,
    },
    /// Watches no longer.
    WatchingEnded {
        /// Participant id.
        id: String,
    },
    /// Somebody is something else in the room now; perhaps ourselves.
    Role {
        /// Participant id.
        id: String,
        /// What.
        role: Role,
    },
    /// A host asks us to switch the microphone off. The call has done so.
    AskedToMute {
        /// Name of the host.
        by: String,
    },
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// We left.
    Left,
    /// Another client took our place.
    Replaced,
    /// A host put us out.
    Removed,
    /// The room is over.
    Over(sightline_protocol::EndReason),
    /// The server does not let us in any more, and no peer is connected: a sentence.
    Refused(String),
    /// Camera, microphone, speaker or a file could not be used at the start: a sentence.
    Media(String),
}

impl EndReason {
    /// As it stands in the record.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::Over(_) => "ended",
            Self::Refused(_) => "connection-lost",
            Self::Media(_) => "media-failed",
        }
    }
}

/// What remains of a call.
#[derive(Debug, Clone)]
pub struct CallSummary {
    /// Why it ended.
    pub reason: EndReason,
    /// From 'join pressed' to the end.
    pub duration: Duration,
    /// Media could flow to at least one peer at some time.
    pub took_place: bool,
    /// Most video encoders at work at a time: one for each size that some peer took, however many they were; 0 where nobody
    /// took our pictures.
    pub most_encoders: u32,
    /// Our pictures; `None` where none were sent.
    pub video: Option<VideoSendCounters>,
    /// Our sound; `None` where none was sent.
    pub audio: Option<AudioSendCounters>,
}

/// A reader who does not look for so long has lost interest: 8 peers make some ten events in a busy second, one in a calm
/// one, so that this is minutes.
const EVENTS: usize = 2048;

/// The sending half: never blocks, so that a slow reader does not stop the call.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    sender: mpsc::Sender<CallEvent>,
}

impl Events {
    pub(crate) fn channel() -> (Self, mpsc::Receiver<CallEvent>) {
        let (sender, receiver) = mpsc::channel(EVENTS);
        (Self { sender }, receiver)
    }

    pub(crate) fn emit(&self, event: CallEvent) {
        match self.sender.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::error!("an event of the call was lost: nobody reads them");
            }
            Err(mpsc::error::TrySendError::Closed(_)) => tracing::trace!("nobody listens to the call's events"),
        }
    }

    /// An event for the history.
    pub(crate) fn record(&self, unix_ms: i64, peer: Option<&str>, kind: EventKind) {
        self.emit(CallEvent::Record(Event { unix_ms, peer: peer.map(str::to_owned), kind }));
    }
}
