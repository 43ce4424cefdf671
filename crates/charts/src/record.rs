//! What the charts of a call show, read from the history.
//!
//! Invariant: it is bounded, however long the record is: so many sessions, people, breaks and marks, and points on each
//! line; what was left out is counted. Lines have a gap wherever nothing was measured or a break of theirs was.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use sightline_history::{Break, CallId, History, HistoryError, Run, Session, Stay, Track};
use sightline_quality::{Direction, Event, LinkMetric, ProcessMetric, TrackMetric};

use crate::chart::{Chart, Key, charts, heights};
use crate::kind::{ChartKind, SOURCES, Way};
use crate::marks::{self, Mark};
use crate::people::{self, People};
use crate::series;
use crate::timeline::{self, Timeline};

/// Points on a line where the caller has no other wish: more than a wide chart has pixels, and 8 h without thinning.
pub const DEFAULT_POINTS: usize = 2000;

/// The most that a caller may wish for: an hour of reading in points would help nobody.
const MOST_POINTS: usize = 20_000;

/// Each session gets at least so many of the points.
const LEAST_POINTS: usize = 40;

/// Sessions that are read, the latest ones: a room in use every day for two months. A year of them would take seconds.
const MOST_SESSIONS: usize = 60;

/// Stays of a session that are read, the longest ones: someone may come and go all the time, and each costs a dozen
/// queries.
const MOST_STAYS: usize = 200;

/// Breaks that are drawn, the longest ones: there are not more pixels for them.
const MOST_BREAKS: usize = 500;

/// From the year 1 to the year 9999: what a calendar can print.
const TIMES: Range<i64> = -62_135_596_800_000..253_402_300_800_000;

/// Why there are no charts.
#[derive(Debug, thiserror::Error)]
pub enum ChartsError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// There is no such call, or it was deleted in the meantime.
    #[error("this call is not in the history any more: open the list of calls again")]
    NoSuchCall,
}

/// What of a call is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// All of it.
    Whole,
    /// One way with some of the peers, by their participant ids.
    OneWay(Direction, &'a [String]),
}

impl Scope<'_> {
    fn has_peer(self, peer: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::OneWay(_, peers) => peers.iter().any(|one| one == peer),
        }
    }

    fn has_way(self, direction: Direction) -> bool {
        match self {
            Self::Whole => true,
            Self::OneWay(way, _) => way == direction,
        }
    }
}

/// A break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) range: Range<i64>,
    /// To be written into it: `break 41 s`.
    pub(crate) label: String,
    /// Why, for those who point at it.
    pub(crate) words: String,
    /// Others' lines, or all of them, go on: the connection to one peer, or to the server, was lost.
    pub(crate) partial: bool,
}

/// Everything that the charts of a call show.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// The room code, for pictures: a page shows it itself.
    pub(crate) code: String,
    pub(crate) charts: Vec<Chart>,
    pub(crate) people: People,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) marks: Vec<Mark>,
    /// There is a strip for marks, if only an empty one.
    pub(crate) has_lane: bool,
    pub(crate) timeline: Timeline,
    pub(crate) zone: TimeZone,
    /// Sessions that were not read.
    pub(crate) sessions_left_out: usize,
}

impl CallRecord {
    /// Reads a call, with at most about `max_points` points on each line ([`DEFAULT_POINTS`]). Times are shown in the
    /// time zone of this computer.
    ///
    /// # Errors
    /// Where the history cannot be read, or the call is not in it.
    pub fn load(history: &History, call: CallId, max_points: usize) -> Result<Self, ChartsError> {
        Self::load_scope(history, call, Scope::Whole, max_points)
    }

