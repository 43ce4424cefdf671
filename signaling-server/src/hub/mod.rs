//! Who is in which room, and who gets which message: every decision of the server, without sockets, tasks or clocks.
//!
//! Invariants: a message reaches members of its sender's room and nobody else. What is sent to a member either gets to it
//! or the member is out of the room and the others know. Nobody who left or was replaced can make anything happen.
//!
//! Things happen to a [`Hub`] by calls that are handed the time; what is to be done about it comes out as [`Effect`]s, in
//! order. One task owns it (see `switch.rs`).

mod hosting;
mod lifecycle;
mod meeting;
mod people;
mod requests;
mod room;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::extract::ws::Utf8Bytes;
use rand::rngs::StdRng;
use sightline_protocol::{
    Change, ClientMessage, EndReason, ErrorCode, LeaveReason, Refusal, RoomCode, ServerMessage, UserId, close,
};

use crate::{
    accounts::{Account, AccountId, Person, presence::Presence as Presences, ring::Rings},
    auth::Keys,
    config::Config,
    limiter::ByAddress,
    pairing::Queue,
    store::{Entry, Restored},
    token::TokenHash,
};
pub(crate) use lifecycle::{MadeBy, NewRoom, TokenOrder};
use meeting::Meeting;
pub(crate) use people::{Deed, Device, Known};
pub(crate) use room::Terms;
use room::{Budget, Member, Presence, Room};

/// Names a connection for as long as the process runs.
pub(crate) type ConnId = u64;

/// The time, both for what lies apart and for what is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) at: Instant,
    /// Milliseconds since the Unix epoch.
    pub(crate) unix_ms: i64,
}

/// What the hub wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Put this in the connection's outgoing queue; if it does not fit, cut the connection and say [`Hub::too_slow`].
    Send(ConnId, Utf8Bytes),
    /// Close the connection when its queue is written. The hub knows it no more.
    Close(ConnId, Farewell),
    /// Write this down.
    Store(Entry),
    /// Something was refused; for the figures only.
    Refused(ErrorCode),
    /// Tell the accounts' lists of this.
    Deed(Deed),
}

/// Why the server closes a connection in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// Another connection resumed its participant.
    Replaced,
    /// The server is going down.
    ShuttingDown,
    /// A host put its participant out.
    Removed,
}

impl Farewell {
    /// Code and reason of the close frame.
    pub(crate) fn close_frame(self) -> (u16, &'static str) {
        match self {
            Self::Replaced => (close::REPLACED, "replaced"),
            Self::ShuttingDown => (close::RESTART, "going down"),
            Self::Removed => (close::OUT, "put out"),
        }
    }
}

/// Something that happens by itself. Ordered by time in [`Hub::deadlines`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// The place of a member who is away is given up.
    Place(UserId),
    /// A room that nobody is in is forgotten.
    Room(RoomCode),
    /// Those in a room are told that it ends in so many seconds.
    Warning(RoomCode, u32),
    /// A room's time is up.
    End(RoomCode),
}

#[derive(Debug)]
struct Client {
    address: IpAddr,
    /// Since its hello.
    greeted: Option<Greeted>,
}

#[derive(Debug, Clone)]
struct Greeted {
    user: UserId,
    token: TokenHash,
    /// The account that this is a device of.
    account: Option<Account>,
    /// By which session of it.
    session: Option<TokenHash>,
    /// Whom that account blocks.
    blocked: HashSet<AccountId>,
    /// A program that said no hello has a name of its own for itself.
    calls_itself: Option<String>,
    seat: Seat,
}

/// Where a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seat {
    Nowhere,
    /// In this room.
    Member(RoomCode),
    /// At its door.
    Waiting(RoomCode),
    /// Looking into it.
    Observer(RoomCode),
}

pub(crate) struct Hub {
    config: Config,
    rng: StdRng,
    keys: Keys,
    clients: HashMap<ConnId, Client>,
    rooms: HashMap<RoomCode, Room>,
    /// The same rooms by their ids.
    ids: HashMap<String, RoomCode>,
    /// The room of each participant who is in one, here or away.
    places: HashMap<UserId, RoomCode>,
    /// Exactly one entry for each member who is away and each room without members, and those of rooms with an end.
    deadlines: BTreeSet<(Instant, Deadline)>,
    /// What all who are away may still be kept for.
    budget: Budget,
    guesses: ByAddress,
    creations: ByAddress,
    /// Which accounts have a device here.
    presence: Presences<ConnId>,
    /// Calls by name that ring.
    rings: Rings<ConnId>,
    /// Names of accounts that were here or looked for, as they are shown.
    names: HashMap<AccountId, String>,
    /// Who wait for a random partner or have one.
    queue: Queue<ConnId>,
    meetings: HashMap<ConnId, Meeting>,
}

