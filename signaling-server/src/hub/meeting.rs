//! Random partners: who waits, who meets whom in which room, and how they part.
//!
//! Invariant: a pair has a room of its own, which ends when one of the two goes; who is left behind waits again.

use sightline_protocol::{
    EndReason, ErrorCode, LeaveReason, MeetAction, MeetNews, Refusal, Role, RoomCode, RoomWish, ServerMessage,
};

use super::{ConnId, Effect, Hub, MadeBy, NewRoom, Now, people::Deed, requests::checked_name, room::Member, send};
use crate::{
    accounts::{Party, Person},
    config::Accounts,
    pairing::Pair,
};

/// The room of a pair is given up when nobody came into it, or both are away, for so long.
const EMPTY_MINUTES: u32 = 1;

/// Longest reason of a report, in characters.
const REASON_CHARS: usize = 500;

/// One who wants a random partner, here or in a room with one.
#[derive(Debug)]
pub(super) struct Meeting {
    name: String,
    person: Person,
    /// With a partner: their room, and the unique id of the token for it.
    with: Option<(RoomCode, String)>,
}

impl Hub {
    pub(super) fn meet(
        &mut self,
        conn: ConnId,
        action: MeetAction,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        match action {
            MeetAction::Enter { name } => self.enter_queue(conn, &name, now, out)?,
            MeetAction::Next {} => {
                let meeting = self.meetings.get_mut(&conn).ok_or_else(not_meeting)?;
                let room = meeting.with.take();
                let left_behind = self.queue.next(&conn, now.at).map_err(refused)?;
                self.part(room, left_behind, now, out);
                self.tell_queued(conn, out);
            }
            MeetAction::Leave {} => {
                self.stop_meeting(conn, now, out);
                out.push(send(conn, &ServerMessage::Meet(MeetNews::Left {})));
            }
            MeetAction::Block {} => {
                let partner = self.partner(conn)?;
                let (own, other) = (self.person(conn)?, self.person(partner)?);
                self.queue.block(&own, other.clone()).map_err(refused)?;
                if let (Person::Account(who), Person::Account(whom)) = (own, other) {
                    out.push(Effect::Deed(Deed::Block { who, whom }));
                }
                return self.meet(conn, MeetAction::Next {}, now, out);
            }
            MeetAction::Report { reason } => {
                let reason = reason.trim();
                if reason.is_empty() || reason.chars().count() > REASON_CHARS {
                    let message = format!("Say what was wrong in 1 to {REASON_CHARS} characters.");
                    return Err(Refusal::new(ErrorCode::BadMessage, message));
                }
                let partner = self.partner(conn)?;
                let (Some(own), Some(other)) = (self.meetings.get(&conn), self.meetings.get(&partner)) else {
                    return Err(not_meeting());
                };
                let party = |meeting: &Meeting| Party { person: meeting.person.clone(), name: meeting.name.clone() };
                let code = own.with.as_ref().map(|(code, _)| code);
                let room = code.and_then(|code| self.rooms.get(code)).map(|room| room.terms.id.clone());
                let Some(address) = self.clients.get(&conn).map(|client| client.address) else { return Ok(()) };
                out.push(Effect::Deed(Deed::Report {
                    conn,
                    who: party(own),
                    whom: party(other),
                    room: room.unwrap_or_default(),
                    reason: reason.to_owned(),
                    address,
                }));
            }
        }
        self.pair(now, out);
        Ok(())
    }

    fn enter_queue(&mut self, conn: ConnId, name: &str, now: Now, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let greeted = self.clients.get(&conn).and_then(|client| client.greeted.as_ref());
        let Some(greeted) = greeted else { return Ok(()) };
        if greeted.calls_itself.is_some() {
            return Err(Refusal::new(ErrorCode::HelloFirst, "Say hello first: without it one can only watch rooms."));
        }
        if self.config.accounts == Accounts::Required && greeted.account.is_none() {
            let message = "This server is for those with an account. Sign in.";
            return Err(Refusal::new(ErrorCode::Unauthorized, message));
        }
        let (person, blocked) = match &greeted.account {
            Some(account) => (Person::Account(account.id), greeted.blocked.clone()),
            None => (Person::Guest(greeted.user.clone()), Default::default()),
        };
        let name = if name.trim().is_empty() { "Somebody".to_owned() } else { checked_name(name)? };
        let blocked = blocked.into_iter().map(Person::Account);
        self.queue.enter(conn, person.clone(), blocked, now.at).map_err(refused)?;
        self.meetings.insert(conn, Meeting { name, person, with: None });
        self.tell_queued(conn, out);
        Ok(())
    }

    /// Brings together who may meet.
    pub(super) fn pair(&mut self, now: Now, out: &mut Vec<Effect>) {
        for Pair { offerer, answerer } in self.queue.tick(now.at) {
            if let Err(refusal) = self.bring_together(offerer, answerer, now, out) {
                tracing::warn!(%refusal, "a pair has no room");
                for conn in [offerer, answerer] {
                    self.stop_meeting(conn, now, out);
                    self.refuse(conn, refusal.clone(), out);
                }
            }
        }
    }

