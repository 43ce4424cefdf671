//! One room: what was agreed when it was made, who is in it, who waits at its door and who watches, and its chat.
//!
//! Invariant: a member who is here has exactly one connection; one who is away has a bounded queue and a deadline. Those who
//! wait or watch have a connection and nothing that outlives it.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use axum::extract::ws::Utf8Bytes;
use sightline_protocol::{
    Change, LeaveReason, MediaState, Participant, Role, RoomCode, RoomState, ServerMessage, UserId, Waiting,
};

use super::{ConnId, Effect, Now};
use crate::{config::Limits, store::Entry, token::TokenHash};

/// What was agreed when the room was made, or decided by its hosts since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Unique for good.
    pub(crate) id: String,
    /// Shown name.
    pub(crate) name: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: i64,
    /// When it ends for all, likewise.
    pub(crate) expires_ms: Option<i64>,
    /// It ends when nobody was in it for so long.
    pub(crate) empty: Duration,
    /// Most members at a time.
    pub(crate) max_participants: u32,
    /// Hash of the password (PHC string), where there is one.
    pub(crate) password: Option<String>,
    /// Guests wait for a host.
    pub(crate) waiting_room: bool,
    /// Only these accounts; all, where it is empty.
    pub(crate) invited: BTreeSet<String>,
    /// Nobody new is let in.
    pub(crate) locked: bool,
    /// Made for two random partners.
    pub(crate) pair: bool,
}

#[derive(Debug)]
pub(super) struct Room {
    pub(super) terms: Terms,
    members: Vec<Member>,
    /// Set while nobody is in it: when it is forgotten.
    unused_until: Option<Instant>,
    pub(super) waiting: Vec<Waiter>,
    pub(super) observers: Vec<Observer>,
    chat: Chat,
    /// Unique ids of tokens that are good no more, the oldest first.
    removed: VecDeque<String>,
}

/// Tokens that a room remembers as called back: more than a host puts out in a day. The oldest are forgotten; a room that
/// needs more should be locked.
const MOST_REMOVED: usize = 1024;

/// Who wait at a door: a school class. More are told that the room is full.
pub(super) const MOST_WAITING: usize = 64;

/// Who watch a room: some scripts and an admin or two.
pub(super) const MOST_OBSERVERS: usize = 16;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) user: UserId,
    pub(super) name: String,
    pub(super) media: MediaState,
    pub(super) token: TokenHash,
    pub(super) role: Role,
    /// Unique ids of the room tokens it came with and was given.
    pub(super) jtis: Vec<String>,
    /// Name of its account.
    pub(super) account: Option<String>,
    pub(super) presence: Presence,
}

/// One who waits to be let in, with what it asked for.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) conn: ConnId,
    pub(super) user: UserId,
    pub(super) name: String,
    pub(super) media: MediaState,
    pub(super) role: Role,
    pub(super) jti: Option<String>,
}

/// One who watches.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) conn: ConnId,
    pub(super) user: UserId,
    pub(super) name: String,
    /// The room as it named it: a program that knows only ids hears of ids.
    pub(super) calls_it: String,
}

#[derive(Debug)]
pub(super) enum Presence {
    /// On this connection.
    Here(ConnId),
    /// Without one.
    Away(Away),
}

#[derive(Debug)]
pub(super) struct Away {
    /// When the place is given up.
    pub(super) until: Instant,
    /// What it gets when it is back.
    pub(super) waiting: Vec<Utf8Bytes>,
    bytes: usize,
    pub(super) since_restart: bool,
}

impl Presence {
    pub(super) fn away(until: Instant) -> Self {
        Self::Away(Away { until, waiting: Vec::new(), bytes: 0, since_restart: false })
    }

    pub(super) fn away_since_restart(until: Instant) -> Self {
        Self::Away(Away { until, waiting: Vec::new(), bytes: 0, since_restart: true })
    }
}

/// What was said in a room, for those who come later.
#[derive(Debug, Default)]
struct Chat {
    lines: VecDeque<ChatLine>,
    bytes: usize,
}

#[derive(Debug)]
struct ChatLine {
    from: UserId,
    name: String,
    text: String,
    sent_at_ms: i64,
}

/// Chat that a room keeps: the last so many texts, of at most so many bytes together. Ten thousand busy rooms are 640 MiB
/// at the very worst, and a chat of people is a hundredth of that.
const CHAT_LINES: usize = 200;
const CHAT_BYTES: usize = 64 * 1024;

