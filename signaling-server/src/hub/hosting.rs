//! What hosts decide, and those who wait for it.
//!
//! Invariants: only a host of the room is followed, and only about people of that room. Whoever was put out has no token that
//! is good for it any more.

use axum::extract::ws::Utf8Bytes;
use sightline_protocol::{
    Change, EndReason, ErrorCode, HostAction, HostRequest, LeaveReason, Refusal, Role, RoomCode, ServerMessage, UserId,
};

use super::{
    ConnId, Effect, Farewell, Hub, Now, Seat,
    room::{Member, Presence, Waiter},
    send,
};
use crate::store::Entry;

impl Hub {
    pub(super) fn host(
        &mut self,
        conn: ConnId,
        action: HostAction,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let (host, code) = self.seat(conn)?;
        let room = self.rooms.get_mut(&code).filter(|room| room.member(&host).is_some_and(|m| m.role == Role::Host));
        let Some(room) = room else {
            return Err(Refusal::new(ErrorCode::Forbidden, "Only a host of this room can do this. Ask one."));
        };
        match action {
            HostAction::Admit { user_id } => {
                if room.is_full() {
                    return Err(Refusal::new(ErrorCode::RoomFull, "The room is full. Somebody has to leave first."));
                }
                let waiter = take_waiter(&mut room.waiting, &user_id)?;
                room.tell_hosts(&code, &user_id, &Change::WaitingEnded {}, out);
                self.admit(&code, waiter, now, out)
            }
            HostAction::Deny { user_id } => {
                let waiter = take_waiter(&mut room.waiting, &user_id)?;
                room.tell_hosts(&code, &user_id, &Change::WaitingEnded {}, out);
                room.call_back(waiter.jti.clone().into_iter().collect());
                let id = room.terms.id.clone();
                self.set_seat(waiter.conn, Seat::Nowhere);
                let message = "The host did not let you in. Ask who invited you.";
                out.push(send(waiter.conn, &Refusal::new(ErrorCode::Denied, message).into()));
                if let Some(jti) = waiter.jti {
                    out.push(Effect::Store(Entry::TokensCalledBack { room: id, jtis: vec![jti] }));
                }
                Ok(())
            }
            HostAction::Mute { user_id } => {
                let text = ServerMessage::Asked { from: host.clone(), request: HostRequest::Mute };
                self.relay_text(&code, &host, &user_id, text.to_json().into(), now, out)
            }
            HostAction::Remove { user_id } => self.put_out(&code, &host, &user_id, now, out),
            HostAction::Lock { locked } => {
                room.terms.locked = locked;
                room.tell_state(&code, None, out);
                out.push(Effect::Store(Entry::RoomLocked { room: room.terms.id.clone(), locked }));
                Ok(())
            }
            HostAction::End {} => {
                self.end_room(&code, EndReason::Host, now, out);
                Ok(())
            }
            HostAction::HandOver { user_id } => self.hand_over(&code, &host, &user_id, now, out),
        }
    }

    /// Makes another the host in the place of this one, whose tokens of a host are called back.
    fn hand_over(
        &mut self,
        code: &RoomCode,
        host: &UserId,
        user: &UserId,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(code) else { return Ok(()) };
        let is_here = |member: &Member| matches!(member.presence, Presence::Here(_));
        if user == host || room.member(user).is_none() {
            return Err(unknown_peer(user));
        }
        if !room.member(user).is_some_and(is_here) {
            // Without having got the token of a host it might be gone for good, and so might be the room's last host.
            let kept = self.config.limits.resume.as_secs();
            let message = format!(
                "Who is to be the host has lost the connection. Hand over to somebody who is here, or wait: they have {kept} s \
                 to come back."
            );
            return Err(Refusal::new(ErrorCode::NotHere, message));
        }
        let terms = room.terms.clone();
        for (user, role) in [(user, Role::Host), (host, Role::Guest)] {
            let name = self.rooms.get(code).and_then(|room| room.member(user)).map(|member| member.name.clone());
            let mut claims = self.token_for(&terms, role, &name.unwrap_or_default(), Some(&user.0), now)?;
            // Who was in the room need not be let in again.
            claims.admitted = true;
            let token = self.keys.issue(&claims)?;
            let Some(room) = self.rooms.get_mut(code) else { return Ok(()) };
            let old = room.set_role(user, role, claims.jti.clone());
            room.call_back(old.clone());
            room.tell_of(code, user, Change::Role { role }, out);
            let state = ServerMessage::Room {
                room_id: code.to_string(),
                room: room.state(role),
                seconds_left: None,
                token: Some(token),
            };
            if let Some(Presence::Here(conn)) = room.member(user).map(|member| &member.presence) {
                out.push(send(*conn, &state));
            }
            out.push(Effect::Store(Entry::TokensCalledBack { room: terms.id.clone(), jtis: old }));
            out.push(Effect::Store(Entry::RoleChanged { user: user.clone(), role, jti: claims.jti }));
        }
        Ok(())
    }

