//! On whose side a trouble is, as far as it can be told from this end.
//!
//! Invariant: a side is named only where the numbers single it out; otherwise it is the path between. What all peers
//! have in common is ours, what one of several has alone is theirs; with one peer alone nobody can tell.

use std::collections::BTreeSet;

use crate::{Class, Direction, Kind};

/// What may be wrong with one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The way from it into the net.
    Uplink,
    /// The way from the net to it.
    Downlink,
    /// Both ways.
    Connection,
    /// The computer: too slow, asleep, or stopped.
    Computer,
    /// Camera, microphone or speaker.
    Device,
    /// Something there; it cannot be told what.
    Whole,
}

/// Where a trouble comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// From us.
    Ours(Part),
    /// From the peer.
    Theirs(Part),
    /// From somewhere between us and the peer, both ends included: it cannot be told.
    Path,
    /// From the signaling server.
    Server,
    /// There is no trouble.
    Nobody,
}

impl Side {
    /// A stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ours(Part::Uplink) => "our-uplink",
            Self::Ours(Part::Downlink) => "our-downlink",
            Self::Ours(Part::Connection) => "our-connection",
            Self::Ours(Part::Computer) => "our-computer",
            Self::Ours(Part::Device) => "our-device",
            Self::Ours(Part::Whole) => "our-side",
            Self::Theirs(Part::Uplink) => "their-uplink",
            Self::Theirs(Part::Downlink) => "their-downlink",
            Self::Theirs(Part::Connection) => "their-connection",
            Self::Theirs(Part::Computer) => "their-computer",
            Self::Theirs(Part::Device) => "their-device",
            Self::Theirs(Part::Whole) => "their-side",
            Self::Path => "path",
            Self::Server => "server",
            Self::Nobody => "nobody",
        }
    }
}

/// What was wrong. In the order of gravity where all else is equal, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// The program or the machine stopped without a goodbye.
    Crash,
    /// The server let us in no more.
    Removed,
    /// A connection was lost; seconds.
    ConnectionLost,
    /// The machine slept; seconds.
    Sleep,
    /// The program did not get to run; seconds.
    Stall,
    /// Not a byte came of what was not muted.
    NothingCame,
    /// Packets lost; percent.
    Loss,
    /// Sound that had to be made up; percent.
    Concealment,
    /// A picture that stood still; seconds.
    Freeze,
    /// Too few pictures; per second.
    FrameRate,
    /// Pictures lost before display; percent.
    FrameLoss,
    /// A long way there and back; milliseconds.
    RoundTrip,
    /// Packets that come unevenly; milliseconds.
    Jitter,
    /// A device was lost or gave nothing.
    Device,
    /// A microphone whose level does not move.
    SilentMicrophone,
    /// The processor had more to do than it could; percent of it busy.
    Busy,
    /// Encoding a picture took longer than there was time; milliseconds.
    SlowCodec,
    /// Quality was held down; percent of the time.
    Held,
    /// The signaling server was away; seconds. The call itself goes on.
    ServerLost,
}

impl Trouble {
    /// A stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Removed => "removed",
            Self::ConnectionLost => "connection-lost",
            Self::Sleep => "sleep",
            Self::Stall => "stall",
            Self::NothingCame => "nothing-came",
            Self::Loss => "loss",
            Self::Concealment => "concealment",
            Self::Freeze => "freeze",
            Self::FrameRate => "frame-rate",
            Self::FrameLoss => "frame-loss",
            Self::RoundTrip => "round-trip",
            Self::Jitter => "jitter",
            Self::Device => "device",
            Self::SilentMicrophone => "silent-microphone",
            Self::Busy => "busy",
            Self::SlowCodec => "slow-codec",
            Self::Held => "held",
            Self::ServerLost => "server-lost",
        }
    }
}

/// The machine, or one codec, is overloaded from here on, percent of its time: what is left is eaten up by every peak.
pub(crate) const OVERLOADED: f64 = 90.0;

/// How busy a codec is with so long a time for each of so many pictures a second, percent.
pub(crate) fn codec_busy(ms_per_frame: f64, fps: f64) -> f64 {
    ms_per_frame * fps / 10.0
}

