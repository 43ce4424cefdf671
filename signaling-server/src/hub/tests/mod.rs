//! The hub in virtual time: what clients see, second by second, without a socket.

mod away;
mod hosting;
mod lifecycle;
mod people;
mod random;
mod refusals;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::StdRng};
use sightline_protocol::{
    Change, ClientMessage, ErrorCode, IceCandidate, LeaveReason, MediaState, Participant, Role, RoomCreated,
    ServerMessage, UserId, VERSION,
};

use super::{ConnId, Deed, Effect, Farewell, Hub, Known, NewRoom, Now};
use crate::{
    auth::Keys,
    config::{Config, Limits},
    store::{Entry, Restored},
};

pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));

/// A hub, a clock, and what came out of it.
pub(super) struct World {
    pub(super) hub: Hub,
    start: Instant,
    elapsed: Duration,
    next_conn: ConnId,
    inboxes: HashMap<ConnId, Vec<ServerMessage>>,
    closed: Vec<(ConnId, Farewell)>,
    entries: Vec<Entry>,
    deeds: Vec<Deed>,
}

#[derive(Debug, Clone)]
pub(super) struct Someone {
    conn: ConnId,
    id: UserId,
    token: String,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self::restored(config, Vec::new())
    }

    fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut config = Config::default();
        change(&mut config.limits);
        Self::with(config)
    }

    fn restored(config: Config, rooms: Vec<Restored>) -> Self {
        let start = Instant::now();
        let now = Now { at: start, unix_ms: UNIX_MS };
        let mut hub = Hub::new(config, keys(), StdRng::seed_from_u64(42), now);
        hub.restore(rooms, now);
        Self {
            hub,
            start,
            elapsed: Duration::ZERO,
            next_conn: 1,
            inboxes: HashMap::new(),
            closed: Vec::new(),
            entries: Vec::new(),
            deeds: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        Now { at: self.start + self.elapsed, unix_ms: UNIX_MS + self.elapsed.as_millis() as i64 }
    }

    /// Lets time pass, with a tick at each deadline on the way, as the task does.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.elapsed + time;
        while let Some(due) = self.hub.next_deadline().filter(|due| *due <= self.start + end) {
            self.elapsed = due.duration_since(self.start).max(self.elapsed);
            self.with_effects(|hub, now, out| hub.tick(now, out));
        }
        self.elapsed = end;
    }

    fn with_effects<T>(&mut self, call: impl FnOnce(&mut Hub, Now, &mut Vec<Effect>) -> T) -> T {
        let mut out = Vec::new();
        let now = self.now();
        let result = call(&mut self.hub, now, &mut out);
        for effect in out {
            match effect {
                Effect::Send(conn, text) => {
                    let message = ServerMessage::parse(&text).expect("the hub speaks the protocol");
                    self.inboxes.entry(conn).or_default().push(message);
                }
                Effect::Close(conn, farewell) => self.closed.push((conn, farewell)),
                Effect::Store(entry) => self.entries.push(entry),
                Effect::Deed(deed) => self.deeds.push(deed),
                Effect::Refused(_) => {}
            }
        }
        result
    }

    pub(super) fn room(&mut self) -> String {
        self.made(NewRoom::plain()).code
    }

    /// A room of this kind, as its maker is told of it.
    pub(super) fn made(&mut self, new: NewRoom) -> RoomCreated {
        self.with_effects(|hub, now, out| hub.create_room(HERE, new, now, out)).expect("a room")
    }

    fn connect_from(&mut self, address: IpAddr) -> ConnId {
        let conn = self.next_conn;
        self.next_conn += 1;
        self.hub.connected(conn, address);
        conn
    }

    fn connect(&mut self) -> ConnId {
        self.connect_from(HERE)
    }

    pub(super) fn say(&mut self, conn: ConnId, message: ClientMessage) {
        self.with_effects(|hub, now, out| hub.message(conn, message, Known::default(), now, out));
    }

    /// Says something and gives the answers to it.
    fn ask(&mut self, conn: ConnId, message: ClientMessage) -> Vec<ServerMessage> {
        self.inboxes.remove(&conn);
        self.say(conn, message);
        self.heard(conn)
    }

    /// What a connection was sent since it was last asked.
    pub(super) fn heard(&mut self, conn: ConnId) -> Vec<ServerMessage> {
        self.inboxes.remove(&conn).unwrap_or_default()
    }

    /// Says something that is refused and gives the code.
    #[track_caller]
    fn refusal(&mut self, conn: ConnId, message: ClientMessage) -> ErrorCode {
        let shown = format!("{message:?}");
        match self.ask(conn, message).as_slice() {
            [ServerMessage::Error { code, message }] => {
                assert!(message.ends_with('.') && message.len() > 20, "no sentence: {message}");
                *code
            }
            other => panic!("{shown} was answered with {other:?}"),
        }
    }

    fn hello(&mut self, resume_token: Option<String>) -> (Someone, bool) {
        let conn = self.connect();
        self.say(conn, hello(resume_token));
        let inbox = self.inboxes.get_mut(&conn).expect("an answer");
        match inbox.remove(0) {
            ServerMessage::Welcome { user_id, resume_token, resumed, .. } => {
                (Someone { conn, id: user_id, token: resume_token }, resumed)
            }
            other => panic!("hello was answered with {other:?}"),
        }
    }

    /// Somebody who is in the room; everybody has heard of it.
    #[track_caller]
    pub(super) fn member(&mut self, code: &str, name: &str) -> Someone {
        let (someone, _) = self.hello(None);
        match self.ask(someone.conn, join(code, name)).as_slice() {
            [ServerMessage::Join { user_id, .. }, ..] => assert_eq!(*user_id, someone.id),
            other => panic!("join was answered with {other:?}"),
        }
        self.inboxes.clear();
        someone
    }

    pub(super) fn drop_socket(&mut self, conn: ConnId) {
        self.with_effects(|hub, now, out| hub.disconnected(conn, now, out));
    }
}

