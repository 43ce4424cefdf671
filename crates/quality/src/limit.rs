//! What limits a call at the moment, and on whose side, in one sentence.
//!
//! Invariant: what is shown changes only when the same other answer was the right one for some readings in a row, so that
//! neither a value at its limit nor a fault that shows at one peer before the next makes it flicker or blame the wrong
//! one. Nothing is called good of which nothing is known.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::side::{Hit, OVERLOADED, Part, Scene, Side, Sign, Trouble, codec_busy};
use crate::words::{Clause, Tense};
use crate::{
    ActiveWarning, Class, Direction, Kind, LinkMetric, Live, LiveTrack, Percent, ProcessMetric, TrackKey, TrackMetric,
    Warning,
};

/// Readings that are looked at: as many as the rule for loss (docs/metrics.md).
const KEPT: usize = 7;

/// Of the last 5 readings 3 raise a trouble, none clears it: the rule of the warnings.
const LAST: usize = 5;
const RAISE: usize = 3;

/// So many readings in a row another answer must be the right one.
const HOLD: u32 = 3;

/// Fewer pictures a second are a poor stream (docs/metrics.md: Poor-stream flags).
const FEW_PICTURES: f64 = 7.0;

/// Sound with more of this made up is poor, percent.
const CONCEALED: f64 = 7.0;

/// Less is no trouble, percent: the limit of its warning.
const LOSS: f64 = 1.0;

/// Held down for most of a second, percent.
const HELD: f64 = 50.0;

/// What limits a call, or what comes from and goes to one peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Whose fault, as far as it can be told.
    pub side: Side,
    /// What; `None` where nothing is wrong.
    pub trouble: Option<Trouble>,
    /// The peer it is about; `None` where it strikes all.
    pub peer: Option<String>,
    /// How it has been for the last seconds; `None` where nothing is known.
    pub class: Option<Class>,
    /// For people.
    pub sentence: String,
}

/// The answer for the call and for each peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// For the whole call.
    pub overall: Limit,
    /// For each peer that has a link, by participant id.
    pub peers: BTreeMap<String, Limit>,
}

/// Follows a call reading by reading.
#[derive(Debug, Default)]
pub struct Limiter {
    /// The last readings, the newest last.
    recent: VecDeque<Live>,
    /// What was raised by [`RAISE`] of the last readings and is not cleared. Bounded by the tracks there are.
    raised: BTreeSet<(Trouble, Option<TrackKey>)>,
    overall: Shown,
    peers: BTreeMap<String, Shown>,
}

/// What distinguishes one answer from another; its figures may move.
type Answer = (Trouble, Side, Option<Direction>, Option<String>);

#[derive(Debug, Default)]
struct Shown {
    /// As it was when it was last there.
    sign: Option<Sign>,
    /// The answer that would be right now (none: that nothing is wrong), and for how many readings.
    next: Option<(Option<Answer>, u32)>,
    /// For how many readings what is shown has not been true at all.
    absent: u32,
}

impl Limiter {
    /// A limiter that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the last second. `name` gives the shown name of a participant.
    pub fn feed(&mut self, live: &Live, name: &dyn Fn(&str) -> Option<String>) -> Limits {
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(live.clone());
        self.raise(live);
        let scene = self.scene(live);
        let mut signs = scene.blame();
        signs.extend(self.own_signs(live));
        signs.sort_by_key(|sign| (std::cmp::Reverse(sign.class), sign.trouble, sign.peer.clone()));

        let all: Vec<&Sign> = signs.iter().collect();
        let known = live.links.iter().filter_map(|link| self.class(&link.peer, &scene.hits)).max();
        let class = known.map(|class| signs.iter().map(|sign| sign.class).fold(class, Class::max));
        let overall = limit(self.overall.choose(&all), class, name, live.links.is_empty());

        self.peers.retain(|peer, _| live.links.iter().any(|link| link.peer == *peer));
        let mut peers = BTreeMap::new();
        for link in &live.links {
            // What is ours strikes them all.
            let concerns = |sign: &&Sign| sign.peer.as_ref().is_none_or(|about| *about == link.peer);
            let about: Vec<&Sign> = all.iter().copied().filter(concerns).collect();
            let class = self.class(&link.peer, &scene.hits);
            let chosen = self.peers.entry(link.peer.clone()).or_default().choose(&about);
            peers.insert(link.peer.clone(), limit(chosen, class, name, false));
        }
        Limits { overall, peers }
    }