/// A trouble of one track, before it is asked whose fault it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    pub(crate) trouble: Trouble,
    pub(crate) peer: String,
    pub(crate) kind: Kind,
    pub(crate) direction: Direction,
    pub(crate) class: Class,
    /// In the unit of the trouble.
    pub(crate) figure: f64,
    /// Packets of the track were lost or came unevenly, though less than would have been a trouble of its own.
    pub(crate) rough: bool,
    /// Our encoder or decoder of it had more to do than it could.
    pub(crate) slow_codec: bool,
    /// The peer's other stream came meanwhile.
    pub(crate) other_flows: bool,
}

/// A trouble with its side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sign {
    pub(crate) trouble: Trouble,
    pub(crate) side: Side,
    /// `None` where it struck all or concerns none.
    pub(crate) peer: Option<String>,
    /// `None` where it struck both.
    pub(crate) kind: Option<Kind>,
    pub(crate) direction: Option<Direction>,
    pub(crate) class: Class,
    pub(crate) figure: f64,
}

/// What one looks at together: the hits of one stretch of time, with what they have to be held against.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) hits: Vec<Hit>,
    /// Peers and directions of which enough is known to say that they were well or not.
    pub(crate) measured: BTreeSet<(Direction, String)>,
    /// This machine had more to do than it could.
    pub(crate) overloaded: bool,
}

/// The side of something in the net that struck `troubled` of `measured` peers at once. `None` is both directions.
pub(crate) fn in_the_net(direction: Option<Direction>, troubled: usize, measured: usize) -> Side {
    let (ours, theirs) = match direction {
        Some(Direction::Outbound) => (Part::Uplink, Part::Downlink),
        Some(Direction::Inbound) => (Part::Downlink, Part::Uplink),
        None => (Part::Connection, Part::Connection),
    };
    match (troubled, measured) {
        (2.., _) if 2 * troubled >= measured => Side::Ours(ours),
        (_, 2..) => Side::Theirs(theirs),
        _ => Side::Path,
    }
}

impl Scene {
    /// Says of each hit whose fault it is, and takes those of one fault together.
    pub(crate) fn blame(&self) -> Vec<Sign> {
        let mut groups: Vec<(Sign, Vec<&Hit>)> = Vec::new();
        for hit in &self.hits {
            let side = self.side(hit);
            let sign = Sign {
                trouble: hit.trouble,
                side,
                peer: (!matches!(side, Side::Ours(_))).then(|| hit.peer.clone()),
                kind: Some(hit.kind),
                direction: direction(hit),
                class: hit.class,
                figure: hit.figure,
            };
            let same = |known: &Sign| {
                (known.trouble, known.side, &known.peer, known.direction)
                    == (sign.trouble, sign.side, &sign.peer, sign.direction)
                    // Camera and microphone are two devices.
                    && (known.kind == sign.kind || !matches!(side, Side::Ours(Part::Device) | Side::Theirs(Part::Device)))
            };
            match groups.iter_mut().find(|(known, _)| same(known)) {
                Some((_, hits)) => hits.push(hit),
                None => groups.push((sign, vec![hit])),
            }
        }
        groups.into_iter().map(|(sign, hits)| together(sign, &hits)).collect()
    }

    fn side(&self, hit: &Hit) -> Side {
        let direction = direction(hit);
        let alike =
            self.hits.iter().filter(|other| other.trouble == hit.trouble && self::direction(other) == direction);
        let troubled: BTreeSet<&str> = alike.map(|other| other.peer.as_str()).collect();
        let measured = self.measured.iter().filter(|(way, _)| direction.is_none_or(|direction| direction == *way));
        let known: BTreeSet<&str> = measured.map(|(_, peer)| peer.as_str()).collect();
        let measured = known.union(&troubled).count();
        let in_the_net = in_the_net(direction, troubled.len(), measured);
        let common = matches!(in_the_net, Side::Ours(_));
        match (hit.trouble, hit.direction) {
            (Trouble::FrameLoss, Direction::Outbound) => Side::Ours(Part::Computer),
            (Trouble::Jitter | Trouble::Concealment | Trouble::FrameLoss | Trouble::Freeze, Direction::Inbound)
            | (Trouble::FrameRate, _)
                if self.overloaded || hit.slow_codec =>
            {
                Side::Ours(Part::Computer)
            }
            // One camera and one encoder serve all: what only some miss is lost behind them.
            (Trouble::FrameRate, Direction::Outbound) if troubled.len() < measured => Side::Theirs(Part::Downlink),
            (Trouble::FrameRate, Direction::Outbound) => Side::Ours(Part::Device),
            (Trouble::FrameRate | Trouble::Freeze, Direction::Inbound) if hit.rough => in_the_net,
            (Trouble::FrameRate | Trouble::Freeze, Direction::Inbound) if common => Side::Ours(Part::Whole),
            (Trouble::FrameRate, Direction::Inbound) => Side::Theirs(Part::Whole),
            (Trouble::Freeze, Direction::Inbound) => Side::Theirs(Part::Device),
            (Trouble::NothingCame, _) if hit.other_flows => Side::Theirs(Part::Device),
            _ => in_the_net,
        }
    }
}

