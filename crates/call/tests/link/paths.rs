//! Bad paths: loss, delay, silence, and relays that are not there.

use std::collections::BTreeSet;
use std::time::Duration;

use sightline_call::link::{LinkConfig, LinkEvent, Sent};
use sightline_media::RtpPacket;
use sightline_netpath::{Change, Conditions, Loss};
use sightline_protocol::IceServer;
use sightline_quality::{CandidateType, Direction, Kind};

use crate::pair::{End, PATIENCE, Pair, Side, a_picture_later, loopback, sound, until, whole_frames};

const FRAMES: u32 = 300;

/// 5 % lost each way, 10 ms.
fn lossy() -> Conditions {
    let loss = Loss::Random { probability: 0.05 };
    Conditions { loss, delay: Duration::from_millis(10), ..Conditions::default() }
}

/// Sends [`FRAMES`] pictures of two packets at 100 a second, with `between` called now and then.
async fn send_all(pair: &Pair, mut between: impl AsyncFnMut(u32)) {
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for index in 0..FRAMES {
        tick.tick().await;
        pair.a.send_next(index).await;
        between(index).await;
    }
}

/// The last packets have none behind them that would show their loss: sends on until no number is missing.
async fn nothing_is_missing(pair: &Pair) {
    let mut index = FRAMES;
    until("every packet is there", || {
        index += 1;
        async move {
            pair.a.send_next(index).await;
            a_picture_later().await;
            let got = pair.b.got_once(Kind::Video);
            got.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1)
        }
    })
    .await;
    let whole = whole_frames(&pair.b.got(Kind::Video)).len() as u32;
    assert!(whole > FRAMES / 2, "but for those left out before the link was known: {whole}");
}

#[tokio::test]
async fn losses_are_repaired_with_few_copies() {
    let path = lossy();
    let pair = Pair::relayed(path, 1).await;
    pair.connect().await;
    send_all(&pair, async |_| ()).await;
    nothing_is_missing(&pair).await;

    let sent = pair.a.counters(Kind::Video, Direction::Outbound).await;
    let resent = sent.retransmitted_packets.expect("counted");
    let got = pair.b.counters(Kind::Video, Direction::Inbound).await;
    let lost = got.packets_lost.expect("counted");
    assert!(lost > 10, "the path loses: {lost}");
    assert!(got.nack_count > Some(0) && sent.nack_count > Some(0));
    assert!(got.retransmitted_packets > Some(0));
    // Without the unwrapping there are 17 copies for each loss.
    assert!(resent >= lost as u64 && resent < 4 * lost as u64, "{resent} copies for {lost} losses");
    until("the peer reports the loss", || async {
        pair.a.send(0).await;
        pair.a.counters(Kind::Video, Direction::Outbound).await.packets_lost > Some(5)
    })
    .await;
    pair.close().await;
}

