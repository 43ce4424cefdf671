//! The task of one link: negotiates, forwards media, and reports to the driver.
//!
//! Invariant: the task is the only one to negotiate on its link, one step at a time; when it ends, the link is closed and
//! the receivers' threads are joined.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use sightline_protocol::{IceCandidate, UserId};
use sightline_quality::Path;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::forward::{Fanout, MediaQueue, Outgoing};
use crate::inbound::{Inbound, InboundHooks, PlayerSlot};
use crate::link::{Link, LinkConfig, LinkError, LinkEvent, RemoteTrack, Sent};
use crate::negotiation::{Action, Input, Negotiation, session_id};
use crate::{PeerInfo, SinkFactory};

/// Descriptions and candidates from the peer, keyframe wishes: a burst of candidates from a machine with many interfaces
/// fits twice. A peer that fills it gets its link made anew.
const COMMANDS: usize = 128;
/// Candidates come in a burst; the link's own advice is 64.
const LINK_EVENTS: usize = 128;

/// What the driver hears from a link's task.
#[derive(Debug)]
pub(crate) struct FromPeer {
    pub peer: UserId,
    /// Which of the links to this peer; the driver ignores all but the last.
    pub generation: u32,
    pub at: Instant,
    pub event: PeerEvent,
}

#[derive(Debug)]
pub(crate) enum PeerEvent {
    /// To be sent to the peer.
    SayOffer(String),
    SayAnswer(String),
    SayCandidate(IceCandidate),
    /// Offer and answer are exchanged; the peer's description has this session id.
    Agreed(Option<String>),
    /// ICE found a path.
    IceConnected,
    /// Media can flow.
    Connected,
    /// The path does not answer.
    Disconnected,
    /// The path is lost.
    Failed,
    /// The link ended without our doing.
    Closed,
    /// An ICE restart of ours is on its way.
    IceRestarted,
    Path(Path),
    FirstFrame,
    /// A sentence for people.
    Trouble(String),
}

enum Command {
    Negotiate(Input),
    RequestKeyframe(RemoteTrack),
}

/// What a link needs from the call it belongs to.
#[derive(Clone)]
pub(crate) struct PeerContext {
    pub sinks: Arc<dyn SinkFactory>,
    pub player: Arc<PlayerSlot>,
    pub fanout: Arc<Fanout>,
    pub reports: mpsc::Sender<FromPeer>,
}

/// The driver's end of a link. Dropping it ends the task.
pub(crate) struct PeerLink {
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
    pub sources: LinkSources,
}

/// Where the counters of a link are.
#[derive(Clone)]
pub(crate) struct LinkSources {
    /// Empty until the link is open.
    pub link: Arc<OnceLock<Arc<Link>>>,
    pub inbound: Arc<Inbound>,
    pub queue: Arc<MediaQueue>,
}

impl PeerLink {
    /// Starts the task; it opens the link by itself, and takes commands already.
    pub(crate) fn start(
        peer: PeerInfo,
        polite: bool,
        generation: u32,
        config: LinkConfig,
        context: PeerContext,
    ) -> Self {
        let (commands, command_rx) = mpsc::channel(COMMANDS);
        let reporter = Reporter { peer: UserId(peer.id.clone()), generation, reports: context.reports };
        let hooks = inbound_hooks(&commands, &reporter);
        let queue = context.fanout.add();
        let PeerContext { sinks, player, fanout, .. } = context;
        let inbound = Arc::new(Inbound::new(peer, sinks, player, fanout.clone(), queue.clone(), hooks));
        let sources = LinkSources { link: Arc::default(), inbound, queue };
        let task = LinkTask {
            negotiation: Negotiation::new(polite),
            reporter,
            fanout,
            commands: command_rx,
            sources: sources.clone(),
        };
        Self { commands, task: tokio::spawn(task.run(config)), sources }
    }

    /// Gives the negotiation an input; false where the task takes no more and the link has to be made anew.
    pub(crate) fn negotiate(&self, input: Input) -> bool {
        self.commands.try_send(Command::Negotiate(input)).is_ok()
    }

    /// Ends the task and waits for it.
    pub(crate) async fn close(self) {
        drop(self.commands);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task of a link broke");
        }
    }
}

/// The receivers hold only weak ends: they must not keep the task alive.
fn inbound_hooks(commands: &mpsc::Sender<Command>, reporter: &Reporter) -> InboundHooks {
    let weak = commands.downgrade();
    let request_keyframe = move |track: &RemoteTrack| {
        let sent = weak.upgrade().map(|commands| commands.try_send(Command::RequestKeyframe(track.clone())));
        if let Some(Err(error)) = sent {
            // The receiver asks again.
            tracing::debug!(%error, "a request for a keyframe was lost");
        }
    };
    let reporter = reporter.clone();
    let first_frame = move |at| reporter.try_report(at, PeerEvent::FirstFrame);
    InboundHooks { request_keyframe: Arc::new(request_keyframe), first_frame: Arc::new(first_frame) }
}

#[derive(Clone)]
struct Reporter {
    peer: UserId,
    generation: u32,
    reports: mpsc::Sender<FromPeer>,
}

impl Reporter {
    fn message(&self, at: Instant, event: PeerEvent) -> FromPeer {
        FromPeer { peer: self.peer.clone(), generation: self.generation, at, event }
    }

    async fn report(&self, event: PeerEvent) {
        if self.reports.send(self.message(Instant::now(), event)).await.is_err() {
            tracing::trace!("the driver has gone");
        }
    }

