//! The task that owns the [`Hub`], and the handle by which everybody else talks to it.
//!
//! One task for all rooms, rather than one for each or a lock: resume tokens, places and bounds go across rooms; a message
//! takes a few microseconds here (it was read and parsed in its connection's task), so one task carries far more than the
//! 20 000 a second a server is meant for; and the order of everything is plain. It never waits for a client: what does
//! not fit into an [`Outbox`] cuts that client.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sightline_protocol::{ClientMessage, ErrorCode, MeetNews, Refusal, ServerMessage};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    accounts::Accounts,
    hub::{ConnId, Deed, Effect, Hub, Known, Now},
    metrics::Metrics,
    outbox::Outbox,
    store::{Entry, StoreWriter},
};

/// Commands that may wait for the hub. With more, connections wait, and with them their clients: so many are done within
/// milliseconds.
const QUEUE: usize = 1024;

/// How long everybody waits for the disk, which takes a tenth of a millisecond where it is well. Beyond it calls matter
/// more than a record of the last moment.
const DISK_PATIENCE: Duration = Duration::from_millis(250);

/// Commands taken at a time, before the clock is looked at again.
const BATCH: usize = 128;

enum Command {
    Connected {
        conn: ConnId,
        address: IpAddr,
        outbox: Arc<Outbox>,
    },
    Message {
        conn: ConnId,
        message: Result<(ClientMessage, Option<Box<Known>>), Refusal>,
        heard_at: Instant,
    },
    Disconnected {
        conn: ConnId,
    },
    /// Something that is asked over HTTP.
    Ask(Question),
    ShutDown,
}

/// Is put to the hub, and sends the answer itself when it is called a second time: what came of it is carried out between.
type Question = Box<dyn FnOnce(&mut Hub, Now, &mut Vec<Effect>) -> Answer + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// The hub is gone: the server is going down.
#[derive(Debug)]
pub(crate) struct Gone;

/// Talks to the hub's task.
#[derive(Debug, Clone)]
pub(crate) struct Switch {
    commands: mpsc::Sender<Command>,
    next_conn: Arc<AtomicU64>,
    store: Option<StoreWriter>,
}

impl Switch {
    /// Starts the task. It ends after [`Self::shut_down`], or when all handles are dropped.
    pub(crate) fn start(
        hub: Hub,
        store: Option<StoreWriter>,
        accounts: Accounts,
        metrics: Arc<Metrics>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = Task {
            hub,
            outboxes: HashMap::new(),
            store: store.clone(),
            accounts,
            metrics: metrics.clone(),
            effects: Vec::new(),
        };
        let switch = Self { commands: sender, next_conn: Arc::default(), store };
        (switch, tokio::spawn(task.run(receiver)))
    }

    /// A socket was opened; what is for it goes to `outbox`.
    pub(crate) async fn connected(&self, address: IpAddr, outbox: Arc<Outbox>) -> Result<ConnId, Gone> {
        let conn = self.next_conn.fetch_add(1, Ordering::Relaxed);
        self.tell(Command::Connected { conn, address, outbox }).await?;
        Ok(conn)
    }

    /// A client's message, or why it is none.
    pub(crate) async fn message(
        &self,
        conn: ConnId,
        message: Result<(ClientMessage, Option<Box<Known>>), Refusal>,
    ) -> Result<(), Gone> {
        self.tell(Command::Message { conn, message, heard_at: Instant::now() }).await
    }

    /// The socket is gone.
    pub(crate) async fn disconnected(&self, conn: ConnId) -> Result<(), Gone> {
        self.tell(Command::Disconnected { conn }).await
    }

    /// Asks the hub something.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Hub, Now, &mut Vec<Effect>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let going_down = || Refusal::new(ErrorCode::ShuttingDown, "The server is going down. Try again in a moment.");
        let question: Question = Box::new(move |hub, now, out| {
            let answered = question(hub, now, out);
            // Whoever asked may have gone meanwhile.
            Box::new(move || drop(reply.send(answered)))
        });
        self.tell(Command::Ask(question)).await.map_err(|Gone| going_down())?;
        answer.await.map_err(|_| going_down())?
    }

    /// Asks the hub for a change that is on disk when this returns.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Hub, Now, &mut Vec<Effect>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let changed = self.ask(question).await?;
        if let Some(store) = &self.store {
            store.flushed().await?;
        }
        Ok(changed)
    }

    /// Lets everybody be told, and ends the task.
    pub(crate) async fn shut_down(&self) {
        // Gone already is as good.
        self.tell(Command::ShutDown).await.ok();
    }

    async fn tell(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).await.map_err(|_| Gone)
    }
}

