//! The rules of derivation (docs/metrics.md), each with the arithmetic beside it.

use std::time::Duration;

use crate::bench::{Bench, key, link, sound};
use sightline_quality::{
    Direction, DroppedFrames, Kind, LinkCounters, LinkMetric, Metric, ProcessCounters, ProcessMetric, Rows, Sampler,
    Snapshot, Spread, TrackCounters, TrackMetric,
};

/// Feeds readings a second apart and gives the one row they make.
fn rows(readings: impl IntoIterator<Item = TrackCounters>) -> Rows {
    let mut bench = Bench::new();
    for (second, reading) in readings.into_iter().enumerate() {
        let (_, rows) = bench.feed(second as f64, vec![reading], vec![]);
        assert!(rows.is_empty());
    }
    bench.sampler.finish()
}

#[track_caller]
fn check(rows: &Rows, metric: TrackMetric, mean: f64, min: f64, max: f64) {
    let spread = rows.tracks[0].values[metric].unwrap_or_else(|| panic!("{metric:?} was measured"));
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * b.abs().max(1.0);
    let expected = Spread { mean, min, max };
    assert!(near(spread.mean, mean) && near(spread.min, min) && near(spread.max, max), "{spread:?}, not {expected:?}");
}

#[test]
fn rates_come_from_the_measured_time_and_not_from_an_assumed_second() {
    let mut bench = Bench::new();
    let bytes = |bytes| TrackCounters { bytes: Some(bytes), ..sound(0) };
    let some = |counters: TrackCounters| vec![TrackCounters { packets: Some(1), ..counters }];
    bench.feed(0.0, some(bytes(0)), vec![]);
    // 8 * 1000 / 0.8 s = 10 000 bit/s
    let (live, _) = bench.feed(0.8, some(bytes(1000)), vec![]);
    assert_eq!(live.tracks[0].values[TrackMetric::Bitrate].map(f64::round), Some(10_000.0));
    // 8 * 1000 / 1.6 s = 5000 bit/s
    bench.feed(2.4, some(bytes(2000)), vec![]);
    // mean 8 * 2000 / 2.4 s = 6666.7, not (10 000 + 5000) / 2
    check(&bench.sampler.finish(), TrackMetric::Bitrate, 16_000.0 / 2.4, 5000.0, 10_000.0);
}

#[test]
fn incoming_loss_is_lost_over_lost_and_received() {
    let reading = |packets, lost| TrackCounters { packets: Some(packets), packets_lost: Some(lost), ..sound(0) };
    // Seconds: 5 of 5 + 95 = 5 %; 0 of 100 = 0 %. Window: 5 of 200 = 2.5 %.
    check(&rows([reading(10, 0), reading(105, 5), reading(205, 5)]), TrackMetric::Loss, 2.5, 0.0, 5.0);
}

#[test]
fn a_late_packet_takes_a_loss_back_but_never_below_zero() {
    let reading = |packets, lost| TrackCounters { packets: Some(packets), packets_lost: Some(lost), ..sound(0) };
    // Seconds: 4 of 100 = 4 %; -4 clamped to 0 %. Window: 0 of 200.
    check(&rows([reading(10, 0), reading(106, 4), reading(210, 0)]), TrackMetric::Loss, 0.0, 0.0, 4.0);
    // Cumulative lost is signed (RFC 3550, 6.4.1): duplicates may take it below zero.
    check(&rows([reading(10, 0), reading(110, -7)]), TrackMetric::Loss, 0.0, 0.0, 0.0);
    check(&rows([reading(10, -7), reading(107, -4)]), TrackMetric::Loss, 3.0, 3.0, 3.0);
}

#[test]
fn outgoing_loss_and_round_trip_come_from_the_peers_reports() {
    let reading = |packets, reported, lost, rtt_ms, measurements| TrackCounters {
        ssrc: Some(9),
        packets: Some(packets),
        packets_reported: Some(reported),
        packets_lost: Some(lost),
        total_rtt: Some(Duration::from_millis(rtt_ms)),
        rtt_measurements: Some(measurements),
        jitter: Some(Duration::from_millis(7)),
        ..TrackCounters::unknown(key(Kind::Video, Direction::Outbound))
    };
    let rows = rows([
        reading(100, 90, 0, 50, 1),
        reading(200, 190, 10, 130, 3), // 10 of 100 reported: 10 %; (130 - 50) / 2 = 40 ms
        reading(300, 190, 10, 130, 3), // no report in this second: nothing measured
        reading(400, 390, 10, 190, 4), // 0 of 200: 0 %; 60 ms
    ]);
    check(&rows, TrackMetric::Loss, 100.0 * 10.0 / 300.0, 0.0, 10.0);
    check(&rows, TrackMetric::RoundTrip, 140.0 / 3.0, 40.0, 60.0);
    check(&rows, TrackMetric::Jitter, 7.0, 7.0, 7.0);
}

