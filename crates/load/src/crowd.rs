//! Thousands of clients in pairs, each a task that hears what comes and sends when it is due.
//!
//! Invariant: clients send by the clock and not by what comes back, each in its turn, so that a server that is slow is not
//! spared; a message bears the time at which it was handed to the system.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{Interval, MissedTickBehavior, interval, interval_at},
};
use tokio_tungstenite::tungstenite::Message;

use crate::dialect::{Client, Dialect, stamp_ns};

/// Pairs that connect at a time: less than the connections that a system holds until they are accepted.
const CONNECTING: usize = 32;

/// A fifth of what PeerJS sends, and well within the minute after which PeerServer gives a client up.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// When all send, and which messages count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) start: Instant,
    /// Messages that are sent from here on count ...
    pub(crate) begin: Instant,
    /// ... to here, where sending ends.
    pub(crate) end: Instant,
    /// From one time that a client sends to its next.
    pub(crate) every: Duration,
    /// Messages that it sends at a time.
    pub(crate) burst: u32,
    /// Which of what is measured this is, from 0.
    pub(crate) load: usize,
}

/// How much is measured with one crowd.
pub(crate) const LOADS: usize = 2;

impl Plan {
    fn counts(&self, at: Instant) -> bool {
        (self.begin..self.end).contains(&at)
    }
}

/// What one client, or all together, saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) loads: [Traffic; LOADS],
    /// Connections that broke.
    pub(crate) broken: u64,
}

/// Messages under one plan.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Messages sent while they counted.
    pub(crate) sent: u64,
    /// Messages that came while messages counted, whenever they were sent.
    pub(crate) came: u64,
    /// How long those that counted took, in microseconds; those that never came are not in it.
    pub(crate) took_us: Vec<u32>,
}

impl Seen {
    fn add(&mut self, other: Self) {
        for (all, one) in self.loads.iter_mut().zip(other.loads) {
            all.sent += one.sent;
            all.came += one.came;
            all.took_us.extend(one.took_us);
        }
        self.broken += other.broken;
    }
}

/// All of them.
pub(crate) struct Crowd {
    clients: Vec<JoinHandle<Seen>>,
    orders: watch::Sender<Option<Plan>>,
}

impl Crowd {
    /// Connects so many pairs.
    pub(crate) async fn gather(dialect: Dialect, at: SocketAddr, pairs: usize) -> Result<Self> {
        let (orders, hears) = watch::channel(None);
        let (places, epoch) = (Arc::new(Semaphore::new(CONNECTING)), Instant::now());
        let mut connecting = JoinSet::new();
        for number in 0..pairs {
            let (places, hears) = (places.clone(), hears.clone());
            connecting.spawn(async move {
                let _place = places.acquire().await?;
                let pair = dialect.pair(at, number).await.with_context(|| format!("pair {number} of {pairs}"))?;
                // They hear from the beginning: whoever waits for the last pair must answer pings.
                let clients = pair.into_iter().enumerate().map(|(which, client)| {
                    // The two of a pair send half a period apart.
                    let turn = (which * pairs + number) as f64 / (2 * pairs) as f64;
                    tokio::spawn(Task { dialect, client, hears: hears.clone(), epoch, turn }.run())
                });
                anyhow::Ok(clients.collect::<Vec<_>>())
            });
        }
        let mut clients = Vec::with_capacity(2 * pairs);
        while let Some(pair) = connecting.join_next().await {
            clients.extend(pair??);
        }
        Ok(Self { clients, orders })
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Fails where a connection did not last.
    pub(crate) fn all_there(&self) -> Result<()> {
        let gone = self.clients.iter().filter(|client| client.is_finished()).count();
        ensure!(gone == 0, "{gone} of {} connections broke", self.len());
        Ok(())
    }

    /// Has all send.
    pub(crate) fn send(&self, plan: Plan) {
        self.orders.send_replace(Some(plan));
    }

    /// Ends it, and gives what all saw.
    pub(crate) async fn part(self) -> Result<Seen> {
        drop(self.orders);
        let mut all = Seen::default();
        for client in self.clients {
            all.add(client.await?);
        }
        all.loads.iter_mut().for_each(|load| load.took_us.sort_unstable());
        Ok(all)
    }
}

struct Task {
    dialect: Dialect,
    client: Client,
    hears: watch::Receiver<Option<Plan>>,
    /// Stamps count from here.
    epoch: Instant,
    /// When in a period it sends, from 0 to 1.
    turn: f64,
}

impl Task {
    async fn run(mut self) -> Seen {
        let mut seen = Seen::default();
        if self.go_on(&mut seen).await.is_err() {
            seen.broken = 1;
        }
        seen
    }

    /// Until it is told to end, or the connection breaks.
    async fn go_on(&mut self, seen: &mut Seen) -> Result<()> {
        let mut plan: Option<Plan> = None;
        let mut sends: Option<Interval> = None;
        let mut heartbeat = self.dialect.heartbeat().map(|text| (text, interval(HEARTBEAT)));
        loop {
            tokio::select! {
                told = self.hears.changed() => {
                    if told.is_err() {
                        return Ok(());
                    }
                    plan = *self.hears.borrow_and_update();
                    sends = plan.map(|plan| {
                        let mut sends = interval_at((plan.start + plan.every.mul_f64(self.turn)).into(), plan.every);
                        sends.set_missed_tick_behavior(MissedTickBehavior::Burst);
                        sends
                    });
                }
                message = self.client.socket.next() => match message.context("closed")?? {
                    Message::Text(text) => self.hear(text.as_str(), plan, seen).await?,
                    Message::Close(_) => anyhow::bail!("closed"),
                    _ => {}
                },
                () = due(sends.as_mut()) => {
                    let (Some(plan), now) = (plan, Instant::now()) else { continue };
                    if now >= plan.end {
                        sends = None;
                        continue;
                    }
                    if plan.counts(now) {
                        seen.loads[plan.load].sent += u64::from(plan.burst);
                    }
                    let stamp = u64::try_from((now - self.epoch).as_nanos())?;
                    for _ in 0..plan.burst {
                        self.client.socket.feed(Message::text(self.client.message(stamp))).await?;
                    }
                    self.client.socket.flush().await?;
                }
                () = due(heartbeat.as_mut().map(|(_, beats)| beats)) => {
                    if let Some((text, _)) = heartbeat {
                        self.client.socket.send(Message::text(text)).await?;
                    }
                }
            }
        }
    }

    async fn hear(&mut self, text: &str, plan: Option<Plan>, seen: &mut Seen) -> Result<()> {
        if let Some(reply) = self.dialect.reply(text) {
            return Ok(self.client.socket.send(Message::text(reply)).await?);
        }
        let (Some(plan), Some(stamp)) = (plan, stamp_ns(text)) else { return Ok(()) };
        let now = Instant::now();
        let sent = self.epoch + Duration::from_nanos(stamp);
        let seen = &mut seen.loads[plan.load];
        seen.came += u64::from(plan.counts(now));
        if plan.counts(sent) {
            seen.took_us.push(u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX));
        }
        Ok(())
    }
}

/// Until it is time, if there is a time.
async fn due(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}