impl Chat {
    fn keep(&mut self, line: ChatLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > CHAT_LINES || self.bytes > CHAT_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }
}

/// How much may wait for those who are away: for each, and what is left for all together.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    messages: usize,
    all_bytes_left: usize,
}

/// More waits for the member than may.
#[derive(Debug)]
pub(super) struct Overflow;

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { bytes: limits.away_bytes, messages: limits.away_messages, all_bytes_left: limits.all_away_bytes }
    }

    fn keep(&mut self, away: &mut Away, text: Utf8Bytes) -> Result<(), Overflow> {
        let length = text.len();
        if away.waiting.len() >= self.messages || away.bytes + length > self.bytes || length > self.all_bytes_left {
            return Err(Overflow);
        }
        self.all_bytes_left -= length;
        away.bytes += length;
        away.waiting.push(text);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn all_bytes_left(&self) -> usize {
        self.all_bytes_left
    }

    /// The queue of one who was away is taken or dropped.
    pub(super) fn give_back(&mut self, away: &Away) {
        self.all_bytes_left += away.bytes;
    }
}

impl Room {
    /// A room that nobody is in.
    pub(super) fn new(terms: Terms, unused_until: Instant) -> Self {
        Self {
            terms,
            members: Vec::new(),
            unused_until: Some(unused_until),
            waiting: Vec::new(),
            observers: Vec::new(),
            chat: Chat::default(),
            removed: VecDeque::new(),
        }
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn member(&self, user: &UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user == *user)
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() >= self.terms.max_participants as usize
    }

    pub(super) fn add(&mut self, member: Member) {
        self.unused_until = None;
        self.members.push(member);
    }

    pub(super) fn remove(&mut self, user: &UserId) -> Option<Member> {
        let index = self.members.iter().position(|member| member.user == *user)?;
        Some(self.members.remove(index))
    }

    /// From now on it is not forgotten; gives when it would have been.
    pub(super) fn in_use(&mut self) -> Option<Instant> {
        self.unused_until.take()
    }

    pub(super) fn unused_until(&mut self, until: Instant) {
        self.unused_until = Some(until);
    }

    #[cfg(test)]
    pub(super) fn is_unused_until(&self) -> Option<Instant> {
        self.unused_until
    }

    /// Gives the presence the member had.
    pub(super) fn set_presence(&mut self, user: &UserId, presence: Presence) -> Option<Presence> {
        self.member_mut(user).map(|member| std::mem::replace(&mut member.presence, presence))
    }

    pub(super) fn set_media(&mut self, user: &UserId, media: MediaState) {
        if let Some(member) = self.member_mut(user) {
            member.media = media;
        }
    }

    /// Makes a member something else, under a new token; gives the unique ids of those it had.
    pub(super) fn set_role(&mut self, user: &UserId, role: Role, jti: String) -> Vec<String> {
        let Some(member) = self.member_mut(user) else { return Vec::new() };
        member.role = role;
        std::mem::replace(&mut member.jtis, vec![jti])
    }

    pub(super) fn is_away_since_restart(&self, user: &UserId) -> bool {
        let presence = self.member(user).map(|member| &member.presence);
        matches!(presence, Some(Presence::Away(Away { since_restart: true, .. })))
    }

    /// The tokens with these unique ids are good no more.
    pub(super) fn call_back(&mut self, jtis: Vec<String>) {
        self.removed.extend(jtis);
        let beyond = self.removed.len().saturating_sub(MOST_REMOVED);
        self.removed.drain(..beyond);
    }

    pub(super) fn is_called_back(&self, jti: &str) -> bool {
        self.removed.iter().any(|removed| removed == jti)
    }

    /// To be written down: this one's stay is over, but no place is given up by it.
    pub(super) fn stay_ended(&self, user: &UserId, reason: LeaveReason, now: Now) -> Effect {
        let room = self.terms.id.clone();
        Effect::Store(Entry::StayEnded { room, user: user.clone(), reason, unix_ms: now.unix_ms })
    }

    pub(super) fn participants(&self) -> impl Iterator<Item = Participant> {
        self.members.iter().map(|member| Participant {
            user_id: member.user.clone(),
            name: member.name.clone(),
            media: member.media,
            away: matches!(member.presence, Presence::Away(_)),
            role: member.role,
        })
    }

