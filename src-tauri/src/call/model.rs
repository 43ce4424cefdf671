//! The call as the page shows it. Pure: what happened comes in with its time, a [`CallState`] comes out.
//!
//! Invariant: the state says what is the case now. A peer has a tile from when it is known until it leaves; a note stands
//! while what it tells of lasts, or for [`NOTICE_MS`] where it tells of a moment.

use std::collections::BTreeMap;

use sightline_call::{CallEvent, EndReason, PeerInfo};
use sightline_quality::{Direction, Event, EventKind, Kind, Limiter, Live, Snapshot};

use super::room::RoomModel;
use super::sinks::Picture;
use super::stats::stats;
use crate::frames::OWN_TILE;
use crate::ipc::{CallPhase, CallState, ChatLine, Connection, Ended, LimitLine, Me, QualityClass, Tile, TileStats};
use crate::words;

/// How long a warning is shown; long enough to be read twice.
const NOTICE_MS: i64 = 8000;

/// Louder than this, of full scale, is speech and not breath: -34 dBov.
const SPEECH: f32 = 0.02;

/// What a call begins with.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    pub(crate) code: String,
    pub(crate) link: String,
    pub(crate) name: String,
    pub(crate) microphone: bool,
    pub(crate) camera: bool,
}

/// The state and what it is made of.
#[derive(Debug)]
pub(crate) struct Model {
    phase: CallPhase,
    code: String,
    link: String,
    name: String,
    own_id: String,
    started_ms: Option<i64>,
    server_note: Option<String>,
    record_note: Option<String>,
    warning: Option<(String, i64)>,
    microphone: Switch,
    camera: Switch,
    speaker_trouble: Option<String>,
    /// Bounded by the room.
    peers: Vec<Peer>,
    levels: BTreeMap<String, f32>,
    limiter: Limiter,
    limit: Option<LimitLine>,
    room: RoomModel,
    /// Lines of the chat so far.
    written: u32,
    ended: Option<Ended>,
}

/// Microphone or camera.
#[derive(Debug)]
struct Switch {
    on: bool,
    /// What is wrong with the device.
    trouble: Option<String>,
}

impl Switch {
    fn works(&self) -> bool {
        self.on && self.trouble.is_none()
    }
}

#[derive(Debug)]
struct Peer {
    info: PeerInfo,
    audio: bool,
    video: bool,
    connection: Connection,
    note: Option<String>,
    /// Our pictures to it pause, because the connection carries no more than sound.
    ours_pause: bool,
    /// Its pictures to us do.
    theirs_pause: bool,
    stats: Option<TileStats>,
    class: Option<QualityClass>,
}

impl Peer {
    /// What is to be said about it.
    fn note(&self) -> Option<String> {
        let pause = match (self.ours_pause, self.theirs_pause) {
            (false, false) => None,
            (true, false) => Some(words::OURS_PAUSE),
            (false, true) => Some(words::THEIRS_PAUSE),
            (true, true) => Some(words::BOTH_PAUSE),
        };
        self.note.clone().or_else(|| pause.map(str::to_owned))
    }
}

impl Model {
    pub(crate) fn new(beginning: Beginning) -> Self {
        let Beginning { code, link, name, microphone, camera } = beginning;
        Self {
            phase: CallPhase::Joining,
            code,
            link,
            name,
            own_id: String::new(),
            started_ms: None,
            server_note: None,
            record_note: None,
            warning: None,
            microphone: Switch { on: microphone, trouble: None },
            camera: Switch { on: camera, trouble: None },
            speaker_trouble: None,
            peers: Vec::new(),
            levels: BTreeMap::new(),
            limiter: Limiter::new(),
            limit: None,
            room: RoomModel::default(),
            written: 0,
            ended: None,
        }
    }