/// When these tests take place: any time will do.
const UNIX_MS: i64 = 1_780_000_000_000;

pub(super) fn keys() -> Keys {
    Keys::new(b"a secret for tests, which is long enough")
}

pub(super) fn hello(resume_token: Option<String>) -> ClientMessage {
    ClientMessage::Hello { version: VERSION, client: "test".into(), resume_token, account_token: None }
}

pub(super) fn join(code: &str, name: &str) -> ClientMessage {
    ClientMessage::Join {
        room_id: code.into(),
        name: name.into(),
        media: MediaState::default(),
        token: None,
        user_id: None,
    }
}

pub(super) fn join_with(code: &str, token: Option<String>) -> ClientMessage {
    let media = MediaState::default();
    ClientMessage::Join { room_id: code.into(), name: "Somebody".into(), media, token, user_id: None }
}

/// As a program says it that knows only rooms and users.
pub(super) fn watch(room: &str, calls_itself: &str) -> ClientMessage {
    let text = format!(r#"{{"event":"join","data":{{"roomId":"{room}","userId":"{calls_itself}"}}}}"#);
    ClientMessage::parse(&text).expect("a join")
}

fn offer(to: &Someone, sdp: &str) -> ClientMessage {
    ClientMessage::Offer { to: to.id.clone(), sdp: sdp.into() }
}

fn chat(text: &str) -> ClientMessage {
    ClientMessage::Chat { text: text.into() }
}

fn update(code: &str, who: &Someone, change: Change) -> ServerMessage {
    ServerMessage::Update { room_id: code.into(), user_id: who.id.clone(), change }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn two_meet_talk_and_part() {
    let mut world = World::new();
    let code = world.room();
    let ada = world.member(&code, "Ada");
    let (grace, resumed) = world.hello(None);
    assert!(!resumed);
    assert_ne!(grace.id, ada.id);

    let media = MediaState { audio: true, video: false };
    let spoken = code.replace('-', " ").to_uppercase();
    let answer = world.ask(
        grace.conn,
        ClientMessage::Join { room_id: spoken, name: " Grace ".into(), media, token: None, user_id: None },
    );
    let ada_listed = Participant {
        user_id: ada.id.clone(),
        name: "Ada".into(),
        media: MediaState::default(),
        away: false,
        role: Role::Guest,
    };
    let [ServerMessage::Join { room_id, user_id, participants, room: Some(room), token: Some(token) }] = &answer[..]
    else {
        panic!("join was answered with {answer:?}")
    };
    assert_eq!((room_id, user_id, participants), (&code, &grace.id, &vec![ada_listed]));
    let claims = keys().check(token, UNIX_MS, 0).expect("a good token");
    assert_eq!((&claims.room, claims.role, claims.sub.as_str()), (&room.id, Role::Guest, grace.id.0.as_str()));
    assert_eq!(world.heard(ada.conn), [update(&code, &grace, Change::Joined { name: "Grace".into(), media })]);

    assert_eq!(world.ask(grace.conn, offer(&ada, "an offer")), []);
    assert_eq!(world.heard(ada.conn), [ServerMessage::Offer { from: grace.id.clone(), sdp: "an offer".into() }]);
    world.say(ada.conn, ClientMessage::Answer { to: grace.id.clone(), sdp: "an answer".into() });
    assert_eq!(world.heard(grace.conn), [ServerMessage::Answer { from: ada.id.clone(), sdp: "an answer".into() }]);
    let candidate =
        IceCandidate { candidate: "c".into(), sdp_mid: None, sdp_m_line_index: Some(1), username_fragment: None };
    world.say(ada.conn, ClientMessage::IceCandidate { to: grace.id.clone(), candidate: candidate.clone() });
    assert_eq!(world.heard(grace.conn), [ServerMessage::IceCandidate { from: ada.id.clone(), candidate }]);

    world.pass(secs(7));
    let receipt = ServerMessage::Chat {
        from: ada.id.clone(),
        text: "hello".into(),
        sent_at_ms: UNIX_MS + 7000,
        name: None,
        earlier: false,
    };
    let own = world.ask(ada.conn, chat("hello"));
    assert_eq!((own, world.heard(grace.conn)), (vec![receipt.clone()], vec![receipt]));

    let off = MediaState { audio: false, video: false };
    assert_eq!(world.ask(ada.conn, ClientMessage::media(off)), []);
    assert_eq!(world.heard(grace.conn), [update(&code, &ada, Change::Media { media: off })]);

    assert_eq!(world.ask(ada.conn, ClientMessage::Ping { nonce: 9 }), [ServerMessage::Pong { nonce: 9 }]);
    let left = ServerMessage::Leave { room_id: code.clone(), user_id: ada.id.clone() };
    assert_eq!(world.ask(ada.conn, ClientMessage::Leave {}), [left]);
    assert_eq!(world.heard(grace.conn), [update(&code, &ada, Change::Left { reason: LeaveReason::Left })]);
    // The socket is as good as before.
    assert!(matches!(world.ask(ada.conn, join(&code, "Ada")).as_slice(), [ServerMessage::Join { .. }, ..]));
}

#[test]
fn nothing_crosses_from_room_to_room() {
    let mut world = World::new();
    let (one, two) = (world.room(), world.room());
    let (ada, grace) = (world.member(&one, "Ada"), world.member(&one, "Grace"));
    let (alan, edsger) = (world.member(&two, "Alan"), world.member(&two, "Edsger"));
    world.inboxes.clear();

    assert_eq!(world.refusal(ada.conn, offer(&alan, "sdp")), ErrorCode::UnknownPeer);
    world.say(ada.conn, chat("for room one"));
    world.say(ada.conn, ClientMessage::media(MediaState::default()));
    world.drop_socket(ada.conn);
    assert_eq!(world.heard(grace.conn).len(), 3);
    assert_eq!((world.heard(alan.conn), world.heard(edsger.conn)), (vec![], vec![]));

    // One who left hears nothing more, and cannot be reached.
    let grace_left = world.ask(grace.conn, ClientMessage::Leave {});
    assert_eq!(grace_left.len(), 1);
    let newcomer = world.member(&one, "Barbara");
    assert_eq!(world.refusal(newcomer.conn, offer(&grace, "sdp")), ErrorCode::UnknownPeer);
    world.say(newcomer.conn, chat("anybody?"));
    assert_eq!(world.heard(grace.conn), []);
}

#[test]
fn an_offer_goes_to_its_receiver_only() {
    let mut world = World::new();
    let code = world.room();
    let (ada, grace, alan) = (world.member(&code, "A"), world.member(&code, "G"), world.member(&code, "L"));
    world.inboxes.clear();
    world.say(ada.conn, offer(&alan, "for alan"));
    assert_eq!(world.heard(alan.conn).len(), 1);
    assert_eq!((world.heard(ada.conn), world.heard(grace.conn)), (vec![], vec![]));
}

#[test]
fn an_unused_room_is_forgotten_and_a_used_one_is_not() {
    let mut world = World::new();
    let code = world.room();
    let day = Limits::default().room_expiry;
    world.pass(day - secs(1));
    let ada = world.member(&code, "Ada");
    world.pass(10 * day);
    let grace = world.member(&code, "Grace");
    for someone in [&ada, &grace] {
        world.say(someone.conn, ClientMessage::Leave {});
    }
    world.pass(day - secs(1));
    assert_eq!(world.hub.room_info(HERE, &code, world.now()).expect("a room").participant_count, 0);
    world.pass(secs(1));
    assert_eq!(world.refusal(ada.conn, join(&code, "Ada")), ErrorCode::UnknownRoom);
    assert_eq!(world.hub.next_deadline(), None);
    assert!(matches!(world.entries.last(), Some(Entry::RoomForgotten { .. })));
}

#[test]
fn everybody_is_told_when_the_server_goes_down() {
    let mut world = World::new();
    let code = world.room();
    let ada = world.member(&code, "Ada");
    let stranger = world.connect();
    world.with_effects(|hub, now, out| hub.shut_down(now, out));
    for conn in [ada.conn, stranger] {
        let heard = world.heard(conn);
        assert!(matches!(heard.as_slice(), [ServerMessage::Error { code: ErrorCode::ShuttingDown, .. }]), "{heard:?}");
        assert!(world.closed.contains(&(conn, Farewell::ShuttingDown)));
    }
}
