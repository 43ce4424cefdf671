//! From snapshots, a second apart, to the live view and to a row per track, link and process for each 15 s.
//!
//! Invariant: no row spans a break. Where readings failed to come, the machine slept, or the connection to a peer was
//! lost, the row ends at the last reading before, and the next begins at the first one after; nothing is compared
//! across.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::headline::Tally;
use crate::metric::{LinkMetric, TrackMetric};
use crate::sample::{Gap, GapCause, LinkRow, Live, LiveLink, ProcessRow, Rows};
use crate::track::{Track, arrived, measured};
use crate::warning::{ActiveWarning, Round, Warning, Watch};
use crate::window::{Closed, Moment, Window};
use crate::{Direction, Event, EventKind, Kind, LinkCounters, Millis, ProcessCounters, Snapshot, TrackKey};

/// What a row covers at most.
pub const WINDOW: Duration = Duration::from_secs(15);

/// How late the reading that ends a window may be. Timers are, by milliseconds; without it, a window whose last
/// reading comes at 15.001 s would have to end at 14 s.
const SLACK: Duration = Duration::from_millis(250);

/// Two readings further apart than this have a break between them.
const GAP: Duration = Duration::from_secs(5);

/// A window shorter than half of a whole one does not count for the headline.
const COUNTS: Duration = Duration::from_millis(7500);

/// Turns snapshots into rows; one for each session.
#[derive(Debug)]
pub struct Sampler {
    now: Option<Moment>,
    window_start: Option<Instant>,
    tracks: BTreeMap<TrackKey, Track>,
    links: BTreeMap<String, Window<LinkCounters>>,
    process: Window<ProcessCounters>,
    /// Peers whose connection is being mended.
    broken: BTreeSet<String>,
    watch: Watch,
    tally: Tally,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    /// A sampler that has seen nothing yet.
    pub fn new() -> Self {
        Self {
            now: None,
            window_start: None,
            tracks: BTreeMap::new(),
            links: BTreeMap::new(),
            process: Window::new(),
            broken: BTreeSet::new(),
            watch: Watch::default(),
            tally: Tally::default(),
        }
    }

    /// Takes the next snapshot, about a second after the last one: gives the last second, and now and then rows.
    pub fn feed(&mut self, snapshot: &Snapshot) -> (Live, Rows) {
        let now = Moment { at: snapshot.at, unix_ms: snapshot.unix_ms };
        let mut rows = self.seam(now);
        let dt = self.now.replace(now).map_or(Duration::ZERO, |then| now.at.saturating_duration_since(then.at));
        self.close_departed(snapshot, &mut rows);

        let mut live = Live { unix_ms: now.unix_ms, ..Live::default() };
        let mut round = Round::default();
        live.process = self.process.step(now, &snapshot.process);
        self.step_links(now, snapshot, &mut live, &mut round);
        self.step_tracks(now, snapshot, &mut live, &mut round);
        // A reading over a few milliseconds is nothing to warn of.
        if dt * 2 >= Duration::from_secs(1) {
            live.events.extend(self.watch.round(now.unix_ms, round));
        }
        live.warnings = self.watch.active();

        let start = *self.window_start.get_or_insert(now.at);
        if now.at.saturating_duration_since(start) + dt > WINDOW + SLACK {
            self.close_all(&mut rows);
        }
        (live, rows)
    }

    /// Takes note of what ends rows early: a peer that left, a connection that is lost or found again.
    pub fn event(&mut self, event: &Event) -> Rows {
        let mut rows = Rows::default();
        let Some(peer) = &event.peer else { return rows };
        match &event.kind {
            EventKind::Reconnecting { .. } => {
                self.close_peer(peer, &mut rows);
                self.broken.insert(peer.clone());
            }
            EventKind::Reconnected => {
                self.broken.remove(peer);
            }
            EventKind::LinkState { state } if state == "connected" => {
                self.broken.remove(peer);
            }
            EventKind::PeerLeft { .. } => rows = self.peer_left(peer),
            _ => {}
        }
        rows
    }

    /// Ends the rows of a peer that left.
    pub fn peer_left(&mut self, peer: &str) -> Rows {
        let mut rows = Rows::default();
        self.close_peer(peer, &mut rows);
        self.broken.remove(peer);
        rows
    }

    /// Ends the session: the last, shorter rows.
    pub fn finish(&mut self) -> Rows {
        let mut rows = Rows::default();
        self.close_all(&mut rows);
        rows
    }

    /// Ends the window before `now` where it cannot include it.
    fn seam(&mut self, now: Moment) -> Rows {
        let mut rows = Rows::default();
        let Some(then) = self.now else { return rows };
        let by_monotonic = now.at.saturating_duration_since(then.at);
        let by_wall = now.unix_ms.saturating_sub(then.unix_ms);
        let late = self.window_start.is_some_and(|start| now.at.saturating_duration_since(start) > WINDOW + SLACK);
        let stalled = by_monotonic > GAP;
        // The monotonic clock of most systems stands still while the machine sleeps.
        let slept = by_wall.saturating_sub(by_monotonic.as_millis() as i64) > GAP.as_millis() as i64;
        let set_back = by_wall < 0;
        if stalled || slept || set_back {
            self.close_all(&mut rows);
            self.cut_all();
            if !set_back {
                let cause = if slept { GapCause::Sleep } else { GapCause::Stall };
                rows.gap = Some(Gap { start_ms: then.unix_ms, end_ms: now.unix_ms, cause });
            }
        } else if late {
            self.close_all(&mut rows);
        }
        rows
    }

