//! Figures of each second, from one snapshot to the next.
//!
//! Invariant: a figure is `None` where it was not measured in that very second, never one of an earlier second.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sightline_quality::{Direction, Kind, Snapshot, TrackCounters};

/// Seconds kept by peer: an hour's. What comes later is left out.
const MAX_SECONDS: usize = 3600;

/// What a second of the link to one peer was like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// When it ended, milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// How long it was, seconds.
    pub seconds: f64,
    /// Mean round trip by the peer's reports (RFC 3550, 6.4.1); where none came, the last by ICE. Milliseconds.
    pub rtt_ms: Option<f64>,
    /// The bandwidth estimate, kbit/s.
    pub estimate_kbps: Option<f64>,
    /// RTP payload of our pictures without repairs, kbit/s.
    pub sent_kbps: Option<f64>,
    /// Pictures sent per second.
    pub sent_fps: Option<f64>,
    /// RTP payload of the peer's pictures, kbit/s.
    pub received_kbps: Option<f64>,
    /// Pictures decoded per second.
    pub received_fps: Option<f64>,
    /// Mean time of sound in the jitter buffer, ms.
    pub audio_buffer_ms: Option<f64>,
    /// Sound concealed, percent of what was played.
    pub concealed_percent: Option<f64>,
}

/// Gathers them.
#[derive(Debug, Default)]
pub struct Series {
    last: Option<Snapshot>,
    peers: BTreeMap<String, Vec<Second>>,
}

impl Series {
    /// Takes the next snapshot.
    pub fn add(&mut self, snapshot: &Snapshot) {
        if let Some(last) = self.last.replace(snapshot.clone()) {
            let span = snapshot.at.saturating_duration_since(last.at);
            for link in &snapshot.links {
                let seconds = self.peers.entry(link.peer.clone()).or_default();
                if seconds.len() < MAX_SECONDS && span > Duration::ZERO {
                    seconds.push(second(&last, snapshot, &link.peer, span));
                }
            }
        }
    }

    /// All seconds of a peer so far.
    pub fn of(&self, peer: &str) -> &[Second] {
        self.peers.get(peer).map_or(&[], Vec::as_slice)
    }
}

/// Two readings of the same track.
struct Pair<'a> {
    before: &'a TrackCounters,
    now: &'a TrackCounters,
}

impl Pair<'_> {
    fn rise(&self, of: fn(&TrackCounters) -> Option<u64>) -> Option<f64> {
        Some(of(self.now)?.checked_sub(of(self.before)?)? as f64)
    }

    fn rise_ms(&self, of: fn(&TrackCounters) -> Option<Duration>) -> Option<f64> {
        Some(of(self.now)?.checked_sub(of(self.before)?)?.as_secs_f64() * 1e3)
    }
}

