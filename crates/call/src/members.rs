//! Who is in the room, by what the server says.
//!
//! Invariant: a peer that the server has let go while its media still flow stays until they stop or it comes in again
//! under another id; whoever is gone has no link.

use std::time::Instant;

use sightline_protocol::{
    Change, ClientMessage, ErrorCode, HostRequest, LeaveReason, MediaState, Participant, Role, RoomState,
    ServerMessage, UserId,
};
use sightline_quality::{EventKind, Kind};

use crate::driver::Driver;
use crate::event::{CallEvent, EndReason, RoomNews};
use crate::hints::Shown;
use crate::negotiation::Input;
use crate::orders::Order;
use crate::peer::PeerLink;
use crate::recovery::Recovery;
use crate::setup::SetupTimer;
use crate::signaling::{Entered, Signal};
use crate::{CallError, PeerInfo};

/// Far beyond what a mesh carries; keeps a broken server from making links without end.
const MAX_PEERS: usize = 31;

/// One other participant.
pub(crate) struct Peer {
    pub info: PeerInfo,
    pub media: MediaState,
    /// We joined later than it.
    pub polite: bool,
    /// What the server says about its socket.
    pub presence: Presence,
    /// `None` once given up: its media are lost and so is its socket; it may come back.
    pub link: Option<PeerLink>,
    pub generation: u32,
    /// Session id of the description of it that is in force; another one means another peer connection.
    pub remote_session: Option<String>,
    pub recovery: Recovery,
    pub setup: SetupTimer,
    /// Media flowed once and do not at the moment; the break is on record.
    pub interrupted: bool,
    /// When DTLS came up for the first time.
    pub connected_at: Option<Instant>,
    /// Its set-up is on record.
    pub set_up: bool,
    /// What is sent to it may arrive: its link was connected and is not given up.
    pub flows: bool,
    /// Where it shows our pictures, pixels; `None` where it does not say.
    pub tile: Option<(u32, u32)>,
    /// Our pictures to it pause, because its link carries no more than sound.
    pub pictures_paused: bool,
    /// Its pictures to us do, by its own word.
    pub their_pictures_pause: bool,
    /// In which size we show its pictures.
    pub shown: Shown,
}

/// Where a peer's socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// At the server.
    Here,
    /// Lost; its place is kept.
    Away,
    /// The server has let it go, or forgot us all; nothing said to its id arrives.
    Unknown,
}

