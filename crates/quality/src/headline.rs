//! One figure for a whole session: the share of its windows that were good or OK, and the worst factor.
//!
//! Invariant: a session of which too little is known is unclassified, never good.

use std::collections::BTreeMap;

use crate::verdict::{Cause, Class, Factor, Verdict};
use crate::{Direction, Kind, Percent};

/// Why a session has no headline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclassified {
    /// No link ever came up.
    NeverConnected,
    /// Nothing was sent or received that could be measured, for example muted throughout.
    Muted,
    /// Fewer than two windows.
    TooShort,
}

impl Unclassified {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverConnected => "never-connected",
            Self::Muted => "muted",
            Self::TooShort => "too-short",
        }
    }

    /// Back from [`Unclassified::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::NeverConnected, Self::Muted, Self::TooShort].into_iter().find(|why| why.as_str() == text)
    }
}

/// The figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Headline {
    /// Enough is known.
    Classified {
        /// Share of windows that were good or OK.
        share: Percent,
        /// What spoilt most, if anything did.
        worst: Option<Factor>,
    },
    /// It is not.
    Unclassified(Unclassified),
}

impl Headline {
    /// The class of the whole, so that a call has one word: good from 95 % of its windows on, OK from 80 %, bad from
    /// 50 %. `None` where it is unclassified.
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Classified { share, .. } => Some(match share.0 {
                share if share >= 95.0 => Class::Good,
                share if share >= 80.0 => Class::Ok,
                share if share >= 50.0 => Class::Bad,
                _ => Class::Terrible,
            }),
            Self::Unclassified(_) => None,
        }
    }
}

/// What a headline is made of; can be stored and added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Windows with a verdict.
    pub windows: u32,
    /// Of these, good or OK.
    pub good: u32,
    /// What spoilt most.
    pub worst: Option<Factor>,
    /// Whether a link ever came up.
    pub connected: bool,
    /// Whether anything was ever measured on a track.
    pub heard: bool,
}

impl Standing {
    /// The rule for what is enough.
    pub fn headline(&self) -> Headline {
        if !self.connected {
            Headline::Unclassified(Unclassified::NeverConnected)
        } else if !self.heard {
            Headline::Unclassified(Unclassified::Muted)
        } else if self.windows < 2 {
            Headline::Unclassified(Unclassified::TooShort)
        } else {
            let share = Percent(100.0 * f64::from(self.good) / f64::from(self.windows));
            Headline::Classified { share, worst: self.worst }
        }
    }
}

impl Standing {
    /// Two sessions of a call taken together; the worst factor is that of the one with more windows spoilt.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let spoilt = |standing: &Self| standing.windows.saturating_sub(standing.good);
        let worse = if spoilt(&other) > spoilt(&self) || self.worst.is_none() { other.worst } else { self.worst };
        Self {
            windows: self.windows.saturating_add(other.windows),
            good: self.good.saturating_add(other.good),
            worst: worse.or(self.worst),
            connected: self.connected || other.connected,
            heard: self.heard || other.heard,
        }
    }
}

/// Follows a session window by window.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    standing: Standing,
    /// How grave each factor was, added up over tracks and windows. Bounded: 6 causes, 2 kinds, 2 directions.
    gravity: BTreeMap<Factor, u64>,
    /// Worst class in the present window.
    window: Option<Class>,
}

impl Tally {
    pub(crate) fn connected(&mut self) {
        self.standing.connected = true;
    }

    pub(crate) fn heard(&mut self) {
        self.standing.heard = true;
    }

    /// Adds one track's part of the present window.
    pub(crate) fn track(&mut self, kind: Kind, direction: Direction, verdict: Verdict) {
        self.window = self.window.max(Some(verdict.class));
        if let Some(cause) = verdict.cause {
            *self.gravity.entry(Factor { cause, kind, direction }).or_default() += match verdict.class {
                Class::Good => 0,
                Class::Ok => 1,
                Class::Bad => 2,
                Class::Terrible => 3,
            };
        }
    }

    /// Ends the present window; a window that was too short to be one of its own (`whole` is false) only leaves its
    /// factors. A window is as good as the worst of its tracks.
    pub(crate) fn end_window(&mut self, whole: bool) {
        let Some(class) = self.window.take() else { return };
        if whole {
            self.standing.windows += 1;
            self.standing.good += u32::from(class <= Class::Ok);
        }
        // The first of equals, so that the answer does not depend on chance.
        let worst = self.gravity.iter().rev().filter(|(_, gravity)| **gravity > 0).max_by_key(|(_, gravity)| **gravity);
        self.standing.worst = worst.map(|(factor, _)| *factor);
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }
}

