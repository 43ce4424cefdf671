//! The rows of the table: what each path does, and what must hold on it.
//!
//! Invariant: nothing in here depends on what a client does: a line that is missed is missed.

use std::fmt;
use std::time::Duration;

use sightline_netpath::{Change, Conditions, Line, Loss};

use super::outcome::{Moment, Outcome};

/// What must hold of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Under(f64),
    Exactly(f64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, ">= {}", rounded(*bound)),
            Self::AtMost(bound) => write!(f, "<= {}", rounded(*bound)),
            Self::Under(bound) => write!(f, "< {}", rounded(*bound)),
            Self::Exactly(bound) => write!(f, "{}", rounded(*bound)),
        }
    }
}

/// To hundredths, as many of them as are needed.
fn rounded(bound: f64) -> f64 {
    (bound * 100.0).round() / 100.0
}

impl Bound {
    /// Whether it holds; what was not measured does not.
    pub(crate) fn holds(self, value: Option<f64>) -> bool {
        value.is_some_and(|value| match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Under(bound) => value < bound,
            Self::Exactly(bound) => value == bound,
        })
    }
}

/// One figure of a row.
pub(crate) struct Check {
    pub(crate) what: &'static str,
    pub(crate) value: Option<f64>,
    pub(crate) digits: usize,
    pub(crate) bound: Bound,
    /// What Chromium 156 had on the same path.
    pub(crate) chromium: &'static str,
}

fn check(what: &'static str, value: Option<f64>, digits: usize, bound: Bound, chromium: &'static str) -> Check {
    Check { what, value, digits, bound, chromium }
}

/// Something that happens to the path: at this part of the measured time, for at most so long in a short run.
pub(crate) struct Event {
    pub(crate) part: f64,
    pub(crate) change: Change,
}

/// A row for two clients.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) conditions: Conditions,
    /// The most that pictures may have, kbit/s.
    pub(crate) cap_kbps: u32,
    pub(crate) plan: &'static [Event],
    pub(crate) checks: fn(&Outcome) -> Vec<Check>,
}

impl Row {
    /// The line as the row wants it; what happens to it is planned from the end of the warm-up on. Gives the times too.
    pub(crate) fn line(&self, seed: u64, begin: Moment, measured: Duration) -> (Line, Vec<Moment>) {
        let mut line = Line::new(self.conditions, seed);
        let mut changes = Vec::new();
        for event in self.plan {
            let moment = begin.after(measured.mul_f64(event.part));
            line.schedule(moment.at, event.change);
            changes.push(moment);
            if event.change == Change::Down {
                let back = moment.after(OUTAGE);
                line.schedule(back.at, Change::Up);
                changes.push(back);
            }
        }
        (line, changes)
    }
}

/// How long [`Change::Down`] lasts, however short the run.
const OUTAGE: Duration = Duration::from_secs(3);

const fn path(delay_ms: u64, rate: u64, loss: Loss) -> Conditions {
    Conditions {
        delay: Duration::from_millis(delay_ms),
        jitter: Duration::ZERO,
        reorder: false,
        loss,
        rate: Some(rate),
        queue: Duration::from_millis(300),
    }
}

const MBIT: u64 = 1_000_000;

