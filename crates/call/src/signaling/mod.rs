//! The signaling server: being in the room, staying in it, saying and hearing things there.
//!
//! Invariant: once the room is entered the task keeps the seat until it is told to leave: whatever happens to socket or
//! server it comes back, as the same participant where the server allows it, by the room's code else. What is said
//! meanwhile waits in a bounded outbox.

mod http;
mod lounge;
mod outbox;
mod probe;
mod socket;
mod timing;
mod url;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use sightline_protocol::{ClientMessage, ErrorCode, MediaState, RoomCode, ServerMessage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout};

pub use http::{Api, create_room, find_room, http_address};
pub use lounge::{Lounge, LoungeEvent};
use outbox::Outbox;
pub(crate) use probe::greet;
pub(crate) use socket::Entered;
use socket::{Incoming, Seat, Socket, enter};
use timing::{Backoff, Beat, Heartbeat};
pub(crate) use url::ServerUrl;

use crate::CallError;

/// A latecomer in a full room says seven offers with some fifty candidates each in its first moments (PROTOCOL.md).
const COMMANDS: usize = 512;
/// What the driver has not taken yet; when it is full the socket is not read, which the server bounds.
const SIGNALS: usize = 256;
/// For the leave message and its answer.
const GOODBYE_PATIENCE: Duration = Duration::from_millis(400);

/// What the driver hears.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Back in the room after [`Signal::Away`].
    Entered(Entered),
    /// Said by the server in the room.
    Message(ServerMessage),
    /// The socket is lost; getting back is under way.
    Away {
        /// Why, for people.
        cause: String,
    },
    /// The server is there again but did not let us in; the next attempt follows.
    Refused(CallError),
    /// Another client took our seat with our token; nothing follows.
    Replaced,
    /// A host put us out; nothing follows.
    Removed,
}

enum Command {
    Send(ClientMessage),
    Leave,
}

/// How one comes into a room.
pub(crate) struct Ticket<'a> {
    /// The room's code as people type it.
    pub code: &'a str,
    /// Our name.
    pub name: &'a str,
    /// Room token.
    pub token: Option<String>,
}

/// The way to the server. Dropping it without [`Signaling::leave`] says leave as well.
pub(crate) struct Signaling {
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Signaling {
    /// Enters the room for the first time; refusals end here.
    pub(crate) async fn join(
        server: &str,
        ticket: Ticket<'_>,
        media: MediaState,
        on_waiting: &(dyn Fn(&str) + Sync),
    ) -> Result<(Self, Entered, mpsc::Receiver<Signal>), CallError> {
        let url = ServerUrl::parse(server)?;
        let code = RoomCode::parse(ticket.code).ok_or_else(|| CallError::BadCode(ticket.code.to_owned()))?;
        let name = ticket.name.to_owned();
        let mut seat = Seat { url, code, name, media, room_token: ticket.token, token: None };
        let (socket, entered) = enter(&mut seat, on_waiting).await?;
        let (commands, command_rx) = mpsc::channel(COMMANDS);
        let (signals, signal_rx) = mpsc::channel(SIGNALS);
        let keeper = Keeper { seat, outbox: Outbox::default(), commands: command_rx, signals };
        let task = tokio::spawn(keeper.run(socket));
        Ok((Self { commands, task }, entered, signal_rx))
    }

    /// Says something in the room, now or as soon as the server is back. Never blocks.
    pub(crate) fn send(&self, message: ClientMessage) {
        if self.commands.try_send(Command::Send(message)).is_err() {
            tracing::error!("a message to the signaling server was lost: more is said than it takes");
        }
    }

    /// Says goodbye and ends the task, within a second.
    pub(crate) async fn leave(mut self) {
        let farewell = async {
            // Full queue: what is in it goes first; a closed one: the task has ended.
            if self.commands.send(Command::Leave).await.is_ok()
                && let Err(error) = (&mut self.task).await
            {
                tracing::error!(%error, "the signaling task broke");
            }
        };
        if timeout(2 * GOODBYE_PATIENCE, farewell).await.is_err() {
            self.task.abort();
        }
    }
}

/// Why a socket is not used any more.
enum End {
    Leave,
    Replaced,
    Removed,
    Lost(String),
}

/// The task: owns the seat and, while there is one, the socket.
struct Keeper {
    seat: Seat,
    outbox: Outbox,
    commands: mpsc::Receiver<Command>,
    signals: mpsc::Sender<Signal>,
}

impl Keeper {
    async fn run(mut self, mut socket: Socket) {
        loop {
            let cause = match self.serve(&mut socket).await {
                End::Leave => {
                    if timeout(GOODBYE_PATIENCE, socket.goodbye()).await.is_err() {
                        tracing::debug!("the server did not take our goodbye in time");
                    }
                    return;
                }
                End::Replaced => return self.tell(Signal::Replaced).await,
                End::Removed => return self.tell(Signal::Removed).await,
                End::Lost(cause) => cause,
            };
            drop(socket);
            tracing::info!(cause, "signaling lost");
            self.tell(Signal::Away { cause }).await;
            match self.come_back().await {
                Some(back) => socket = back,
                None => return,
            }
        }
    }