impl Hub {
    pub(crate) fn new(config: Config, keys: Keys, rng: StdRng, now: Now) -> Self {
        Self {
            rng,
            keys,
            ids: HashMap::new(),
            clients: HashMap::new(),
            rooms: HashMap::new(),
            places: HashMap::new(),
            deadlines: BTreeSet::new(),
            budget: Budget::new(&config.limits),
            guesses: ByAddress::new(config.limits.guesses, now.at),
            creations: ByAddress::new(config.limits.creations, now.at),
            presence: Presences::default(),
            rings: Rings::new(now),
            names: HashMap::new(),
            queue: Queue::default(),
            meetings: HashMap::new(),
            config,
        }
    }

    /// Takes up what a database kept. Everybody is away, and has as long to come back as after a lost socket.
    pub(crate) fn restore(&mut self, restored: Vec<Restored>, now: Now) {
        let back_by = now.at + self.config.limits.resume;
        for Restored { code, terms, last_used_ms, members, removed } in restored {
            // A clock that was set back must not keep a room for ever, nor one set forward drop it too early by much.
            let unused = Duration::from_millis(u64::try_from(now.unix_ms - last_used_ms).unwrap_or(0));
            let unused_until = now.at + terms.empty.saturating_sub(unused);
            let mut room = Room::new(terms, unused_until);
            room.call_back(removed);
            if members.is_empty() {
                self.deadlines.insert((unused_until, Deadline::Room(code.clone())));
            }
            for member in members {
                self.places.insert(member.user.clone(), code.clone());
                self.deadlines.insert((back_by, Deadline::Place(member.user.clone())));
                room.add(Member {
                    user: member.user,
                    name: member.name,
                    media: member.media,
                    token: member.token,
                    role: member.role,
                    jtis: member.jtis,
                    account: member.account,
                    presence: Presence::away_since_restart(back_by),
                });
            }
            self.open_room(code, room, now);
        }
    }

