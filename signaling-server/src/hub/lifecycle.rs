//! How rooms begin and end, and what may be known about them.
//!
//! Invariant: a room that is in `rooms` is in `ids`, and has its deadlines: for its end if it has one, and while it is
//! unused. With the room they go.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use jiff::Timestamp;
use rand::CryptoRng;
use sightline_protocol::{
    EndReason, ErrorCode, LeaveReason, LiveRoom, Refusal, Role, RoomCode, RoomCreated, RoomInfo, RoomLine, RoomWish,
    ServerMessage, TokenIssued, account::name_key, limits,
};

use super::{
    Deadline, Effect, Hub, Now, Seat,
    room::{Presence, Room, Terms},
    send,
};
use crate::{
    auth::{self, Claims},
    code,
    store::Entry,
};

/// Those in a room are told so many seconds before its end.
const WARNINGS: [u32; 3] = [300, 60, 10];

/// Who makes a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MadeBy {
    /// Name of the account, where there is one.
    pub(crate) account: Option<String>,
}

/// A room that is wished for, looked through.
#[derive(Debug, Clone)]
pub(crate) struct NewRoom {
    wish: RoomWish,
    /// Hash of the password (PHC string).
    password: Option<String>,
    by: MadeBy,
}

impl NewRoom {
    /// Looks a wish through. Its password is hashed already, by whoever has the time for it.
    ///
    /// # Errors
    /// `bad-message`, with what is wrong.
    pub(crate) fn new(mut wish: RoomWish, password: Option<String>, by: MadeBy) -> Result<Self, Refusal> {
        let wrong = |message: String| Err(Refusal::new(ErrorCode::BadMessage, message));
        if let Some(name) = &mut wish.room_name {
            *name = name.trim().to_owned();
            if name.chars().count() > limits::ROOM_NAME_CHARS || name.chars().any(char::is_control) {
                return wrong(format!(
                    "A room's name has at most {} characters and no control characters.",
                    limits::ROOM_NAME_CHARS
                ));
            }
        }
        for (minutes, what) in [(wish.expires_in_minutes, "expiresInMinutes"), (wish.empty_minutes, "emptyMinutes")] {
            if minutes.is_some_and(|minutes| !(1..=limits::ROOM_MINUTES).contains(&minutes)) {
                return wrong(format!("{what} is a whole number from 1 to {} (a year).", limits::ROOM_MINUTES));
            }
        }
        if wish.max_participants.is_some_and(|most| !(2..=64).contains(&most)) {
            return wrong("maxParticipants is a whole number from 2 to 64.".into());
        }
        if wish.invited.len() > limits::INVITED {
            return wrong(format!("A room's list has at most {} accounts.", limits::INVITED));
        }
        if wish.invited.iter().any(|name| name.is_empty() || name.chars().count() > limits::NAME_CHARS) {
            return wrong("Those who are invited are named by the names of their accounts.".into());
        }
        wish.room_name = wish.room_name.filter(|name| !name.is_empty());
        wish.password = None;
        Ok(Self { wish, password, by })
    }

    /// A room with nothing special about it.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(RoomWish::default(), None, MadeBy::default()).expect("nothing is wrong with it")
    }
}

/// What a token is wished for with, looked through by the guard.
#[derive(Debug, Clone)]
pub(crate) struct TokenOrder {
    /// The room, as it was named.
    pub(crate) room: String,
    pub(crate) role: Role,
    pub(crate) name: Option<String>,
    pub(crate) minutes: Option<u32>,
    /// A host of the room or an admin asks.
    pub(crate) trusted: bool,
    /// Name of the account that asks.
    pub(crate) account: Option<String>,
}

