//! One peer connection, behind a face of our own: no other module names `webrtc` or `rtc`.
//!
//! Invariant: what the WebRTC crate gets wrong is put right in here, each in a module that names the defect; callers see
//! a link that behaves.
//!
//! A link is three things: the connection (driven by the crate's task), the link's own task (`pump`), which turns what
//! happens into events, and one task per remote track, which hands packets to the [`MediaSink`]. Packets out are written
//! by the caller's task. [`Link::close`] ends them all.

mod chain;
mod codecs;
mod description;
mod dtls_role;
mod extension;
#[cfg(test)]
mod foreign_tests;
mod handler;
mod ice;
mod nack;
mod negotiation;
mod path;
mod preference;
mod pump;
mod receive;
mod red;
mod role_conflict;
mod rtx_unwrap;
mod seldom;
mod send;
mod send_side;
mod sockets;
mod stage;
mod sticky;
mod stock;
mod stream;
mod tap;
#[cfg(test)]
mod testing;
mod tie_breaker;
mod types;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sightline_media::{EncodedAudio, EncodedVideo};
use sightline_protocol::IceCandidate;
use sightline_quality::{Direction, Kind, LinkCounters, TrackCounters, TrackKey};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder, StatsSelector};

use self::description::Sending;
use self::handler::{Handler, Signal, Signals};
use self::negotiation::Negotiation;
use self::pump::Pump;
use self::receive::Incoming;
use self::send::{Gate, Outgoing, Place};
use self::send_side::Outlook;
use self::tap::Counts;

pub(crate) use ice::{own_addresses, udp_servers};
pub use send_side::SharedUplink;
pub use types::{LinkConfig, LinkError, LinkEvent, LinkRate, LinkReport, MediaSink, RemoteTrack, Sent, Unsent};

/// How long the link's task may take to say its last word when the link is closed.
const GOODBYE: Duration = Duration::from_millis(200);

/// The connection to one peer.
pub struct Link {
    peer: String,
    connection: Arc<dyn PeerConnection>,
    shared: Arc<Shared>,
    audio: Outgoing,
    video: Outgoing,
    outlook: Outlook,
    negotiation: tokio::sync::Mutex<Negotiation>,
    pump: Mutex<Option<JoinHandle<()>>>,
}

/// What the tasks of a link share.
struct Shared {
    sink: Arc<dyn MediaSink>,
    signals: Signals,
    counts: Counts,
    gate: Arc<Gate>,
    incoming: Arc<Incoming>,
    /// Id of the candidate pair last told of.
    pair: Mutex<Option<String>>,
    closing: AtomicBool,
}

impl Shared {
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Reads the counters of the path, and tells of a new one.
    async fn read_path(&self, connection: &dyn PeerConnection, now: Instant) -> LinkCounters {
        let mut counters = LinkCounters::default();
        path::fill(&connection.get_stats(now, StatsSelector::None).await, &mut counters);
        if let Some(rtt) = counters.path_rtt {
            self.counts.note_rtt(rtt);
        }
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &counters.path
            && *pair != counters.pair_id
        {
            pair.clone_from(&counters.pair_id);
            self.signals.push(Signal::Path(path.clone()));
        }
        counters
    }
}

