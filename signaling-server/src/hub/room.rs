//! One room: its members in the order in which they joined, and what waits for those who are away.
//!
//! Invariant: a member who is here has exactly one connection; one who is away has a bounded queue and a deadline.

use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use sightline_protocol::{Change, MediaState, Participant, RoomCode, ServerMessage, UserId};

use super::{ConnId, Effect};
use crate::{config::Limits, token::TokenHash};

#[derive(Debug)]
pub(super) struct Room {
    members: Vec<Member>,
    /// Set while nobody is in it: when it is forgotten.
    expires: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) user: UserId,
    pub(super) name: String,
    pub(super) media: MediaState,
    pub(super) token: TokenHash,
    pub(super) presence: Presence,
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
    since_restart: bool,
}

impl Presence {
    pub(super) fn away(until: Instant) -> Self {
        Self::Away(Away { until, waiting: Vec::new(), bytes: 0, since_restart: false })
    }

    pub(super) fn away_since_restart(until: Instant) -> Self {
        Self::Away(Away { until, waiting: Vec::new(), bytes: 0, since_restart: true })
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
    pub(super) fn new(expires: Instant) -> Self {
        Self { members: Vec::new(), expires: Some(expires) }
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn member(&self, user: &UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user == *user)
    }

    pub(super) fn add(&mut self, member: Member) {
        self.expires = None;
        self.members.push(member);
    }

    pub(super) fn remove(&mut self, user: &UserId) -> Option<Member> {
        let index = self.members.iter().position(|member| member.user == *user)?;
        Some(self.members.remove(index))
    }

    /// From now on it is not forgotten; gives when it would have been.
    pub(super) fn in_use(&mut self) -> Option<Instant> {
        self.expires.take()
    }

    pub(super) fn unused_until(&mut self, expires: Instant) {
        self.expires = Some(expires);
    }

    #[cfg(test)]
    pub(super) fn expires(&self) -> Option<Instant> {
        self.expires
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

    pub(super) fn is_away_since_restart(&self, user: &UserId) -> bool {
        let presence = self.member(user).map(|member| &member.presence);
        matches!(presence, Some(Presence::Away(Away { since_restart: true, .. })))
    }

    /// What one who comes in, or comes back, is told.
    pub(super) fn joined_message(&self, code: &RoomCode, user: &UserId) -> ServerMessage {
        let others = self.members.iter().filter(|member| member.user != *user);
        let participants = others.map(|member| Participant {
            user_id: member.user.clone(),
            name: member.name.clone(),
            media: member.media,
            away: matches!(member.presence, Presence::Away(_)),
        });
        ServerMessage::Join { room_id: code.to_string(), user_id: user.clone(), participants: participants.collect() }
    }

    /// Tells everybody else who is here. Those who are away get the list when they are back instead.
    pub(super) fn tell_of(&self, code: &RoomCode, user: &UserId, change: Change, out: &mut Vec<Effect>) {
        let message = ServerMessage::Update { room_id: code.to_string(), user_id: user.clone(), change };
        let text = Utf8Bytes::from(message.to_json());
        for member in self.members.iter().filter(|member| member.user != *user) {
            if let Presence::Here(conn) = member.presence {
                out.push(Effect::Send(conn, text.clone()));
            }
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

    fn member_mut(&mut self, user: &UserId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.user == *user)
    }
}