    fn cut_all(&mut self) {
        self.window_start = None;
        self.process.cut();
        self.links.values_mut().for_each(Window::cut);
        self.tracks.values_mut().for_each(Track::cut);
    }

    fn step_links(&mut self, now: Moment, snapshot: &Snapshot, live: &mut Live, round: &mut Round) {
        for counters in snapshot.links.iter().filter(|link| !self.broken.contains(&link.peer)) {
            if counters.path.is_some() || counters.path_rtt.is_some() || counters.bytes_received > Some(0) {
                self.tally.connected();
            }
            let link = self.links.entry(counters.peer.clone()).or_insert_with(Window::new);
            let values = link.step(now, counters);
            let warning = Warning::HighRoundTrip;
            let subject = ActiveWarning { warning, peer: Some(counters.peer.clone()), track: None };
            round.reading(subject, values[LinkMetric::PathRoundTrip]);
            live.links.push(LiveLink { peer: counters.peer.clone(), values });
        }
    }

    fn step_tracks(&mut self, now: Moment, snapshot: &Snapshot, live: &mut Live, round: &mut Round) {
        for counters in snapshot.tracks.iter().filter(|track| !self.broken.contains(&track.key.peer)) {
            if arrived(counters) {
                self.tally.connected();
            }
            let key = &counters.key;
            let link = live.links.iter().find(|link| link.peer == key.peer);
            let path_rtt = link.and_then(|link| link.values[LinkMetric::PathRoundTrip]).map(Millis);
            let track = self.tracks.entry(key.clone()).or_insert_with(Track::new);
            let (seen, kinds) = track.step(now, counters, path_rtt);
            let event = |kind| Event { unix_ms: now.unix_ms, peer: Some(key.peer.clone()), kind };
            live.events.extend(kinds.into_iter().map(event));
            if !counters.muted {
                let about = |warning| ActiveWarning {
                    warning,
                    peer: Some(key.peer.clone()),
                    track: Some((key.kind, key.direction)),
                };
                round.reading(about(Warning::HighJitter), seen.values[TrackMetric::Jitter]);
                round.reading(about(Warning::HighLoss), seen.values[TrackMetric::Loss]);
                match (key.direction, key.kind) {
                    (Direction::Inbound, _) => {
                        round.reading(about(Warning::Stalled), seen.values[TrackMetric::Bitrate]);
                    }
                    // The microphone is one, however many peers hear it.
                    (Direction::Outbound, Kind::Audio) => round.once(
                        ActiveWarning { peer: None, ..about(Warning::ConstantLevel) },
                        seen.values[TrackMetric::Level],
                    ),
                    (Direction::Outbound, Kind::Video) => {}
                }
            }
            live.tracks.push(seen);
        }
    }

    /// Ends the rows of tracks and links that are not there any more.
    fn close_departed(&mut self, snapshot: &Snapshot, rows: &mut Rows) {
        let track_there = |key: &TrackKey| snapshot.tracks.iter().any(|track| track.key == *key);
        let link_there = |peer: &String| snapshot.links.iter().any(|link| link.peer == *peer);
        self.close_some(|key| !track_there(key), |peer| !link_there(peer), rows);
        self.tracks.retain(|key, _| track_there(key));
        self.links.retain(|peer, _| link_there(peer));
    }

    fn close_peer(&mut self, peer: &str, rows: &mut Rows) {
        self.close_some(|key| key.peer == peer, |link| link == peer, rows);
        self.tracks.retain(|key, _| key.peer != peer);
        self.links.remove(peer);
    }

    /// Ends the window of the session.
    fn close_all(&mut self, rows: &mut Rows) {
        let length = self.now.zip(self.window_start).map(|(now, start)| now.at.saturating_duration_since(start));
        self.window_start = self.now.map(|now| now.at);
        self.close_some(|_| true, |_| true, rows);
        if let Some(Closed { span, values, counts: (), counters }) = self.process.close() {
            rows.process = Some(ProcessRow { span, values, counters });
            self.tally.end_window(length.is_some_and(|length| length >= COUNTS));
            rows.standing = Some(self.tally.standing());
        }
    }

    fn close_some(&mut self, tracks: impl Fn(&TrackKey) -> bool, links: impl Fn(&String) -> bool, rows: &mut Rows) {
        let mut path_rtt = BTreeMap::new();
        for (peer, link) in &mut self.links {
            let chosen = links(peer);
            let Some(Closed { span, values, counts, counters }) = chosen.then(|| link.close()).flatten() else {
                continue;
            };
            path_rtt.insert(peer.clone(), values[LinkMetric::PathRoundTrip].map(|spread| Millis(spread.mean)));
            rows.links.push(LinkRow { span, values, counts, counters });
        }
        for (key, track) in self.tracks.iter_mut().filter(|(key, _)| tracks(key)) {
            let Some(row) = track.close(path_rtt.get(&key.peer).copied().flatten()) else { continue };
            if measured(&row) {
                self.tally.heard();
            }
            if let Some(verdict) = row.verdict {
                self.tally.track(key.kind, key.direction, verdict);
            }
            rows.tracks.push(row);
        }
    }
}
