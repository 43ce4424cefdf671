//! One socket to the server outside any call: presence, calls by name, random partners.
//!
//! Invariant: until it is closed it comes back whenever it is lost, as the same account, with the same list of people to
//! watch. What else is said while the server is away is dropped and never said later: nobody wants to ring an hour after.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use sightline_protocol::{
    ClientMessage, ErrorCode, MeetAction, MeetNews, PeopleAction, PeopleNews, ServerMessage, VERSION,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout};

use super::GOODBYE_PATIENCE;
use super::http::PATIENCE;
use super::socket::{CLIENT, Incoming, Socket};
use super::timing::{Backoff, Beat, Heartbeat};
use super::url::ServerUrl;
use crate::CallError;

/// What a person presses in a moment, many times over.
const WORDS: usize = 64;
/// The state of all who are watched at once (the server watches 200 for a device) and some more; when it is full the
/// socket is not read, which the server bounds.
const EVENTS: usize = 256;
/// A connection that lasts for so long is a good one: the next attempt after it comes soon again.
const STEADY: Duration = Duration::from_secs(10);

/// What one hears in the lounge.
#[derive(Debug)]
pub enum LoungeEvent {
    /// The server is there. Whatever was under way when it was lost is over.
    Here {
        /// The account that it takes us for; `None` also where the token is good no more.
        account: Option<String>,
    },
    /// The server is lost, or was not found; it is being looked for. Comes once until it is there again.
    Away {
        /// Why, for people.
        cause: String,
    },
    /// The server is there and does not take us in; the next attempt follows. Comes once until it takes us in.
    NotTaken(CallError),
    /// About people by name.
    People(PeopleNews),
    /// About a random partner.
    Meet(MeetNews),
    /// Something that was said is not done.
    Refused {
        /// Stable, for programs.
        code: ErrorCode,
        /// The server's sentence.
        message: String,
    },
}

/// The way to the server outside a call. Dropping it closes it as well, unseen.
#[derive(Debug)]
pub struct Lounge {
    words: mpsc::Sender<ClientMessage>,
    task: JoinHandle<()>,
}

impl Lounge {
    /// Goes to a server and stays there: as a device of the account of this token, or as nobody in particular.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn open(server: &str, account_token: Option<String>) -> Result<(Self, mpsc::Receiver<LoungeEvent>), CallError> {
        let url = ServerUrl::parse(server)?;
        let (words, word_rx) = mpsc::channel(WORDS);
        let (events, event_rx) = mpsc::channel(EVENTS);
        let keeper = Keeper { url, account_token, watched: None, words: word_rx, events };
        let task = tokio::spawn(keeper.run());
        Ok((Self { words, task }, event_rx))
    }

    /// Does something about people. Never blocks.
    pub fn people(&self, action: PeopleAction) {
        self.say(ClientMessage::People(action));
    }

    /// Does something about a random partner. Never blocks.
    pub fn meet(&self, action: MeetAction) {
        self.say(ClientMessage::Meet(action));
    }

    /// Ends it, within a second.
    pub async fn close(self) {
        let Self { words, mut task } = self;
        drop(words);
        match timeout(2 * GOODBYE_PATIENCE, &mut task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the lounge's task broke"),
            Err(_) => task.abort(),
        }
    }

    fn say(&self, message: ClientMessage) {
        if self.words.try_send(message).is_err() {
            tracing::error!("a message to the server was lost: more is said than it takes");
        }
    }
}

/// Why a socket is not used any more.
enum End {
    Closed,
    Lost(String),
}

/// The task: owns the socket, while there is one.
struct Keeper {
    url: ServerUrl,
    account_token: Option<String>,
    /// The last list of people to watch, said again on each new socket.
    watched: Option<Vec<String>>,
    words: mpsc::Receiver<ClientMessage>,
    events: mpsc::Sender<LoungeEvent>,
}