    fn bring_together(
        &mut self,
        offerer: ConnId,
        answerer: ConnId,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let wish = RoomWish {
            room_name: Some("Meet someone".into()),
            max_participants: Some(2),
            empty_minutes: Some(EMPTY_MINUTES),
            ..RoomWish::default()
        };
        let (code, terms) = self.make_room(NewRoom::new(wish, None, MadeBy::default())?, true, now, out)?;
        for (conn, partner, offers) in [(answerer, offerer, false), (offerer, answerer, true)] {
            let name = self.meetings.get(&conn).map(|meeting| meeting.name.clone()).unwrap_or_default();
            let partner = self.meetings.get(&partner).map(|meeting| meeting.name.clone()).unwrap_or_default();
            let mut claims = self.token_for(&terms, Role::Guest, &name, None, now)?;
            claims.admitted = true;
            claims.offers = Some(offers);
            let token = self.keys.issue(&claims)?;
            if let Some(meeting) = self.meetings.get_mut(&conn) {
                meeting.with = Some((code.clone(), claims.jti));
            }
            let news = MeetNews::Paired { room_id: code.to_string(), token, partner, offers };
            out.push(send(conn, &ServerMessage::Meet(news)));
        }
        Ok(())
    }

    /// Ends the room of two who part, and lets who was left behind know that it waits again.
    fn part(&mut self, room: Option<(RoomCode, String)>, left_behind: Option<ConnId>, now: Now, out: &mut Vec<Effect>) {
        if let Some(meeting) = left_behind.and_then(|conn| self.meetings.get_mut(&conn)) {
            meeting.with = None;
        }
        if let Some((code, _)) = room {
            self.end_room(&code, EndReason::Partner, now, out);
        }
        if let Some(conn) = left_behind {
            out.push(send(conn, &ServerMessage::Meet(MeetNews::PartnerLeft {})));
            self.tell_queued(conn, out);
        }
    }

    /// One is out of it: by its own wish, or because its socket is gone.
    pub(super) fn stop_meeting(&mut self, conn: ConnId, now: Now, out: &mut Vec<Effect>) {
        let Some(meeting) = self.meetings.remove(&conn) else { return };
        let left_behind = self.queue.leave(&conn, now.at);
        // The partner waits again.
        if let Some(partner) = left_behind
            && let Some(name) = self.meetings.get(&partner).map(|meeting| meeting.name.clone())
        {
            self.part(meeting.with, None, now, out);
            out.push(send(partner, &ServerMessage::Meet(MeetNews::PartnerLeft {})));
            if let Err(refusal) = self.enter_queue(partner, &name, now, out) {
                self.meetings.remove(&partner);
                self.refuse(partner, refusal, out);
            }
            self.pair(now, out);
        } else {
            self.part(meeting.with, None, now, out);
        }
    }

    /// A member is out of the room of a pair: whose token it came with has left its partner.
    pub(super) fn left_pair(
        &mut self,
        code: &RoomCode,
        member: &Member,
        reason: LeaveReason,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if reason == LeaveReason::Ended {
            return;
        }
        let mut meetings = self.meetings.iter();
        let leaver = meetings.find(|(_, meeting)| {
            meeting.with.as_ref().is_some_and(|(room, jti)| room == code && member.jtis.contains(jti))
        });
        if let Some(conn) = leaver.map(|(conn, _)| *conn) {
            self.stop_meeting(conn, now, out);
            out.push(send(conn, &ServerMessage::Meet(MeetNews::Left {})));
        }
    }

    /// The room of a pair is over without either having gone, because neither came: they do not wait any more.
    pub(super) fn pair_came_to_nothing(&mut self, code: &RoomCode, now: Now, out: &mut Vec<Effect>) {
        let of_room = |meeting: &Meeting| meeting.with.as_ref().is_some_and(|(room, _)| room == code);
        let conns: Vec<ConnId> =
            self.meetings.iter().filter(|(_, meeting)| of_room(meeting)).map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.meetings.remove(&conn);
            self.queue.leave(&conn, now.at);
            out.push(send(conn, &ServerMessage::Meet(MeetNews::Left {})));
        }
    }

    fn partner(&self, conn: ConnId) -> Result<ConnId, Refusal> {
        self.queue.partner(&conn).copied().ok_or_else(|| {
            Refusal::new(ErrorCode::NotHere, "You have no partner at the moment. The server looks for one.")
        })
    }

    fn person(&self, conn: ConnId) -> Result<Person, Refusal> {
        self.meetings.get(&conn).map(|meeting| meeting.person.clone()).ok_or_else(not_meeting)
    }

    fn tell_queued(&self, conn: ConnId, out: &mut Vec<Effect>) {
        let others = self.queue.waiting().saturating_sub(1) as u32;
        out.push(send(conn, &ServerMessage::Meet(MeetNews::Queued { others })));
    }
}

fn not_meeting() -> Refusal {
    Refusal::new(ErrorCode::NotHere, "You are not in the queue for a partner. Enter it first.")
}

fn refused(error: crate::pairing::QueueError) -> Refusal {
    use crate::pairing::QueueError;
    let code = match error {
        QueueError::Full => ErrorCode::ServerFull,
        _ => ErrorCode::BadMessage,
    };
    Refusal::new(code, error.to_string())
}
