//! Calls in virtual time, recorded as any other, and views of them.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use sightline_charts::{CallRecord, Frame, Input, InputEvent, Picture, Scene, TexturePatch, Theme, View};
use sightline_history::{CallId, History, Recorder, SessionStart};
use sightline_quality::{
    Direction, Event, EventKind, Kind, LinkCounters, ProcessCounters, Snapshot, TrackCounters, TrackKey,
};
use tempfile::TempDir;

/// 19 November 2026, 18:30:00 UTC.
pub(crate) const START_MS: i64 = 1_795_113_000_000;

/// What a call is like at a second.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    /// Bit rates, in Mb/s.
    pub(crate) sent: f64,
    pub(crate) received: f64,
    /// Packets lost of a hundred.
    pub(crate) sent_loss: f64,
    pub(crate) received_loss: f64,
    pub(crate) rtt_ms: f64,
    pub(crate) jitter_ms: f64,
    pub(crate) fps: f64,
}

pub(crate) const FINE: Weather =
    Weather { sent: 1.4, received: 1.5, sent_loss: 0.3, received_loss: 0.1, rtt_ms: 46.0, jitter_ms: 7.0, fps: 29.0 };

/// A number from 0 to 1 that only looks random.
pub(crate) fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    x ^= x >> 31;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 29;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// A call being recorded, second by second.
pub(crate) struct Call {
    folder: TempDir,
    recorder: Option<Recorder>,
    epoch: Instant,
    peers: Vec<(String, String)>,
    tracks: Vec<TrackCounters>,
    links: Vec<LinkCounters>,
    process: ProcessCounters,
    pub(crate) second: u64,
}

impl Call {
    pub(crate) fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let peers = names.iter().enumerate().map(|(n, name)| (format!("peer-id-{n}"), (*name).to_owned())).collect();
        let mut call = Self {
            folder,
            recorder: None,
            epoch: Instant::now(),
            peers,
            tracks: Vec::new(),
            links: Vec::new(),
            process: ProcessCounters::default(),
            second: 0,
        };
        call.begin();
        call
    }

    /// Begins a session.
    pub(crate) fn begin(&mut self) {
        let recorder = Recorder::open(&self.folder.path().join("history.sqlite")).unwrap();
        let start = SessionStart {
            code: "quiet-maple-ferry".to_owned(),
            server: "ws://127.0.0.1:7788".to_owned(),
            own_name: "Me".to_owned(),
            own_id: "me".to_owned(),
            client_version: "0.1.0".to_owned(),
            unix_ms: self.now_ms(),
        };
        recorder.start_session(start).unwrap();
        self.tracks.clear();
        self.links.clear();
        for (id, name) in &self.peers {
            recorder.peer(id, name, self.now_ms() + 10);
            for kind in [Kind::Audio, Kind::Video] {
                for direction in [Direction::Outbound, Direction::Inbound] {
                    self.tracks.push(TrackCounters::unknown(TrackKey { peer: id.clone(), kind, direction }));
                }
            }
            self.links.push(LinkCounters {
                peer: id.clone(),
                pair_id: Some("pair".to_owned()),
                path: None,
                path_rtt: None,
                available_outgoing_bps: None,
                bytes_sent: Some(0),
                bytes_received: Some(0),
                pair_changes: 0,
                ice_restarts: 0,
            });
        }
        self.recorder = Some(recorder);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        START_MS + self.second as i64 * 1000
    }

    fn recorder(&self) -> &Recorder {
        self.recorder.as_ref().expect("a session is being recorded")
    }

    pub(crate) fn event(&self, peer: Option<usize>, kind: EventKind) {
        let peer = peer.map(|number| self.peers[number].0.clone());
        self.recorder().event(&Event { unix_ms: self.now_ms(), peer, kind });
    }

    /// So many seconds of weather, which may differ from second to second and peer to peer.
    pub(crate) fn go(&mut self, seconds: u64, weather: impl Fn(u64, usize) -> Weather) {
        for _ in 0..seconds {
            self.second += 1;
            for number in 0..self.tracks.len() {
                let peer = number / 4;
                count(&mut self.tracks[number], weather(self.second, peer), self.second);
            }
            for (peer, link) in self.links.iter_mut().enumerate() {
                link.path_rtt = Some(Duration::from_micros((weather(self.second, peer).rtt_ms * 1000.0) as u64));
            }
            let busy = Duration::from_millis(300 + (noise(self.second * 7) * 60.0) as u64);
            let add = |total: &mut Option<Duration>, more: Duration| *total = Some(total.unwrap_or_default() + more);
            add(&mut self.process.cpu, busy);
            add(&mut self.process.system_busy, busy + Duration::from_millis(150));
            add(&mut self.process.system_total, Duration::from_secs(2));
            let snapshot = Snapshot {
                at: self.epoch + Duration::from_secs(self.second),
                unix_ms: self.now_ms(),
                links: self.links.clone(),
                tracks: self.tracks.clone(),
                process: self.process,
            };
            self.recorder().snapshot(&snapshot);
        }
    }

    /// A peer goes and comes back at once, so many times.
    pub(crate) fn flap(&mut self, times: i64) {
        let (id, name) = self.peers[0].clone();
        for number in 0..times {
            let recorder = self.recorder();
            recorder.peer_left(&id, "left", self.now_ms() + number);
            recorder.peer(&id, &name, self.now_ms() + number);
        }
    }

    /// Ends the session; time goes on for some seconds without one.
    pub(crate) fn end(&mut self, away: u64) {
        let recorder = self.recorder.take().expect("a session is being recorded");
        recorder.finish("connection-lost", self.now_ms()).unwrap();
        self.second += away;
    }

    pub(crate) fn history(&mut self) -> (History, CallId) {
        if self.recorder.is_some() {
            self.end(0);
        }
        let history = History::open(&self.folder.path().join("history.sqlite")).unwrap();
        let id = history.calls(1, 0).unwrap()[0].id;
        (history, id)
    }

    pub(crate) fn record(&mut self) -> CallRecord {
        let (history, id) = self.history();
        CallRecord::load(&history, id, sightline_charts::DEFAULT_POINTS).unwrap().in_zone(TimeZone::UTC)
    }
}