    /// A track while it was not muted, the newest reading first.
    fn track<'a>(&'a self, key: &'a TrackKey) -> impl Iterator<Item = &'a LiveTrack> {
        let unmuted = |track: &&LiveTrack| track.key == *key && !track.muted;
        self.recent.iter().rev().filter_map(move |live| live.tracks.iter().find(unmuted))
    }

    fn readings<'a>(&'a self, key: &'a TrackKey, metric: TrackMetric) -> impl Iterator<Item = f64> + 'a {
        self.track(key).filter_map(move |track| track.values[metric])
    }

    fn mean(&self, key: &TrackKey, metric: TrackMetric) -> Option<f64> {
        mean(self.readings(key, metric).take(LAST))
    }

    /// How busy the codec of a track was, the newest first.
    fn codec_busy<'a>(&'a self, key: &'a TrackKey) -> impl Iterator<Item = f64> + 'a {
        self.track(key).filter_map(|track| {
            Some(codec_busy(track.values[TrackMetric::CodecTime]?, track.values[TrackMetric::FrameRate]?))
        })
    }

    fn cpu(&self) -> impl Iterator<Item = f64> + '_ {
        self.recent.iter().rev().filter_map(|live| live.process[ProcessMetric::SystemCpu])
    }

    /// Raises and clears what no warning tells of.
    fn raise(&mut self, live: &Live) {
        let mut stand = BTreeSet::new();
        let busy = (Trouble::Busy, None);
        if stands(self.cpu(), |value| value >= OVERLOADED, self.raised.contains(&busy)) {
            stand.insert(busy);
        }
        for track in live.tracks.iter().filter(|track| !track.muted) {
            for trouble in [Trouble::FrameRate, Trouble::Concealment, Trouble::Held, Trouble::SlowCodec] {
                let subject = (trouble, Some(track.key.clone()));
                let raised = self.raised.contains(&subject);
                let key = &track.key;
                let there = match (trouble, key.kind, key.direction) {
                    (Trouble::FrameRate, Kind::Video, _) => {
                        stands(self.readings(key, TrackMetric::FrameRate), |fps| fps < FEW_PICTURES, raised)
                    }
                    (Trouble::Concealment, Kind::Audio, Direction::Inbound) => {
                        stands(self.readings(key, TrackMetric::Concealed), |percent| percent > CONCEALED, raised)
                    }
                    (Trouble::Held, Kind::Video, Direction::Outbound) => {
                        stands(self.readings(key, TrackMetric::LimitedByBandwidth), |percent| percent >= HELD, raised)
                    }
                    (Trouble::SlowCodec, Kind::Video, _) => {
                        stands(self.codec_busy(key), |percent| percent >= OVERLOADED, raised)
                    }
                    _ => false,
                };
                if there {
                    stand.insert(subject);
                }
            }
        }
        self.raised = stand;
    }

    /// The troubles of the tracks, to be asked whose fault they are.
    fn scene(&self, live: &Live) -> Scene {
        let overloaded = self.raised.contains(&(Trouble::Busy, None));
        let mut scene = Scene { overloaded, ..Scene::default() };
        for track in live.tracks.iter().filter(|track| !track.muted) {
            if self.mean(&track.key, TrackMetric::Loss).is_some() {
                scene.measured.insert((track.key.direction, track.key.peer.clone()));
            }
            let there = self.troubles(track, live);
            scene.hits.extend(
                there.into_iter().map(|(trouble, class, figure)| self.hit(trouble, class, figure, track, live)),
            );
        }
        scene
    }

    fn troubles(&self, track: &LiveTrack, live: &Live) -> Vec<(Trouble, Class, f64)> {
        let key = &track.key;
        let warned = |warning| {
            let about = |active: &ActiveWarning| {
                active.warning == warning
                    && active.peer.as_ref() == Some(&key.peer)
                    && active.track.is_none_or(|track| track == (key.kind, key.direction))
            };
            live.warnings.iter().any(about)
        };
        let raised = |trouble| self.raised.contains(&(trouble, Some(key.clone())));
        let figure = |metric| self.mean(key, metric).unwrap_or(0.0);
        let mut there = Vec::new();
        if warned(Warning::Stalled) {
            // The rest follows from it.
            return vec![(Trouble::NothingCame, Class::Terrible, 0.0)];
        }
        // The warning lasts for a while after the loss: what is said of the present is not about the past.
        let loss = figure(TrackMetric::Loss);
        if warned(Warning::HighLoss) && loss >= LOSS {
            there.push((Trouble::Loss, Class::of_loss(Percent(loss)).max(Class::Ok), loss));
        }
        if raised(Trouble::Concealment) {
            there.push((Trouble::Concealment, Class::Bad, figure(TrackMetric::Concealed)));
        }
        if raised(Trouble::FrameRate) {
            there.push((Trouble::FrameRate, Class::Bad, figure(TrackMetric::FrameRate)));
        }
        if warned(Warning::HighRoundTrip) {
            let paths = self.recent.iter().rev().filter_map(|live| {
                live.links.iter().find(|link| link.peer == key.peer)?.values[LinkMetric::PathRoundTrip]
            });
            there.push((Trouble::RoundTrip, Class::Ok, mean(paths.take(LAST)).unwrap_or(0.0)));
        }
        if warned(Warning::HighJitter) {
            there.push((Trouble::Jitter, Class::Ok, figure(TrackMetric::Jitter)));
        }
        if raised(Trouble::Held) {
            there.push((Trouble::Held, Class::Ok, figure(TrackMetric::LimitedByBandwidth)));
        }
        there
    }

    fn hit(&self, trouble: Trouble, class: Class, figure: f64, track: &LiveTrack, live: &Live) -> Hit {
        let key = &track.key;
        let other_flows = live.tracks.iter().any(|other| {
            let same = other.key.peer == key.peer && other.key.direction == key.direction;
            same && other.key.kind != key.kind && !other.muted && other.values[TrackMetric::Bitrate] > Some(0.0)
        });
        let over = |metric, limit| self.mean(key, metric).is_some_and(|value| value >= limit);
        Hit {
            trouble,
            peer: key.peer.clone(),
            kind: key.kind,
            direction: key.direction,
            class,
            figure,
            rough: over(TrackMetric::Loss, 1.0) || over(TrackMetric::Jitter, 30.0),
            slow_codec: self.raised.contains(&(Trouble::SlowCodec, Some(key.clone()))),
            other_flows,
        }
    }

    /// What is ours alone.
    fn own_signs(&self, live: &Live) -> Vec<Sign> {
        let own = |trouble, part, kind, direction, figure| {
            let (side, peer, class) = (Side::Ours(part), None, Class::Ok);
            Sign { trouble, side, peer, kind, direction, class, figure }
        };
        let mut signs = Vec::new();
        if self.raised.contains(&(Trouble::Busy, None)) {
            let busy = mean(self.cpu().take(LAST)).unwrap_or(100.0);
            signs.push(own(Trouble::Busy, Part::Computer, None, None, busy));
        }
        let encoder = self.raised.iter().find_map(|(trouble, key)| {
            let encodes = |key: &&TrackKey| *trouble == Trouble::SlowCodec && key.direction == Direction::Outbound;
            key.as_ref().filter(encodes)
        });
        if let Some(time) = encoder.and_then(|key| self.mean(key, TrackMetric::CodecTime)) {
            signs.push(own(Trouble::SlowCodec, Part::Computer, Some(Kind::Video), Some(Direction::Outbound), time));
        }
        if live.warnings.iter().any(|active| active.warning == Warning::ConstantLevel) {
            let (kind, direction) = (Some(Kind::Audio), Some(Direction::Outbound));
            signs.push(own(Trouble::SilentMicrophone, Part::Device, kind, direction, 0.0));
        }
        signs
    }

    /// How it has been with a peer: by loss, and by what is wrong besides.
    fn class(&self, peer: &str, hits: &[Hit]) -> Option<Class> {
        let tracks = self.recent.back()?.tracks.iter().filter(|track| track.key.peer == peer);
        let losses = tracks.filter_map(|track| self.mean(&track.key, TrackMetric::Loss));
        let by_loss = losses.map(|loss| Class::of_loss(Percent(loss))).max();
        by_loss.max(hits.iter().filter(|hit| hit.peer == peer).map(|hit| hit.class).max())
    }
}

