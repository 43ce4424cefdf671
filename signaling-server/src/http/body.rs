//! JSON bodies, read within bounds.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;
use sightline_protocol::{ErrorCode, Refusal};

use super::{Doors, problem::Refused};

/// Longest JSON body, but for uploads: the longest lists and texts of a room fit several times.
pub(super) const BODY_BYTES: usize = 64 * 1024;

/// A JSON body. None at all is an empty object, so that `POST /rooms` needs none. What the client calls its type does not
/// matter.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Doors> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, doors: &Doors) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, doors).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Refusal::new(ErrorCode::TooLarge, format!("A body has at most {BODY_BYTES} bytes here."))
            } else {
                Refusal::new(ErrorCode::BadMessage, "The body of the request broke off. Send it again.")
            }
        })?;
        let text = if bytes.iter().all(u8::is_ascii_whitespace) { b"{}".as_slice() } else { &bytes };
        match serde_json::from_slice(text) {
            Ok(value) => Ok(Self(value)),
            Err(error) => {
                let detail: String = error.to_string().chars().take(200).collect();
                Err(Refusal::new(ErrorCode::BadMessage, format!("The body cannot be read: {detail}.")).into())
            }
        }
    }
}
