//! `goog_cc`, with our pacer and repair limiter around it, so that only the estimates differ.
//!
//! Guarded against what it cannot bear: a feedback in which nothing arrived is kept for the next one, and time never steps
//! back. Its detector of idle senders reads the clock of the machine, which in virtual time stands still; it then
//! believes that an idle time began long ago, which makes it probe the sooner.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use goog_cc::network_control::{NetworkControllerConfig, NetworkControllerInterface};
use goog_cc::transport::{
    NetworkAvailability, NetworkControlUpdate, PacedPacketInfo, PacketResult, ProbeClusterConfig, ProcessInterval,
    SentPacket, StreamsConfig, TargetRateConstraints, TransportPacketsFeedback,
};
use goog_cc::units::{DataRate, DataSize, Timestamp};
use goog_cc::{GoogCcConfig, GoogCcNetworkController};
use sightline_bandwidth::{
    BitRate, Cluster, Departure, Kind, Limits, Pacer, Packet, ProbeId, Repair, RepairLimiter, Report,
};

use crate::side::{Padding, Side};
use crate::source::{AUDIO, Media};

const PROCESS_EVERY: Duration = Duration::from_millis(25);
const SENT_FOR: Duration = Duration::from_secs(10);

pub(crate) struct Google {
    controller: GoogCcNetworkController,
    start: Instant,
    pacer: Pacer<Media>,
    repairs: RepairLimiter,
    target: BitRate,
    rtt: Duration,
    next: u64,
    sent: BTreeMap<u64, SentPacket>,
    passed: u64,
    in_flight: i64,
    held: Vec<PacketResult>,
    /// The receiver's clock and ours at the first arrival.
    epoch: Option<(Duration, Timestamp)>,
    clusters: BTreeMap<u32, (ProbeClusterConfig, i64)>,
    process_at: Instant,
    is_up: bool,
    /// Repair and padding of the last second.
    extra: VecDeque<(Instant, usize)>,
}

impl Google {
    pub(crate) fn new(limits: Limits, start: Instant) -> Self {
        let rate = |rate: BitRate| DataRate::from_bits_per_sec(rate.as_bps() as i64);
        let constraints = TargetRateConstraints {
            at_time: Timestamp::zero(),
            min_data_rate: Some(rate(limits.min)),
            max_data_rate: Some(rate(limits.max)),
            starting_rate: Some(rate(limits.start)),
        };
        let stream_based_config = StreamsConfig {
            at_time: Timestamp::zero(),
            requests_alr_probing: Some(true),
            enable_repeated_initial_probing: None,
            pacing_factor: Some(2.5),
            min_total_allocated_bitrate: Some(DataRate::zero()),
            max_padding_rate: Some(DataRate::zero()),
            max_total_allocated_bitrate: Some(rate(limits.max)),
        };
        let mut config =
            NetworkControllerConfig { constraints, stream_based_config, ..NetworkControllerConfig::default() };
        config.field_trials.congestion_window.queue_size_ms = 0;
        Self {
            controller: GoogCcNetworkController::new(config, GoogCcConfig { feedback_only: true }),
            start,
            pacer: Pacer::new(limits.start.times(2.5)),
            repairs: RepairLimiter::new(),
            target: limits.start,
            rtt: Duration::from_millis(100),
            next: 0,
            sent: BTreeMap::new(),
            passed: 0,
            in_flight: 0,
            held: Vec::new(),
            epoch: None,
            clusters: BTreeMap::new(),
            process_at: start,
            is_up: false,
            extra: VecDeque::new(),
        }
    }

    fn time(&self, now: Instant) -> Timestamp {
        Timestamp::from_micros(now.duration_since(self.start).as_micros() as i64)
    }

    fn apply(&mut self, now: Instant, update: NetworkControlUpdate) {
        if let Some(target) = update.target_rate {
            self.target = BitRate::bps(target.target_rate.bps().max(0) as u64);
            let rtt = target.network_estimate.round_trip_time;
            if rtt.is_finite() {
                self.rtt = Duration::from_micros(rtt.us().max(0) as u64);
            }
        }
        self.pacer.set_rates(self.target.times(2.5), self.target.times(2.5));
        for config in update.probe_cluster_configs {
            let id = config.id as u32;
            let cluster = Cluster {
                id: ProbeId(id),
                rate: BitRate::bps(config.target_data_rate.bps() as u64),
                duration: Duration::from_micros(config.target_duration.us() as u64),
                packets: config.target_probe_count as u32,
            };
            self.clusters.insert(id, (config, 0));
            self.pacer.probe(now, cluster);
        }
    }

