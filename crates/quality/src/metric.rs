//! The rates and gauges that are derived from counters, each with its unit and the name of its column.
//!
//! Invariant: a metric is never known without its unit: values are only reached through a metric.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// What the numbers of a metric mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bits per second.
    BitPerSecond,
    /// Percent; 1.0 is one in a hundred.
    Percent,
    /// Milliseconds.
    Millisecond,
    /// Per second.
    PerSecond,
    /// Per minute.
    PerMinute,
    /// Decibels relative to full scale (RFC 6464: 0 is the loudest, -127 is silence).
    Dbov,
    /// Bytes.
    Byte,
}

/// A closed list of metrics.
pub trait Metric: Copy + fmt::Debug + 'static {
    /// All of them, in the order of [`Metric::index`].
    const ALL: &'static [Self];
    /// Position in [`Metric::ALL`].
    fn index(self) -> usize;
    /// Stable name: the prefix of its columns in the history.
    fn name(self) -> &'static str;
    /// Unit of its values.
    fn unit(self) -> Unit;
}

macro_rules! metrics {
    ($(#[$doc:meta])* $list:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal in $unit:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $list { $($(#[$variant_doc])* $variant,)* }

        impl Metric for $list {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn index(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)* }
            }
        }
    };
}

metrics! {
    /// What is known of a track over a stretch of time (docs/metrics.md: Rules of derivation).
    TrackMetric {
        /// 8 Δbytes / Δt, received or sent.
        Bitrate = "bitrate_bps" in BitPerSecond,
        /// Δlost / (Δlost + Δreceived); outbound by the peer's reports.
        Loss = "loss_percent" in Percent,
        /// Interarrival jitter (RFC 3550, 6.4.1); outbound by the peer's reports.
        Jitter = "jitter_ms" in Millisecond,
        /// Media round trip: Δ`totalRoundTripTime` / Δ`roundTripTimeMeasurements`.
        RoundTrip = "rtt_ms" in Millisecond,
        /// Time in our jitter buffer: Δ`jitterBufferDelay` / Δ`jitterBufferEmittedCount`.
        Buffer = "buffer_ms" in Millisecond,
        /// Δconcealed / Δplayed samples.
        Concealed = "concealed_percent" in Percent,
        /// Frames encoded or decoded: Δframes / Δt.
        FrameRate = "fps" in PerSecond,
        /// What the encoder was told.
        Target = "target_bps" in BitPerSecond,
        /// Time to encode or decode a frame: Δtime / Δframes.
        CodecTime = "codec_ms_per_frame" in Millisecond,
        /// Δdropped / Δ(dropped + shown), all places together.
        Dropped = "dropped_percent" in Percent,
        /// The same, at capture.
        DroppedAtCapture = "dropped_at_capture_percent" in Percent,
        /// The same, in the encoder.
        DroppedInEncoder = "dropped_in_encoder_percent" in Percent,
        /// The same, in reassembly and decoder.
        DroppedInDecoder = "dropped_in_decoder_percent" in Percent,
        /// The same, between decoder and screen.
        DroppedInRenderer = "dropped_in_renderer_percent" in Percent,
        /// Share of Δt for which bandwidth held quality down.
        LimitedByBandwidth = "limited_by_bandwidth_percent" in Percent,
        /// Share of Δt for which the processor held it down.
        LimitedByCpu = "limited_by_cpu_percent" in Percent,
        /// NACK messages.
        Nack = "nack_per_minute" in PerMinute,
        /// Picture loss indications.
        Pli = "pli_per_minute" in PerMinute,
        /// Full intra requests.
        Fir = "fir_per_minute" in PerMinute,
        /// Δretransmitted / Δpackets.
        Retransmitted = "retransmitted_percent" in Percent,
        /// Root of Δenergy / Δduration.
        Level = "level_dbov" in Dbov,
        /// Capture to decoded: Δlatency / Δmeasurements, where the capture time is on the wire.
        Latency = "latency_ms" in Millisecond,
    }
}

metrics! {
    /// What is known of the connection to a peer.
    LinkMetric {
        /// STUN round trip on the selected pair (`currentRoundTripTime`).
        PathRoundTrip = "path_rtt_ms" in Millisecond,
        /// The bandwidth estimate (`availableOutgoingBitrate`).
        AvailableOutgoing = "available_outgoing_bps" in BitPerSecond,
        /// 8 Δbytes / Δt sent on the transport.
        Sent = "sent_bps" in BitPerSecond,
        /// 8 Δbytes / Δt received on the transport.
        Received = "received_bps" in BitPerSecond,
    }
}

metrics! {
    /// What is known of this process and the machine.
    ProcessMetric {
        /// CPU time of this process / Δt; 100 is one processor fully used.
        Cpu = "cpu_percent" in Percent,
        /// Busy share of all processors together; 100 is the whole machine.
        SystemCpu = "system_cpu_percent" in Percent,
        /// Resident memory.
        Resident = "resident_bytes" in Byte,
    }
}

/// One value for each metric of a list.
#[derive(Clone, PartialEq)]
pub struct PerMetric<M, T> {
    values: Box<[T]>,
    list: PhantomData<M>,
}

impl<M: Metric, T: Default> Default for PerMetric<M, T> {
    fn default() -> Self {
        Self { values: M::ALL.iter().map(|_| T::default()).collect(), list: PhantomData }
    }
}

impl<M: Metric, T> PerMetric<M, T> {
    /// Each metric with its value, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (M, &T)> {
        M::ALL.iter().copied().zip(&self.values)
    }

    /// The same metrics with other values.
    pub fn map<U>(&self, mut f: impl FnMut(M, &T) -> U) -> PerMetric<M, U> {
        PerMetric { values: self.iter().map(|(metric, value)| f(metric, value)).collect(), list: PhantomData }
    }
}

impl<M: Metric, T> Index<M> for PerMetric<M, T> {
    type Output = T;

    fn index(&self, metric: M) -> &T {
        &self.values[metric.index()]
    }
}

impl<M: Metric, T> IndexMut<M> for PerMetric<M, T> {
    fn index_mut(&mut self, metric: M) -> &mut T {
        &mut self.values[metric.index()]
    }
}

impl<M: Metric, T: fmt::Debug> fmt::Debug for PerMetric<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(metric, value)| (metric.name(), value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<M: Metric>() {
        let mut names: Vec<_> = M::ALL.iter().map(|metric| metric.name()).collect();
        for (position, metric) in M::ALL.iter().enumerate() {
            assert_eq!(metric.index(), position, "{metric:?}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), M::ALL.len(), "each metric has a column of its own");
    }

    #[test]
    fn lists_are_consistent() {
        check::<TrackMetric>();
        check::<LinkMetric>();
        check::<ProcessMetric>();
    }
}