    /// How many rooms there are.
    pub(crate) fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// How many rooms, and how many people in them.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.rooms.len(), self.places.len())
    }

    /// A socket was opened.
    pub(crate) fn connected(&mut self, conn: ConnId, address: IpAddr) {
        self.clients.insert(conn, Client { address, greeted: None });
    }

    /// A socket is gone, however it ended. A member keeps its place for a while.
    pub(crate) fn disconnected(&mut self, conn: ConnId, now: Now, out: &mut Vec<Effect>) {
        let Some(greeted) = self.clients.remove(&conn).and_then(|client| client.greeted) else { return };
        self.gone(conn, &greeted, now, out);
        match greeted.seat {
            Seat::Nowhere => {}
            Seat::Waiting(code) => self.stop_waiting(&code, &greeted.user, out),
            Seat::Observer(code) => self.stop_watching(&code, &greeted.user, LeaveReason::Lost, now, out),
            Seat::Member(code) => {
                let Some(room) = self.rooms.get_mut(&code) else { return };
                let until = now.at + self.config.limits.resume;
                room.set_presence(&greeted.user, Presence::away(until));
                room.tell_of(&code, &greeted.user, Change::Away {}, out);
                self.deadlines.insert((until, Deadline::Place(greeted.user)));
            }
        }
    }

    /// The outgoing queue of a connection is full, and it was cut. It loses its place: what it missed it will never get.
    pub(crate) fn too_slow(&mut self, conn: ConnId, now: Now, out: &mut Vec<Effect>) {
        let Some(greeted) = self.clients.remove(&conn).and_then(|client| client.greeted) else { return };
        self.gone(conn, &greeted, now, out);
        match greeted.seat {
            Seat::Nowhere => {}
            Seat::Waiting(code) => self.stop_waiting(&code, &greeted.user, out),
            Seat::Observer(code) => self.stop_watching(&code, &greeted.user, LeaveReason::TooSlow, now, out),
            Seat::Member(code) => self.remove_member(&code, &greeted.user, LeaveReason::TooSlow, now, out),
        }
    }

    /// A message that cannot be followed, whatever the hub knows.
    pub(crate) fn refuse(&mut self, conn: ConnId, refusal: Refusal, out: &mut Vec<Effect>) {
        if self.clients.contains_key(&conn) {
            tracing::debug!(conn, code = %refusal.code, "refused");
            out.push(Effect::Refused(refusal.code));
            out.push(send(conn, &refusal.into()));
        }
    }

    /// A connection is no device of an account and in no queue any more.
    fn gone(&mut self, conn: ConnId, greeted: &Greeted, now: Now, out: &mut Vec<Effect>) {
        self.stop_meeting(conn, now, out);
        match &greeted.account {
            Some(account) => self.device_went(conn, account.id, out),
            None => self.queue.forget(&Person::Guest(greeted.user.clone())),
        }
    }

    /// A client said something; `known` is what the accounts' lists say about it.
    pub(crate) fn message(
        &mut self,
        conn: ConnId,
        message: ClientMessage,
        known: Known,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.follow(conn, message, known, now, out) {
            self.refuse(conn, refusal, out);
        }
    }

    /// The server is going down: everybody is told.
    pub(crate) fn shut_down(&mut self, now: Now, out: &mut Vec<Effect>) {
        for room in self.rooms.values() {
            let members = room.members().iter().map(|member| &member.user);
            let observers = room.observers.iter().map(|observer| &observer.user);
            out.extend(members.chain(observers).map(|user| room.stay_ended(user, LeaveReason::Shutdown, now)));
        }
        let message = "The server is going down. Calls go on; connect again in a moment.";
        let text = Utf8Bytes::from(ServerMessage::from(Refusal::new(ErrorCode::ShuttingDown, message)).to_json());
        for (conn, _) in self.clients.drain() {
            out.push(Effect::Send(conn, text.clone()));
            out.push(Effect::Close(conn, Farewell::ShuttingDown));
        }
    }

    /// When [`Self::tick`] is wanted next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let rooms = self.deadlines.first().map(|(at, _)| *at);
        [rooms, self.rings.next_deadline(), self.queue.next_deadline()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut told = Vec::new();
        self.rings.tick(now, &mut told);
        self.tell_rings(told, out);
        self.pair(now, out);
        while let Some((at, deadline)) = self.deadlines.pop_first() {
            if at > now.at {
                self.deadlines.insert((at, deadline));
                return;
            }
            match deadline {
                Deadline::Place(user) => {
                    let Some(code) = self.places.get(&user).cloned() else { continue };
                    let restarted = self.rooms.get(&code).is_some_and(|room| room.is_away_since_restart(&user));
                    let reason = if restarted { LeaveReason::Shutdown } else { LeaveReason::Lost };
                    self.remove_member(&code, &user, reason, now, out);
                }
                Deadline::Room(code) => self.end_room(&code, EndReason::Empty, now, out),
                Deadline::Warning(code, seconds) => {
                    if let Some(room) = self.rooms.get(&code) {
                        room.tell_state(&code, Some(seconds), out);
                    }
                }
                Deadline::End(code) => self.end_room(&code, EndReason::Expired, now, out),
            }
        }
    }

    /// Takes a member out for good and tells the others. Its connection, if it has one, is the caller's matter.
    fn remove_member(&mut self, code: &RoomCode, user: &UserId, reason: LeaveReason, now: Now, out: &mut Vec<Effect>) {
        self.places.remove(user);
        let Some(room) = self.rooms.get_mut(code) else { return };
        let Some(member) = room.remove(user) else { return };
        if let Presence::Away(away) = &member.presence {
            self.deadlines.remove(&(away.until, Deadline::Place(user.clone())));
            self.budget.give_back(away);
        }
        tracing::info!(?reason, members = room.members().len(), "left");
        room.tell_of(code, user, Change::Left { reason }, out);
        out.push(Effect::Store(Entry::PlaceLeft {
            user: user.clone(),
            code: code.clone(),
            room: room.terms.id.clone(),
            reason,
            unix_ms: now.unix_ms,
        }));
        let pair = room.terms.pair;
        if room.members().is_empty() {
            let until = now.at + room.terms.empty;
            room.unused_until(until);
            self.deadlines.insert((until, Deadline::Room(code.clone())));
        }
        if pair {
            self.left_pair(code, &member, reason, now, out);
        }
    }
}

fn send(conn: ConnId, message: &ServerMessage) -> Effect {
    Effect::Send(conn, message.to_json().into())
}
