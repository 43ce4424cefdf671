//! Troubles in words: who or what, did what, when.
//!
//! Invariant: a sentence says no more than is known: the side comes first, the figure is the measured one, and where it
//! cannot be told whose fault it was, it speaks of the path between.

use std::borrow::Cow;

use crate::side::{Part, Side, Trouble};
use crate::{Direction, Kind};

/// What a sentence speaks of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clause<'a> {
    pub(crate) trouble: Trouble,
    pub(crate) side: Side,
    /// Shown name of the peer, where it is about one.
    pub(crate) name: Option<&'a str>,
    pub(crate) kind: Option<Kind>,
    pub(crate) direction: Option<Direction>,
    /// In the unit of the trouble.
    pub(crate) figure: f64,
}

/// Whether it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tense {
    Past,
    Present,
}

/// A name as it can stand in a sentence: whichever way it is written, and whatever marks of direction are in it, what stands
/// around it stays where it is (Unicode, UAX #9: first strong isolate).
pub fn isolated(name: &str) -> Cow<'_, str> {
    let turns = |c: char| {
        matches!(c, '\u{590}'..='\u{8ff}' | '\u{200f}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    };
    let reaches_out = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !name.contains(|c| turns(c) || reaches_out(c)) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\u{2068}{}\u{2069}", name.replace(reaches_out, "")))
}

/// Who is meant where no name was told.
const NAMELESS: &str = "the other side";

impl Clause<'_> {
    /// Subject and predicate, without a full stop.
    pub(crate) fn say(&self, tense: Tense) -> String {
        let said = match self.trouble {
            // These need no side: there is only one it can be.
            Trouble::Crash => "Sightline stopped without a goodbye".to_owned(),
            Trouble::Removed => "The server could not be reached again, which ended the call".to_owned(),
            _ => format!("{} {}", self.place(), self.predicate(tense)),
        };
        let mut characters = said.chars();
        let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        first + characters.as_str()
    }

    /// The side as a noun: `your uplink`.
    pub(crate) fn place(&self) -> String {
        let name = isolated(self.name.unwrap_or(NAMELESS));
        match self.side {
            Side::Ours(Part::Computer) => "this computer".to_owned(),
            Side::Ours(part) => format!("your {}", self.part(part)),
            Side::Theirs(Part::Whole) if self.name.is_none() => NAMELESS.to_owned(),
            Side::Theirs(part) => format!("{name}'s {}", self.part(part)),
            Side::Path => format!("the path between you and {name}"),
            Side::Server => "the server".to_owned(),
            Side::Nobody => "nobody".to_owned(),
        }
    }

    fn part(&self, part: Part) -> &'static str {
        match part {
            Part::Uplink => "uplink",
            Part::Downlink => "downlink",
            Part::Connection => "connection",
            Part::Computer => "computer",
            Part::Whole => "side",
            Part::Device => match (self.kind, self.direction, self.side) {
                (Some(Kind::Video), ..) => "camera",
                (Some(Kind::Audio), Some(Direction::Inbound), Side::Ours(_)) => "speaker",
                (Some(Kind::Audio), ..) => "microphone",
                (None, ..) => "devices",
            },
        }
    }

    fn predicate(&self, tense: Tense) -> String {
        let is = |past: &'static str, present: &'static str| if tense == Tense::Past { past } else { present };
        let (figure, whole) = (number(self.figure), self.figure.round());
        match self.trouble {
            Trouble::Loss => format!("{} {figure} %{}", is("lost", "is losing"), self.lost(tense)),
            Trouble::Jitter => {
                format!("{} packets unevenly ({whole} ms of jitter)", is("passed on", "passes on"))
            }
            Trouble::RoundTrip => format!("{} {whole} ms there and back", is("took", "takes")),
            Trouble::Concealment => {
                format!("{} gaps in the sound ({figure} % made up)", is("left", "leaves"))
            }
            Trouble::FrameRate => format!("{} only {figure} pictures a second", self.brought(tense)),
            Trouble::FrameLoss => format!("{} {figure} % of the pictures", is("dropped", "drops")),
            Trouble::Freeze => format!("{} the picture for {}", is("froze", "freezes"), seconds(self.figure)),
            Trouble::NothingCame => format!("{} {}", self.brought(tense), self.nothing()),
            Trouble::Held => format!("{} the quality of the pictures down", is("held", "holds")),
            Trouble::Busy => format!("{} {whole} % busy", is("was", "is")),
            Trouble::SlowCodec => format!("{} {whole} ms to encode a picture", is("needed", "needs")),
            Trouble::Device => is("failed", "has failed").to_owned(),
            Trouble::SilentMicrophone => {
                is("kept to a level that did not move", "keeps to a level that does not move").to_owned()
            }
            Trouble::ConnectionLost => format!("{} lost for {}", is("was", "has been"), seconds(self.figure)),
            Trouble::ServerLost => {
                format!("{} away for {}", is("was", "has been"), seconds(self.figure))
            }
            Trouble::Sleep => format!("{} for {}", is("slept", "has slept"), seconds(self.figure)),
            Trouble::Stall => {
                format!("{} not let Sightline run for {}", is("did", "has"), seconds(self.figure))
            }
            Trouble::Crash | Trouble::Removed => String::new(),
        }
    }

    /// Of what a share was lost, where the side does not say it.
    fn lost(&self, tense: Tense) -> String {
        let (past, sent) = (tense == Tense::Past, if tense == Tense::Past { "sent" } else { "send" });
        let stream = match self.kind {
            None => "what",
            Some(Kind::Audio) => "the sound",
            Some(Kind::Video) => "the pictures",
        };
        match (self.side, self.direction) {
            (Side::Path, Some(Direction::Inbound)) => {
                let sent = if past { "sent" } else { "sends" };
                format!(" of {stream} {} {sent}", isolated(self.name.unwrap_or(NAMELESS)))
            }
            (Side::Path, _) | (Side::Theirs(Part::Downlink), _) => format!(" of {stream} you {sent}"),
            (Side::Theirs(_), _) => format!(" of {stream} they {sent}"),
            _ if self.kind.is_some() => format!(" of {stream}"),
            _ => String::new(),
        }
    }

    fn brought(&self, tense: Tense) -> &'static str {
        match (self.side, tense) {
            (Side::Theirs(Part::Whole), Tense::Past) => "sent",
            (Side::Theirs(Part::Whole), Tense::Present) => "sends",
            (Side::Theirs(Part::Device) | Side::Ours(Part::Device), Tense::Past) => "gave",
            (Side::Theirs(Part::Device) | Side::Ours(Part::Device), Tense::Present) => "gives",
            (Side::Ours(Part::Computer | Part::Whole), Tense::Past) => "managed",
            (Side::Ours(Part::Computer | Part::Whole), Tense::Present) => "manages",
            (_, Tense::Past) => "brought",
            (_, Tense::Present) => "brings",
        }
    }

    fn nothing(&self) -> &'static str {
        match self.kind {
            None => "nothing",
            Some(Kind::Audio) => "no sound",
            Some(Kind::Video) => "no picture",
        }
    }
}