/// A second's worth of counting.
fn count(track: &mut TrackCounters, weather: Weather, second: u64) {
    let inbound = track.key.direction == Direction::Inbound;
    let wobble = 0.85 + 0.3 * noise(second * 31 + u64::from(inbound) * 7 + track.key.peer.len() as u64);
    let (rate, loss) =
        if inbound { (weather.received, weather.received_loss) } else { (weather.sent, weather.sent_loss) };
    let add = |total: &mut Option<u64>, more: f64| *total = Some(total.unwrap_or(0) + more.round() as u64);
    let (rate, packets) = match track.key.kind {
        Kind::Audio => (0.032, 50.0),
        Kind::Video => (rate * wobble, 600.0),
    };
    let lost = packets * loss / 100.0 * (0.4 + 1.2 * noise(second * 17 + 3));
    add(&mut track.bytes, rate * 125_000.0);
    add(&mut track.packets, packets - lost.round());
    track.packets_lost = Some(track.packets_lost.unwrap_or(0) + lost.round() as i64);
    track.jitter = Some(Duration::from_micros((weather.jitter_ms * wobble * 1000.0) as u64));
    if inbound {
        add(&mut track.jitter_buffer_emitted, 48_000.0);
        let delay = Duration::from_secs_f64(48_000.0 * (0.03 + weather.jitter_ms / 500.0) * wobble);
        track.jitter_buffer_delay = Some(track.jitter_buffer_delay.unwrap_or_default() + delay);
    } else {
        add(&mut track.packets_reported, packets);
    }
    match track.key.kind {
        Kind::Audio if inbound => {
            add(&mut track.samples_played, 48_000.0);
            add(&mut track.samples_concealed, 48_000.0 * loss / 300.0);
        }
        Kind::Audio => {}
        Kind::Video => {
            add(&mut track.frames, weather.fps);
            (track.width, track.height) = (Some(1280), Some(720));
        }
    }
}