#[tokio::test]
async fn sound_that_is_lost_comes_again_once_loss_is_reported() {
    let pair = Pair::relayed(lossy(), 4).await;
    pair.connect().await;
    let (from, to, mut index) = (&pair.a, &pair.b, 0);
    until("copies come", || {
        index += 1;
        async move {
            assert_eq!(from.link.send_audio(&sound(index)).await, Sent::Ok);
            tokio::time::sleep(Duration::from_millis(5)).await;
            to.got(Kind::Audio).iter().any(|packet| packet.is_copy)
        }
    })
    .await;
    let begun = index + 5;
    for index in index + 1..begun + 200 {
        assert_eq!(pair.a.link.send_audio(&sound(index)).await, Sent::Ok);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;

    let got = pair.b.got(Kind::Audio);
    let number = |packet: &RtpPacket| u32::from_be_bytes(packet.payload[..].try_into().expect("as sent"));
    let first = got.iter().find(|packet| !packet.is_copy).expect("sound came");
    for packet in &got {
        // Whatever came as a copy has the numbers that it would have had.
        let later = number(packet).wrapping_sub(number(first));
        assert_eq!(packet.sequence, first.sequence.wrapping_add(later as u16));
        assert_eq!(packet.timestamp, first.timestamp.wrapping_add(later.wrapping_mul(960)));
    }
    let lost = |of: &dyn Fn(&RtpPacket) -> bool| {
        let came: BTreeSet<u32> = got.iter().filter(|packet| of(packet)).map(number).collect();
        (begun..begun + 190).filter(|number| !came.contains(number)).count()
    };
    let (without, with) = (lost(&|packet| !packet.is_copy), lost(&|_| true));
    assert!(without > 2 && with < without, "{with} of {without} stay lost");
    let plain = pair.b.counters(Kind::Audio, Direction::Inbound).await;
    assert!(plain.packets_lost > Some(2), "the path's loss is counted all the same");
    pair.close().await;
}

#[tokio::test]
async fn losses_around_a_renegotiation_are_repaired_too() {
    let path = lossy();
    let pair = Pair::relayed(path, 2).await;
    pair.connect().await;
    send_all(&pair, async |index| {
        if index % 20 == 0 {
            pair.negotiate(if index % 40 == 0 { Side::A } else { Side::B }).await;
        }
    })
    .await;
    nothing_is_missing(&pair).await;
    assert_eq!(pair.b.count(|event| matches!(event, LinkEvent::TrackStarted(_))), 1);
    pair.close().await;
}

#[tokio::test]
async fn the_round_trip_is_the_paths() {
    let pair = Pair::relayed(Conditions { delay: Duration::from_millis(40), ..Conditions::default() }, 3).await;
    pair.connect().await;
    until("both ways of measuring have measured", || async {
        pair.a.send(0).await;
        let media = pair.a.counters(Kind::Video, Direction::Outbound).await.rtt_measurements;
        media >= Some(2) && pair.a.report().await.link.path_rtt.is_some()
    })
    .await;
    let sent = pair.a.counters(Kind::Video, Direction::Outbound).await;
    let media = sent.total_rtt.expect("measured") / sent.rtt_measurements.expect("measured") as u32;
    let stun = pair.a.report().await.link.path_rtt.expect("measured");
    for rtt in [media, stun] {
        assert!(rtt >= Duration::from_millis(79), "the path takes 80 ms, not {rtt:?}");
    }
    pair.close().await;
}

#[tokio::test]
async fn a_peer_that_shows_in_its_checks_alone_is_on_a_known_path() {
    let ((a, mut from_a), (b, mut from_b)) = (End::open(loopback("b")).await, End::open(loopback("a")).await);
    // One way only: a is never told where b is.
    let told = b.link.clone();
    tokio::spawn(async move {
        while let Some(event) = from_a.recv().await {
            if let LinkEvent::Candidate(candidate) = event {
                told.add_candidate(candidate).await.expect("a candidate is taken");
            }
        }
    });
    tokio::spawn(async move { while from_b.recv().await.is_some() {} });
    let offer = a.link.offer().await.expect("an offer");
    let answer = b.link.answer(&offer).await.expect("an answer");
    a.link.accept_answer(&answer).await.expect("the answer fits");
    let (local, remote) = (CandidateType::Host, CandidateType::Prflx);
    let expected = sightline_quality::Path { local, remote, protocol: "udp".to_owned() };
    until("the path is known", || async { a.report().await.link.path.as_ref() == Some(&expected) }).await;
    a.link.close().await;
    b.link.close().await;
}

#[tokio::test]
async fn a_path_that_falls_silent_is_noticed_and_a_restart_brings_it_back() {
    let pair = Pair::relayed(Conditions::default(), 4).await;
    pair.connect().await;
    pair.a.send(0).await;
    pair.path(Change::Down);
    for end in [&pair.a, &pair.b] {
        until("the silence is noticed", || async { end.saw(|event| *event == LinkEvent::Disconnected) }).await;
    }
    pair.path(Change::Up);
    pair.a.link.restart_ice().await.expect("the link is open");
    pair.negotiate(Side::A).await;
    for end in [&pair.a, &pair.b] {
        until("it is back", || async { end.count(|event| *event == LinkEvent::IceConnected) >= 2 }).await;
    }
    let before = pair.b.got(Kind::Video).len();
    until("media flow again", || async {
        pair.a.send(1).await;
        pair.b.got(Kind::Video).len() > before
    })
    .await;
    pair.close().await;
}

#[tokio::test]
async fn a_peer_that_is_gone_fails_in_the_end() {
    let pair = Pair::direct().await;
    pair.connect().await;
    pair.b.link.close().await;
    until("its absence is noticed", || async { pair.a.saw(|event| *event == LinkEvent::Failed) }).await;
    let order: Vec<_> = pair.a.events.lock().expect("no holder panicked").clone();
    let position = |wanted: LinkEvent| order.iter().position(|event| *event == wanted);
    assert!(position(LinkEvent::Disconnected) < position(LinkEvent::Failed));
    pair.close().await;
}

#[tokio::test]
async fn a_relay_that_does_not_answer_is_an_error_to_show() {
    // Somebody's port that never answers.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let server = IceServer {
        urls: vec![format!("turn:{}?transport=udp", silent.local_addr().expect("bound"))],
        username: Some("user".to_owned()),
        credential: Some("expired".to_owned()),
    };
    let config = LinkConfig { relay_only: true, ice_servers: vec![server], ..loopback("b") };
    let (a, mut events) = End::open(config).await;
    let offer = a.link.offer().await.expect("an offer");
    assert!(!offer.contains("typ host"), "our address is not to be seen");
    loop {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await.expect("it is noticed");
        match event.expect("the link lives") {
            LinkEvent::Error(text) => {
                assert!(text.contains("TURN"), "{text}");
                break;
            }
            LinkEvent::Candidate(candidate) => assert!(candidate.candidate.is_empty(), "{candidate:?}"),
            other => panic!("{other:?}"),
        }
    }
    a.link.close().await;
}
