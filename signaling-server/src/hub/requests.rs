//! What a client may ask for, one function for each message.
//!
//! Invariant: a request is either followed whole or refused with nothing changed.

use axum::extract::ws::Utf8Bytes;
use sightline_protocol::{
    Change, ClientMessage, ErrorCode, LeaveReason, MediaState, Refusal, Role, RoomCode, ServerMessage, UserId, VERSION,
    limits,
};

use super::{
    ConnId, Deadline, Device, Effect, Farewell, Greeted, Hub, Known, Now, Seat, lifecycle,
    room::{MOST_OBSERVERS, MOST_WAITING, Member, Observer, Presence, Waiter},
    send,
};
use crate::{
    auth::Claims,
    config::Accounts as AccountsConfig,
    store::Entry,
    token::{self, TokenHash},
};

impl Hub {
    /// Does what a client asks for, or says why not.
    pub(super) fn follow(
        &mut self,
        conn: ConnId,
        message: ClientMessage,
        mut known: Known,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        // Replaced or cut while this was on its way.
        if !self.clients.contains_key(&conn) {
            return Ok(());
        }
        if let ClientMessage::Hello { version, resume_token, client, account_token: _ } = message {
            tracing::debug!(conn, version, client = client.chars().take(64).collect::<String>(), "hello");
            return self.hello(conn, version, resume_token, known.device.take(), now, out);
        }
        if let Some(calls_itself) = self.introduces_itself(conn, &message) {
            self.take_in(conn, calls_itself)?;
        }
        let Some(client) = self.clients.get(&conn) else { return Ok(()) };
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
            ClientMessage::Join { room_id, name, media, token, user_id: _ } => {
                self.join(conn, Wish { room_id, name, media, token }, now, out)
            }
            ClientMessage::Leave {} => self.leave(conn, now, out),
            ClientMessage::Update { media, room_id, user_id: _, action } => match (action.as_deref(), media, room_id) {
                (None | Some("media"), Some(media), _) => self.update(conn, media, out),
                (Some("joined"), media, Some(room_id)) => {
                    let media = media.unwrap_or_default();
                    self.join(conn, Wish { room_id, name: String::new(), media, token: None }, now, out)
                }
                (Some("left"), ..) => self.leave(conn, now, out),
                _ => Err(Refusal::new(
                    ErrorCode::BadMessage,
                    "An update has 'media', or the action 'joined' with a 'roomId', or the action 'left'.",
                )),
            },
            ClientMessage::Host(action) => self.host(conn, action, now, out),
            ClientMessage::People(action) => self.people(conn, action, &known, now, out),
            ClientMessage::Meet(action) => self.meet(conn, action, now, out),
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
        device: Option<Device>,
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
            self.resume(conn, user, code, token, device.as_ref(), now, out);
        } else {
            let (user, token) = token::issue(&mut self.rng);
            let token_hash = TokenHash::of(&token);
            let greeted = Greeted::new(user, token_hash, device.as_ref(), Seat::Nowhere);
            self.welcome(conn, greeted, token, now, out);
        }
        if let Some(device) = device {
            self.device_came(conn, device, out);
        }
        Ok(())
    }

    /// The name that a program which said no hello gives itself, where it begins by joining a room.
    fn introduces_itself(&self, conn: ConnId, message: &ClientMessage) -> Option<String> {
        if self.clients.get(&conn).is_none_or(|client| client.greeted.is_some()) {
            return None;
        }
        match message {
            ClientMessage::Join { user_id, .. } | ClientMessage::Update { user_id, .. } => user_id.clone(),
            _ => None,
        }
    }

    /// Takes in a program that said no hello. It can watch, and nothing else.
    fn take_in(&mut self, conn: ConnId, calls_itself: String) -> Result<(), Refusal> {
        let calls_itself = checked_name(&calls_itself)?;
        let user = UserId(lifecycle::new_user(&mut self.rng));
        // No token has this hash: such a program cannot resume, it joins again.
        let token = TokenHash::of("");
        if let Some(client) = self.clients.get_mut(&conn) {
            let greeted = Greeted::new(user, token, None, Seat::Nowhere);
            client.greeted = Some(Greeted { calls_itself: Some(calls_itself), ..greeted });
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
            resumed: greeted.seat != Seat::Nowhere,
            ice_servers: self.config.ice_servers.iter().cloned().chain(turn).collect(),
            account: greeted.account.as_ref().map(|account| account.name.clone()),
        };
        if let Some(client) = self.clients.get_mut(&conn) {
            client.greeted = Some(greeted);
        }
        out.push(send(conn, &message));
    }

    #[expect(clippy::too_many_arguments, reason = "what one comes back with is what it is")]
    fn resume(
        &mut self,
        conn: ConnId,
        user: UserId,
        code: RoomCode,
        token: String,
        device: Option<&Device>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let member = self.rooms.get(&code).and_then(|room| room.member(&user));
        let Some(role) = member.map(|member| member.role) else { return };
        let greeted = Greeted::new(user.clone(), TokenHash::of(&token), device, Seat::Member(code.clone()));
        self.welcome(conn, greeted, token, now, out);
        let room_token = self.token_again(&code, &user, now);
        let Some(room) = self.rooms.get_mut(&code) else { return };
        out.push(send(conn, &room.joined_message(code.as_str(), &user, role, room_token)));
        match room.set_presence(&user, Presence::Here(conn)) {
            Some(Presence::Here(old)) => {
                self.clients.remove(&old);
                let message = "Another connection has taken this participant over.";
                out.push(send(old, &Refusal::new(ErrorCode::Replaced, message).into()));
                out.push(Effect::Close(old, Farewell::Replaced));
            }
            Some(Presence::Away(away)) => {
                self.deadlines.remove(&(away.until, Deadline::Place(user.clone())));
                if away.since_restart
                    && let Some(member) = room.member(&user)
                {
                    out.push(Effect::Store(Entry::StayBegan {
                        room: room.terms.id.clone(),
                        user: user.clone(),
                        name: member.name.clone(),
                        role,
                        account: member.account.clone(),
                        unix_ms: now.unix_ms,
                    }));
                }
                room.tell_of(&code, &user, Change::Back {}, out);
                self.budget.give_back(&away);
                out.extend(away.waiting.into_iter().map(|text| Effect::Send(conn, text)));
            }
            None => {}
        }
    }

    /// A member's token once more, under the unique id that it has: if it is another than the member knows of, since it was
    /// made host for example, that news was lost with the socket.
    fn token_again(&mut self, code: &RoomCode, user: &UserId, now: Now) -> Option<String> {
        let room = self.rooms.get(code)?;
        let member = room.member(user)?;
        let (terms, role, name) = (room.terms.clone(), member.role, member.name.clone());
        let jti = member.jtis.last()?.clone();
        let claims = self.token_for(&terms, role, &name, Some(&user.0), now).ok()?;
        self.keys.issue(&Claims { jti, admitted: true, ..claims }).ok()
    }

    fn join(&mut self, conn: ConnId, wish: Wish, now: Now, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let Some(client) = self.clients.get(&conn) else { return Ok(()) };
        let Some(greeted) = client.greeted.clone() else { return Ok(()) };
        if greeted.seat != Seat::Nowhere {
            return Err(Refusal::new(ErrorCode::AlreadyInRoom, "You are in a room already. Leave it first."));
        }
        let code = self.find_room(client.address, &wish.room_id, now)?;
        let Some(room) = self.rooms.get(&code) else { return Ok(()) };
        let terms = &room.terms;
        let claims = wish.token.as_deref().map(|token| self.keys.check(token, now.unix_ms, 0)).transpose()?;
        if let Some(claims) = &claims {
            if claims.room != terms.id {
                let message = "The token is for another room. Use the one that was made for this room.";
                return Err(Refusal::new(ErrorCode::Forbidden, message));
            }
            if room.is_called_back(&claims.jti) {
                let message = "A host has put the bearer of this token out of the room, or did not let it in.";
                return Err(Refusal::new(ErrorCode::Denied, message));
            }
        }
        let as_guest = if greeted.calls_itself.is_some() { Role::Observer } else { Role::Guest };
        let role = claims.as_ref().map_or(as_guest, |claims| claims.role);
        let admitted = role == Role::Host || claims.as_ref().is_some_and(|claims| claims.admitted);
        if claims.is_none() {
            if self.config.accounts == AccountsConfig::Required && greeted.account.is_none() {
                let message =
                    "This server is for those with an account. Sign in, or use a token that a host made for you.";
                return Err(Refusal::new(ErrorCode::Unauthorized, message));
            }
            if terms.password.is_some() {
                let message = "This room has a password. Enter it to get in.";
                return Err(Refusal::new(ErrorCode::PasswordNeeded, message));
            }
            if role == Role::Observer && terms.waiting_room {
                let message =
                    "This room lets in only whom a host admits: to watch it, ask a host for an observer's token.";
                return Err(Refusal::new(ErrorCode::Forbidden, message));
            }
        }
        if !admitted {
            self.may_enter(terms, greeted.account.as_ref().map(|account| account.name.as_str()))?;
        }
        let given = claims.as_ref().map(|claims| claims.name.as_str()).filter(|name| !name.is_empty());
        let shown = [wish.name.as_str(), given.unwrap_or(""), greeted.calls_itself.as_deref().unwrap_or("")];
        let name = checked_name(shown.into_iter().find(|name| !name.trim().is_empty()).unwrap_or(""))?;
        let jti = claims.as_ref().map(|claims| claims.jti.clone());
        // The partner who offers is answered when the other one is there.
        let early = claims.as_ref().is_some_and(|claims| claims.offers == Some(true)) && room.members().is_empty();
        if role == Role::Observer {
            return self.watch(conn, &code, wish.room_id, name, now, out);
        }
        if (terms.waiting_room && !admitted) || early {
            return self.wait(
                conn,
                &code,
                Waiter { conn, user: greeted.user, name, media: wish.media, role, jti },
                out,
            );
        }
        self.enter(conn, &code, name, wish.media, role, jti, now, out)?;
        let parked = match self.rooms.get_mut(&code) {
            Some(room) if room.terms.pair => room.waiting.pop(),
            _ => None,
        };
        parked.map_or(Ok(()), |waiter| self.admit(&code, waiter, now, out))
    }

    /// Takes a place in a room.
    #[expect(clippy::too_many_arguments, reason = "what one comes in with is what it is")]
    pub(super) fn enter(
        &mut self,
        conn: ConnId,
        code: &RoomCode,
        name: String,
        media: MediaState,
        role: Role,
        jti: Option<String>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(Greeted { user, token, account, .. }) = self.clients.get(&conn).and_then(|c| c.greeted.clone()) else {
            return Ok(());
        };
        let Some(room) = self.rooms.get(code) else { return Ok(()) };
        if room.is_full() {
            let message = format!("The room is full: it takes {} at a time.", room.terms.max_participants);
            return Err(Refusal::new(ErrorCode::RoomFull, message));
        }
        let terms = room.terms.clone();
        let account = account.map(|account| account.name);
        let mut claims = self.token_for(&terms, role, &name, Some(&user.0), now)?;
        // Who was in comes in again without waiting.
        claims.admitted = true;
        let room_token = self.keys.issue(&claims)?;
        let Some(room) = self.rooms.get_mut(code) else { return Ok(()) };
        if let Some(until) = room.in_use() {
            self.deadlines.remove(&(until, Deadline::Room(code.clone())));
        }
        out.push(send(conn, &room.joined_message(code.as_str(), &user, role, Some(room_token))));
        out.extend(room.chat_so_far().map(|line| send(conn, &line)));
        let jtis: Vec<String> = jti.into_iter().chain([claims.jti]).collect();
        room.add(Member {
            user: user.clone(),
            name: name.clone(),
            media,
            token,
            role,
            jtis: jtis.clone(),
            account: account.clone(),
            presence: Presence::Here(conn),
        });
        room.tell_of(code, &user, Change::Joined { name: name.clone(), media }, out);
        if role == Role::Host {
            room.tell_of(code, &user, Change::Role { role }, out);
        }
        out.push(Effect::Store(Entry::PlaceTaken {
            code: code.clone(),
            room: terms.id,
            user: user.clone(),
            name,
            media,
            token,
            role,
            jtis,
            account,
            unix_ms: now.unix_ms,
        }));
        tracing::info!(conn, members = room.members().len(), "joined");
        self.places.insert(user, code.clone());
        self.set_seat(conn, Seat::Member(code.clone()));
        Ok(())
    }

    /// Waits at the door until a host says yes or no.
    fn wait(&mut self, conn: ConnId, code: &RoomCode, waiter: Waiter, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get_mut(code) else { return Ok(()) };
        if room.waiting.len() >= MOST_WAITING {
            let message = "Too many wait at this room's door already. Try again in a few minutes.";
            return Err(Refusal::new(ErrorCode::RoomFull, message));
        }
        out.push(send(conn, &ServerMessage::Waiting { room_id: code.to_string(), name: room.terms.name.clone() }));
        if !room.terms.pair {
            room.tell_hosts(code, &waiter.user, &Change::Waiting { name: waiter.name.clone() }, out);
        }
        room.waiting.push(waiter);
        self.set_seat(conn, Seat::Waiting(code.clone()));
        Ok(())
    }

    /// Looks into a room.
    fn watch(
        &mut self,
        conn: ConnId,
        code: &RoomCode,
        calls_it: String,
        name: String,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(greeted) = self.clients.get(&conn).and_then(|client| client.greeted.clone()) else { return Ok(()) };
        let Some(room) = self.rooms.get_mut(code) else { return Ok(()) };
        if room.observers.len() >= MOST_OBSERVERS {
            let message = format!("So many watch this room already: at most {MOST_OBSERVERS} can.");
            return Err(Refusal::new(ErrorCode::RoomFull, message));
        }
        // An id is taken as it is; a code in its canonical spelling.
        let calls_it = if calls_it == room.terms.id { calls_it } else { code.to_string() };
        let shown_id = UserId(greeted.calls_itself.unwrap_or_else(|| greeted.user.0.clone()));
        out.push(send(conn, &room.joined_message(&calls_it, &shown_id, Role::Observer, None)));
        out.extend(room.chat_so_far().map(|line| send(conn, &line)));
        room.observers.push(Observer { conn, user: greeted.user.clone(), name: name.clone(), calls_it });
        room.tell_of(code, &greeted.user, Change::Watching { name: name.clone() }, out);
        out.push(Effect::Store(Entry::StayBegan {
            room: room.terms.id.clone(),
            user: greeted.user,
            name,
            role: Role::Observer,
            account: greeted.account.map(|account| account.name),
            unix_ms: now.unix_ms,
        }));
        self.set_seat(conn, Seat::Observer(code.clone()));
        Ok(())
    }

    fn leave(&mut self, conn: ConnId, now: Now, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let Some(greeted) = self.clients.get(&conn).and_then(|client| client.greeted.clone()) else { return Ok(()) };
        let user = greeted.user;
        let mut calls_it = None;
        let code = match greeted.seat {
            Seat::Nowhere => return Err(not_in_room()),
            Seat::Member(code) => {
                self.remove_member(&code, &user, LeaveReason::Left, now, out);
                code
            }
            Seat::Waiting(code) => {
                self.stop_waiting(&code, &user, out);
                code
            }
            Seat::Observer(code) => {
                let room = self.rooms.get(&code);
                let observer = room.and_then(|room| room.observers.iter().find(|observer| observer.user == user));
                calls_it = observer.map(|observer| observer.calls_it.clone());
                self.stop_watching(&code, &user, LeaveReason::Left, now, out);
                code
            }
        };
        self.set_seat(conn, Seat::Nowhere);
        let room_id = calls_it.unwrap_or_else(|| code.into());
        let user_id = greeted.calls_itself.map_or(user, UserId);
        out.push(send(conn, &ServerMessage::Leave { room_id, user_id }));
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
        let text = Utf8Bytes::from(message(user.clone()).to_json());
        self.relay_text(&code, &user, to, text, now, out)
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
        room.keep_chat(&from, &text, now.unix_ms);
        let message = ServerMessage::Chat { from, text, sent_at_ms: now.unix_ms, name: None, earlier: false };
        let text = Utf8Bytes::from(message.to_json());
        for observer in &room.observers {
            out.push(Effect::Send(observer.conn, text.clone()));
        }
        let everybody: Vec<UserId> = room.members().iter().map(|member| member.user.clone()).collect();
        for user in everybody {
            let Some(room) = self.rooms.get_mut(&code) else { break };
            if room.deliver(&user, text.clone(), &mut self.budget, out).is_err() {
                self.remove_member(&code, &user, LeaveReason::TooSlow, now, out);
            }
        }
        Ok(())
    }

    /// Who a connection is, and in which room.
    pub(super) fn seat(&self, conn: ConnId) -> Result<(UserId, RoomCode), Refusal> {
        let greeted = self.clients.get(&conn).and_then(|client| client.greeted.as_ref()).ok_or_else(not_in_room)?;
        match &greeted.seat {
            Seat::Member(code) => Ok((greeted.user.clone(), code.clone())),
            Seat::Nowhere => Err(not_in_room()),
            Seat::Waiting(_) => {
                Err(Refusal::new(ErrorCode::NotInRoom, "You are not in the room yet: a host has to let you in."))
            }
            Seat::Observer(_) => {
                Err(Refusal::new(ErrorCode::Forbidden, "You only watch this room. Join it as a guest to take part."))
            }
        }
    }

    pub(super) fn set_seat(&mut self, conn: ConnId, seat: Seat) {
        if let Some(greeted) = self.clients.get_mut(&conn).and_then(|client| client.greeted.as_mut()) {
            greeted.seat = seat;
        }
    }
}

impl Greeted {
    fn new(user: UserId, token: TokenHash, device: Option<&Device>, seat: Seat) -> Self {
        Self {
            user,
            token,
            account: device.map(|device| device.account.clone()),
            session: device.map(|device| device.session),
            blocked: device.map(|device| device.blocked.clone()).unwrap_or_default(),
            calls_itself: None,
            seat,
        }
    }
}

/// What one asks for who wants to come in.
struct Wish {
    room_id: String,
    name: String,
    media: MediaState,
    token: Option<String>,
}

fn not_in_room() -> Refusal {
    Refusal::new(ErrorCode::NotInRoom, "You are not in a room. Join one first.")
}

/// A name as it is shown: without space around it.
pub(super) fn checked_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    // What turns the direction of the text around it would let a name look like another, or like a part of the page.
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_odd = |c: char| c.is_control() || turns(c);
    if name.is_empty() || name.chars().count() > limits::NAME_CHARS || name.chars().any(is_odd) {
        let message = format!("A name has 1 to {} characters and no control characters.", limits::NAME_CHARS);
        return Err(Refusal::new(ErrorCode::BadMessage, message));
    }
    Ok(name.to_owned())
}