    fn try_report(&self, at: Instant, event: PeerEvent) {
        if let Err(error) = self.reports.try_send(self.message(at, event)) {
            tracing::debug!(%error, "a report of a link was lost");
        }
    }
}

struct LinkTask {
    negotiation: Negotiation,
    reporter: Reporter,
    fanout: Arc<Fanout>,
    commands: mpsc::Receiver<Command>,
    sources: LinkSources,
}

impl LinkTask {
    async fn run(mut self, config: LinkConfig) {
        let (events_tx, mut events) = mpsc::channel(LINK_EVENTS);
        match Link::open(config, self.sources.inbound.clone(), events_tx).await {
            Ok(link) => {
                let link = Arc::new(link);
                let forwarding = tokio::spawn(forward(link.clone(), self.sources.queue.clone()));
                if self.sources.link.set(link.clone()).is_err() {
                    tracing::error!("a link was opened twice");
                }
                self.serve(&link, &mut events).await;
                forwarding.abort();
                link.close().await;
            }
            Err(error) => self.reporter.report(PeerEvent::Trouble(error.to_string())).await,
        }
        self.fanout.remove(&self.sources.queue);
        let inbound = self.sources.inbound.clone();
        if let Err(error) = spawn_blocking(move || inbound.close()).await {
            tracing::error!(%error, "closing a peer's receivers broke");
        }
    }

    async fn serve(&mut self, link: &Link, events: &mut mpsc::Receiver<LinkEvent>) {
        let mut rate = link.rate();
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Negotiate(input)) => self.negotiate(link, input).await,
                    Some(Command::RequestKeyframe(track)) => link.request_keyframe(&track).await,
                    None => return,
                },
                Ok(()) = rate.changed() => self.fanout.rates_changed.notify_one(),
                event = events.recv() => match event {
                    Some(LinkEvent::Closed) | None => return self.reporter.report(PeerEvent::Closed).await,
                    Some(event) => self.on_link(link, event).await,
                },
            }
        }
    }

    async fn on_link(&mut self, link: &Link, event: LinkEvent) {
        let report = match event {
            LinkEvent::Candidate(candidate) => PeerEvent::SayCandidate(candidate),
            LinkEvent::IceConnected => PeerEvent::IceConnected,
            LinkEvent::Connected => {
                // Asked for here and not by the driver: each hop is part of the time to the first picture.
                if self.sources.queue.open() {
                    self.fanout.ask_for(&self.sources.queue);
                }
                PeerEvent::Connected
            }
            LinkEvent::Disconnected => PeerEvent::Disconnected,
            LinkEvent::Failed => {
                self.sources.queue.close();
                PeerEvent::Failed
            }
            LinkEvent::Closed => PeerEvent::Closed,
            LinkEvent::NegotiationNeeded => return self.negotiate(link, Input::Needed).await,
            LinkEvent::Path(path) => PeerEvent::Path(path),
            // Its receiver is made by the first packet.
            LinkEvent::TrackStarted(track) => return tracing::debug!(?track.kind, track.ssrc, "remote track"),
            LinkEvent::TrackEnded(track) => {
                let inbound = self.sources.inbound.clone();
                drop(spawn_blocking(move || inbound.ended(&track)));
                return;
            }
            LinkEvent::Error(sentence) => PeerEvent::Trouble(sentence),
        };
        self.reporter.report(report).await;
    }

    /// Carries the machine's actions out, to their end.
    async fn negotiate(&mut self, link: &Link, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for action in self.negotiation.handle(input) {
                if let Err(error) = self.carry_out(link, &action).await {
                    match action {
                        Action::Candidate(_) => tracing::debug!(%error, "a candidate was refused"),
                        _ => tracing::warn!(%error, "negotiation failed; it is tried again"),
                    }
                    inputs.push_back(Input::Failed(action));
                    break;
                }
            }
        }
    }

    async fn carry_out(&mut self, link: &Link, action: &Action) -> Result<(), LinkError> {
        match action {
            Action::Offer { restart } => {
                if *restart {
                    link.restart_ice().await?;
                    self.reporter.report(PeerEvent::IceRestarted).await;
                }
                let offer = link.offer().await?;
                self.reporter.report(PeerEvent::SayOffer(offer)).await;
            }
            Action::Rollback => link.rollback().await?,
            Action::Answer(offer) => {
                let answer = link.answer(offer).await?;
                self.reporter.report(PeerEvent::SayAnswer(answer)).await;
                self.agreed(offer).await;
            }
            Action::Accept(answer) => {
                link.accept_answer(answer).await?;
                self.agreed(answer).await;
            }
            Action::Candidate(candidate) => link.add_candidate(candidate.clone()).await?,
        }
        Ok(())
    }

    async fn agreed(&self, theirs: &str) {
        self.reporter.report(PeerEvent::Agreed(session_id(theirs).map(str::to_owned))).await;
    }
}

/// From the queue to the link, until aborted.
async fn forward(link: Arc<Link>, queue: Arc<MediaQueue>) {
    loop {
        match queue.next().await {
            Outgoing::Video(frame) => {
                let sent = link.send_video(&frame).await;
                queue.sent(frame.keyframe, sent == Sent::Ok);
            }
            // The link counts what it sends; a lost packet of sound concerns nobody else.
            Outgoing::Audio(packet) => {
                let sent = link.send_audio(&packet).await;
                tracing::trace!(?sent, "sound");
            }
        }
    }
}
