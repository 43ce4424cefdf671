//! Windows, breaks, verdicts and the live view, in virtual time.

use std::time::Duration;

use crate::bench::{Bench, START_MS, key, link, sound};
use sightline_quality::{
    Cause, Class, Direction, Event, EventKind, Factor, Gap, GapCause, Headline, Kind, Percent, Rows, Spread,
    TrackCounters, TrackMetric, Unclassified, Verdict,
};

fn spans(rows: &[Rows]) -> Vec<(i64, i64)> {
    let spans = rows.iter().flat_map(|rows| &rows.tracks).map(|row| row.span);
    spans.map(|span| (span.start_ms - START_MS, span.end_ms - START_MS)).collect()
}

/// Feeds sound at these seconds; gives what came out, the last rows included.
fn run(seconds: impl IntoIterator<Item = f64>) -> Vec<Rows> {
    let mut bench = Bench::new();
    let mut out: Vec<Rows> = seconds
        .into_iter()
        .map(|second| bench.feed(second, vec![sound(second as u64)], vec![link()]).1)
        .filter(|rows| !rows.is_empty())
        .collect();
    out.push(bench.sampler.finish());
    out
}

#[test]
fn a_row_for_each_15_s_and_a_shorter_last_one() {
    let rows = run((0..=40).map(f64::from));
    assert_eq!(spans(&rows), [(0, 15_000), (15_000, 30_000), (30_000, 40_000)]);
    assert!(rows.iter().all(|rows| rows.process.is_some() && rows.links.len() == 1));
}

#[test]
fn late_timers_do_not_shorten_windows_nor_lengthen_them_past_15_s() {
    let rows = run((0..=30).map(|second| f64::from(second) * 1.003));
    assert_eq!(spans(&rows), [(0, 15_045), (15_045, 30_090)]);
    // A reading that comes 3 s late begins the next window.
    let rows = run((0..=14).map(f64::from).chain([18.0, 19.0]));
    assert_eq!(spans(&rows), [(0, 14_000), (14_000, 19_000)]);
    // Readings each 4 s.
    let rows = run([0.0, 4.0, 8.0, 12.0, 16.0, 20.0]);
    assert_eq!(spans(&rows), [(0, 12_000), (12_000, 20_000)]);
}

#[test]
fn a_spike_of_one_second_is_in_the_row() {
    let mut bench = Bench::new();
    let mut bytes = 1000;
    for second in 0..=15_u32 {
        bytes += if second == 7 { 50_000 } else { 1000 };
        let counters = TrackCounters { packets: Some(1), bytes: Some(bytes), ..sound(1) };
        let (_, rows) = bench.feed(f64::from(second), vec![counters], vec![]);
        if second == 15 {
            // 14 seconds of 8000 bit/s and one of 400 000: (14 * 8000 + 400 000) / 15 = 34 133.3
            let spread = rows.tracks[0].values[TrackMetric::Bitrate].expect("measured");
            assert!((spread.mean - 512_000.0 / 15.0).abs() < 1e-6);
            assert_eq!((spread.min, spread.max), (8000.0, 400_000.0));
        }
    }
}

#[test]
fn the_last_reading_may_come_at_once_after_the_one_before() {
    let mut bench = Bench::new();
    for second in 0..=3 {
        bench.feed(f64::from(second), vec![sound(second as u64)], vec![]);
    }
    // 3 ms after the last one, another packet of 80 bytes: 213 kbit/s, if one took it seriously.
    let counters = TrackCounters { packets: Some(151), bytes: Some(12_080), ..sound(3) };
    bench.feed(3.003, vec![counters], vec![]);
    let rows = bench.sampler.finish();
    let row = &rows.tracks[0];
    assert_eq!(row.counters.bytes, Some(12_080), "it is in the record");
    let spread = row.values[TrackMetric::Bitrate].expect("measured");
    assert!(spread.max < 32_200.0, "but is no peak: {spread:?}");
}

