//! Lip sync: pictures wait for the sound that was captured with them, or sound waits for the pictures.
//!
//! Invariant: both delays are measured from capture, in the sender's clock, to the moment of playing, in ours; how far the two
//! clocks are apart is in both and cancels out. Nothing waits where one of them is not known. Time is passed in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was measured longer ago than this says nothing any more: a peer that is muted, or whose camera is off.
const FRESH: Duration = Duration::from_secs(2);
/// Part by which a measurement moves the mean: of some 16 pictures, or packets.
const MOVE: f64 = 1.0 / 16.0;
/// Pictures wait for at most so long: more is a broken clock, or sound that nobody can wait for.
const MOST_FOR_PICTURES: Duration = Duration::from_millis(300);
/// And sound for so long.
const MOST_FOR_SOUND: Duration = Duration::from_millis(200);
/// So much sound may be ahead of the pictures before it waits for them; people begin to notice at 45 ms (ITU-R BT.1359).
const AHEAD_US: f64 = 40_000.0;

/// One peer's sound and pictures, shared by those who play them.
#[derive(Debug, Clone, Default)]
pub struct LipSync {
    paths: Arc<Mutex<Paths>>,
}

#[derive(Debug, Default)]
struct Paths {
    sound: Mean,
    /// Of sound, but for its buffer: what is waited there changes with what is asked for here, and this does not.
    unbuffered: Mean,
    pictures: Mean,
}

/// A delay in microseconds, by our clock less the sender's.
#[derive(Debug, Default)]
struct Mean {
    value: Option<(f64, Instant)>,
}

impl Mean {
    fn add(&mut self, now: Instant, delay_us: i64) {
        let before = self.at(now).unwrap_or(delay_us as f64);
        self.value = Some((before + (delay_us as f64 - before) * MOVE, now));
    }

    fn at(&self, now: Instant) -> Option<f64> {
        self.value.filter(|(_, at)| now.saturating_duration_since(*at) <= FRESH).map(|(value, _)| value)
    }
}

impl LipSync {
    /// Sound that was captured `delay_us` ago is heard now, and has waited in its buffer for `buffered`.
    pub(crate) fn heard(&self, now: Instant, delay_us: i64, buffered: Duration) {
        let mut paths = self.lock();
        paths.sound.add(now, delay_us);
        paths.unbuffered.add(now, delay_us.saturating_sub(buffered.as_micros() as i64));
    }

    /// A picture that was captured `delay_us` ago could be shown now. Says how long it should wait for its sound.
    pub(crate) fn decoded(&self, now: Instant, delay_us: i64) -> Duration {
        let mut paths = self.lock();
        paths.pictures.add(now, delay_us);
        let wait = paths.sound.at(now).map_or(0.0, |sound| sound - delay_us as f64);
        Duration::from_micros(wait.max(0.0) as u64).min(MOST_FOR_PICTURES)
    }

    /// For how long sound should wait in its buffer at least, for the pictures' sake.
    pub(crate) fn least_for_sound(&self, now: Instant) -> Duration {
        let paths = self.lock();
        let Some((sound, pictures)) = paths.unbuffered.at(now).zip(paths.pictures.at(now)) else {
            return Duration::ZERO;
        };
        let least = pictures - sound - AHEAD_US;
        Duration::from_micros(least.max(0.0) as u64).min(MOST_FOR_SOUND)
    }

    fn lock(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1000;
    /// The sender's clock is wrong by an hour.
    const OFF: i64 = -3_600_000_000;

    #[test]
    fn pictures_wait_for_their_sound_whatever_the_clocks() {
        let (sync, now) = (LipSync::default(), Instant::now());
        assert_eq!(sync.decoded(now, OFF + 20 * MS), Duration::ZERO, "no sound, no wait");
        sync.heard(now, OFF + 90 * MS, Duration::from_millis(30));
        assert_eq!(sync.decoded(now, OFF + 20 * MS), Duration::from_millis(70));
        assert_eq!(sync.decoded(now, OFF + 50 * MS), Duration::from_millis(40), "each moment is played at its time");
        assert_eq!(sync.decoded(now, OFF + 100 * MS), Duration::ZERO);
        assert_eq!(sync.decoded(now, OFF - 900 * MS), MOST_FOR_PICTURES);
        assert_eq!(sync.decoded(now + 2 * FRESH, OFF + 20 * MS), Duration::ZERO, "muted for a while");
    }

    /// Sound that is stretched in steps, each of them felt a while after it was asked for.
    struct Ear {
        sync: LipSync,
        now: Instant,
        delay_ms: u64,
        since_step: u32,
    }

    impl Ear {
        /// Ten seconds of sound that takes 50 ms but for its buffer, and of pictures that take `pictures_ms`. How much later these are, at
        /// the end, and the least and the most that sound waited in the last five seconds.
        fn settle(&mut self, pictures_ms: i64) -> (i64, (u64, u64)) {
            let mut waited = (u64::MAX, 0);
            for packet in 0..500 {
                self.now += Duration::from_millis(20);
                let delay = Duration::from_millis(self.delay_ms);
                self.sync.heard(self.now, OFF + 50 * MS + delay.as_micros() as i64, delay);
                self.sync.decoded(self.now, OFF + pictures_ms * MS);
                let wanted = self.sync.least_for_sound(self.now).as_millis().max(30) as u64;
                self.since_step += 1;
                let off = wanted.abs_diff(self.delay_ms);
                // As the jitter buffer does it, in haste and calmly.
                if off > 5 && self.since_step >= if off > 60 { 1 } else { 3 } {
                    self.delay_ms = if wanted > self.delay_ms { self.delay_ms + 10 } else { self.delay_ms - 10 };
                    self.since_step = 0;
                }
                if packet >= 250 {
                    waited = (self.delay_ms.min(waited.0), self.delay_ms.max(waited.1));
                }
            }
            (pictures_ms - 50 - self.delay_ms as i64, waited)
        }
    }

    #[test]
    fn sound_waits_for_late_pictures_and_comes_back() {
        let mut ear = Ear { sync: LipSync::default(), now: Instant::now(), delay_ms: 30, since_step: 0 };
        let (skew, waited) = ear.settle(200);
        assert!((30..=45).contains(&skew), "pictures are {skew} ms later");
        assert_eq!(waited.0, waited.1, "it does not swing");
        let (_, waited) = ear.settle(60);
        assert_eq!(waited, (30, 30), "they are early: the pictures wait, not the sound");
        let (_, waited) = ear.settle(2000);
        assert_eq!(u128::from(waited.1), MOST_FOR_SOUND.as_millis());
        assert_eq!(LipSync::default().least_for_sound(ear.now), Duration::ZERO);
    }
}