    pub(crate) fn load_scope(
        history: &History,
        call: CallId,
        scope: Scope<'_>,
        max_points: usize,
    ) -> Result<Self, ChartsError> {
        let code = history.call(call)?.ok_or(ChartsError::NoSuchCall)?.code;
        let mut sessions = history.sessions(call)?;
        let sessions_left_out = sessions.len().saturating_sub(MOST_SESSIONS);
        sessions.drain(..sessions_left_out);
        if sessions.is_empty() {
            return Err(ChartsError::NoSuchCall);
        }
        let breaks = history.breaks(call)?;
        let stays = sessions.iter().map(|session| {
            let mut stays = history.stays(session.id)?;
            stays.retain(|stay| scope.has_peer(&stay.peer));
            Ok(longest(stays))
        });
        let stays = stays.collect::<Result<Vec<_>, HistoryError>>()?;
        let events = sessions.iter().map(|session| {
            let mut events = history.events(session.id)?;
            events.retain(|event| event.peer.as_deref().is_none_or(|peer| scope.has_peer(peer)));
            Ok(events)
        });
        let events = events.collect::<Result<Vec<_>, HistoryError>>()?;
        let people = People::of(&stays.concat(), i64::MAX);

        let mut reader =
            Reader { history, scope, breaks: &breaks, people: &people, lines: BTreeMap::new(), last_ms: i64::MIN };
        let mut stretches = Vec::new();
        let points = shares(&sessions, max_points.clamp(1, MOST_POINTS));
        for (((session, stays), events), points) in sessions.iter().zip(&stays).zip(&events).zip(points) {
            reader.last_ms = events.last().map_or(session.started_ms, |event| event.unix_ms);
            reader.session(session, stays, events, points)?;
            let start_ms = in_calendar(session.started_ms);
            let end_ms = in_calendar(session.ended_ms.unwrap_or(reader.last_ms));
            stretches.push(start_ms..end_ms.max(start_ms + 1000));
        }
        let lines = std::mem::take(&mut reader.lines);
        let end_ms = stretches.iter().map(|stretch| stretch.end).max().unwrap_or(0);
        let timeline = Timeline::new(stretches);
        let marks = all_marks(&events, &stays, &people);
        let is_about = |gap: &Break| gap.stay.is_none_or(|id| stays.iter().flatten().any(|stay| stay.id == id));
        let breaks: Vec<Break> = match scope {
            Scope::Whole => breaks,
            Scope::OneWay(..) => breaks.into_iter().filter(is_about).collect(),
        };
        Ok(Self {
            code: people::shown(&code),
            charts: charts(lines),
            gaps: gaps(&breaks, &sessions, &stays.concat(), &people, end_ms),
            has_lane: !marks.is_empty(),
            marks,
            people,
            timeline,
            zone: TimeZone::system(),
            sessions_left_out,
        })
    }

    /// The same, with times shown in another time zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }
}

/// The longest stays, in their order. One without an end is the longest of all.
fn longest(mut stays: Vec<Stay>) -> Vec<Stay> {
    let length = |stay: &Stay| stay.left_ms.map_or(i64::MAX, |left_ms| left_ms.saturating_sub(stay.joined_ms));
    if stays.len() > MOST_STAYS {
        stays.sort_by_key(|stay| std::cmp::Reverse(length(stay)));
        stays.truncate(MOST_STAYS);
        stays.sort_by_key(|stay| (stay.joined_ms, stay.id));
    }
    stays
}

/// The points of a line that each session gets, by its length. One that is under way counts as an hour.
fn shares(sessions: &[Session], points: usize) -> Vec<usize> {
    let length = |session: &Session| {
        session.ended_ms.map_or(3_600_000, |end_ms| end_ms.saturating_sub(session.started_ms).max(0)) as f64
    };
    let whole: f64 = sessions.iter().map(length).sum();
    let share = |session: &Session| (points as f64 * length(session) / whole.max(1.0)) as usize;
    sessions.iter().map(|session| share(session).max(LEAST_POINTS)).collect()
}

fn in_calendar(ms: i64) -> i64 {
    ms.clamp(TIMES.start, TIMES.end - 2000)
}

/// Reads sessions, one after the other.
struct Reader<'a> {
    history: &'a History,
    scope: Scope<'a>,
    breaks: &'a [Break],
    people: &'a People,
    lines: BTreeMap<Key, Vec<Run>>,
    /// When the last thing happened in the session.
    last_ms: i64,
}

