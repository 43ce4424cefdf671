//! People by name: which accounts are here, and calls to them.
//!
//! Invariant: the hub never asks the database. What it has to know of accounts comes with the message, as [`Known`]; what is to be
//! kept of what happened goes out as [`Deed`]s.

use std::{collections::HashSet, net::IpAddr};

use sightline_protocol::{ErrorCode, MeetNews, PeopleAction, PeopleNews, Refusal, ServerMessage, limits};

use super::{ConnId, Effect, Hub, Now, send};
use crate::{
    accounts::{
        Account, AccountId, Party, Person,
        lists::MissedCall,
        ring::{Outcome, RING_FOR, Request, RingError, RingId, Started, Taken, Told},
    },
    token::TokenHash,
};

/// What the database says about a message, asked before the hub gets it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Of a hello: whose device this is.
    pub(crate) device: Option<Device>,
    /// The accounts that the message names, as far as there are any.
    pub(crate) accounts: Vec<Account>,
    /// Those of them with whom the sender has a block, one way or the other.
    pub(crate) blocked: HashSet<AccountId>,
}

/// A socket of an account.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) account: Account,
    /// The session by which it said hello.
    pub(crate) session: TokenHash,
    /// Whom the account blocks.
    pub(crate) blocked: HashSet<AccountId>,
    /// Calls that it missed and was not told of.
    pub(crate) missed: Vec<MissedCall>,
}

/// Something for the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A call that nobody took.
    Missed { callee: AccountId, caller: Party, room: String, unix_ms: i64 },
    /// The account was told of its missed calls up to this one.
    MissedSeen { account: AccountId, up_to: i64 },
    /// Never this one again.
    Block { who: AccountId, whom: AccountId },
    /// For the admin. Whoever said so, on this connection, is told when it is kept.
    Report { conn: ConnId, who: Party, whom: Party, room: String, reason: String, address: IpAddr },
}

impl Hub {
    /// A socket said whose device it is.
    pub(super) fn device_came(&mut self, conn: ConnId, device: Device, out: &mut Vec<Effect>) {
        let Device { account, missed, .. } = device;
        self.tell_presence(|presence| presence.came(account.id, conn), out);
        let mut told = Vec::new();
        self.rings.device_came(account.id, &conn, &mut told);
        self.tell_rings(told, out);
        if let Some(last) = missed.last() {
            let up_to = last.id;
            for MissedCall { from, unix_ms, .. } in missed {
                out.push(send(conn, &ServerMessage::People(PeopleNews::Missed { from: from.name, unix_ms })));
            }
            out.push(Effect::Deed(Deed::MissedSeen { account: account.id, up_to }));
        }
        self.names.insert(account.id, account.name);
    }

    /// The socket of a device is gone.
    pub(super) fn device_went(&mut self, conn: ConnId, account: AccountId, out: &mut Vec<Effect>) {
        let mut told = Vec::new();
        self.rings.device_gone(account, &conn, &mut told);
        self.tell_rings(told, out);
        self.presence.forget(&conn);
        self.tell_presence(|presence| presence.went(account, &conn), out);
        if !self.presence.is_here(account) {
            self.queue.forget(&Person::Account(account));
        }
    }

    fn tell_presence(
        &mut self,
        happened: impl FnOnce(
            &mut crate::accounts::presence::Presence<ConnId>,
        ) -> Option<crate::accounts::presence::Change<ConnId>>,
        out: &mut Vec<Effect>,
    ) {
        let Some(change) = happened(&mut self.presence) else { return };
        let Some(name) = self.names.get(&change.account).cloned() else { return };
        let message = ServerMessage::People(PeopleNews::Presence { name, here: change.here });
        out.extend(change.watchers.into_iter().map(|watcher| send(watcher, &message)));
    }

