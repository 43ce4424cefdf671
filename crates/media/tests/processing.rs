//! The echo of a synthetic room goes down while near speech survives.

#![expect(clippy::print_stdout, reason = "the figures are the point of these tests")]

use std::time::{Duration, Instant};

use sightline_media::audio::{AudioProcessor, BLOCK, similarity, speech};

const SECONDS: usize = 20;
const RATE: usize = 48_000;
/// From the speaker to the microphone, through both devices.
const DELAY: usize = 80 * RATE / 1000;

fn power_db(sound: &[f32]) -> f64 {
    10.0 * (sound.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / sound.len() as f64 + 1e-12).log10()
}

/// What the speaker's sound is at the microphone: the direct way, 60 ms of decaying reflections, a little noise.
fn room(far: &[f32]) -> Vec<f32> {
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut paths = vec![(DELAY, 0.5)];
    paths.extend((40..2880).step_by(37).map(|k| (DELAY + k, 0.25 * random() * (-(k as f32) / 700.0).exp())));
    let mut echo: Vec<f32> = far.iter().map(|_| random() * 0.0005).collect();
    for (delay, gain) in paths {
        for (at, from) in echo[delay..].iter_mut().zip(far) {
            *at += gain * from;
        }
    }
    echo
}

/// Runs both directions as sender and player do.
fn process(far: &[f32], microphone: &[f32]) -> Vec<f32> {
    let processor = AudioProcessor::new();
    let mut out = Vec::new();
    for (far, microphone) in far.chunks_exact(BLOCK).zip(microphone.chunks_exact(BLOCK)) {
        let mut block: [f32; BLOCK] = microphone.try_into().expect("a whole block");
        processor.render(far.try_into().expect("a whole block"), Duration::from_millis(50));
        processor.capture(&mut block, Duration::from_millis(30));
        out.extend_from_slice(&block);
    }
    out
}

#[test]
fn echo_is_cancelled_by_25_db() {
    let far = speech(SECONDS as f32);
    let echo = room(&far);
    let started = Instant::now();
    let out = process(&far, &echo);
    let cost = started.elapsed().as_secs_f64() * 1e3 / SECONDS as f64;
    let converged = 4 * RATE..;
    let (before, after) = (power_db(&echo[converged.clone()]), power_db(&out[converged]));
    println!("echo {before:.1} dB before, {after:.1} dB after: {:.1} dB less; {cost:.1} ms per s", before - after);
    assert!(before - after > 25.0, "{before} -> {after}");
}

#[test]
fn near_speech_survives_the_canceller() {
    // 12 s for the canceller to learn the room, then both speak.
    let all = speech(2.0 * SECONDS as f32);
    let (far, near) = all.split_at(SECONDS * RATE);
    let talk = 12 * RATE;
    let mut microphone = room(far);
    for (at, near) in microphone[talk..].iter_mut().zip(near) {
        *at += near;
    }
    let out = process(far, &microphone);
    let found = similarity(&near[..far.len() - talk], &out[talk..]);
    let change = power_db(&out[talk..]) - power_db(&near[..far.len() - talk]);
    println!("in double talk: near speech {found:?}, level {change:+.1} dB");
    assert!(found.correlation > 0.5, "{found:?}");
    assert!((-10.0..20.0).contains(&change), "{change} dB");

    let alone = process(&vec![0.0; near.len()], near);
    let found = similarity(near, &alone);
    println!("alone: near speech {found:?}");
    assert!(found.correlation > 0.8, "{found:?}");
}