#[test]
fn a_stretch_without_readings_is_a_break_and_not_a_long_sample() {
    let gaps = |rows: &[Rows]| rows.iter().filter_map(|rows| rows.gap).collect::<Vec<_>>();
    let rows = run([0.0, 1.0, 2.0, 9.0, 10.0]);
    assert_eq!(spans(&rows), [(0, 2000), (9000, 10_000)]);
    let stall = Gap { start_ms: START_MS + 2000, end_ms: START_MS + 9000, cause: GapCause::Stall };
    assert_eq!(gaps(&rows), [stall]);
    assert_eq!(gaps(&run([0.0, 1.0, 6.0, 7.0])), [], "5 s are still a sample");
}

#[test]
fn a_sleep_is_seen_although_the_monotonic_clock_stood_still() {
    let mut bench = Bench::new();
    bench.feed_at(0.0, 0.0, vec![sound(0)], vec![]);
    bench.feed_at(1.0, 1.0, vec![sound(1)], vec![]);
    let (_, slept) = bench.feed_at(2.0, 3602.0, vec![sound(2)], vec![]);
    let gap = Gap { start_ms: START_MS + 1000, end_ms: START_MS + 3_602_000, cause: GapCause::Sleep };
    assert_eq!(slept.gap, Some(gap));
    bench.feed_at(3.0, 3603.0, vec![sound(3)], vec![]);
    let last = bench.sampler.finish();
    assert_eq!(spans(&[slept, last]), [(0, 1000), (3_602_000, 3_603_000)]);
}

#[test]
fn a_clock_that_is_set_back_makes_no_row_that_ends_before_it_begins() {
    let mut bench = Bench::new();
    for (monotonic, wall) in [(0.0, 100.0), (1.0, 101.0), (2.0, 42.0), (3.0, 43.0)] {
        let (_, rows) = bench.feed_at(monotonic, wall, vec![sound(monotonic as u64)], vec![]);
        assert_eq!(rows.gap, None);
        if monotonic == 2.0 {
            assert_eq!(spans(&[rows]), [(100_000, 101_000)]);
        }
    }
    assert_eq!(spans(&[bench.sampler.finish()]), [(42_000, 43_000)]);
}

#[test]
fn a_lost_connection_is_a_gap_in_the_rows_of_that_peer_alone() {
    let mut bench = Bench::new();
    let other = |second| {
        let mut counters = sound(second);
        counters.key.peer = "bob".to_owned();
        counters
    };
    let event = |kind| Event { unix_ms: 0, peer: Some("ada".to_owned()), kind };
    let mut out = Vec::new();
    for second in 0..=15 {
        if second == 5 {
            out.push(bench.sampler.event(&event(EventKind::Reconnecting { cause: "path lost".to_owned() })));
        }
        if second == 9 {
            out.push(bench.sampler.event(&event(EventKind::Reconnected)));
        }
        out.push(bench.feed(f64::from(second), vec![sound(second as u64), other(second as u64)], vec![link()]).1);
    }
    let of = |peer: &str| {
        let rows = out.iter().flat_map(|rows| &rows.tracks).filter(|row| row.counters.key.peer == peer);
        rows.map(|row| (row.span.start_ms - START_MS, row.span.end_ms - START_MS)).collect::<Vec<_>>()
    };
    assert_eq!(of("ada"), [(0, 4000), (9000, 15_000)]);
    assert_eq!(of("bob"), [(0, 15_000)]);
}

#[test]
fn a_peer_that_leaves_gets_its_last_row_at_once() {
    let mut bench = Bench::new();
    for second in 0..=4 {
        bench.feed(f64::from(second), vec![sound(second as u64)], vec![link()]);
    }
    let rows = bench.sampler.peer_left("ada");
    assert_eq!((rows.tracks.len(), rows.links.len()), (1, 1));
    assert_eq!(spans(&[rows]), [(0, 4000)]);
    // One that is merely not there any more, likewise.
    for second in 5..=8 {
        bench.feed(f64::from(second), vec![sound(second as u64)], vec![link()]);
    }
    let (_, rows) = bench.feed(9.0, vec![], vec![]);
    assert_eq!(spans(&[rows]), [(5000, 8000)]);
}

