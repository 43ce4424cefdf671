//! The tone of a call that comes in: two soft notes, a pause, and again.
//!
//! Invariant: it stops within a few seconds of being dropped, and by itself after [`MOST`] times, whatever becomes of the
//! call. It holds no thread of the runtime.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use sightline_media::MediaError;
use sightline_media::audio::play_test_tone;

/// Between the notes and the next ones: as telephones have it, about three seconds from one to the next.
const PAUSE: Duration = Duration::from_secs(2);
/// A call rings for 45 s; with this it is 60 s.
const MOST: u32 = 20;

/// A tone that sounds until it is dropped.
#[derive(Debug)]
pub(super) struct Tone {
    /// Dropping it ends the pause.
    _running: Sender<()>,
}

impl Tone {
    /// Begins on a speaker by its id; `None` is the default one.
    pub(super) fn start(speaker: Option<String>) -> Self {
        Self::playing(move || play_test_tone(speaker.clone()).map(drop), PAUSE)
    }

    fn playing(play: impl Fn() -> Result<(), MediaError> + Send + 'static, pause: Duration) -> Self {
        let (running, stopped) = channel();
        let ring = move || {
            for _ in 0..MOST {
                if let Err(error) = play() {
                    // The window shows the call; nothing more can be done about a speaker that is missing.
                    return tracing::warn!("a call rings without a sound: {error}");
                }
                match stopped.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("ring".to_owned()).spawn(ring) {
            tracing::warn!("a call rings without a sound: {error}");
        }
        Self { _running: running }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// Longer than anything takes here.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A tone whose notes arrive at the other end; that ends with the tone.
    fn heard(pause: Duration) -> (Tone, Receiver<()>) {
        let (note, notes) = sync_channel(0);
        let play = move || {
            note.send(()).map_err(|_| MediaError::Device {
                kind: sightline_media::device::DeviceKind::Speaker,
                name: "test".into(),
                problem: "nobody listens".into(),
            })
        };
        (Tone::playing(play, pause), notes)
    }

    #[test]
    fn it_sounds_again_and_again_and_not_for_ever() {
        let (_tone, notes) = heard(Duration::ZERO);
        for _ in 0..MOST {
            notes.recv_timeout(PATIENCE).expect("a note");
        }
        assert_eq!(notes.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the thread has ended");
    }

    #[test]
    fn dropping_it_ends_it_in_the_pause() {
        let (tone, notes) = heard(10 * PATIENCE);
        notes.recv_timeout(PATIENCE).expect("a note");
        drop(tone);
        assert_eq!(notes.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the thread has ended");
    }

    #[test]
    fn a_speaker_that_is_missing_ends_it() {
        let (_tone, notes) = heard(Duration::ZERO);
        notes.recv_timeout(PATIENCE).expect("a note");
        drop(notes);
        drop(Tone::start(Some("no such speaker".into())));
    }
}