    /// What a signed-in client does about people.
    pub(super) fn people(
        &mut self,
        conn: ConnId,
        action: PeopleAction,
        known: &Known,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let account = self.account_of(conn)?;
        let mut told = Vec::new();
        match action {
            PeopleAction::Watch { .. } => {
                self.presence.forget(&conn);
                for watched in &known.accounts {
                    self.names.insert(watched.id, watched.name.clone());
                    // Whoever blocks the watcher, or is blocked, is never here for it.
                    let here = if known.blocked.contains(&watched.id) {
                        false
                    } else {
                        self.presence
                            .watch(conn, watched.id)
                            .map_err(|error| Refusal::new(ErrorCode::TooLarge, error.to_string()))?
                    };
                    let news = PeopleNews::Presence { name: watched.name.clone(), here };
                    out.push(send(conn, &ServerMessage::People(news)));
                }
            }
            PeopleAction::Ring { name, room_id } => {
                let Some(callee) = known.accounts.first() else {
                    let shown: String = name.chars().take(limits::NAME_CHARS).collect();
                    let message = format!("There is no account with the name '{shown}'. Check its spelling.");
                    return Err(Refusal::new(ErrorCode::UnknownPerson, message));
                };
                let address = self.clients.get(&conn).map(|client| client.address);
                let Some(address) = address else { return Ok(()) };
                let code = self.find_room(address, &room_id, now)?;
                let devices: Vec<ConnId> = self.presence.devices(callee.id).copied().collect();
                let count = devices.len() as u32;
                let request = Request {
                    caller: account.id,
                    caller_name: account.name,
                    caller_device: conn,
                    callee: callee.id,
                    room: code.to_string(),
                    devices,
                    blocked: known.blocked.contains(&callee.id),
                };
                match self.rings.start(request, now, &mut told).map_err(refused)? {
                    Started::Ringing(ring) => {
                        let devices = if known.blocked.contains(&callee.id) { 0 } else { count };
                        let news =
                            PeopleNews::Ringing { ring_id: ring.to_string(), name: callee.name.clone(), devices };
                        out.push(send(conn, &ServerMessage::People(news)));
                    }
                    Started::Crossed(taken) => self.taken(conn, &taken, out),
                }
            }
            PeopleAction::Cancel { ring_id } => {
                self.rings.cancel(ring(&ring_id)?, &conn, &mut told).map_err(refused)?;
            }
            PeopleAction::Accept { ring_id } => {
                let taken = self.rings.accept(ring(&ring_id)?, &conn, &mut told).map_err(refused)?;
                self.taken(conn, &taken, out);
            }
            PeopleAction::Decline { ring_id } => {
                self.rings.decline(ring(&ring_id)?, &conn, &mut told).map_err(refused)?;
            }
        }
        self.tell_rings(told, out);
        Ok(())
    }

    /// To the device that took a call.
    fn taken(&self, conn: ConnId, taken: &Taken, out: &mut Vec<Effect>) {
        let news = PeopleNews::RingEnded { ring_id: taken.call.to_string(), outcome: "accepted".into() };
        out.push(send(conn, &ServerMessage::People(news)));
    }

    /// Does what came of calls.
    pub(super) fn tell_rings(&self, told: Vec<Told<ConnId>>, out: &mut Vec<Effect>) {
        let over = |conn, call: RingId, outcome: &str| {
            send(
                conn,
                &ServerMessage::People(PeopleNews::RingEnded {
                    ring_id: call.to_string(),
                    outcome: outcome.to_owned(),
                }),
            )
        };
        for told in told {
            let effect = match told {
                Told::Ring { device, call, caller, room } => {
                    let news = PeopleNews::Incoming {
                        ring_id: call.to_string(),
                        from: caller.name,
                        room_id: room,
                        seconds: RING_FOR.as_secs() as u32,
                    };
                    send(device, &ServerMessage::People(news))
                }
                Told::Stop { device, call, why } => over(device, call, stopped(&why)),
                Told::Over { device, call, outcome } => over(device, call, ended(&outcome)),
                Told::Missed { callee, caller, room, unix_ms } => {
                    // Whoever is here is told at once, and others when they come.
                    let news = PeopleNews::Missed { from: caller.name.clone(), unix_ms };
                    let text = ServerMessage::People(news);
                    out.extend(self.presence.devices(callee).map(|device| send(*device, &text)));
                    if self.presence.is_here(callee) {
                        continue;
                    }
                    Effect::Deed(Deed::Missed { callee, caller, room, unix_ms })
                }
            };
            out.push(effect);
        }
    }

