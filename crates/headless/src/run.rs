//! One call from join to report.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sightline_call::{Call, CallConfig, CallEvent, CallSummary, EndReason, Entry, LinkOptions, PeerInfo, RoomNews};
use sightline_history::{Recorder, SessionStart};
use sightline_media::audio::AudioSettings;
use sightline_media::video::VideoSettings;
use sightline_quality::{Direction, EventKind, Kind, SetupTimes};
use tokio::sync::mpsc;

use crate::cli::JoinArgs;
use crate::measure::Totals;
use crate::record::{CameraLog, Sinks};
use crate::report::{Break, PeerReport, Quantiles, Report, track};
use crate::series::Series;
use crate::share::Sharing;
use crate::usage;
use crate::watch::Verify;

/// Warnings kept for the report; a call that warns all the time is told by the first ones.
const MAX_WARNINGS: usize = 50;
/// Breaks kept for the report, likewise.
const MAX_BREAKS: usize = 200;

/// Joins, stays as long as asked, leaves; `stop` ends the call early.
///
/// # Errors
/// Where no call could begin: the room, the server, a device or a file was not there.
pub async fn run(args: &JoinArgs, stop: impl Future<Output = ()>) -> Result<Report> {
    let sinks = Arc::new(Sinks::new(args.record.as_deref(), verify(args))?);
    let history = args.history.as_deref().map(Recorder::open).transpose()?;
    let shared = args.history.as_deref().filter(|_| args.share);
    let sharing = shared.map(Sharing::start).transpose()?;
    let started = Instant::now();
    let (call, mut events) = Call::join(config(args, Arc::clone(&sinks))?).await?;

    let mut watch = Watch {
        args,
        history,
        sharing,
        sinks: Arc::clone(&sinks),
        warm_from: started + Duration::from_secs(args.warm_up),
        warm: args.warm_up == 0,
        warm_from_unix_ms: i64::MIN,
        totals: Totals::default(),
        series: Series::default(),
        peers: Vec::new(),
        report: blank(args),
    };
    let ended = follow(&mut watch, &call, &mut events, args.seconds, started, stop).await;
    // Threads end with the call, and their CPU time with them.
    watch.report.thread_cpu_seconds = usage::threads();
    let summary = call.leave().await;
    while let Ok(event) = events.try_recv() {
        watch.event(event)?;
    }
    watch.finish(&ended?, &summary).await
}

fn verify(args: &JoinArgs) -> Verify {
    match (args.verify_picture, args.verify_counter) {
        (true, _) => Verify::Picture { width: args.size.width, height: args.size.height },
        (false, true) => Verify::Counter,
        (false, false) => Verify::Nothing,
    }
}

fn link_options(args: &JoinArgs) -> LinkOptions {
    let mut options = LinkOptions { relay_only: args.relay_only, stock: args.stock_network, ..LinkOptions::default() };
    if !args.bind.is_empty() {
        options.udp_bind.clone_from(&args.bind);
    }
    options
}

fn config(args: &JoinArgs, sinks: Arc<Sinks>) -> Result<CallConfig> {
    let camera_log = args.record.as_deref().map(CameraLog::create).transpose()?.map(Mutex::new);
    Ok(CallConfig {
        server: args.server.clone(),
        code: args.code.clone(),
        name: args.name.clone(),
        token: None,
        on_waiting: None,
        video: args.camera.0.clone(),
        video_settings: VideoSettings {
            width: args.size.width,
            height: args.size.height,
            fps: args.fps,
            max_bps: args.max_kbps * 1000,
        },
        audio: args.microphone.0.clone(),
        audio_settings: AudioSettings { process: args.process_audio, ..AudioSettings::default() },
        speaker: args.speaker.0.clone(),
        entry: Entry::default(),
        sinks,
        on_captured: camera_log.map(|log| {
            let hook = move |frame, captured_us| {
                log.lock().unwrap_or_else(PoisonError::into_inner).add(frame, captured_us);
            };
            Box::new(hook) as Box<dyn Fn(u64, i64) + Send>
        }),
        link: link_options(args),
    })
}

