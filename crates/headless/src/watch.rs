//! What is seen of one peer's pictures: how late, in what order, how smoothly, how well.
//!
//! Invariant: a picture costs a lock and a few additions; what reads pixels is done only where it was asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sightline_media::video::{DecodedFrame, FreezeMeter, read_frame_counter};

use crate::report::{ClipOrder, Quantiles};
use crate::verify::{PictureQuality, Verifier};

/// Latencies kept for quantiles: an hour at 30 fps; what comes later is left out of them.
const MAX_LATENCIES: usize = 108_000;
/// Freezes kept one by one; a call that has more of them is told by the first ones.
const MAX_FREEZES: usize = 500;
/// A step back by so many frames or more is a looping clip's new start, a smaller one disorder.
const WRAP_FRAMES: u64 = 60;

/// What is to be read from the pixels of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Nothing.
    Nothing,
    /// The frame counter of Sightline's own clips.
    Counter,
    /// The counter, and how like the pattern pictures of this size are.
    Picture {
        /// Pixels before encoding.
        width: u32,
        /// Likewise.
        height: u32,
    },
}

/// No picture for much longer than the last second would have it (webrtc-stats `freezeCount`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    /// When the next picture came, milliseconds since the Unix epoch.
    pub ended_unix_ms: i64,
    /// How long there was none, ms.
    pub ms: f64,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Watched {
    /// From capture at the peer to decoded here, ms.
    pub capture_to_decode_ms: Option<Quantiles>,
    /// Frames by their counter.
    pub clip: Option<ClipOrder>,
    /// Each freeze.
    pub freezes: Vec<Freeze>,
    /// Against what was sent.
    pub quality: Option<PictureQuality>,
}

/// Watches one peer's pictures.
pub struct FrameWatch {
    verify: Verify,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    latencies_ms: Vec<f64>,
    order: ClipOrder,
    last_counter: Option<u64>,
    meter: FreezeMeter,
    freezes: Vec<Freeze>,
    verifier: Option<Verifier>,
}

impl FrameWatch {
    /// Begins to watch.
    pub fn new(verify: Verify) -> Self {
        let verifier = match verify {
            Verify::Nothing | Verify::Counter => None,
            // The same size was accepted for our own pictures before.
            Verify::Picture { width, height } => Verifier::new(width, height).ok(),
        };
        Self { verify, seen: Mutex::new(Seen { verifier, ..Seen::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A picture was decoded.
    pub fn frame(&self, frame: &DecodedFrame) {
        let counter = (self.verify != Verify::Nothing).then(|| read_frame_counter(&frame.frame));
        let mut seen = self.lock();
        if let Some(captured) = frame.captured_us
            && seen.latencies_ms.len() < MAX_LATENCIES
        {
            seen.latencies_ms.push((frame.decoded_us - captured) as f64 / 1e3);
        }
        if let Some(frozen) = seen.meter.shown(Instant::now())
            && seen.freezes.len() < MAX_FREEZES
        {
            seen.freezes.push(Freeze { ended_unix_ms: frame.decoded_us / 1000, ms: frozen.as_secs_f64() * 1e3 });
        }
        match counter {
            None => {}
            Some(None) => seen.order.unread += 1,
            Some(Some(counter)) => {
                seen.count(counter);
                if let Some(verifier) = &mut seen.verifier {
                    verifier.picture(&frame.frame, counter);
                }
            }
        }
    }

    /// Forgets what was seen, but goes on from the last picture.
    pub fn restart(&self) {
        let mut seen = self.lock();
        seen.latencies_ms.clear();
        seen.freezes.clear();
        seen.order = ClipOrder::default();
        if let Some(verifier) = &mut seen.verifier {
            verifier.restart();
        }
    }

    /// What was seen since then.
    pub fn result(&self) -> Watched {
        let mut seen = self.lock();
        Watched {
            capture_to_decode_ms: Quantiles::of(&mut seen.latencies_ms),
            clip: (self.verify != Verify::Nothing).then_some(seen.order),
            freezes: seen.freezes.clone(),
            quality: seen.verifier.as_ref().and_then(Verifier::quality),
        }
    }
}

impl Seen {
    fn count(&mut self, counter: u64) {
        self.order.read += 1;
        match self.last_counter {
            Some(last) if counter > last => self.order.skipped += counter - last - 1,
            Some(last) if last - counter < WRAP_FRAMES => self.order.out_of_order += 1,
            Some(_) | None => {}
        }
        self.last_counter = Some(counter);
    }
}

#[cfg(test)]
mod tests {
    use sightline_media::video::{FramePool, Pattern};

    use super::*;

    #[test]
    fn disorder_and_gaps_are_told_from_the_loop_of_a_clip() {
        let mut seen = Seen::default();
        for counter in (0..300).chain(0..10) {
            seen.count(counter);
        }
        assert_eq!((seen.order.out_of_order, seen.order.skipped), (0, 0));
        for counter in [12, 11, 11] {
            seen.count(counter);
        }
        assert_eq!((seen.order.read, seen.order.out_of_order, seen.order.skipped), (313, 2, 2));
    }

    #[test]
    fn a_restart_forgets_figures_but_not_where_the_clip_is() {
        let watch = FrameWatch::new(Verify::Picture { width: 64, height: 64 });
        let pattern = Pattern::new(64, 64).expect("a pattern");
        let show = |number: u64| {
            let mut buffer = FramePool::default().buffer(64, 64).expect("a buffer");
            pattern.draw(number, buffer.planes_mut());
            let frame = buffer.freeze(0);
            watch.frame(&DecodedFrame { frame, rtp_timestamp: 0, decoded_us: 5_000, captured_us: Some(1_000) });
        };
        (0..15).for_each(show);
        let before = watch.result();
        assert_eq!(before.capture_to_decode_ms.expect("measured").count, 15);
        assert_eq!(before.quality.expect("compared").compared, 1);
        watch.restart();
        [17, 18].into_iter().for_each(show);
        let after = watch.result();
        let clip = after.clip.expect("verified");
        assert_eq!((clip.read, clip.skipped), (2, 2));
        assert!(after.quality.is_none());
    }
}
