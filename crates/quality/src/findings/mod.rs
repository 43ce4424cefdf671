//! What went wrong in a call, in words, and on whose side.
//!
//! Invariant: a finding rests on windows that had a verdict, on events or on breaks; what was not measured is no
//! evidence, neither of good nor of bad. Each says from when to when its evidence lies.

mod outage;
mod stretch;
mod summary;
mod window;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::side::{Part, Side, Trouble};
use crate::words::{Clause, Tense, when};
use crate::{Class, Direction, Event, Kind, LinkRow, ProcessRow, Standing, TrackRow};

pub use summary::Summary;

/// More findings than this nobody reads; the lightest are left out.
const MOST: usize = 20;

/// All that is known of one session of a call.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Samples of all tracks, in any order.
    pub tracks: Vec<TrackRow>,
    /// Samples of all links, in any order.
    pub links: Vec<LinkRow>,
    /// Samples of this process, in any order.
    pub process: Vec<ProcessRow>,
    /// Events in the order of time.
    pub events: Vec<Event>,
    /// Breaks within it.
    pub outages: Vec<Outage>,
    /// Who was there.
    pub presences: Vec<Presence>,
    /// Its start, milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// Its end; `None` while it lasts.
    pub to_ms: Option<i64>,
    /// `left`, `crash`, `connection-lost`, ...; `None` while it lasts.
    pub end_reason: Option<String>,
    /// What its headline is made of.
    pub standing: Standing,
}

/// A stretch in which something was away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The peer whose connection was lost; `None` for the server, or this computer.
    pub peer: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// `None` while it lasts.
    pub to_ms: Option<i64>,
    /// `sleep`, `stall`, or what the event 'reconnecting' said.
    pub cause: String,
}

/// A peer's stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Participant id.
    pub peer: String,
    /// Shown name, if it was ever told.
    pub name: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// `None` while it lasts.
    pub to_ms: Option<i64>,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What.
    pub trouble: Trouble,
    /// In the unit of the trouble; 0 where it has none.
    pub figure: f64,
    /// Whose fault, as far as it can be told.
    pub side: Side,
    /// How bad it was at its worst.
    pub class: Class,
    /// The peer it is about; `None` where it struck all.
    pub peer: Option<String>,
    /// The peer's name, if it was ever told.
    pub name: Option<String>,
    /// Sound or pictures; `None` for both.
    pub kind: Option<Kind>,
    /// What came or what we sent, where it is about one of them.
    pub direction: Option<Direction>,
    /// Where the evidence begins, milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// Where it ends.
    pub to_ms: i64,
    /// In how many stretches of that time it was there.
    pub times: u32,
    /// How long these were together, in milliseconds.
    pub lasted_ms: i64,
}

impl Finding {
    /// The finding as a sentence; `time` writes a moment (milliseconds since the Unix epoch) for people.
    pub fn sentence(&self, time: &dyn Fn(i64) -> String) -> String {
        let clause = self.clause().say(Tense::Past);
        let when = match self.trouble {
            Trouble::Crash | Trouble::Removed => format!("at {}", time(self.to_ms)),
            _ => when(&time(self.from_ms), &time(self.to_ms), self.times),
        };
        format!("{clause} {when}.")
    }

    fn clause(&self) -> Clause<'_> {
        let Self { trouble, side, kind, direction, figure, .. } = *self;
        Clause { trouble, side, name: self.name.as_deref(), kind, direction, figure }
    }

    /// Whether it made its time a bad one, and was not merely noticed.
    fn spoilt(&self) -> bool {
        self.class >= Class::Bad
    }

    /// How much it weighs among its like: its time, by how bad it was. An end of the call counts as a window.
    fn weight(&self) -> i64 {
        let gravity = match self.class {
            Class::Good => 0,
            Class::Ok => 1,
            Class::Bad => 2,
            Class::Terrible => 3,
        };
        let is_end = matches!(self.trouble, Trouble::Crash | Trouble::Removed);
        gravity * if is_end { stretch::WINDOW_MS } else { self.lasted_ms.clamp(0, i64::MAX / 3) }
    }
}

/// What is to be said of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What went wrong, the gravest first.
    pub findings: Vec<Finding>,
    /// The whole in one sentence.
    pub summary: Summary,
}

/// A sentence with where its evidence lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// For people.
    pub sentence: String,
    /// Milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// Likewise.
    pub to_ms: i64,
    /// How bad; `None` where too little is known.
    pub class: Option<Class>,
    /// Whose fault.
    pub side: Side,
}

impl Report {
    /// All of it in words: the findings in the order of their weight, then the summary. `time` writes a moment
    /// (milliseconds since the Unix epoch) for people.
    pub fn lines(&self, time: &dyn Fn(i64) -> String) -> Vec<Line> {
        let line = |finding: &Finding| Line {
            sentence: finding.sentence(time),
            from_ms: finding.from_ms,
            to_ms: finding.to_ms,
            class: Some(finding.class),
            side: finding.side,
        };
        let mut lines: Vec<_> = self.findings.iter().map(line).collect();
        lines.push(self.summary.line());
        lines
    }
}

/// Looks through the sessions of a call. Each is judged by itself: two may go on at once, where two clients of one
/// machine are in the same call.
pub fn findings(sessions: &[Evidence]) -> Report {
    let mut findings: Vec<_> = sessions.iter().flat_map(of_session).collect();
    findings.sort_by_key(|finding| {
        (Reverse(finding.spoilt()), Reverse(finding.weight()), finding.from_ms, finding.trouble)
    });
    let summary = Summary::of(sessions, &findings);
    findings.truncate(MOST);
    Report { findings, summary }
}

fn of_session(evidence: &Evidence) -> Vec<Finding> {
    let mut dated = window::signs(evidence);
    dated.extend(outage::signs(evidence));
    let names: BTreeMap<&str, &str> =
        evidence.presences.iter().filter_map(|stay| Some((stay.peer.as_str(), stay.name.as_deref()?))).collect();
    let mut findings = stretch::merge(dated);
    for finding in &mut findings {
        finding.name = finding.peer.as_deref().and_then(|peer| names.get(peer)).map(|name| (*name).to_owned());
    }
    findings
}

/// A sign with its time.
#[derive(Debug, Clone)]
struct Dated {
    sign: crate::side::Sign,
    from_ms: i64,
    to_ms: i64,
}

/// A sign about this client, which no peer and no figure but this one belongs to.
fn own(trouble: Trouble, part: Part, class: Class, figure: f64) -> crate::side::Sign {
    let side = Side::Ours(part);
    crate::side::Sign { trouble, side, peer: None, kind: None, direction: None, class, figure }
}
