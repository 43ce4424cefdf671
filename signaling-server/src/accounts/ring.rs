//! Calls by name: which devices ring, and how it ends.
//!
//! Invariants: a call ends once, with one [`Outcome`], of which the caller's device is told, and each device that rang and
//! did not accept is told to stop. The first device that accepts has the call. A caller's device makes one call at a time.
//!
//! ```text
//!              start -> ringing -+- accept by the callee's device ------ Accepted
//!                |               +- decline on any of them ------------- Declined
//!                |               +- cancel by the caller, or it is gone  Cancelled    (missed)
//!                |               +- RING_FOR is over ------------------- TimedOut     (missed)
//!                +- no device of the callee is here, or it blocks ------ Unavailable  (missed, unless it blocks)
//!                +- the callee is in a call, or too much rings there --- Busy         (missed)
//! ```
//! Declining on one device declines for the person, as 603 Decline does in SIP (RFC 3261 section 21.6.2). A device that
//! comes while it rings rings too. A callee without devices rings on until the time is over: a device that lost its
//! network is soon back.
//!
//! `D` names a device's connection.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::Hash,
    time::{Duration, Instant},
};

use super::{AccountId, Party, Person, attempts::ByKey};
use crate::{hub::Now, limiter::Rate};

/// How long it rings: about as long as telephones do, ten rings.
pub(crate) const RING_FOR: Duration = Duration::from_secs(45);

/// Calls that ring at one account at a time: as many as a screen shows at once.
pub(crate) const MAX_AT_ONE_ACCOUNT: usize = 4;

/// Calls of one account: a few quick retries, and then three a minute. Whoever wants to ring somebody mad is slow at it.
const CALLS: Rate = Rate { burst: 10, every: Duration::from_secs(20) };

/// A call's id, for as long as the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RingId(pub(crate) u64);

impl fmt::Display for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:016x}", self.0)
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome<D> {
    /// This device took it.
    Accepted {
        by: D,
    },
    Declined,
    /// The caller gave up.
    Cancelled,
    TimedOut,
    Busy,
    /// No device of the callee is here, as far as the caller may know.
    Unavailable,
}

/// A call that somebody wants to make.
#[derive(Debug, Clone)]
pub(crate) struct Request<D> {
    pub(crate) caller: AccountId,
    /// As the callee sees it.
    pub(crate) caller_name: String,
    pub(crate) caller_device: D,
    pub(crate) callee: AccountId,
    /// The id of the room to meet in.
    pub(crate) room: String,
    /// The callee's devices that are here.
    pub(crate) devices: Vec<D>,
    /// Whether the callee blocks the caller. Then nothing rings and nothing is missed, and the caller is told what it is
    /// told of those who are not here.
    pub(crate) blocked: bool,
}

/// Why a call is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RingError {
    #[error("You cannot call yourself.")]
    Yourself,
    #[error("You are calling somebody already. Cancel that first.")]
    AlreadyCalling,
    #[error("Too many calls in a short time. Wait half a minute.")]
    TooFast,
    /// It ended, or it never was this device's.
    #[error("This call is over, or was taken on another device.")]
    Over,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told<D> {
    /// This device of the callee is to ring.
    Ring { device: D, call: RingId, caller: Party, room: String },
    /// This device of the callee is to stop ringing.
    Stop { device: D, call: RingId, why: Outcome<D> },
    /// Tells the caller's device how it ended.
    Over { device: D, call: RingId, outcome: Outcome<D> },
    /// To be kept for the callee.
    Missed { callee: AccountId, caller: Party, room: String, unix_ms: i64 },
}

/// How a call begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Started {
    /// It rings, or is over at once; either is in what is told.
    Ringing(RingId),
    /// The callee was calling this very device: that call is accepted by it.
    Crossed(Taken),
}

/// A call that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) call: RingId,
    pub(crate) caller: Party,
    /// The room to join.
    pub(crate) room: String,
}

