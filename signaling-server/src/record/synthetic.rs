//! Records of calls that never were, for benchmarks and tests: from a seed, always the same.
//!
//! Invariant: batches are those of a well-behaved client and pass every check. Values look like those of real calls: most
//! windows are good, some connections are poor throughout, values wander rather than jump.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sightline_protocol::logs::{
    LOG_SCHEMA, LogBatch, LogDirection, LogEvent, LogKind, LogLink, LogProcess, LogSample, LogSession, LogSetup,
    LogSpread, LogStay, LogValues,
};

use super::RecordEntry;

/// Length of a window.
const WINDOW_MS: i64 = 15_000;

/// What a call is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallShape {
    /// The same seed makes the same call, with ids of its own.
    pub seed: u64,
    /// Participants, all of whom report.
    pub people: u32,
    /// 15 s windows that each records of each track.
    pub windows: u32,
    /// Windows in one batch: 1 for a client that sends as it records.
    pub windows_per_batch: u32,
    /// When the first one comes, milliseconds since the Unix epoch.
    pub started_ms: i64,
}

impl CallShape {
    /// Windows of tracks in all batches together: sound and pictures, both ways, to each other participant.
    pub fn samples(&self) -> u64 {
        let people = u64::from(self.people);
        people * people.saturating_sub(1) * 4 * u64::from(self.windows)
    }

    /// When the last window ends.
    pub fn ended_ms(&self) -> i64 {
        self.started_ms + i64::from(self.windows) * WINDOW_MS
    }

    /// The room's id.
    pub fn room_id(&self) -> String {
        format!("r{:016x}", self.seed)
    }

    fn user(&self, number: u32) -> String {
        format!("u{:012x}{number:04x}", self.seed)
    }
}

const NAMES: [&str; 8] = ["Žofie", "Ann", "عمر", "Bořek 🌊", "Mei 美", "O'Neil", "Zoë", "100 %_fun"];
const VERSIONS: [&str; 3] = ["0.1.0", "0.2.0", "0.2.1"];
const PLATFORMS: [&str; 3] = ["linux", "macos", "windows"];
const PATHS: [&str; 4] = ["host host udp", "srflx srflx udp", "srflx relay udp", "relay relay tcp"];

/// What the hub writes down of such a call: the room, the stays, their ends.
pub fn entries(shape: &CallShape) -> Vec<RecordEntry> {
    let (room, ended_ms) = (shape.room_id(), shape.ended_ms());
    let mut entries = vec![RecordEntry::RoomMade {
        id: room.clone(),
        code: format!("amber-canoe-{}", shape.seed),
        name: Some(format!("Stand-up {}", shape.seed)),
        unix_ms: shape.started_ms,
        by: None,
    }];
    for number in 0..shape.people {
        entries.push(RecordEntry::StayBegan {
            room: room.clone(),
            user: shape.user(number),
            name: name(shape, number),
            account: None,
            role: if number == 0 { "host" } else { "guest" }.to_owned(),
            unix_ms: shape.started_ms,
        });
    }
    for number in 0..shape.people {
        let (room, user) = (room.clone(), shape.user(number));
        entries.push(RecordEntry::StayEnded { room, user, reason: "left".into(), unix_ms: ended_ms });
    }
    entries.push(RecordEntry::RoomEnded { id: room, reason: "empty".into(), unix_ms: ended_ms });
    entries
}

fn name(shape: &CallShape, number: u32) -> String {
    let at = (shape.seed as usize).wrapping_add(number as usize);
    NAMES[at % NAMES.len()].to_owned()
}

/// All batches of such a call, in the order in which they are sent. The client's clock is the server's.
pub fn batches(shape: &CallShape) -> Vec<LogBatch> {
    let mut batches = Vec::new();
    for reporter in 0..shape.people {
        batches.extend(Reporter::new(shape, reporter).batches());
    }
    batches.sort_by_key(|batch| batch.sent_ms);
    batches
}

/// A value that wanders about its middle.
struct Wander {
    middle: f32,
    spread: f32,
    at: f32,
}

impl Wander {
    fn new(middle: f32, spread: f32) -> Self {
        Self { middle, spread, at: middle }
    }

