//! One WebSocket to the server: from nothing to being in the room, and typed messages from there on.
//!
//! Invariant: a [`Socket`] given out by [`enter`] has said hello and is in the room.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sightline_protocol::{
    ClientMessage, ErrorCode, IceServer, MediaState, Participant, RoomCode, RoomState, ServerMessage, UserId, VERSION,
    limits,
};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::http::{PATIENCE, Stream, connect};
use super::url::ServerUrl;
use crate::CallError;

/// A message that is not written after this finds a server that does not read any more.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// What we say we are.
pub(super) const CLIENT: &str = concat!("sightline/", env!("CARGO_PKG_VERSION"));

/// Whom we are in which room on which server.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub url: ServerUrl,
    pub code: RoomCode,
    pub name: String,
    /// What is on at the moment; said again whenever the room is entered anew.
    pub media: MediaState,
    /// For this room: the one we came with, or the last that we were given.
    pub room_token: Option<String>,
    /// From the last welcome.
    pub token: Option<String>,
}

/// The room as it was when we entered or came back.
#[derive(Debug, Clone)]
pub(crate) struct Entered {
    pub user_id: UserId,
    pub room_id: String,
    pub participants: Vec<Participant>,
    pub ice_servers: Vec<IceServer>,
    /// The same participant as before.
    pub resumed: bool,
    /// What the room is like; older servers do not say.
    pub room: Option<RoomState>,
    /// Our token for the room, where there is one.
    pub token: Option<String>,
}

/// What a socket gave.
pub(crate) enum Incoming {
    Message(ServerMessage),
    /// Something that only shows that the server lives, or that we do not understand.
    SignOfLife,
    /// The end, and why.
    Closed(String),
}

/// A connected WebSocket.
pub(crate) struct Socket {
    inner: WebSocketStream<Stream>,
}