fn blank(args: &JoinArgs) -> Report {
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        call_took_place: false,
        code: args.code.clone(),
        name: args.name.clone(),
        ended: String::new(),
        wall_seconds: 0.0,
        cpu_seconds: None,
        peak_rss_mib: None,
        thread_cpu_seconds: Default::default(),
        encoders_running: 0,
        frames_encoded: None,
        encode_ms_per_frame: None,
        setup: SetupTimes::default(),
        peers: Vec::new(),
        breaks: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Takes events until the time is up, the user stops, or the call ends by itself; gives the reason.
async fn follow(
    watch: &mut Watch<'_>,
    call: &Call,
    events: &mut mpsc::Receiver<CallEvent>,
    seconds: Option<u64>,
    started: Instant,
    stop: impl Future<Output = ()>,
) -> Result<String> {
    tokio::pin!(stop);
    let time_up = async {
        match seconds {
            Some(seconds) => tokio::time::sleep_until((started + Duration::from_secs(seconds)).into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(time_up);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(CallEvent::Ended { reason }) => return Ok(ended_by_itself(reason)),
                Some(event) => {
                    if let (CallEvent::PeerJoined(peer), Some(tile)) = (&event, watch.args.tile) {
                        call.set_tile_size(&peer.id, tile.width, tile.height);
                    }
                    watch.event(event)?;
                }
                None => return Ok("the call ended".to_owned()),
            },
            () = &mut time_up => return Ok("left".to_owned()),
            () = &mut stop => return Ok("stopped".to_owned()),
        }
    }
}

fn ended_by_itself(reason: EndReason) -> String {
    match reason {
        EndReason::Left => "left".to_owned(),
        EndReason::Replaced => "another client took this one's place".to_owned(),
        EndReason::Removed => "the host put this client out".to_owned(),
        EndReason::Over(why) => format!("the room is over ({})", why.as_str()),
        EndReason::Refused(why) | EndReason::Media(why) => why,
    }
}

/// Gathers what becomes the report, and hands everything to the history.
struct Watch<'a> {
    args: &'a JoinArgs,
    history: Option<Recorder>,
    sharing: Option<Sharing>,
    sinks: Arc<Sinks>,
    /// Figures count from here on.
    warm_from: Instant,
    warm: bool,
    warm_from_unix_ms: i64,
    totals: Totals,
    series: Series,
    peers: Vec<(PeerInfo, Option<SetupTimes>)>,
    report: Report,
}

