//! Live warnings from readings a second apart, with Twilio's limits.
//!
//! Invariant: a warning is raised by most of the last readings and cleared only when all of them are well again, so
//! that a value at the limit does not make it flicker. A reading that was not measured is neither.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{Direction, Event, EventKind, Kind};

/// What can be warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Warning {
    /// Round trip over 400 ms in 3 of the last 5 readings.
    HighRoundTrip,
    /// Jitter over 30 ms in 3 of the last 5.
    HighJitter,
    /// Loss over 1 % in 3 of the last 5, or over 3 % in the mean of 7.
    HighLoss,
    /// No byte in 3 readings of a stream that is not muted.
    Stalled,
    /// A microphone whose level did not move over 10 readings.
    ConstantLevel,
}

/// Readings kept for each warning: the longest rule looks at 10.
const KEPT: usize = 10;

/// Levels nearer together than this, in dB, did not move. The level of a second of steady noise still varies by a few
/// hundredths; a dead input does not vary at all.
const LEVEL_MOVES_DB: f64 = 0.01;

impl Warning {
    /// Stable name, as it is recorded.
    pub fn name(self) -> &'static str {
        match self {
            Self::HighRoundTrip => "high-round-trip",
            Self::HighJitter => "high-jitter",
            Self::HighLoss => "high-loss",
            Self::Stalled => "stalled",
            Self::ConstantLevel => "constant-level",
        }
    }

    /// Whether it stands after these readings, the newest last; `raised` is whether it stood before.
    fn stands(self, readings: &VecDeque<f64>, raised: bool) -> bool {
        match self {
            Self::HighRoundTrip => stays_over(readings, 400.0, 5, raised),
            Self::HighJitter => stays_over(readings, 30.0, 5, raised),
            Self::HighLoss => {
                let mean_over = readings.len() >= 7 && last(readings, 7).sum::<f64>() / 7.0 > 3.0;
                stays_over(readings, 1.0, 5, raised) || mean_over
            }
            // The reading is the bit rate: stalled at 0.
            Self::Stalled => {
                let still = last(readings, 3).filter(|bps| *bps <= 0.0).count();
                readings.len() >= 3 && if raised { still > 0 } else { still == 3 }
            }
            Self::ConstantLevel => {
                let (low, high) = readings
                    .iter()
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), db| (low.min(*db), high.max(*db)));
                readings.len() >= KEPT && high - low < LEVEL_MOVES_DB
            }
        }
    }
}

fn last(readings: &VecDeque<f64>, count: usize) -> impl Iterator<Item = f64> + '_ {
    readings.iter().rev().take(count).copied()
}

/// Raised by 3 of the last `count` over the limit, cleared by none of them.
fn stays_over(readings: &VecDeque<f64>, limit: f64, count: usize, raised: bool) -> bool {
    let over = last(readings, count).filter(|value| *value > limit).count();
    if raised { over > 0 } else { over >= 3 }
}

/// A warning and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActiveWarning {
    /// Which.
    pub warning: Warning,
    /// The peer; `None` for this client.
    pub peer: Option<String>,
    /// The track, where it is about one.
    pub track: Option<(Kind, Direction)>,
}

impl ActiveWarning {
    fn event(&self, unix_ms: i64, raised: bool) -> Event {
        let (media, direction) = (self.track.map(|(kind, _)| kind), self.track.map(|(_, direction)| direction));
        let warning = self.warning.name().to_owned();
        let kind = match raised {
            true => EventKind::WarningRaised { warning, media, direction },
            false => EventKind::WarningCleared { warning, media, direction },
        };
        Event { unix_ms, peer: self.peer.clone(), kind }
    }
}

/// Follows everything that can be warned of.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Bounded by the tracks there are: what is not mentioned in a round is forgotten.
    subjects: BTreeMap<ActiveWarning, Subject>,
}

#[derive(Debug, Default)]
struct Subject {
    readings: VecDeque<f64>,
    raised: bool,
}

/// The readings of one second.
#[derive(Debug, Default)]
pub(crate) struct Round {
    known: Vec<(ActiveWarning, f64)>,
    mentioned: BTreeSet<ActiveWarning>,
}

impl Round {
    /// `None` is not measured this time; a subject that is not mentioned at all (muted, gone) is forgotten.
    pub(crate) fn reading(&mut self, subject: ActiveWarning, value: Option<f64>) {
        if let Some(value) = value {
            self.known.push((subject.clone(), value));
        }
        self.mentioned.insert(subject);
    }

    /// The same for a subject that is met several times in a round: the first reading counts.
    pub(crate) fn once(&mut self, subject: ActiveWarning, value: Option<f64>) {
        if !self.mentioned.contains(&subject) {
            self.reading(subject, value);
        }
    }
}