impl Shown {
    /// The sign to be shown, where these are there now, the gravest first.
    fn choose(&mut self, signs: &[&Sign]) -> Option<&Sign> {
        let (right, shown) = (signs.first().map(|sign| answer(sign)), self.sign.as_ref().map(answer));
        let present = signs.iter().find(|sign| Some(answer(sign)) == shown);
        let still_true = if shown.is_none() { signs.is_empty() } else { present.is_some() };
        self.absent = if still_true { 0 } else { self.absent.saturating_add(1) };
        if let Some(present) = present {
            self.sign = Some((*present).clone());
        }
        if right == shown {
            self.next = None;
            return self.sign.as_ref();
        }
        let held = self.next.take().filter(|(next, _)| *next == right).map_or(0, |(_, held)| held) + 1;
        // Answers that take turns would otherwise keep one on show, or none, that has long been no answer.
        let stale = self.absent >= 2 * HOLD;
        if held >= HOLD || stale {
            *self = Self { sign: signs.first().map(|sign| (*sign).clone()), ..Self::default() };
        } else {
            self.next = Some((right, held));
        }
        self.sign.as_ref()
    }
}

fn answer(sign: &Sign) -> Answer {
    (sign.trouble, sign.side, sign.direction, sign.peer.clone())
}

fn limit(sign: Option<&Sign>, class: Option<Class>, name: &dyn Fn(&str) -> Option<String>, alone: bool) -> Limit {
    let Some(sign) = sign else {
        let sentence = match class {
            _ if alone => "Nobody else is connected.",
            None => "Not enough is known yet.",
            Some(_) => "Nothing limits this call.",
        };
        return Limit { side: Side::Nobody, trouble: None, peer: None, class, sentence: sentence.to_owned() };
    };
    let Sign { trouble, side, ref peer, kind, direction, figure, .. } = *sign;
    let name = peer.as_deref().and_then(name);
    let clause = Clause { trouble, side, name: name.as_deref(), kind, direction, figure };
    let sentence = format!("{}.", clause.say(Tense::Present));
    Limit { side, trouble: Some(trouble), peer: peer.clone(), class, sentence }
}

