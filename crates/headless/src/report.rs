//! The report of a call: JSON for programs, a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sightline_quality::{Direction, Kind, SetupTimes, TrackKey};

use crate::measure::{Totals, TrackTotals};
use crate::series::Second;
use crate::verify::PictureQuality;
use crate::watch::Freeze;

/// What a call was like, seen from one side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Version of the program.
    pub version: String,
    /// At least one peer was connected.
    pub call_took_place: bool,
    /// The room's code.
    pub code: String,
    /// Own name.
    pub name: String,
    /// Why the call ended, for people.
    pub ended: String,
    /// Wall time from join to the end, seconds.
    pub wall_seconds: f64,
    /// CPU time of this process, seconds.
    pub cpu_seconds: Option<f64>,
    /// Peak resident memory, MiB.
    pub peak_rss_mib: Option<f64>,
    /// CPU seconds by thread name.
    pub thread_cpu_seconds: BTreeMap<String, f64>,
    /// Most video encoders that ran at the same time.
    pub encoders_running: u32,
    /// Pictures encoded, whatever the number of peers.
    pub frames_encoded: Option<u64>,
    /// Time in the encoder per frame, ms.
    pub encode_ms_per_frame: Option<f64>,
    /// Signaling, and the further set-up of the first peer that connected. Milliseconds from 'join pressed', or from the
    /// peer's arrival where it came later.
    pub setup: SetupTimes,
    /// Each peer that was there.
    pub peers: Vec<PeerReport>,
    /// Connections that were lost for a time, to the server or to a peer.
    pub breaks: Vec<Break>,
    /// What went wrong without ending the call, one line each.
    pub warnings: Vec<String>,
}

/// A connection was lost for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Break {
    /// Participant id; `None` for the signaling server.
    pub peer: Option<String>,
    /// Why, as far as known.
    pub cause: String,
    /// Milliseconds since the Unix epoch.
    pub began_unix_ms: i64,
    /// Likewise; `None` if it was not back when the call ended.
    pub ended_unix_ms: Option<i64>,
}

/// What passed between us and one peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerReport {
    /// Participant id.
    pub id: String,
    /// Shown name.
    pub name: String,
    /// Set-up times of the link, ms from 'join pressed', or from the peer's arrival where it came later.
    pub setup: Option<SetupTimes>,
    /// Pictures from the peer.
    pub video_in: Option<TrackReport>,
    /// Sound from the peer.
    pub audio_in: Option<TrackReport>,
    /// Pictures to the peer.
    pub video_out: Option<TrackReport>,
    /// Sound to the peer.
    pub audio_out: Option<TrackReport>,
    /// From capture at the peer to decoded here; needs the capture time on the wire and clocks that agree.
    pub capture_to_decode_ms: Option<Quantiles>,
    /// Frames by their counter, where asked for.
    pub clip: Option<ClipOrder>,
    /// Round trips, a mean for each second of the call after the warm-up, ms.
    pub rtt_ms: Option<Quantiles>,
    /// Each freeze of the peer's pictures.
    pub freezes: Vec<Freeze>,
    /// The peer's pictures against what it sent, where asked for.
    pub picture: Option<PictureQuality>,
    /// Each second of the whole call, where asked for.
    pub series: Vec<Second>,
}

/// Median, 95th percentile and maximum.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// Maximum.
    pub max: f64,
    /// How many values.
    pub count: usize,
}

impl Quantiles {
    /// Of these values; `None` where there are none.
    pub fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |q: f64| values.get(((values.len() as f64 - 1.0) * q).round() as usize).copied();
        Some(Self { p50: at(0.5)?, p95: at(0.95)?, max: at(1.0)?, count: values.len() })
    }
}

/// Whether a clip with a frame counter came through in order.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ClipOrder {
    /// Frames whose counter could be read.
    pub read: u64,
    /// Frames whose counter could not.
    pub unread: u64,
    /// Frames that came after a later one (the wrap of a looping clip is not counted).
    pub out_of_order: u64,
    /// Counter values passed over between two frames.
    pub skipped: u64,
}

impl ClipOrder {
    /// Pictures that were sent and not seen, percent, where the sender left out so many of those it filmed.
    pub fn missing_percent(&self, left_out: u64) -> Option<f64> {
        let (seen, missing) = (self.read + self.unread, self.skipped.saturating_sub(left_out));
        (seen > 0).then(|| missing as f64 * 100.0 / (seen + missing) as f64)
    }
}

