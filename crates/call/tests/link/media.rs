//! What goes in at one end comes out at the other, and is counted.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sightline_call::link::{LinkEvent, Sent};
use sightline_quality::{CandidateType, Direction, Kind};

use crate::pair::{End, Pair, a_picture_later, frame, loopback, sound, until, whole_frames};

#[tokio::test]
async fn pictures_and_sound_arrive_as_they_were_sent() {
    let pair = Pair::direct().await;
    pair.connect().await;
    for index in 0..20 {
        pair.a.send(index).await;
        assert_eq!(pair.a.link.send_audio(&sound(index)).await, Sent::Ok);
        pair.b.send(index).await;
        let count = index as usize + 1;
        until("all came", || async {
            pair.b.got_once(Kind::Video).len() == 2 * count
                && pair.b.got(Kind::Audio).len() == count
                && pair.a.got_once(Kind::Video).len() == 2 * count
        })
        .await;
    }

    let got = pair.b.got_once(Kind::Video);
    for (index, packet) in got.iter().enumerate() {
        let sent = frame(index as u32 / 2);
        assert_eq!(packet.payload, sent.payloads[index % 2]);
        assert_eq!(packet.sequence, got[0].sequence.wrapping_add(index as u16));
        assert_eq!(packet.timestamp.wrapping_sub(got[0].timestamp), sent.timestamp);
        assert_eq!(packet.marker, index % 2 == 1);
        assert_eq!(packet.captured_us, (index % 2 == 0).then_some(sent.captured_us));
    }
    let got = pair.b.got(Kind::Audio);
    assert_eq!(got[19].timestamp.wrapping_sub(got[0].timestamp), 19 * 960);
    assert!(got[0].marker && !got[1].marker);
    for kind in [Kind::Audio, Kind::Video] {
        assert_eq!(pair.b.count(|event| matches!(event, LinkEvent::TrackStarted(track) if track.kind == kind)), 1);
    }
    pair.close().await;
}

