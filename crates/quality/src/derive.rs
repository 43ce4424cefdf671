//! Differences of two readings of the counters, by the rules of derivation.
//!
//! Invariant: two readings are only compared within one segment: the same SSRC, and no counter that fell. What either
//! reading does not know, and what was not sent or was muted, gives no value.

use std::time::Duration;

use crate::metric::{LinkMetric, Metric, PerMetric, ProcessMetric, TrackMetric};
use crate::spread::Quotient;
use crate::{Direction, LinkCounters, ProcessCounters, TrackCounters};

/// Counters that can be compared with an earlier reading of themselves.
pub(crate) trait Counters: Clone {
    /// What is derived as rates and gauges.
    type Metric: Metric;
    /// What is derived as plain counts.
    type Counts: Default + Clone;

    /// Whether both readings belong to one segment.
    fn continues(&self, earlier: &Self) -> bool;
    /// Rates and gauges since the earlier reading of the same segment, `dt` ago.
    fn quotients(&self, earlier: &Self, dt: Duration) -> PerMetric<Self::Metric, Option<Quotient>>;
    /// Adds what happened since the earlier reading.
    fn count(&self, earlier: &Self, counts: &mut Self::Counts);
    /// From the quotient to the unit of the metric, where they differ; must rise with its argument.
    fn in_unit(_metric: Self::Metric, value: f64) -> f64 {
        value
    }
}

/// What happened to a track in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackCounts {
    /// Freezes (Δ`freezeCount`).
    pub freezes: Option<u64>,
    /// Time frozen (Δ`totalFreezesDuration`).
    pub frozen: Option<Duration>,
}

/// What happened to a link in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Changes of the selected candidate pair.
    pub pair_changes: Option<u64>,
    /// ICE restarts.
    pub ice_restarts: Option<u64>,
}

fn delta(earlier: Option<u64>, later: Option<u64>) -> Option<f64> {
    Some(later?.checked_sub(earlier?)? as f64)
}

fn seconds(earlier: Option<Duration>, later: Option<Duration>) -> Option<f64> {
    Some(later?.checked_sub(earlier?)?.as_secs_f64())
}

fn fell<T: PartialOrd>(earlier: Option<T>, later: Option<T>) -> bool {
    matches!((earlier, later), (Some(earlier), Some(later)) if later < earlier)
}

fn ratio(part: Option<f64>, whole: Option<f64>) -> Option<Quotient> {
    Some(Quotient::Ratio { part: part?, whole: whole? })
}

/// A gauge, weighed by the time it stood for.
fn gauge(value: Option<f64>, dt: f64) -> Option<Quotient> {
    Some(Quotient::Ratio { part: value? * dt, whole: dt })
}

fn per_time(amount: Option<f64>, factor: f64, dt: f64) -> Option<Quotient> {
    Some(Quotient::Ratio { part: amount? * factor, whole: dt })
}

fn share(part: Option<f64>, rest: Option<f64>) -> Option<Quotient> {
    Some(Quotient::Share { part: part?, rest: rest? })
}

fn add(sum: &mut Option<u64>, earlier: Option<u64>, later: Option<u64>) {
    if let (Some(earlier), Some(later)) = (earlier, later) {
        *sum = Some(sum.unwrap_or(0) + later.saturating_sub(earlier));
    }
}

impl TrackCounters {
    /// Every counter that can only rise. `packets_lost` may fall; gauges do as they like.
    fn rising(&self) -> [Option<u64>; 18] {
        [
            self.packets,
            self.bytes,
            self.packets_reported,
            self.rtt_measurements,
            self.retransmitted_packets,
            self.nack_count,
            self.pli_count,
            self.fir_count,
            self.frames,
            self.key_frames,
            self.frames_dropped,
            self.freeze_count,
            self.capture_latency_measurements,
            self.jitter_buffer_emitted,
            self.samples_played,
            self.samples_concealed,
            self.samples_recovered,
            self.audio_duration.map(|duration| duration.as_micros() as u64),
        ]
    }

    fn rising_times(&self) -> [Option<Duration>; 7] {
        [
            self.total_rtt,
            self.total_codec_time,
            self.limited_by_bandwidth,
            self.limited_by_cpu,
            self.total_freezes,
            self.total_capture_latency,
            self.jitter_buffer_delay,
        ]
    }

