//! Two soft notes by which a person hears that a speaker works.
//!
//! Invariant: playing takes a bounded time, whatever the speaker does.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::output::Output;
use super::{BLOCK, SAMPLE_RATE, duration_of};
use crate::MediaError;
use crate::device::DeviceKind;

/// C5 and E5: heard well on the small speakers of a laptop.
const NOTES_HZ: [f64; 2] = [523.25, 659.26];
/// Blocks of 10 ms of each note.
const NOTE_BLOCKS: usize = 45;
/// -16 dBov at its loudest.
const AMPLITUDE: f64 = 0.15;
/// Silence at the end, which pushes the notes through whatever is in between.
const TAIL_BLOCKS: usize = 10;
/// A speaker that takes longer than this more than the notes last does not work.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest that a device keeps sound to itself.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Plays two soft notes on a speaker by id or part of its name; `None` is the default one. Gives how long they last, about
/// a second, for which it blocks: not for an async task.
///
/// # Errors
/// There is no such speaker, or it does not take sound.
pub fn play_test_tone(speaker: Option<String>) -> Result<Duration, MediaError> {
    let mut output = Output::open(speaker.clone(), Arc::new(|_| {}))?;
    let sound = notes();
    let lasts = duration_of(sound.len() as u64);
    let deadline = Instant::now() + lasts + PATIENCE;
    for block in sound.chunks_exact(BLOCK) {
        while !output.wait_for_room(Duration::from_millis(10)) {
            if Instant::now() > deadline {
                let problem = "it takes no sound".to_owned();
                let name = speaker.unwrap_or_else(|| "default".to_owned());
                return Err(MediaError::Device { kind: DeviceKind::Speaker, name, problem });
            }
        }
        output.play(block);
    }
    thread::sleep(output.delay().min(MAX_DELAY));
    Ok(lasts)
}

fn notes() -> Vec<f32> {
    let length = NOTE_BLOCKS * BLOCK;
    let note = |hz: f64| {
        (0..length).map(move |at| {
            let swell = (PI * at as f64 / length as f64).sin().powi(2);
            (AMPLITUDE * swell * (TAU * hz * at as f64 / f64::from(SAMPLE_RATE)).sin()) as f32
        })
    };
    let tail = std::iter::repeat_n(0.0, TAIL_BLOCKS * BLOCK);
    NOTES_HZ.into_iter().flat_map(note).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_notes_of_a_second_together_come_and_go_softly() {
        let sound = notes();
        assert_eq!(duration_of(sound.len() as u64), Duration::from_secs(1));
        assert!(sound.len().is_multiple_of(BLOCK));
        let loudest = sound.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.14..=0.15).contains(&loudest), "{loudest}");
        let step = sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.014, "a click of {step}");
        let crossings = |part: &[f32]| part.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        let length = NOTE_BLOCKS * BLOCK;
        assert!((230..=236).contains(&crossings(&sound[..length])));
        assert!((292..=298).contains(&crossings(&sound[length..2 * length])));
    }

    #[test]
    fn a_speaker_that_is_not_there_is_said_at_once() {
        let error = play_test_tone(Some("no such speaker".into())).expect_err("there is none").to_string();
        assert!(error.contains("no such speaker"), "{error}");
    }
}