impl Watch<'_> {
    fn event(&mut self, event: CallEvent) -> Result<()> {
        match event {
            CallEvent::Joined { user_id, room_id, server, peers, token } => {
                self.report.code = room_id.clone();
                let session = SessionStart {
                    code: room_id,
                    server,
                    own_name: self.args.name.clone(),
                    own_id: user_id,
                    client_version: env!("CARGO_PKG_VERSION").to_owned(),
                    unix_ms: unix_ms(),
                };
                match (&self.history, &mut self.sharing) {
                    (Some(history), Some(sharing)) => sharing.begin(history, session, token)?,
                    (Some(history), None) => drop(history.start_session(session)?),
                    (None, _) => {}
                }
                for peer in peers {
                    self.peer(peer);
                }
            }
            CallEvent::PeerJoined(peer) => self.peer(peer),
            CallEvent::PeerLeft { peer, reason } => {
                if let Some(history) = &self.history {
                    history.peer_left(&peer.id, &reason, unix_ms());
                }
            }
            CallEvent::PeerConnected { peer, setup } | CallEvent::FirstFrame { peer, setup } => {
                self.connected(&peer, setup)
            }
            CallEvent::Snapshot(snapshot) => {
                if !self.warm && snapshot.at >= self.warm_from {
                    self.warm = true;
                    self.warm_from_unix_ms = snapshot.unix_ms;
                    self.totals = Totals::default();
                    self.sinks.restart();
                }
                self.totals.add(&snapshot);
                self.series.add(&snapshot);
                self.report.cpu_seconds = snapshot.process.cpu.map(|cpu| cpu.as_secs_f64());
                if let Some(history) = &self.history {
                    history.snapshot(&snapshot);
                }
            }
            CallEvent::Record(event) => {
                match &event.kind {
                    EventKind::Joined { setup } => self.report.setup.signaling_ms = setup.signaling_ms,
                    EventKind::Reconnecting { cause } => self.broke(event.peer.clone(), cause.clone(), event.unix_ms),
                    EventKind::Reconnected => self.mended(event.peer.as_deref(), event.unix_ms),
                    _ => {}
                }
                if let Some(history) = &self.history {
                    history.event(&event);
                }
            }
            CallEvent::Warning(text) => self.warn(text),
            CallEvent::PicturesPaused { peer, ours, paused } => {
                let PeerInfo { name, .. } = peer;
                self.warn(match (ours, paused) {
                    (true, true) => format!("our pictures to {name} pause: the connection carries no more than sound"),
                    (true, false) => format!("our pictures to {name} go on"),
                    (false, true) => format!("the pictures of {name} pause: the connection carries no more than sound"),
                    (false, false) => format!("the pictures of {name} go on"),
                });
            }
            CallEvent::Room(RoomNews::State { token: Some(token), .. }) => {
                if let Some(Err(error)) = self.sharing.as_ref().map(|sharing| sharing.renew(&token)) {
                    self.warn(format!("the rest of the record will not reach the server: {error:#}"));
                }
            }
            CallEvent::Chat { .. } | CallEvent::MediaState { .. } | CallEvent::Room(_) | CallEvent::Ended { .. } => {}
        }
        Ok(())
    }

    fn warn(&mut self, text: String) {
        tracing::warn!("{text}");
        if self.report.warnings.len() < MAX_WARNINGS {
            self.report.warnings.push(text);
        }
    }

    fn peer(&mut self, peer: PeerInfo) {
        if let Some(history) = &self.history {
            history.peer(&peer.id, &peer.name, unix_ms());
        }
        if self.peers.iter().all(|(known, _)| known.id != peer.id) {
            self.peers.push((peer, None));
        }
    }

    fn broke(&mut self, peer: Option<String>, cause: String, unix_ms: i64) {
        if self.report.breaks.len() < MAX_BREAKS {
            self.report.breaks.push(Break { peer, cause, began_unix_ms: unix_ms, ended_unix_ms: None });
        }
    }

    fn mended(&mut self, peer: Option<&str>, unix_ms: i64) {
        let mut open = self.report.breaks.iter_mut().filter(|one| one.ended_unix_ms.is_none());
        if let Some(one) = open.find(|one| one.peer.as_deref() == peer) {
            one.ended_unix_ms = Some(unix_ms);
        }
    }

    fn connected(&mut self, peer: &PeerInfo, setup: SetupTimes) {
        if let Some((_, known)) = self.peers.iter_mut().find(|(known, _)| known.id == peer.id)
            && known.is_none_or(|known| known.first_frame_ms.is_none())
        {
            *known = Some(setup);
        }
    }

    async fn finish(mut self, ended: &str, summary: &CallSummary) -> Result<Report> {
        self.report.wall_seconds = summary.duration.as_secs_f64();
        self.report.call_took_place = summary.took_place;
        self.report.ended = ended.to_owned();
        self.report.peak_rss_mib = usage::peak_rss_mib();
        for (peer, setup) in &self.peers {
            let figures = |kind, direction| track(&self.totals, &peer.id, kind, direction);
            let watched = self.sinks.watched(&peer.id);
            let series = self.series.of(&peer.id);
            let counted = series.iter().filter(|second| second.unix_ms > self.warm_from_unix_ms);
            let mut rtts: Vec<f64> = counted.filter_map(|second| second.rtt_ms).collect();
            self.report.peers.push(PeerReport {
                id: peer.id.clone(),
                name: peer.name.clone(),
                setup: *setup,
                video_in: figures(Kind::Video, Direction::Inbound),
                audio_in: figures(Kind::Audio, Direction::Inbound),
                video_out: figures(Kind::Video, Direction::Outbound),
                audio_out: figures(Kind::Audio, Direction::Outbound),
                capture_to_decode_ms: watched.capture_to_decode_ms,
                clip: watched.clip,
                rtt_ms: Quantiles::of(&mut rtts),
                freezes: watched.freezes,
                picture: watched.quality,
                series: if self.args.series { series.to_vec() } else { Vec::new() },
            });
        }
        if let Some(first) = self.peers.iter().find_map(|(_, setup)| *setup) {
            let signaling_ms = self.report.setup.signaling_ms;
            self.report.setup = SetupTimes { signaling_ms, ..first };
        }
        self.report.encoders_running = summary.most_encoders;
        if let Some(video) = summary.video.filter(|video| video.frames_encoded > 0) {
            self.report.frames_encoded = Some(video.frames_encoded);
            self.report.encode_ms_per_frame = Some(video.encode_time.as_secs_f64() * 1e3 / video.frames_encoded as f64);
        }
        self.report.warnings.extend(self.sinks.finish());
        if let Some(history) = self.history.take() {
            history.finish(ended, unix_ms())?;
        }
        if let Some(sharing) = self.sharing.take()
            && let Some(problem) = sharing.finish().await?
        {
            self.warn(problem);
        }
        Ok(self.report)
    }
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Writes the report as JSON into a file.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_report(report: &Report, path: &Path) -> Result<()> {
    let json = serde_json::to_string_pretty(report)?;
    std::fs::write(path, json + "\n").with_context(|| format!("cannot write the report to {}", path.display()))
}
