//! A whole call in virtual time, of several peers: what each track does in each second is told by a script.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sightline_quality::findings::{Evidence, Presence, findings};
use sightline_quality::{
    Direction, Kind, LinkCounters, Live, ProcessCounters, Rows, Sampler, Snapshot, TrackCounters, TrackKey,
};

use crate::bench::START_MS;

/// What happens to a track in one second; the default is all well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Second {
    pub(crate) muted: bool,
    /// Nothing comes or goes.
    pub(crate) silent: bool,
    /// Of 100 packets.
    pub(crate) lost: u64,
    /// Whether loss is told at all.
    pub(crate) told: bool,
    pub(crate) jitter_ms: u64,
    pub(crate) fps: u64,
    pub(crate) frozen_ms: u64,
    pub(crate) concealed_percent: u64,
    pub(crate) codec_ms: u64,
}

pub(crate) const WELL: Second = Second {
    muted: false,
    silent: false,
    lost: 0,
    told: true,
    jitter_ms: 4,
    fps: 30,
    frozen_ms: 0,
    concealed_percent: 0,
    codec_ms: 5,
};

/// A call to be played.
pub(crate) struct Stage<'a> {
    pub(crate) peers: &'a [&'a str],
    pub(crate) seconds: u64,
    /// What a track does in the second that ends at this one.
    pub(crate) script: &'a dyn Fn(&str, Kind, Direction, u64) -> Second,
    /// Round trip of a peer's path, in milliseconds.
    pub(crate) rtt_ms: &'a dyn Fn(&str, u64) -> u64,
    /// How busy the machine is, in percent.
    pub(crate) busy: &'a dyn Fn(u64) -> u64,
}

impl Stage<'_> {
    /// A call of a minute with Ada in which all is well.
    pub(crate) fn new() -> Self {
        Stage { peers: &["ada"], seconds: 60, script: &|_, _, _, _| WELL, rtt_ms: &|_, _| 40, busy: &|_| 20 }
    }

    /// Plays the call: each second of it, and all that is known afterwards.
    pub(crate) fn play(&self) -> (Vec<Live>, Evidence) {
        let (mut sampler, mut lives, mut all) = (Sampler::new(), Vec::new(), Vec::new());
        let mut tracks: BTreeMap<TrackKey, TrackCounters> = BTreeMap::new();
        let (epoch, mut busy) = (Instant::now(), 0);
        for second in 0..=self.seconds {
            for peer in self.peers {
                for kind in [Kind::Audio, Kind::Video] {
                    for direction in [Direction::Inbound, Direction::Outbound] {
                        let key = TrackKey { peer: (*peer).to_owned(), kind, direction };
                        let counters = tracks.entry(key.clone()).or_insert_with(|| begun(key));
                        if second > 0 {
                            advance(counters, (self.script)(peer, kind, direction, second));
                        }
                    }
                }
            }
            busy += (self.busy)(second) * 20;
            let link = |peer: &&str| LinkCounters {
                peer: (*peer).to_owned(),
                path_rtt: Some(Duration::from_millis((self.rtt_ms)(peer, second))),
                ..LinkCounters::default()
            };
            let process = ProcessCounters {
                system_busy: Some(Duration::from_millis(busy)),
                system_total: Some(Duration::from_millis(2000 * (second + 1))),
                ..ProcessCounters::default()
            };
            let (live, rows) = sampler.feed(&Snapshot {
                at: epoch + Duration::from_secs(second),
                unix_ms: at(second),
                links: self.peers.iter().map(link).collect(),
                tracks: tracks.values().cloned().collect(),
                process,
            });
            lives.push(live);
            all.push(rows);
        }
        all.push(sampler.finish());
        let evidence = self.evidence(all, &lives);
        (lives, evidence)
    }

    fn evidence(&self, all: Vec<Rows>, lives: &[Live]) -> Evidence {
        let presence = |peer: &&str| Presence {
            peer: (*peer).to_owned(),
            name: name(peer),
            from_ms: START_MS,
            to_ms: Some(at(self.seconds)),
        };
        let mut evidence = Evidence {
            events: lives.iter().flat_map(|live| live.events.clone()).collect(),
            presences: self.peers.iter().map(presence).collect(),
            from_ms: START_MS,
            to_ms: Some(at(self.seconds)),
            end_reason: Some("left".to_owned()),
            ..Evidence::default()
        };
        for rows in all {
            evidence.tracks.extend(rows.tracks);
            evidence.links.extend(rows.links);
            evidence.process.extend(rows.process);
            evidence.standing = rows.standing.unwrap_or(evidence.standing);
        }
        evidence
    }

    /// What is said of the call.
    pub(crate) fn told(&self) -> Vec<String> {
        told(&[self.play().1])
    }
}

