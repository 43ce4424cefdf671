//! The machine's own limit: when encoding a picture takes nearly as long as there is time until the next, the largest layer
//! is given up, before pictures have to be left out.

use std::time::{Duration, Instant};

use sightline_media::video::{LAYERS, VideoSendCounters};

/// Part of the frame interval in the encoder above which the next slow picture makes one be left out.
const TOO_MUCH: f64 = 0.8;
/// Part of it that the next larger layer, with four times the pixels, is to take at most.
const ROOM: f64 = 0.6;
/// One step of the ladder costs so much more, or less.
const STEP: f64 = 4.0;
/// How long it has to be too much: a burst of other work is no reason.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long there has to be room.
const FIRST_HOLD: Duration = Duration::from_secs(10);
/// Longest, after steps up that did not last.
const MAX_HOLD: Duration = Duration::from_secs(120);
/// Readings are compared over at least so long.
const WINDOW: Duration = Duration::from_secs(1);

/// What the encoders have done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Of each layer.
    pub frames: [u64; LAYERS],
    pub time: Duration,
}

impl From<&VideoSendCounters> for Work {
    fn from(counters: &VideoSendCounters) -> Self {
        Self { frames: counters.layers.map(|layer| layer.frames_encoded), time: counters.encode_time }
    }
}

/// Watches encode times.
#[derive(Debug)]
pub(crate) struct EncodeLoad {
    top: usize,
    last: Option<(Instant, Work)>,
    /// Since when it has been too much, or there has been room.
    high: Option<Instant>,
    low: Option<Instant>,
    hold: Duration,
}

impl EncodeLoad {
    pub(crate) fn new() -> Self {
        Self { top: 0, last: None, high: None, low: None, hold: FIRST_HOLD }
    }

    /// The largest layer that the machine can encode in time.
    pub(crate) fn top(&self) -> usize {
        self.top
    }

    /// Takes a reading; `fps` is what we mean to send and `smallest` the last layer there is. True where the top changed.
    pub(crate) fn update(&mut self, now: Instant, work: Work, fps: u32, smallest: usize) -> bool {
        let Some((at, before)) = self.last else {
            self.last = Some((now, work));
            return false;
        };
        if now.saturating_duration_since(at) < WINDOW {
            return false;
        }
        self.last = Some((now, work));
        let frames = work.frames.iter().zip(before.frames).map(|(now, before)| now.saturating_sub(before)).max();
        let Some(frames) = frames.filter(|frames| *frames > 0) else {
            (self.high, self.low) = (None, None);
            return false;
        };
        let each = work.time.saturating_sub(before.time).as_secs_f64() / frames as f64;
        let load = each * f64::from(fps.max(1));
        mark(&mut self.high, load > TOO_MUCH, at);
        mark(&mut self.low, load * STEP < ROOM, at);
        let lasts = |since: Option<Instant>, long: Duration| since.is_some_and(|at| now.duration_since(at) >= long);
        if lasts(self.high, PATIENCE) && self.top < smallest {
            if self.top > 0 {
                self.hold = (self.hold * 2).min(MAX_HOLD);
            }
            self.top += 1;
        } else if lasts(self.low, self.hold) && self.top > 0 {
            self.top -= 1;
            self.hold = (self.hold * 2).min(MAX_HOLD);
        } else {
            return false;
        }
        (self.high, self.low) = (None, None);
        true
    }
}

fn mark(since: &mut Option<Instant>, holds: bool, at: Instant) {
    if holds {
        since.get_or_insert(at);
    } else {
        *since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes for so many seconds, a picture of the top layer taking `ms`; gives the top after each second.
    fn run(load: &mut EncodeLoad, clock: &mut (Instant, Work), seconds: u32, ms: impl Fn(usize) -> f64) -> Vec<usize> {
        let second = |_| {
            clock.0 += Duration::from_secs(1);
            let each = ms(load.top());
            // A slow encoder takes fewer pictures.
            let frames = (1000.0 / each).min(30.0);
            clock.1.frames[load.top()] += frames as u64;
            clock.1.time += Duration::from_secs_f64(frames.floor() * each / 1000.0);
            load.update(clock.0, clock.1, 30, 2);
            load.top()
        };
        (0..seconds).map(second).collect()
    }

    #[test]
    fn a_machine_that_is_too_slow_gets_smaller_pictures_and_a_fast_one_keeps_them() {
        let mut clock = (Instant::now(), Work::default());
        let mut load = EncodeLoad::new();
        assert!(run(&mut load, &mut clock, 60, |_| 5.0).iter().all(|top| *top == 0));
        let slow = |top: usize| [30.0, 8.0, 2.5][top];
        let tops = run(&mut load, &mut clock, 60, slow);
        assert!(tops[2..].contains(&1) && tops[10..].iter().all(|top| *top == 1), "{tops:?}");
        // Other work has ended.
        let tops = run(&mut load, &mut clock, 60, |top| [12.0, 3.0, 1.0][top]);
        assert_eq!(tops[59], 0, "{tops:?}");
    }

    #[test]
    fn a_burst_of_other_work_changes_nothing_and_a_relapse_makes_cautious() {
        let mut clock = (Instant::now(), Work::default());
        let mut load = EncodeLoad::new();
        run(&mut load, &mut clock, 5, |_| 5.0);
        assert!(run(&mut load, &mut clock, 2, |_| 40.0).iter().all(|top| *top == 0));
        assert!(run(&mut load, &mut clock, 5, |_| 5.0).iter().all(|top| *top == 0));
        // The larger size is always too much, though the smaller one promises that it is not.
        let tops = run(&mut load, &mut clock, 600, |top| [40.0, 3.0, 1.0][top]);
        let ups = tops.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((1..=8).contains(&ups), "{ups} tries in ten minutes");
    }
}