/// The rows, in the order of the table. 30 s and 55 s into a call with 20 s of warm-up are 1/6 and 7/12 of the 60 s after it.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "clean",
        what: "clean: 10 Mbit/s, 10 ms; cap 1.5 Mbit/s",
        conditions: path(10, 10 * MBIT, Loss::None),
        cap_kbps: 1500,
        plan: &[],
        checks: |of| {
            vec![
                check("full rate after, s", of.full_rate_s(), 2, Bound::AtMost(1.0), "1.1"),
                check("RTT p95 over bare 20, ms", of.rtt_p95_ms().map(|ms| ms - 20.0), 1, Bound::Under(10.0), "-"),
                check("audio buffer, ms", of.buffer_ms(), 0, Bound::AtMost(40.0), "53"),
            ]
        },
    },
    Row {
        name: "steady",
        what: "steady 2 Mbit/s, 20 ms; cap 3",
        conditions: path(20, 2 * MBIT, Loss::None),
        cap_kbps: 3000,
        plan: &[],
        checks: |of| {
            vec![
                check("video, kbit/s", of.sent_kbps(), 0, Bound::AtLeast(1700.0), "1680"),
                check("furthest second from the mean, %", of.swing_percent(), 1, Bound::AtMost(8.0), "12"),
                check("RTT p95, ms", of.rtt_p95_ms(), 0, Bound::Under(90.0), "87, up to 132"),
                check("audio buffer, ms", of.buffer_ms(), 0, Bound::AtMost(60.0), "86"),
                check("concealed, %", of.concealed_percent(), 2, Bound::Under(0.1), "0.12"),
            ]
        },
    },
    Row {
        name: "slow",
        what: "300 kbit/s, 25 ms; cap 1.5",
        conditions: path(25, 300_000, Loss::None),
        cap_kbps: 1500,
        plan: &[],
        checks: |of| {
            vec![
                check("video, kbit/s", of.sent_kbps(), 0, Bound::AtLeast(193.0), "193"),
                check("pictures per second", of.fps(), 1, Bound::AtLeast(15.0), "30"),
                // No figure of Chromium's: see `reference::psnr_db`, which stands in for it.
                check("PSNR-Y, dB", of.psnr_db(), 1, Bound::AtLeast(super::reference::chromium_db()), "QP 62"),
                check("RTT, ms", of.rtt_mean_ms(), 0, Bound::AtMost(90.0), "93"),
                check("audio buffer, ms", of.buffer_ms(), 0, Bound::AtMost(80.0), "115"),
            ]
        },
    },
    Row {
        name: "loss5",
        what: "5 % random loss, 25 ms, 10 Mbit/s; cap 1.5",
        conditions: path(25, 10 * MBIT, Loss::Random { probability: 0.05 }),
        cap_kbps: 1500,
        plan: &[],
        checks: |of| {
            vec![
                check("full rate after, s", of.full_rate_s(), 2, Bound::AtMost(1.0), "6"),
                check("freezes", of.freezes(), 0, Bound::Exactly(0.0), "0"),
                check("pictures missing, %", of.missing_percent(), 2, Bound::Under(0.2), "-"),
                check("concealed, %", of.concealed_percent(), 2, Bound::Under(1.0), "3.8"),
            ]
        },
    },
    Row {
        name: "loss10",
        what: "10 % random loss, 50 ms, 10 Mbit/s; cap 1.5",
        conditions: path(50, 10 * MBIT, Loss::Random { probability: 0.1 }),
        cap_kbps: 1500,
        plan: &[],
        checks: |of| {
            vec![
                check("video, kbit/s", of.sent_kbps(), 0, Bound::AtLeast(1200.0), "311"),
                check("longest freeze, ms", of.longest_freeze_ms(), 0, Bound::AtMost(300.0), "3 of 670 in all"),
                check("pictures per second", of.fps(), 1, Bound::AtLeast(28.0), "-"),
                check("concealed, %", of.concealed_percent(), 2, Bound::Under(2.5), "6.5"),
            ]
        },
    },
    Row {
        name: "bursts",
        what: "bursts: Gilbert-Elliott, mean 5 %, mean length 5, 25 ms, 10 Mbit/s; cap 1.5",
        conditions: path(25, 10 * MBIT, Loss::Bursts { mean: 0.05, length: 5.0 }),
        cap_kbps: 1500,
        plan: &[],
        checks: |of| {
            vec![
                check("full rate after, s", of.full_rate_s(), 2, Bound::AtMost(1.0), "9"),
                check("longest freeze, ms", of.longest_freeze_ms(), 0, Bound::AtMost(300.0), "1 freeze"),
                check("concealed, %", of.concealed_percent(), 2, Bound::Under(2.0), "4.5"),
            ]
        },
    },
    Row {
        name: "jitter",
        what: "jitter 0-60 ms with reordering, 20 ms, 10 Mbit/s; cap 1.5",
        conditions: Conditions { jitter: Duration::from_millis(60), reorder: true, ..path(20, 10 * MBIT, Loss::None) },
        cap_kbps: 1500,
        plan: &[],
        checks: |of| {
            vec![
                check("full rate after, s", of.full_rate_s(), 2, Bound::AtMost(3.0), "25"),
                check("audio buffer, ms", of.buffer_ms(), 0, Bound::AtMost(90.0), "96"),
                check("concealed, %", of.concealed_percent(), 2, Bound::Under(0.2), "0.08"),
            ]
        },
    },
    Row {
        name: "fall",
        what: "3 -> 1 -> 3 Mbit/s (30 s, 55 s), 20 ms; cap 2.5",
        conditions: path(20, 3 * MBIT, Loss::None),
        cap_kbps: 2500,
        plan: &[
            Event { part: 1.0 / 6.0, change: Change::Rate(Some(MBIT)) },
            Event { part: 7.0 / 12.0, change: Change::Rate(Some(3 * MBIT)) },
        ],
        checks: |of| {
            let slow = of.slow_s(Duration::from_millis(200));
            let risen = of.full_rate_after_s(1, 2 * MBIT);
            vec![
                check("longest freeze, ms", of.longest_freeze_ms(), 0, Bound::AtMost(400.0), "5 of 2000 in all"),
                check("RTT over 200 ms for, s", slow, 1, Bound::AtMost(1.0), "3 (341 ms)"),
                check("least while at 1 Mbit/s, kbit/s", of.held_kbps(0), 0, Bound::AtLeast(750.0), "476"),
                check("2 Mbit/s again after, s", risen, 1, Bound::AtMost(5.0), "14"),
            ]
        },
    },
    Row {
        name: "outage",
        what: "3 s outage, 20 ms, 10 Mbit/s; cap 1.5",
        conditions: path(20, 10 * MBIT, Loss::None),
        cap_kbps: 1500,
        plan: &[Event { part: 1.0 / 3.0, change: Change::Down }],
        checks: |of| {
            let full = of.full_rate_after_s(1, 1_500_000);
            vec![
                check("picture back after, s", of.picture_after_s(1), 2, Bound::AtMost(0.3), "0.17"),
                check("full rate after, s", full, 2, Bound::AtMost(1.0), "-"),
                check("breaks in the record", of.breaks(), 0, Bound::Exactly(1.0), "-"),
            ]
        },
    },
    Row {
        name: "address",
        what: "address change of one side, 20 ms, 10 Mbit/s; cap 1.5",
        conditions: path(20, 10 * MBIT, Loss::None),
        cap_kbps: 1500,
        plan: &[Event { part: 1.0 / 3.0, change: Change::Address }],
        checks: |of| {
            vec![
                check("both see pictures again after, s", of.pictures_after_s(0), 2, Bound::AtMost(3.0), "-"),
                check("others met in the session", of.met(), 0, Bound::Exactly(1.0), "-"),
                check("breaks in the record", of.breaks(), 0, Bound::Exactly(1.0), "-"),
            ]
        },
    },
];