struct Task {
    hub: Hub,
    outboxes: HashMap<ConnId, Arc<Outbox>>,
    store: Option<StoreWriter>,
    accounts: Accounts,
    metrics: Arc<Metrics>,
    effects: Vec<Effect>,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let due = self.hub.next_deadline();
            tokio::select! {
                taken = commands.recv_many(&mut batch, BATCH) => if taken == 0 { return },
                () = sleep_until(due) => {}
            }
            self.metrics.hub_queue.set(commands.len());
            let now = now();
            for command in batch.drain(..) {
                if let Command::ShutDown = command {
                    self.hub.shut_down(now, &mut self.effects);
                    self.carry_out(now).await;
                    return;
                }
                self.follow(command, now).await;
            }
            self.hub.tick(now, &mut self.effects);
            self.carry_out(now).await;
        }
    }

    async fn follow(&mut self, command: Command, now: Now) {
        let effects = &mut self.effects;
        match command {
            Command::Connected { conn, address, outbox } => {
                self.outboxes.insert(conn, outbox);
                self.hub.connected(conn, address);
            }
            Command::Message { conn, message: Ok((message, known)), heard_at } => {
                let is_relayed = is_relayed(&message);
                let known = known.map(|known| *known).unwrap_or_default();
                self.hub.message(conn, message, known, now, effects);
                self.carry_out(now).await;
                if is_relayed {
                    self.metrics.relayed(heard_at.elapsed());
                }
                return;
            }
            Command::Message { conn, message: Err(refusal), .. } => self.hub.refuse(conn, refusal, effects),
            Command::Disconnected { conn } => {
                self.outboxes.remove(&conn);
                self.hub.disconnected(conn, now, effects);
            }
            Command::Ask(question) => {
                let answer = question(&mut self.hub, now, effects);
                // Before the answer, so that whoever gets it can wait for the disk.
                self.carry_out(now).await;
                answer();
            }
            Command::ShutDown => {}
        }
        self.carry_out(now).await;
    }

    async fn carry_out(&mut self, now: Now) {
        let mut effects = std::mem::take(&mut self.effects);
        while !effects.is_empty() {
            self.count(&effects);
            self.write_down(&effects).await;
            for effect in effects.drain(..) {
                match effect {
                    Effect::Send(conn, text) => {
                        let outbox = self.outboxes.get(&conn);
                        if outbox.is_some_and(|outbox| outbox.push(text).is_err())
                            && let Some(outbox) = self.outboxes.remove(&conn)
                        {
                            tracing::info!(conn, "a client does not read and was cut");
                            outbox.cut();
                            self.hub.too_slow(conn, now, &mut self.effects);
                        }
                    }
                    Effect::Close(conn, farewell) => {
                        if let Some(outbox) = self.outboxes.remove(&conn) {
                            outbox.close(farewell);
                        }
                    }
                    Effect::Store(_) | Effect::Refused(_) => {}
                    Effect::Deed(deed) => self.keep(deed, now),
                }
            }
            // What came of those who were too slow; and the allocation is kept.
            std::mem::swap(&mut effects, &mut self.effects);
        }
        self.effects = effects;
    }
}

impl Task {
    /// Keeps the figures of `/metrics`.
    fn count(&self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Store(Entry::PlaceTaken { .. }) => self.metrics.joined(),
                Effect::Refused(code) => self.metrics.refused(*code),
                _ => {}
            }
        }
        let (rooms, participants) = self.hub.counts();
        self.metrics.rooms.set(rooms);
        self.metrics.participants.set(participants);
        self.metrics.connections.set(self.outboxes.len());
    }

    /// Has something about accounts kept, and then tells who asked for it; nobody waits for it here.
    fn keep(&self, deed: Deed, now: Now) {
        let asker = match &deed {
            Deed::Report { conn, .. } => self.outboxes.get(conn).cloned(),
            Deed::Missed { .. } | Deed::MissedSeen { .. } | Deed::Block { .. } => None,
        };
        let metrics = self.metrics.clone();
        self.accounts.follow(deed, now, move |kept| {
            let Some(asker) = asker else {
                if let Err(error) = kept {
                    tracing::error!(%error, "something about accounts was not kept");
                }
                return;
            };
            let news = match kept {
                Ok(()) => ServerMessage::Meet(MeetNews::Reported {}),
                Err(error) => {
                    let refusal = Refusal::from(error);
                    metrics.refused(refusal.code);
                    refusal.into()
                }
            };
            if asker.push(news.to_json().into()).is_err() {
                asker.cut();
            }
        });
    }

    /// Writes what is to be written, and waits for it: nobody is told of a place that a crash would forget.
    async fn write_down(&self, effects: &[Effect]) {
        let Some(store) = &self.store else { return };
        let mut any = false;
        for effect in effects {
            if let Effect::Store(entry) = effect {
                store.write(entry.clone()).await;
                any = true;
            }
        }
        if !any {
            return;
        }
        match timeout(DISK_PATIENCE, store.flushed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.metrics.store_failed(),
            Err(_) => tracing::warn!("the disk is slow; calls go on before it has written"),
        }
    }
}

/// Whether a message is there to be passed on: those are the ones that have to be quick.
fn is_relayed(message: &ClientMessage) -> bool {
    matches!(
        message,
        ClientMessage::Offer { .. }
            | ClientMessage::Answer { .. }
            | ClientMessage::IceCandidate { .. }
            | ClientMessage::Hint { .. }
            | ClientMessage::Chat { .. }
    )
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// The one place where the server looks at the clocks for the hub.
pub(crate) fn now() -> Now {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { at: Instant::now(), unix_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX) }
}