/// `windows` of sound, each with its share of lost packets.
fn session(windows: &[u64], muted: bool, connected: bool) -> Rows {
    let mut bench = Bench::new();
    let (mut packets, mut lost, mut last) = (0, 0, Rows::default());
    for second in 0..=(15 * windows.len()) {
        let counters = TrackCounters {
            muted,
            packets: Some(packets),
            packets_lost: connected.then_some(lost as i64),
            ..sound(second as u64)
        };
        let links = if connected { vec![link()] } else { vec![] };
        let packets_known = if connected { counters } else { TrackCounters { packets: None, bytes: None, ..counters } };
        let (_, rows) = bench.feed(second as f64, vec![packets_known], links);
        if rows.standing.is_some() {
            last = rows;
        }
        let share = windows.get(second / 15).copied().unwrap_or(0);
        packets += 100 - share;
        lost += share;
    }
    last
}

#[test]
fn headline_of_a_session() {
    let standing = session(&[0, 2, 5, 20], false, true).standing.expect("a window ended");
    let worst = Some(Factor { cause: Cause::Loss, kind: Kind::Audio, direction: Direction::Inbound });
    // good, OK, bad, terrible
    assert_eq!(standing.headline(), Headline::Classified { share: Percent(50.0), worst });
    let headline = |rows: Rows| rows.standing.map(|standing| standing.headline());
    assert_eq!(headline(session(&[0], false, true)), Some(Headline::Unclassified(Unclassified::TooShort)));
    assert_eq!(headline(session(&[0, 0, 0], true, true)), Some(Headline::Unclassified(Unclassified::Muted)));
    let never = headline(session(&[0, 0, 0], false, false));
    assert_eq!(never, Some(Headline::Unclassified(Unclassified::NeverConnected)));
}

#[test]
fn scores_and_verdict_of_a_row() {
    let reading = |second: u64| TrackCounters {
        fec: Some(true),
        jitter_buffer_delay: Some(Duration::from_millis(60 * 48_000 * second)),
        jitter_buffer_emitted: Some(48_000 * second),
        // 50 lost of 50 + 4950: 1 %
        packets: Some(4950 * second),
        bytes: Some(4000 * second),
        packets_lost: Some(50 * second as i64),
        ..sound(second)
    };
    let rtt = || sightline_quality::LinkCounters { path_rtt: Some(Duration::from_millis(100)), ..link() };
    let mut bench = Bench::new();
    for second in 0..=5 {
        bench.feed(second as f64, vec![reading(second)], vec![rtt()]);
    }
    let row = &bench.sampler.finish().tracks[0];
    // The check value for 1 % loss, 100 ms, 60 ms at 32 kbit/s with FEC: MOS 4.18.
    assert!((row.score.expect("all is known") - 4.18).abs() < 0.005, "{:?}", row.score);
    assert_eq!(row.verdict, Some(Verdict { class: Class::Ok, cause: Some(Cause::Loss) }));
}

#[test]
fn no_score_where_a_part_of_it_is_unknown() {
    let reading = |second: u64| TrackCounters {
        jitter_buffer_delay: Some(Duration::from_millis(60 * second)),
        jitter_buffer_emitted: Some(second),
        ..sound(second)
    };
    let score = |link: Option<sightline_quality::LinkCounters>| {
        let mut bench = Bench::new();
        for second in 0..=3 {
            bench.feed(second as f64, vec![reading(second)], link.clone().into_iter().collect());
        }
        bench.sampler.finish().tracks[0].score
    };
    assert!(score(Some(link())).is_some());
    assert_eq!(score(None), None, "round trip unknown");
}