    fn next(&mut self, rng: &mut StdRng) -> LogSpread {
        let step = (rng.random::<f32>() - 0.5) * self.spread;
        self.at = (0.8 * self.at + 0.2 * self.middle + step).max(0.0);
        let around = self.spread * rng.random::<f32>();
        Some([self.at, (self.at - around).max(0.0), self.at + around])
    }
}

struct Reporter<'a> {
    shape: &'a CallShape,
    number: u32,
    rng: StdRng,
    loss: Wander,
    rtt: Wander,
    rate: Wander,
    path: &'static str,
    good: u32,
}

impl<'a> Reporter<'a> {
    fn new(shape: &'a CallShape, number: u32) -> Self {
        let mut rng = StdRng::seed_from_u64(shape.seed.wrapping_mul(31).wrapping_add(number.into()));
        // One connection in eight is poor.
        let poor = rng.random_ratio(1, 8);
        let (loss, rtt) = if poor { (6.0, 250.0) } else { (0.2, 40.0) };
        Self {
            shape,
            number,
            loss: Wander::new(loss, loss),
            rtt: Wander::new(rtt, rtt / 2.0),
            rate: Wander::new(1_200_000.0, 200_000.0),
            path: PATHS[rng.random_range(0..PATHS.len())],
            rng,
            good: 0,
        }
    }

    fn batches(mut self) -> Vec<LogBatch> {
        let per_batch = self.shape.windows_per_batch.max(1);
        let stays = self.stays();
        let mut batches = Vec::new();
        for first in (0..self.shape.windows).step_by(per_batch as usize) {
            let windows = first..(first + per_batch).min(self.shape.windows);
            let (mut samples, mut links, mut process) = (Vec::new(), Vec::new(), Vec::new());
            for window in windows.clone() {
                self.window(window, &stays, &mut samples, &mut links);
                process.push(self.process(window));
            }
            let is_last = windows.end == self.shape.windows;
            let sent_ms = self.start_ms(windows.end);
            batches.push(LogBatch {
                schema: LOG_SCHEMA,
                id: format!("b{:016x}-{}-{first}", self.shape.seed, self.number),
                sent_ms,
                session: self.session(windows.end, is_last),
                stays: stays.clone(),
                samples,
                links,
                process,
                events: if first == 0 { vec![self.joined()] } else { Vec::new() },
                breaks: Vec::new(),
            });
        }
        batches
    }

    fn start_ms(&self, window: u32) -> i64 {
        self.shape.started_ms + i64::from(window) * WINDOW_MS
    }

    fn stays(&self) -> Vec<LogStay> {
        let others = (0..self.shape.people).filter(|number| *number != self.number);
        others
            .map(|number| LogStay {
                stay: number,
                user_id: self.shape.user(number),
                name: Some(name(self.shape, number)),
                joined_ms: self.shape.started_ms,
                left_ms: None,
                leave_reason: None,
                setup: LogSetup::default(),
            })
            .collect()
    }

    fn session(&self, windows: u32, is_last: bool) -> LogSession {
        let rtt = f64::from(self.rtt.middle);
        LogSession {
            id: format!("s{:016x}-{}", self.shape.seed, self.number),
            user_id: self.shape.user(self.number),
            name: name(self.shape, self.number),
            client_version: VERSIONS[self.shape.seed as usize % VERSIONS.len()].to_owned(),
            platform: PLATFORMS[self.number as usize % PLATFORMS.len()].to_owned(),
            started_ms: self.shape.started_ms,
            ended_ms: is_last.then(|| self.shape.ended_ms()),
            end_reason: is_last.then(|| "left".to_owned()),
            setup: LogSetup {
                signaling_ms: Some(2.0 * rtt),
                ice_ms: Some(5.0 * rtt),
                dtls_ms: Some(7.0 * rtt),
                first_frame_ms: Some(9.0 * rtt + (self.shape.seed % 100) as f64),
            },
            windows,
            good_windows: self.good,
            worst: (self.good < windows).then(|| "loss video inbound".to_owned()),
        }
    }

    fn joined(&self) -> LogEvent {
        let mut event = serde_json::Map::new();
        event.insert("kind".into(), "joined".into());
        LogEvent { seq: 0, unix_ms: self.shape.started_ms, peer: None, event }
    }