/// A call as in the design: bad uplink for two minutes, a break between two sessions, some events.
pub(crate) fn eventful() -> Call {
    let mut call = Call::new(&["Ada"]);
    let size = |direction, height: u32| EventKind::Resolution { direction, width: height * 16 / 9, height };
    call.event(Some(0), size(Direction::Outbound, 720));
    call.event(Some(0), size(Direction::Inbound, 720));
    call.go(190, |second, _| calm(second));
    let raised = |warning: &str| EventKind::WarningRaised { warning: warning.to_owned(), media: None, direction: None };
    call.event(Some(0), raised("high-loss"));
    call.event(Some(0), size(Direction::Outbound, 360));
    call.go(50, |second, _| Weather { sent_loss: 6.0, rtt_ms: 95.0 + 40.0 * noise(second), sent: 0.7, ..calm(second) });
    call.event(None, EventKind::Mark);
    call.go(70, |second, _| Weather { sent_loss: 7.0, rtt_ms: 90.0 + 50.0 * noise(second), sent: 0.6, ..calm(second) });
    call.event(Some(0), size(Direction::Outbound, 720));
    call.go(110, |second, _| calm(second));
    call.event(None, EventKind::Muted { media: Kind::Audio });
    call.go(20, |second, _| calm(second));
    call.end(41);
    call.begin();
    call.event(Some(0), size(Direction::Outbound, 720));
    call.event(Some(0), size(Direction::Inbound, 720));
    call.go(260, |second, _| calm(second));
    call
}

pub(crate) fn calm(second: u64) -> Weather {
    let slow = |salt: u64| (second as f64 / (40.0 + salt as f64)).sin() * 0.5 + noise(second / 15 + salt * 1000);
    Weather {
        sent: FINE.sent + 0.12 * slow(1),
        received: FINE.received + 0.1 * slow(2),
        rtt_ms: FINE.rtt_ms + 9.0 * slow(3),
        jitter_ms: FINE.jitter_ms + 2.0 * slow(4),
        ..FINE
    }
}

/// A page of 900 x 1500 points: high enough for all charts.
pub(crate) fn input(events: Vec<InputEvent>) -> Input {
    Input {
        width_points: 900.0,
        height_points: 1500.0,
        pixels_per_point: 1.0,
        visible_points: None,
        time_s: 0.0,
        events,
    }
}

/// A view, and what a page has been sent of it.
pub(crate) struct Page {
    pub(crate) view: View,
    pub(crate) frame: Frame,
    pub(crate) scene: Scene,
    textures: Vec<TexturePatch>,
    time_s: f64,
}

impl Page {
    pub(crate) fn open(record: CallRecord) -> Self {
        Self::of(View::new(record, Theme::Dark))
    }

    pub(crate) fn of(mut view: View) -> Self {
        let frame = view.frame(&input(Vec::new()));
        let scene = Scene::decode(&frame.bytes, None).unwrap();
        let mut page = Self { view, frame, textures: scene.textures.clone(), scene, time_s: 0.0 };
        page.settle();
        page
    }

    /// Sends events, a second after the last ones, and paints until nothing more comes.
    pub(crate) fn send(&mut self, events: Vec<InputEvent>) -> bool {
        self.time_s += 1.0;
        let before = self.scene.clone();
        self.step(Input { time_s: self.time_s, ..input(events) });
        self.settle();
        before.meshes != self.scene.meshes || before.background != self.scene.background
    }

    fn step(&mut self, input: Input) {
        self.frame = self.view.frame(&input);
        if !self.frame.bytes.is_empty() {
            self.scene = Scene::decode(&self.frame.bytes, Some(&self.scene)).unwrap();
            self.textures.extend(self.scene.textures.clone());
        }
    }

    fn settle(&mut self) {
        for _ in 0..5 {
            if self.frame.repaint_after.is_none() {
                return;
            }
            self.step(Input { time_s: self.time_s, ..input(Vec::new()) });
        }
        panic!("a view that does not come to rest");
    }

    pub(crate) fn picture(&self) -> Picture {
        let scene = Scene { textures: self.textures.clone(), ..self.scene.clone() };
        sightline_charts::paint(&scene)
    }
}
