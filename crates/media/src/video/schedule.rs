//! When each picture is shown: so long after the fastest one's time that most are there, repaired ones too.
//!
//! Invariant: pictures are shown as far apart as they were captured, but for those that come later than nearly all. Pure: time is
//! passed in.

use std::time::{Duration, Instant};

use crate::delay::DelayTarget;

/// Nobody can talk to whom they see later than this, whatever is lost.
const MOST: Duration = Duration::from_millis(200);
/// A timestamp this far from the one before, RTP ticks, is of another time line: 2 s.
const JUMP: i64 = 2 * crate::VIDEO_CLOCK_HZ as i64;
/// What pictures last at the usual rate, for their weight.
const USUAL_US: i64 = 33_333;

/// The schedule of one stream.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    line: Option<Line>,
}

/// A time line.
#[derive(Debug)]
struct Line {
    epoch: Instant,
    /// RTP timestamp of the last picture, and the same unwrapped.
    timestamp: u32,
    ticks: i64,
    target: DelayTarget,
}

impl Schedule {
    /// A picture is whole. Says how long it is held.
    pub(crate) fn whole(&mut self, now: Instant, timestamp: u32) -> Duration {
        let step = self.line.as_ref().map_or(0, |line| i64::from(timestamp.wrapping_sub(line.timestamp) as i32));
        if step.abs() > JUMP {
            self.line = None;
        }
        let begin = || Line { epoch: now, timestamp, ticks: 0, target: DelayTarget::new() };
        let line = self.line.get_or_insert_with(begin);
        line.ticks += i64::from(timestamp.wrapping_sub(line.timestamp) as i32);
        line.timestamp = timestamp;
        let now_us = now.saturating_duration_since(line.epoch).as_micros() as i64;
        let offset_us = now_us - line.ticks * 100 / 9;
        let late_us = line.target.packet(now_us, offset_us, USUAL_US);
        self.delay().saturating_sub(Duration::from_micros(late_us.max(0) as u64))
    }

    /// How long after the fastest picture's time the others are shown.
    pub(crate) fn delay(&self) -> Duration {
        let target_us = self.line.as_ref().map_or(0, |line| line.target.target_us());
        Duration::from_micros(target_us.max(0) as u64).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Thirty a second, of which `late` says how late each is whole; the gaps between those shown from the tenth second on.
    fn gaps(seconds: u32, late: impl Fn(u32) -> u32) -> (Vec<Duration>, Duration) {
        let (start, mut schedule) = (Instant::now(), Schedule::default());
        let (mut ready, mut shown) = (start, Vec::new());
        for number in 0..seconds * 30 {
            // One waits for the other.
            ready = ready.max(start + number * MS * 100 / 3 + late(number) * MS);
            let due = ready + schedule.whole(ready, (u32::MAX - 90_000).wrapping_add(number * 3_000));
            shown.push(shown.last().copied().unwrap_or(due).max(due));
        }
        let gaps = shown.windows(2).skip(300).map(|pair| pair[1] - pair[0]).collect();
        (gaps, schedule.delay())
    }

    #[test]
    fn even_pictures_are_shown_at_once() {
        let (gaps, delay) = gaps(20, |_| 0);
        assert!(delay < 10 * MS, "{delay:?}");
        assert!(gaps.iter().all(|gap| *gap < 35 * MS));
    }

    #[test]
    fn repairs_do_not_show_where_they_are_usual() {
        let (gaps, delay) = gaps(60, |number| match number % 50 {
            0 => 130,
            1 | 11 | 18 | 24 | 33 => 65,
            _ => 0,
        });
        assert!((60 * MS..=140 * MS).contains(&delay), "{delay:?}");
        assert!(gaps.iter().all(|gap| *gap < 110 * MS), "{:?}", gaps.iter().max());
    }

    #[test]
    fn nobody_waits_for_more_than_a_fifth_of_a_second_and_calm_is_noticed() {
        let (_, delay) = gaps(30, |number| if number % 15 == 0 { 400 } else { 0 });
        assert_eq!(delay, MOST);
        let (_, delay) = gaps(90, |number| if number < 900 && number % 15 == 0 { 400 } else { 0 });
        assert!(delay < 10 * MS, "{delay:?}");
    }

    #[test]
    fn another_time_line_begins_afresh() {
        let (start, mut schedule) = (Instant::now(), Schedule::default());
        schedule.whole(start, 5);
        assert!(schedule.whole(start + 33 * MS, 0x7000_0000) <= 30 * MS);
        assert!(schedule.whole(start + 66 * MS, 0x7000_0000 + 3_000) <= 30 * MS);
    }
}
