//! From what a link carries to what its encoders may make.
//!
//! Invariant: sound first. Rates go down at once, and up only when it has held.

use std::time::{Duration, Instant};

use sightline_bandwidth::BitRate;

use super::super::red::COPIES_MOST;
use super::super::types::LinkRate;

/// Below, pictures pause: what is left beside sound makes none that is worth looking at. Not for a moment's sake, as the first
/// probes and keyframes of a slow link make one.
const PAUSE: BitRate = BitRate::kbps(100);
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// They go on when this much has held for so long. Between the two, a link of 110 kbit/s would go back and forth.
const RESUME: BitRate = BitRate::kbps(130);
const RESUME_AFTER: Duration = Duration::from_secs(2);
/// For Opus, from the least rate of the link on: steps that are to be heard, no more. Where pictures are at their coarsest, 8 kbit/s are
/// more to them than to sound.
const SOUND: [(BitRate, u32); 4] = [
    (BitRate::bps(0), 16_000),
    (BitRate::kbps(100), 20_000),
    (BitRate::kbps(300), 24_000),
    (BitRate::kbps(330), 32_000),
];
/// A rise counts for sound when it has held for so long.
const SOUND_AFTER: Duration = Duration::from_secs(4);
/// No picture can be made of less.
const PICTURES_LEAST: f64 = 30_000.0;
/// A change by less than this share is not told: encoders do not keep to their rate any better.
const WORTH_TELLING: f64 = 0.02;
/// A rise is told so often at most.
const RISE_EVERY: Duration = Duration::from_millis(100);
/// Part of the way to a higher loss in one report: quick, as speech is being lost; to a lower one: slow, as loss comes in
/// bursts.
const LOSS_RISE: f32 = 0.5;
const LOSS_FALL: f32 = 0.05;
/// Sound is sent again from this loss on, until there is less than the second. Single losses are what in-band FEC is for.
const REPEAT: (f32, f32) = (0.015, 0.005);
/// Loss by a queue that ran over is soon over: copies are not to last much longer.
const REPEAT_FALL: f32 = 0.1;
/// What copies may take of the target: both from 530 kbit/s on, one from 270, where pictures need the rest.
const REPEAT_SHARE: f64 = 0.12;
/// What the share of headers is taken over, as the weight of what was before each packet: some fifty packets.
const SHARE_FADE: f64 = 0.98;

/// What there is, of everything together and for pictures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) target: BitRate,
    /// With headers.
    pub(super) video: BitRate,
    /// Pictures wait.
    pub(super) waits: bool,
}

/// Makes the rates of one link.
#[derive(Debug)]
pub(super) struct RateMaker {
    told: LinkRate,
    told_at: Option<Instant>,
    is_paused: bool,
    /// Since when there has been too little for pictures, or while they pause enough.
    turning: Option<Instant>,
    sound: usize,
    sound_rises: Option<Instant>,
    loss: f32,
    /// Loss that was reported, for copies: nothing is sent again before something is known to be lost.
    repeat_loss: f32,
    is_repeating: bool,
    /// Bytes of packets of pictures, with headers and without.
    wire: f64,
    payload: f64,
}

impl RateMaker {
    pub(super) fn new() -> Self {
        let told = LinkRate::default();
        // Packets of full size, until others were seen.
        let (wire, payload) = (1220.0, 1150.0);
        let sound = SOUND.len() - 1;
        let loss = told.audio_loss;
        Self {
            told,
            told_at: None,
            is_paused: false,
            turning: None,
            sound,
            sound_rises: None,
            loss,
            repeat_loss: 0.0,
            is_repeating: false,
            wire,
            payload,
        }
    }

    /// A packet of pictures has left.
    pub(super) fn sent(&mut self, wire: usize, payload: usize) {
        self.wire = self.wire * SHARE_FADE + wire as f64;
        self.payload = self.payload * SHARE_FADE + payload as f64;
    }

    /// The peer reports this share of our sound lost since its last report (RFC 3550, 6.4.1: fraction lost). `overflow`: a queue has
    /// run over meanwhile. What was lost to it says nothing of what is lost from now on, and copies would only fill it again.
    pub(super) fn reported(&mut self, fraction: f32, overflow: bool) {
        let part = if fraction > self.loss { LOSS_RISE } else { LOSS_FALL };
        self.loss += (fraction - self.loss) * part;
        if overflow {
            return;
        }
        let part = if fraction > self.repeat_loss { LOSS_RISE } else { REPEAT_FALL };
        self.repeat_loss += (fraction - self.repeat_loss) * part;
        let (from, until) = REPEAT;
        self.is_repeating = self.repeat_loss >= if self.is_repeating { until } else { from };
    }

