//! The random partner: into the queue, on to the next one, out of it.

use std::time::{Duration, Instant};

use sightline_protocol::{MeetAction, MeetNews};

use super::{Effect, Meet, Model, Room, fine};
use crate::ipc::{Answer, IpcError};
use crate::words::people as words;

/// Who parts from a random partner leaves the call at the latest after so long: the server ends it sooner, when it is there.
pub(super) const PARTING: Duration = Duration::from_millis(500);

impl Model {
    /// Looks for a random partner.
    pub(in crate::people) fn enter(&mut self, name: &str, out: &mut Vec<Effect>) {
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
    pub(in crate::people) fn next(&mut self, now: Instant, out: &mut Vec<Effect>) -> Answer<()> {
        self.part(MeetAction::Next {}, now, out)
    }

    /// Never this partner again, and another one.
    pub(in crate::people) fn block(&mut self, now: Instant, out: &mut Vec<Effect>) -> Answer<()> {
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
    pub(in crate::people) fn report(&mut self, reason: &str, out: &mut Vec<Effect>) -> Answer<()> {
        self.is_paired()?;
        self.is_here()?;
        out.push(Effect::Meet(MeetAction::Report { reason: reason.to_owned() }));
        Ok(())
    }

    /// Wants no partner any more; leaves the one there is.
    pub(in crate::people) fn stop_meeting(&mut self, out: &mut Vec<Effect>) {
        if !self.meets() {
            return;
        }
        out.push(Effect::Meet(MeetAction::Leave {}));
        self.leave_partner(out);
        self.meet = Meet::Idle;
        self.meet_note = None;
    }

    pub(super) fn met(&mut self, news: MeetNews, now: Instant, out: &mut Vec<Effect>) {
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

    /// The room of the two is over, or shall be for us.
    pub(super) fn leave_partner(&mut self, out: &mut Vec<Effect>) {
        let parted = self.parting.take().map(|(_, room)| room);
        if let Some(room) = parted.or_else(|| self.meeting_in().map(str::to_owned)) {
            out.push(Effect::Leave { room, why: None });
        }
    }

    pub(super) fn enter_action(&self) -> Effect {
        Effect::Meet(MeetAction::Enter { name: self.meet_name.clone() })
    }

    /// The room with the partner.
    fn is_paired(&self) -> Answer<String> {
        self.meeting_in().map(str::to_owned).ok_or_else(|| IpcError::not_now(words::NO_PARTNER))
    }
}
