//! Who is in which room, and who gets which message: every decision of the server, without sockets, tasks or clocks.
//!
//! Invariants: a message reaches members of its sender's room and nobody else. What is sent to a member either gets to it
//! or the member is out of the room and the others know. Nobody who left or was replaced can make anything happen.
//!
//! Things happen to a [`Hub`] by calls that are handed the time; what is to be done about it comes out as [`Effect`]s, in
//! order. One task owns it (see `switch.rs`).

mod requests;
mod room;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::extract::ws::Utf8Bytes;
use rand::rngs::StdRng;
use sightline_protocol::{
    Change, ClientMessage, ErrorCode, LeaveReason, Refusal, RoomCode, RoomCreated, RoomInfo, ServerMessage, UserId,
};

use crate::{
    code,
    config::Config,
    limiter::ByAddress,
    store::{Entry, Restored},
    token::TokenHash,
};
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
}

/// Why the server closes a connection in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// Another connection resumed its participant.
    Replaced,
    /// The server is going down.
    ShuttingDown,
}

/// Something that happens by itself. Ordered by time in [`Hub::deadlines`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// The place of a member who is away is given up.
    Place(UserId),
    /// A room that nobody is in is forgotten.
    Room(RoomCode),
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
    room: Option<RoomCode>,
}

pub(crate) struct Hub {
    config: Config,
    rng: StdRng,
    clients: HashMap<ConnId, Client>,
    rooms: HashMap<RoomCode, Room>,
    /// The room of each participant who is in one, here or away.
    places: HashMap<UserId, RoomCode>,
    /// Exactly one entry for each member who is away and each room without members.
    deadlines: BTreeSet<(Instant, Deadline)>,
    /// What all who are away may still be kept for.
    budget: Budget,
    guesses: ByAddress,
    creations: ByAddress,
}

impl Hub {
    pub(crate) fn new(config: Config, rng: StdRng, now: Now) -> Self {
        Self {
            rng,
            clients: HashMap::new(),
            rooms: HashMap::new(),
            places: HashMap::new(),
            deadlines: BTreeSet::new(),
            budget: Budget::new(&config.limits),
            guesses: ByAddress::new(config.limits.guesses, now.at),
            creations: ByAddress::new(config.limits.creations, now.at),
            config,
        }
    }

    /// Takes up what a database kept. Everybody is away, and has as long to come back as after a lost socket.
    pub(crate) fn restore(&mut self, restored: Vec<Restored>, now: Now) {
        let back_by = now.at + self.config.limits.resume;
        for Restored { code, last_used_ms, members } in restored {
            // A clock that was set back must not keep a room for ever, nor one set forward drop it too early by much.
            let unused = Duration::from_millis(u64::try_from(now.unix_ms - last_used_ms).unwrap_or(0));
            let expires = now.at + self.config.limits.room_expiry.saturating_sub(unused);
            let mut room = Room::new(expires);
            if members.is_empty() {
                self.deadlines.insert((expires, Deadline::Room(code.clone())));
            }
            for member in members {
                self.places.insert(member.user.clone(), code.clone());
                self.deadlines.insert((back_by, Deadline::Place(member.user.clone())));
                room.add(Member {
                    user: member.user,
                    name: member.name,
                    media: member.media,
                    token: member.token,
                    presence: Presence::away_since_restart(back_by),
                });
            }
            self.rooms.insert(code, room);
        }
    }

