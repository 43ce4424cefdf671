//! People outside a call: who is here, who calls whom, and the random partner. Pure: what happens comes in with its time,
//! what is to be done comes out.
//!
//! Invariants: one call is made at a time, and none while one looks for a random partner. What the server has not said,
//! is not shown as done. When the server is lost, every call that rings is over, for so it is there; who looks for a
//! partner goes on looking as soon as it is back.
//!
//! ```text
//! a call by name    call -> Ring -> Ringing -+- accepted ------------- they come into the call that is there
//!                                            +- anything else, or late  the call is left, with a sentence
//! a call that       Incoming -+- accept -> RingEnded accepted -> the call is entered
//! comes in                    +- decline, RingEnded, late, server lost -> gone
//! a random partner  enter -> Entering -> Queued -> Waiting -> Paired -> the call is entered
//!                      ^ server back        ^------ next, block, partner left ---+
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sightline_call::LoungeEvent;
use sightline_protocol::{ErrorCode, MeetAction, MeetNews, PeopleAction, PeopleNews};

use super::book::{Missed, same};
use crate::ipc::{
    Answer, Contact, IncomingCall, IpcError, MeetPhase, MeetState, MissedCall, OutgoingCall, PeopleState, Said,
};
use crate::words::people as words;

/// Calls that come in at the same time: twice what the server lets ring at one account.
const MOST_INCOMING: usize = 8;
/// What is added to the time that the server rings, before a call is over without its word.
const GRACE: Duration = Duration::from_secs(5);
/// Longest that any call rings, whatever a server says.
const LONGEST_RING: Duration = Duration::from_secs(120);
/// A call that we make is given up after so long: the server rings 45 s, and says then what came of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who comes back into the queue may be refused, as the server has not seen that the old socket is gone, which takes it
/// up to 15 s: asked so often, and every [`AGAIN`].
const TRIES: u32 = 6;
const AGAIN: Duration = Duration::from_secs(4);
/// Who parts from a random partner leaves the call at the latest after so long: the server ends it sooner, when it is there.
const PARTING: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Say it to the server.
    People(PeopleAction),
    /// Say it to the server.
    Meet(MeetAction),
    /// Leave the call that there is, and enter this one.
    Enter(Room),
    /// Leave the call in this room, where we are in it; with a sentence, it is shown why.
    Leave { room: String, why: Option<String> },
    /// The window is to come to the front.
    Attention,
    /// To be kept.
    Missed(Missed),
    /// To be said once.
    Say(Said),
    /// The token is good no more.
    SignedOut,
}

/// A room to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) code: String,
    /// For it, where there is one.
    pub(super) token: Option<String>,
    /// The random partner in it.
    pub(super) partner: Option<String>,
}

/// Whom the account is, and whom it knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The server has accounts.
    pub(super) accounts: Option<bool>,
    /// Signed in as.
    pub(super) name: Option<String>,
    pub(super) admin: bool,
    pub(super) note: Option<String>,
    pub(super) contacts: Vec<String>,
    pub(super) missed: Vec<Missed>,
    pub(super) seen_ms: i64,
}

#[derive(Debug)]
struct Incoming {
    id: String,
    from: String,
    code: String,
    until: Instant,
    silent: bool,
    accepted: bool,
}

#[derive(Debug)]
struct Outgoing {
    name: String,
    code: String,
    /// Names the call, once the server has said so.
    ring: Option<String>,
    devices: Option<u32>,
    until: Instant,
}

#[derive(Debug, Default)]
enum Meet {
    #[default]
    Idle,
    /// On the way into the queue; said again at this moment, where it was refused.
    Entering {
        again: Option<Instant>,
        tries: u32,
    },
    Waiting {
        others: u32,
    },
    Paired {
        partner: String,
        code: String,
    },
}