#[test]
fn incoming_pictures_by_hand() {
    let reading = |second: u64, frames, dropped, freezes, frozen_ms| TrackCounters {
        ssrc: Some(5),
        packets: Some(100 * (second + 1)),
        frames: Some(frames),
        frames_dropped: Some(dropped),
        dropped_at: DroppedFrames { decoder: Some(dropped), renderer: Some(0), ..DroppedFrames::default() },
        total_codec_time: Some(Duration::from_millis(2 * frames)),
        jitter_buffer_delay: Some(Duration::from_millis(30 * frames)),
        jitter_buffer_emitted: Some(frames),
        total_capture_latency: Some(Duration::from_millis(45 * frames)),
        capture_latency_measurements: Some(frames),
        nack_count: Some(second),
        pli_count: Some(2 * second),
        fir_count: Some(0),
        retransmitted_packets: Some(5 * second),
        freeze_count: Some(freezes),
        total_freezes: Some(Duration::from_millis(frozen_ms)),
        width: Some(640),
        height: Some(360),
        ..TrackCounters::unknown(key(Kind::Video, Direction::Inbound))
    };
    let rows = rows([reading(0, 0, 0, 1, 500), reading(1, 30, 0, 1, 500), reading(2, 40, 10, 3, 1200)]);
    check(&rows, TrackMetric::FrameRate, 20.0, 10.0, 30.0);
    check(&rows, TrackMetric::Dropped, 20.0, 0.0, 50.0); // 10 of 10 + 40; 0 of 30; 10 of 20
    check(&rows, TrackMetric::DroppedInDecoder, 20.0, 0.0, 50.0);
    check(&rows, TrackMetric::DroppedInRenderer, 0.0, 0.0, 0.0);
    check(&rows, TrackMetric::CodecTime, 2.0, 2.0, 2.0);
    check(&rows, TrackMetric::Buffer, 30.0, 30.0, 30.0);
    check(&rows, TrackMetric::Latency, 45.0, 45.0, 45.0);
    check(&rows, TrackMetric::Nack, 60.0, 60.0, 60.0); // one a second
    check(&rows, TrackMetric::Pli, 120.0, 120.0, 120.0);
    check(&rows, TrackMetric::Fir, 0.0, 0.0, 0.0); // counted, and none came
    check(&rows, TrackMetric::Retransmitted, 5.0, 5.0, 5.0); // 5 of 100
    let row = &rows.tracks[0];
    assert_eq!(row.counts.freezes, Some(2), "not the one from before the window");
    assert_eq!(row.counts.frozen, Some(Duration::from_millis(700)));
    assert_eq!(row.counters.frames, Some(40), "raw counters at the window's end");
    assert_eq!(row.values[TrackMetric::DroppedAtCapture], None, "does not apply");
}

#[test]
fn sound_by_hand() {
    let reading = |second: u64, concealed, energy: f64| TrackCounters {
        samples_played: Some(48_000 * second),
        samples_concealed: Some(concealed),
        audio_energy: Some(energy),
        audio_duration: Some(Duration::from_secs(second)),
        ..sound(second)
    };
    // Energy 0.01 in a second: level 0.1, 20 log10 0.1 = -20 dBov; 0.0001: -40; mean energy 0.00505: -22.967 dBov.
    let rows = rows([reading(0, 0, 0.0), reading(1, 480, 0.01), reading(2, 480, 0.0101)]);
    check(&rows, TrackMetric::Level, 10.0 * 0.00505_f64.log10(), -40.0, -20.0);
    check(&rows, TrackMetric::Concealed, 0.5, 0.0, 1.0); // 480 of 48 000; 480 of 96 000 in all
    check(&rows, TrackMetric::Bitrate, 32_000.0, 32_000.0, 32_000.0); // 8 * 4000 / 1 s
}

#[test]
fn silence_has_the_level_of_silence() {
    let reading = |second| TrackCounters {
        audio_energy: Some(0.0),
        audio_duration: Some(Duration::from_secs(second)),
        ..sound(second)
    };
    check(&rows([reading(0), reading(1)]), TrackMetric::Level, -127.0, -127.0, -127.0);
}

