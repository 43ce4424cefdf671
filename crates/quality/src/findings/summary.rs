//! The whole call in one sentence.
//!
//! Invariant: a call of which too little is known is not called good, and one that was good is.

use super::outage::end_ms;
use super::{Evidence, Finding, Line};
use crate::side::Side;
use crate::words::number;
use crate::{Class, Headline, Percent, Standing, Unclassified};

/// What a call was, taken as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its headline.
    pub headline: Headline,
    /// Nobody else was ever there.
    pub alone: bool,
    /// Whether there is any finding.
    pub spotless: bool,
    /// Where most of what spoilt it came from, and that as a noun ('your uplink'); none where nothing did.
    pub most: Option<(Side, String)>,
    /// Start of the first session, milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// End of the last one, or the last moment that is known of.
    pub to_ms: i64,
}

impl Summary {
    /// `findings` with the gravest first.
    pub(super) fn of(sessions: &[Evidence], findings: &[Finding]) -> Self {
        let standing = sessions.iter().fold(Standing::default(), |all, session| all.join(session.standing));
        let to_ms = sessions.iter().map(end_ms).max().unwrap_or(0);
        Self {
            headline: standing.headline(),
            alone: sessions.iter().all(|session| session.presences.is_empty()),
            spotless: findings.is_empty(),
            most: most(findings),
            from_ms: sessions.iter().map(|session| session.from_ms).min().unwrap_or(to_ms),
            to_ms,
        }
    }

    /// The summary as a sentence.
    pub fn sentence(&self) -> String {
        let (share, class) = match (self.headline, self.headline.class()) {
            (Headline::Classified { share, .. }, Some(class)) => (share, class),
            (Headline::Unclassified(Unclassified::NeverConnected), _) if self.alone => {
                return "Nobody else was there.".to_owned();
            }
            (Headline::Unclassified(Unclassified::NeverConnected), _) => {
                return "No connection to anybody came about.".to_owned();
            }
            (Headline::Unclassified(Unclassified::Muted), _) => {
                return "Nothing was sent or received by which the call could be judged.".to_owned();
            }
            (Headline::Unclassified(Unclassified::TooShort) | Headline::Classified { .. }, _) => {
                return "Too short a call to be judged.".to_owned();
            }
        };
        let said = match (class, self.spotless) {
            (Class::Good, true) => "A good call",
            (Class::Good, false) => "A good call all in all",
            (Class::Ok, _) => "An OK call",
            (Class::Bad, _) => "A bad call",
            (Class::Terrible, _) => "A terrible call",
        };
        let trouble = match &self.most {
            Some((_, place)) if class > Class::Good => format!("; most of the trouble was with {place}"),
            _ => String::new(),
        };
        format!("{said}: {} was good or OK{trouble}.", share_of_it(share, class))
    }

    pub(super) fn line(&self) -> Line {
        Line {
            sentence: self.sentence(),
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            class: self.headline.class(),
            side: self.most.as_ref().map_or(Side::Nobody, |(side, _)| *side),
        }
    }
}

fn share_of_it(Percent(share): Percent, class: Class) -> String {
    // Rounded down: 99.7 % is not all of it.
    match share {
        share if share >= 100.0 => "all of it".to_owned(),
        share if share <= 0.0 => "none of it".to_owned(),
        share if class > Class::Ok => format!("only {} % of it", number(share.floor())),
        share => format!("{} % of it", number(share.floor())),
    }
}

/// The side with the greatest weight of findings that spoilt something.
fn most(findings: &[Finding]) -> Option<(Side, String)> {
    let mut weights: Vec<(&Finding, i64)> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.spoilt()) {
        match weights.iter_mut().find(|(first, _)| (first.side, &first.peer) == (finding.side, &finding.peer)) {
            Some((_, weight)) => *weight = weight.saturating_add(finding.weight()),
            None => weights.push((finding, finding.weight())),
        }
    }
    // The first of equals is the gravest.
    let heaviest = weights.iter().rev().max_by_key(|(_, weight)| *weight)?.0;
    Some((heaviest.side, heaviest.clause().place()))
}
