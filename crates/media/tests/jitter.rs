//! The audio jitter buffer with real Opus, in virtual time over a seeded network.

#![expect(clippy::print_stdout, reason = "the figures are the point of some of these tests")]

#[path = "support/network.rs"]
mod network;
#[path = "support/sent.rs"]
mod sent;

use std::time::{Duration, Instant};

use bytes::Bytes;
use network::Conditions;
use sent::{Clock, PLAIN, arrivals, decoder, ms, packets};
use sightline_media::audio::{BLOCK, FRAME, JitterBuffer, JitterCounters, similarity, speech};
use sightline_media::{EncodedAudio, RtpPacket};

/// One run of a buffer.
struct Run {
    /// Everything that was played.
    sound: Vec<f32>,
    /// Mean delay of each second in which something was played.
    delays: Vec<Duration>,
    counters: JitterCounters,
    target: Duration,
}

impl Run {
    fn concealed_percent(&self) -> f64 {
        100.0 * self.counters.samples_concealed as f64 / self.counters.samples_played as f64
    }

    /// Of the delays by second.
    fn percentile(&self, percent: usize) -> f64 {
        let mut delays = self.delays.clone();
        delays.sort();
        delays[delays.len() * percent / 100].as_secs_f64() * 1e3
    }

    fn report(&self, name: &str, sent: &[f32]) -> f64 {
        let like = similarity(sent, &self.sound);
        let (p50, p95) = (self.percentile(50), self.percentile(95));
        let recovered = 100.0 * self.counters.samples_recovered as f64 / self.counters.samples_played as f64;
        println!(
            "{name}: delay p50 {p50:.0} p95 {p95:.0} ms, target {:?}, concealed {:.2} %, recovered {recovered:.2} %, \
             correlation {:.3}, {:?}",
            self.target,
            self.concealed_percent(),
            like.correlation,
            self.counters
        );
        like.correlation
    }
}

/// Plays what arrives; the player asks at odd times, as players do.
fn play(buffer: &mut JitterBuffer, arrivals: Vec<RtpPacket>, start: Instant, length: Duration) -> Run {
    let mut arrivals = arrivals.into_iter().peekable();
    let (mut sound, mut delays, mut block) = (Vec::new(), Vec::new(), [0.0; BLOCK]);
    let mut last = buffer.counters();
    for tick in 0..length.as_millis() as u64 / 10 {
        let now = start + ms(10 * tick) + Duration::from_micros(3_700);
        while let Some(packet) = arrivals.next_if(|packet| packet.arrived <= now) {
            buffer.insert(packet);
        }
        buffer.pull(now, &mut block);
        sound.extend_from_slice(&block);
        let counters = buffer.counters();
        let emitted = counters.emitted - last.emitted;
        if tick % 100 == 99 && emitted > 0 {
            delays.push((counters.delay - last.delay).div_f64(emitted as f64));
            last = counters;
        }
    }
    Run { sound, delays, counters: buffer.counters(), target: buffer.target_delay() }
}

fn run(sent: &[EncodedAudio], clock: Clock, conditions: Conditions, length: Duration) -> Run {
    let start = Instant::now();
    let arrivals = arrivals(sent, clock, conditions, start);
    let mut buffer = JitterBuffer::new(decoder());
    play(&mut buffer, arrivals, start, length)
}

const SECONDS: u64 = 40;

fn scenario(name: &str, conditions: Conditions) -> (Run, f64) {
    let sound = speech(SECONDS as f32);
    let run = run(&packets(&sound, 10, false), PLAIN, conditions, ms(1000 * SECONDS));
    let correlation = run.report(name, &sound);
    (run, correlation)
}

#[test]
fn without_jitter_it_adds_twenty_milliseconds_and_conceals_nothing() {
    let (run, correlation) = scenario("no jitter", Conditions { delay: ms(30), ..Conditions::default() });
    assert_eq!(run.counters.samples_concealed, 0);
    assert!(run.percentile(95) <= 30.0, "{} ms", run.percentile(95));
    assert!(correlation > 0.95, "{correlation}");
    // From the first packet on: 30 ms of path, 20 of the frame, 20 of the first delay.
    assert!(run.counters.samples_played >= SECONDS * 48_000 - 48 * 100, "{:?}", run.counters);
}