/// What is known and under way.
#[derive(Debug, Default)]
pub(super) struct Model {
    standing: Standing,
    /// The server is there: with the account of `standing`, where there is one.
    here: bool,
    away_note: Option<String>,
    /// Who is here, by name in small letters. Bounded by the contacts.
    presence: BTreeMap<String, bool>,
    incoming: Vec<Incoming>,
    outgoing: Option<Outgoing>,
    /// Why the last call that we made came to nothing.
    came_to_nothing: Option<String>,
    meet: Meet,
    meet_name: String,
    meet_note: Option<String>,
    /// The call with the last partner is left at this moment, where it has not ended before: when, and which.
    parting: Option<(Instant, String)>,
}

impl Model {
    /// Another account, other contacts, or other missed calls.
    pub(super) fn set_standing(&mut self, standing: Standing, out: &mut Vec<Effect>) {
        let contacts_changed = standing.contacts != self.standing.contacts;
        self.standing = standing;
        if contacts_changed {
            let names = self.standing.contacts.clone();
            self.presence.retain(|key, _| names.iter().any(|name| name.to_lowercase() == *key));
            if self.here && self.standing.name.is_some() {
                out.push(Effect::People(PeopleAction::Watch { names }));
            }
        }
    }

    /// Whom we are and whom we know.
    pub(super) fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Whether one looks for a partner or has one: then there is a way to the server, account or not.
    pub(super) fn meets(&self) -> bool {
        !matches!(self.meet, Meet::Idle)
    }

    /// The code of the room with the random partner.
    pub(super) fn meeting_in(&self) -> Option<&str> {
        match &self.meet {
            Meet::Paired { code, .. } => Some(code),
            Meet::Idle | Meet::Entering { .. } | Meet::Waiting { .. } => None,
        }
    }

    /// Whether a call rings aloud.
    pub(super) fn sounds(&self) -> bool {
        self.incoming.iter().any(|call| !call.silent && !call.accepted)
    }

    /// Why the last call that we made came to nothing.
    pub(super) fn came_to_nothing(&self) -> Option<String> {
        self.came_to_nothing.clone()
    }

    /// What the server says. `in_call`: there is a call, so that nothing rings aloud.
    pub(super) fn hear(&mut self, event: LoungeEvent, in_call: bool, now: Instant, out: &mut Vec<Effect>) {
        match event {
            LoungeEvent::Here { account } => self.arrived(account, out),
            LoungeEvent::Away { cause } => {
                self.lost(out);
                self.away_note = Some(words::away(&cause));
            }
            LoungeEvent::NotTaken(error) => {
                self.lost(out);
                let signed_out = matches!(
                    &error,
                    sightline_call::CallError::Refused { code: ErrorCode::Unauthorized, .. }
                        if self.standing.name.is_some()
                );
                self.away_note = Some(crate::words::sentence(&error.to_string()));
                if signed_out {
                    out.push(Effect::SignedOut);
                }
            }
            LoungeEvent::People(news) => self.people(news, in_call, now, out),
            LoungeEvent::Meet(news) => self.met(news, now, out),
            LoungeEvent::Refused { code, message } => self.refused(code, &message, now, out),
        }
    }

    /// Another way to the server is taken, or none: nothing of the old one holds.
    pub(super) fn lost(&mut self, out: &mut Vec<Effect>) {
        self.here = false;
        self.away_note = None;
        self.presence.clear();
        self.incoming.clear();
        self.fail_call(words::SERVER_LOST, out);
        self.leave_partner(out);
        if self.meets() {
            // Once refused means once more asked: the server may still hold the old place.
            self.meet = Meet::Entering { again: None, tries: 1 };
        }
    }

    fn arrived(&mut self, account: Option<String>, out: &mut Vec<Effect>) {
        self.here = true;
        self.away_note = None;
        if self.standing.name.is_some() {
            if account.is_none() {
                out.push(Effect::SignedOut);
            } else {
                out.push(Effect::People(PeopleAction::Watch { names: self.standing.contacts.clone() }));
            }
        }
        if let Meet::Entering { again, .. } = &mut self.meet {
            *again = None;
            out.push(self.enter_action());
        }
    }