impl Socket {
    pub(super) async fn open(url: &ServerUrl) -> Result<Self, CallError> {
        let stream = connect(url).await?;
        // The envelope around a relayed message differs a little from the one it came in.
        let config = WebSocketConfig::default().max_message_size(Some(2 * limits::MESSAGE_BYTES));
        let strange = |cause| CallError::NotASignalingServer { url: url.to_string(), cause };
        let handshake = tokio_tungstenite::client_async_with_config(url.websocket(), stream, Some(config));
        match timeout(PATIENCE, handshake).await {
            Ok(Ok((inner, _))) => Ok(Self { inner }),
            Ok(Err(error)) => Err(strange(error.to_string())),
            Err(_) => Err(strange(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    /// Sends one message; an error is the end of the socket.
    pub(crate) async fn send(&mut self, message: &ClientMessage) -> Result<(), String> {
        let text = Message::text(message.to_json());
        match timeout(WRITE_PATIENCE, self.inner.send(text)).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err("the server does not read".to_owned()),
        }
    }

    /// Waits for what comes next. Cancel safe.
    pub(crate) async fn next(&mut self) -> Incoming {
        match self.inner.next().await {
            Some(Ok(Message::Text(text))) => match ServerMessage::parse(&text) {
                Ok(message) => Incoming::Message(message),
                // From a newer server; PROTOCOL.md tells clients to go on.
                Err(refusal) => {
                    tracing::debug!(%refusal, "ignoring a message that is not understood");
                    Incoming::SignOfLife
                }
            },
            Some(Ok(Message::Close(frame))) => Incoming::Closed(match frame {
                Some(frame) if !frame.reason.is_empty() => format!("the server closed: {}", frame.reason),
                _ => "the server closed the connection".to_owned(),
            }),
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                Incoming::SignOfLife
            }
            Some(Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) | None => {
                Incoming::Closed("the server closed the connection".to_owned())
            }
            Some(Err(error)) => Incoming::Closed(error.to_string()),
        }
    }

    /// Says leave and closes. Errors do not matter any more.
    pub(crate) async fn goodbye(mut self) {
        if self.send(&ClientMessage::Leave {}).await.is_ok() {
            // The answer to leave, or the end: then the server has taken it.
            loop {
                match self.next().await {
                    Incoming::Message(ServerMessage::Leave { .. }) | Incoming::Closed(_) => break,
                    Incoming::Message(_) | Incoming::SignOfLife => {}
                }
            }
            self.close().await;
        }
    }

    /// Closes. Errors do not matter any more.
    pub(super) async fn close(mut self) {
        if let Err(error) = self.inner.close(None).await {
            tracing::debug!(%error, "closing the socket");
        }
    }
}

/// A server pings every 5 s: one that is not heard for so long while we wait at a door is gone.
const DOOR_PATIENCE: Duration = Duration::from_secs(12);

/// Connects and takes the seat: as the same participant where the token is still good, by the room's code else. Puts
/// the new tokens into the seat. Where a host has to let us in, it calls `on_waiting` and waits, for as long as it takes.
pub(crate) async fn enter(seat: &mut Seat, on_waiting: &(dyn Fn(&str) + Sync)) -> Result<(Socket, Entered), CallError> {
    let mut socket = Socket::open(&seat.url).await?;
    let gone = |url: &ServerUrl, cause: String| CallError::ServerNotThere { url: url.to_string(), cause };
    let hello = ClientMessage::Hello {
        version: VERSION,
        client: CLIENT.to_owned(),
        resume_token: seat.token.clone(),
        account_token: None,
    };
    let join = ClientMessage::Join {
        room_id: seat.code.as_str().to_owned(),
        name: seat.name.clone(),
        media: seat.media,
        token: seat.room_token.clone(),
        user_id: None,
    };
    socket.send(&hello).await.map_err(|cause| gone(&seat.url, cause))?;
    let fresh = seat.token.is_none();
    if fresh {
        // Nothing to resume, so that join can follow at once and spares a round trip.
        socket.send(&join).await.map_err(|cause| gone(&seat.url, cause))?;
    }
    let mut welcome = None;
    let mut patience = PATIENCE;
    loop {
        let message = match timeout(patience, socket.next()).await {
            Ok(Incoming::Message(message)) => message,
            Ok(Incoming::SignOfLife) => continue,
            Ok(Incoming::Closed(cause)) => return Err(gone(&seat.url, cause)),
            Err(_) => return Err(gone(&seat.url, format!("nothing was heard for {} s", patience.as_secs()))),
        };
        match message {
            ServerMessage::Welcome { user_id, resume_token, resumed, ice_servers, .. } => {
                seat.token = Some(resume_token);
                if !fresh && !resumed {
                    socket.send(&join).await.map_err(|cause| gone(&seat.url, cause))?;
                }
                welcome = Some((user_id, ice_servers, resumed));
            }
            ServerMessage::Waiting { name, .. } => {
                patience = DOOR_PATIENCE;
                on_waiting(&name);
            }
            ServerMessage::Join { room_id, user_id, participants, room, token } => {
                let Some((_, ice_servers, resumed)) = welcome else {
                    let cause = "it let us join before its welcome".to_owned();
                    return Err(CallError::NotASignalingServer { url: seat.url.to_string(), cause });
                };
                if token.is_some() {
                    seat.room_token = token;
                }
                let token = seat.room_token.clone();
                return Ok((socket, Entered { user_id, room_id, participants, ice_servers, resumed, room, token }));
            }
            ServerMessage::Error { code, message } => return Err(refusal(code, message, &seat.code)),
            ServerMessage::Ended { .. } => return Err(CallError::UnknownRoom(seat.code.as_str().to_owned())),
            ServerMessage::Leave { .. }
            | ServerMessage::Room { .. }
            | ServerMessage::Asked { .. }
            | ServerMessage::People(_)
            | ServerMessage::Meet(_)
            | ServerMessage::Update { .. }
            | ServerMessage::Offer { .. }
            | ServerMessage::Answer { .. }
            | ServerMessage::IceCandidate { .. }
            | ServerMessage::Hint { .. }
            | ServerMessage::Chat { .. }
            | ServerMessage::Pong { .. } => tracing::debug!("ignoring a message that came before the room"),
        }
    }
}

pub(super) fn refusal(code: ErrorCode, message: String, room: &RoomCode) -> CallError {
    match code {
        ErrorCode::UnknownRoom => CallError::UnknownRoom(room.as_str().to_owned()),
        ErrorCode::RoomFull => CallError::RoomFull(room.as_str().to_owned()),
        ErrorCode::UnsupportedVersion => CallError::Version { ours: VERSION, message },
        code => CallError::Refused { code, message },
    }
}