/// Figures of one track over the call. `None` where nothing was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrackReport {
    /// Codec.
    pub codec: Option<String>,
    /// RTP packets.
    pub packets: u64,
    /// Payload rate, kbit/s.
    pub kbps: Option<f64>,
    /// Frames decoded or sent.
    pub frames: Option<u64>,
    /// Frames per second.
    pub fps: Option<f64>,
    /// Frames left out: at the camera, in the encoder and on the way to the link, or in assembly and decoder.
    pub dropped: Option<u64>,
    /// Width in pixels of the last frame.
    pub width: Option<u32>,
    /// Height in pixels of the last frame.
    pub height: Option<u32>,
    /// Packet loss, percent; for what we sent, by the peer's reports.
    pub loss_percent: Option<f64>,
    /// Last interarrival jitter, ms.
    pub jitter_ms: Option<f64>,
    /// Largest, ms.
    pub jitter_max_ms: Option<f64>,
    /// Mean media round trip, ms.
    pub rtt_ms: Option<f64>,
    /// Packets sent again, or repairs received.
    pub retransmitted: Option<u64>,
    /// Freezes.
    pub freezes: Option<u64>,
    /// Seconds frozen.
    pub frozen_seconds: Option<f64>,
    /// Encode or decode time per frame, ms.
    pub codec_ms_per_frame: Option<f64>,
    /// Mean time in the jitter buffer, ms.
    pub buffer_ms: Option<f64>,
    /// Sound concealed (neither received nor recovered), percent of what was played.
    pub concealed_percent: Option<f64>,
    /// Sound recovered by FEC, percent of what was played.
    pub recovered_percent: Option<f64>,
    /// Level over the call, dBov.
    pub level_dbov: Option<f64>,
}

impl TrackReport {
    /// Figures of one track.
    pub fn new(key: &TrackKey, totals: &TrackTotals) -> Self {
        let last = &totals.last;
        let seconds = totals.elapsed.as_secs_f64();
        let per_second = |n: f64| (seconds > 0.0).then(|| n / seconds);
        let percent = |part: u64, whole: u64| (whole > 0).then(|| part as f64 * 100.0 / whole as f64);
        let inbound = key.direction == Direction::Inbound;
        // Outbound: the reports cover what was expected; inbound: expected is received and lost.
        let expected = if inbound { totals.packets + totals.lost } else { totals.reported };
        let level = totals.energy / totals.energy_time.as_secs_f64();
        Self {
            codec: last.codec.clone(),
            packets: totals.packets,
            kbps: last.bytes.and_then(|_| per_second(totals.bytes as f64 * 8e-3)),
            frames: last.frames.map(|_| totals.frames),
            fps: last.frames.and_then(|_| per_second(totals.frames as f64)),
            dropped: last.frames_dropped.map(|_| totals.dropped),
            width: last.width,
            height: last.height,
            loss_percent: last.packets_lost.and_then(|_| percent(totals.lost, expected)),
            jitter_ms: last.jitter.map(ms),
            jitter_max_ms: last.jitter.map(|_| ms(totals.jitter_max)),
            rtt_ms: (totals.rtt_measurements > 0).then(|| ms(totals.rtt) / totals.rtt_measurements as f64),
            retransmitted: last.retransmitted_packets.map(|_| totals.retransmitted),
            freezes: last.freeze_count.map(|_| totals.freezes),
            frozen_seconds: last.total_freezes.map(|_| totals.frozen.as_secs_f64()),
            codec_ms_per_frame: (totals.frames > 0 && last.total_codec_time.is_some())
                .then(|| ms(totals.codec_time) / totals.frames as f64),
            buffer_ms: (totals.buffer_emitted > 0).then(|| ms(totals.buffer_delay) / totals.buffer_emitted as f64),
            concealed_percent: percent(totals.concealed, totals.samples),
            recovered_percent: percent(totals.recovered, totals.samples),
            level_dbov: level.is_finite().then(|| 10.0 * level.max(1e-13).log10()),
        }
    }
}

