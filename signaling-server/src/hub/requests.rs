//! What a client may ask for, one function for each message.
//!
//! Invariant: a request is either followed whole or refused with nothing changed.

use std::net::IpAddr;

use axum::extract::ws::Utf8Bytes;
use sightline_protocol::{
    Change, ClientMessage, ErrorCode, LeaveReason, MediaState, Refusal, RoomCode, ServerMessage, UserId, VERSION,
    limits,
};

use super::{
    ConnId, Deadline, Effect, Farewell, Greeted, Hub, Now,
    room::{Member, Presence},
    send,
};
use crate::{
    store::Entry,
    token::{self, TokenHash},
};

impl Hub {
    /// Does what a client asks for, or says why not.
    pub(super) fn follow(
        &mut self,
        conn: ConnId,
        message: ClientMessage,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        // Replaced or cut while this was on its way.
        let Some(client) = self.clients.get(&conn) else { return Ok(()) };
        if let ClientMessage::Hello { version, resume_token, client } = message {
            tracing::debug!(conn, version, client = client.chars().take(64).collect::<String>(), "hello");
            return self.hello(conn, version, resume_token, now, out);
        }
        if client.greeted.is_none() {
            return Err(Refusal::new(
                ErrorCode::HelloFirst,
                "Say hello first: it is the first message on every socket.",
            ));
        }
        match message {
            ClientMessage::Hello { .. } => Ok(()),
            ClientMessage::Ping { nonce } => {
                out.push(send(conn, &ServerMessage::Pong { nonce }));
                Ok(())
            }
            ClientMessage::Join { room_id, name, media } => self.join(conn, &room_id, &name, media, now, out),
            ClientMessage::Leave {} => self.leave(conn, now, out),
            ClientMessage::Update { media } => self.update(conn, media, out),
            ClientMessage::Offer { to, sdp } => {
                self.relay(conn, &to, |from| ServerMessage::Offer { from, sdp }, now, out)
            }
            ClientMessage::Answer { to, sdp } => {
                self.relay(conn, &to, |from| ServerMessage::Answer { from, sdp }, now, out)
            }
            ClientMessage::IceCandidate { to, candidate } => {
                self.relay(conn, &to, |from| ServerMessage::IceCandidate { from, candidate }, now, out)
            }
            ClientMessage::Hint { to, hint } => {
                self.relay(conn, &to, |from| ServerMessage::Hint { from, hint }, now, out)
            }
            ClientMessage::Chat { text } => self.chat(conn, text, now, out),
        }
    }

    fn hello(
        &mut self,
        conn: ConnId,
        version: u16,
        resume_token: Option<String>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if self.clients.get(&conn).is_none_or(|client| client.greeted.is_some()) {
            return Err(Refusal::new(ErrorCode::BadMessage, "Hello was said already on this socket."));
        }
        if version != VERSION {
            let message =
                format!("This server speaks version {VERSION} of the protocol, not {version}. Update the older one.");
            return Err(Refusal::new(ErrorCode::UnsupportedVersion, message));
        }
        if let Some(token) = resume_token
            && let Some((user, code)) = self.place_of(&token)
        {
            self.resume(conn, user, code, token, now, out);
        } else {
            let (user, token) = token::issue(&mut self.rng);
            self.welcome(conn, Greeted { user, token: TokenHash::of(&token), room: None }, token, now, out);
        }
        Ok(())
    }

    /// The place that a token is good for.
    fn place_of(&self, token: &str) -> Option<(UserId, RoomCode)> {
        let user = token::owner(token)?;
        let code = self.places.get(&user)?;
        let member = self.rooms.get(code)?.member(&user)?;
        member.token.is_of(token).then(|| (user, code.clone()))
    }

    fn welcome(&mut self, conn: ConnId, greeted: Greeted, token: String, now: Now, out: &mut Vec<Effect>) {
        let turn = self.config.turn.iter().map(|turn| turn.for_client(&greeted.user, now.unix_ms));
        let message = ServerMessage::Welcome {
            version: VERSION,
            user_id: greeted.user.clone(),
            resume_token: token,
            resume_seconds: self.config.limits.resume.as_secs() as u32,
            resumed: greeted.room.is_some(),
            ice_servers: self.config.ice_servers.iter().cloned().chain(turn).collect(),
        };
        if let Some(client) = self.clients.get_mut(&conn) {
            client.greeted = Some(greeted);
        }
        out.push(send(conn, &message));
    }

    fn resume(&mut self, conn: ConnId, user: UserId, code: RoomCode, token: String, now: Now, out: &mut Vec<Effect>) {
        let greeted = Greeted { user: user.clone(), token: TokenHash::of(&token), room: Some(code.clone()) };
        self.welcome(conn, greeted, token, now, out);
        let Some(room) = self.rooms.get_mut(&code) else { return };
        out.push(send(conn, &room.joined_message(&code, &user)));
        match room.set_presence(&user, Presence::Here(conn)) {
            Some(Presence::Here(old)) => {
                self.clients.remove(&old);
                let message = "Another connection has taken this participant over.";
                out.push(send(old, &Refusal::new(ErrorCode::Replaced, message).into()));
                out.push(Effect::Close(old, Farewell::Replaced));
            }
            Some(Presence::Away(away)) => {
                self.deadlines.remove(&(away.until, Deadline::Place(user.clone())));
                room.tell_of(&code, &user, Change::Back {}, out);
                self.budget.give_back(&away);
                out.extend(away.waiting.into_iter().map(|text| Effect::Send(conn, text)));
            }
            None => {}
        }
    }

