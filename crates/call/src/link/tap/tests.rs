use std::time::Duration;

use rtc::interceptor::{Registry, Slot};
use rtc::rtcp::payload_feedbacks::full_intra_request::FirEntry;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::nack_pairs_from_sequence_numbers;
use sightline_quality::{Direction, Kind, TrackKey};

use super::super::stage::Stage;
use super::super::testing::{VIDEO_SSRC, Wire, repair, video, video_stream};
use super::*;

fn tapped() -> (Counts, Wire) {
    let counts = Counts::default();
    let registry = Registry::new().with(Slot::from(500), Stage::new(Tap::new(counts.clone())));
    (counts, Wire::new(registry))
}

fn unknown(direction: Direction) -> TrackCounters {
    TrackCounters::unknown(TrackKey { peer: "p".to_owned(), kind: Kind::Video, direction })
}

fn inbound(counts: &Counts) -> TrackCounters {
    let mut counters = unknown(Direction::Inbound);
    counts.fill_inbound(VIDEO_SSRC, &mut counters);
    counters
}

fn outbound(counts: &Counts) -> TrackCounters {
    let mut counters = unknown(Direction::Outbound);
    counts.fill_outbound(VIDEO_SSRC, &mut counters);
    counters
}

fn at(sequence: u16, timestamp: u32) -> rtc::rtp::Packet {
    let mut packet = video(sequence);
    packet.header.timestamp = timestamp;
    packet
}

#[test]
fn loss_is_what_the_path_lost_whatever_was_repaired() {
    let (counts, mut wire) = tapped();
    wire.bind_remote(&video_stream());
    for sequence in [65_534, 65_535, 2, 3, 1] {
        wire.receive(video(sequence));
    }
    wire.receive(repair(0, 0));
    // Copies of what is there: probes of a browser.
    wire.receive(repair(1, 0));
    wire.receive(repair(2, 3));
    let got = inbound(&counts);
    assert_eq!(got.packets, Some(5));
    assert_eq!(got.bytes, Some(500));
    assert_eq!(got.packets_lost, Some(1), "65534..=3 is six numbers, five came");
    assert_eq!(got.retransmitted_packets, Some(1));
    // A renegotiation goes on, an end forgets.
    wire.bind_remote(&video_stream());
    assert_eq!(inbound(&counts).packets, Some(5));
    wire.unbind_remote(&video_stream());
    assert_eq!(inbound(&counts).packets, None);
}

#[test]
fn duplicates_make_the_loss_negative() {
    let (counts, mut wire) = tapped();
    wire.bind_remote(&video_stream());
    for sequence in [1, 2, 2] {
        wire.receive(video(sequence));
    }
    assert_eq!(inbound(&counts).packets_lost, Some(-1));
}

#[test]
fn jitter_is_in_time_and_survives_a_wrap_of_the_timestamp() {
    let (counts, mut wire) = tapped();
    wire.bind_remote(&video_stream());
    wire.receive(at(1, u32::MAX - 1_000));
    assert_eq!(inbound(&counts).jitter, None, "one frame has no jitter");
    // 3000 ticks are 33.3 ms; it comes 16 ms late, and its second packet later still.
    wire.now += Duration::from_micros(33_333 + 16_000);
    wire.receive(at(2, (u32::MAX - 1_000).wrapping_add(3_000)));
    wire.now += Duration::from_millis(5);
    wire.receive(at(3, (u32::MAX - 1_000).wrapping_add(3_000)));
    let jitter = inbound(&counts).jitter.expect("two frames came");
    assert!((jitter.as_secs_f64() - 0.001).abs() < 1e-5, "16 ms / 16 is 1 ms, not {jitter:?}");
}

#[test]
fn an_unknown_stream_is_not_counted() {
    let (counts, mut wire) = tapped();
    wire.receive(video(1));
    assert_eq!(inbound(&counts).packets, None);
    assert_eq!(outbound(&counts).packets, None);
}

fn sender_report(ntp_middle: u32) -> SenderReport {
    SenderReport { ssrc: VIDEO_SSRC, ntp_time: u64::from(ntp_middle) << 16, ..Default::default() }
}

fn report_block() -> ReceptionReport {
    ReceptionReport { ssrc: VIDEO_SSRC, last_sequence_number: 104, ..Default::default() }
}

