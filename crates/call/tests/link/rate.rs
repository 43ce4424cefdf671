//! What a link finds out of its path in real time, and what it makes of it.

use std::time::{Duration, Instant};

use sightline_call::link::Sent;
use sightline_netpath::Conditions;
use sightline_quality::Kind;
use tokio::time::{MissedTickBehavior, interval};

use crate::pair::{End, Pair, sound};

const FPS: u32 = 30;

fn path(rate: u64, delay_ms: u64) -> Conditions {
    Conditions { rate: Some(rate), delay: Duration::from_millis(delay_ms), ..Conditions::default() }
}

/// Sends pictures at the rate that the link tells, and sound, for so long. When each packet of sound was sent.
async fn talk(from: &End, length: Duration) -> Vec<Instant> {
    let rate = from.link.rate();
    let mut camera = interval(Duration::from_secs(1) / FPS);
    let mut microphone = interval(Duration::from_millis(20));
    for clock in [&mut camera, &mut microphone] {
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let (end, mut pictures, mut sent) = (Instant::now() + length, 0, Vec::new());
    while Instant::now() < end {
        tokio::select! {
            _ = camera.tick() => {
                let bytes = (rate.borrow().video_bps / 8 / FPS) as usize;
                let packets = bytes.div_ceil(1_000).max(1);
                from.send_next_of(pictures, bytes / packets, packets as u8).await;
                pictures += 1;
            }
            _ = microphone.tick() => {
                assert_eq!(from.link.send_audio(&sound(sent.len() as u32)).await, Sent::Ok);
                sent.push(Instant::now());
            }
        }
    }
    sent
}

#[tokio::test]
async fn sound_is_unharmed_by_pictures_on_a_slow_link() {
    let pair = Pair::relayed(path(300_000, 25), 5).await;
    pair.connect().await;
    // The first picture is a keyframe, as the link asks for one when it is up.
    let sent = talk(&pair.a, Duration::from_secs(10)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let got = pair.b.got(Kind::Audio);
    let settled = sent.len() / 2;
    let number = |payload: &[u8]| payload.try_into().map(u32::from_be_bytes).expect("as sent") as usize;
    let mut delays: Vec<Duration> = got
        .iter()
        .map(|packet| (number(&packet.payload), packet.arrived))
        .filter(|(index, _)| *index >= settled)
        .map(|(index, arrived)| arrived.saturating_duration_since(sent[index]))
        .collect();
    delays.sort_unstable();
    assert!(delays.len() * 100 >= (sent.len() - settled) * 99, "{} of {} came", delays.len(), sent.len() - settled);
    // The path's queue takes 300 ms, and is full where pictures are sent as they come.
    let usual = delays[delays.len() / 2];
    assert!(usual < Duration::from_millis(120), "half of the sound took more than {usual:?}");
    let rate = *pair.a.link.rate().borrow();
    assert!((100_000..300_000).contains(&rate.video_bps), "{rate:?}");
    assert!(pair.b.got_once(Kind::Video).len() > 100);
    pair.close().await;
}

#[tokio::test]
async fn a_fast_link_is_found_in_real_time_too() {
    let pair = Pair::relayed(path(10_000_000, 10), 6).await;
    pair.connect().await;
    let told = pair.a.link.rate().borrow().video_bps;
    assert!(told <= 300_000, "nothing is known yet: {told}");
    for _ in 0..10 {
        talk(&pair.a, Duration::from_secs(1)).await;
        if pair.a.link.rate().borrow().video_bps > 2_000_000 {
            return pair.close().await;
        }
    }
    panic!("{:?} after ten seconds", *pair.a.link.rate().borrow());
}