#[test]
fn it_grows_with_jitter_and_keeps_nearly_everything() {
    let late = Conditions { delay: ms(30), reorder: 0.1, reorder_by: ms(60), ..Conditions::default() };
    let (run, correlation) = scenario("10 % of packets 60 ms late", late);
    assert!(run.concealed_percent() < 1.0, "{} %", run.concealed_percent());
    assert!(run.percentile(95) < 110.0, "{} ms", run.percentile(95));
    assert!(correlation > 0.9, "{correlation}");

    let even = Conditions { delay: ms(30), jitter: ms(50), ..Conditions::default() };
    let (run, correlation) = scenario("up to 50 ms of jitter on each packet", even);
    assert!(run.concealed_percent() < 2.0, "{} %", run.concealed_percent());
    assert!(run.percentile(95) < 80.0, "{} ms", run.percentile(95));
    assert!(correlation > 0.85, "{correlation}");
}

#[test]
fn ten_percent_loss_is_mostly_recovered() {
    let loss = Conditions { delay: ms(30), loss: 0.1, ..Conditions::default() };
    let (run, correlation) = scenario("10 % loss", loss);
    assert!(run.concealed_percent() < 5.0, "{} %", run.concealed_percent());
    assert!(run.counters.samples_recovered > 5 * run.counters.samples_played / 100, "{:?}", run.counters);
    assert!(run.percentile(95) < 60.0, "{} ms", run.percentile(95));
    assert!(correlation > 0.9, "{correlation}");
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order_with_room_for_later_ones() {
    for (most, most_ms) in [(40, 70.0), (60, 90.0)] {
        let scattered = Conditions { delay: ms(20), scatter: ms(most), ..Conditions::default() };
        let (run, _) = scenario(&format!("up to {most} ms of jitter, with disorder"), scattered);
        assert!(run.percentile(95) < most_ms, "{} ms", run.percentile(95));
        // All but the start, before there is a measure.
        assert!(run.concealed_percent() < 0.15, "{} %", run.concealed_percent());
        // Threads that play are some milliseconds late themselves.
        assert!(run.target > ms(most + 5), "{:?}", run.target);
    }
}

/// The same packets where each one brings `copies` of those before it once more.
fn with_copies(arrivals: Vec<RtpPacket>, sent: &[EncodedAudio], copies: u16) -> Vec<RtpPacket> {
    let brought = |packet: RtpPacket| {
        let index = packet.sequence.wrapping_sub(PLAIN.sequence);
        let earlier = (1..=copies.min(index)).rev().map({
            let packet = packet.clone();
            move |back| RtpPacket {
                sequence: packet.sequence.wrapping_sub(back),
                timestamp: PLAIN.timestamp.wrapping_add(sent[usize::from(index - back)].timestamp),
                payload: sent[usize::from(index - back)].payload.clone(),
                is_copy: true,
                ..packet
            }
        });
        earlier.chain([packet])
    };
    arrivals.into_iter().flat_map(brought).collect()
}

#[test]
fn copies_bring_back_what_was_lost_in_a_row() {
    let (sound, start) = (speech(SECONDS as f32), Instant::now());
    let sent = packets(&sound, 10, false);
    let path = Conditions { delay: ms(30), ..Conditions::default() };
    for (name, conditions, most_percent, most_ms) in [
        ("5 % loss", Conditions { loss: 0.05, ..path }, 0.5, 60.0),
        ("10 % loss", Conditions { loss: 0.1, ..path }, 0.7, 70.0),
        ("5 % loss, in bursts of 2", Conditions { loss: 0.026, burst: 0.5, ..path }, 1.5, 70.0),
    ] {
        let arrivals = arrivals(&sent, PLAIN, conditions, start);
        let concealed: Vec<f64> = [0, 1, 2]
            .into_iter()
            .map(|copies| {
                let arrivals = with_copies(arrivals.clone(), &sent, copies);
                let run = play(&mut JitterBuffer::new(decoder()), arrivals, start, ms(1000 * SECONDS));
                run.report(&format!("{name}, {copies} copies"), &sound);
                assert!(run.percentile(95) < most_ms, "{} ms", run.percentile(95));
                run.concealed_percent()
            })
            .collect();
        assert!(concealed[2] < most_percent, "{name}: {concealed:?}");
        assert!(concealed[2] < concealed[0] / 2.0, "{name}: {concealed:?}");
    }
}

#[test]
fn copies_of_what_is_there_change_nothing() {
    let (sound, start) = (speech(20.0), Instant::now());
    let sent = packets(&sound, 0, false);
    let arrivals = arrivals(&sent, PLAIN, Conditions { delay: ms(30), jitter: ms(20), ..Conditions::default() }, start);
    let run = |copies| {
        let arrivals = with_copies(arrivals.clone(), &sent, copies);
        let run = play(&mut JitterBuffer::new(decoder()), arrivals, start, ms(20_000));
        (run.sound, JitterCounters { duplicates: 0, ..run.counters })
    };
    assert!(run(0) == run(2));
}

#[test]
fn bursts_duplicates_and_disorder_together_leave_speech() {
    let bad = Conditions {
        delay: ms(40),
        loss: 0.03,
        burst: 0.7,
        jitter: ms(20),
        reorder: 0.05,
        reorder_by: ms(80),
        duplicate: 0.1,
        ..Conditions::default()
    };
    let (run, correlation) = scenario("everything at once", bad);
    assert!(run.counters.duplicates > 100, "{:?}", run.counters);
    assert!(run.concealed_percent() < 15.0, "{} %", run.concealed_percent());
    assert!(correlation > 0.75, "{correlation}");
}

#[test]
fn a_drifting_clock_is_followed_without_concealment() {
    let sound = speech(150.0);
    let sent = packets(&sound, 0, false);
    for drift_ppm in [-200.0, 200.0] {
        let run = run(&sent, Clock { drift_ppm, ..PLAIN }, Conditions::default(), ms(150_000));
        run.report(&format!("drift of {drift_ppm} ppm"), &sound);
        // A slow sender has given 30 ms less by the end.
        assert!(run.concealed_percent() < 0.01, "{} %", run.concealed_percent());
        assert!(run.percentile(95) <= 30.0, "{} ms", run.percentile(95));
    }
}

#[test]
fn silence_that_is_not_sent_is_not_loss() {
    // 3 s of speech, 4 s of silence, and again.
    let mut sound = Vec::new();
    for part in speech(30.0).chunks(3 * 48_000) {
        sound.extend_from_slice(part);
        sound.resize(sound.len() + 4 * 48_000, 0.0);
    }
    let sent = packets(&sound, 0, true);
    assert!(sent.len() * FRAME < sound.len() * 6 / 10, "{} packets", sent.len());
    assert!(sent.iter().filter(|packet| packet.marker).count() >= 9);
    let length = ms(sound.len() as u64 / 48);
    let calm = run(&sent, PLAIN, Conditions { delay: ms(30), ..Conditions::default() }, length);
    let correlation = calm.report("silence left out", &sound);
    assert_eq!(calm.counters.samples_concealed, 0);
    assert!(calm.counters.samples_played > sound.len() as u64 - 48 * 200);
    assert!(correlation > 0.95, "{correlation}");
    let lossy = Conditions { delay: ms(30), loss: 0.05, jitter: ms(20), ..Conditions::default() };
    let lossy = run(&sent, PLAIN, lossy, length);
    lossy.report("silence left out, 5 % loss, 20 ms jitter", &sound);
    assert!(lossy.concealed_percent() < 5.0, "{} %", lossy.concealed_percent());
}

#[test]
fn an_outage_is_concealed_and_speech_goes_on_without_more_delay() {
    let sound = speech(20.0);
    let start = Instant::now();
    let mut all = arrivals(&packets(&sound, 0, false), PLAIN, Conditions::default(), start);
    let outage = ms(8_000)..ms(9_500);
    all.retain(|packet| !outage.contains(&(packet.arrived - start)));
    let mut buffer = JitterBuffer::new(decoder());
    let run = play(&mut buffer, all, start, ms(20_000));
    run.report("1.5 s without packets", &sound);
    let concealed = run.counters.samples_concealed / 48;
    assert!((1_450..1_600).contains(&concealed), "{concealed} ms");
    assert!(run.delays.last().expect("20 s were played") < &ms(30), "{:?}", run.delays);
}

#[test]
fn a_burst_after_an_outage_is_caught_up_with() {
    let sound = speech(20.0);
    let start = Instant::now();
    let mut all = arrivals(&packets(&sound, 0, false), PLAIN, Conditions::default(), start);
    for packet in &mut all {
        // What was sent in this second and a half comes at its end.
        if (ms(8_000)..ms(9_500)).contains(&(packet.arrived - start)) {
            packet.arrived = start + ms(9_500);
        }
    }
    let mut buffer = JitterBuffer::new(decoder());
    let run = play(&mut buffer, all, start, ms(20_000));
    run.report("1.5 s held up", &sound);
    assert!(run.delays.last().expect("20 s were played") < &ms(60), "{:?}", run.delays);
}

#[test]
fn another_stream_in_the_same_place_is_taken_up_at_once() {
    let sound = speech(10.0);
    let start = Instant::now();
    let mut buffer = JitterBuffer::new(decoder());
    let sent = packets(&sound, 0, false);
    let first = arrivals(&sent, PLAIN, Conditions::default(), start);
    play(&mut buffer, first, start, ms(10_000));
    let later = start + ms(10_000);
    let second = arrivals(&sent, Clock { sequence: 7, timestamp: 1234, ..PLAIN }, Conditions::default(), later);
    let before = buffer.counters();
    let run = play(&mut buffer, second, later, ms(10_000));
    let correlation = run.report("restarted", &sound);
    assert!(correlation > 0.95, "{correlation}");
    assert!(run.counters.samples_concealed - before.samples_concealed <= 48 * 60, "{:?}", run.counters);
}

#[test]
fn when_nothing_is_sent_any_more_nothing_is_counted() {
    let sound = speech(2.0);
    let start = Instant::now();
    let all = arrivals(&packets(&sound, 0, false), PLAIN, Conditions::default(), start);
    let mut buffer = JitterBuffer::new(decoder());
    let run = play(&mut buffer, all, start, ms(60_000));
    assert!(run.counters.samples_played < 8 * 48_000, "{:?}", run.counters);
    assert!(run.sound[10 * 48_000..].iter().all(|&sample| sample == 0.0));
}

#[test]
fn garbage_neither_panics_nor_piles_up() {
    let mut seed = 3_u64;
    let mut unit = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let start = Instant::now();
    let mut buffer = JitterBuffer::new(decoder());
    let mut block = [0.0; BLOCK];
    for i in 0..20_000_u32 {
        let payload: Vec<u8> = (0..(unit() * 60.0) as usize).map(|_| (unit() * 256.0) as u8).collect();
        let wild = unit() < 0.2;
        let now = start + Duration::from_micros(u64::from(i) * 700);
        buffer.insert(RtpPacket {
            sequence: if wild { (unit() * 65_536.0) as u16 } else { i as u16 },
            timestamp: if wild { (unit() * 4e9) as u32 } else { i * 960 },
            marker: wild,
            payload: Bytes::from(payload),
            arrived: now,
            captured_us: None,
            is_copy: false,
        });
        if i % 14 == 0 {
            buffer.pull(now, &mut block);
            assert!(block.iter().all(|sample| sample.is_finite()));
        }
    }
    assert!(buffer.counters().discarded > 1000, "{:?}", buffer.counters());
}