    /// Takes in what the call tells; a chat line goes to the page at once and comes out here.
    pub(crate) fn event(&mut self, event: &CallEvent, now_ms: i64) -> Option<ChatLine> {
        match event {
            CallEvent::Joined { user_id, room_id, peers, .. } => {
                self.phase = CallPhase::In;
                self.started_ms = Some(now_ms);
                self.own_id.clone_from(user_id);
                self.code.clone_from(room_id);
                peers.iter().for_each(|peer| self.add(peer));
            }
            CallEvent::PeerJoined(peer) => self.add(peer),
            CallEvent::PeerLeft { peer, .. } => self.peers.retain(|known| known.info.id != peer.id),
            CallEvent::PeerConnected { peer, .. } | CallEvent::FirstFrame { peer, .. } => self.mended(&peer.id),
            CallEvent::MediaState { peer, audio, video } => {
                if let Some(peer) = self.peer(&peer.id) {
                    (peer.audio, peer.video) = (*audio, *video);
                }
            }
            CallEvent::PicturesPaused { peer, ours, paused } => {
                if let Some(peer) = self.peer(&peer.id) {
                    *(if *ours { &mut peer.ours_pause } else { &mut peer.theirs_pause }) = *paused;
                }
            }
            CallEvent::Record(event) => self.recorded(event),
            // Trouble with a device is told twice; it stands where it belongs already.
            CallEvent::Warning(text) if self.troubles().any(|trouble| *trouble == words::sentence(text)) => {}
            CallEvent::Warning(text) => self.warning = Some((words::sentence(text), now_ms)),
            CallEvent::Chat { from, text, .. } => {
                self.written += 1;
                return Some(ChatLine {
                    number: self.written,
                    from_id: from.id.clone(),
                    from: from.name.clone(),
                    text: text.clone(),
                    own: from.id == self.own_id,
                    at_ms: now_ms,
                });
            }
            CallEvent::Ended { reason } => self.end(reason),
            CallEvent::Room(news) => self.room.event(news, now_ms),
            // Comes with its figures, through `second`.
            CallEvent::Snapshot(_) => {}
        }
        None
    }

    /// A host has to let us in.
    pub(crate) fn waits(&mut self) {
        self.phase = CallPhase::Waiting;
    }

    /// The last second's figures.
    pub(crate) fn second(&mut self, live: &Live, snapshot: &Snapshot) {
        let peers = &self.peers;
        let name = |id: &str| peers.iter().find(|peer| peer.info.id == id).map(|peer| peer.info.name.clone());
        let limits = self.limiter.feed(live, &name);
        for peer in &mut self.peers {
            let id = &peer.info.id;
            // A link that did not answer is told as unknown, and no link as none.
            peer.stats = snapshot.links.iter().any(|link| link.peer == *id).then(|| stats(id, live, snapshot));
            peer.class = limits.peers.get(id).and_then(|limit| limit.class).map(QualityClass::from);
        }
        let overall = limits.overall;
        self.limit = Some(LimitLine { sentence: overall.sentence, side: overall.side.as_str().to_owned() });
    }

    /// The user switched the microphone.
    pub(crate) fn set_microphone(&mut self, on: bool) {
        self.microphone.on = on;
    }

    /// The user switched the camera.
    pub(crate) fn set_camera(&mut self, on: bool) {
        self.camera.on = on;
    }

    /// Another device was chosen: what was wrong with the old one does not count any more.
    pub(crate) fn device_changed(&mut self, media: Kind, direction: Direction) {
        *self.trouble_of(media, direction) = None;
    }

    /// Why the call is not recorded.
    pub(crate) fn not_recorded(&mut self, why: Option<String>) {
        self.record_note = why.as_deref().map(words::not_recorded);
    }

    /// How loud everybody is: by peer id, our own under [`OWN_TILE`].
    pub(crate) fn set_levels(&mut self, levels: BTreeMap<String, f32>) {
        self.levels = levels;
    }

    /// The call did not come to be.
    pub(crate) fn failed(&mut self, reason: &str, sentence: &str) {
        self.phase = CallPhase::Ended;
        self.ended = Some(Ended { reason: reason.to_owned(), sentence: words::sentence(sentence) });
    }

    /// What the page shows; `pictures` are the tiles that each peer fills at the moment.
    pub(crate) fn state(&self, pictures: &BTreeMap<String, Vec<Picture>>, now_ms: i64) -> CallState {
        let warning = self.warning.as_ref().filter(|(_, at)| now_ms - at < NOTICE_MS).map(|(sentence, _)| sentence);
        let note = self.server_note.as_ref().or(warning).or(self.record_note.as_ref());
        let own = self.own_tile();
        let peers = self.peers.iter().flat_map(|peer| self.tiles(peer, pictures.get(&peer.info.id)));
        CallState {
            phase: self.phase,
            code: self.code.clone(),
            link: self.link.clone(),
            note: note.cloned(),
            started_ms: self.started_ms,
            me: Me {
                name: self.name.clone(),
                microphone: self.microphone.works(),
                camera: self.camera.works(),
                note: self.own_note(),
            },
            tiles: std::iter::once(own).chain(peers).collect(),
            limit: self.limit.clone(),
            room: self.room.shown(now_ms),
            ended: self.ended.clone(),
        }
    }