    fn silent_since(&self, earlier: &Self) -> bool {
        self.muted || earlier.muted || self.packets == Some(0)
    }

    /// Lost and received packets since the earlier reading.
    fn loss_since(&self, earlier: &Self) -> Option<Quotient> {
        let lost = self.packets_lost?.checked_sub(earlier.packets_lost?)? as f64;
        let received = match self.key.direction {
            Direction::Inbound => delta(earlier.packets, self.packets)?,
            Direction::Outbound => delta(earlier.packets_reported, self.packets_reported)? - lost,
        };
        share(Some(lost), Some(received.max(0.0)))
    }

    /// Jitter stands for the packets it was taken from: without new ones it is an old reading, not a measurement.
    fn jitter_since(&self, earlier: &Self, dt: f64) -> Option<Quotient> {
        let fresh = match self.key.direction {
            Direction::Inbound => delta(earlier.packets, self.packets),
            Direction::Outbound => delta(earlier.packets_reported, self.packets_reported),
        };
        gauge(self.jitter.filter(|_| fresh != Some(0.0)).map(|jitter| jitter.as_secs_f64() * 1000.0), dt)
    }
}

impl Counters for TrackCounters {
    type Metric = TrackMetric;
    type Counts = TrackCounts;

    fn continues(&self, earlier: &Self) -> bool {
        let mut counters = earlier.rising().into_iter().zip(self.rising());
        let mut times = earlier.rising_times().into_iter().zip(self.rising_times());
        self.ssrc == earlier.ssrc
            && !counters.any(|(earlier, later)| fell(earlier, later))
            && !times.any(|(earlier, later)| fell(earlier, later))
            && !fell(earlier.audio_energy, self.audio_energy)
    }

    fn quotients(&self, earlier: &Self, dt: Duration) -> PerMetric<TrackMetric, Option<Quotient>> {
        use TrackMetric as M;
        let mut out = PerMetric::default();
        if self.silent_since(earlier) {
            return out;
        }
        let dt = dt.as_secs_f64();
        let frames = delta(earlier.frames, self.frames);
        let packets = delta(earlier.packets, self.packets);
        out[M::Bitrate] = per_time(delta(earlier.bytes, self.bytes), 8.0, dt);
        out[M::Loss] = self.loss_since(earlier);
        out[M::Jitter] = self.jitter_since(earlier, dt);
        out[M::RoundTrip] = ratio(
            seconds(earlier.total_rtt, self.total_rtt).map(|s| s * 1000.0),
            delta(earlier.rtt_measurements, self.rtt_measurements),
        );
        out[M::Buffer] = ratio(
            seconds(earlier.jitter_buffer_delay, self.jitter_buffer_delay).map(|s| s * 1000.0),
            delta(earlier.jitter_buffer_emitted, self.jitter_buffer_emitted),
        );
        out[M::Concealed] = ratio(
            delta(earlier.samples_concealed, self.samples_concealed).map(|samples| samples * 100.0),
            delta(earlier.samples_played, self.samples_played),
        );
        out[M::FrameRate] = per_time(frames, 1.0, dt);
        out[M::Target] = gauge(self.target_bps.map(|bps| bps as f64), dt);
        out[M::CodecTime] = ratio(seconds(earlier.total_codec_time, self.total_codec_time).map(|s| s * 1000.0), frames);
        out[M::Dropped] = share(delta(earlier.frames_dropped, self.frames_dropped), frames);
        let (was, is) = (earlier.dropped_at, self.dropped_at);
        out[M::DroppedAtCapture] = share(delta(was.capture, is.capture), frames);
        out[M::DroppedInEncoder] = share(delta(was.encoder, is.encoder), frames);
        out[M::DroppedInDecoder] = share(delta(was.decoder, is.decoder), frames);
        out[M::DroppedInRenderer] = share(delta(was.renderer, is.renderer), frames);
        out[M::LimitedByBandwidth] =
            per_time(seconds(earlier.limited_by_bandwidth, self.limited_by_bandwidth), 100.0, dt);
        out[M::LimitedByCpu] = per_time(seconds(earlier.limited_by_cpu, self.limited_by_cpu), 100.0, dt);
        out[M::Nack] = per_time(delta(earlier.nack_count, self.nack_count), 60.0, dt);
        out[M::Pli] = per_time(delta(earlier.pli_count, self.pli_count), 60.0, dt);
        out[M::Fir] = per_time(delta(earlier.fir_count, self.fir_count), 60.0, dt);
        out[M::Retransmitted] = ratio(
            delta(earlier.retransmitted_packets, self.retransmitted_packets).map(|packets| packets * 100.0),
            packets,
        );
        out[M::Level] = ratio(
            self.audio_energy.zip(earlier.audio_energy).map(|(later, earlier)| later - earlier),
            seconds(earlier.audio_duration, self.audio_duration),
        );
        out[M::Latency] = ratio(
            seconds(earlier.total_capture_latency, self.total_capture_latency).map(|s| s * 1000.0),
            delta(earlier.capture_latency_measurements, self.capture_latency_measurements),
        );
        out
    }