fn second(last: &Snapshot, now: &Snapshot, peer: &str, span: Duration) -> Second {
    let pair = |kind, direction| {
        let find = |snapshot: &'_ Snapshot| {
            let mut tracks = snapshot.tracks.iter();
            tracks.position(|t| t.key.peer == peer && t.key.kind == kind && t.key.direction == direction)
        };
        let pair = Pair { before: &last.tracks[find(last)?], now: &now.tracks[find(now)?] };
        (pair.before.ssrc == pair.now.ssrc).then_some(pair)
    };
    let (video_out, audio_out) = (pair(Kind::Video, Direction::Outbound), pair(Kind::Audio, Direction::Outbound));
    let (video_in, audio_in) = (pair(Kind::Video, Direction::Inbound), pair(Kind::Audio, Direction::Inbound));
    let seconds = span.as_secs_f64();
    let rate = |pair: &Option<Pair<'_>>, of| Some(pair.as_ref()?.rise(of)? / seconds);
    let kbps = |pair| Some(rate(pair, |t| t.bytes)? * 8e-3);
    let link = now.links.iter().find(|link| link.peer == peer);
    let trips: Vec<(f64, f64)> = [&video_out, &audio_out]
        .into_iter()
        .filter_map(|pair| pair.as_ref())
        .filter_map(|pair| Some((pair.rise_ms(|t| t.total_rtt)?, pair.rise(|t| t.rtt_measurements)?)))
        .collect();
    let measured: f64 = trips.iter().map(|(_, count)| count).sum();
    let by_reports = (measured > 0.0).then(|| trips.iter().map(|(ms, _)| ms).sum::<f64>() / measured);
    let by_ice = link.and_then(|link| link.path_rtt).map(|rtt| rtt.as_secs_f64() * 1e3);
    let part = |whole: Option<f64>, part: Option<f64>| whole.filter(|n| *n > 0.0).and_then(|n| Some(part? / n));
    let sound = audio_in.as_ref();
    Second {
        unix_ms: now.unix_ms,
        seconds,
        rtt_ms: by_reports.or(by_ice),
        estimate_kbps: link.and_then(|link| link.available_outgoing_bps).map(|bps| bps as f64 * 1e-3),
        sent_kbps: kbps(&video_out),
        sent_fps: rate(&video_out, |t| t.frames),
        received_kbps: kbps(&video_in),
        received_fps: rate(&video_in, |t| t.frames),
        audio_buffer_ms: sound
            .and_then(|pair| part(pair.rise(|t| t.jitter_buffer_emitted), pair.rise_ms(|t| t.jitter_buffer_delay))),
        concealed_percent: sound
            .and_then(|pair| part(pair.rise(|t| t.samples_played), pair.rise(|t| t.samples_concealed)))
            .map(|share| share * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use sightline_quality::{LinkCounters, ProcessCounters, TrackKey};

    use super::*;

    fn snapshot(at: Instant, ssrc: u32, n: u64) -> Snapshot {
        let key = |kind, direction| TrackKey { peer: "p".into(), kind, direction };
        let sent = TrackCounters {
            ssrc: Some(ssrc),
            bytes: Some(n * 125_000),
            frames: Some(n * 30),
            total_rtt: Some(Duration::from_millis(n / 2 * 80)),
            rtt_measurements: Some(n / 2 * 2),
            ..TrackCounters::unknown(key(Kind::Video, Direction::Outbound))
        };
        let heard = TrackCounters {
            ssrc: Some(7),
            samples_played: Some(n * 48_000),
            samples_concealed: Some(n * 480),
            jitter_buffer_delay: Some(Duration::from_secs(n * 960)),
            jitter_buffer_emitted: Some(n * 48_000),
            ..TrackCounters::unknown(key(Kind::Audio, Direction::Inbound))
        };
        let path_rtt = Some(Duration::from_millis(44));
        let link = LinkCounters { peer: "p".into(), path_rtt, ..LinkCounters::default() };
        Snapshot { at, unix_ms: 5, links: vec![link], tracks: vec![sent, heard], process: ProcessCounters::default() }
    }

    #[test]
    fn a_second_is_what_happened_in_it() {
        let start = Instant::now();
        let mut series = Series::default();
        for n in 1..4 {
            series.add(&snapshot(start + Duration::from_secs(n), 1, n));
        }
        // Another link to the same peer: what its pictures counted before is not known.
        series.add(&snapshot(start + Duration::from_secs(5), 2, 5));
        let [first, second, third] = series.of("p") else { panic!("three seconds") };
        assert_eq!((first.sent_kbps, first.sent_fps, first.estimate_kbps), (Some(1000.0), Some(30.0), None));
        assert_eq!((first.audio_buffer_ms, first.concealed_percent), (Some(20.0), Some(1.0)));
        assert_eq!((first.rtt_ms, second.rtt_ms), (Some(40.0), Some(44.0)), "reports where there are any, else ICE");
        assert_eq!((third.sent_kbps, third.seconds, third.received_fps), (None, 2.0, None));
        assert!(series.of("q").is_empty());
    }
}