    fn own_note(&self) -> Option<String> {
        let sentences: Vec<&str> = self.troubles().map(String::as_str).collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    fn troubles(&self) -> impl Iterator<Item = &String> {
        [&self.camera.trouble, &self.microphone.trouble, &self.speaker_trouble].into_iter().flatten()
    }

    fn own_tile(&self) -> Tile {
        Tile {
            id: OWN_TILE.to_owned(),
            peer: String::new(),
            name: self.name.clone(),
            own: true,
            video: self.camera.works(),
            audio: self.microphone.works(),
            speaking: self.microphone.works() && self.speaks(OWN_TILE),
            class: None,
            connection: Connection::Connected,
            note: self.camera.trouble.clone(),
            stats: None,
        }
    }

    /// A tile for each picture of a peer, one at least.
    fn tiles(&self, peer: &Peer, pictures: Option<&Vec<Picture>>) -> Vec<Tile> {
        let is_first = |picture: &&Picture| picture.tile == peer.info.id;
        let pictures = || pictures.into_iter().flatten();
        // What nothing follows, for whatever reason, is no picture, though the peer says that its camera is on.
        let first = (&peer.info.id, peer.video && pictures().find(is_first).is_some_and(|picture| picture.live));
        let further = pictures().filter(|picture| !is_first(picture)).map(|picture| (&picture.tile, picture.live));
        let tile = |(number, (id, video)): (usize, (&String, bool))| Tile {
            id: id.clone(),
            peer: peer.info.id.clone(),
            name: if number == 0 {
                peer.info.name.clone()
            } else {
                words::further_picture(&peer.info.name, number + 1)
            },
            own: false,
            video,
            audio: peer.audio,
            speaking: number == 0 && peer.audio && self.speaks(&peer.info.id),
            class: peer.class,
            connection: peer.connection,
            note: peer.note(),
            stats: peer.stats.clone(),
        };
        std::iter::once(first).chain(further).enumerate().map(tile).collect()
    }

    fn speaks(&self, id: &str) -> bool {
        self.levels.get(id).is_some_and(|level| *level > SPEECH)
    }

    fn add(&mut self, info: &PeerInfo) {
        match self.peer(&info.id) {
            Some(known) => known.info = info.clone(),
            None => self.peers.push(Peer {
                info: info.clone(),
                audio: false,
                video: false,
                connection: Connection::Connecting,
                note: None,
                ours_pause: false,
                theirs_pause: false,
                stats: None,
                class: None,
            }),
        }
    }

    fn peer(&mut self, id: &str) -> Option<&mut Peer> {
        self.peers.iter_mut().find(|peer| peer.info.id == id)
    }

    fn mended(&mut self, id: &str) {
        if let Some(peer) = self.peer(id) {
            peer.connection = Connection::Connected;
            peer.note = None;
        }
    }

    fn recorded(&mut self, event: &Event) {
        match (&event.kind, &event.peer) {
            (EventKind::Reconnecting { .. }, None) => {
                self.phase = CallPhase::Reconnecting;
                self.server_note = Some(words::SERVER_LOST.to_owned());
            }
            (EventKind::Reconnected, None) => {
                self.phase = CallPhase::In;
                self.server_note = None;
            }
            (EventKind::Reconnecting { .. }, Some(id)) => {
                if let Some(peer) = self.peer(id) {
                    peer.connection = Connection::Reconnecting;
                    peer.note = Some(words::PATH_LOST.to_owned());
                }
            }
            (EventKind::IceRestart, Some(id)) => {
                if let Some(peer) = self.peer(id).filter(|peer| peer.connection == Connection::Reconnecting) {
                    peer.note = Some(words::PATH_TRIED.to_owned());
                }
            }
            (EventKind::Reconnected, Some(id)) => self.mended(id),
            (EventKind::LinkState { state }, Some(id)) if state == "connected" => self.mended(id),
            (EventKind::LinkState { state }, Some(id)) if state == "closed" => {
                if let Some(peer) = self.peer(id) {
                    peer.connection = Connection::Gone;
                }
            }
            (EventKind::Device { media, direction, state, detail }, _) => {
                let lost = matches!(state.as_str(), "lost" | "stalled");
                *self.trouble_of(*media, *direction) = lost.then(|| words::sentence(detail));
            }
            _ => {}
        }
    }

    fn trouble_of(&mut self, media: Kind, direction: Direction) -> &mut Option<String> {
        match (media, direction) {
            (Kind::Video, _) => &mut self.camera.trouble,
            (Kind::Audio, Direction::Outbound) => &mut self.microphone.trouble,
            (Kind::Audio, Direction::Inbound) => &mut self.speaker_trouble,
        }
    }

    fn end(&mut self, reason: &EndReason) {
        let sentence = match reason {
            EndReason::Left => words::YOU_LEFT,
            EndReason::Replaced => words::REPLACED,
            EndReason::Removed => words::REMOVED,
            EndReason::Over(why) => words::over(*why),
            EndReason::Refused(why) | EndReason::Media(why) => why,
        };
        self.failed(reason.as_str(), sentence);
        self.peers.clear();
        (self.server_note, self.warning, self.limit) = (None, None, None);
    }
}

#[cfg(test)]
mod tests;