fn ms(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Figures of one track of a peer, if it carried anything.
pub fn track(totals: &Totals, peer: &str, kind: Kind, direction: Direction) -> Option<TrackReport> {
    let key = TrackKey { peer: peer.to_owned(), kind, direction };
    let (key, totals) = totals.tracks().find(|(candidate, totals)| **candidate == key && totals.packets > 0)?;
    Some(TrackReport::new(key, totals))
}

impl Report {
    /// CPU use in cores.
    pub fn cores(&self) -> Option<f64> {
        self.cpu_seconds.filter(|_| self.wall_seconds > 0.0).map(|cpu| cpu / self.wall_seconds)
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = format!("{} in {}: {} after {:.0} s\n", self.name, self.code, self.ended, self.wall_seconds);
        for peer in &self.peers {
            peer.write(&mut text);
        }
        let cores = self.cores().map_or("?".to_owned(), |cores| format!("{cores:.2}"));
        let memory = self.peak_rss_mib.map_or("?".to_owned(), |mib| format!("{mib:.0}"));
        let _ = write!(text, "  this side      {cores} of a core, {memory} MiB at most");
        if let Some(encode) = self.encode_ms_per_frame {
            let _ = write!(text, ", {} encoder, {encode:.1} ms per frame", self.encoders_running);
        }
        text.push('\n');
        for warning in &self.warnings {
            let _ = writeln!(text, "  note           {warning}");
        }
        text
    }
}

impl PeerReport {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  with {}", self.name);
        if let Some(setup) = &self.setup {
            let step = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
            let _ = writeln!(
                text,
                "    set-up       ICE {} ms, DTLS {} ms, first picture {} ms",
                step(setup.ice_ms),
                step(setup.dtls_ms),
                step(setup.first_frame_ms),
            );
        }
        let tracks = [
            ("video in", &self.video_in),
            ("video out", &self.video_out),
            ("audio in", &self.audio_in),
            ("audio out", &self.audio_out),
        ];
        for (label, track) in tracks {
            if let Some(track) = track {
                let _ = writeln!(text, "    {label:<12} {}", track.words());
            }
        }
        if let Some(latency) = &self.capture_to_decode_ms {
            let _ = writeln!(text, "    camera-to-us {:.0} ms (p50), {:.0} ms (p95)", latency.p50, latency.p95);
        }
    }
}

impl TrackReport {
    fn words(&self) -> String {
        let mut parts = Vec::new();
        if let (Some(width), Some(height)) = (self.width, self.height) {
            parts.push(format!("{width}x{height}"));
        }
        let mut figure = |value: Option<f64>, digits: usize, unit: &str| {
            if let Some(value) = value {
                parts.push(format!("{value:.digits$} {unit}"));
            }
        };
        figure(self.fps, 1, "fps");
        figure(self.kbps, 0, "kbit/s");
        figure(self.loss_percent, 2, "% lost");
        figure(self.rtt_ms, 1, "ms round trip");
        figure(self.jitter_ms, 1, "ms jitter");
        figure(self.freezes.map(|n| n as f64), 0, "freezes");
        figure(self.buffer_ms, 0, "ms buffer");
        figure(self.concealed_percent, 2, "% concealed");
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use sightline_quality::{ProcessCounters, Snapshot, TrackCounters};

    use super::*;

    fn snapshot(at: Instant, counters: TrackCounters) -> Snapshot {
        Snapshot { at, unix_ms: 0, links: Vec::new(), tracks: vec![counters], process: ProcessCounters::default() }
    }

    fn video(packets: u64, frames: u64, lost: i64) -> TrackCounters {
        let key = TrackKey { peer: "p".into(), kind: Kind::Video, direction: Direction::Inbound };
        TrackCounters {
            ssrc: Some(1),
            packets: Some(packets),
            bytes: Some(packets * 1000),
            frames: Some(frames),
            packets_lost: Some(lost),
            ..TrackCounters::unknown(key)
        }
    }

    #[test]
    fn rates_use_measured_time_and_skip_a_restart() {
        let start = Instant::now();
        let second = |n: u64| start + Duration::from_secs(n);
        let mut totals = Totals::default();
        totals.add(&snapshot(second(0), video(0, 0, 0)));
        totals.add(&snapshot(second(1), video(100, 30, 0)));
        totals.add(&snapshot(second(3), video(300, 90, 50)));
        // A new link: counters begin again. Its first reading says nothing about a rate.
        totals.add(&snapshot(second(4), TrackCounters { ssrc: Some(2), ..video(10, 3, 0) }));
        totals.add(&snapshot(second(5), TrackCounters { ssrc: Some(2), ..video(110, 33, 0) }));
        let report = track(&totals, "p", Kind::Video, Direction::Inbound).expect("the track carried packets");
        // (60 + 30) frames in (2 + 1) s; 300 packets and 50 lost of them: 50 / 350.
        assert_eq!(report.fps, Some(30.0));
        assert_eq!(report.packets, 300);
        assert!((report.loss_percent.unwrap() - 50.0 * 100.0 / 350.0).abs() < 1e-9);
        assert_eq!(report.freezes, None);
    }

    #[test]
    fn what_the_sender_left_out_is_not_missing() {
        let order = ClipOrder { read: 90, unread: 5, skipped: 12, ..ClipOrder::default() };
        assert_eq!(order.missing_percent(7), Some(5.0));
        assert_eq!(order.missing_percent(20), Some(0.0));
        assert_eq!(ClipOrder::default().missing_percent(0), None);
    }

    #[test]
    fn quantiles_of_nothing_are_nothing() {
        assert!(Quantiles::of(&mut []).is_none());
        let q = Quantiles::of(&mut [3.0, 1.0, 2.0]).unwrap();
        assert_eq!((q.p50, q.max, q.count), (2.0, 3.0, 3));
    }
}