/// Whether a trouble stands, with the newest reading first.
fn stands(readings: impl Iterator<Item = f64>, bad: impl Fn(f64) -> bool, raised: bool) -> bool {
    let count = readings.take(LAST).filter(|value| bad(*value)).count();
    if raised { count > 0 } else { count >= RAISE }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(trouble: Trouble, figure: f64) -> Sign {
        let (side, peer, kind, direction, class) = (Side::Path, None, None, None, Class::Bad);
        Sign { trouble, side, peer, kind, direction, class, figure }
    }

    /// What is shown when these are there, one list a reading, the gravest first.
    fn shown(readings: &[&[Trouble]]) -> Vec<Option<Trouble>> {
        let mut shown = Shown::default();
        let choose = |there: &&[Trouble]| {
            let signs: Vec<_> = there.iter().map(|trouble| sign(*trouble, 1.0)).collect();
            shown.choose(&signs.iter().collect::<Vec<_>>()).map(|sign| sign.trouble)
        };
        readings.iter().map(choose).collect()
    }

    const LOSS: &[Trouble] = &[Trouble::Loss];
    const JITTER: &[Trouble] = &[Trouble::Jitter];

    #[test]
    fn another_answer_has_to_hold() {
        let (loss, jitter) = (Some(Trouble::Loss), Some(Trouble::Jitter));
        assert_eq!(shown(&[LOSS, LOSS, LOSS, &[], LOSS]), [None, None, loss, loss, loss]);
        assert_eq!(shown(&[LOSS, LOSS, &[], LOSS, LOSS, LOSS]), [None, None, None, None, None, loss]);
        assert_eq!(shown(&[LOSS, LOSS, LOSS, JITTER, JITTER, JITTER])[3..], [loss, loss, jitter]);
        assert_eq!(shown(&[LOSS, LOSS, LOSS, &[], &[], &[]])[3..], [loss, loss, None]);
    }

    #[test]
    fn what_has_long_been_gone_is_not_shown_however_the_others_take_turns() {
        let mut readings = vec![LOSS; 3];
        readings.extend([JITTER, &[Trouble::Busy]].repeat(4));
        let seen = shown(&readings);
        assert_eq!(seen[7], Some(Trouble::Loss), "for five readings it may come back");
        assert_eq!(seen[8], Some(Trouble::Busy));
        let from_the_start = shown(&[JITTER, &[Trouble::Busy]].repeat(4));
        assert_eq!(from_the_start[4..6], [None, Some(Trouble::Busy)], "that something is wrong is not in doubt");
    }

    #[test]
    fn figures_move_while_the_answer_stays() {
        let mut shown = Shown::default();
        let figures = [1.0, 2.0, 3.0, 4.0].map(|figure| {
            let sign = sign(Trouble::Loss, figure);
            shown.choose(&[&sign]).map(|sign| sign.figure)
        });
        assert_eq!(figures, [None, None, Some(3.0), Some(4.0)]);
    }
}
