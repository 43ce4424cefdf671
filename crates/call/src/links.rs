//! How the link to each peer fares: what its task reports, and what is done when it is lost.
//!
//! Invariant: a peer has at most one link that counts; reports of an earlier one are ignored.

use std::time::{Duration, Instant};

use sightline_protocol::{ClientMessage, UserId};
use sightline_quality::EventKind;

use crate::driver::Driver;
use crate::event::CallEvent;
use crate::link::LinkConfig;
use crate::members::Presence;
use crate::negotiation::{Input, session_id};
use crate::peer::{FromPeer, PeerEvent, PeerLink};
use crate::recovery::{Recovery, Remedy, Surroundings};
use crate::setup::Step;

/// Set-up is on record at the latest so long after DTLS, pictures or not.
const FIRST_FRAME_PATIENCE: Duration = Duration::from_secs(5);

impl Driver {
    /// Makes the link to a peer, in place of the one there is.
    pub(crate) fn make_link(&mut self, id: &UserId, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        self.generation += 1;
        let config = LinkConfig {
            peer: id.0.clone(),
            ice_servers: self.ice_servers.clone(),
            udp_bind: self.options.udp_bind.clone(),
            relay_only: self.options.relay_only,
            stock: self.options.stock,
            max_video_bps: self.max_video_bps,
            uplink: self.uplink.clone(),
        };
        let link = PeerLink::start(peer.info.clone(), peer.polite, self.generation, config, self.context.clone());
        peer.generation = self.generation;
        peer.remote_session = None;
        peer.recovery = Recovery::new(peer.polite, now);
        peer.flows = false;
        if let Some(old) = peer.link.replace(link) {
            self.closing.spawn(old.close());
        }
        self.adapt(now);
    }

    /// An offer or answer from a peer. One of another session comes from a peer connection made anew, which ours cannot
    /// talk to: DTLS would see another certificate.
    pub(crate) fn on_description(&mut self, from: &UserId, input: Input, now: Instant) {
        let Some(peer) = self.peers.get(from) else {
            return tracing::debug!("a description from somebody who is not in the room");
        };
        let (sdp, is_offer) = match &input {
            Input::RemoteOffer(sdp) => (sdp, true),
            Input::RemoteAnswer(sdp) => (sdp, false),
            Input::Begin | Input::Needed | Input::Restart | Input::RemoteCandidate(_) | Input::Failed(_) => return,
        };
        let anew = peer.remote_session.is_some() && peer.remote_session.as_deref() != session_id(sdp);
        match (peer.link.is_some(), is_offer) {
            (false, true) => self.take_back(from, now),
            (false, false) => return tracing::debug!("an answer to an offer of a link that is gone"),
            (true, _) if anew => self.make_link(from, now),
            (true, _) => {}
        }
        if anew && !is_offer {
            // It answers from a connection that does not know our description; ours is new now too.
            return self.negotiate(from, Input::Begin, now);
        }
        self.negotiate(from, input, now);
    }

    /// Gives the peer's negotiation an input. A link that takes no more is made anew.
    pub(crate) fn negotiate(&mut self, id: &UserId, input: Input, now: Instant) {
        let Some(link) = self.peers.get(id).and_then(|peer| peer.link.as_ref()) else {
            return tracing::debug!("something for a link that is not there");
        };
        if !link.negotiate(input) {
            tracing::warn!("a link takes no more signaling; it is made anew");
            self.make_link(id, now);
            // Not the input: what filled the link is not to fill the next one. The peer answers this offer.
            if let Some(link) = self.peers.get(id).and_then(|peer| peer.link.as_ref())
                && !link.negotiate(Input::Begin)
            {
                tracing::error!("a new link takes no signaling");
            }
        }
    }