#[test]
fn pictures_are_scored_against_what_the_sender_can_do() {
    let video = |second: u64, fps: u64| TrackCounters {
        ssrc: Some(3),
        codec: Some("VP8".to_owned()),
        packets: Some(100 * second),
        bytes: Some(187_500 * second),
        frames: Some(fps * second),
        width: Some(1280),
        height: Some(720),
        jitter_buffer_delay: Some(Duration::from_millis(50 * second)),
        jitter_buffer_emitted: Some(second),
        ..TrackCounters::unknown(key(Kind::Video, Direction::Inbound))
    };
    let score = |expected_fps| {
        let mut bench = Bench::new();
        for second in 0..=3 {
            let counters = TrackCounters { expected_fps, ..video(second, 15) };
            bench.feed(second as f64, vec![counters], vec![link()]);
        }
        bench.sampler.finish().tracks[0].score.expect("all is known")
    };
    // 1.5e6 / 921600 / 15 = 0.10851; 0.56 ln 0.10851 + 5.36 = 4.1163; - 0.002 * (50 + 20) = 0.14 -> 3.976
    assert!((score(None) - 3.976).abs() < 0.001, "15 is the best it did");
    // 30 were meant: - 1.9 ln 2 = 1.3170 -> 2.659
    assert!((score(Some(30)) - 2.659).abs() < 0.001);
}

#[test]
fn warnings_come_with_the_live_view_and_go_with_the_peer() {
    let mut bench = Bench::new();
    let jittery = |second| TrackCounters { jitter: Some(Duration::from_millis(50)), ..sound(second) };
    let mut raised_at = None;
    for second in 0..=5 {
        let (live, _) = bench.feed(second as f64, vec![jittery(second)], vec![link()]);
        if raised_at.is_none() && !live.warnings.is_empty() {
            raised_at = Some(second);
            assert!(matches!(&live.events[..], [Event { kind: EventKind::WarningRaised { warning, .. }, .. }]
                if warning == "high-jitter"));
        }
    }
    assert_eq!(raised_at, Some(3), "the third reading, as the first one is compared with nothing");
    let (live, _) = bench.feed(6.0, vec![], vec![]);
    assert!(live.warnings.is_empty());
    assert!(matches!(&live.events[..], [Event { kind: EventKind::WarningCleared { .. }, .. }]));
}

#[test]
fn a_dead_microphone_is_warned_of_once_however_many_peers_there_are() {
    let mut bench = Bench::new();
    let microphone = |peer: &str, second| {
        let mut counters = TrackCounters {
            audio_energy: Some(0.0),
            audio_duration: Some(Duration::from_secs(second)),
            ..sound(second)
        };
        counters.key = sightline_quality::TrackKey { peer: peer.to_owned(), ..key(Kind::Audio, Direction::Outbound) };
        counters
    };
    let mut live = sightline_quality::Live::default();
    for second in 0..=12 {
        live = bench.feed(second as f64, vec![microphone("ada", second), microphone("bob", second)], vec![]).0;
    }
    assert_eq!(live.warnings.len(), 1, "{:?}", live.warnings);
    assert_eq!((live.warnings[0].warning.name(), &live.warnings[0].peer), ("constant-level", &None));
}

#[test]
fn the_live_view_has_the_last_second() {
    let mut bench = Bench::new();
    let (live, _) = bench.feed(0.0, vec![sound(0)], vec![link()]);
    assert_eq!(live.tracks[0].values[TrackMetric::Bitrate], None, "nothing to compare with");
    let (live, _) = bench.feed(1.0, vec![sound(1)], vec![link()]);
    assert_eq!(live.tracks[0].values[TrackMetric::Bitrate], Some(32_000.0));
    bench.feed(2.0, vec![sound(2)], vec![link()]);
    let spread = bench.sampler.finish().tracks[0].values[TrackMetric::Bitrate];
    assert_eq!(spread, Some(Spread { mean: 32_000.0, min: 32_000.0, max: 32_000.0 }));
}