    /// How many copies of sound at `audio_bps` there is room for.
    fn copies(&self, target: BitRate, audio_bps: u32) -> usize {
        let fit = (target.as_bps() as f64 * REPEAT_SHARE / f64::from(audio_bps)) as usize;
        if self.is_repeating { fit.min(COPIES_MOST) } else { 0 }
    }

    /// The rates by now, if they are worth telling.
    pub(super) fn news(&mut self, now: Instant, budget: Budget) -> Option<LinkRate> {
        let is_paused = self.is_paused(now, budget.target);
        let pictures = budget.video.as_bps() as f64 * self.payload / self.wire;
        let audio_bps = self.sound(now, budget.target);
        let rate = LinkRate {
            video_bps: if is_paused { 0 } else { pictures.max(PICTURES_LEAST) as u32 },
            audio_bps,
            audio_loss: self.loss,
            audio_copies: self.copies(budget.target, audio_bps),
            waits: budget.waits,
        };
        let is_news = self.is_news(now, &rate);
        if is_news {
            (self.told, self.told_at) = (rate, Some(now));
        }
        is_news.then_some(rate)
    }

    fn is_news(&self, now: Instant, rate: &LinkRate) -> bool {
        let (before, after) = (f64::from(self.told.video_bps), f64::from(rate.video_bps));
        let is_other = (before == 0.0) != (after == 0.0)
            || rate.waits != self.told.waits
            || (rate.audio_bps, rate.audio_copies) != (self.told.audio_bps, self.told.audio_copies);
        let falls = after < before * (1.0 - WORTH_TELLING);
        let rises = after > before * (1.0 + WORTH_TELLING) || (rate.audio_loss - self.told.audio_loss).abs() > 0.005;
        let has_held = self.told_at.is_none_or(|told| now.saturating_duration_since(told) >= RISE_EVERY);
        is_other || falls || (rises && has_held)
    }

    fn is_paused(&mut self, now: Instant, target: BitRate) -> bool {
        let (turns, after) =
            if self.is_paused { (target >= RESUME, RESUME_AFTER) } else { (target < PAUSE, PAUSE_AFTER) };
        if !turns {
            self.turning = None;
        } else if now.saturating_duration_since(*self.turning.get_or_insert(now)) >= after {
            self.is_paused = !self.is_paused;
            self.turning = None;
        }
        self.is_paused
    }

