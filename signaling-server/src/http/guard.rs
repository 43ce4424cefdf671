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
use crate::{
    accounts::{Account, AccountError},
    auth::Claims,
    config::Accounts,
    switch,
};

/// Who asks, by the token in the `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Shows no token.
    Nobody,
    /// Has a token for a room, which was not called back.
    InRoom(Claims),
    /// Is signed in.
    SignedIn(Account),
    /// May do everything; by what name it is known in the audit log.
    Admin(String),
}

impl Caller {
    /// Name of the account, where somebody is signed in.
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Self::SignedIn(account) => Some(&account.name),
            Self::Nobody | Self::InRoom(_) | Self::Admin(_) => None,
        }
    }

    /// Refuses all but admins; gives the name for the audit log.
    pub(crate) fn admin(&self) -> Result<&str, Refusal> {
        match self {
            Self::Admin(name) => Ok(name),
            Self::Nobody => Err(who_are_you("an admin's")),
            Self::InRoom(_) | Self::SignedIn(_) => {
                Err(Refusal::new(ErrorCode::Forbidden, "Only an admin may do this. Sign in as one."))
            }
        }
    }

    /// Whether it may decide about a room.
    pub(crate) fn hosts(&self, room: &str) -> bool {
        match self {
            Self::Admin(_) => true,
            Self::InRoom(claims) => claims.role == Role::Host && claims.room == room,
            Self::Nobody | Self::SignedIn(_) => false,
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
        if is_session(token) {
            let account = signed_in(doors, token).await?;
            return Ok(if account.admin { Self::Admin(account.name) } else { Self::SignedIn(account) });
        }
        let claims = doors.keys.check(token, switch::now().unix_ms, 0)?;
        let (room, jti) = (claims.room.clone(), claims.jti.clone());
        doors.switch.ask(move |hub, _, _| hub.is_good(&room, &jti)).await?;
        Ok(Self::InRoom(claims))
    }
}

/// Session tokens of accounts begin with `s` and have no dots; room tokens have two.
fn is_session(token: &str) -> bool {
    !token.contains('.')
}

async fn signed_in(doors: &Doors, token: &str) -> Result<Account, Refused> {
    let (people, token) = (doors.people.clone(), token.to_owned());
    super::people::blocking(move || people.who(&token, switch::now())?.ok_or(AccountError::NotSignedIn)).await
}

/// The account that a request is for, with the token it showed.
pub(super) struct SignedInAs {
    pub(super) account: Account,
    pub(super) token: String,
}

impl FromRequestParts<Doors> for SignedInAs {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, Refused> {
        doors.accounts_there()?;
        let token = bearer(parts)?.ok_or_else(|| who_are_you("an account's"))?.to_owned();
        let account = signed_in(doors, &token).await?;
        Ok(Self { account, token })
    }
}

/// A room token that is good for uploads: also some time after its end, as what could not be sent is sent later, and
/// whether or not the room is still there.
pub(super) struct Uploader(pub(super) Claims);

/// What a client keeps while the server is away is taken for so long after the token's end, in seconds: a month.
const UPLOADS_S: i64 = 30 * 24 * 3600;

impl FromRequestParts<Doors> for Uploader {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, Refused> {
        let token = bearer(parts)?.ok_or_else(|| who_are_you("a room"))?;
        let now_ms = switch::now().unix_ms;
        let claims = doors.keys.check(token, now_ms, i64::MAX)?;
        // Unlike a token that is not good here, which another server may have made: this one never is again.
        if doors.keys.check(token, now_ms, UPLOADS_S).is_err() {
            let message = "The time in which records of this call are taken is over: 30 days after its token's.";
            return Err(Refusal::new(ErrorCode::Gone, message).into());
        }
        if claims.role == Role::Observer {
            let message = "Who only watches a room has no record of it.";
            return Err(Refusal::new(ErrorCode::Forbidden, message).into());
        }
        Ok(Self(claims))
    }
}

impl Doors {
    /// Refuses those without an account, where one is required.
    pub(super) fn account_if_required(&self, caller: &Caller) -> Result<(), Refusal> {
        let known = matches!(caller, Caller::SignedIn(_) | Caller::Admin(_) | Caller::InRoom(_));
        if self.accounts == Accounts::Required && !known {
            return Err(Refusal::new(ErrorCode::Unauthorized, "This server is for those with an account. Sign in."));
        }
        Ok(())
    }
}