    fn count(&self, earlier: &Self, counts: &mut TrackCounts) {
        if self.silent_since(earlier) {
            return;
        }
        add(&mut counts.freezes, earlier.freeze_count, self.freeze_count);
        if let (Some(earlier), Some(later)) = (earlier.total_freezes, self.total_freezes) {
            counts.frozen = Some(counts.frozen.unwrap_or_default() + later.saturating_sub(earlier));
        }
    }

    fn in_unit(metric: TrackMetric, value: f64) -> f64 {
        match metric {
            // Energy is the square of the level: 20 log10(sqrt(E)) = 10 log10(E). -127 is silence (RFC 6464).
            TrackMetric::Level => (10.0 * value.log10()).clamp(-127.0, 0.0),
            _ => value,
        }
    }
}

impl Counters for LinkCounters {
    type Metric = LinkMetric;
    type Counts = LinkCounts;

    /// The bytes are the transport's and go on when another candidate pair is selected; of the pair only gauges are
    /// taken, and a gauge has no past.
    fn continues(&self, earlier: &Self) -> bool {
        !fell(earlier.bytes_sent, self.bytes_sent)
            && !fell(earlier.bytes_received, self.bytes_received)
            && self.pair_changes >= earlier.pair_changes
            && self.ice_restarts >= earlier.ice_restarts
    }

    fn quotients(&self, earlier: &Self, dt: Duration) -> PerMetric<LinkMetric, Option<Quotient>> {
        use LinkMetric as M;
        let dt = dt.as_secs_f64();
        let moved = |earlier, later: Option<u64>| delta(earlier, later).filter(|_| later != Some(0));
        let mut out = PerMetric::default();
        out[M::PathRoundTrip] = gauge(self.path_rtt.map(|rtt| rtt.as_secs_f64() * 1000.0), dt);
        out[M::AvailableOutgoing] = gauge(self.available_outgoing_bps.map(|bps| bps as f64), dt);
        out[M::Sent] = per_time(moved(earlier.bytes_sent, self.bytes_sent), 8.0, dt);
        out[M::Received] = per_time(moved(earlier.bytes_received, self.bytes_received), 8.0, dt);
        out
    }

    fn count(&self, earlier: &Self, counts: &mut LinkCounts) {
        add(&mut counts.pair_changes, Some(earlier.pair_changes), Some(self.pair_changes));
        add(&mut counts.ice_restarts, Some(earlier.ice_restarts), Some(self.ice_restarts));
    }
}

impl Counters for ProcessCounters {
    type Metric = ProcessMetric;
    type Counts = ();

    fn continues(&self, earlier: &Self) -> bool {
        !fell(earlier.cpu, self.cpu)
            && !fell(earlier.system_busy, self.system_busy)
            && !fell(earlier.system_total, self.system_total)
    }

    fn quotients(&self, earlier: &Self, dt: Duration) -> PerMetric<ProcessMetric, Option<Quotient>> {
        use ProcessMetric as M;
        let dt = dt.as_secs_f64();
        let mut out = PerMetric::default();
        out[M::Cpu] = per_time(seconds(earlier.cpu, self.cpu), 100.0, dt);
        out[M::SystemCpu] = ratio(
            seconds(earlier.system_busy, self.system_busy).map(|s| s * 100.0),
            seconds(earlier.system_total, self.system_total),
        );
        out[M::Resident] = gauge(self.resident_bytes.map(|bytes| bytes as f64), dt);
        out
    }

    fn count(&self, _earlier: &Self, (): &mut ()) {}
}
