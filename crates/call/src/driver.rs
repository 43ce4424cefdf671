//! The one task that owns a call: who is in the room, how each link fares, what the user wants.
//!
//! Invariant: everything that changes the call's state happens here, one thing at a time, and nothing here waits for a
//! peer, a device or the user; whatever takes time is a task of its own that reports back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sightline_media::{MediaError, clock};
use sightline_protocol::{IceServer, MediaState, UserId};
use sightline_quality::{EventKind, SetupTimes};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

use crate::adapt::Adaptation;
use crate::config::{Entry, LinkOptions};
use crate::event::{CallEvent, CallSummary, EndReason, Events};
use crate::link::SharedUplink;
use crate::local::{Equipment, LocalMedia};
use crate::members::Peer;
use crate::orders::Order;
use crate::own_media::OwnMedia;
use crate::peer::{FromPeer, PeerContext};
use crate::reporting::{Readings, Reporting};
use crate::setup::SetupTimer;
use crate::signaling::{Entered, Signal, Signaling};
use crate::sleep::SleepWatch;
use crate::{PeerInfo, SinkFactory};

/// Reports of all links: eight peers with a burst of candidates each.
const REPORTS: usize = 512;
/// How often links are looked after; a fraction of the 2 s in which a lost path has to be tried again.
const PULSE: Duration = Duration::from_millis(100);
/// All of the shutdown, so that leaving takes 2 s at most.
const FAREWELL: Duration = Duration::from_millis(1900);
/// Of these, for reading the last counters.
const LAST_READING: Duration = Duration::from_millis(300);

/// What a driver is made of.
pub(crate) struct DriverSetup {
    pub server: String,
    pub name: String,
    /// When 'join' was pressed.
    pub pressed: Instant,
    /// What there are sources for.
    pub media: MediaState,
    pub entry: Entry,
    pub reporting: Reporting,
    pub adaptation: Adaptation,
    pub options: LinkOptions,
    /// What our pictures take at most, bit/s.
    pub max_video_bps: u32,
    pub sinks: Arc<dyn SinkFactory>,
    pub events: Events,
    pub signaling: Signaling,
}

/// Everything the driver listens to.
pub(crate) struct Inputs {
    pub orders: mpsc::Receiver<Order>,
    pub signals: mpsc::Receiver<Signal>,
    pub equipment: Equipment,
    /// Told once, when camera and microphone are open or have failed.
    pub ready: oneshot::Sender<Result<(), MediaError>>,
}

pub(crate) struct Driver {
    server: String,
    pub(crate) pressed: Instant,
    pub(crate) options: LinkOptions,
    pub(crate) max_video_bps: u32,
    pub(crate) uplink: SharedUplink,
    sleep: SleepWatch,
    pub(crate) context: PeerContext,
    pub(crate) events: Events,
    pub(crate) signaling: Signaling,
    /// The server is there.
    pub(crate) online: bool,
    /// It relays hints; an older one does not.
    pub(crate) hints: bool,
    pub(crate) own: UserId,
    /// Our id when the call began. The record of the call goes under it.
    pub(crate) began_as: UserId,
    own_name: String,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) peers: BTreeMap<UserId, Peer>,
    pub(crate) generation: u32,
    /// Links that are being closed.
    pub(crate) closing: JoinSet<()>,
    pub(crate) media: OwnMedia,
    pub(crate) local: Option<LocalMedia>,
    pub(crate) took_place: bool,
    pub(crate) reporting: Reporting,
    pub(crate) adaptation: Adaptation,
    pub(crate) end: Option<EndReason>,
}

impl Driver {
    pub(crate) fn new(
        setup: DriverSetup,
        entered: &Entered,
        equipment: &Equipment,
    ) -> (Self, mpsc::Receiver<FromPeer>) {
        let (reports, reports_rx) = mpsc::channel(REPORTS);
        let context = PeerContext {
            sinks: setup.sinks,
            player: equipment.player.clone(),
            fanout: equipment.fanout.clone(),
            reports,
        };
        let driver = Self {
            server: setup.server,
            pressed: setup.pressed,
            options: setup.options,
            max_video_bps: setup.max_video_bps,
            uplink: SharedUplink::default(),
            sleep: SleepWatch::default(),
            context,
            events: setup.events,
            signaling: setup.signaling,
            online: true,
            hints: true,
            own: entered.user_id.clone(),
            began_as: entered.user_id.clone(),
            own_name: setup.name,
            ice_servers: entered.ice_servers.clone(),
            peers: BTreeMap::new(),
            generation: 0,
            closing: JoinSet::new(),
            media: OwnMedia::new(setup.media, &setup.entry),
            local: None,
            took_place: false,
            reporting: setup.reporting,
            adaptation: setup.adaptation,
            end: None,
        };
        (driver, reports_rx)
    }

    /// The whole call, from the room's door to the goodbye.
    pub(crate) async fn run(
        mut self,
        entered: Entered,
        inputs: Inputs,
        mut reports: mpsc::Receiver<FromPeer>,
    ) -> CallSummary {
        let Inputs { mut orders, mut signals, mut equipment, mut ready } = inputs;
        self.first_entered(entered);
        let started = tokio::select! {
            started = self.until_media(&mut equipment, &mut signals, &mut reports) => started,
            // `Call::join` was given up. What comes up yet is dropped, which stops it.
            () = ready.closed() => Ok(()),
        };
        // Where `Call::join` does not wait any more, the orders are closed as well, and the call ends by that.
        match started {
            Ok(()) => {
                drop(ready.send(Ok(())));
                self.until_end(&mut orders, &mut signals, &mut equipment, &mut reports).await;
            }
            Err(error) => {
                self.end = Some(EndReason::Media(error.to_string()));
                drop(ready.send(Err(error)));
            }
        }
        // Links that close do not wait for a driver that listens no more.
        drop(reports);
        self.farewell().await
    }