#[test]
fn a_falling_counter_or_another_ssrc_starts_a_new_segment() {
    let reading = |ssrc, packets, bytes| TrackCounters {
        ssrc: Some(ssrc),
        packets: Some(packets),
        bytes: Some(bytes),
        packets_lost: Some(0),
        ..TrackCounters::unknown(key(Kind::Video, Direction::Inbound))
    };
    // 1000 bytes in the first second; then the counters start anew, which is no measurement; then 3000 bytes.
    let fallen = [reading(1, 10, 9000), reading(1, 20, 10_000), reading(1, 5, 500), reading(1, 15, 3500)];
    check(&rows(fallen), TrackMetric::Bitrate, 16_000.0, 8000.0, 24_000.0);
    // Another source whose counters happen to be higher: still not comparable.
    let changed = [reading(1, 10, 9000), reading(1, 20, 10_000), reading(2, 50, 90_000), reading(2, 60, 93_000)];
    let rows = rows(changed);
    check(&rows, TrackMetric::Bitrate, 16_000.0, 8000.0, 24_000.0);
    assert_eq!(rows.tracks[0].span.measured_ms, 2000, "of the 3 s that the row spans");
    assert_eq!(rows.tracks[0].span.end_ms - rows.tracks[0].span.start_ms, 3000);
}

#[test]
fn transport_counters_go_on_when_the_candidate_pair_changes() {
    let reading = |second: u64, pair: &str, pair_changes| LinkCounters {
        pair_id: Some(pair.to_owned()),
        bytes_sent: Some(1000 * (second + 1)),
        bytes_received: Some(500 * (second + 1)),
        available_outgoing_bps: Some(1_000_000 * (second + 1)),
        pair_changes,
        path_rtt: Some(Duration::from_millis(20 + 10 * second)),
        ..link()
    };
    let mut bench = Bench::new();
    bench.feed(0.0, vec![], vec![reading(0, "a", 1)]);
    bench.feed(1.0, vec![], vec![reading(1, "a", 1)]);
    bench.feed(2.0, vec![], vec![reading(2, "b", 2)]);
    let rows = bench.sampler.finish();
    let values = &rows.links[0].values;
    assert_eq!(values[LinkMetric::Sent], Some(Spread { mean: 8000.0, min: 8000.0, max: 8000.0 }));
    assert_eq!(values[LinkMetric::Received], Some(Spread { mean: 4000.0, min: 4000.0, max: 4000.0 }));
    assert_eq!(values[LinkMetric::PathRoundTrip], Some(Spread { mean: 35.0, min: 30.0, max: 40.0 }));
    assert_eq!(values[LinkMetric::AvailableOutgoing], Some(Spread { mean: 2.5e6, min: 2e6, max: 3e6 }));
    assert_eq!(rows.links[0].counts.pair_changes, Some(1));
    assert_eq!(rows.links[0].counts.ice_restarts, Some(0));
}

#[test]
fn the_process_and_the_machine() {
    let start = std::time::Instant::now();
    let mut sampler = Sampler::new();
    for second in 0..3 {
        sampler.feed(&Snapshot {
            at: start + Duration::from_secs(second),
            unix_ms: second as i64 * 1000,
            links: vec![],
            tracks: vec![],
            process: ProcessCounters {
                cpu: Some(Duration::from_millis(400 * second)),
                system_busy: Some(Duration::from_millis(500 * second)),
                system_total: Some(Duration::from_secs(2 * second)), // two processors
                resident_bytes: Some(100 + 100 * second),
            },
        });
    }
    let values = sampler.finish().process.expect("a row").values;
    let mean = |metric| values[metric].map(|spread: Spread| spread.mean.round());
    assert_eq!(mean(ProcessMetric::Cpu), Some(40.0)); // 400 ms of 1 s
    assert_eq!(mean(ProcessMetric::SystemCpu), Some(25.0)); // 500 ms of 2 s
    assert_eq!(values[ProcessMetric::Resident], Some(Spread { mean: 250.0, min: 200.0, max: 300.0 }));
}

#[test]
fn nothing_known_nothing_sent_or_muted_is_none_and_never_zero() {
    let unknown = || TrackCounters::unknown(key(Kind::Audio, Direction::Inbound));
    let muted = |second| TrackCounters { muted: true, ..sound(second) };
    let unsent = || TrackCounters { target_bps: Some(32_000), frames: Some(0), ..sound(0) };
    for (name, readings) in [
        ("unknown", [unknown(), unknown(), unknown()]),
        ("muted", [muted(1), muted(2), muted(3)]),
        ("nothing sent yet", [unsent(), unsent(), unsent()]),
    ] {
        let rows = rows(readings);
        let row = &rows.tracks[0];
        for metric in TrackMetric::ALL {
            assert_eq!(row.values[*metric], None, "{name}: {metric:?}");
        }
        assert_eq!((row.score, row.verdict, row.counts.freezes, row.counts.frozen), (None, None, None, None), "{name}");
    }
}

#[test]
fn a_stream_that_stands_still_is_measured_as_zero() {
    let rows = rows([sound(1), TrackCounters { packets: Some(50), bytes: Some(4000), ..sound(1) }]);
    check(&rows, TrackMetric::Bitrate, 0.0, 0.0, 0.0);
    assert_eq!(rows.tracks[0].values[TrackMetric::Loss], None, "but of no packets, none can be lost");
}
