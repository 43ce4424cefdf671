//! Random partners: who waits, and who meets whom.
//!
//! Invariants:
//! - A person is here once, and either waits or is in one pair.
//! - Whoever comes to wait gets the one who waits longest of all that the two may meet. So after [`Queue::tick`] no two
//!   who wait may meet, and nobody is passed over for ever.
//! - Nobody meets somebody whom either blocks, or the partner just had: those two meet again only when both have waited
//!   [`ALONE_FOR`] and there was nobody else for them.
//!
//! What it costs: a look goes through those who wait, the longest first, up to the first whom the newcomer may meet. It
//! passes only people whom the newcomer may not meet; each is blocked by one of the two or was the last partner of one. As
//! no two who wait after a tick may meet, and nobody blocks more than [`MAX_BLOCKS`], at most 2 × (`MAX_BLOCKS` + 1) + 1
//! people wait then, even where all conspire; among people who block few it is one or two.
//!
//! `T` names a participant's place here, as [`Person`] names who that is to others.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::Hash,
    time::{Duration, Instant},
};

use crate::accounts::{Person, lists::MAX_BLOCKS};

/// How long two who just met wait for somebody else before they meet again.
pub(crate) const ALONE_FOR: Duration = Duration::from_secs(5);

/// How long it is remembered who somebody's last partner was after they left: leaving and coming back at once is no way
/// round.
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// People who wait or are in a pair: more than a server has connections. Some 300 bytes each: 6 MiB.
pub(crate) const MAX_PEOPLE: usize = 20_000;

/// Two who meet. The one who came later offers, as a latecomer does in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair<T> {
    pub(crate) offerer: T,
    pub(crate) answerer: T,
}

/// Why somebody does not come to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueueError {
    #[error("You are looking for a partner already, perhaps on another device. Leave there first.")]
    AlreadyHere,
    #[error("You are not looking for a partner. Enter the queue first.")]
    NotHere,
    #[error("Too many people look for a partner at the moment. Try again in a minute.")]
    Full,
    #[error("You block {MAX_BLOCKS} people already. Unblock some first.")]
    TooManyBlocks,
}

/// The order of coming to wait.
type Seat = u64;

#[derive(Debug)]
struct Place<T> {
    person: Person,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Waiting(Seat),
    PairedWith(T),
}

/// One who waits.
#[derive(Debug)]
struct Waiting<T> {
    place: T,
    person: Person,
    since: Instant,
    /// What this one has noted in [`Queue::again`].
    again: Vec<(Instant, Seat, Seat)>,
}

/// A partner just had.
#[derive(Debug)]
struct Last {
    partner: Person,
    /// Set for those who are not here.
    until: Option<Instant>,
}

/// All who look for a partner, and all who have one.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    places: HashMap<T, Place<T>>,
    persons: HashMap<Person, T>,
    waiting: BTreeMap<Seat, Waiting<T>>,
    /// Those of `waiting` for whom nobody was looked for yet.
    fresh: BTreeSet<Seat>,
    /// The rest of `waiting`. No two of them may meet.
    settled: BTreeSet<Seat>,
    /// Settled ones who just met, and when they may again.
    again: BTreeSet<(Instant, Seat, Seat)>,
    blocks: HashMap<Person, HashSet<Person>>,
    last: HashMap<Person, Last>,
    /// When who is not here is forgotten in `last`.
    forgetting: BTreeSet<(Instant, Person)>,
    next_seat: Seat,
    looks: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            persons: HashMap::new(),
            waiting: BTreeMap::new(),
            fresh: BTreeSet::new(),
            settled: BTreeSet::new(),
            again: BTreeSet::new(),
            blocks: HashMap::new(),
            last: HashMap::new(),
            forgetting: BTreeSet::new(),
            next_seat: 0,
            looks: 0,
        }
    }
}