    /// Puts a member out: its tokens are called back, its socket is closed.
    fn put_out(
        &mut self,
        code: &RoomCode,
        host: &UserId,
        user: &UserId,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get_mut(code) else { return Ok(()) };
        let Some(member) = room.member(user).filter(|_| user != host) else { return Err(unknown_peer(user)) };
        let jtis = member.jtis.clone();
        let here = match member.presence {
            Presence::Here(conn) => Some(conn),
            Presence::Away(_) => None,
        };
        room.call_back(jtis.clone());
        out.push(Effect::Store(Entry::TokensCalledBack { room: room.terms.id.clone(), jtis }));
        if let Some(conn) = here {
            self.clients.remove(&conn);
            let message = "A host has put you out of the room.";
            out.push(send(conn, &Refusal::new(ErrorCode::Denied, message).into()));
            out.push(Effect::Close(conn, Farewell::Removed));
        }
        self.remove_member(code, user, LeaveReason::Removed, now, out);
        Ok(())
    }

    /// Lets one in who waited.
    pub(super) fn admit(
        &mut self,
        code: &RoomCode,
        waiter: Waiter,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Waiter { conn, name, media, role, jti, .. } = waiter;
        self.enter(conn, code, name, media, role, jti, now, out)
    }

    /// One who waits stays outside, because the socket is gone or by its own wish.
    pub(super) fn stop_waiting(&mut self, code: &RoomCode, user: &UserId, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(code) else { return };
        room.waiting.retain(|waiter| waiter.user != *user);
        room.tell_hosts(code, user, &Change::WaitingEnded {}, out);
    }

    /// One who watches looks away.
    pub(super) fn stop_watching(
        &mut self,
        code: &RoomCode,
        user: &UserId,
        reason: LeaveReason,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(code) else { return };
        room.observers.retain(|observer| observer.user != *user);
        room.tell_of(code, user, Change::WatchingEnded {}, out);
        out.push(room.stay_ended(user, reason, now));
    }

    /// Something for one member, from another.
    pub(super) fn relay_text(
        &mut self,
        code: &RoomCode,
        from: &UserId,
        to: &UserId,
        text: Utf8Bytes,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let room = self.rooms.get_mut(code).filter(|room| to != from && room.member(to).is_some());
        let Some(room) = room else { return Err(unknown_peer(to)) };
        if room.deliver(to, text, &mut self.budget, out).is_err() {
            self.remove_member(code, to, LeaveReason::TooSlow, now, out);
        }
        Ok(())
    }
}

fn take_waiter(waiting: &mut Vec<Waiter>, user: &UserId) -> Result<Waiter, Refusal> {
    let index = waiting.iter().position(|waiter| waiter.user == *user).ok_or_else(|| {
        Refusal::new(ErrorCode::UnknownPeer, "Nobody of this id waits at the door; they may have gone.")
    })?;
    Ok(waiting.remove(index))
}

fn unknown_peer(user: &UserId) -> Refusal {
    let shown: String = user.0.chars().take(64).collect();
    Refusal::new(ErrorCode::UnknownPeer, format!("Nobody else in this room has the id '{shown}'."))
}