/// A round trip goes both ways.
fn direction(hit: &Hit) -> Option<Direction> {
    (hit.trouble != Trouble::RoundTrip).then_some(hit.direction)
}

fn together(sign: Sign, hits: &[&Hit]) -> Sign {
    let kind = sign.kind.filter(|kind| hits.iter().all(|hit| hit.kind == *kind));
    let class = hits.iter().map(|hit| hit.class).max().unwrap_or(sign.class);
    let figure = hits.iter().map(|hit| hit.figure).sum::<f64>() / hits.len().max(1) as f64;
    Sign { kind, class, figure, ..sign }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(trouble: Trouble, peer: &str, direction: Direction) -> Hit {
        let (kind, class) = (Kind::Video, Class::Bad);
        Hit {
            trouble,
            peer: peer.to_owned(),
            kind,
            direction,
            class,
            figure: 6.0,
            rough: false,
            slow_codec: false,
            other_flows: false,
        }
    }

    /// The sides of hits in a call with these people, of whom all is known.
    fn sides(people: &[&str], overloaded: bool, hits: Vec<Hit>) -> Vec<(Side, Option<String>)> {
        let both = [Direction::Inbound, Direction::Outbound];
        let measured = people.iter().flat_map(|peer| both.map(|way| (way, (*peer).to_owned()))).collect();
        let scene = Scene { hits, measured, overloaded };
        scene.blame().into_iter().map(|sign| (sign.side, sign.peer)).collect()
    }

    const IN: Direction = Direction::Inbound;
    const OUT: Direction = Direction::Outbound;

    #[test]
    fn loss_by_how_many_have_it() {
        let all = ["ada", "bob", "cyd", "dan", "eve"];
        let ada = Some("ada".to_owned());
        // How many are there, how many of them have it, which way, whose it is, and about whom.
        for (there, troubled, way, side, peer) in [
            (1, 1, IN, Side::Path, ada.clone()),
            (1, 1, OUT, Side::Path, ada.clone()),
            (2, 1, IN, Side::Theirs(Part::Uplink), ada.clone()),
            (2, 1, OUT, Side::Theirs(Part::Downlink), ada.clone()),
            (2, 2, IN, Side::Ours(Part::Downlink), None),
            (2, 2, OUT, Side::Ours(Part::Uplink), None),
            (4, 2, IN, Side::Ours(Part::Downlink), None),
            (5, 2, IN, Side::Theirs(Part::Uplink), ada.clone()),
            (5, 3, OUT, Side::Ours(Part::Uplink), None),
        ] {
            let hits = all[..troubled].iter().map(|peer| hit(Trouble::Loss, peer, way)).collect();
            let found = sides(&all[..there], false, hits);
            assert_eq!(found[0], (side, peer), "{troubled} of {there}, {way:?}");
            assert_eq!(found.len(), if matches!(side, Side::Theirs(_)) { troubled } else { 1 });
        }
    }

    #[test]
    fn whose_fault_by_trouble() {
        let rough = |trouble, way| Hit { rough: true, ..hit(trouble, "ada", way) };
        let slow = |trouble, way| Hit { slow_codec: true, ..hit(trouble, "ada", way) };
        let flowing = |trouble, way| Hit { other_flows: true, ..hit(trouble, "ada", way) };
        for (people, overloaded, hit, side) in [
            (1, false, hit(Trouble::FrameRate, "ada", IN), Side::Theirs(Part::Whole)),
            (1, false, rough(Trouble::FrameRate, IN), Side::Path),
            (2, false, rough(Trouble::FrameRate, IN), Side::Theirs(Part::Uplink)),
            (1, true, hit(Trouble::FrameRate, "ada", IN), Side::Ours(Part::Computer)),
            (1, false, hit(Trouble::FrameRate, "ada", OUT), Side::Ours(Part::Device)),
            (2, false, hit(Trouble::FrameRate, "ada", OUT), Side::Theirs(Part::Downlink)),
            (1, true, hit(Trouble::FrameRate, "ada", OUT), Side::Ours(Part::Computer)),
            (1, false, slow(Trouble::FrameRate, OUT), Side::Ours(Part::Computer)),
            (2, false, slow(Trouble::Freeze, IN), Side::Ours(Part::Computer)),
            (1, false, hit(Trouble::FrameLoss, "ada", OUT), Side::Ours(Part::Computer)),
            (1, false, hit(Trouble::FrameLoss, "ada", IN), Side::Path),
            (1, false, hit(Trouble::Freeze, "ada", IN), Side::Theirs(Part::Device)),
            (1, false, rough(Trouble::Freeze, IN), Side::Path),
            (1, true, hit(Trouble::Freeze, "ada", IN), Side::Ours(Part::Computer)),
            (2, true, hit(Trouble::Concealment, "ada", IN), Side::Ours(Part::Computer)),
            (2, false, hit(Trouble::Concealment, "ada", IN), Side::Theirs(Part::Uplink)),
            (1, true, hit(Trouble::Loss, "ada", IN), Side::Path),
            (1, true, hit(Trouble::Jitter, "ada", OUT), Side::Path),
            (1, false, flowing(Trouble::NothingCame, IN), Side::Theirs(Part::Device)),
            (1, false, hit(Trouble::NothingCame, "ada", IN), Side::Path),
            (3, false, hit(Trouble::NothingCame, "ada", IN), Side::Theirs(Part::Uplink)),
            (1, false, hit(Trouble::RoundTrip, "ada", IN), Side::Path),
            (2, false, hit(Trouble::RoundTrip, "ada", OUT), Side::Theirs(Part::Connection)),
        ] {
            let said = format!("{:?} {:?} of {people}, overloaded: {overloaded}", hit.trouble, hit.direction);
            assert_eq!(sides(&["ada", "bob", "cyd"][..people], overloaded, vec![hit])[0].0, side, "{said}");
        }
        let frozen = ["ada", "bob"].map(|peer| hit(Trouble::Freeze, peer, IN)).to_vec();
        assert_eq!(sides(&["ada", "bob"], false, frozen), [(Side::Ours(Part::Whole), None)]);
    }

    #[test]
    fn what_is_one_fault_is_said_once() {
        let sound = |peer| Hit { kind: Kind::Audio, figure: 4.0, ..hit(Trouble::Loss, peer, IN) };
        let hits = vec![hit(Trouble::Loss, "ada", IN), sound("ada"), hit(Trouble::Loss, "bob", OUT)];
        let measured = [(IN, "ada".to_owned()), (OUT, "bob".to_owned())].into();
        let signs = Scene { hits, measured, overloaded: false }.blame();
        assert_eq!(
            signs.iter().map(|sign| (sign.kind, sign.figure)).collect::<Vec<_>>(),
            [(None, 5.0), (Some(Kind::Video), 6.0)]
        );
        // A long round trip is measured both ways, and is one.
        let both = [IN, OUT].map(|way| hit(Trouble::RoundTrip, "ada", way)).to_vec();
        assert_eq!(sides(&["ada"], false, both).len(), 1);
        // A camera and a microphone are two.
        let silent = |kind| Hit { kind, other_flows: true, ..hit(Trouble::NothingCame, "ada", IN) };
        assert_eq!(sides(&["ada"], false, vec![silent(Kind::Audio), silent(Kind::Video)]).len(), 2);
    }

    #[test]
    fn who_is_muted_is_no_witness() {
        let scene = Scene { hits: vec![hit(Trouble::Loss, "ada", IN)], ..Scene::default() };
        assert_eq!(scene.blame()[0].side, Side::Path, "of nobody else anything is known");
    }
}