impl Reader<'_> {
    fn session(
        &mut self,
        session: &Session,
        stays: &[Stay],
        events: &[Event],
        points: usize,
    ) -> Result<(), HistoryError> {
        let tracks = self.history.tracks(session.id)?;
        for stay in stays {
            let Some(person) = self.people.of_stay(stay.id) else { continue };
            let tracks: Vec<&Track> = tracks.iter().filter(|track| track.stay == stay.id).collect();
            self.stay(person, stay, &tracks, events, points)?;
        }
        for (metric, way) in [(ProcessMetric::Cpu, Way::App), (ProcessMetric::SystemCpu, Way::Computer)] {
            let runs = self.history.process_series(session.id, metric, TIMES, points)?;
            let cuts = self.cuts_where(|gap| gap.session == session.id && stopped(gap));
            self.add((ChartKind::Cpu, way, None), runs, &cuts);
        }
        Ok(())
    }

    fn stay(
        &mut self,
        person: usize,
        stay: &Stay,
        tracks: &[&Track],
        events: &[Event],
        points: usize,
    ) -> Result<(), HistoryError> {
        let cuts = self.cuts_where(|gap| gap.session == stay.session && (gap.stay == Some(stay.id) || stopped(gap)));
        let ways = [(Direction::Outbound, Way::Sent), (Direction::Inbound, Way::Received)];
        let scope = self.scope;
        for (direction, way) in ways.into_iter().filter(|(direction, _)| scope.has_way(*direction)) {
            for source in &SOURCES {
                let mut line = Vec::new();
                let of_source =
                    |track: &&&Track| track.key.direction == direction && source.media.contains(&track.key.kind);
                for track in tracks.iter().filter(of_source) {
                    let runs = self.history.track_series(track, source.metric, TIMES, points)?;
                    line = series::join(line, series::runs(runs.concat()), source.join);
                }
                if source.chart == ChartKind::FrameRate {
                    let heights = heights(&line, &stay.peer, direction, events);
                    self.add((ChartKind::PictureHeight, way, Some(person)), heights, &cuts);
                }
                self.add((source.chart, way, Some(person)), line, &cuts);
            }
        }
        let mut round_trip = self.history.link_series(stay, LinkMetric::PathRoundTrip, TIMES, points)?;
        if round_trip.is_empty() {
            for track in tracks.iter().filter(|track| track.key.direction == Direction::Outbound) {
                let runs = self.history.track_series(track, TrackMetric::RoundTrip, TIMES, points)?;
                round_trip = series::join(round_trip, series::runs(runs.concat()), series::Join::Worst);
            }
        }
        self.add((ChartKind::RoundTrip, Way::Both, Some(person)), round_trip, &cuts);
        Ok(())
    }

    fn add(&mut self, key: Key, runs: Vec<Run>, cuts: &[Range<i64>]) {
        let runs = series::cut(series::runs(runs.concat()), cuts);
        if let Some(end_ms) = runs.iter().flatten().map(|point| point.end_ms).max() {
            self.last_ms = self.last_ms.max(end_ms);
            self.lines.entry(key).or_default().extend(runs);
        }
    }

    fn cuts_where(&self, which: impl Fn(&Break) -> bool) -> Vec<Range<i64>> {
        let cuts = self.breaks.iter().filter(|gap| which(gap));
        cuts.map(|gap| gap.start_ms..gap.end_ms.unwrap_or(i64::MAX)).take(MOST_BREAKS).collect()
    }
}

/// A break in which this program did not run: nothing can have been measured. (Without the server, media may go on.)
fn stopped(gap: &Break) -> bool {
    gap.stay.is_none() && matches!(gap.cause.as_str(), "sleep" | "stall")
}

fn gaps(breaks: &[Break], sessions: &[Session], stays: &[Stay], people: &People, end_ms: i64) -> Vec<Gap> {
    let of_these = breaks.iter().filter(|gap| sessions.iter().any(|session| session.id == gap.session));
    let mut gaps: Vec<Gap> = of_these
        .map(|gap| {
            let start_ms = in_calendar(gap.start_ms);
            let range = start_ms..in_calendar(gap.end_ms.unwrap_or(end_ms)).max(start_ms);
            let length = timeline::length(range.end - range.start);
            let cause = marks::plain(&people::shown(&gap.cause));
            let session = sessions.iter().find(|session| session.id == gap.session);
            let between = session.is_some_and(|session| session.ended_ms == Some(gap.start_ms));
            let name = gap.stay.map(|id| match people.of_stay(id) {
                Some(person) => people.names[person].clone(),
                None => stays.iter().find(|stay| stay.id == id).and_then(|stay| stay.name.clone()).unwrap_or_default(),
            });
            let (label, words, partial) = match name {
                Some(name) => {
                    (format!("{name}: {length}"), format!("No connection to {name} for {length}: {cause}"), true)
                }
                None if between => (format!("break {length}"), format!("Not in the call for {length}: {cause}"), false),
                None if stopped(gap) && gap.cause == "sleep" => {
                    (format!("asleep {length}"), format!("The computer slept for {length}"), false)
                }
                None if stopped(gap) => {
                    (format!("stall {length}"), format!("Sightline stood still for {length}"), false)
                }
                None => {
                    (format!("server {length}"), format!("No connection to the server for {length}: {cause}"), true)
                }
            };
            Gap { range, label, words, partial }
        })
        .collect();
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.range.end - gap.range.start));
    gaps.truncate(MOST_BREAKS);
    gaps.sort_by_key(|gap| (gap.range.start, gap.range.end));
    gaps
}

fn all_marks(events: &[Vec<Event>], stays: &[Vec<Stay>], people: &People) -> Vec<Mark> {
    let mut all = Vec::new();
    for (events, stays) in events.iter().zip(stays) {
        let name = |peer: &str| {
            let stay = stays.iter().find(|stay| stay.peer == peer)?;
            Some(people.of_stay(stay.id).map_or("a guest", |person| people.names[person].as_str()))
        };
        for event in events {
            let who = event.peer.as_deref().map(|peer| name(peer).unwrap_or("a guest"));
            all.extend(marks::of_event(event, who));
        }
        // A flood in one session may not fill the memory before it is bounded.
        all = marks::bounded(all);
    }
    all
}