    /// Negotiates already, until camera and microphone are open or have failed.
    async fn until_media(
        &mut self,
        equipment: &mut Equipment,
        signals: &mut mpsc::Receiver<Signal>,
        reports: &mut mpsc::Receiver<FromPeer>,
    ) -> Result<(), MediaError> {
        loop {
            tokio::select! {
                started = &mut equipment.starting => {
                    let broken = |error| Err(MediaError::Thread(std::io::Error::other(error)));
                    self.local = Some(started.unwrap_or_else(broken)?);
                    self.adapt(Instant::now());
                    return Ok(());
                }
                Some(signal) = signals.recv() => self.on_signal(signal),
                Some(report) = reports.recv() => self.on_report(report),
            }
        }
    }

    async fn until_end(
        &mut self,
        orders: &mut mpsc::Receiver<Order>,
        signals: &mut mpsc::Receiver<Signal>,
        equipment: &mut Equipment,
        reports: &mut mpsc::Receiver<FromPeer>,
    ) {
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // One reading is under way at a time; a link that does not answer costs a second's snapshot, not the call.
        let mut reading: JoinSet<Readings> = JoinSet::new();
        while self.end.is_none() {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.on_order(order),
                    None => self.end = Some(EndReason::Left),
                },
                Some(signal) = signals.recv() => self.on_signal(signal),
                Some(report) = reports.recv() => self.on_report(report),
                Some(event) = equipment.devices.recv() => self.on_device(&event),
                layers = equipment.fanout.keyframes_wanted() => self.request_keyframes(layers),
                () = equipment.fanout.rates_changed.notified() => self.adapt(Instant::now()),
                _ = pulse.tick() => {
                    let now = Instant::now();
                    if let Some(slept) = self.sleep.slept(now, SystemTime::now()) {
                        self.woke_up(now, slept);
                    }
                    self.look_after(now);
                }
                _ = seconds.tick(), if reading.is_empty() => {
                    reading.spawn(self.read());
                }
                Some(readings) = reading.join_next() => match readings {
                    Ok(readings) => self.publish(readings),
                    Err(error) => tracing::error!(%error, "reading the counters broke"),
                },
                Some(closed) = self.closing.join_next() => {
                    if let Err(error) = closed {
                        tracing::error!(%error, "closing a link broke");
                    }
                }
            }
        }
    }

    pub(crate) fn record(&self, peer: Option<&str>, kind: EventKind) {
        self.events.record(clock::now_micros() / 1000, peer, kind);
    }

    pub(crate) fn warn(&self, sentence: String) {
        self.events.emit(CallEvent::Warning(sentence));
    }

    /// Who wrote a chat text.
    pub(crate) fn author(&self, id: &UserId) -> PeerInfo {
        match self.peers.get(id) {
            Some(peer) => peer.info.clone(),
            None if *id == self.own => PeerInfo { id: id.0.clone(), name: self.own_name.clone() },
            None => PeerInfo { id: id.0.clone(), name: "somebody who left".to_owned() },
        }
    }

    fn first_entered(&mut self, entered: Entered) {
        let now = Instant::now();
        let peers =
            entered.participants.iter().map(|who| PeerInfo { id: who.user_id.0.clone(), name: who.name.clone() });
        self.events.emit(CallEvent::Joined {
            user_id: entered.user_id.0.clone(),
            room_id: entered.room_id,
            server: self.server.clone(),
            peers: peers.collect(),
            token: entered.token,
        });
        if let Some(room) = entered.room {
            // The token came with the first event.
            self.on_room(room, None, None);
        }
        let signaling_ms = Some(now.duration_since(self.pressed).as_secs_f64() * 1000.0);
        self.record(None, EventKind::Joined { setup: SetupTimes { signaling_ms, ..SetupTimes::default() } });
        self.welcome_all(entered.participants, &SetupTimer::since_join(self.pressed, now), now);
    }

    /// The named shutdown: last counters, goodbye, media and links stopped and joined; bounded by [`FAREWELL`].
    async fn farewell(mut self) -> CallSummary {
        let deadline = tokio::time::Instant::now() + FAREWELL;
        if let Ok(readings) = tokio::time::timeout(LAST_READING, self.read()).await {
            self.publish(readings);
        }
        let reason = self.end.take().unwrap_or(EndReason::Left);
        self.record(None, EventKind::Left { reason: reason.as_str().to_owned() });
        let local = self.local.take();
        let summary = CallSummary {
            reason: reason.clone(),
            duration: self.pressed.elapsed(),
            took_place: self.took_place,
            most_encoders: self.reporting.most_encoders(),
            video: local.as_ref().and_then(|local| local.video.as_ref()).map(|video| video.counters()),
            audio: local.as_ref().and_then(|local| local.audio.as_ref()).map(|audio| audio.counters()),
        };
        for link in self.peers.values_mut().filter_map(|peer| peer.link.take()) {
            self.closing.spawn(link.close());
        }
        let media = async {
            if let Some(local) = local {
                local.stop().await;
            }
        };
        let links = async { while self.closing.join_next().await.is_some() {} };
        let all = async { tokio::join!(self.signaling.leave(), media, links) };
        if timeout_at(deadline, all).await.is_err() {
            tracing::error!("leaving took too long; something of this call is still being closed");
        }
        self.events.emit(CallEvent::Ended { reason });
        summary
    }
}