#[test]
fn the_peers_report_gives_loss_jitter_and_round_trip() {
    let (counts, mut wire) = tapped();
    wire.chain.bind_local_stream(&video_stream());
    for sequence in 100..110 {
        wire.send(video(sequence));
    }
    assert_eq!(outbound(&counts).packets_lost, None, "nobody has reported yet");
    assert_eq!(outbound(&counts).rtt_measurements, None);
    wire.send_rtcp(sender_report(0xabcd));
    wire.now += Duration::from_millis(250);
    let block = ReceptionReport {
        total_lost: 0xff_ffff, // -1
        jitter: 900,
        last_sender_report: 0xabcd,
        delay: 65_536 / 10,
        ..report_block()
    };
    wire.receive_rtcp(ReceiverReport { reports: vec![block.clone()], ..Default::default() });
    let got = outbound(&counts);
    assert_eq!(got.packets, Some(10));
    assert_eq!(got.packets_lost, Some(-1));
    assert_eq!(got.packets_reported, Some(5));
    assert_eq!(got.jitter, Some(Duration::from_millis(10)));
    assert_eq!(got.rtt_measurements, Some(1));
    let rtt = got.total_rtt.expect("measured").as_secs_f64();
    assert!((rtt - 0.150).abs() < 1e-4, "250 ms less 100 ms held is 150 ms, not {rtt}");
    // A sender reports in its sender report, and may count the cycles from elsewhere.
    let block = ReceptionReport { last_sequence_number: 7 << 16 | 109, total_lost: 3, ..block };
    wire.receive_rtcp(SenderReport { reports: vec![block], ..sender_report(1) });
    let got = outbound(&counts);
    assert_eq!((got.packets_lost, got.packets_reported, got.rtt_measurements), (Some(3), Some(10), Some(2)));
}

#[test]
fn requests_are_counted_both_ways_and_ring_for_a_keyframe() {
    let (counts, mut wire) = tapped();
    wire.chain.bind_local_stream(&video_stream());
    let pli = PictureLossIndication { sender_ssrc: 0, media_ssrc: VIDEO_SSRC };
    let fir = FullIntraRequest { fir: vec![FirEntry { ssrc: VIDEO_SSRC, sequence_number: 1 }], ..Default::default() };
    let nack =
        TransportLayerNack { sender_ssrc: 0, media_ssrc: VIDEO_SSRC, nacks: nack_pairs_from_sequence_numbers(&[1, 2]) };
    wire.receive_rtcp(nack.clone());
    assert!(!rings(&counts), "a NACK is no keyframe request");
    wire.receive_rtcp(pli.clone());
    assert!(rings(&counts));
    wire.receive_rtcp(fir.clone());
    assert!(rings(&counts));
    wire.receive_rtcp(PictureLossIndication { sender_ssrc: 0, media_ssrc: 99 });
    assert!(!rings(&counts), "another's stream");
    let got = outbound(&counts);
    assert_eq!((got.nack_count, got.pli_count, got.fir_count), (Some(1), Some(1), Some(1)));

    let (counts, mut wire) = tapped();
    wire.bind_remote(&video_stream());
    wire.send_rtcp(nack);
    wire.send_rtcp(pli);
    wire.send_rtcp(fir);
    let got = inbound(&counts);
    assert_eq!((got.nack_count, got.pli_count, got.fir_count), (Some(1), Some(1), Some(1)));
}

fn rings(counts: &Counts) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(Duration::from_millis(1), counts.keyframe.notified()).await.is_ok() })
}

#[test]
fn a_resend_is_no_new_packet() {
    let (counts, mut wire) = tapped();
    wire.chain.bind_local_stream(&video_stream());
    wire.send(video(1));
    wire.send(video(2));
    wire.resend(repair(0, 1));
    wire.send(repair(1, 2));
    wire.send(video(1));
    let got = outbound(&counts);
    assert_eq!((got.packets, got.retransmitted_packets), (Some(2), Some(2)));
}

#[test]
fn a_peer_that_changes_its_ssrc_for_ever_costs_no_memory() {
    let (counts, mut wire) = tapped();
    for ssrc in 0..1_000 {
        wire.bind_remote(&StreamInfo { ssrc, ssrc_rtx: Some(ssrc + 10_000), ..video_stream() });
    }
    let streams = counts.lock();
    assert_eq!((streams.inbound.len(), streams.order.len(), streams.repairs.len()), (16, 16, 16));
    assert!(streams.inbound.contains_key(&999), "the newest counts");
}
