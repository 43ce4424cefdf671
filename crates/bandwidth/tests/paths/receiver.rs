//! The far end: feedback each 100 ms, requests for what is missing, and which pictures can be shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sightline_bandwidth::Report;

use crate::source::Media;

/// Arrivals are remembered so long for feedback.
const REMEMBER: Duration = Duration::from_millis(500);
/// A gap is asked for when it is so old, or as old as packets were of late that came by themselves.
const PATIENCE: Duration = Duration::from_millis(10);
/// It is asked for so often.
const REQUESTS: u32 = 6;
/// Arrival times are reported in units of this.
const TICK_US: u64 = 250;
/// Without a picture for so long, a key frame is asked for.
const NO_PICTURE: Duration = Duration::from_millis(500);

pub(crate) struct Receiver {
    start: Instant,
    arrivals: BTreeMap<u64, Instant>,
    /// First number that no feedback has covered.
    base: u64,
    oldest_new: Option<u64>,
    highest: Option<u64>,
    /// Missing packets of video: when they are asked for next, and how often they were.
    gaps: BTreeMap<u64, Gap>,
    next_number: u64,
    patience: Duration,
    round_trip: Duration,
    media: BTreeSet<u64>,
    frames: BTreeMap<u64, Waiting>,
    shown: BTreeSet<u64>,
    /// When each picture was shown.
    pub(crate) pictures: Vec<Instant>,
    asked: Instant,
}

struct Gap {
    since: Instant,
    due: Instant,
    requests: u32,
}

struct Waiting {
    missing: usize,
    needs: Option<u64>,
}

impl Receiver {
    pub(crate) fn new(start: Instant, round_trip: Duration) -> Self {
        Self {
            start,
            arrivals: BTreeMap::new(),
            base: 0,
            oldest_new: None,
            highest: None,
            gaps: BTreeMap::new(),
            next_number: 0,
            patience: PATIENCE,
            round_trip,
            media: BTreeSet::new(),
            frames: BTreeMap::new(),
            shown: BTreeSet::new(),
            pictures: Vec::new(),
            asked: start,
        }
    }

    /// Returns whether the payload is new.
    pub(crate) fn arrive(&mut self, now: Instant, sequence: u64, media: &Media) -> bool {
        self.arrivals.insert(sequence, now);
        self.oldest_new = Some(self.oldest_new.map_or(sequence, |oldest| oldest.min(sequence)));
        self.highest = self.highest.max(Some(sequence));
        if !self.media.insert(media.id) {
            return false;
        }
        if let Some(number) = media.number {
            self.note(now, number);
        }
        if let Some(picture) = media.picture
            && self.shown.last().is_none_or(|last| *last < picture.frame)
        {
            let waiting = Waiting { missing: picture.packets, needs: picture.needs };
            self.frames.entry(picture.frame).or_insert(waiting).missing -= 1;
            self.show(now);
        }
        true
    }

    fn note(&mut self, now: Instant, number: u64) {
        if let Some(gap) = self.gaps.remove(&number)
            && gap.requests == 0
        {
            self.patience = self.patience.max(now - gap.since + PATIENCE);
        }
        for missing in self.next_number..number {
            self.gaps.insert(missing, Gap { since: now, due: now + self.patience, requests: 0 });
        }
        self.next_number = self.next_number.max(number + 1);
    }

    /// The packets of video that are asked for now.
    pub(crate) fn requests(&mut self, now: Instant) -> Vec<u64> {
        let mut due = Vec::new();
        for (number, gap) in self.gaps.iter_mut().filter(|(_, gap)| gap.due <= now) {
            gap.requests += 1;
            gap.due = now + self.round_trip + 2 * PATIENCE;
            due.push(*number);
        }
        self.gaps.retain(|_, gap| gap.requests < REQUESTS);
        due
    }

    pub(crate) fn wants_key_frame(&mut self, now: Instant) -> bool {
        let last = self.pictures.last().copied().unwrap_or(self.start).max(self.asked);
        let is_stuck = !self.frames.is_empty() && now - last > NO_PICTURE;
        if is_stuck {
            self.asked = now;
        }
        is_stuck
    }

    pub(crate) fn feedback(&mut self, now: Instant) -> Option<Vec<Report>> {
        let first = self.oldest_new.take()?.min(self.base);
        let last = self.highest?;
        let reports = (first..=last)
            .map(|sequence| Report { sequence, arrival: self.arrivals.get(&sequence).map(|at| self.clock(*at)) })
            .collect();
        self.base = last + 1;
        self.arrivals.retain(|_, at| now - *at < REMEMBER);
        Some(reports)
    }

    /// By the receiver's own clock, which is another than the sender's.
    fn clock(&self, at: Instant) -> Duration {
        let micros = (at - self.start).as_micros() as u64 / TICK_US * TICK_US;
        Duration::from_micros(micros) + Duration::from_secs(1_000_000)
    }

    fn show(&mut self, now: Instant) {
        loop {
            let ready = self.frames.iter().find_map(|(id, frame)| {
                let is_ready = frame.missing == 0 && frame.needs.is_none_or(|needs| self.shown.contains(&needs));
                is_ready.then_some(*id)
            });
            let Some(id) = ready else { return };
            self.frames = self.frames.split_off(&(id + 1));
            self.shown.insert(id);
            self.pictures.push(now);
        }
    }
}