    /// The room as somebody of this role sees it.
    pub(super) fn state(&self, role: Role) -> RoomState {
        let waiting = self.waiting.iter().filter(|_| role == Role::Host && !self.terms.pair);
        RoomState {
            id: self.terms.id.clone(),
            name: self.terms.name.clone(),
            role,
            locked: self.terms.locked,
            waiting_room: self.terms.waiting_room,
            expires_ms: self.terms.expires_ms,
            waiting: waiting.map(|one| Waiting { user_id: one.user.clone(), name: one.name.clone() }).collect(),
            observers: self
                .observers
                .iter()
                .map(|one| Waiting { user_id: one.user.clone(), name: one.name.clone() })
                .collect(),
        }
    }

    /// What one who comes in, or comes back, is told.
    pub(super) fn joined_message(
        &self,
        calls_it: &str,
        user: &UserId,
        role: Role,
        token: Option<String>,
    ) -> ServerMessage {
        ServerMessage::Join {
            room_id: calls_it.to_owned(),
            user_id: user.clone(),
            participants: self.participants().filter(|participant| participant.user_id != *user).collect(),
            room: Some(self.state(role)),
            token,
        }
    }

    /// Tells everybody else who is here, and those who watch. Those who are away get the list when they are back instead.
    pub(super) fn tell_of(&self, code: &RoomCode, user: &UserId, change: Change, out: &mut Vec<Effect>) {
        let message =
            ServerMessage::Update { room_id: code.to_string(), user_id: user.clone(), change: change.clone() };
        let text = Utf8Bytes::from(message.to_json());
        for member in self.members.iter().filter(|member| member.user != *user) {
            if let Presence::Here(conn) = member.presence {
                out.push(Effect::Send(conn, text.clone()));
            }
        }
        for observer in self.observers.iter().filter(|observer| observer.user != *user) {
            let text = if observer.calls_it == code.as_str() {
                text.clone()
            } else {
                let room_id = observer.calls_it.clone();
                ServerMessage::Update { room_id, user_id: user.clone(), change: change.clone() }.to_json().into()
            };
            out.push(Effect::Send(observer.conn, text));
        }
    }

    /// Tells each host who is here.
    pub(super) fn tell_hosts(&self, code: &RoomCode, user: &UserId, change: &Change, out: &mut Vec<Effect>) {
        for member in self.members.iter().filter(|member| member.role == Role::Host && member.user != *user) {
            if let Presence::Here(conn) = member.presence {
                let message =
                    ServerMessage::Update { room_id: code.to_string(), user_id: user.clone(), change: change.clone() };
                out.push(super::send(conn, &message));
            }
        }
    }

    /// Tells everybody what the room is like now; `seconds_left` in a warning.
    pub(super) fn tell_state(&self, code: &RoomCode, seconds_left: Option<u32>, out: &mut Vec<Effect>) {
        let message = |calls_it: &str, role| ServerMessage::Room {
            room_id: calls_it.to_owned(),
            room: self.state(role),
            seconds_left,
            token: None,
        };
        for member in &self.members {
            if let Presence::Here(conn) = member.presence {
                out.push(super::send(conn, &message(code.as_str(), member.role)));
            }
        }
        for observer in &self.observers {
            out.push(super::send(observer.conn, &message(&observer.calls_it, Role::Observer)));
        }
    }

    /// Sends a member something, or keeps it until the member is back.
    pub(super) fn deliver(
        &mut self,
        to: &UserId,
        text: Utf8Bytes,
        budget: &mut Budget,
        out: &mut Vec<Effect>,
    ) -> Result<(), Overflow> {
        match self.member_mut(to).map(|member| &mut member.presence) {
            Some(Presence::Here(conn)) => out.push(Effect::Send(*conn, text)),
            Some(Presence::Away(away)) => return budget.keep(away, text),
            None => {}
        }
        Ok(())
    }

    /// Keeps what was said for those who come later.
    pub(super) fn keep_chat(&mut self, from: &UserId, text: &str, sent_at_ms: i64) {
        let name = self.member(from).map(|member| member.name.clone()).unwrap_or_default();
        self.chat.keep(ChatLine { from: from.clone(), name, text: text.to_owned(), sent_at_ms });
    }

    /// What was said before somebody came in.
    pub(super) fn chat_so_far(&self) -> impl Iterator<Item = ServerMessage> {
        self.chat.lines.iter().map(|line| ServerMessage::Chat {
            from: line.from.clone(),
            text: line.text.clone(),
            sent_at_ms: line.sent_at_ms,
            name: Some(line.name.clone()),
            earlier: true,
        })
    }

    fn member_mut(&mut self, user: &UserId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.user == *user)
    }
}
