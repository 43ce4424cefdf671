//! Several parties, each with an access line of its own, and the packets under way between them.
//!
//! Invariant: a packet passes its sender's line upward and then its receiver's line downward, each at the very time at
//! which it gets there, however late it is asked for: a caller that is late delays packets, but changes nothing about
//! which are lost or how they queue.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::{Change, Conditions, Counters, Fate, Path};

/// Packets under way altogether: 10 Mbit/s of small packets through 60 s of delay. More come from a caller that does not
/// take what is due, and are lost.
const UNDER_WAY: usize = 65_536;

/// A party of a [`Network`], by the order in which their lines were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Party(pub usize);

/// What connects a party to all the others.
#[derive(Debug, Clone)]
pub struct Line {
    /// From the party to the others.
    pub up: Path,
    /// From the others to the party.
    pub down: Path,
}

impl Line {
    /// Both directions behave so, each with chances of its own.
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        Self { up: Path::new(conditions, seed), down: Path::new(conditions, !seed) }
    }

    /// Delays nothing and loses nothing.
    pub fn perfect() -> Self {
        Self::new(Conditions::default(), 0)
    }

    /// Has `change` happen to both directions.
    pub fn schedule(&mut self, at: Instant, change: Change) {
        self.up.schedule(at, change);
        self.down.schedule(at, change);
    }

    /// What became of the packets of both directions, up and down.
    pub fn counters(&self) -> [Counters; 2] {
        [self.up.counters(), self.down.counters()]
    }
}

/// A packet on its way.
#[derive(Debug, Clone)]
pub struct Parcel<T> {
    /// Who sent it.
    pub from: Party,
    /// Who is to get it.
    pub to: Party,
    /// Which of the receiver's addresses it is sent to (see [`Network::address`]).
    pub address: u32,
    /// Length with all headers.
    pub bytes: usize,
    /// Not to be lost by chance.
    pub spared: bool,
    /// When it was sent.
    pub sent: Instant,
    /// Whatever the caller needs to deliver it.
    pub content: T,
}

struct UnderWay<T> {
    at: Instant,
    /// Of two at the same time the earlier one comes first.
    number: u64,
    parcel: Parcel<T>,
}

impl<T> UnderWay<T> {
    fn order(&self) -> (Instant, u64) {
        (self.at, self.number)
    }
}

impl<T> PartialEq for UnderWay<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<T> Eq for UnderWay<T> {}

impl<T> PartialOrd for UnderWay<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for UnderWay<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// See the module. `T` is what the caller wants back with each packet.
pub struct Network<T> {
    lines: Vec<Line>,
    /// Between their sender's line and their receiver's.
    crossing: BinaryHeap<Reverse<UnderWay<T>>>,
    /// Behind both.
    arriving: BinaryHeap<Reverse<UnderWay<T>>>,
    number: u64,
}

impl<T> Network<T> {
    /// As many parties as there are lines.
    pub fn new(lines: Vec<Line>) -> Self {
        Self { lines, crossing: BinaryHeap::new(), arriving: BinaryHeap::new(), number: 0 }
    }

    /// How many parties there are.
    pub fn parties(&self) -> usize {
        self.lines.len()
    }

    /// A party's line; `None` where there is no such party.
    pub fn line(&mut self, party: Party) -> Option<&mut Line> {
        self.lines.get_mut(party.0)
    }

    /// Which of its addresses a party has at `now` (see [`Path::address`]).
    pub fn address(&mut self, party: Party, now: Instant) -> u32 {
        // What comes to the line before `now` must not find it as it is then.
        self.cross(now);
        self.line(party).map_or(0, |line| line.down.address(now))
    }

    /// A packet is sent. One that is lost on the sender's line is gone at once.
    pub fn send(&mut self, parcel: Parcel<T>) {
        let Some(line) = self.lines.get_mut(parcel.from.0) else { return };
        let (sent, bytes) = (parcel.sent, parcel.bytes);
        let address = line.up.address(sent);
        let fate = if parcel.spared { line.up.spare_to(sent, bytes, address) } else { line.up.send(sent, bytes) };
        if let Some(under_way) = self.under_way(fate, parcel) {
            self.crossing.push(under_way);
        }
    }

    /// When [`poll`](Self::poll) is to be called next.
    pub fn due(&self) -> Option<Instant> {
        [&self.crossing, &self.arriving].into_iter().filter_map(|heap| Some(heap.peek()?.0.at)).min()
    }

    /// The next packet that has arrived by `now`, and when it did. To be asked until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<(Instant, Parcel<T>)> {
        self.cross(now);
        pop_due(&mut self.arriving, now)
    }

    fn cross(&mut self, now: Instant) {
        while let Some((at, parcel)) = pop_due(&mut self.crossing, now) {
            let Some(line) = self.lines.get_mut(parcel.to.0) else { continue };
            let (bytes, address) = (parcel.bytes, parcel.address);
            let down = &mut line.down;
            let fate = if parcel.spared { down.spare_to(at, bytes, address) } else { down.send_to(at, bytes, address) };
            if let Some(under_way) = self.under_way(fate, parcel) {
                self.arriving.push(under_way);
            }
        }
    }

    fn under_way(&mut self, fate: Fate, parcel: Parcel<T>) -> Option<Reverse<UnderWay<T>>> {
        let at = fate.arrival().filter(|_| self.crossing.len() + self.arriving.len() < UNDER_WAY)?;
        self.number += 1;
        Some(Reverse(UnderWay { at, number: self.number, parcel }))
    }
}

fn pop_due<T>(heap: &mut BinaryHeap<Reverse<UnderWay<T>>>, now: Instant) -> Option<(Instant, Parcel<T>)> {
    heap.peek().filter(|Reverse(next)| next.at <= now)?;
    heap.pop().map(|Reverse(next)| (next.at, next.parcel))
}