    /// Reads and writes until the socket ends or we leave.
    async fn serve(&mut self, socket: &mut Socket) -> End {
        while let Some(message) = self.outbox.pop() {
            if let Err(cause) = socket.send(&message).await {
                self.outbox.put_back(message);
                return End::Lost(cause);
            }
        }
        let mut heart = Heartbeat::new(Instant::now());
        loop {
            let wait = match heart.poll(Instant::now()) {
                Beat::Dead => return End::Lost("the server does not answer".to_owned()),
                Beat::Ping(nonce) => match socket.send(&ClientMessage::Ping { nonce }).await {
                    Ok(()) => continue,
                    Err(cause) => return End::Lost(cause),
                },
                Beat::Wait(until) => until,
            };
            tokio::select! {
                incoming = socket.next() => {
                    heart.heard(Instant::now());
                    match incoming {
                        Incoming::SignOfLife | Incoming::Message(ServerMessage::Pong { .. }) => {}
                        Incoming::Message(ServerMessage::Error { code: ErrorCode::Replaced, .. }) => return End::Replaced,
                        Incoming::Message(ServerMessage::Error { code: ErrorCode::Denied, .. }) => return End::Removed,
                        Incoming::Message(message) => {
                            if let ServerMessage::Room { token: Some(token), .. } = &message {
                                self.seat.room_token = Some(token.clone());
                            }
                            self.tell(Signal::Message(message)).await;
                        }
                        Incoming::Closed(cause) => return End::Lost(cause),
                    }
                }
                command = self.commands.recv() => {
                    let Some(message) = self.take(command) else { return End::Leave };
                    if let Err(cause) = socket.send(&message).await {
                        self.outbox.put_back(message);
                        return End::Lost(cause);
                    }
                }
                () = sleep_until(wait.into()) => {}
            }
        }
    }

    /// Tries until the seat is taken again; `None` when we are to leave.
    async fn come_back(&mut self) -> Option<Socket> {
        let mut backoff = Backoff::new();
        loop {
            self.meanwhile(sleep(backoff.delay(rand::random()))).await?;
            let mut seat = self.seat.clone();
            let result = self.meanwhile(async move { (enter(&mut seat, &|_| {}).await, seat) }).await?;
            match result {
                (Ok((socket, entered)), seat) => {
                    self.seat = Seat { media: self.seat.media, ..seat };
                    if !entered.resumed {
                        self.outbox.forget_peers();
                    }
                    self.tell(Signal::Entered(entered)).await;
                    return Some(socket);
                }
                (Err(error @ CallError::ServerNotThere { .. }), _) => tracing::debug!(%error, "still away"),
                (Err(error), _) => self.tell(Signal::Refused(error)).await,
            }
        }
    }

    /// Does `work` while what is said goes into the outbox; `None` when we are to leave.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                command = self.commands.recv() => {
                    let message = self.take(command)?;
                    self.outbox.push(message);
                }
            }
        }
    }

    /// The message to send; `None` when we are to leave.
    fn take(&mut self, command: Option<Command>) -> Option<ClientMessage> {
        match command {
            Some(Command::Send(message)) => {
                if let ClientMessage::Update { media: Some(media), .. } = &message {
                    self.seat.media = *media;
                }
                Some(message)
            }
            Some(Command::Leave) | None => None,
        }
    }

    async fn tell(&self, signal: Signal) {
        if self.signals.send(signal).await.is_err() {
            tracing::debug!("nobody listens to signaling any more");
        }
    }
}