impl Driver {
    pub(crate) fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Entered(entered) => self.entered_again(entered),
            Signal::Message(message) => self.on_message(message),
            Signal::Away { cause } => {
                self.online = false;
                self.warn(format!("the signaling server is lost ({cause}); the call goes on and it is looked for"));
                self.record(None, EventKind::Reconnecting { cause });
            }
            Signal::Refused(error) => self.on_refused(&error),
            Signal::Replaced => self.end = Some(EndReason::Replaced),
            Signal::Removed => self.end = Some(EndReason::Removed),
        }
    }

    /// The server is back but does not let us in. What flows goes on.
    fn on_refused(&mut self, error: &CallError) {
        if self.peers.values().any(|peer| peer.recovery.is_up()) {
            tracing::warn!(%error, "the server does not let us in; trying on while media flow");
        } else {
            self.warn(error.to_string());
            self.end = Some(EndReason::Refused(error.to_string()));
        }
    }

    fn on_message(&mut self, message: ServerMessage) {
        let now = Instant::now();
        match message {
            ServerMessage::Update { user_id, change, .. } => self.on_change(user_id, change, now),
            ServerMessage::Offer { from, sdp } => self.on_description(&from, Input::RemoteOffer(sdp), now),
            ServerMessage::Answer { from, sdp } => self.on_description(&from, Input::RemoteAnswer(sdp), now),
            ServerMessage::IceCandidate { from, candidate } => {
                self.negotiate(&from, Input::RemoteCandidate(candidate), now);
            }
            ServerMessage::Hint { from, hint } => self.on_hint(&from, hint, now),
            ServerMessage::Chat { from, text, name, earlier, .. } => {
                // With a name it is of one who may have left before we came.
                let from = name.map_or_else(|| self.author(&from), |name| PeerInfo { id: from.0.clone(), name });
                self.events.emit(CallEvent::Chat { from, text, earlier });
            }
            ServerMessage::Room { room, seconds_left, token, .. } => self.on_room(room, seconds_left, token),
            ServerMessage::Ended { reason, .. } => self.end = Some(EndReason::Over(reason)),
            ServerMessage::Asked { from, request } => self.on_asked(&from, request),
            ServerMessage::Error { code, message } => match code {
                // The only event that an older server of this version may not know.
                ErrorCode::UnknownEvent => self.without_hints(),
                // Said to somebody who has just left.
                ErrorCode::UnknownPeer => tracing::debug!(message, "the server refused"),
                code => {
                    tracing::warn!(%code, message, "the server refused");
                    self.warn(format!("the server refused: {message}"));
                }
            },
            ServerMessage::Welcome { .. }
            | ServerMessage::Join { .. }
            | ServerMessage::Leave { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::People(_)
            | ServerMessage::Meet(_)
            | ServerMessage::Pong { .. } => tracing::debug!("the server said something out of turn"),
        }
    }

    /// Everybody who was in the room before us: we make the first offer to each, and are the polite side.
    pub(crate) fn welcome_all(&mut self, participants: Vec<Participant>, setup: &SetupTimer, now: Instant) {
        for participant in participants {
            let (id, role) = (participant.user_id.clone(), participant.role);
            if self.add(participant, true, setup.clone(), now) {
                self.negotiate(&id, Input::Begin, now);
                self.tell_role(&id, role);
            }
        }
    }

    fn add(&mut self, participant: Participant, polite: bool, setup: SetupTimer, now: Instant) -> bool {
        let Participant { user_id, name, media, away, role: _ } = participant;
        if user_id == self.own || self.peers.contains_key(&user_id) {
            return false;
        }
        if self.peers.len() >= MAX_PEERS {
            tracing::error!("the room has more members than a mesh carries; one of them is left out");
            return false;
        }
        let info = PeerInfo { id: user_id.0.clone(), name };
        let peer = Peer {
            info: info.clone(),
            media,
            polite,
            presence: if away { Presence::Away } else { Presence::Here },
            link: None,
            generation: 0,
            remote_session: None,
            recovery: Recovery::new(polite, now),
            setup,
            interrupted: false,
            connected_at: None,
            set_up: false,
            flows: false,
            tile: None,
            pictures_paused: false,
            their_pictures_pause: false,
            shown: Shown::default(),
        };
        self.peers.insert(user_id.clone(), peer);
        self.record(Some(&info.id), EventKind::PeerJoined { name: info.name.clone() });
        let MediaState { audio, video } = media;
        self.events.emit(CallEvent::PeerJoined(info.clone()));
        self.events.emit(CallEvent::MediaState { peer: info, audio, video });
        self.make_link(&user_id, now);
        true
    }

    fn on_change(&mut self, id: UserId, change: Change, now: Instant) {
        match change {
            Change::Joined { name, media } => {
                let participant = Participant { user_id: id, name, media, away: false, role: Role::Guest };
                self.add(participant, false, SetupTimer::since_arrival(now), now);
            }
            Change::Left { reason } => self.on_left(&id, reason),
            Change::Away {} => self.set_presence(&id, Presence::Away, now),
            Change::Back {} => self.set_presence(&id, Presence::Here, now),
            Change::Media { media } => self.set_media(&id, media),
            Change::Role { role } => self.tell_of_room(RoomNews::Role { id: id.0, role }),
            Change::Waiting { name } => self.tell_of_room(RoomNews::Waiting { peer: PeerInfo { id: id.0, name } }),
            Change::WaitingEnded {} => self.tell_of_room(RoomNews::WaitingEnded { id: id.0 }),
            Change::Watching { name } => self.tell_of_room(RoomNews::Watching { peer: PeerInfo { id: id.0, name } }),
            Change::WatchingEnded {} => self.tell_of_room(RoomNews::WatchingEnded { id: id.0 }),
            Change::Other => tracing::debug!("ignoring a change that is not understood"),
        }
    }

    /// What somebody is who was here before us: of those who come or change later, the server tells by a change.
    fn tell_role(&self, id: &UserId, role: Role) {
        if *id != self.own {
            self.tell_of_room(RoomNews::Role { id: id.0.clone(), role });
        }
    }

    fn tell_of_room(&self, news: RoomNews) {
        self.events.emit(CallEvent::Room(news));
    }

    pub(crate) fn on_room(&self, state: RoomState, seconds_left: Option<u32>, token: Option<String>) {
        // A token uploads what bears its own id. One for a later id would be refused for the record of this call, and the first
        // one stays good for it.
        let token = token.filter(|_| self.own == self.began_as);
        self.tell_of_room(RoomNews::State { state: Box::new(state), seconds_left, token });
    }

    /// A host asks for something: it is done, and shown who asked.
    fn on_asked(&mut self, from: &UserId, request: HostRequest) {
        match request {
            HostRequest::Mute => {
                let by = self.author(from).name;
                self.on_order(Order::Microphone(false));
                self.tell_of_room(RoomNews::AskedToMute { by });
            }
            HostRequest::Other => tracing::debug!("a host asks for something that is not understood"),
        }
    }

    fn on_left(&mut self, id: &UserId, reason: LeaveReason) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let flows = peer.recovery.is_up();
        match reason {
            // It cannot reach the server, but it reaches us.
            LeaveReason::Lost | LeaveReason::Shutdown | LeaveReason::TooSlow if flows => {
                peer.presence = Presence::Unknown;
            }
            LeaveReason::Left => self.remove(id, "left"),
            LeaveReason::Lost | LeaveReason::Other => self.remove(id, "lost"),
            LeaveReason::TooSlow => self.remove(id, "too-slow"),
            LeaveReason::Shutdown => self.remove(id, "shutdown"),
            LeaveReason::Removed => self.remove(id, "removed"),
            LeaveReason::Ended => self.remove(id, "ended"),
        }
    }

    fn set_presence(&mut self, id: &UserId, presence: Presence, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.presence = presence;
        if presence == Presence::Here && peer.link.is_none() {
            let polite = peer.polite;
            self.take_back(id, now);
            // The earlier of the two makes the offer: both have lost the old link, and two new ones must not cross.
            if !polite {
                self.negotiate(id, Input::Begin, now);
            }
        }
    }

    /// One who was given up is there again.
    pub(crate) fn take_back(&mut self, id: &UserId, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.presence = Presence::Here;
        peer.setup = SetupTimer::since_arrival(now);
        (peer.connected_at, peer.set_up) = (None, false);
        let (info, MediaState { audio, video }) = (peer.info.clone(), peer.media);
        self.record(Some(&info.id), EventKind::PeerJoined { name: info.name.clone() });
        self.events.emit(CallEvent::PeerJoined(info.clone()));
        // Who comes back says nothing of it again: nothing has changed there.
        self.events.emit(CallEvent::MediaState { peer: info, audio, video });
        self.make_link(id, now);
    }

    fn set_media(&mut self, id: &UserId, media: MediaState) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let before = std::mem::replace(&mut peer.media, media);
        if before == media {
            return;
        }
        if media.video != before.video
            && let Some(link) = &peer.link
        {
            link.sources.inbound.camera(media.video && !peer.their_pictures_pause);
        }
        let info = peer.info.clone();
        for (kind, was, is) in [(Kind::Audio, before.audio, media.audio), (Kind::Video, before.video, media.video)] {
            match (was, is) {
                (false, true) => self.record(Some(&info.id), EventKind::Unmuted { media: kind }),
                (true, false) => self.record(Some(&info.id), EventKind::Muted { media: kind }),
                (true, true) | (false, false) => {}
            }
        }
        self.events.emit(CallEvent::MediaState { peer: info, audio: media.audio, video: media.video });
    }

    /// Back in the room after the server was lost.
    fn entered_again(&mut self, entered: Entered) {
        let now = Instant::now();
        self.online = true;
        self.ice_servers = entered.ice_servers;
        self.record(None, EventKind::Reconnected);
        self.own = entered.user_id;
        if let Some(room) = entered.room {
            self.on_room(room, None, entered.token);
        }
        if entered.resumed {
            self.reconcile(entered.participants, now);
        } else {
            // All ids are new, ours too. Links that are up go on until their peer is in again.
            let old: Vec<_> = self.peers.keys().cloned().collect();
            for id in old {
                self.on_left(&id, LeaveReason::Lost);
            }
            self.welcome_all(entered.participants, &SetupTimer::since_arrival(now), now);
        }
    }

    /// The list as it is now against what we knew.
    fn reconcile(&mut self, participants: Vec<Participant>, now: Instant) {
        let missing: Vec<_> =
            self.peers.keys().filter(|id| !participants.iter().any(|who| who.user_id == **id)).cloned().collect();
        for id in missing {
            self.on_left(&id, LeaveReason::Lost);
        }
        for participant in participants {
            let (id, role) = (participant.user_id.clone(), participant.role);
            self.tell_role(&id, role);
            if self.peers.contains_key(&id) {
                self.set_media(&id, participant.media);
                self.set_presence(&id, if participant.away { Presence::Away } else { Presence::Here }, now);
            } else {
                // Came while we were away; its offer waits at the server.
                self.add(participant, false, SetupTimer::since_arrival(now), now);
            }
        }
    }

    /// A peer under a new id is connected: the one of the same name that the server does not know any more was the same.
    pub(crate) fn forget_former_self(&mut self, id: &UserId) {
        let Some(name) = self.peers.get(id).map(|peer| peer.info.name.clone()) else { return };
        let former = self
            .peers
            .iter()
            .find(|(other, peer)| *other != id && peer.presence == Presence::Unknown && peer.info.name == name)
            .map(|(other, _)| other.clone());
        if let Some(former) = former {
            self.remove(&former, "rejoined");
        }
    }

    /// The peer is gone for good.
    pub(crate) fn remove(&mut self, id: &UserId, reason: &str) {
        let Some(mut peer) = self.peers.remove(id) else { return };
        // One that was given up has been reported already.
        if let Some(link) = peer.link.take() {
            self.closing.spawn(link.close());
            self.say_left(&peer.info, reason);
        }
        self.adapt(Instant::now());
    }

    pub(crate) fn say_left(&self, info: &PeerInfo, reason: &str) {
        self.record(Some(&info.id), EventKind::PeerLeft { reason: reason.to_owned() });
        self.events.emit(CallEvent::PeerLeft { peer: info.clone(), reason: reason.to_owned() });
    }

    pub(crate) fn say_to(&self, peer: &UserId, message: impl FnOnce(UserId) -> ClientMessage) {
        if self.peers.get(peer).is_some_and(|peer| peer.presence != Presence::Unknown) {
            self.signaling.send(message(peer.clone()));
        }
    }
}