    pub(crate) fn on_report(&mut self, report: FromPeer) {
        let FromPeer { peer: id, generation, at, event } = report;
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.generation == generation) else {
            return tracing::trace!(?event, "a report of a former link");
        };
        match event {
            PeerEvent::SayOffer(sdp) => self.say_to(&id, |to| ClientMessage::Offer { to, sdp }),
            PeerEvent::SayAnswer(sdp) => self.say_to(&id, |to| ClientMessage::Answer { to, sdp }),
            PeerEvent::SayCandidate(candidate) => {
                self.say_to(&id, |to| ClientMessage::IceCandidate { to, candidate });
            }
            PeerEvent::Agreed(session) => {
                peer.remote_session = session;
                peer.recovery.agreed(at);
            }
            PeerEvent::IceConnected => {
                peer.setup.reached(Step::Ice, at);
            }
            PeerEvent::Connected => self.on_connected(&id, at),
            PeerEvent::Disconnected => self.on_lost(&id, at, "disconnected"),
            PeerEvent::Failed => self.on_lost(&id, at, "failed"),
            PeerEvent::Closed => self.on_lost(&id, at, "closed"),
            PeerEvent::IceRestarted => self.record(Some(&id.0), EventKind::IceRestart),
            PeerEvent::Path(path) => self.record(Some(&id.0), EventKind::PathChanged { path }),
            PeerEvent::FirstFrame => self.on_first_frame(&id, at),
            PeerEvent::Trouble(sentence) => self.warn(sentence),
        }
    }

    fn on_connected(&mut self, id: &UserId, at: Instant) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let was_interrupted = std::mem::take(&mut peer.interrupted);
        peer.recovery.connected();
        peer.connected_at.get_or_insert(at);
        let first = peer.setup.reached(Step::Dtls, at);
        let (info, setup) = (peer.info.clone(), peer.setup.times());
        peer.flows = true;
        self.took_place = true;
        self.adapt(at);
        self.record(Some(&id.0), EventKind::LinkState { state: "connected".to_owned() });
        if was_interrupted {
            self.record(Some(&id.0), EventKind::Reconnected);
        }
        if first {
            self.events.emit(CallEvent::PeerConnected { peer: info, setup });
            self.forget_former_self(id);
        }
    }

    fn on_lost(&mut self, id: &UserId, at: Instant, state: &str) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let (was_up, peer_presence) = (peer.recovery.is_up(), peer.presence);
        peer.recovery.lost(at);
        // A path that does not answer is sent to all the same, for a while: when it is back, so is the picture.
        peer.flows &= state == "disconnected";
        let breaks = was_up && !std::mem::replace(&mut peer.interrupted, true);
        self.record(Some(&id.0), EventKind::LinkState { state: state.to_owned() });
        if breaks {
            let cause = cause(state, self.online, peer_presence);
            self.record(Some(&id.0), EventKind::Reconnecting { cause });
        }
        self.adapt(at);
    }

    /// This machine slept: what its links believe to be up may be gone, and they would take their time to find out.
    pub(crate) fn woke_up(&mut self, now: Instant, slept: Duration) {
        tracing::info!(?slept, "this machine slept; ICE is restarted");
        let cause = format!("this machine slept for {} s", slept.as_secs());
        let mut broken = Vec::new();
        for (id, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.recovery.is_up()) {
            peer.recovery.lost(now);
            if !std::mem::replace(&mut peer.interrupted, true) {
                broken.push(id.0.clone());
            }
        }
        for id in broken {
            self.record(Some(&id), EventKind::Reconnecting { cause: cause.clone() });
        }
    }

    fn on_first_frame(&mut self, id: &UserId, at: Instant) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.setup.reached(Step::FirstFrame, at) {
            let (peer, setup) = (peer.info.clone(), peer.setup.times());
            self.events.emit(CallEvent::FirstFrame { peer, setup });
            self.record_set_up(id);
        }
    }

    /// Puts a peer's set-up on record, once.
    fn record_set_up(&mut self, id: &UserId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if !std::mem::replace(&mut peer.set_up, true) {
            let setup = peer.setup.times();
            self.record(Some(&id.0), EventKind::PeerConnected { setup });
        }
    }

    /// Looks after every link, and what is sent on it; called a few times a second.
    pub(crate) fn look_after(&mut self, now: Instant) {
        self.adapt(now);
        self.tell_tiles(now);
        let ids: Vec<_> = self.peers.keys().cloned().collect();
        for id in ids {
            self.mend_link(&id, now);
        }
    }

    fn mend_link(&mut self, id: &UserId, now: Instant) {
        let online = self.online;
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.link.is_none() {
            return;
        }
        let waited = peer.connected_at.is_some_and(|at| now.saturating_duration_since(at) >= FIRST_FRAME_PATIENCE);
        if !peer.set_up && (waited || (peer.connected_at.is_some() && !peer.media.video)) {
            self.record_set_up(id);
        }
        let Some(peer) = self.peers.get_mut(id) else { return };
        let around = match peer.presence {
            Presence::Here => Surroundings { signaling: online, peer_away: false },
            Presence::Away => Surroundings { signaling: online, peer_away: true },
            // Whether or not the server is there, it cannot say anything about this one.
            Presence::Unknown => Surroundings { signaling: true, peer_away: true },
        };
        match peer.recovery.poll(now, around) {
            None => {}
            Some(Remedy::Restart) => self.negotiate(id, Input::Restart, now),
            Some(Remedy::Replace) => {
                self.make_link(id, now);
                self.negotiate(id, Input::Begin, now);
            }
            Some(Remedy::GiveUp) => self.give_up(id),
        }
    }

    /// Neither media nor server have anything of the peer any more. The server may still bring it back.
    fn give_up(&mut self, id: &UserId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.presence == Presence::Unknown {
            return self.remove(id, "lost");
        }
        if let Some(link) = peer.link.take() {
            let info = peer.info.clone();
            self.closing.spawn(link.close());
            self.say_left(&info, "lost");
        }
        self.adapt(Instant::now());
    }
}

/// Why a link broke, as far as it can be told from here: by who is still at the signaling server.
fn cause(state: &str, online: bool, presence: Presence) -> String {
    let why = match (online, presence) {
        (false, _) => "and so is the one to the signaling server: our own network is gone",
        (true, Presence::Away | Presence::Unknown) => "and the signaling server has lost it too: its network is gone",
        (true, Presence::Here) => {
            "though both are at the signaling server: the path between them broke, or one has another address"
        }
    };
    format!("the connection to the peer is {state}, {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_break_is_told_by_who_is_at_the_server() {
        for (online, presence, expected) in [
            (false, Presence::Here, "our own network"),
            (true, Presence::Away, "its network"),
            (true, Presence::Here, "the path between them"),
        ] {
            let cause = cause("disconnected", online, presence);
            assert!(cause.contains(expected) && cause.contains("disconnected"), "{cause}");
        }
    }
}