/// One call that rings.
#[derive(Debug)]
struct Ring<D> {
    caller: Party,
    caller_account: AccountId,
    caller_device: D,
    callee: AccountId,
    room: String,
    ringing: BTreeSet<D>,
    ends: Instant,
    began_unix_ms: i64,
}

/// All calls that ring.
#[derive(Debug)]
pub(crate) struct Rings<D> {
    rings: HashMap<RingId, Ring<D>>,
    by_caller: HashMap<D, RingId>,
    by_callee: HashMap<AccountId, BTreeSet<RingId>>,
    deadlines: BTreeSet<(Instant, RingId)>,
    calls: ByKey<AccountId>,
    next_id: u64,
}

impl<D: Clone + Ord + Hash> Rings<D> {
    pub(crate) fn new(now: Now) -> Self {
        Self {
            rings: HashMap::new(),
            by_caller: HashMap::new(),
            by_callee: HashMap::new(),
            deadlines: BTreeSet::new(),
            calls: ByKey::new(CALLS, now.at),
            next_id: 1,
        }
    }

    /// How many calls ring.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.rings.len()
    }

    /// Somebody calls somebody.
    pub(crate) fn start(
        &mut self,
        request: Request<D>,
        now: Now,
        out: &mut Vec<Told<D>>,
    ) -> Result<Started, RingError> {
        if request.caller == request.callee {
            return Err(RingError::Yourself);
        }
        if self.by_caller.contains_key(&request.caller_device) {
            return Err(RingError::AlreadyCalling);
        }
        let at_callee = self.by_callee.get(&request.callee).map_or(0, BTreeSet::len);
        if let Some(crossed) = self.crossing(&request) {
            return self.accept(crossed, &request.caller_device, out).map(Started::Crossed);
        }
        if !self.calls.take(request.caller, now.at) {
            return Err(RingError::TooFast);
        }
        let call = RingId(self.next_id);
        self.next_id += 1;
        let busy = at_callee >= MAX_AT_ONE_ACCOUNT;
        let refused = if request.blocked || request.devices.is_empty() {
            Some(Outcome::Unavailable)
        } else {
            busy.then_some(Outcome::Busy)
        };
        let ring = Ring {
            caller: Party { person: Person::Account(request.caller), name: request.caller_name },
            caller_account: request.caller,
            caller_device: request.caller_device,
            callee: request.callee,
            room: request.room,
            ringing: request.devices.into_iter().collect(),
            ends: now.at + RING_FOR,
            began_unix_ms: now.unix_ms,
        };
        if let Some(outcome) = refused {
            if !request.blocked {
                out.push(ring.missed());
            }
            out.push(Told::Over { device: ring.caller_device, call, outcome });
            return Ok(Started::Ringing(call));
        }
        out.extend(ring.ringing.iter().map(|device| ring.rings_at(call, device.clone())));
        self.by_caller.insert(ring.caller_device.clone(), call);
        self.by_callee.entry(ring.callee).or_default().insert(call);
        self.deadlines.insert((ring.ends, call));
        self.rings.insert(call, ring);
        Ok(Started::Ringing(call))
    }

    /// A device takes the call.
    pub(crate) fn accept(&mut self, call: RingId, device: &D, out: &mut Vec<Told<D>>) -> Result<Taken, RingError> {
        let ring = self.rings.get_mut(&call).ok_or(RingError::Over)?;
        if !ring.ringing.remove(device) {
            return Err(RingError::Over);
        }
        let taken = Taken { call, caller: ring.caller.clone(), room: ring.room.clone() };
        self.end(call, Outcome::Accepted { by: device.clone() }, out);
        Ok(taken)
    }

    /// The callee does not want the call.
    pub(crate) fn decline(&mut self, call: RingId, device: &D, out: &mut Vec<Told<D>>) -> Result<(), RingError> {
        let ring = self.rings.get_mut(&call).ok_or(RingError::Over)?;
        if !ring.ringing.remove(device) {
            return Err(RingError::Over);
        }
        self.end(call, Outcome::Declined, out);
        Ok(())
    }

    /// The caller gives up.
    pub(crate) fn cancel(&mut self, call: RingId, device: &D, out: &mut Vec<Told<D>>) -> Result<(), RingError> {
        if self.by_caller.get(device) != Some(&call) {
            return Err(RingError::Over);
        }
        self.end(call, Outcome::Cancelled, out);
        Ok(())
    }

    /// A device of this account is here: it rings where the others do.
    pub(crate) fn device_came(&mut self, account: AccountId, device: &D, out: &mut Vec<Told<D>>) {
        for call in self.by_callee.get(&account).into_iter().flatten() {
            if let Some(ring) = self.rings.get_mut(call)
                && ring.ringing.insert(device.clone())
            {
                out.push(ring.rings_at(*call, device.clone()));
            }
        }
    }

    /// A device of this account is gone: what it called is cancelled, what rang on it rings on elsewhere.
    pub(crate) fn device_gone(&mut self, account: AccountId, device: &D, out: &mut Vec<Told<D>>) {
        for call in self.by_callee.get(&account).into_iter().flatten() {
            if let Some(ring) = self.rings.get_mut(call) {
                ring.ringing.remove(device);
            }
        }
        if let Some(call) = self.by_caller.get(device).copied() {
            self.end(call, Outcome::Cancelled, out);
        }
    }

    /// An account is no more: nothing rings there, and what it called is cancelled.
    pub(crate) fn account_gone(&mut self, account: AccountId, out: &mut Vec<Told<D>>) {
        let theirs = self.rings.iter().filter(|(_, ring)| ring.caller_account == account).map(|(call, _)| *call);
        for call in theirs.collect::<BTreeSet<_>>() {
            self.end(call, Outcome::Cancelled, out);
        }
        for call in self.by_callee.get(&account).cloned().unwrap_or_default() {
            self.end(call, Outcome::Unavailable, out);
        }
    }

    /// When [`Self::tick`] is wanted next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Ends what rang long enough.
    pub(crate) fn tick(&mut self, now: Now, out: &mut Vec<Told<D>>) {
        while let Some((at, call)) = self.deadlines.first().copied()
            && at <= now.at
        {
            self.end(call, Outcome::TimedOut, out);
        }
    }

    /// A call from the callee that rings on the very device from which it is called.
    fn crossing(&self, request: &Request<D>) -> Option<RingId> {
        let mut ringing_here = self.by_callee.get(&request.caller)?.iter().copied();
        ringing_here.find(|call| {
            self.rings.get(call).is_some_and(|ring| {
                ring.caller_account == request.callee && ring.ringing.contains(&request.caller_device)
            })
        })
    }

    fn end(&mut self, call: RingId, outcome: Outcome<D>, out: &mut Vec<Told<D>>) {
        let Some(ring) = self.rings.remove(&call) else { return };
        self.by_caller.remove(&ring.caller_device);
        self.deadlines.remove(&(ring.ends, call));
        if let Some(calls) = self.by_callee.get_mut(&ring.callee) {
            calls.remove(&call);
            if calls.is_empty() {
                self.by_callee.remove(&ring.callee);
            }
        }
        match outcome {
            Outcome::Cancelled | Outcome::TimedOut => out.push(ring.missed()),
            // Busy and unavailable callees have missed what never rang; see `start`. Here the account is gone.
            Outcome::Accepted { .. } | Outcome::Declined | Outcome::Busy | Outcome::Unavailable => {}
        }
        for device in ring.ringing {
            out.push(Told::Stop { device, call, why: outcome.clone() });
        }
        out.push(Told::Over { device: ring.caller_device, call, outcome });
    }
}

impl<D> Ring<D> {
    fn rings_at(&self, call: RingId, device: D) -> Told<D> {
        Told::Ring { device, call, caller: self.caller.clone(), room: self.room.clone() }
    }

    fn missed(&self) -> Told<D> {
        let (callee, caller, room) = (self.callee, self.caller.clone(), self.room.clone());
        Told::Missed { callee, caller, room, unix_ms: self.began_unix_ms }
    }
}
