//! Whether a stream was good for a while, and what was worst about it.
//!
//! Invariant: what was not measured is never held for good: no loss and no other sign known gives no verdict.

use std::fmt;

use crate::{Direction, FrameRate, Kind, Millis, Percent};

/// How a window was (Pexip's classes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Less than 1 % lost.
    Good,
    /// Less than 3 %.
    Ok,
    /// Less than 10 %, or one of the signs of a poor stream.
    Bad,
    /// 10 % or more.
    Terrible,
}

impl Class {
    /// The class by loss alone.
    pub fn of_loss(loss: Percent) -> Self {
        match loss.0 {
            loss if loss < 1.0 => Self::Good,
            loss if loss < 3.0 => Self::Ok,
            loss if loss < 10.0 => Self::Bad,
            _ => Self::Terrible,
        }
    }

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Terrible => "terrible",
        }
    }

    /// Back from [`Class::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Good, Self::Ok, Self::Bad, Self::Terrible].into_iter().find(|class| class.as_str() == text)
    }
}

/// What was wrong with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Packets lost.
    Loss,
    /// A long way there and back.
    RoundTrip,
    /// Packets that come unevenly.
    Jitter,
    /// Sound that had to be made up.
    Concealment,
    /// Too few pictures.
    FrameRate,
    /// Pictures lost before display.
    FrameLoss,
}

impl Cause {
    const ALL: [Self; 6] =
        [Self::Loss, Self::RoundTrip, Self::Jitter, Self::Concealment, Self::FrameRate, Self::FrameLoss];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::RoundTrip => "round-trip",
            Self::Jitter => "jitter",
            Self::Concealment => "concealment",
            Self::FrameRate => "frame-rate",
            Self::FrameLoss => "frame-loss",
        }
    }

    /// Back from [`Cause::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }
}

/// A cause and the kind of stream it struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor {
    /// What.
    pub cause: Cause,
    /// In sound or pictures.
    pub kind: Kind,
    /// In what came or what we sent.
    pub direction: Direction,
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause {
            Cause::Loss => "packet loss",
            Cause::RoundTrip => "long round trip",
            Cause::Jitter => "jitter",
            Cause::Concealment => "gaps in the sound",
            Cause::FrameRate => "low frame rate",
            Cause::FrameLoss => "lost frames",
        };
        let direction = match self.direction {
            Direction::Inbound => "incoming",
            Direction::Outbound => "outgoing",
        };
        write!(f, "{cause}, {direction} {}", self.kind.as_str())
    }
}

/// What a verdict depends on; `None` is not measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamFigures {
    /// Sound or pictures.
    pub kind: Kind,
    /// Packets of the whole stream so far.
    pub packets: Option<u64>,
    /// Lost packets, after repair.
    pub loss: Option<Percent>,
    /// Round trip.
    pub round_trip: Option<Millis>,
    /// Jitter.
    pub jitter: Option<Millis>,
    /// Concealed samples.
    pub concealed: Option<Percent>,
    /// Pictures per second.
    pub frame_rate: Option<FrameRate>,
    /// Pictures lost.
    pub frame_loss: Option<Percent>,
}

/// Fewer packets than this say nothing about a sound stream (Teams).
const ENOUGH_PACKETS: u64 = 500;

/// The signs of a poor stream that are there (Teams' limits), the graver first.
pub fn poor_stream(figures: &StreamFigures) -> Vec<Cause> {
    let over = |value: Option<f64>, limit: f64| value.is_some_and(|value| value > limit);
    let loss = figures.loss.map(|loss| loss.0);
    let signs = match figures.kind {
        Kind::Audio if figures.packets.is_none_or(|packets| packets <= ENOUGH_PACKETS) => return Vec::new(),
        Kind::Audio => vec![
            (over(loss, 10.0), Cause::Loss),
            (over(figures.concealed.map(|concealed| concealed.0), 7.0), Cause::Concealment),
            (over(figures.round_trip.map(|rtt| rtt.0), 500.0), Cause::RoundTrip),
            (over(figures.jitter.map(|jitter| jitter.0), 30.0), Cause::Jitter),
        ],
        Kind::Video => vec![
            (figures.frame_rate.is_some_and(|fps| fps.0 < 7.0), Cause::FrameRate),
            (over(figures.frame_loss.map(|loss| loss.0), 50.0), Cause::FrameLoss),
            (over(loss, 15.0), Cause::Loss),
        ],
    };
    signs.into_iter().filter_map(|(there, cause)| there.then_some(cause)).collect()
}

/// A class, and what kept it from being a better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// How it was.
    pub class: Class,
    /// Why, where it was not good.
    pub cause: Option<Cause>,
}