impl<T: Clone + Eq + Hash> Queue<T> {
    /// Somebody looks for a partner. `blocked` are those whom an account blocks, on top of what [`Self::block`] was told.
    pub(crate) fn enter(
        &mut self,
        place: T,
        person: Person,
        blocked: impl IntoIterator<Item = Person>,
        now: Instant,
    ) -> Result<(), QueueError> {
        if self.places.contains_key(&place) || self.persons.contains_key(&person) {
            return Err(QueueError::AlreadyHere);
        }
        if self.places.len() >= MAX_PEOPLE {
            return Err(QueueError::Full);
        }
        for whom in blocked {
            // Those of the database are as many at most; who blocked more since has the earlier ones.
            self.block(&person, whom).ok();
        }
        self.forget_last(now);
        if let Some(last) = self.last.get_mut(&person)
            && let Some(until) = last.until.take()
        {
            self.forgetting.remove(&(until, person.clone()));
        }
        self.persons.insert(person.clone(), place.clone());
        self.wait(place, person, now);
        Ok(())
    }

    /// Somebody looks for a partner no more. Gives the partner who is left behind, if there is one; that one is out, too.
    pub(crate) fn leave(&mut self, place: &T, now: Instant) -> Option<T> {
        match self.remove(place, now)?.state {
            State::Waiting(seat) => {
                self.stand_up(seat);
                None
            }
            State::PairedWith(partner) => {
                self.remove(&partner, now);
                Some(partner)
            }
        }
    }

    /// Somebody wants another partner: both wait again. Gives the one left behind; none if they were waiting anyway.
    pub(crate) fn next(&mut self, place: &T, now: Instant) -> Result<Option<T>, QueueError> {
        let pressed = self.places.get(place).ok_or(QueueError::NotHere)?;
        let State::PairedWith(partner) = &pressed.state else { return Ok(None) };
        let partner = partner.clone();
        // The one who did not ask for it waits in front.
        for place in [&partner, place] {
            if let Some(Place { person, .. }) = self.places.remove(place) {
                self.wait(place.clone(), person, now);
            }
        }
        Ok(Some(partner))
    }

    /// From now on `who` is not paired with `whom`. A pair that there is goes on: follow with [`Self::next`] or
    /// [`Self::leave`].
    pub(crate) fn block(&mut self, who: &Person, whom: Person) -> Result<(), QueueError> {
        let blocked = self.blocks.entry(who.clone()).or_default();
        if blocked.len() >= MAX_BLOCKS && !blocked.contains(&whom) {
            return Err(QueueError::TooManyBlocks);
        }
        blocked.insert(whom);
        Ok(())
    }

    /// Takes a block back. To be told whenever an account's list changes, whether or not it is here.
    pub(crate) fn unblock(&mut self, who: &Person, whom: &Person) {
        let Some(blocked) = self.blocks.get_mut(who) else { return };
        if !blocked.remove(whom) {
            return;
        }
        if blocked.is_empty() {
            self.blocks.remove(who);
        }
        let place = self.persons.get(who).and_then(|place| self.places.get(place));
        if let Some(Place { state: State::Waiting(seat), .. }) = place {
            self.settled.remove(seat);
            self.fresh.insert(*seat);
        }
    }

    /// Forgets whom a person blocks, unless that person is here. To be told when a guest's place on the server is given
    /// up, or an account's last device is gone.
    pub(crate) fn forget(&mut self, person: &Person) {
        if !self.persons.contains_key(person) {
            self.blocks.remove(person);
        }
    }

