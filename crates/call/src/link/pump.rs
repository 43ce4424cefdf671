//! The task of a link: turns signals into events for the caller, and watches the clock where the crate does not.
//!
//! Mends defect 15: a TURN allocation that fails is only logged. Where only relays may be used and none has come within
//! two seconds, the caller is told.
//!
//! Invariant: events leave in the order in which things happened, `Closed` is the last, and nothing waits for them to be read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sightline_protocol::IceCandidate;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCIceConnectionState, RTCPeerConnectionState};

use super::Shared;
use super::handler::Signal;
use super::preference::Preference;
use super::types::LinkEvent;

/// How long a relay may take to give us an address.
const RELAY_WAIT: Duration = Duration::from_secs(2);

/// Events that wait for the caller to read them. A peer makes some 40 while it connects; who leaves 256 unread is gone.
const OUTBOX: usize = 256;

/// The task's own state.
pub(super) struct Pump {
    shared: Arc<Shared>,
    connection: Arc<dyn PeerConnection>,
    outbox: VecDeque<LinkEvent>,
    relay_only: bool,
    /// When the wait for a relay candidate is over.
    relay_due: Option<Instant>,
    preference: Preference,
    was_connected: bool,
    /// One task per remote track, and those that read the path; they end with the task of the link.
    tasks: JoinSet<()>,
}

impl Pump {
    pub(super) fn new(shared: Arc<Shared>, connection: Arc<dyn PeerConnection>, relay_only: bool) -> Self {
        Self {
            shared,
            connection,
            outbox: VecDeque::new(),
            relay_only,
            relay_due: None,
            preference: Preference::default(),
            was_connected: false,
            tasks: JoinSet::new(),
        }
    }

    /// Runs until the connection is closed.
    pub(super) async fn run(mut self, mut signals: mpsc::Receiver<Signal>, events: mpsc::Sender<LinkEvent>) {
        let keyframe = self.shared.counts.keyframe.clone();
        loop {
            let relay_due = self.relay_due;
            let relay_wait = async {
                match relay_due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                signal = signals.recv() => {
                    let Some(signal) = signal else { break };
                    if self.signal(signal).is_break() {
                        break;
                    }
                }
                room = events.reserve(), if !self.outbox.is_empty() => match (room, self.outbox.pop_front()) {
                    (Ok(room), Some(event)) => room.send(event),
                    // A caller that dropped its end does not want to know.
                    _ => self.outbox.clear(),
                },
                () = keyframe.notified() => self.shared.sink.keyframe_requested(),
                () = relay_wait => {
                    self.relay_due = None;
                    self.tell(LinkEvent::Error(
                        "no relay answered within 2 seconds: the TURN server is down, blocked or refuses our credentials; \
                         allow direct connections or check the server"
                            .to_owned(),
                    ));
                }
            }
        }
        for event in self.outbox.drain(..).chain([LinkEvent::Closed]) {
            if events.send(event).await.is_err() {
                break;
            }
        }
    }

    /// Never waits, so that nothing that happens waits for the caller.
    fn tell(&mut self, event: LinkEvent) {
        if self.outbox.len() < OUTBOX {
            self.outbox.push_back(event);
        } else {
            tracing::error!("an event of a connection is lost: its events are not read");
        }
    }

    fn signal(&mut self, signal: Signal) -> std::ops::ControlFlow<()> {
        match signal {
            Signal::Candidate(candidate) => {
                if candidate.candidate.contains(" typ relay") {
                    self.relay_due = None;
                }
                let candidate =
                    RTCIceCandidateInit { candidate: self.preference.rank(candidate.candidate), ..candidate };
                self.tell(LinkEvent::Candidate(ours(candidate)));
            }
            Signal::GatheringBegan => {
                if self.relay_only {
                    self.relay_due = Some(Instant::now() + RELAY_WAIT);
                }
            }
            Signal::GatheringDone => {
                self.preference.done();
                self.tell(LinkEvent::Candidate(ours(RTCIceCandidateInit::default())));
            }
            Signal::Ice(state) => self.ice(state),
            Signal::Connection(state) => return self.connection(state),
            Signal::NegotiationNeeded => self.tell(LinkEvent::NegotiationNeeded),
            Signal::Track(remote) => {
                self.spawn(self.shared.incoming.clone().drain(remote));
            }
            Signal::Started(track) => self.tell(LinkEvent::TrackStarted(track)),
            Signal::Ended(track) => self.tell(LinkEvent::TrackEnded(track)),
            Signal::Path(path) => self.tell(LinkEvent::Path(path)),
            Signal::DriverStopped => {
                self.shared.gate.shut();
                if !self.shared.is_closing() {
                    self.tell(LinkEvent::Error(
                        "the network connection to the peer broke down on this machine; call again".to_owned(),
                    ));
                    self.tell(LinkEvent::Failed);
                }
                return std::ops::ControlFlow::Break(());
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task);
    }

    fn ice(&mut self, state: RTCIceConnectionState) {
        match state {
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => {
                self.tell(LinkEvent::IceConnected);
                // The pair is selected; later changes are noticed when counters are read. The connection is busy just
                // then: a keyframe that the peer wants must not wait for it.
                let (shared, connection) = (self.shared.clone(), self.connection.clone());
                self.spawn(async move {
                    shared.read_path(connection.as_ref(), std::time::Instant::now()).await;
                });
            }
            RTCIceConnectionState::Disconnected => self.tell(LinkEvent::Disconnected),
            _ => {}
        }
    }

    fn connection(&mut self, state: RTCPeerConnectionState) -> std::ops::ControlFlow<()> {
        match state {
            RTCPeerConnectionState::Connected => {
                // Nothing could be sent until now: the peer needs a picture to begin with. After an outage the send side asks.
                if !std::mem::replace(&mut self.was_connected, true) {
                    self.shared.sink.keyframe_requested();
                }
                self.tell(LinkEvent::Connected);
            }
            RTCPeerConnectionState::Failed => self.tell(LinkEvent::Failed),
            RTCPeerConnectionState::Closed => return std::ops::ControlFlow::Break(()),
            _ => {}
        }
        std::ops::ControlFlow::Continue(())
    }
}

fn ours(candidate: RTCIceCandidateInit) -> IceCandidate {
    IceCandidate {
        candidate: candidate.candidate,
        // Sections are bundled (RFC 9143): every candidate belongs to the first, and browsers want to be told.
        sdp_mid: None,
        sdp_m_line_index: Some(0),
        username_fragment: candidate.username_fragment,
    }
}