#[tokio::test]
async fn nothing_is_written_before_the_peer_can_take_it() {
    let pair = Pair::direct().await;
    assert_eq!(pair.a.link.send_video(&frame(0)).await, Sent::NotReady);
    let offer = pair.a.link.offer().await.expect("an offer");
    let answer = pair.b.link.answer(&offer).await.expect("an answer");
    pair.a.link.accept_answer(&answer).await.expect("the answer fits");
    // Negotiated, but DTLS takes a while yet: send without a pause until the link takes one.
    let mut index = 1;
    while pair.a.link.send_video(&frame(index)).await != Sent::Ok {
        index += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until("the first frame that was taken arrives", || async { whole_frames(&pair.b.got(Kind::Video)) == [index] })
        .await;
    assert_eq!(pair.a.report().await.video_unsent.not_ready, u64::from(index));
    // Nothing could be shown until now, so a keyframe was asked for.
    until("a keyframe is asked for", || async { pair.a.basket.keyframe_requests.load(Ordering::Relaxed) > 0 }).await;
    pair.close().await;
    assert_eq!(pair.a.link.send_video(&frame(0)).await, Sent::NotReady);
}

#[tokio::test]
async fn a_keyframe_request_reaches_the_sender() {
    let pair = Pair::direct().await;
    pair.connect().await;
    pair.a.send(0).await;
    until("media flow", || async { !pair.b.got(Kind::Video).is_empty() }).await;
    until("the first request is through", || async { pair.a.basket.keyframe_requests.load(Ordering::Relaxed) == 1 })
        .await;
    pair.b.link.request_keyframe(&pair.b.track(Kind::Video)).await;
    until("the request arrives", || async { pair.a.basket.keyframe_requests.load(Ordering::Relaxed) == 2 }).await;
    assert_eq!(pair.a.counters(Kind::Video, Direction::Outbound).await.pli_count, Some(1));
    assert_eq!(pair.b.counters(Kind::Video, Direction::Inbound).await.pli_count, Some(1));
    pair.close().await;
}

#[tokio::test]
async fn both_ends_count_the_same() {
    let pair = Pair::direct().await;
    pair.connect().await;
    let before = pair.a.report().await;
    assert_eq!(before.link.available_outgoing_bps, None, "the peer has not told anything yet");
    // Reports come once a second and measure the way back against the last one.
    let mut index = 0;
    until("the peer has reported twice", || {
        index += 1;
        let pair = &pair;
        async move {
            pair.a.send(index).await;
            a_picture_later().await;
            pair.a.counters(Kind::Video, Direction::Outbound).await.rtt_measurements >= Some(2)
        }
    })
    .await;
    let sent = pair.a.counters(Kind::Video, Direction::Outbound).await;
    assert_eq!(sent.codec.as_deref(), Some("VP8"));
    assert_eq!(sent.packets_lost, Some(0));
    assert!(sent.packets_reported.is_some_and(|reported| reported > 0 && Some(reported) <= sent.packets));
    assert_eq!((sent.retransmitted_packets, sent.nack_count, sent.fir_count), (Some(0), Some(0), Some(0)));
    assert!(sent.total_rtt.is_some_and(|rtt| rtt < Duration::from_secs(2)));
    until("all came", || async { pair.b.counters(Kind::Video, Direction::Inbound).await.packets == sent.packets })
        .await;
    let got = pair.b.counters(Kind::Video, Direction::Inbound).await;
    assert_eq!((got.bytes, got.packets_lost, got.ssrc), (sent.bytes, Some(0), sent.ssrc));
    assert!(got.jitter.is_some());
    assert_eq!(got.total_rtt, None, "only a sender measures it");

    let report = pair.a.report().await;
    assert!(report.link.available_outgoing_bps > Some(300_000), "{:?}", report.link.available_outgoing_bps);
    assert_eq!(report.link.peer, "b");
    let path = report.link.path.expect("a path is selected");
    assert_eq!((path.local, path.protocol.as_str()), (CandidateType::Host, "udp"));
    assert!(report.link.path_rtt.is_some_and(|rtt| rtt > Duration::ZERO && rtt < Duration::from_secs(1)));
    assert!(report.link.bytes_sent > sent.bytes, "with headers");
    assert!(report.link.bytes_received > Some(0));
    assert_eq!((report.link.pair_changes, report.link.ice_restarts), (0, 0));
    assert_eq!(pair.a.count(|event| matches!(event, LinkEvent::Path(_))), 1);
    pair.close().await;
}

#[tokio::test]
async fn the_level_of_sound_is_offered_and_goog_remb_is_not() {
    let pair = Pair::direct().await;
    let offer = pair.a.link.offer().await.expect("an offer");
    let sections: Vec<&str> = offer.split("\r\nm=").collect();
    assert_eq!(sections.len(), 3, "one of sound, one of pictures");
    let (audio, video) = (sections[1], sections[2]);
    assert!(audio.starts_with("audio") && video.starts_with("video"));
    for section in [audio, video] {
        assert!(section.contains("urn:ietf:params:rtp-hdrext:sdes:mid"));
        assert!(section.contains("transport-wide-cc-extensions-01"));
        assert!(section.contains("a=sendrecv"));
    }
    assert!(audio.contains("ssrc-audio-level") && audio.contains("useinbandfec=1;usedtx=1"));
    assert!(!audio.contains(" nack"));
    assert!(video.contains("abs-capture-time") && video.contains("apt=96") && video.contains("ssrc-group:FID"));
    for line in ["nack", "nack pli", "ccm fir", "transport-cc"] {
        assert!(video.contains(&format!("a=rtcp-fb:96 {line}\r\n")), "{line}");
    }
    assert!(!offer.contains("goog-remb"));
    for other in ["VP9", "H264", "AV1", "PCMU", "G722"] {
        assert!(!offer.contains(other), "{other}");
    }
    pair.close().await;
}

#[tokio::test]
async fn a_closed_link_leaves_no_socket_and_no_task() {
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let pair = Pair::direct().await;
    pair.connect().await;
    pair.a.send(0).await;
    until("media flow", || async { !pair.b.got(Kind::Video).is_empty() }).await;
    let port = pair.a.events.lock().expect("no holder panicked").iter().find_map(port).expect("a candidate");
    assert!(std::net::UdpSocket::bind(("127.0.0.1", port)).is_err(), "in use");
    pair.close().await;
    for end in [&pair.a, &pair.b] {
        until("the last event", || async {
            end.events.lock().expect("no holder panicked").last() == Some(&LinkEvent::Closed)
        })
        .await;
        assert!(end.link.offer().await.is_err());
        assert!(end.link.restart_ice().await.is_err());
    }
    // The signaling of the test ends with the events.
    until("no task is left", || async { tasks.num_alive_tasks() == before }).await;
    std::net::UdpSocket::bind(("127.0.0.1", port)).expect("the socket is free again");

    // A link that is dropped goes too.
    let (end, _events) = End::open(loopback("b")).await;
    end.link.offer().await.expect("an offer");
    drop(end);
    until("no task is left", || async { tasks.num_alive_tasks() == before }).await;
}

fn port(event: &LinkEvent) -> Option<u16> {
    match event {
        LinkEvent::Candidate(candidate) => candidate.candidate.split(' ').nth(5)?.parse().ok(),
        _ => None,
    }
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_events_holds_up_no_media() {
    let (a, mut from_a) = End::open(loopback("b")).await;
    let (b, mut from_b) = End::open(loopback("a")).await;
    let offer = a.link.offer().await.expect("an offer");
    let answer = b.link.answer(&offer).await.expect("an answer");
    a.link.accept_answer(&answer).await.expect("the answer fits");
    // Two candidates each way, and then neither reads on; both queues of the test hold one event.
    for (events, other) in [(&mut from_a, &b), (&mut from_b, &a)] {
        for _ in 0..2 {
            if let Some(LinkEvent::Candidate(candidate)) = events.recv().await {
                other.link.add_candidate(candidate).await.expect("a candidate is taken");
            }
        }
    }
    a.send(0).await;
    until("media flow", || async { !b.got(Kind::Video).is_empty() }).await;
    b.link.request_keyframe(&b.track(Kind::Video)).await;
    until("requests arrive", || async { a.basket.keyframe_requests.load(Ordering::Relaxed) >= 2 }).await;
    a.link.close().await;
    b.link.close().await;
}