    fn people(&mut self, news: PeopleNews, in_call: bool, now: Instant, out: &mut Vec<Effect>) {
        match news {
            PeopleNews::Presence { name, here } => {
                if self.standing.contacts.iter().any(|contact| same(contact, &name)) {
                    self.presence.insert(name.to_lowercase(), here);
                }
            }
            PeopleNews::Ringing { ring_id, devices, .. } => match &mut self.outgoing {
                Some(call) if call.ring.is_none() => {
                    call.ring = Some(ring_id);
                    call.devices = Some(devices);
                    // Where nothing rings it is over at once, and nobody need see a call begin.
                    if devices > 0 {
                        let room = Room { code: call.code.clone(), token: None, partner: None };
                        out.push(Effect::Enter(room));
                    }
                }
                // Given up meanwhile.
                _ => out.push(Effect::People(PeopleAction::Cancel { ring_id })),
            },
            PeopleNews::Incoming { ring_id, from, room_id, seconds } => {
                if self.incoming.len() >= MOST_INCOMING || self.incoming.iter().any(|call| call.id == ring_id) {
                    return;
                }
                let rings = Duration::from_secs(seconds.into()).saturating_add(GRACE).min(LONGEST_RING);
                // In a call the others would hear it, and it takes nothing away from them to see it.
                self.incoming.push(Incoming {
                    id: ring_id,
                    from,
                    code: room_id,
                    until: now + rings,
                    silent: in_call,
                    accepted: false,
                });
                out.push(Effect::Attention);
            }
            PeopleNews::RingEnded { ring_id, outcome } => self.ring_ended(&ring_id, &outcome, out),
            PeopleNews::Missed { from, unix_ms } => out.push(Effect::Missed(Missed { from, unix_ms })),
            PeopleNews::Other => {}
        }
    }

    fn ring_ended(&mut self, ring_id: &str, outcome: &str, out: &mut Vec<Effect>) {
        if let Some(at) = self.incoming.iter().position(|call| call.id == ring_id) {
            let call = self.incoming.remove(at);
            match outcome {
                // Also where we called the caller at the same moment: then we have theirs.
                "accepted" => {
                    if let Some(ring_id) = self.outgoing.take().and_then(|ours| ours.ring) {
                        out.push(Effect::People(PeopleAction::Cancel { ring_id }));
                    }
                    self.stop_meeting(out);
                    out.push(Effect::Enter(Room { code: call.code, token: None, partner: None }));
                }
                "elsewhere" => out.push(Effect::Say(fine(words::taken_elsewhere(&call.from)))),
                _ => {}
            }
            return;
        }
        if self.outgoing.as_ref().is_some_and(|call| call.ring.as_deref() == Some(ring_id)) {
            match outcome {
                "accepted" => self.outgoing = None,
                "cancelled" => self.give_up_call(out),
                outcome => {
                    let name = self.outgoing.as_ref().map(|call| call.name.clone()).unwrap_or_default();
                    self.fail_call(&words::not_answered(&name, outcome), out);
                }
            }
        }
    }

    /// Calls somebody, into a room that was made for it.
    pub(super) fn call(&mut self, name: &str, code: &str, now: Instant, out: &mut Vec<Effect>) -> Answer<()> {
        self.may_call()?;
        self.came_to_nothing = None;
        let (name, code) = (name.to_owned(), code.to_owned());
        out.push(Effect::People(PeopleAction::Ring { name: name.clone(), room_id: code.clone() }));
        self.outgoing = Some(Outgoing { name, code, ring: None, devices: None, until: now + PATIENCE });
        Ok(())
    }

    /// Whether somebody can be called now.
    pub(super) fn may_call(&self) -> Answer<()> {
        if self.standing.name.is_none() {
            return Err(IpcError::not_now(words::SIGN_IN_FIRST));
        }
        if self.outgoing.is_some() {
            return Err(IpcError::not_now(words::CALLING_ALREADY));
        }
        if self.meets() {
            return Err(IpcError::not_now(words::MEETING));
        }
        self.is_here()
    }

    /// The user left the call: what we called in it rings no longer, and a random partner is left.
    pub(super) fn call_left(&mut self, out: &mut Vec<Effect>) {
        if let Some(ring_id) = self.outgoing.as_ref().and_then(|call| call.ring.clone()) {
            out.push(Effect::People(PeopleAction::Cancel { ring_id }));
        }
        self.give_up_call(out);
        if matches!(self.meet, Meet::Paired { .. }) {
            self.stop_meeting(out);
        }
    }