    /// How many rooms there are.
    pub(crate) fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// A new room for whoever asks.
    pub(crate) fn create_room(
        &mut self,
        address: IpAddr,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<RoomCreated, Refusal> {
        if self.rooms.len() >= self.config.limits.max_rooms {
            return Err(Refusal::new(
                ErrorCode::ServerFull,
                "This server has no room left for another room. Try later.",
            ));
        }
        if !self.creations.take(address, now.at) {
            return Err(Refusal::new(ErrorCode::TooFast, "Too many new rooms from your address. Wait a few seconds."));
        }
        let code = loop {
            let code = code::new_code(&mut self.rng);
            if !self.rooms.contains_key(&code) {
                break code;
            }
        };
        let expires = now.at + self.config.limits.room_expiry;
        self.rooms.insert(code.clone(), Room::new(expires));
        tracing::info!(rooms = self.rooms.len(), "room made");
        self.deadlines.insert((expires, Deadline::Room(code.clone())));
        out.push(Effect::Store(Entry::RoomMade { code: code.clone(), unix_ms: now.unix_ms }));
        Ok(RoomCreated { code: code.to_string(), max_participants: self.config.max_participants })
    }

    /// What may be known about a room from outside.
    pub(crate) fn room_info(&mut self, address: IpAddr, code: &str, now: Now) -> Result<RoomInfo, Refusal> {
        let code = self.find_room(address, code, now)?;
        let participant_count = self.rooms.get(&code).map_or(0, |room| room.members().len()) as u32;
        Ok(RoomInfo { code: code.into(), participant_count, max_participants: self.config.max_participants })
    }

    /// A socket was opened.
    pub(crate) fn connected(&mut self, conn: ConnId, address: IpAddr) {
        self.clients.insert(conn, Client { address, greeted: None });
    }

    /// A socket is gone, however it ended. A member keeps its place for a while.
    pub(crate) fn disconnected(&mut self, conn: ConnId, now: Now, out: &mut Vec<Effect>) {
        let Some((user, code)) = self.forget(conn) else { return };
        let Some(room) = self.rooms.get_mut(&code) else { return };
        let until = now.at + self.config.limits.resume;
        room.set_presence(&user, Presence::away(until));
        room.tell_of(&code, &user, Change::Away {}, out);
        self.deadlines.insert((until, Deadline::Place(user)));
    }

    /// The outgoing queue of a connection is full, and it was cut. It loses its place: what it missed it will never get.
    pub(crate) fn too_slow(&mut self, conn: ConnId, now: Now, out: &mut Vec<Effect>) {
        if let Some((user, code)) = self.forget(conn) {
            self.remove_member(&code, &user, LeaveReason::TooSlow, now, out);
        }
    }

    /// A message that cannot be followed, whatever the hub knows.
    pub(crate) fn refuse(&mut self, conn: ConnId, refusal: Refusal, out: &mut Vec<Effect>) {
        if self.clients.contains_key(&conn) {
            tracing::debug!(conn, code = %refusal.code, "refused");
            out.push(send(conn, &refusal.into()));
        }
    }

    /// A client said something.
    pub(crate) fn message(&mut self, conn: ConnId, message: ClientMessage, now: Now, out: &mut Vec<Effect>) {
        if let Err(refusal) = self.follow(conn, message, now, out) {
            self.refuse(conn, refusal, out);
        }
    }

    /// The server is going down: everybody is told.
    pub(crate) fn shut_down(&mut self, out: &mut Vec<Effect>) {
        let message = "The server is going down. Calls go on; connect again in a moment.";
        let text = Utf8Bytes::from(ServerMessage::from(Refusal::new(ErrorCode::ShuttingDown, message)).to_json());
        for (conn, _) in self.clients.drain() {
            out.push(Effect::Send(conn, text.clone()));
            out.push(Effect::Close(conn, Farewell::ShuttingDown));
        }
    }

    /// When [`Self::tick`] is wanted next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
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
                Deadline::Room(code) => {
                    self.rooms.remove(&code);
                    out.push(Effect::Store(Entry::RoomForgotten { code }));
                }
            }
        }
    }

    /// Drops a connection; gives the seat it had.
    fn forget(&mut self, conn: ConnId) -> Option<(UserId, RoomCode)> {
        let greeted = self.clients.remove(&conn)?.greeted?;
        Some((greeted.user, greeted.room?))
    }

    /// Takes a member out for good and tells the others. Its connection, if it has one, is the caller's matter.
    fn remove_member(&mut self, code: &RoomCode, user: &UserId, reason: LeaveReason, now: Now, out: &mut Vec<Effect>) {
        self.places.remove(user);
        let Some(room) = self.rooms.get_mut(code) else { return };
        let Some(member) = room.remove(user) else { return };
        if let Presence::Away(away) = member.presence {
            self.deadlines.remove(&(away.until, Deadline::Place(user.clone())));
            self.budget.give_back(&away);
        }
        tracing::info!(?reason, members = room.members().len(), "left");
        room.tell_of(code, user, Change::Left { reason }, out);
        out.push(Effect::Store(Entry::PlaceLeft { user: user.clone(), code: code.clone(), unix_ms: now.unix_ms }));
        if room.members().is_empty() {
            let expires = now.at + self.config.limits.room_expiry;
            room.unused_until(expires);
            self.deadlines.insert((expires, Deadline::Room(code.clone())));
        }
    }
}

fn send(conn: ConnId, message: &ServerMessage) -> Effect {
    Effect::Send(conn, message.to_json().into())
}