/// The class by loss; a stream with a sign of poorness is at best bad, however few packets it lost.
pub fn judge(figures: &StreamFigures) -> Option<Verdict> {
    let by_loss = figures.loss.map(Class::of_loss);
    let sign = poor_stream(figures).first().copied();
    match (by_loss, sign) {
        (Some(class), _) if class >= Class::Bad => Some(Verdict { class, cause: Some(Cause::Loss) }),
        (_, Some(cause)) => Some(Verdict { class: Class::Bad, cause: Some(cause) }),
        (Some(class), None) => Some(Verdict { class, cause: (class > Class::Good).then_some(Cause::Loss) }),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio() -> StreamFigures {
        StreamFigures {
            kind: Kind::Audio,
            packets: Some(501),
            loss: Some(Percent(0.0)),
            round_trip: None,
            jitter: None,
            concealed: None,
            frame_rate: None,
            frame_loss: None,
        }
    }

    fn video() -> StreamFigures {
        StreamFigures { kind: Kind::Video, frame_rate: Some(FrameRate(30.0)), ..audio() }
    }

    #[test]
    fn classes_by_loss() {
        for (loss, class) in [
            (0.0, Class::Good),
            (0.99, Class::Good),
            (1.0, Class::Ok),
            (2.99, Class::Ok),
            (3.0, Class::Bad),
            (9.99, Class::Bad),
            (10.0, Class::Terrible),
            (100.0, Class::Terrible),
        ] {
            assert_eq!(Class::of_loss(Percent(loss)), class, "{loss} %");
        }
    }

    #[test]
    fn signs_of_poor_sound() {
        let at = StreamFigures {
            loss: Some(Percent(10.0)),
            round_trip: Some(Millis(500.0)),
            jitter: Some(Millis(30.0)),
            concealed: Some(Percent(7.0)),
            ..audio()
        };
        assert_eq!(poor_stream(&at), [], "the limits themselves are still fine");
        let over = StreamFigures {
            loss: Some(Percent(10.1)),
            round_trip: Some(Millis(500.1)),
            jitter: Some(Millis(30.1)),
            concealed: Some(Percent(7.1)),
            ..audio()
        };
        assert_eq!(poor_stream(&over), [Cause::Loss, Cause::Concealment, Cause::RoundTrip, Cause::Jitter]);
        assert_eq!(poor_stream(&StreamFigures { packets: Some(500), ..over }), [], "too few packets to tell");
        assert_eq!(poor_stream(&StreamFigures { packets: None, ..over }), []);
    }

    #[test]
    fn signs_of_poor_pictures() {
        let over = StreamFigures {
            loss: Some(Percent(15.1)),
            frame_rate: Some(FrameRate(6.9)),
            frame_loss: Some(Percent(50.1)),
            ..video()
        };
        assert_eq!(poor_stream(&over), [Cause::FrameRate, Cause::FrameLoss, Cause::Loss]);
        let at = StreamFigures {
            loss: Some(Percent(15.0)),
            frame_rate: Some(FrameRate(7.0)),
            frame_loss: Some(Percent(50.0)),
            ..video()
        };
        assert_eq!(poor_stream(&at), []);
    }

    #[test]
    fn verdicts() {
        let verdict = |class, cause| Some(Verdict { class, cause });
        assert_eq!(judge(&audio()), verdict(Class::Good, None));
        let lossy = StreamFigures { loss: Some(Percent(2.0)), ..audio() };
        assert_eq!(judge(&lossy), verdict(Class::Ok, Some(Cause::Loss)));
        let jittery = StreamFigures { jitter: Some(Millis(80.0)), ..audio() };
        assert_eq!(judge(&jittery), verdict(Class::Bad, Some(Cause::Jitter)));
        let frozen = StreamFigures { loss: None, frame_rate: Some(FrameRate(0.0)), ..video() };
        assert_eq!(judge(&frozen), verdict(Class::Bad, Some(Cause::FrameRate)));
        let worst = StreamFigures { loss: Some(Percent(40.0)), frame_rate: Some(FrameRate(1.0)), ..video() };
        assert_eq!(judge(&worst), verdict(Class::Terrible, Some(Cause::Loss)));
        assert_eq!(judge(&StreamFigures { loss: None, ..audio() }), None, "nothing measured is not good");
    }

    #[test]
    fn names_come_back() {
        for class in [Class::Good, Class::Ok, Class::Bad, Class::Terrible] {
            assert_eq!(Class::parse(class.as_str()), Some(class));
        }
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()), Some(cause));
        }
        assert_eq!(Class::parse("splendid"), None);
    }
}