impl Factor {
    /// Back from `as_str` of its three parts.
    pub fn parse(cause: &str, kind: &str, direction: &str) -> Option<Self> {
        Some(Self { cause: Cause::parse(cause)?, kind: Kind::parse(kind)?, direction: Direction::parse(direction)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(cause: Cause) -> Verdict {
        Verdict { class: Class::Bad, cause: Some(cause) }
    }

    const GOOD: Verdict = Verdict { class: Class::Good, cause: None };

    fn tally(windows: &[&[Verdict]]) -> Tally {
        let mut tally = Tally::default();
        tally.connected();
        tally.heard();
        for window in windows {
            for verdict in *window {
                tally.track(Kind::Video, Direction::Inbound, *verdict);
            }
            tally.end_window(true);
        }
        tally
    }

    #[test]
    fn share_of_good_windows_with_the_worst_factor() {
        let ok = Verdict { class: Class::Ok, cause: Some(Cause::Loss) };
        let tally = tally(&[&[GOOD, GOOD], &[GOOD, ok], &[bad(Cause::Loss), GOOD], &[bad(Cause::FrameRate), GOOD]]);
        // Windows: good, OK, bad, bad: 2 of 4. Gravity: loss 1 + 2, frame rate 2.
        let worst = Some(Factor { cause: Cause::Loss, kind: Kind::Video, direction: Direction::Inbound });
        assert_eq!(tally.standing().headline(), Headline::Classified { share: Percent(50.0), worst });
    }

    #[test]
    fn nothing_spoilt() {
        let tally = tally(&[&[GOOD], &[GOOD]]);
        assert_eq!(tally.standing().headline(), Headline::Classified { share: Percent(100.0), worst: None });
    }

    #[test]
    fn too_little_known_is_unclassified() {
        assert_eq!(Tally::default().standing().headline(), Headline::Unclassified(Unclassified::NeverConnected));
        assert_eq!(tally(&[&[GOOD]]).standing().headline(), Headline::Unclassified(Unclassified::TooShort));
        assert_eq!(tally(&[&[GOOD], &[]]).standing().windows, 1, "a window without a verdict is none");
        let mut muted = Tally::default();
        muted.connected();
        muted.end_window(true);
        muted.end_window(true);
        assert_eq!(muted.standing().headline(), Headline::Unclassified(Unclassified::Muted));
    }

    #[test]
    fn one_word_for_the_whole() {
        let classes = [
            (100, Class::Good),
            (95, Class::Good),
            (94, Class::Ok),
            (80, Class::Ok),
            (79, Class::Bad),
            (50, Class::Bad),
            (49, Class::Terrible),
            (0, Class::Terrible),
        ];
        for (good, class) in classes {
            let standing = Standing { windows: 100, good, worst: None, connected: true, heard: true };
            assert_eq!(standing.headline().class(), Some(class), "{good} %");
        }
        assert_eq!(Standing::default().headline().class(), None, "what is not known is not good");
    }

    #[test]
    fn sessions_taken_together() {
        let (first, second) =
            (tally(&[&[GOOD], &[bad(Cause::Loss)]]), tally(&[&[bad(Cause::Jitter)], &[bad(Cause::Jitter)]]));
        let joined = first.standing().join(second.standing());
        let worst = Some(Factor { cause: Cause::Jitter, kind: Kind::Video, direction: Direction::Inbound });
        assert_eq!(joined.headline(), Headline::Classified { share: Percent(25.0), worst });
        assert_eq!(joined.join(Standing::default()), joined, "one of which nothing is known changes nothing");
        assert_eq!(Standing::default().join(joined), joined);
    }

    #[test]
    fn a_short_rest_is_no_window() {
        let mut tally = tally(&[&[GOOD], &[GOOD]]);
        tally.track(Kind::Audio, Direction::Outbound, bad(Cause::Jitter));
        tally.end_window(false);
        assert_eq!((tally.standing().windows, tally.standing().good), (2, 2));
        assert_eq!(tally.standing().worst.map(|factor| factor.cause), Some(Cause::Jitter));
    }
}