/// `from 18:33 to 18:35`, `at 18:33`, `3 times between 18:33 and 18:40`.
pub(crate) fn when(from: &str, to: &str, times: u32) -> String {
    match (times, from == to) {
        (2.., true) => format!("{times} times at {from}"),
        (2.., false) => format!("{times} times between {from} and {to}"),
        (_, true) => format!("at {from}"),
        (_, false) => format!("from {from} to {to}"),
    }
}

/// One digit after the point, where there is one and the number is small.
pub(crate) fn number(value: f64) -> String {
    let text = if value.abs() < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") };
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A length of time for people.
fn seconds(value: f64) -> String {
    match value {
        value if value < 99.5 => format!("{} s", number(value)),
        value if value < 5970.0 => format!("{:.0} min", value / 60.0),
        value => format!("{} h", number(value / 3600.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_written_from_right_to_left_does_not_turn_its_sentence() {
        for name in ["Ada", "Žofie", "李伟", "🌊", ""] {
            assert_eq!(isolated(name), name);
        }
        assert_eq!(isolated("عمر"), "\u{2068}عمر\u{2069}");
        assert_eq!(isolated("\u{202e}\u{2069}moor"), "\u{2068}moor\u{2069}");
        let clause = Clause {
            trouble: Trouble::Loss,
            side: Side::Theirs(Part::Uplink),
            name: Some("عمر"),
            kind: None,
            direction: None,
            figure: 6.0,
        };
        assert!(clause.say(Tense::Past).starts_with("\u{2068}عمر\u{2069}'s uplink lost 6 %"));
    }

    #[test]
    fn a_sentence_for_each_side_and_trouble() {
        use Direction::{Inbound as In, Outbound as Out};
        let (audio, video) = (Some(Kind::Audio), Some(Kind::Video));
        for (trouble, side, kind, direction, figure, past, present) in [
            (
                Trouble::Loss,
                Side::Ours(Part::Uplink),
                None,
                Some(Out),
                6.0,
                "Your uplink lost 6 %",
                "Your uplink is losing 6 %",
            ),
            (
                Trouble::Loss,
                Side::Ours(Part::Downlink),
                video,
                Some(In),
                6.34,
                "Your downlink lost 6.3 % of the pictures",
                "Your downlink is losing 6.3 % of the pictures",
            ),
            (
                Trouble::Loss,
                Side::Theirs(Part::Uplink),
                None,
                Some(In),
                12.4,
                "Ada's uplink lost 12 % of what they sent",
                "Ada's uplink is losing 12 % of what they send",
            ),
            (
                Trouble::Loss,
                Side::Theirs(Part::Downlink),
                audio,
                Some(Out),
                5.0,
                "Ada's downlink lost 5 % of the sound you sent",
                "Ada's downlink is losing 5 % of the sound you send",
            ),
            (
                Trouble::Loss,
                Side::Path,
                None,
                Some(In),
                5.0,
                "The path between you and Ada lost 5 % of what Ada sent",
                "The path between you and Ada is losing 5 % of what Ada sends",
            ),
            (
                Trouble::Loss,
                Side::Path,
                video,
                Some(Out),
                5.0,
                "The path between you and Ada lost 5 % of the pictures you sent",
                "The path between you and Ada is losing 5 % of the pictures you send",
            ),
            (
                Trouble::Jitter,
                Side::Path,
                audio,
                Some(In),
                45.4,
                "The path between you and Ada passed on packets unevenly (45 ms of jitter)",
                "The path between you and Ada passes on packets unevenly (45 ms of jitter)",
            ),
            (
                Trouble::RoundTrip,
                Side::Theirs(Part::Connection),
                audio,
                None,
                620.0,
                "Ada's connection took 620 ms there and back",
                "Ada's connection takes 620 ms there and back",
            ),
            (
                Trouble::FrameRate,
                Side::Theirs(Part::Whole),
                video,
                Some(In),
                4.0,
                "Ada's side sent only 4 pictures a second",
                "Ada's side sends only 4 pictures a second",
            ),
            (
                Trouble::FrameRate,
                Side::Ours(Part::Device),
                video,
                Some(Out),
                4.0,
                "Your camera gave only 4 pictures a second",
                "Your camera gives only 4 pictures a second",
            ),
            (
                Trouble::NothingCame,
                Side::Theirs(Part::Device),
                audio,
                Some(In),
                0.0,
                "Ada's microphone gave no sound",
                "Ada's microphone gives no sound",
            ),
            (
                Trouble::NothingCame,
                Side::Ours(Part::Downlink),
                None,
                Some(In),
                0.0,
                "Your downlink brought nothing",
                "Your downlink brings nothing",
            ),
            (
                Trouble::Device,
                Side::Ours(Part::Device),
                audio,
                Some(In),
                0.0,
                "Your speaker failed",
                "Your speaker has failed",
            ),
            (
                Trouble::Busy,
                Side::Ours(Part::Computer),
                None,
                None,
                97.2,
                "This computer was 97 % busy",
                "This computer is 97 % busy",
            ),
            (
                Trouble::ConnectionLost,
                Side::Ours(Part::Connection),
                None,
                None,
                41.0,
                "Your connection was lost for 41 s",
                "Your connection has been lost for 41 s",
            ),
            (
                Trouble::Crash,
                Side::Ours(Part::Computer),
                None,
                None,
                0.0,
                "Sightline stopped without a goodbye",
                "Sightline stopped without a goodbye",
            ),
        ] {
            let clause = Clause { trouble, side, name: Some("Ada"), kind, direction, figure };
            assert_eq!(clause.say(Tense::Past), past);
            assert_eq!(clause.say(Tense::Present), present);
        }
    }

    #[test]
    fn without_a_name() {
        let clause = |side, direction| {
            let (trouble, kind) = (Trouble::Loss, None);
            Clause { trouble, side, name: None, kind, direction: Some(direction), figure: 5.0 }.say(Tense::Past)
        };
        assert_eq!(
            clause(Side::Path, Direction::Inbound),
            "The path between you and the other side lost 5 % of what the other side sent"
        );
        assert_eq!(
            clause(Side::Theirs(Part::Uplink), Direction::Inbound),
            "The other side's uplink lost 5 % of what they sent"
        );
    }

    #[test]
    fn times_and_numbers() {
        assert_eq!(when("18:33", "18:35", 1), "from 18:33 to 18:35");
        assert_eq!(when("18:33", "18:33", 1), "at 18:33");
        assert_eq!(when("18:33", "18:35", 4), "4 times between 18:33 and 18:35");
        for (value, text) in [(6.0, "6"), (6.04, "6"), (6.36, "6.4"), (9.96, "10"), (0.0, "0"), (61.5, "62")] {
            assert_eq!(number(value), text, "{value}");
        }
        assert_eq!(
            (seconds(4.2), seconds(90.0), seconds(600.0), seconds(9000.0)),
            ("4.2 s".to_owned(), "90 s".to_owned(), "10 min".to_owned(), "2.5 h".to_owned())
        );
    }
}