impl Hub {
    /// A new room for whoever asks.
    pub(crate) fn create_room(
        &mut self,
        address: IpAddr,
        new: NewRoom,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<RoomCreated, Refusal> {
        if !self.creations.take(address, now.at) {
            return Err(Refusal::new(ErrorCode::TooFast, "Too many new rooms from your address. Wait a few seconds."));
        }
        let (code, terms) = self.make_room(new, false, now, out)?;
        let token = self.token_for(&terms, Role::Host, "", None, now)?;
        Ok(RoomCreated {
            id: terms.id,
            name: terms.name,
            code: code.to_string(),
            link: String::new(),
            web_link: String::new(),
            created_at: date(terms.created_ms),
            expires_at: terms.expires_ms.map(date),
            max_participants: terms.max_participants,
            password_needed: terms.password.is_some(),
            waiting_room: terms.waiting_room,
            token: self.keys.issue(&token)?,
        })
    }

    /// A new room, whoever wants it; it begins unused.
    pub(super) fn make_room(
        &mut self,
        new: NewRoom,
        pair: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(RoomCode, Terms), Refusal> {
        if self.rooms.len() >= self.config.limits.max_rooms {
            return Err(Refusal::new(
                ErrorCode::ServerFull,
                "This server has no room left for another room. Try later.",
            ));
        }
        let NewRoom { wish, password, by } = new;
        let code = loop {
            let code = code::new_code(&mut self.rng);
            if !self.rooms.contains_key(&code) {
                break code;
            }
        };
        let minutes = |minutes: u32| Duration::from_secs(60 * u64::from(minutes));
        let expires_ms = wish.expires_in_minutes.map(|after| now.unix_ms + minutes(after).as_millis() as i64);
        let terms = Terms {
            id: auth::new_id('r', &mut self.rng),
            name: wish.room_name.unwrap_or_else(|| code::new_name(&mut self.rng)),
            created_ms: now.unix_ms,
            expires_ms,
            empty: wish.empty_minutes.map_or(self.config.limits.room_expiry, minutes),
            max_participants: wish.max_participants.unwrap_or(u32::MAX).min(self.config.max_participants),
            password,
            waiting_room: wish.waiting_room,
            invited: wish.invited.into_iter().collect::<BTreeSet<_>>(),
            locked: false,
            pair,
        };
        let until = now.at + terms.empty;
        self.deadlines.insert((until, Deadline::Room(code.clone())));
        self.open_room(code.clone(), Room::new(terms.clone(), until), now);
        tracing::info!(rooms = self.rooms.len(), "room made");
        out.push(Effect::Store(Entry::RoomMade {
            code: code.clone(),
            terms: terms.clone(),
            by: by.account,
            unix_ms: now.unix_ms,
        }));
        Ok((code, terms))
    }

    /// Takes a room in, with the deadlines of its end.
    pub(super) fn open_room(&mut self, code: RoomCode, room: Room, now: Now) {
        if let Some(expires_ms) = room.terms.expires_ms {
            let left = Duration::from_millis(u64::try_from(expires_ms - now.unix_ms).unwrap_or(0));
            self.deadlines.insert((now.at + left, Deadline::End(code.clone())));
            for seconds in WARNINGS {
                if let Some(until) = left.checked_sub(Duration::from_secs(seconds.into())) {
                    self.deadlines.insert((now.at + until, Deadline::Warning(code.clone(), seconds)));
                }
            }
        }
        self.ids.insert(room.terms.id.clone(), code.clone());
        self.rooms.insert(code, room);
    }

    /// Ends a room for all who are in it, at its door or looking in.
    pub(super) fn end_room(&mut self, code: &RoomCode, reason: EndReason, now: Now, out: &mut Vec<Effect>) {
        let Some(mut room) = self.rooms.remove(code) else { return };
        self.ids.remove(&room.terms.id);
        self.deadlines.retain(|(_, deadline)| match deadline {
            Deadline::Room(other) | Deadline::End(other) | Deadline::Warning(other, _) => other != code,
            Deadline::Place(_) => true,
        });
        let ended = |calls_it: &str| ServerMessage::Ended { room_id: calls_it.to_owned(), reason };
        let everybody: Vec<_> = room.members().iter().map(|member| member.user.clone()).collect();
        for user in everybody {
            self.places.remove(&user);
            let Some(member) = room.remove(&user) else { continue };
            match member.presence {
                Presence::Here(conn) => {
                    self.set_seat(conn, Seat::Nowhere);
                    out.push(send(conn, &ended(code.as_str())));
                }
                Presence::Away(away) => {
                    self.deadlines.remove(&(away.until, Deadline::Place(user.clone())));
                    self.budget.give_back(&away);
                }
            }
            out.push(Effect::Store(Entry::PlaceLeft {
                user,
                code: code.clone(),
                room: room.terms.id.clone(),
                reason: LeaveReason::Ended,
                unix_ms: now.unix_ms,
            }));
        }
        for waiter in &room.waiting {
            self.set_seat(waiter.conn, Seat::Nowhere);
            out.push(send(waiter.conn, &ended(code.as_str())));
        }
        for observer in &room.observers {
            self.set_seat(observer.conn, Seat::Nowhere);
            out.push(send(observer.conn, &ended(&observer.calls_it)));
            out.push(room.stay_ended(&observer.user, LeaveReason::Ended, now));
        }
        if room.terms.pair && reason != EndReason::Partner {
            self.pair_came_to_nothing(code, now, out);
        }
        tracing::info!(reason = reason.as_str(), rooms = self.rooms.len(), "room ended");
        out.push(Effect::Store(Entry::RoomForgotten {
            code: code.clone(),
            room: room.terms.id,
            reason,
            unix_ms: now.unix_ms,
        }));
    }

    /// Ends a room by its id or code, for whoever may.
    pub(crate) fn end_room_named(
        &mut self,
        name: &str,
        reason: EndReason,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let code = self.known(name).ok_or_else(no_such_room)?;
        self.end_room(&code, reason, now, out);
        Ok(())
    }

    /// What may be known about a room from outside.
    pub(crate) fn room_info(&mut self, address: IpAddr, name: &str, now: Now) -> Result<RoomInfo, Refusal> {
        let code = self.find_room(address, name, now)?;
        let room = self.rooms.get(&code).ok_or_else(no_such_room)?;
        let terms = &room.terms;
        Ok(RoomInfo {
            id: terms.id.clone(),
            name: terms.name.clone(),
            code: code.to_string(),
            created_at: date(terms.created_ms),
            expires_at: terms.expires_ms.map(date),
            participant_count: room.members().len() as u32,
            max_participants: terms.max_participants,
            password_needed: terms.password.is_some(),
            waiting_room: terms.waiting_room,
            locked: terms.locked,
            invitation_needed: !terms.invited.is_empty(),
        })
    }

    /// Id and password hash of a room, for one who names it and wants a token.
    pub(crate) fn lock_of(
        &mut self,
        address: IpAddr,
        name: &str,
        now: Now,
    ) -> Result<(String, Option<String>), Refusal> {
        let code = self.find_room(address, name, now)?;
        let room = self.rooms.get(&code).ok_or_else(no_such_room)?;
        Ok((room.terms.id.clone(), room.terms.password.clone()))
    }

    /// Whether a token for a room was not called back, and the room is there.
    pub(crate) fn is_good(&self, id: &str, jti: &str) -> Result<(), Refusal> {
        let room = self.ids.get(id).and_then(|code| self.rooms.get(code));
        match room {
            None => Err(Refusal::new(ErrorCode::Unauthorized, "The room of this token is over.")),
            Some(room) if room.is_called_back(jti) => {
                Err(Refusal::new(ErrorCode::Unauthorized, "A host has called this token back."))
            }
            Some(_) => Ok(()),
        }
    }

    /// Somebody gave a password: a wrong one counts as a wrong code, and with too many a right one is refused, too.
    pub(crate) fn password_given(&mut self, address: IpAddr, fits: bool, now: Now) -> Result<(), Refusal> {
        if !self.guesses.has_one(address, now.at) {
            let message = "Too many wrong passwords or codes from your address. Wait half a minute.";
            return Err(Refusal::new(ErrorCode::TooFast, message));
        }
        if !fits {
            self.guesses.take(address, now.at);
            return Err(Refusal::new(ErrorCode::WrongPassword, "This is not the room's password. Try again."));
        }
        Ok(())
    }

    /// The id of the room with this code or id.
    pub(crate) fn id_of(&self, name: &str) -> Option<String> {
        self.known(name).and_then(|code| self.rooms.get(&code)).map(|room| room.terms.id.clone())
    }

    /// A token for a room. The password was looked at before.
    pub(crate) fn order_token(&mut self, order: &TokenOrder, now: Now) -> Result<TokenIssued, Refusal> {
        let code = self.known(&order.room).ok_or_else(no_such_room)?;
        let room = self.rooms.get(&code).ok_or_else(no_such_room)?;
        let terms = room.terms.clone();
        if !order.trusted {
            if order.role != Role::Guest {
                let message = "Only a host of this room, or an admin, makes tokens for hosts and observers.";
                return Err(Refusal::new(ErrorCode::Forbidden, message));
            }
            self.may_enter(&terms, order.account.as_deref())?;
        }
        let name = order.name.as_deref().unwrap_or("").trim();
        if name.chars().count() > limits::NAME_CHARS || name.chars().any(char::is_control) {
            let message = format!("A name has at most {} characters and no control characters.", limits::NAME_CHARS);
            return Err(Refusal::new(ErrorCode::BadMessage, message));
        }
        let mut claims = self.token_for(&terms, order.role, name, None, now)?;
        claims.admitted = order.trusted;
        if let Some(minutes) = order.minutes {
            claims.exp = claims.exp.min(claims.iat + 60 * i64::from(minutes));
        }
        Ok(TokenIssued { token: self.keys.issue(&claims)?, expires_at: date(1000 * claims.exp) })
    }

    /// Whether one without a host's word may come in: the list of those invited, and the lock.
    pub(super) fn may_enter(&self, terms: &Terms, account: Option<&str>) -> Result<(), Refusal> {
        if terms.locked {
            let message = "A host has locked this room: nobody new is let in. Ask somebody inside.";
            return Err(Refusal::new(ErrorCode::Locked, message));
        }
        let is_invited = |account: &str| {
            let account = name_key(account);
            terms.invited.iter().any(|invited| name_key(invited) == account)
        };
        if !terms.invited.is_empty() && !account.is_some_and(is_invited) {
            let message = "This room is for those who were invited. Sign in with the account that was.";
            return Err(Refusal::new(ErrorCode::NotInvited, message));
        }
        Ok(())
    }

    /// What a new token for a room says.
    pub(super) fn token_for(
        &mut self,
        terms: &Terms,
        role: Role,
        name: &str,
        user: Option<&str>,
        now: Now,
    ) -> Result<Claims, Refusal> {
        let iat = now.unix_ms / 1000;
        let end = terms.expires_ms.map_or(i64::MAX, |ms| ms / 1000);
        Ok(Claims {
            room: terms.id.clone(),
            role,
            name: name.to_owned(),
            sub: user.map_or_else(|| auth::new_id('p', &mut self.rng), str::to_owned),
            jti: auth::new_id('j', &mut self.rng),
            iat,
            exp: end.min(iat + auth::TOKEN_S),
            admitted: false,
            offers: None,
        })
    }

    /// The rooms that `may_see` says yes to, the newest first.
    pub(crate) fn list_rooms(&self, may_see: impl Fn(&Terms) -> bool) -> Vec<RoomLine> {
        let mut rooms: Vec<_> = self.rooms.iter().filter(|(_, room)| may_see(&room.terms)).collect();
        rooms.sort_by(|(_, a), (_, b)| (b.terms.created_ms, &b.terms.id).cmp(&(a.terms.created_ms, &a.terms.id)));
        let line = |(code, room): (&RoomCode, &Room)| RoomLine {
            room_id: room.terms.id.clone(),
            name: room.terms.name.clone(),
            participant_count: room.members().len() as u32,
            created_at: date(room.terms.created_ms),
            live: Some(LiveRoom {
                code: code.to_string(),
                expires_at: room.terms.expires_ms.map(date),
                max_participants: room.terms.max_participants,
                locked: room.terms.locked,
                participants: room.participants().collect(),
                waiting: room.waiting.len() as u32,
                observers: room.observers.len() as u32,
            }),
        };
        rooms.into_iter().map(line).collect()
    }

    /// The room with this code or id, for one who named it. Wrong ones are counted; with too many, right ones are refused
    /// too, or a guesser would learn from what is refused.
    pub(super) fn find_room(&mut self, address: IpAddr, name: &str, now: Now) -> Result<RoomCode, Refusal> {
        if !self.guesses.has_one(address, now.at) {
            let message = "Too many unknown codes from your address. Wait half a minute, then check the words.";
            return Err(Refusal::new(ErrorCode::TooFast, message));
        }
        self.known(name).ok_or_else(|| {
            self.guesses.take(address, now.at);
            no_such_room()
        })
    }

    /// The room with this code or id.
    pub(super) fn known(&self, name: &str) -> Option<RoomCode> {
        let by_code = || RoomCode::parse(name).filter(|code| self.rooms.contains_key(code));
        self.ids.get(name).cloned().or_else(by_code)
    }
}

fn no_such_room() -> Refusal {
    Refusal::new(ErrorCode::UnknownRoom, "No room has this code. Check the words, or ask for a new one.")
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn date(unix_ms: i64) -> String {
    // Times beyond the calendar come from clocks that are wrong beyond mending.
    Timestamp::from_second(unix_ms.div_euclid(1000)).unwrap_or_default().to_string()
}

/// A participant's own key: for programs that were never told one.
pub(super) fn new_user(rng: &mut impl CryptoRng) -> String {
    auth::new_id('o', rng)
}
