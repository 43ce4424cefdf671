//! The rows of the table: paths, and what is read off a run.

use std::time::{Duration, Instant};

use sightline_bandwidth::{BitRate, Limits};
use sightline_netpath::{Change, Conditions, Loss, Path};

use crate::run::{MS, Measured, Terms, run, run_duplex};
use crate::side::Side;
use crate::source::{HEADERS, PAYLOAD_MOST};

pub(crate) const WARM_UP: Duration = Duration::from_secs(20);
pub(crate) const LENGTH: Duration = Duration::from_secs(80);

/// A path, and the cap on video.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) conditions: Conditions,
    /// Bits per second of video without headers.
    pub(crate) cap: u64,
    /// The same of the encoder at its coarsest.
    pub(crate) floor: u64,
    /// At which second what happens.
    pub(crate) changes: &'static [(u64, Change)],
}

const BASE: Conditions = Conditions {
    delay: Duration::from_millis(20),
    jitter: Duration::ZERO,
    reorder: false,
    loss: Loss::None,
    rate: Some(10_000_000),
    queue: Duration::from_millis(300),
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const fn row(name: &'static str, cap: u64, conditions: Conditions) -> Row {
    Row { name, conditions, cap, floor: 0, changes: &[] }
}

pub(crate) const CLEAN: Row = row("clean 10 M", 1_500_000, Conditions { delay: ms(10), ..BASE });
pub(crate) const STEADY: Row = row("steady 2 M", 3_000_000, Conditions { rate: Some(2_000_000), ..BASE });
pub(crate) const SLOW: Row = row("300 k", 3_000_000, Conditions { rate: Some(300_000), delay: ms(25), ..BASE });
pub(crate) const LOSS_5: Row =
    row("5 % loss", 1_500_000, Conditions { loss: Loss::Random { probability: 0.05 }, delay: ms(25), ..BASE });
pub(crate) const LOSS_10: Row =
    row("10 % loss", 1_500_000, Conditions { loss: Loss::Random { probability: 0.1 }, delay: ms(50), ..BASE });
pub(crate) const BURSTS: Row =
    row("bursts 5 %", 1_500_000, Conditions { loss: Loss::Bursts { mean: 0.05, length: 5.0 }, delay: ms(25), ..BASE });
pub(crate) const JITTER: Row = row("jitter 60 ms", 1_500_000, Conditions { jitter: ms(60), reorder: true, ..BASE });
pub(crate) const STEPS: Row = Row {
    name: "3 -> 1 -> 3 M",
    conditions: Conditions { rate: Some(3_000_000), ..BASE },
    cap: 2_500_000,
    floor: 0,
    changes: &[(30, Change::Rate(Some(1_000_000))), (55, Change::Rate(Some(3_000_000)))],
};
pub(crate) const OUTAGE: Row = Row {
    name: "3 s outage",
    conditions: BASE,
    cap: 1_500_000,
    floor: 0,
    changes: &[(40, Change::Down), (43, Change::Up)],
};
/// From here on paths that people have too: slow with loss or jitter, another route in mid-call, a short queue.
pub(crate) const LOSSY_SLOW: Row = row(
    "2 M + 5 % loss",
    3_000_000,
    Conditions { rate: Some(2_000_000), loss: Loss::Random { probability: 0.05 }, delay: ms(25), ..BASE },
);
pub(crate) const WIFI: Row = row(
    "2 M + Wi-Fi",
    3_000_000,
    Conditions { rate: Some(2_000_000), jitter: ms(20), loss: Loss::Random { probability: 0.01 }, ..BASE },
);
pub(crate) const LONGER: Row = Row { name: "20 -> 80 ms", changes: &[(40, Change::Delay(ms(80)))], ..STEADY };
/// Enough for sound only, then for all.
pub(crate) const SOUND_ONLY: Row = Row {
    name: "90 k -> 2 M",
    conditions: Conditions { rate: Some(90_000), ..BASE },
    cap: 1_500_000,
    floor: 0,
    changes: &[(40, Change::Rate(Some(2_000_000)))],
};
pub(crate) const SHALLOW: Row =
    row("queue 40 ms", 3_000_000, Conditions { rate: Some(2_000_000), queue: ms(40), ..BASE });

pub(crate) const ALL: [Row; 13] =
    [CLEAN, STEADY, SLOW, LOSS_5, LOSS_10, BURSTS, JITTER, STEPS, OUTAGE, LOSSY_SLOW, WIFI, LONGER, SHALLOW];

impl Row {
    pub(crate) fn limits(&self) -> Limits {
        // Audio, and room for repair.
        let max = BitRate::bps(self.encoder_cap().as_bps() * 6 / 5 + 60_000);
        Limits { start: BitRate::kbps(300), min: BitRate::kbps(30), max }
    }

    /// With headers.
    pub(crate) fn encoder_cap(&self) -> BitRate {
        BitRate::bps(self.cap * (PAYLOAD_MOST + HEADERS) as u64 / PAYLOAD_MOST as u64)
    }

    pub(crate) fn run(&self, side: impl Fn(Limits, Instant) -> Box<dyn Side>, seed: u64) -> Figures {
        self.run_shared(1, side, seed).swap_remove(0)
    }

    /// Both sides of a call, each on a path of its own. What happens to the paths happens `late` after its second.
    pub(crate) fn run_duplex(
        &self,
        side: impl Fn(Limits, Instant) -> Box<dyn Side>,
        seed: u64,
        late: Duration,
    ) -> Vec<Figures> {
        let start = Instant::now();
        let terms = Terms {
            start,
            length: LENGTH,
            delay: self.conditions.delay,
            cap: self.encoder_cap(),
            floor: BitRate::bps(self.floor),
            seed,
        };
        let sides = [side(self.limits(), start), side(self.limits(), start)];
        let paths = [seed, !seed].map(|seed| {
            let mut path = Path::new(self.conditions, seed);
            for (at, change) in self.changes {
                path.schedule(start + Duration::from_secs(*at) + late, *change);
            }
            path
        });
        run_duplex(sides, paths, terms).into_iter().map(|measured| Figures { row: *self, measured }).collect()
    }

    /// As many calls as `count` on the one path.
    pub(crate) fn run_shared(
        &self,
        count: usize,
        side: impl Fn(Limits, Instant) -> Box<dyn Side>,
        seed: u64,
    ) -> Vec<Figures> {
        let start = Instant::now();
        let mut forth = Path::new(self.conditions, seed);
        let mut back = Path::new(Conditions { rate: None, ..self.conditions }, !seed);
        for (at, change) in self.changes {
            let at = start + Duration::from_secs(*at);
            forth.schedule(at, *change);
            if matches!(change, Change::Down | Change::Up) {
                back.schedule(at, *change);
            }
        }
        let terms = Terms {
            start,
            length: LENGTH,
            delay: self.conditions.delay,
            cap: self.encoder_cap(),
            floor: BitRate::bps(self.floor),
            seed,
        };
        let sides = (0..count).map(|_| side(self.limits(), start)).collect();
        let measured = run(sides, forth, &back, terms);
        measured.into_iter().map(|measured| Figures { row: *self, measured }).collect()
    }
}

/// What is read off a run.
pub(crate) struct Figures {
    pub(crate) row: Row,
    pub(crate) measured: Measured,
}

impl Figures {
    /// For the table: after the warm-up, but for the time until the cap is reached.
    pub(crate) fn line(&self) -> String {
        let measured = &self.measured;
        let share = |bytes: usize| 100.0 * bytes as f64 / measured.sent_bytes as f64;
        let full = self.full_after(Duration::ZERO).map_or("-".into(), |after| format!("{:.2} s", after.as_secs_f64()));
        format!(
            "full {full} | video {:.0} kbit/s | swing {:.1} % (target {:.1} %) | RTT {} / {} / {} ms | freeze {} ms | {:.1} fps \
             | key frames {} | repair {:.1} % | padding {:.1} %",
            self.video(WARM_UP, LENGTH) / 1e3,
            self.swing(WARM_UP, LENGTH) * 100.0,
            self.target_swing(WARM_UP, LENGTH) * 100.0,
            self.round_trip(0.5, WARM_UP, LENGTH).as_millis(),
            self.round_trip(0.95, WARM_UP, LENGTH).as_millis(),
            self.round_trip(1.0, WARM_UP, LENGTH).as_millis(),
            self.freeze(WARM_UP, LENGTH).as_millis(),
            self.frame_rate(WARM_UP, LENGTH),
            measured.key_frames,
            share(measured.repair_bytes),
            share(measured.padding_bytes),
        )
    }

    /// When the encoder is first given 98 % of the cap.
    pub(crate) fn full_after(&self, from: Duration) -> Option<Duration> {
        self.reaches(from, self.row.encoder_cap().as_bps() as f64 * 0.98)
    }

    pub(crate) fn reaches(&self, from: Duration, rate: f64) -> Option<Duration> {
        self.measured.encoder.iter().find(|(at, target)| *at >= from && *target >= rate).map(|(at, _)| *at - from)
    }

    /// Mean rate of video without headers, in bit/s.
    pub(crate) fn video(&self, from: Duration, to: Duration) -> f64 {
        let bytes: usize =
            self.measured.video.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, bytes)| bytes).sum();
        bytes as f64 * 8.0 / (to - from).as_secs_f64()
    }

    /// Largest deviation of a second's rate of video from the mean, of 1.
    pub(crate) fn swing(&self, from: Duration, to: Duration) -> f64 {
        let mean = self.video(from, to);
        (from.as_secs()..to.as_secs())
            .map(|second| (self.video(Duration::from_secs(second), Duration::from_secs(second + 1)) / mean - 1.0).abs())
            .fold(0.0, f64::max)
    }

    pub(crate) fn target_swing(&self, from: Duration, to: Duration) -> f64 {
        let within = || self.measured.targets.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, rate)| *rate);
        let mean = within().sum::<f64>() / within().count().max(1) as f64;
        within().map(|rate| (rate / mean - 1.0).abs()).fold(0.0, f64::max)
    }

    /// The round trip that no more than `1 - share` of the packets of sound exceed.
    pub(crate) fn round_trip(&self, share: f64, from: Duration, to: Duration) -> Duration {
        let mut times: Vec<Duration> =
            self.measured.round_trips.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, time)| *time).collect();
        times.sort_unstable();
        times[((times.len() - 1) as f64 * share) as usize]
    }

    /// How long the round trip was above `limit`.
    pub(crate) fn time_above(&self, limit: Duration, from: Duration, to: Duration) -> Duration {
        let above = |(at, time): &&(Duration, Duration)| (from..to).contains(at) && *time > limit;
        20 * MS * self.measured.round_trips.iter().filter(above).count() as u32
    }

    /// The longest time between two pictures.
    pub(crate) fn freeze(&self, from: Duration, to: Duration) -> Duration {
        let mut last = from;
        let mut longest = Duration::ZERO;
        for at in self.measured.pictures.iter().filter(|at| (from..to).contains(*at)).chain([&to]) {
            longest = longest.max(*at - last);
            last = *at;
        }
        longest
    }

    pub(crate) fn frame_rate(&self, from: Duration, to: Duration) -> f64 {
        let pictures = self.measured.pictures.iter().filter(|at| (from..to).contains(*at)).count();
        pictures as f64 / (to - from).as_secs_f64()
    }
}