impl Watch {
    /// Takes a second's readings; gives what was raised and cleared.
    pub(crate) fn round(&mut self, unix_ms: i64, round: Round) -> Vec<Event> {
        let mut events = self.forget(unix_ms, |subject| !round.mentioned.contains(subject));
        for (key, value) in round.known {
            let subject = self.subjects.entry(key.clone()).or_default();
            if subject.readings.len() == KEPT {
                subject.readings.pop_front();
            }
            subject.readings.push_back(value);
            let stands = key.warning.stands(&subject.readings, subject.raised);
            if stands != subject.raised {
                subject.raised = stands;
                events.push(key.event(unix_ms, stands));
            }
        }
        events
    }

    /// Forgets subjects; those that stood are cleared.
    pub(crate) fn forget(&mut self, unix_ms: i64, which: impl Fn(&ActiveWarning) -> bool) -> Vec<Event> {
        let gone = self.subjects.extract_if(.., |key, _| which(key));
        gone.filter(|(_, subject)| subject.raised).map(|(key, _)| key.event(unix_ms, false)).collect()
    }

    /// What stands now.
    pub(crate) fn active(&self) -> Vec<ActiveWarning> {
        self.subjects.iter().filter(|(_, subject)| subject.raised).map(|(key, _)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(warning: Warning) -> ActiveWarning {
        ActiveWarning { warning, peer: Some("p".to_owned()), track: Some((Kind::Audio, Direction::Inbound)) }
    }

    /// Feeds readings and tells after which the warning stood.
    fn standing(warning: Warning, readings: &[f64]) -> String {
        let mut watch = Watch::default();
        let mut out = String::new();
        for value in readings {
            let mut round = Round::default();
            round.reading(about(warning), Some(*value));
            watch.round(0, round);
            out.push(if watch.active().is_empty() { '.' } else { '!' });
        }
        out
    }

    #[test]
    fn round_trip_and_jitter_by_three_of_five() {
        assert_eq!(standing(Warning::HighRoundTrip, &[401.0, 0.0, 401.0, 0.0, 401.0]), "....!");
        assert_eq!(standing(Warning::HighRoundTrip, &[401.0, 0.0, 0.0, 401.0, 0.0, 401.0, 0.0]), ".......");
        assert_eq!(standing(Warning::HighRoundTrip, &[400.0; 8]), "........", "the limit is still fine");
        assert_eq!(standing(Warning::HighJitter, &[31.0, 31.0, 31.0]), "..!");
    }

    #[test]
    fn cleared_by_five_of_five_so_it_does_not_flicker() {
        let mut readings = vec![50.0; 3];
        readings.extend([0.0, 0.0, 0.0, 0.0, 50.0]); // four well ones do not clear it
        readings.extend([0.0; 6]);
        assert_eq!(standing(Warning::HighJitter, &readings), "..!!!!!!!!!!..");
        let flicker: Vec<f64> = (0..20).map(|i| if i % 2 == 0 { 50.0 } else { 0.0 }).collect();
        assert_eq!(standing(Warning::HighJitter, &flicker), "....!!!!!!!!!!!!!!!!");
    }

    #[test]
    fn loss_by_three_or_by_the_mean_of_seven() {
        assert_eq!(standing(Warning::HighLoss, &[1.1, 1.1, 1.1]), "..!");
        // One burst: 25 / 7 = 3.57 % in the mean of seven, though only one reading is over 1 %.
        let burst = [0.0, 0.0, 25.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(standing(Warning::HighLoss, &burst), "......!!!.");
        assert_eq!(standing(Warning::HighLoss, &[0.0, 0.0, 20.0, 0.0, 0.0, 0.0, 0.0]), ".......", "20 / 7 = 2.86 %");
    }

    #[test]
    fn stalled_by_three_and_moving_by_three() {
        assert_eq!(standing(Warning::Stalled, &[9.0, 0.0, 0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 9.0]), "...!!!!!.");
    }

    #[test]
    fn a_level_that_does_not_move() {
        let mut readings = vec![-127.0; 11];
        readings.push(-40.0);
        assert_eq!(standing(Warning::ConstantLevel, &readings), ".........!!.");
        let noise: Vec<f64> = (0..20).map(|i| -50.0 + 0.02 * f64::from(i % 3)).collect();
        assert!(!standing(Warning::ConstantLevel, &noise).contains('!'));
    }

    #[test]
    fn what_was_not_measured_changes_nothing_and_what_is_gone_is_cleared() {
        let mut watch = Watch::default();
        let mut feed = |unix_ms, value: Option<Option<f64>>| {
            let mut round = Round::default();
            if let Some(value) = value {
                round.reading(about(Warning::HighLoss), value);
            }
            watch.round(unix_ms, round)
        };
        for second in 0..2 {
            assert_eq!(feed(second, Some(Some(5.0))), []);
        }
        assert_eq!(feed(2, Some(None)), []);
        let raised = feed(3, Some(Some(5.0)));
        assert_eq!(raised, [about(Warning::HighLoss).event(3, true)]);
        for second in 4..20 {
            assert_eq!(feed(second, Some(None)), [], "no report is no good news");
        }
        assert_eq!(feed(20, None), [about(Warning::HighLoss).event(20, false)]);
        assert_eq!(feed(21, Some(Some(5.0))), [], "begins anew");
    }
}