    /// The call that we make is not wanted any more; it may be about to be entered.
    fn give_up_call(&mut self, out: &mut Vec<Effect>) {
        if let Some(call) = self.outgoing.take() {
            out.push(Effect::Leave { room: call.code, why: None });
        }
    }

    /// The call in this room, which we were to enter, did not come to be.
    pub(super) fn not_entered(&mut self, code: &str, why: &str, out: &mut Vec<Effect>) {
        if self.outgoing.as_ref().is_some_and(|call| call.code == code) {
            self.call_left(out);
        }
        // Where the partner went on, the server has said so, and we are not in that room any more.
        if self.meeting_in() == Some(code) {
            self.stop_meeting(out);
            self.meet_note = Some(why.to_owned());
        }
    }

    /// Takes a call that comes in; it is entered when the server says that it is ours.
    pub(super) fn accept(&mut self, id: &str, out: &mut Vec<Effect>) -> Answer<()> {
        let call = self.incoming(id)?;
        if !call.accepted {
            call.accepted = true;
            out.push(Effect::People(PeopleAction::Accept { ring_id: id.to_owned() }));
        }
        Ok(())
    }

    /// Declines a call that comes in, on all devices.
    pub(super) fn decline(&mut self, id: &str, out: &mut Vec<Effect>) -> Answer<()> {
        self.incoming(id)?;
        self.incoming.retain(|call| call.id != id);
        out.push(Effect::People(PeopleAction::Decline { ring_id: id.to_owned() }));
        Ok(())
    }

    /// Calls that come in are seen, and need not be heard any more.
    pub(super) fn silence(&mut self) {
        self.incoming.iter_mut().for_each(|call| call.silent = true);
    }

    /// Looks for a random partner.
    pub(super) fn enter(&mut self, name: &str, out: &mut Vec<Effect>) {
        if self.meets() {
            return;
        }
        self.meet_name = name.to_owned();
        self.meet_note = None;
        self.meet = Meet::Entering { again: None, tries: 0 };
        if self.here {
            out.push(self.enter_action());
        }
    }

    /// Another partner.
    pub(super) fn next(&mut self, now: Instant, out: &mut Vec<Effect>) -> Answer<()> {
        self.part(MeetAction::Next {}, now, out)
    }

    /// Never this partner again, and another one.
    pub(super) fn block(&mut self, now: Instant, out: &mut Vec<Effect>) -> Answer<()> {
        self.part(MeetAction::Block {}, now, out)
    }

    fn part(&mut self, action: MeetAction, now: Instant, out: &mut Vec<Effect>) -> Answer<()> {
        let room = self.is_paired()?;
        self.is_here()?;
        self.meet = Meet::Waiting { others: 0 };
        self.meet_note = None;
        // Leaving at once might be heard before the wish for another, and then that would come from nobody.
        self.parting = Some((now + PARTING, room));
        out.push(Effect::Meet(action));
        Ok(())
    }

    /// Tells whoever runs the server about this partner.
    pub(super) fn report(&mut self, reason: &str, out: &mut Vec<Effect>) -> Answer<()> {
        self.is_paired()?;
        self.is_here()?;
        out.push(Effect::Meet(MeetAction::Report { reason: reason.to_owned() }));
        Ok(())
    }

    /// Wants no partner any more; leaves the one there is.
    pub(super) fn stop_meeting(&mut self, out: &mut Vec<Effect>) {
        if !self.meets() {
            return;
        }
        out.push(Effect::Meet(MeetAction::Leave {}));
        self.leave_partner(out);
        self.meet = Meet::Idle;
        self.meet_note = None;
    }

