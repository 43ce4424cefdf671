//! Sums over a whole call, from the snapshots of each second.
//!
//! Invariant: differences are only taken between two readings of the same counter; a pair in which a counter fell (a new
//! link to the same peer) is left out, so a total never goes down or jumps.

use std::collections::BTreeMap;
use std::time::Duration;

use sightline_quality::{Snapshot, TrackCounters, TrackKey};

/// What one track did in the call.
#[derive(Debug, Clone)]
pub struct TrackTotals {
    /// The last reading: gauges such as size and jitter are taken from it.
    pub last: TrackCounters,
    /// Time over which the sums below were taken.
    pub elapsed: Duration,
    /// Packets.
    pub packets: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// Packets lost, never below zero.
    pub lost: u64,
    /// Outbound: packets the peer's reports covered.
    pub reported: u64,
    /// Frames.
    pub frames: u64,
    /// Frames lost before display (`TrackCounters::frames_dropped`).
    pub dropped: u64,
    /// Time in the codec.
    pub codec_time: Duration,
    /// Freezes.
    pub freezes: u64,
    /// Time frozen.
    pub frozen: Duration,
    /// Samples played.
    pub samples: u64,
    /// Samples concealed.
    pub concealed: u64,
    /// Samples recovered by FEC.
    pub recovered: u64,
    /// Time in the jitter buffer, summed.
    pub buffer_delay: Duration,
    /// Samples or frames in that sum.
    pub buffer_emitted: u64,
    /// Media round trips, summed.
    pub rtt: Duration,
    /// Round trips in that sum.
    pub rtt_measurements: u64,
    /// Largest jitter seen in a second.
    pub jitter_max: Duration,
    /// Packets sent again, or repairs received.
    pub retransmitted: u64,
    /// Audio energy (`totalAudioEnergy`).
    pub energy: f64,
    /// Seconds in that sum.
    pub energy_time: Duration,
}

/// Adds up snapshots by track.
#[derive(Debug, Default)]
pub struct Totals {
    tracks: BTreeMap<TrackKey, Track>,
}

#[derive(Debug)]
struct Track {
    totals: TrackTotals,
    last_at: std::time::Instant,
    started: bool,
}

impl Totals {
    /// Takes the next snapshot.
    pub fn add(&mut self, snapshot: &Snapshot) {
        for counters in &snapshot.tracks {
            let track = self.tracks.entry(counters.key.clone()).or_insert_with(|| Track {
                totals: TrackTotals::starting(counters),
                last_at: snapshot.at,
                started: false,
            });
            track.add(counters, snapshot.at);
        }
    }

    /// Totals by track.
    pub fn tracks(&self) -> impl Iterator<Item = (&TrackKey, &TrackTotals)> {
        self.tracks.iter().map(|(key, track)| (key, &track.totals))
    }
}

impl Track {
    fn add(&mut self, now: &TrackCounters, at: std::time::Instant) {
        let elapsed = at.saturating_duration_since(self.last_at);
        let before = std::mem::replace(&mut self.totals.last, now.clone());
        self.last_at = at;
        // Time counts from the first packet on, so that set-up does not thin out the rates.
        if self.started && before.ssrc == now.ssrc {
            self.totals.elapsed += elapsed;
            self.totals.add(&before, now);
        }
        self.started = now.packets.is_some_and(|packets| packets > 0);
    }
}

fn rise(before: Option<u64>, now: Option<u64>) -> u64 {
    now.unwrap_or(0).saturating_sub(before.unwrap_or(0))
}

fn rise_time(before: Option<Duration>, now: Option<Duration>) -> Duration {
    now.unwrap_or_default().saturating_sub(before.unwrap_or_default())
}

impl TrackTotals {
    fn starting(counters: &TrackCounters) -> Self {
        Self {
            last: counters.clone(),
            elapsed: Duration::ZERO,
            packets: 0,
            bytes: 0,
            lost: 0,
            reported: 0,
            frames: 0,
            dropped: 0,
            codec_time: Duration::ZERO,
            freezes: 0,
            frozen: Duration::ZERO,
            samples: 0,
            concealed: 0,
            recovered: 0,
            buffer_delay: Duration::ZERO,
            buffer_emitted: 0,
            rtt: Duration::ZERO,
            rtt_measurements: 0,
            jitter_max: Duration::ZERO,
            retransmitted: 0,
            energy: 0.0,
            energy_time: Duration::ZERO,
        }
    }

    fn add(&mut self, before: &TrackCounters, now: &TrackCounters) {
        self.packets += rise(before.packets, now.packets);
        self.bytes += rise(before.bytes, now.bytes);
        // The loss counter is signed and may fall when late packets come in; a fall counts as nothing lost.
        let lost = now.packets_lost.unwrap_or(0) - before.packets_lost.unwrap_or(0);
        self.lost += u64::try_from(lost).unwrap_or(0);
        self.reported += rise(before.packets_reported, now.packets_reported);
        self.frames += rise(before.frames, now.frames);
        self.dropped += rise(before.frames_dropped, now.frames_dropped);
        self.codec_time += rise_time(before.total_codec_time, now.total_codec_time);
        self.freezes += rise(before.freeze_count, now.freeze_count);
        self.frozen += rise_time(before.total_freezes, now.total_freezes);
        self.samples += rise(before.samples_played, now.samples_played);
        self.concealed += rise(before.samples_concealed, now.samples_concealed);
        self.recovered += rise(before.samples_recovered, now.samples_recovered);
        self.buffer_delay += rise_time(before.jitter_buffer_delay, now.jitter_buffer_delay);
        self.buffer_emitted += rise(before.jitter_buffer_emitted, now.jitter_buffer_emitted);
        self.rtt += rise_time(before.total_rtt, now.total_rtt);
        self.rtt_measurements += rise(before.rtt_measurements, now.rtt_measurements);
        self.jitter_max = self.jitter_max.max(now.jitter.unwrap_or_default());
        self.retransmitted += rise(before.retransmitted_packets, now.retransmitted_packets);
        self.energy += (now.audio_energy.unwrap_or(0.0) - before.audio_energy.unwrap_or(0.0)).max(0.0);
        self.energy_time += rise_time(before.audio_duration, now.audio_duration);
    }
}
