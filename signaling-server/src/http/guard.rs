//! Who asks, and what they may.
//!
//! Invariant: every route that shows or changes what is not everybody's takes a [`Caller`] and asks it; a bearer whose token
//! is not good is refused, and never taken for nobody.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use sightline_protocol::{ErrorCode, Refusal, Role};
use subtle::ConstantTimeEq;

use super::{Doors, problem::Refused};
use crate::{auth::Claims, switch};

/// Who asks, by the token in the `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Shows no token.
    Nobody,
    /// Has a token for a room, which was not called back.
    InRoom(Claims),
    /// May do everything; by what name it is known in the audit log.
    Admin(String),
}

impl Caller {
    /// Refuses all but admins; gives the name for the audit log.
    pub(crate) fn admin(&self) -> Result<&str, Refusal> {
        match self {
            Self::Admin(name) => Ok(name),
            Self::Nobody => Err(who_are_you("an admin's")),
            Self::InRoom(_) => Err(Refusal::new(ErrorCode::Forbidden, "Only an admin may do this. Sign in as one.")),
        }
    }

    /// Whether it may decide about a room.
    pub(crate) fn hosts(&self, room: &str) -> bool {
        match self {
            Self::Admin(_) => true,
            Self::InRoom(claims) => claims.role == Role::Host && claims.room == room,
            Self::Nobody => false,
        }
    }

    /// Refuses all who may not decide about a room.
    pub(crate) fn host_of(&self, room: &str) -> Result<(), Refusal> {
        match self {
            _ if self.hosts(room) => Ok(()),
            Self::Nobody => Err(who_are_you("a host's")),
            _ => Err(Refusal::new(ErrorCode::Forbidden, "Only a host of this room, or an admin, may do this.")),
        }
    }
}

fn who_are_you(whose: &str) -> Refusal {
    Refusal::new(ErrorCode::Unauthorized, format!("This needs {whose} token, as `Authorization: Bearer ...`."))
}

/// The token of the `Authorization` header (RFC 6750, 2.1).
pub(super) fn bearer(parts: &Parts) -> Result<Option<&str>, Refusal> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(who_are_you("a")),
    }
}

impl FromRequestParts<Doors> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, Refused> {
        let Some(token) = bearer(parts)? else { return Ok(Self::Nobody) };
        let is_admins = |admin: &[u8]| bool::from(admin.ct_eq(token.as_bytes()));
        if doors.admin_token.as_ref().is_some_and(|admin| is_admins(admin.expose().as_bytes())) {
            return Ok(Self::Admin("admin token".into()));
        }
        let claims = doors.keys.check(token, switch::now().unix_ms, 0)?;
        let (room, jti) = (claims.room.clone(), claims.jti.clone());
        doors.switch.ask(move |hub, _, _| hub.is_good(&room, &jti)).await?;
        Ok(Self::InRoom(claims))
    }
}