    fn met(&mut self, news: MeetNews, now: Instant, out: &mut Vec<Effect>) {
        match (news, &self.meet) {
            // We went meanwhile.
            (MeetNews::Queued { .. } | MeetNews::Paired { .. }, Meet::Idle) => {
                out.push(Effect::Meet(MeetAction::Leave {}));
            }
            (MeetNews::Queued { others }, _) => {
                self.leave_partner(out);
                self.meet = Meet::Waiting { others };
            }
            (MeetNews::Paired { room_id, token, partner, .. }, _) => {
                self.parting = None;
                self.meet_note = None;
                let partner = if partner.trim().is_empty() { crate::words::SOMEBODY.to_owned() } else { partner };
                self.meet = Meet::Paired { partner: partner.clone(), code: room_id.clone() };
                out.push(Effect::Enter(Room { code: room_id, token: Some(token), partner: Some(partner) }));
            }
            (MeetNews::PartnerLeft {}, Meet::Paired { partner, .. }) => {
                self.meet_note = Some(words::partner_left(partner));
                self.leave_partner(out);
                self.meet = Meet::Waiting { others: 0 };
            }
            // Our leaving was heard before our wish for another partner.
            (MeetNews::Left {}, Meet::Waiting { .. }) => {
                self.leave_partner(out);
                self.meet = Meet::Entering { again: Some(now), tries: 0 };
            }
            (MeetNews::Left {}, Meet::Paired { .. }) => {
                self.leave_partner(out);
                self.meet = Meet::Idle;
                self.meet_note = Some(words::CONNECTION_TO_PARTNER_LOST.to_owned());
            }
            (MeetNews::Left {}, Meet::Idle | Meet::Entering { .. }) => {}
            (MeetNews::PartnerLeft {}, Meet::Idle | Meet::Entering { .. } | Meet::Waiting { .. }) => {}
            (MeetNews::Reported {}, _) => out.push(Effect::Say(fine(words::REPORTED.to_owned()))),
            (MeetNews::Other, _) => {}
        }
    }

    fn refused(&mut self, code: ErrorCode, message: &str, now: Instant, out: &mut Vec<Effect>) {
        // It is over already, or was taken on another device.
        if code == ErrorCode::Gone {
            let before = self.incoming.len();
            self.incoming.retain(|call| !call.accepted);
            if self.incoming.len() < before {
                out.push(Effect::Say(bad(message)));
            }
            return;
        }
        if self.outgoing.as_ref().is_some_and(|call| call.ring.is_none()) {
            return self.fail_call(message, out);
        }
        match &mut self.meet {
            Meet::Entering { again, tries } if code == ErrorCode::BadMessage && (1..=TRIES).contains(tries) => {
                *tries += 1;
                *again = Some(now + AGAIN);
            }
            Meet::Entering { .. } => {
                self.meet = Meet::Idle;
                self.meet_note = Some(message.to_owned());
            }
            // Two were brought together, and there was no room for them.
            Meet::Waiting { .. }
                if matches!(code, ErrorCode::ServerFull | ErrorCode::Unavailable | ErrorCode::Internal) =>
            {
                self.stop_meeting(out);
                self.meet_note = Some(message.to_owned());
            }
            Meet::Idle | Meet::Waiting { .. } | Meet::Paired { .. } => out.push(Effect::Say(bad(message))),
        }
    }

