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

mod calls;
mod meeting;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sightline_call::LoungeEvent;
use sightline_protocol::{ErrorCode, MeetAction, PeopleAction, account::name_key};

use super::book::Missed;
use crate::ipc::{
    Answer, Contact, IncomingCall, IpcError, MeetPhase, MeetState, MissedCall, OutgoingCall, PeopleState, Said,
};
use crate::words::people as words;

/// Who comes back into the queue may be refused, as the server has not seen that the old socket is gone, which takes it
/// up to 15 s: asked so often, and every [`AGAIN`].
const TRIES: u32 = 6;
const AGAIN: Duration = Duration::from_secs(4);

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
            self.presence.retain(|key, _| names.iter().any(|name| name_key(name) == *key));
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
        Contact { name: name.to_owned(), here: self.presence.get(&name_key(name)).copied() }
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
