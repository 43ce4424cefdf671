//! Opus at our settings: what in-band FEC is worth, discontinuous transmission, and garbage.

#![expect(clippy::print_stdout, reason = "the figures are the point of some of these tests")]

use sightline_media::audio::{AudioDecoder, AudioEncoder, FRAME, OpusDecoder, OpusEncoder, similarity, speech};

fn encoder(expected_loss: u8, dtx: bool) -> OpusEncoder {
    OpusEncoder::new(32_000, expected_loss, dtx).expect("these settings are valid")
}

fn decoder() -> OpusDecoder {
    OpusDecoder::new().expect("Opus has a decoder")
}

fn encode(encoder: &mut OpusEncoder, frame: &[f32]) -> Option<(Vec<u8>, bool)> {
    let mut payload = Vec::new();
    let frame = frame.try_into().expect("a whole frame");
    let encoded = encoder.encode(frame, &mut payload).expect("a frame can be encoded")?;
    Some((payload, encoded.marker))
}

fn numbers(seed: u32) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    }
}

/// How lost frames are made up for.
#[derive(Clone, Copy, PartialEq)]
enum Repair {
    Silence,
    Concealment,
    Redundancy,
}

/// Decodes `sent` without the frames that are `lost`.
fn receive(sent: &[Vec<u8>], lost: &[bool], repair: Repair) -> Vec<f32> {
    let mut decoder = decoder();
    let mut sound = Vec::new();
    for (i, payload) in sent.iter().enumerate() {
        let next = sent.get(i + 1).filter(|_| !lost[i + 1]);
        match (lost[i], repair, next) {
            (false, ..) => decoder.decode(payload, &mut sound).expect("it is a packet"),
            (true, Repair::Silence, _) => sound.resize(sound.len() + FRAME, 0.0),
            (true, Repair::Redundancy, Some(next)) => {
                decoder.recover(next, FRAME, &mut sound).expect("the next one is a packet");
            }
            (true, ..) => decoder.conceal(FRAME, &mut sound).expect("concealment always works"),
        }
    }
    sound
}

/// Signal to noise in the lost frames alone, dB.
fn snr_of_lost(whole: &[f32], repaired: &[f32], lost: &[bool]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (i, _) in lost.iter().enumerate().filter(|&(_, &lost)| lost) {
        for k in i * FRAME..(i + 1) * FRAME {
            signal += f64::from(whole[k]).powi(2);
            noise += f64::from(repaired[k] - whole[k]).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn with_ten_percent_loss_fec_leaves_speech_intelligible() {
    let sound = speech(40.0);
    let mut encoder = encoder(10, false);
    let sent: Vec<Vec<u8>> =
        sound.chunks_exact(FRAME).filter_map(|frame| encode(&mut encoder, frame)).map(|(payload, _)| payload).collect();
    let mut random = numbers(12_345);
    let lost: Vec<bool> = sent.iter().map(|_| random() % 100 < 10).collect();
    let whole = receive(&sent, &vec![false; sent.len()], Repair::Silence);
    let bytes: usize = sent.iter().map(Vec::len).sum();
    println!(
        "{:.1} kbit/s, {} of {} frames lost",
        bytes as f64 * 8.0 / 40_000.0,
        lost.iter().filter(|&&l| l).count(),
        lost.len()
    );
    let measure = |repair, name: &str| {
        let repaired = receive(&sent, &lost, repair);
        let snr = snr_of_lost(&whole, &repaired, &lost);
        let like = similarity(&sound, &repaired).correlation;
        println!("{name}: SNR of the lost frames {snr:.1} dB, correlation of all {like:.3}");
        (snr, like)
    };
    let (_, silence) = measure(Repair::Silence, "silence");
    let (without, concealed) = measure(Repair::Concealment, "without FEC");
    let (with, recovered) = measure(Repair::Redundancy, "with FEC");
    assert!(with > without + 2.0, "FEC: {with} dB, without: {without} dB");
    assert!(recovered > 0.95 && recovered > concealed && concealed > silence, "{recovered} {concealed} {silence}");
    let redundant = sent.iter().filter(|payload| decoder().has_redundancy(payload)).count();
    assert!(redundant > sent.len() / 3, "{redundant} of {} packets carry redundancy", sent.len());
}

#[test]
fn without_expected_loss_no_redundancy_is_sent() {
    let mut encoder = encoder(0, false);
    let decoder = decoder();
    let sound = speech(5.0);
    assert!(sound.chunks_exact(FRAME).all(|frame| {
        let (payload, _) = encode(&mut encoder, frame).expect("without DTX every frame is sent");
        !decoder.has_redundancy(&payload)
    }));
}

#[test]
fn silence_costs_two_packets_every_400_ms_and_speech_after_it_is_marked() {
    let mut encoder = encoder(5, true);
    let sound = speech(2.0);
    for frame in sound.chunks_exact(FRAME) {
        encode(&mut encoder, frame);
    }
    let silence: Vec<Option<(Vec<u8>, bool)>> = (0..500).map(|_| encode(&mut encoder, &[0.0; FRAME])).collect();
    let late: Vec<_> = silence[100..].iter().flatten().collect();
    // One renews the comfort noise, one says that silence goes on.
    assert!((36..=44).contains(&late.len()), "{} packets in 8 s", late.len());
    assert!(late.iter().all(|(_, marker)| !marker));
    let marked = sound.chunks_exact(FRAME).filter_map(|frame| encode(&mut encoder, frame)).filter(|(_, m)| *m).count();
    assert_eq!(marked, 1);
}

#[test]
fn garbage_is_an_error_or_at_most_120_ms() {
    let mut random = numbers(99);
    let mut decoder = decoder();
    assert_eq!(decoder.samples_in(&[]), None);
    assert!(decoder.decode(&[], &mut Vec::new()).is_err());
    let mut refused = 0;
    for length in (0..20_000).map(|i| i % 200) {
        let payload: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        decoder.has_redundancy(&payload);
        let mut sound = Vec::new();
        refused += u32::from(decoder.decode(&payload, &mut sound).is_err());
        assert!(sound.len() <= 5760 && sound.iter().all(|sample| sample.is_finite()));
        sound.clear();
        // An error as well or some sound; both will do.
        let _ = decoder.recover(&payload, FRAME, &mut sound);
        assert!(sound.len() <= 5760);
    }
    assert!(refused > 1000, "{refused}");
}