    /// When [`Self::tick`] is wanted next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let incoming = self.incoming.iter().map(|call| call.until);
        let again = match self.meet {
            Meet::Entering { again, .. } if self.here => again,
            _ => None,
        };
        let outgoing = self.outgoing.as_ref().map(|call| call.until);
        let parting = self.parting.as_ref().map(|(at, _)| *at);
        incoming.chain(again).chain(outgoing).chain(parting).min()
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.incoming.retain(|call| call.until > now);
        if let Some(call) = self.outgoing.as_ref().filter(|call| call.until <= now) {
            if let Some(ring_id) = call.ring.clone() {
                out.push(Effect::People(PeopleAction::Cancel { ring_id }));
            }
            let sentence = words::not_answered(&call.name, "timed-out");
            self.fail_call(&sentence, out);
        }
        if self.parting.as_ref().is_some_and(|(at, _)| *at <= now) {
            self.leave_partner(out);
        }
        if let Meet::Entering { again, .. } = &mut self.meet
            && self.here
            && again.is_some_and(|at| at <= now)
        {
            *again = None;
            out.push(self.enter_action());
        }
    }

    /// What the page shows.
    pub(super) fn state(&self) -> PeopleState {
        let standing = &self.standing;
        let is_signed_in = standing.name.is_some();
        let first = self.incoming.first();
        PeopleState {
            accounts: if is_signed_in { Some(true) } else { standing.accounts },
            name: standing.name.clone(),
            admin: standing.admin,
            here: is_signed_in && self.here,
            note: standing.note.clone().or_else(|| self.away_note.clone().filter(|_| is_signed_in)),
            contacts: standing.contacts.iter().map(|name| self.contact(name)).collect(),
            missed: standing.missed.iter().map(|missed| self.missed(missed)).collect(),
            incoming: first.map(|call| IncomingCall {
                id: call.id.clone(),
                from: call.from.clone(),
                others: self.incoming.len() as u32 - 1,
                silent: call.silent,
                accepted: call.accepted,
            }),
            outgoing: self
                .outgoing
                .as_ref()
                .map(|call| OutgoingCall { name: call.name.clone(), devices: call.devices }),
            meet: self.meet_state(),
        }
    }

    fn contact(&self, name: &str) -> Contact {
        Contact { name: name.to_owned(), here: self.presence.get(&name.to_lowercase()).copied() }
    }

    fn missed(&self, missed: &Missed) -> MissedCall {
        let seen = missed.unix_ms <= self.standing.seen_ms;
        MissedCall { from: missed.from.clone(), at_ms: missed.unix_ms, seen }
    }

    fn meet_state(&self) -> MeetState {
        let (phase, others, partner) = match &self.meet {
            Meet::Idle => (MeetPhase::Idle, 0, ""),
            Meet::Entering { .. } => (MeetPhase::Entering, 0, ""),
            Meet::Waiting { others } => (MeetPhase::Waiting, *others, ""),
            Meet::Paired { partner, .. } => (MeetPhase::Paired, 0, partner.as_str()),
        };
        let away = self.away_note.as_ref().filter(|_| self.meets());
        MeetState { phase, others, partner: partner.to_owned(), note: away.or(self.meet_note.as_ref()).cloned() }
    }

    /// The call that we make comes to nothing; the one we wait in is left.
    fn fail_call(&mut self, sentence: &str, out: &mut Vec<Effect>) {
        let Some(call) = self.outgoing.take() else { return };
        let sentence = crate::words::sentence(sentence);
        self.came_to_nothing = Some(sentence.clone());
        // Before that we are in no call: whoever pressed the button is told there.
        if call.devices.is_some_and(|devices| devices > 0) {
            out.push(Effect::Leave { room: call.code, why: Some(sentence) });
        }
    }

    /// The room of the two is over, or shall be for us.
    fn leave_partner(&mut self, out: &mut Vec<Effect>) {
        let parted = self.parting.take().map(|(_, room)| room);
        if let Some(room) = parted.or_else(|| self.meeting_in().map(str::to_owned)) {
            out.push(Effect::Leave { room, why: None });
        }
    }

    fn enter_action(&self) -> Effect {
        Effect::Meet(MeetAction::Enter { name: self.meet_name.clone() })
    }

    fn incoming(&mut self, id: &str) -> Answer<&mut Incoming> {
        let found = self.incoming.iter_mut().find(|call| call.id == id);
        found.ok_or_else(|| IpcError::not_now(words::RING_IS_OVER))
    }

    /// The room with the partner.
    fn is_paired(&self) -> Answer<String> {
        self.meeting_in().map(str::to_owned).ok_or_else(|| IpcError::not_now(words::NO_PARTNER))
    }

    fn is_here(&self) -> Answer<()> {
        self.here.then_some(()).ok_or_else(|| IpcError::not_now(words::SERVER_AWAY))
    }
}

fn fine(sentence: String) -> Said {
    Said { sentence, bad: false }
}

fn bad(sentence: &str) -> Said {
    Said { sentence: crate::words::sentence(sentence), bad: true }
}

#[cfg(test)]
mod tests;
