//! Calls by name: those that we make, and those that come in.

use std::time::{Duration, Instant};

use sightline_protocol::{PeopleAction, PeopleNews, account::name_key};

use super::super::book::{Missed, same};
use super::{Effect, Incoming, Meet, Model, Outgoing, Room, fine};
use crate::ipc::{Answer, IpcError};
use crate::words::people as words;

/// Calls that come in at the same time: twice what the server lets ring at one account.
const MOST_INCOMING: usize = 8;
/// What is added to the time that the server rings, before a call is over without its word.
const GRACE: Duration = Duration::from_secs(5);
/// Longest that any call rings, whatever a server says.
const LONGEST_RING: Duration = Duration::from_secs(120);
/// A call that we make is given up after so long: the server rings 45 s, and says then what came of it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Model {
    pub(super) fn people(&mut self, news: PeopleNews, in_call: bool, now: Instant, out: &mut Vec<Effect>) {
        match news {
            PeopleNews::Presence { name, here } => {
                if self.standing.contacts.iter().any(|contact| same(contact, &name)) {
                    self.presence.insert(name_key(&name), here);
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
            // Who signs out here knows it, and hears of it all the same.
            PeopleNews::SignedOut {} if self.standing.name.is_none() => {}
            PeopleNews::SignedOut {} => out.push(Effect::SignedOut),
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
    pub(in crate::people) fn call(
        &mut self,
        name: &str,
        code: &str,
        now: Instant,
        out: &mut Vec<Effect>,
    ) -> Answer<()> {
        self.may_call()?;
        self.came_to_nothing = None;
        let (name, code) = (name.to_owned(), code.to_owned());
        out.push(Effect::People(PeopleAction::Ring { name: name.clone(), room_id: code.clone() }));
        self.outgoing = Some(Outgoing { name, code, ring: None, devices: None, until: now + PATIENCE });
        Ok(())
    }

    /// Whether somebody can be called now.
    pub(in crate::people) fn may_call(&self) -> Answer<()> {
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
    pub(in crate::people) fn call_left(&mut self, out: &mut Vec<Effect>) {
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

    /// Takes a call that comes in; it is entered when the server says that it is ours.
    pub(in crate::people) fn accept(&mut self, id: &str, out: &mut Vec<Effect>) -> Answer<()> {
        let call = self.incoming(id)?;
        if !call.accepted {
            call.accepted = true;
            out.push(Effect::People(PeopleAction::Accept { ring_id: id.to_owned() }));
        }
        Ok(())
    }

    /// Declines a call that comes in, on all devices.
    pub(in crate::people) fn decline(&mut self, id: &str, out: &mut Vec<Effect>) -> Answer<()> {
        self.incoming(id)?;
        self.incoming.retain(|call| call.id != id);
        out.push(Effect::People(PeopleAction::Decline { ring_id: id.to_owned() }));
        Ok(())
    }

    /// Calls that come in are seen, and need not be heard any more.
    pub(in crate::people) fn silence(&mut self) {
        self.incoming.iter_mut().for_each(|call| call.silent = true);
    }

    /// The call that we make comes to nothing; the one we wait in is left.
    pub(super) fn fail_call(&mut self, sentence: &str, out: &mut Vec<Effect>) {
        let Some(call) = self.outgoing.take() else { return };
        let sentence = crate::words::sentence(sentence);
        self.came_to_nothing = Some(sentence.clone());
        // Before that we are in no call: whoever pressed the button is told there.
        if call.devices.is_some_and(|devices| devices > 0) {
            out.push(Effect::Leave { room: call.code, why: Some(sentence) });
        }
    }

    fn incoming(&mut self, id: &str) -> Answer<&mut Incoming> {
        let found = self.incoming.iter_mut().find(|call| call.id == id);
        found.ok_or_else(|| IpcError::not_now(words::RING_IS_OVER))
    }
}
