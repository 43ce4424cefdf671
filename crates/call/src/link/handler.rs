//! Mends defect 6: callbacks are awaited on the task that drives the connection, so whatever waits in one stops ICE, DTLS
//! and media.
//!
//! Invariant: a callback sets a flag or puts a signal into a bounded queue, and returns.

use std::sync::Arc;

use tokio::sync::mpsc;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceCandidateInit, RTCIceConnectionState, RTCIceGatheringState,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState,
};

use sightline_quality::Path;

use super::send::Gate;
use super::types::RemoteTrack;

/// Signals waiting for the link's task: the largest burst is the candidates of 16 addresses, a few kinds each.
const CAPACITY: usize = 256;

/// What the connection and the tasks around it tell the link's task.
pub(super) enum Signal {
    Candidate(RTCIceCandidateInit),
    GatheringBegan,
    GatheringDone,
    Ice(RTCIceConnectionState),
    Connection(RTCPeerConnectionState),
    NegotiationNeeded,
    /// The peer's media arrive on this.
    Track(Arc<dyn TrackRemote>),
    Started(RemoteTrack),
    Ended(RemoteTrack),
    Path(Path),
    /// The task that drives the connection has ended.
    DriverStopped,
}

/// The sending end of the queue.
#[derive(Clone)]
pub(super) struct Signals(mpsc::Sender<Signal>);

impl Signals {
    pub(super) fn new() -> (Self, mpsc::Receiver<Signal>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Self(sender), receiver)
    }

    /// Never waits. A full queue means that nobody reads the link's events any more.
    pub(super) fn push(&self, signal: Signal) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.try_send(signal) {
            tracing::error!("an event of a connection is lost: its events are not read");
        }
    }
}

/// The callbacks. `on_negotiation_needed` is not among them: it comes after every exchange that changed a direction,
/// because the crate looks before it has noted the change (read in its source). [`super::Link`] looks itself.
pub(super) struct Handler {
    pub(super) signals: Signals,
    pub(super) gate: Arc<Gate>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(candidate) => self.signals.push(Signal::Candidate(candidate)),
            Err(error) => tracing::warn!(%error, "a local ICE candidate cannot be written down and is left out"),
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.signals.push(Signal::GatheringDone);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        self.signals.push(Signal::Ice(state));
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.gate.open(),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => self.gate.shut(),
            _ => {}
        }
        self.signals.push(Signal::Connection(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.signals.push(Signal::Track(track));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn a_callback_never_waits_for_a_reader() {
        let (signals, reader) = Signals::new();
        let handler = Handler { signals, gate: Arc::default() };
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 * CAPACITY {
            let states = [RTCPeerConnectionState::Connecting, RTCPeerConnectionState::Disconnected];
            for state in states {
                assert_eq!(pin!(handler.on_connection_state_change(state)).poll(&mut context), Poll::Ready(()));
            }
            let calls = [
                handler.on_ice_candidate(RTCPeerConnectionIceEvent::default()),
                handler.on_ice_gathering_state_change(RTCIceGatheringState::Complete),
                handler.on_ice_connection_state_change(RTCIceConnectionState::Checking),
            ];
            for call in calls {
                assert_eq!(pin!(call).poll(&mut context), Poll::Ready(()));
            }
        }
        assert_eq!(reader.len(), CAPACITY, "bounded");
    }
}
