//! The last second of a peer. Pure.
//!
//! Invariant: what nobody measured is `None`, never 0.

use sightline_quality::{Class, Direction, Kind, LinkMetric, Live, LiveTrack, Snapshot, TrackMetric};

use crate::ipc::{QualityClass, TileStats};

impl From<Class> for QualityClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Good => Self::Good,
            Class::Ok => Self::Ok,
            Class::Bad => Self::Bad,
            Class::Terrible => Self::Terrible,
        }
    }
}

/// The numbers of a peer's tile.
pub(crate) fn stats(peer: &str, live: &Live, snapshot: &Snapshot) -> TileStats {
    let tracks = || live.tracks.iter().filter(|track| track.key.peer == peer);
    let of = |direction| tracks().filter(move |track| track.key.direction == direction);
    let kbps = |direction| sum(of(direction).map(|track| track.values[TrackMetric::Bitrate])).map(|bps| bps / 1e3);
    let most = |direction, metric| largest(of(direction).map(|track| track.values[metric]));
    let picture = |direction| of(direction).find(|track| track.key.kind == Kind::Video);
    let sound = of(Direction::Inbound).find(|track| track.key.kind == Kind::Audio);
    let link = live.links.iter().find(|link| link.peer == peer);
    let path = snapshot.links.iter().find(|link| link.peer == peer).and_then(|link| link.path.as_ref());
    let (received, sent) = (picture(Direction::Inbound), picture(Direction::Outbound));
    let value = |track: Option<&LiveTrack>, metric| track.and_then(|track| track.values[metric]);
    let size = |track: Option<&LiveTrack>| track.filter(|track| !track.muted).and_then(|track| track.size);
    TileStats {
        sent_kbps: kbps(Direction::Outbound),
        received_kbps: kbps(Direction::Inbound),
        sent_loss: most(Direction::Outbound, TrackMetric::Loss),
        received_loss: most(Direction::Inbound, TrackMetric::Loss),
        rtt_ms: most(Direction::Outbound, TrackMetric::RoundTrip)
            .or_else(|| link.and_then(|link| link.values[LinkMetric::PathRoundTrip])),
        jitter_ms: most(Direction::Inbound, TrackMetric::Jitter),
        fps: value(received, TrackMetric::FrameRate),
        width: size(received).map(|(width, _)| width),
        height: size(received).map(|(_, height)| height),
        sent_fps: value(sent, TrackMetric::FrameRate),
        sent_width: size(sent).map(|(width, _)| width),
        sent_height: size(sent).map(|(_, height)| height),
        buffer_ms: value(sound, TrackMetric::Buffer),
        concealed: value(sound, TrackMetric::Concealed),
        latency_ms: value(received, TrackMetric::Latency),
        path: path.map(|path| format!("{} - {}, {}", path.local.as_str(), path.remote.as_str(), path.protocol)),
    }
}

fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().reduce(|one, other| one + other)
}

fn largest(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().reduce(f64::max)
}

#[cfg(test)]
pub(crate) mod testing {
    use std::time::Instant;

    use sightline_quality::{CandidateType, LinkCounters, LiveLink, Path, PerMetric, ProcessCounters, TrackKey};

    use super::*;

    /// One second with a peer: pictures from it with so much loss, and nothing else measured but the path.
    pub(crate) fn second(peer: &str, loss: f64) -> (Live, Snapshot) {
        let mut values = PerMetric::default();
        values[TrackMetric::Loss] = Some(loss);
        values[TrackMetric::Bitrate] = Some(500_000.0);
        values[TrackMetric::FrameRate] = Some(30.0);
        let key = TrackKey { peer: peer.into(), kind: Kind::Video, direction: Direction::Inbound };
        let track =
            LiveTrack { key, muted: false, codec: Some("VP8".into()), size: Some((640, 360)), values, score: None };
        let path = Path { local: CandidateType::Host, remote: CandidateType::Relay, protocol: "udp".into() };
        let link = LinkCounters { peer: peer.into(), path: Some(path), ..LinkCounters::default() };
        let snapshot = Snapshot {
            at: Instant::now(),
            unix_ms: 0,
            links: vec![link],
            tracks: Vec::new(),
            process: ProcessCounters::default(),
        };
        let links = vec![LiveLink { peer: peer.into(), values: PerMetric::default() }];
        (Live { tracks: vec![track], links, ..Live::default() }, snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_measured_stays_unknown() {
        let (live, snapshot) = testing::second("p", 2.5);
        let expected = TileStats {
            received_kbps: Some(500.0),
            received_loss: Some(2.5),
            fps: Some(30.0),
            width: Some(640),
            height: Some(360),
            path: Some("host - relay, udp".into()),
            ..TileStats::default()
        };
        assert_eq!(stats("p", &live, &snapshot), expected);
        assert_eq!(stats("q", &live, &snapshot), TileStats::default());
    }
}