    fn process(&mut self, now: Instant) {
        if now < self.process_at {
            return;
        }
        self.process_at = now + PROCESS_EVERY;
        if !self.is_up {
            self.is_up = true;
            let available = NetworkAvailability { at_time: self.time(now), network_available: true };
            let update = self.controller.on_network_availability(available);
            self.apply(now, update);
        }
        let interval = ProcessInterval { at_time: self.time(now), pacer_queue: Some(DataSize::zero()) };
        let update = self.controller.on_process_interval(interval);
        self.apply(now, update);
    }

    fn note(&mut self, now: Instant, sequence: u64, departure: &Departure<Media>) {
        let pacing_info = departure.probe.and_then(|id| self.clusters.get_mut(&id.0)).map(|(config, sent)| {
            let rate = config.target_data_rate;
            let info = PacedPacketInfo {
                send_bitrate: rate,
                probe_cluster_id: config.id,
                probe_cluster_min_probes: config.target_probe_count as i64,
                probe_cluster_min_bytes: rate.bps() * config.target_duration.us() / 8_000_000,
                probe_cluster_bytes_sent: *sent,
            };
            *sent += departure.bytes as i64;
            info
        });
        self.in_flight += departure.bytes as i64;
        let packet = SentPacket {
            send_time: self.time(now),
            size: DataSize::from_bytes(departure.bytes as i64),
            prior_unacked_data: DataSize::zero(),
            pacing_info: pacing_info.unwrap_or_default(),
            audio: departure.kind == Kind::Audio,
            sequence_number: sequence as i64,
            data_in_flight: DataSize::from_bytes(self.in_flight),
        };
        self.sent.insert(sequence, packet);
        let update = self.controller.on_sent_packet(packet);
        self.apply(now, update);
    }
}

impl Side for Google {
    fn push(&mut self, now: Instant, packet: Packet<Media>) {
        self.pacer.push(now, packet);
    }

    fn repair(&mut self, now: Instant, bytes: usize, media: Media) -> bool {
        let key = (1, media.number.unwrap_or(0) as u16);
        let is_sent = self.repairs.ask(now, key, bytes, self.rtt, self.target) == Repair::Send;
        if is_sent {
            self.pacer.push(now, Packet { kind: Kind::Repair, bytes, body: media });
        }
        is_sent
    }

    fn poll(&mut self, now: Instant, padding: Padding) -> Option<(u64, Departure<Media>)> {
        self.process(now);
        let departure = self.pacer.poll(now, padding)?;
        let sequence = self.next;
        self.next += 1;
        if matches!(departure.kind, Kind::Repair | Kind::Padding) {
            self.extra.push_back((now, departure.bytes));
        }
        self.note(now, sequence, &departure);
        Some((sequence, departure))
    }

    fn feedback(&mut self, now: Instant, reports: &[Report]) {
        let mut results = std::mem::take(&mut self.held);
        let mut has_arrivals = false;
        for report in reports {
            if report.sequence >= self.passed {
                let passed = self.sent.range(self.passed..=report.sequence);
                self.in_flight -= passed.map(|(_, packet)| packet.size.bytes()).sum::<i64>();
                self.passed = report.sequence + 1;
            }
            let Some(packet) = self.sent.get(&report.sequence).copied() else { continue };
            let mut result = PacketResult { sent_packet: packet, ..PacketResult::default() };
            if let Some(arrival) = report.arrival {
                let now = self.time(now);
                let (theirs, ours) = *self.epoch.get_or_insert((arrival, now));
                let since = arrival.as_micros() as i64 - theirs.as_micros() as i64;
                result.receive_time = Timestamp::from_micros(ours.us() + since);
                has_arrivals = true;
                self.sent.remove(&report.sequence);
            }
            results.push(result);
        }
        let oldest = self.time(now).us() - SENT_FOR.as_micros() as i64;
        self.sent.retain(|_, packet| packet.send_time.us() > oldest);
        if !has_arrivals {
            self.held = results;
            return;
        }
        let feedback = TransportPacketsFeedback {
            feedback_time: self.time(now),
            data_in_flight: DataSize::from_bytes(self.in_flight.max(0)),
            packet_feedbacks: results,
            sendless_arrival_times: Vec::new(),
        };
        let update = self.controller.on_transport_packets_feedback(feedback);
        self.apply(now, update);
    }

    fn wake(&self) -> Option<Instant> {
        Some(self.pacer.wake().map_or(self.process_at, |wake| wake.min(self.process_at)))
    }

    fn target(&self) -> BitRate {
        self.target
    }

    fn video_target(&mut self, now: Instant) -> BitRate {
        self.extra.retain(|(at, _)| now.duration_since(*at) < Duration::from_secs(1));
        let target = self.target.as_bps() as f64;
        let extra: usize = self.extra.iter().map(|(_, bytes)| bytes * 8).sum();
        BitRate::bps((target - AUDIO - (extra as f64).min(0.3 * target)).max(0.0) as u64)
    }

    fn wants_key_frame(&mut self, now: Instant) -> bool {
        self.pacer.wants_key_frame(now).is_some()
    }
}