    /// Whether an account has a device connected.
    pub(crate) fn is_here(&self, account: AccountId) -> bool {
        self.presence.is_here(account)
    }

    /// The account whose device a connection is.
    pub(super) fn account_of(&self, conn: ConnId) -> Result<Account, Refusal> {
        let greeted = self.clients.get(&conn).and_then(|client| client.greeted.as_ref());
        greeted.and_then(|greeted| greeted.account.clone()).ok_or_else(|| {
            Refusal::new(
                ErrorCode::Unauthorized,
                "This is for those who are signed in. Say hello with an account's token.",
            )
        })
    }

    /// An account blocks another one from now on, or no more.
    pub(crate) fn blocks(&mut self, who: AccountId, whom: AccountId, blocks: bool) {
        let devices: Vec<ConnId> = self.presence.devices(who).copied().collect();
        for conn in devices {
            if let Some(greeted) = self.clients.get_mut(&conn).and_then(|client| client.greeted.as_mut()) {
                if blocks {
                    greeted.blocked.insert(whom);
                } else {
                    greeted.blocked.remove(&whom);
                }
            }
        }
        let (own, other) = (Person::Account(who), Person::Account(whom));
        if blocks {
            // Neither sees the other any more. A block too many is refused by the database before.
            self.queue.block(&own, other).ok();
            for (watched, by) in [(who, whom), (whom, who)] {
                let watchers: Vec<ConnId> = self.presence.devices(by).copied().collect();
                for watcher in watchers {
                    self.presence.unwatch(&watcher, watched);
                }
            }
        } else {
            self.queue.unblock(&own, &other);
        }
    }

    /// An account is gone: its devices are nobody's from now on.
    pub(crate) fn account_gone(&mut self, account: AccountId, now: Now, out: &mut Vec<Effect>) {
        let mut told = Vec::new();
        self.rings.account_gone(account, &mut told);
        self.tell_rings(told, out);
        self.signed_out(account, |_| true, now, out);
    }

    /// Sessions of an account are over: their devices are nobody's from now on, and are told so. Calls on them go on.
    pub(crate) fn signed_out(
        &mut self,
        account: AccountId,
        is_over: impl Fn(&TokenHash) -> bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let devices: Vec<ConnId> = self.presence.devices(account).copied().collect();
        for conn in devices {
            let Some(greeted) = self.clients.get_mut(&conn).and_then(|client| client.greeted.as_mut()) else {
                continue;
            };
            if !greeted.session.as_ref().is_none_or(&is_over) {
                continue;
            }
            (greeted.account, greeted.session) = (None, None);
            greeted.blocked.clear();
            if self.meetings.contains_key(&conn) {
                self.stop_meeting(conn, now, out);
                out.push(send(conn, &ServerMessage::Meet(MeetNews::Left {})));
            }
            self.device_went(conn, account, out);
            out.push(send(conn, &ServerMessage::People(PeopleNews::SignedOut {})));
        }
    }
}

fn ring(text: &str) -> Result<RingId, Refusal> {
    let number = text.strip_prefix('c').filter(|digits| digits.len() == 16);
    let number = number.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.map(RingId).ok_or_else(|| refused(RingError::Over))
}

fn refused(error: RingError) -> Refusal {
    let code = match error {
        RingError::Yourself | RingError::AlreadyCalling => ErrorCode::BadMessage,
        RingError::TooFast => ErrorCode::TooFast,
        RingError::Over => ErrorCode::Gone,
    };
    Refusal::new(code, error.to_string())
}

/// Why it does not ring any more at a device.
fn stopped(why: &Outcome<ConnId>) -> &'static str {
    match why {
        Outcome::Accepted { .. } | Outcome::Declined => "elsewhere",
        other => ended(other),
    }
}

/// What came of a call, for the caller.
fn ended(outcome: &Outcome<ConnId>) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Declined => "declined",
        Outcome::Cancelled => "cancelled",
        Outcome::TimedOut => "timed-out",
        Outcome::Busy => "busy",
        Outcome::Unavailable => "unreachable",
    }
}