impl Link {
    /// Creates the peer connection with one audio and one video transceiver, both sendrecv, VP8 and Opus.
    ///
    /// `events` is to be read all the time: beyond what it holds, 256 events wait, and more are lost. `sink` may get
    /// packets of a track before its `TrackStarted` was read.
    pub async fn open(
        config: LinkConfig,
        sink: Arc<dyn MediaSink>,
        events: mpsc::Sender<LinkEvent>,
    ) -> Result<Self, LinkError> {
        let setup = |error: rtc::shared::error::Error| LinkError::Setup(error.to_string());
        let (signals, received) = Signals::new();
        let (counts, gate) = (Counts::default(), Arc::new(Gate::default()));
        let (outlook, registry) = if config.stock {
            (Outlook::fixed(config.max_video_bps), stock::registry(counts.clone()))
        } else {
            let outlook = Outlook::default();
            (outlook.clone(), chain::registry(&counts, outlook, config.uplink, config.max_video_bps))
        };
        let mut builder = PeerConnectionBuilder::new();
        if let Some(runtime) = sockets::Roomy::runtime() {
            builder = builder.with_runtime(runtime);
        }
        let connection = builder
            .with_configuration(ice::configuration(&config.ice_servers, config.relay_only))
            .with_setting_engine(ice::setting_engine())
            .with_media_engine(codecs::media_engine().map_err(setup)?)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler { signals: signals.clone(), gate: gate.clone() }))
            .with_udp_addrs(vec![ice::LocalAddresses(config.udp_bind)])
            .build()
            .await
            .map_err(setup)?;
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        let stream = |kind| Outgoing::add(connection.as_ref(), kind, gate.clone(), sink.clone(), outlook.rate());
        let audio = stream(Kind::Audio).await.map_err(setup)?;
        let video = stream(Kind::Video).await.map_err(setup)?;
        let shared = Arc::new(Shared {
            incoming: Arc::new(Incoming::new(sink.clone(), signals.clone(), counts.clone())),
            sink,
            signals,
            counts,
            gate,
            pair: Mutex::new(None),
            closing: AtomicBool::new(false),
        });
        let (stopped, told) = (audio.driver_stopped(), shared.signals.clone());
        tokio::spawn(async move {
            stopped.await;
            told.push(Signal::DriverStopped);
        });
        let pump = Pump::new(shared.clone(), connection.clone(), config.relay_only);
        let pump = Mutex::new(Some(tokio::spawn(pump.run(received, events))));
        Ok(Self { peer: config.peer, connection, shared, audio, video, outlook, negotiation: Default::default(), pump })
    }

    /// Creates an offer and sets it as the local description.
    pub async fn offer(&self) -> Result<String, LinkError> {
        let offer = self.negotiation.lock().await.offer(self.connection.as_ref()).await?;
        self.shared.signals.push(Signal::GatheringBegan);
        Ok(offer)
    }

    /// Takes the peer's offer and returns our answer, set as the local description.
    pub async fn answer(&self, offer: &str) -> Result<String, LinkError> {
        let mut negotiation = self.negotiation.lock().await;
        let answer = negotiation.answer(self.connection.as_ref(), offer).await?;
        self.shared.signals.push(Signal::GatheringBegan);
        self.settle(offer).await;
        Ok(answer)
    }

    /// Takes the peer's answer to our offer.
    pub async fn accept_answer(&self, answer: &str) -> Result<(), LinkError> {
        let mut negotiation = self.negotiation.lock().await;
        negotiation.accept_answer(self.connection.as_ref(), answer).await?;
        self.settle(answer).await;
        Ok(())
    }

    /// Draws the consequences of a completed exchange.
    async fn settle(&self, theirs: &str) {
        let audio = self.audio.settle(self.connection.as_ref()).await;
        let video = self.video.settle(self.connection.as_ref()).await;
        self.shared.incoming.set_capture_time(self.video.capture_time_id());
        self.shared.incoming.set_sound(self.audio.sound());
        self.shared.incoming.described(&Sending::read(theirs));
        if audio == Place::None || video == Place::None {
            self.shared.signals.push(Signal::NegotiationNeeded);
        }
    }

    /// Drops our pending offer (RFC 8829, 5.7). Where it was to restart ICE, `NegotiationNeeded` follows.
    pub async fn rollback(&self) -> Result<(), LinkError> {
        if self.negotiation.lock().await.rollback(self.connection.as_ref()).await? {
            self.shared.signals.push(Signal::NegotiationNeeded);
        }
        Ok(())
    }

    /// Takes one of the peer's candidates, at any time: it waits for the description it belongs to.
    pub async fn add_candidate(&self, candidate: IceCandidate) -> Result<(), LinkError> {
        self.negotiation.lock().await.add_candidate(self.connection.as_ref(), candidate).await
    }

    /// Makes the next [`Link::offer`] restart ICE, over the addresses the machine has then.
    pub async fn restart_ice(&self) -> Result<(), LinkError> {
        if self.shared.is_closing() {
            return Err(LinkError::Closed);
        }
        self.negotiation.lock().await.restart_ice();
        Ok(())
    }

    /// Sends one picture. Waits 30 ms at most.
    pub async fn send_video(&self, frame: &EncodedVideo) -> Sent {
        self.video.video(frame).await
    }

    /// Sends one Opus packet. Waits 30 ms at most.
    pub async fn send_audio(&self, packet: &EncodedAudio) -> Sent {
        self.audio.audio(packet).await
    }

    /// What the link can carry, whenever that changes.
    pub fn rate(&self) -> watch::Receiver<LinkRate> {
        self.outlook.rate()
    }

    /// Asks the peer for a keyframe (PLI, RFC 4585, 6.3.1).
    pub async fn request_keyframe(&self, track: &RemoteTrack) {
        self.shared.incoming.request_keyframe(track.ssrc).await;
    }

    /// Reads the counters: the wire's half of them. Where the peer sends several tracks of a kind, the first counts.
    pub async fn counters(&self, now: Instant) -> LinkReport {
        let mut link = self.shared.read_path(self.connection.as_ref(), now).await;
        let figures = self.outlook.figures();
        link.peer.clone_from(&self.peer);
        link.available_outgoing_bps = figures.target_bps;
        link.ice_restarts = self.negotiation.lock().await.restarts;
        let mut tracks = Vec::new();
        for (kind, stream) in [(Kind::Audio, &self.audio), (Kind::Video, &self.video)] {
            let mut counters = self.unknown(kind, Direction::Outbound, stream.ssrc);
            counters.codec = stream.codec();
            self.shared.counts.fill_outbound(stream.ssrc, &mut counters);
            tracks.push(counters);
        }
        for track in self.shared.incoming.first_of_each_kind() {
            let mut counters = self.unknown(track.kind, Direction::Inbound, track.ssrc);
            counters.codec = Some(codecs::name(track.kind).to_owned());
            self.shared.counts.fill_inbound(track.ssrc, &mut counters);
            tracks.push(counters);
        }
        let mut video_unsent = self.video.unsent();
        video_unsent.dropped += figures.frames_dropped;
        LinkReport { link, tracks, audio_unsent: self.audio.unsent(), video_unsent }
    }

    fn unknown(&self, kind: Kind, direction: Direction, ssrc: u32) -> TrackCounters {
        let key = TrackKey { peer: self.peer.clone(), kind, direction };
        TrackCounters { ssrc: Some(ssrc), ..TrackCounters::unknown(key) }
    }

    /// Says goodbye and releases sockets and tasks. `Closed` is the last event.
    pub async fn close(&self) {
        if self.shared.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        self.shared.gate.shut();
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the connection did not close cleanly");
        }
        let pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut pump) = pump
            && tokio::time::timeout(GOODBYE, &mut pump).await.is_err()
        {
            // The caller does not read its events: it will not miss the last one.
            pump.abort();
        }
    }
}

impl Drop for Link {
    /// A link that was not closed is closed in the background, for the crate's task would live on.
    fn drop(&mut self) {
        if !self.shared.closing.swap(true, Ordering::AcqRel)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let connection = self.connection.clone();
            runtime.spawn(async move { connection.close().await });
        }
        if let Some(pump) = self.pump.lock().unwrap_or_else(PoisonError::into_inner).take() {
            pump.abort();
        }
    }
}