/// The sentences, with seconds since the start as the time.
pub(crate) fn told(sessions: &[Evidence]) -> Vec<String> {
    let time = |ms: i64| format!("{} s", ms.saturating_sub(START_MS) / 1000);
    findings(sessions).lines(&time).into_iter().map(|line| line.sentence).collect()
}

pub(crate) fn at(second: u64) -> i64 {
    START_MS + second as i64 * 1000
}

/// "ada" is shown as "Ada".
pub(crate) fn name(peer: &str) -> Option<String> {
    let (first, rest) = peer.split_at_checked(1)?;
    Some(first.to_uppercase() + rest)
}

fn begun(key: TrackKey) -> TrackCounters {
    let outbound = key.direction == Direction::Outbound;
    let (inbound, video) = (!outbound, key.kind == Kind::Video);
    TrackCounters {
        packets: Some(1),
        bytes: Some(1),
        packets_lost: Some(0),
        packets_reported: outbound.then_some(1),
        jitter: Some(Duration::ZERO),
        frames: video.then_some(0),
        expected_fps: (video && outbound).then_some(30),
        total_codec_time: Some(Duration::ZERO),
        freeze_count: (video && inbound).then_some(0),
        total_freezes: (video && inbound).then_some(Duration::ZERO),
        samples_played: (!video && inbound).then_some(0),
        samples_concealed: (!video && inbound).then_some(0),
        audio_energy: (!video).then_some(0.0),
        audio_duration: (!video).then_some(Duration::ZERO),
        ..TrackCounters::unknown(key)
    }
}

fn advance(counters: &mut TrackCounters, second: Second) {
    fn add(counter: &mut Option<u64>, amount: u64) {
        *counter = counter.map(|value| value + amount);
    }
    counters.muted = second.muted;
    if !second.told {
        counters.packets_lost = None;
    }
    if second.muted || second.silent {
        return;
    }
    let received = 100 - second.lost;
    add(&mut counters.packets, if counters.key.direction == Direction::Inbound { received } else { 100 });
    add(&mut counters.packets_reported, 100);
    counters.packets_lost = counters.packets_lost.map(|lost| lost + second.lost as i64);
    add(&mut counters.bytes, 4000);
    counters.jitter = Some(Duration::from_millis(second.jitter_ms));
    add(&mut counters.frames, second.fps);
    let codec = Duration::from_millis(second.codec_ms * second.fps);
    counters.total_codec_time = counters.total_codec_time.map(|time| time + codec);
    add(&mut counters.freeze_count, u64::from(second.frozen_ms > 0));
    let frozen = Duration::from_millis(second.frozen_ms);
    counters.total_freezes = counters.total_freezes.map(|time| time + frozen);
    add(&mut counters.samples_played, 48_000);
    add(&mut counters.samples_concealed, 480 * second.concealed_percent);
    // A level that moves, as that of a voice does.
    let energy = 0.001 * (1.0 + (counters.packets.unwrap_or(0) / 100 % 3) as f64);
    counters.audio_energy = counters.audio_energy.map(|sum| sum + energy);
    counters.audio_duration = counters.audio_duration.map(|time| time + Duration::from_secs(1));
}
