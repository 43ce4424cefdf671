//! Records of calls, as clients upload them.
//!
//! Invariant: bodies and tokens are made before they are needed, so that making them takes nothing of what is measured.

use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use hyper::body::Bytes;
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use sightline_protocol::{Role, logs::LogBatch};

use crate::signaling::SECRET;

/// What a server's room token says (PROTOCOL.md).
#[derive(Serialize)]
struct Claims<'a> {
    room: &'a str,
    role: Role,
    name: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
}

/// Until tokens end, seconds.
const GOOD_S: i64 = 12 * 3600;

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A token for one who was in a room, as the server would have issued it with the same secret.
pub(crate) fn token(room: &str, user: &str, name: &str) -> Result<String> {
    let iat = now_ms() / 1000;
    let claims =
        Claims { room, role: Role::Guest, name, sub: user, jti: format!("{room}-{user}"), iat, exp: iat + GOOD_S };
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))?)
}

/// A batch as it is sent.
pub(crate) fn pack(batch: &LogBatch) -> Result<Bytes> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&serde_json::to_vec(batch)?)?;
    Ok(gzip.finish().context("gzip")?.into())
}
