//! What is sent instead of what was asked for: problem documents (RFC 9457).

use axum::{
    Extension,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sightline_protocol::{ErrorCode, Problem, Refusal};

/// An answer that says why there is no other.
#[derive(Debug)]
pub(crate) struct Refused(StatusCode, Refusal);

/// Marks an answer that has a [`Problem`] in it, with its code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Explained(pub(super) ErrorCode);

impl Refused {
    /// A refusal under a status that axum or hyper chose.
    pub(super) fn with_status(status: StatusCode, refusal: Refusal) -> Self {
        Self(status, refusal)
    }
}

/// The status that goes with a code.
fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadMessage | ErrorCode::UnsupportedVersion | ErrorCode::UnknownEvent => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized | ErrorCode::WrongPassword | ErrorCode::PasswordNeeded => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::Denied | ErrorCode::NotInvited | ErrorCode::Locked => StatusCode::FORBIDDEN,
        ErrorCode::UnknownRoom | ErrorCode::UnknownPerson | ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Gone => StatusCode::GONE,
        ErrorCode::NameTaken | ErrorCode::RoomFull | ErrorCode::AlreadyInRoom => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::TooFast => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::ServerFull | ErrorCode::ShuttingDown | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(status(refusal.code), refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, refusal) = self;
        let explained = Explained(refusal.code);
        let problem = Problem::new(status.as_u16(), status.canonical_reason().unwrap_or("Refused"), refusal);
        let body = serde_json::to_string(&problem).expect("texts and a number can be written as JSON");
        let mut response = (status, Extension(explained), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            // As long as one guess takes to come back; nothing here is limited for longer.
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        response
    }
}