    /// One window of all tracks and connections.
    fn window(&mut self, window: u32, stays: &[LogStay], samples: &mut Vec<LogSample>, links: &mut Vec<LogLink>) {
        let mut is_good = true;
        let (start_ms, end_ms) = (self.start_ms(window), self.start_ms(window + 1));
        for (place, stay) in stays.iter().enumerate() {
            let row = window * stays.len() as u32 + place as u32;
            for track in 0..4 {
                let kind = if track & 2 == 0 { LogKind::Audio } else { LogKind::Video };
                let direction = if track & 1 == 0 { LogDirection::Inbound } else { LogDirection::Outbound };
                let sample = self.sample(row * 4 + track, stay.stay, kind, direction, (start_ms, end_ms));
                is_good &= matches!(sample.class.as_deref(), Some("good" | "ok"));
                samples.push(sample);
            }
            links.push(LogLink {
                seq: row,
                stay: stay.stay,
                start_ms,
                end_ms,
                measured_ms: WINDOW_MS as u32,
                path_rtt_ms: self.rtt.next(&mut self.rng),
                available_outgoing_bps: self.rate.next(&mut self.rng),
                sent_bps: self.rate.next(&mut self.rng),
                received_bps: self.rate.next(&mut self.rng),
                path: Some(self.path.to_owned()),
            });
        }
        self.good += u32::from(is_good);
    }

    fn sample(
        &mut self,
        seq: u32,
        stay: u32,
        kind: LogKind,
        direction: LogDirection,
        (start_ms, end_ms): (i64, i64),
    ) -> LogSample {
        let rng = &mut self.rng;
        let (is_video, is_inbound) = (kind == LogKind::Video, direction == LogDirection::Inbound);
        let loss = self.loss.next(rng).map(|spread| spread.map(|percent| percent.min(100.0)));
        let some = |wanted: bool, value: LogSpread| if wanted { value } else { None };
        let around = |rng: &mut StdRng, middle: f32| {
            let mean = middle * (0.9 + 0.2 * rng.random::<f32>());
            Some([mean, mean * 0.8, mean * 1.3])
        };
        let share = Some([0.0, 0.0, 0.0]);
        let class = match loss.map_or(0.0, |spread| spread[0]) {
            loss if loss < 1.0 => "good",
            loss if loss < 3.0 => "ok",
            loss if loss < 10.0 => "bad",
            _ => "terrible",
        };
        LogSample {
            seq,
            stay,
            kind,
            direction,
            start_ms,
            end_ms,
            measured_ms: WINDOW_MS as u32,
            values: LogValues {
                bitrate_bps: if is_video { self.rate.next(rng) } else { around(rng, 32_000.0) },
                loss_percent: loss,
                jitter_ms: around(rng, 8.0),
                rtt_ms: some(!is_inbound, self.rtt.next(rng)),
                buffer_ms: some(is_inbound, around(rng, 60.0)),
                concealed_percent: some(is_inbound && !is_video, share),
                fps: some(is_video, around(rng, 27.0)),
                target_bps: some(is_video && !is_inbound, around(rng, 1_300_000.0)),
                dropped_percent: some(is_video, share),
                limited_by_bandwidth_percent: some(is_video && !is_inbound, share),
                limited_by_cpu_percent: some(is_video && !is_inbound, share),
                latency_ms: some(is_inbound, around(rng, 120.0)),
            },
            freezes: (is_video && is_inbound).then_some(0),
            frozen_ms: (is_video && is_inbound).then_some(0.0),
            score: Some(3.5 + rng.random::<f32>()),
            class: Some(class.to_owned()),
            cause: (class != "good").then(|| "loss".to_owned()),
            codec: Some(if is_video { "VP8" } else { "opus" }.to_owned()),
            width: is_video.then_some(1280),
            height: is_video.then_some(720),
            muted: false,
        }
    }

    fn process(&mut self, window: u32) -> LogProcess {
        let cpu = 40.0 + 20.0 * self.rng.random::<f32>();
        LogProcess {
            seq: window,
            start_ms: self.start_ms(window),
            end_ms: self.start_ms(window + 1),
            measured_ms: WINDOW_MS as u32,
            cpu_percent: Some([cpu, cpu * 0.5, cpu * 1.5]),
            system_cpu_percent: Some([cpu / 4.0, 0.0, cpu / 2.0]),
            resident_bytes: Some([2e8, 1.9e8, 2.1e8]),
        }
    }
}
