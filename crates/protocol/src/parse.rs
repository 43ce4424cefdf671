//! From the text of a WebSocket message to a typed one.
//!
//! Invariant: any text gives a message or a [`Refusal`] that says what is wrong with it; nothing panics, and the work is
//! bounded by the [`limits`] of length before JSON is looked at.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{ClientMessage, ErrorCode, MediaState, Refusal, ServerMessage, limits};

/// What every message has, whatever its event. `data` is looked at only once the event is known.
#[derive(Deserialize)]
struct Envelope {
    event: String,
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

/// Longest excerpt of a parser's complaint in a refusal: it may quote what the peer sent.
const DETAIL_CHARS: usize = 160;

impl ClientMessage {
    /// Every event a client may send.
    pub const EVENTS: &[&str] = &[
        "hello",
        "join",
        "leave",
        "update",
        "offer",
        "answer",
        "ice-candidate",
        "hint",
        "chat",
        "ping",
        "host",
        "people",
        "meet",
    ];

    /// Reads a client's message on the server.
    ///
    /// # Errors
    /// `too-large`, `bad-message` or `unknown-event`, in this order of looking.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        parse(text, Self::EVENTS, limits::MESSAGE_BYTES)
    }

    /// An update about the sender's microphone and camera.
    pub fn media(media: MediaState) -> Self {
        Self::Update { media: Some(media), room_id: None, user_id: None, action: None }
    }

    /// The message as it is sent.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl ServerMessage {
    /// Every event a server may send.
    pub const EVENTS: &[&str] = &[
        "welcome",
        "join",
        "leave",
        "update",
        "offer",
        "answer",
        "ice-candidate",
        "hint",
        "chat",
        "pong",
        "error",
        "waiting",
        "room",
        "ended",
        "asked",
        "people",
        "meet",
    ];

    /// Reads a server's message on the client. A client that gets [`ErrorCode::UnknownEvent`] or
    /// [`ErrorCode::BadMessage`] here has met a newer server: it ignores the message and goes on.
    ///
    /// # Errors
    /// `too-large`, `bad-message` or `unknown-event`, in this order of looking.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        parse(text, Self::EVENTS, limits::SERVER_MESSAGE_BYTES)
    }

    /// The message as it is sent.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl From<Refusal> for ServerMessage {
    fn from(Refusal { code, message }: Refusal) -> Self {
        Self::Error { code, message }
    }
}

fn parse<M: DeserializeOwned>(text: &str, events: &[&str], most_bytes: usize) -> Result<M, Refusal> {
    if text.len() > most_bytes {
        let message = format!("The message has {} bytes; at most {most_bytes} are taken.", text.len());
        return Err(Refusal::new(ErrorCode::TooLarge, message));
    }
    serde_json::from_str(text).map_err(|error| explain(text, events, &error))
}

/// Tells apart the ways in which a text can fail. Only for texts that failed: it parses a second time.
fn explain(text: &str, events: &[&str], error: &serde_json::Error) -> Refusal {
    match serde_json::from_str::<Envelope>(text) {
        Ok(Envelope { event, .. }) if !events.contains(&event.as_str()) => {
            Refusal::new(ErrorCode::UnknownEvent, format!("The event '{}' is not known here.", shorten(&event)))
        }
        Ok(Envelope { event, .. }) => {
            let detail = shorten(&error.to_string());
            Refusal::new(ErrorCode::BadMessage, format!("The data of '{event}' cannot be read: {detail}."))
        }
        Err(error) => {
            let detail = shorten(&error.to_string());
            let message = format!(r#"A message is JSON of the form {{"event": ..., "data": {{...}}}}: {detail}."#);
            Refusal::new(ErrorCode::BadMessage, message)
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).collect()
}

fn to_json<M: serde::Serialize>(message: &M) -> String {
    serde_json::to_string(message).expect("messages have string keys and no custom serialisers, so this cannot fail")
}