    fn sound(&mut self, now: Instant, target: BitRate) -> u32 {
        let fits = SOUND.iter().rposition(|(least, _)| target >= *least).unwrap_or(0);
        let has_held =
            fits > self.sound && now.saturating_duration_since(*self.sound_rises.get_or_insert(now)) >= SOUND_AFTER;
        if fits <= self.sound || has_held {
            self.sound = fits;
            self.sound_rises = None;
        }
        SOUND[self.sound].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn budget(kbps: u64) -> Budget {
        Budget { target: BitRate::kbps(kbps), video: BitRate::kbps(kbps.saturating_sub(50)), waits: false }
    }

    /// The rates of a link that carries `kbps`, told each 50 ms for `ms`; the last one that was told.
    fn run(maker: &mut RateMaker, now: &mut Instant, ms: u32, kbps: u64) -> LinkRate {
        let end = *now + ms * MS;
        while *now < end {
            *now += 50 * MS;
            maker.news(*now, budget(kbps));
        }
        maker.told
    }

    #[test]
    fn that_pictures_wait_is_told_at_once_and_likewise_that_they_go_on() {
        let (mut maker, now) = (RateMaker::new(), Instant::now());
        let mut told = |waits| maker.news(now, Budget { waits, ..budget(900) }).map(|rate| rate.waits);
        assert_eq!([true, true, false, false].map(&mut told), [Some(true), None, Some(false), None]);
    }

    #[test]
    fn below_100_kbit_pictures_pause_and_go_on_when_it_held() {
        let (mut maker, mut now) = (RateMaker::new(), Instant::now());
        assert!(run(&mut maker, &mut now, 100, 300).video_bps > 200_000);
        assert!(run(&mut maker, &mut now, 950, 60).video_bps > 0, "a moment");
        assert!(run(&mut maker, &mut now, 50, 110).video_bps > 0);
        assert_eq!(run(&mut maker, &mut now, 1_050, 99).video_bps, 0);
        assert_eq!(run(&mut maker, &mut now, 60_000, 120).video_bps, 0, "not enough to go on with");
        assert_eq!(run(&mut maker, &mut now, 1_900, 140).video_bps, 0, "not for long enough");
        assert_eq!(run(&mut maker, &mut now, 50, 110).video_bps, 0);
        assert_eq!(run(&mut maker, &mut now, 1_900, 140).video_bps, 0, "it has to hold without a break");
        assert!(run(&mut maker, &mut now, 300, 140).video_bps > 70_000);
        assert!(run(&mut maker, &mut now, 60_000, 101).video_bps > 0);
    }

    #[test]
    fn sound_goes_down_to_16_kbit_and_up_again() {
        let (mut maker, mut now) = (RateMaker::new(), Instant::now());
        assert_eq!(run(&mut maker, &mut now, 100, 400).audio_bps, 32_000);
        assert_eq!(run(&mut maker, &mut now, 50, 60).audio_bps, 16_000);
        assert_eq!(run(&mut maker, &mut now, 3_900, 400).audio_bps, 16_000);
        assert_eq!(run(&mut maker, &mut now, 300, 400).audio_bps, 32_000);
        assert_eq!(run(&mut maker, &mut now, 50, 285).audio_bps, 20_000, "pictures need it more");
    }

    #[test]
    fn a_fall_is_told_at_once_and_a_trifle_not_at_all() {
        let (mut maker, now) = (RateMaker::new(), Instant::now());
        assert!(maker.news(now, budget(1000)).is_some());
        assert_eq!(maker.news(now + MS, budget(1001)), None);
        assert!(maker.news(now + MS, budget(900)).is_some());
        assert_eq!(maker.news(now + 2 * MS, budget(1000)), None, "a rise has time");
        assert!(maker.news(now + 101 * MS, budget(1000)).is_some());
    }

    #[test]
    fn headers_are_taken_off_as_they_are() {
        let (mut maker, now) = (RateMaker::new(), Instant::now());
        let full = maker.news(now, budget(1050)).expect("news").video_bps;
        assert!((930_000..950_000).contains(&full), "{full}");
        for _ in 0..500 {
            maker.sent(270, 200);
        }
        let small = maker.news(now + MS, budget(1050)).expect("news").video_bps;
        assert!((735_000..745_000).contains(&small), "{small}");
    }

    #[test]
    fn loss_of_sound_rises_quickly_and_falls_slowly() {
        let mut maker = RateMaker::new();
        for _ in 0..5 {
            maker.reported(0.3, false);
        }
        let now = Instant::now();
        let high = maker.news(now, budget(300)).expect("news").audio_loss;
        assert!((0.29..=0.3).contains(&high), "{high}");
        maker.reported(0.0, false);
        let after = maker.news(now + 200 * MS, budget(300)).expect("news").audio_loss;
        assert!((0.27..0.29).contains(&after), "{after}");
    }

    #[test]
    fn sound_is_sent_again_while_it_is_lost_and_there_is_room() {
        let (mut maker, mut now) = (RateMaker::new(), Instant::now());
        assert_eq!(run(&mut maker, &mut now, 1_000, 1_500).audio_copies, 0, "nothing is known to be lost");
        maker.reported(0.02, false);
        assert_eq!(run(&mut maker, &mut now, 1_000, 1_500).audio_copies, 0, "one of fifty");
        maker.reported(0.5, true);
        assert_eq!(run(&mut maker, &mut now, 1_000, 1_500).audio_copies, 0, "in a queue that ran over");
        maker.reported(0.06, false);
        assert_eq!(run(&mut maker, &mut now, 100, 1_500).audio_copies, 2);
        assert_eq!(run(&mut maker, &mut now, 100, 300).audio_copies, 1);
        assert_eq!(run(&mut maker, &mut now, 100, 120).audio_copies, 0, "pictures need it");
        assert_eq!(run(&mut maker, &mut now, 8_000, 1_500).audio_copies, 2);
        for _ in 0..15 {
            maker.reported(0.0, false);
        }
        assert_eq!(run(&mut maker, &mut now, 100, 1_500).audio_copies, 2, "not at once");
        for _ in 0..15 {
            maker.reported(0.0, false);
        }
        assert_eq!(run(&mut maker, &mut now, 100, 1_500).audio_copies, 0);
    }
}