    fn join(
        &mut self,
        conn: ConnId,
        code: &str,
        name: &str,
        media: MediaState,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(client) = self.clients.get(&conn) else { return Ok(()) };
        let Some(greeted) = client.greeted.clone() else { return Ok(()) };
        if greeted.room.is_some() {
            return Err(Refusal::new(ErrorCode::AlreadyInRoom, "You are in a room already. Leave it first."));
        }
        let name = checked_name(name)?;
        let code = self.find_room(client.address, code, now)?;
        let Some(room) = self.rooms.get_mut(&code) else { return Ok(()) };
        if room.members().len() >= self.config.max_participants as usize {
            let message = format!("The room is full: it takes {} at a time.", self.config.max_participants);
            return Err(Refusal::new(ErrorCode::RoomFull, message));
        }
        let user = greeted.user;
        if let Some(expires) = room.in_use() {
            self.deadlines.remove(&(expires, Deadline::Room(code.clone())));
        }
        out.push(send(conn, &room.joined_message(&code, &user)));
        let token = greeted.token;
        room.add(Member { user: user.clone(), name: name.clone(), media, token, presence: Presence::Here(conn) });
        room.tell_of(&code, &user, Change::Joined { name: name.clone(), media }, out);
        out.push(Effect::Store(Entry::PlaceTaken {
            code: code.clone(),
            user: user.clone(),
            name,
            media,
            token,
            unix_ms: now.unix_ms,
        }));
        tracing::info!(conn, members = room.members().len(), "joined");
        self.places.insert(user, code.clone());
        self.set_room(conn, Some(code));
        Ok(())
    }

    fn leave(&mut self, conn: ConnId, now: Now, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let (user, code) = self.seat(conn)?;
        self.set_room(conn, None);
        self.remove_member(&code, &user, LeaveReason::Left, now, out);
        out.push(send(conn, &ServerMessage::Leave { room_id: code.into(), user_id: user }));
        Ok(())
    }

    fn update(&mut self, conn: ConnId, media: MediaState, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let (user, code) = self.seat(conn)?;
        if let Some(room) = self.rooms.get_mut(&code) {
            room.set_media(&user, media);
            room.tell_of(&code, &user, Change::Media { media }, out);
            out.push(Effect::Store(Entry::PlaceMedia { user, media }));
        }
        Ok(())
    }

    fn relay(
        &mut self,
        conn: ConnId,
        to: &UserId,
        message: impl FnOnce(UserId) -> ServerMessage,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let (user, code) = self.seat(conn)?;
        let room = self.rooms.get_mut(&code).filter(|room| *to != user && room.member(to).is_some());
        let Some(room) = room else {
            let message =
                format!("Nobody else in this room has the id '{}'.", to.0.chars().take(64).collect::<String>());
            return Err(Refusal::new(ErrorCode::UnknownPeer, message));
        };
        let text = Utf8Bytes::from(message(user).to_json());
        if room.deliver(to, text, &mut self.budget, out).is_err() {
            self.remove_member(&code, to, LeaveReason::TooSlow, now, out);
        }
        Ok(())
    }

    fn chat(&mut self, conn: ConnId, text: String, now: Now, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let (from, code) = self.seat(conn)?;
        if text.is_empty() {
            return Err(Refusal::new(ErrorCode::BadMessage, "The chat text is empty."));
        }
        if text.chars().count() > limits::CHAT_CHARS {
            let message = format!("A chat text has at most {} characters.", limits::CHAT_CHARS);
            return Err(Refusal::new(ErrorCode::TooLarge, message));
        }
        let Some(room) = self.rooms.get_mut(&code) else { return Ok(()) };
        let text = Utf8Bytes::from(ServerMessage::Chat { from, text, sent_at_ms: now.unix_ms }.to_json());
        let everybody: Vec<UserId> = room.members().iter().map(|member| member.user.clone()).collect();
        for user in everybody {
            let Some(room) = self.rooms.get_mut(&code) else { break };
            if room.deliver(&user, text.clone(), &mut self.budget, out).is_err() {
                self.remove_member(&code, &user, LeaveReason::TooSlow, now, out);
            }
        }
        Ok(())
    }

    /// The room with this code, for one who named it. Wrong codes are counted; with too many, right ones are refused too,
    /// or a guesser would learn from what is refused.
    pub(super) fn find_room(&mut self, address: IpAddr, code: &str, now: Now) -> Result<RoomCode, Refusal> {
        if !self.guesses.has_one(address, now.at) {
            let message = "Too many unknown codes from your address. Wait half a minute, then check the words.";
            return Err(Refusal::new(ErrorCode::TooFast, message));
        }
        let code = RoomCode::parse(code).filter(|code| self.rooms.contains_key(code));
        code.ok_or_else(|| {
            self.guesses.take(address, now.at);
            Refusal::new(ErrorCode::UnknownRoom, "No room has this code. Check the words, or ask for a new one.")
        })
    }

    /// Who a connection is, and in which room.
    fn seat(&self, conn: ConnId) -> Result<(UserId, RoomCode), Refusal> {
        let greeted = self.clients.get(&conn).and_then(|client| client.greeted.as_ref());
        greeted
            .and_then(|greeted| Some((greeted.user.clone(), greeted.room.clone()?)))
            .ok_or_else(|| Refusal::new(ErrorCode::NotInRoom, "You are not in a room. Join one first."))
    }

    fn set_room(&mut self, conn: ConnId, room: Option<RoomCode>) {
        if let Some(greeted) = self.clients.get_mut(&conn).and_then(|client| client.greeted.as_mut()) {
            greeted.room = room;
        }
    }
}

/// A name as it is shown: without space around it.
fn checked_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > limits::NAME_CHARS || name.chars().any(char::is_control) {
        let message = format!("A name has 1 to {} characters and no control characters.", limits::NAME_CHARS);
        return Err(Refusal::new(ErrorCode::BadMessage, message));
    }
    Ok(name.to_owned())
}