    /// Pairs all who may meet now, in the order in which they came.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Pair<T>> {
        self.forget_last(now);
        let mut pairs = Vec::new();
        while let Some(seat) = self.fresh.pop_first() {
            match self.partner_for(seat) {
                Some(partner) => pairs.extend(self.pair(seat, partner)),
                None => {
                    self.settled.insert(seat);
                }
            }
        }
        while let Some((at, one, other)) = self.again.first().copied()
            && at <= now
        {
            self.again.remove(&(at, one, other));
            // Either may have met somebody else, or have left, or block the other now.
            if let (Some(a), Some(b)) = (self.waiting.get(&one), self.waiting.get(&other))
                && !self.is_blocked(&a.person, &b.person)
            {
                pairs.extend(self.pair(one, other));
            }
        }
        pairs
    }

    /// When [`Self::tick`] is wanted next, besides after each [`Self::enter`], [`Self::next`] and [`Self::unblock`].
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let again = self.again.first().map(|(at, ..)| *at);
        let forgotten = self.forgetting.first().map(|(at, _)| *at);
        again.into_iter().chain(forgotten).min()
    }

    /// Whom somebody is paired with.
    pub(crate) fn partner(&self, place: &T) -> Option<&T> {
        match &self.places.get(place)?.state {
            State::Waiting(_) => None,
            State::PairedWith(partner) => Some(partner),
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many people were looked at in search of partners since the start.
    #[cfg(test)]
    pub(crate) fn looks(&self) -> u64 {
        self.looks
    }

    fn wait(&mut self, place: T, person: Person, now: Instant) {
        let seat = self.next_seat;
        self.next_seat += 1;
        self.places.insert(place.clone(), Place { person: person.clone(), state: State::Waiting(seat) });
        self.waiting.insert(seat, Waiting { place, person, since: now, again: Vec::new() });
        self.fresh.insert(seat);
    }

    fn stand_up(&mut self, seat: Seat) -> Option<Waiting<T>> {
        self.fresh.remove(&seat);
        self.settled.remove(&seat);
        let waited = self.waiting.remove(&seat)?;
        for note in &waited.again {
            self.again.remove(note);
        }
        Some(waited)
    }

    fn remove(&mut self, place: &T, now: Instant) -> Option<Place<T>> {
        let removed = self.places.remove(place)?;
        self.persons.remove(&removed.person);
        if let Some(last) = self.last.get_mut(&removed.person) {
            let until = now + REMEMBERED_FOR;
            last.until = Some(until);
            self.forgetting.insert((until, removed.person.clone()));
            // As many come and go only in an attack.
            if self.forgetting.len() > MAX_PEOPLE
                && let Some((_, person)) = self.forgetting.pop_first()
            {
                self.last.remove(&person);
            }
        }
        Some(removed)
    }

    fn forget_last(&mut self, now: Instant) {
        while self.forgetting.first().is_some_and(|(until, _)| *until <= now)
            && let Some((_, person)) = self.forgetting.pop_first()
        {
            self.last.remove(&person);
        }
    }

    /// The one who waits longest of those whom the one in this seat may meet. Notes who may be met again later.
    fn partner_for(&mut self, seat: Seat) -> Option<Seat> {
        let newcomer = self.waiting.get(&seat)?;
        let mut again = Vec::new();
        for other_seat in &self.settled {
            let Some(other) = self.waiting.get(other_seat) else { continue };
            self.looks += 1;
            if self.is_blocked(&newcomer.person, &other.person) {
                continue;
            }
            if self.just_met(&newcomer.person, &other.person) {
                again.push((newcomer.since.max(other.since) + ALONE_FOR, seat, *other_seat));
                continue;
            }
            return Some(*other_seat);
        }
        self.again.extend(&again);
        if let Some(newcomer) = self.waiting.get_mut(&seat) {
            newcomer.again.extend(again);
        }
        None
    }

    fn is_blocked(&self, one: &Person, other: &Person) -> bool {
        let blocks = |who, whom: &Person| self.blocks.get(who).is_some_and(|blocked| blocked.contains(whom));
        blocks(one, other) || blocks(other, one)
    }

    fn just_met(&self, one: &Person, other: &Person) -> bool {
        let met = |who, whom: &Person| self.last.get(who).is_some_and(|last| last.partner == *whom);
        met(one, other) || met(other, one)
    }

    fn pair(&mut self, one: Seat, other: Seat) -> Option<Pair<T>> {
        let offerer = self.stand_up(one.max(other))?;
        let answerer = self.stand_up(one.min(other))?;
        for (who, whom) in [(&offerer, &answerer), (&answerer, &offerer)] {
            if let Some(place) = self.places.get_mut(&who.place) {
                place.state = State::PairedWith(whom.place.clone());
            }
            self.last.insert(who.person.clone(), Last { partner: whom.person.clone(), until: None });
        }
        Some(Pair { offerer: offerer.place, answerer: answerer.place })
    }
}