impl Keeper {
    async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut wait = Duration::ZERO;
        loop {
            let Some(mut socket) = self.arrive(&mut backoff, wait).await else { return };
            let since = Instant::now();
            let cause = match self.serve(&mut socket).await {
                End::Closed => {
                    if timeout(GOODBYE_PATIENCE, socket.close()).await.is_err() {
                        tracing::debug!("the server did not take our goodbye in time");
                    }
                    return;
                }
                End::Lost(cause) => cause,
            };
            drop(socket);
            tracing::info!(cause, "the lounge is lost");
            self.tell(LoungeEvent::Away { cause }).await;
            if since.elapsed() >= STEADY {
                backoff = Backoff::new();
            }
            wait = backoff.delay(rand::random());
        }
    }

    /// Tries until the server takes us in; `None` when we are to end.
    async fn arrive(&mut self, backoff: &mut Backoff, mut wait: Duration) -> Option<Socket> {
        // Who has just lost the server was told so.
        let mut told = !wait.is_zero();
        let mut refused = false;
        loop {
            self.meanwhile(sleep(wait)).await?;
            let (url, token) = (self.url.clone(), self.account_token.clone());
            match self.meanwhile(async move { arrive(&url, token).await }).await? {
                Ok((socket, account)) => {
                    self.tell(LoungeEvent::Here { account }).await;
                    return Some(socket);
                }
                Err(error @ CallError::ServerNotThere { .. }) if told => tracing::debug!(%error, "still away"),
                Err(error @ CallError::ServerNotThere { .. }) => {
                    told = true;
                    self.tell(LoungeEvent::Away { cause: error.to_string() }).await;
                }
                Err(error) if refused => tracing::debug!(%error, "still not taken in"),
                Err(error) => {
                    refused = true;
                    self.tell(LoungeEvent::NotTaken(error)).await;
                }
            }
            wait = backoff.delay(rand::random());
        }
    }

    /// Reads and writes until the socket ends or we are to.
    async fn serve(&mut self, socket: &mut Socket) -> End {
        if let Some(names) = self.watched.clone() {
            let watch = ClientMessage::People(PeopleAction::Watch { names });
            if let Err(cause) = socket.send(&watch).await {
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
                        Incoming::Message(message) => self.heard(message).await,
                        Incoming::SignOfLife => {}
                        Incoming::Closed(cause) => return End::Lost(cause),
                    }
                }
                word = self.words.recv() => {
                    let Some(message) = word else { return End::Closed };
                    self.keep(&message);
                    if let Err(cause) = socket.send(&message).await {
                        return End::Lost(cause);
                    }
                }
                () = sleep_until(wait.into()) => {}
            }
        }
    }

    async fn heard(&self, message: ServerMessage) {
        match message {
            ServerMessage::People(news) => self.tell(LoungeEvent::People(news)).await,
            ServerMessage::Meet(news) => self.tell(LoungeEvent::Meet(news)).await,
            ServerMessage::Error { code, message } => self.tell(LoungeEvent::Refused { code, message }).await,
            ServerMessage::Pong { .. } => {}
            ServerMessage::Welcome { .. }
            | ServerMessage::Join { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::Room { .. }
            | ServerMessage::Ended { .. }
            | ServerMessage::Asked { .. }
            | ServerMessage::Leave { .. }
            | ServerMessage::Update { .. }
            | ServerMessage::Offer { .. }
            | ServerMessage::Answer { .. }
            | ServerMessage::IceCandidate { .. }
            | ServerMessage::Hint { .. }
            | ServerMessage::Chat { .. } => tracing::debug!("ignoring a message of a room that we are not in"),
        }
    }

    /// Does `work` while what is said is dropped; `None` when we are to end.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                // First, so that what was said before the server was there is not taken for said after.
                biased;
                word = self.words.recv() => {
                    let message = word?;
                    if !self.keep(&message) {
                        tracing::debug!("dropped what was said while the server is away");
                    }
                }
                done = &mut work => return Some(done),
            }
        }
    }

    /// Keeps what holds for the next socket too; whether it does.
    fn keep(&mut self, message: &ClientMessage) -> bool {
        let ClientMessage::People(PeopleAction::Watch { names }) = message else { return false };
        self.watched = Some(names.clone());
        true
    }

    async fn tell(&self, event: LoungeEvent) {
        if self.events.send(event).await.is_err() {
            tracing::debug!("nobody listens in the lounge any more");
        }
    }
}

/// Connects and says hello; gives the account that the server takes us for.
async fn arrive(url: &ServerUrl, account_token: Option<String>) -> Result<(Socket, Option<String>), CallError> {
    let mut socket = Socket::open(url).await?;
    let gone = |cause: String| CallError::ServerNotThere { url: url.to_string(), cause };
    let hello = ClientMessage::Hello { version: VERSION, client: CLIENT.to_owned(), resume_token: None, account_token };
    socket.send(&hello).await.map_err(gone)?;
    let welcome = async {
        loop {
            match socket.next().await {
                Incoming::Message(ServerMessage::Welcome { account, .. }) => return Ok(account),
                Incoming::Message(ServerMessage::Error { code: ErrorCode::UnsupportedVersion, message }) => {
                    return Err(CallError::Version { ours: VERSION, message });
                }
                Incoming::Message(ServerMessage::Error { code, message }) => {
                    return Err(CallError::Refused { code, message });
                }
                Incoming::Message(_) | Incoming::SignOfLife => {}
                Incoming::Closed(cause) => return Err(gone(cause)),
            }
        }
    };
    let account = match timeout(PATIENCE, welcome).await {
        Ok(answer) => answer?,
        Err(_) => return Err(gone(format!("nothing was heard for {} s", PATIENCE.as_secs()))),
    };
    Ok((socket, account))
}
