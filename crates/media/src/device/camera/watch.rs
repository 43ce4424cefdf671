//! Decides what to do about a camera that gives no pictures.
//!
//! Invariant: trouble is reported once when it begins and once when it ends; in between the camera is tried for ever, but no
//! more than [`MAX_ABANDONED`] stuck threads are left behind. Pure: time is passed in.

use std::time::{Duration, Instant};

use crate::device::DeviceState;

/// Without a picture for so long, a camera that gave some has stalled.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// So long may it take to its first.
const FIRST_WITHIN: Duration = Duration::from_secs(4);
/// Between two tries to open it.
const RETRY: Duration = Duration::from_secs(1);
/// Between two attempts to wake a stuck thread.
const WAKE_EVERY: Duration = Duration::from_millis(100);
/// Attempts to wake it before it is left behind.
const WAKES: u32 = 10;
/// Stuck threads that may be left behind: each holds a stack and a camera's buffers.
const MAX_ABANDONED: u32 = 3;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing until then.
    Wait(Instant),
    /// Start a thread that opens the camera, then call [`Watch::opening`].
    Open,
    /// End the wait of the thread.
    Wake,
    /// Leave the thread behind.
    Abandon,
    /// Tell the user.
    Report(DeviceState),
}

/// A thread at work on the camera.
#[derive(Debug)]
struct Attempt {
    begun: Instant,
    last_picture: Option<Instant>,
    wakes: u32,
    last_wake: Option<Instant>,
}

/// The state of one camera.
#[derive(Debug)]
pub(super) struct Watch {
    attempt: Option<Attempt>,
    retry_at: Instant,
    /// What was reported and has not ended.
    trouble: Option<DeviceState>,
    abandoned: u32,
}

impl Watch {
    /// A thread was just started.
    pub(super) fn new(now: Instant) -> Self {
        let mut watch = Self { attempt: None, retry_at: now, trouble: None, abandoned: 0 };
        watch.opening(now);
        watch
    }

    /// A thread was started.
    pub(super) fn opening(&mut self, now: Instant) {
        self.attempt = Some(Attempt { begun: now, last_picture: None, wakes: 0, last_wake: None });
    }

    /// A picture came; gives what to report.
    pub(super) fn picture(&mut self, now: Instant) -> Option<DeviceState> {
        let attempt = self.attempt.as_mut()?;
        attempt.last_picture = Some(now);
        attempt.wakes = 0;
        self.trouble.take().map(|_| DeviceState::Back)
    }

    /// The thread ended, by an error or because it was woken; gives what to report.
    pub(super) fn ended(&mut self, now: Instant) -> Option<DeviceState> {
        let woken = self.attempt.take().is_some_and(|attempt| attempt.wakes > 0);
        self.retry_at = if woken { now } else { now + RETRY };
        if self.trouble.is_some() {
            return None;
        }
        self.trouble = Some(DeviceState::Lost);
        self.trouble
    }

    /// What to do now. To be asked again after each step, and after each picture or end.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        let Some(attempt) = &mut self.attempt else {
            return if now >= self.retry_at { Step::Open } else { Step::Wait(self.retry_at) };
        };
        let silent_from = match attempt.last_picture {
            Some(at) => at + STALLED_AFTER,
            None => attempt.begun + FIRST_WITHIN,
        };
        if now < silent_from {
            return Step::Wait(silent_from);
        }
        if self.trouble.is_none() {
            self.trouble = Some(DeviceState::Stalled);
            return Step::Report(DeviceState::Stalled);
        }
        if attempt.wakes >= WAKES && self.abandoned < MAX_ABANDONED {
            self.abandoned += 1;
            self.attempt = None;
            self.retry_at = now;
            return Step::Abandon;
        }
        let pause = if attempt.wakes < WAKES { WAKE_EVERY } else { RETRY };
        let next_wake = attempt.last_wake.map_or(now, |last| last + pause);
        if now < next_wake {
            return Step::Wait(next_wake);
        }
        attempt.wakes += 1;
        attempt.last_wake = Some(now);
        Step::Wake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Steps other than waiting, with their times in milliseconds, until `end`.
    fn run(watch: &mut Watch, start: Instant, from: u32, end: u32) -> Vec<(u32, Step)> {
        let mut steps = Vec::new();
        let mut now = start + from * MS;
        while now <= start + end * MS {
            match watch.step(now) {
                Step::Wait(until) => {
                    assert!(until > now, "a wait must end later than it begins");
                    now = until;
                }
                step => {
                    steps.push((now.duration_since(start).as_millis() as u32, step));
                    if step == Step::Open {
                        watch.opening(now);
                    }
                }
            }
        }
        steps
    }

    #[test]
    fn a_stall_is_reported_once_and_the_thread_woken_until_it_ends() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        assert_eq!(watch.picture(start + 100 * MS), None);
        let steps = run(&mut watch, start, 100, 2299);
        let expected = [(2100, Step::Report(DeviceState::Stalled)), (2100, Step::Wake), (2200, Step::Wake)];
        assert_eq!(steps, expected);
        // It gives the camera back; it is opened again at once, and works.
        assert_eq!(watch.ended(start + 2300 * MS), None);
        assert_eq!(run(&mut watch, start, 2300, 2400), [(2300, Step::Open)]);
        assert_eq!(watch.picture(start + 2500 * MS), Some(DeviceState::Back));
        assert_eq!(watch.picture(start + 2533 * MS), None);
    }

    #[test]
    fn a_camera_that_wakes_by_itself_is_back() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        watch.picture(start);
        assert_eq!(run(&mut watch, start, 0, 2050).len(), 2);
        assert_eq!(watch.picture(start + 2060 * MS), Some(DeviceState::Back));
        assert_eq!(run(&mut watch, start, 2060, 4000), []);
    }

    #[test]
    fn an_unplugged_camera_is_lost_once_and_tried_each_second() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        watch.picture(start);
        assert_eq!(watch.ended(start + 50 * MS), Some(DeviceState::Lost));
        for second in 1..100 {
            let at = 50 + second * 1000;
            assert_eq!(run(&mut watch, start, at - 999, at), [(at, Step::Open)]);
            assert_eq!(watch.ended(start + at * MS), None);
        }
        assert_eq!(run(&mut watch, start, 100_000, 100_050), [(100_050, Step::Open)]);
        assert_eq!(watch.picture(start + 100_200 * MS), Some(DeviceState::Back));
    }

    #[test]
    fn few_stuck_threads_are_left_behind() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let steps = run(&mut watch, start, 0, 600_000);
        let count = |step| steps.iter().filter(|(_, taken)| *taken == step).count();
        assert_eq!((count(Step::Abandon), count(Step::Open)), (3, 3));
        assert_eq!(steps[0], (4000, Step::Report(DeviceState::Stalled)));
        assert_eq!(count(Step::Report(DeviceState::Stalled)), 1);
    }
}
