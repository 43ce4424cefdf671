//! Rooms over HTTP, under both names that they go by.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use sightline_protocol::{
    EndReason, ErrorCode, Refusal, Role, RoomCreated, RoomInfo, RoomLine, RoomList, RoomWish, TokenIssued, TokenWish,
    limits,
};

use super::{
    Address, Doors,
    body::Body,
    guard::Caller,
    problem::{Explained, Refused},
};
use crate::{
    hub::{Effect, MadeBy, NewRoom, TokenOrder},
    page,
    record::RecordEntry,
    store::Entry,
};

/// Makes a room. Its maker's token, a host's, is in the answer.
pub(super) async fn create(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
    caller: Caller,
    Body(wish): Body<RoomWish>,
) -> Result<(StatusCode, Json<RoomCreated>), Refused> {
    doors.account_if_required(&caller)?;
    let password = match wish.password.clone().filter(|password| !password.is_empty()) {
        Some(password) => Some(doors.passwords.hash(&password).await?),
        None => None,
    };
    let new = NewRoom::new(wish, password, MadeBy { account: caller.account().map(str::to_owned) })?;
    let mut created = doors.switch.change(move |hub, now, out| hub.create_room(address, new, now, out)).await?;
    let place = doors.place(&headers);
    if let Ok(code) = created.code.parse() {
        created.link = page::app_link(&place, doors.is_secure(), &code);
    }
    created.web_link = format!("{}/j/{}", doors.web(&headers), created.code);
    Ok((StatusCode::CREATED, Json(created)))
}

/// The rooms that the caller may see.
pub(super) async fn list(State(doors): State<Doors>, caller: Caller) -> Result<Json<RoomList>, Refused> {
    let of_room = match caller {
        Caller::Admin(_) => None,
        Caller::InRoom(claims) => Some(claims.room),
        Caller::Nobody | Caller::SignedIn(_) => {
            let message = "The list of rooms is for admins, and for those in a room, who see that one. Show a token.";
            return Err(Refusal::new(ErrorCode::Unauthorized, message).into());
        }
    };
    let rooms: Vec<RoomLine> = doors
        .switch
        .ask(move |hub, _, _| Ok(hub.list_rooms(|terms| of_room.as_ref().is_none_or(|room| *room == terms.id))))
        .await?;
    Ok(Json(RoomList { rooms }))
}

/// What one may know who has the code.
pub(super) async fn info(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    Path(room): Path<String>,
) -> Result<Json<RoomInfo>, Refused> {
    Ok(Json(doors.switch.ask(move |hub, now, _| hub.room_info(address, &room, now)).await?))
}

/// Ends a room for all.
pub(super) async fn delete(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<StatusCode, Refused> {
    let name = room.clone();
    let (id, _) = doors.switch.ask(move |hub, now, _| hub.lock_of(address, &name, now)).await?;
    caller.host_of(&id)?;
    let admin = match &caller {
        Caller::Admin(name) => Some(name.clone()),
        _ => None,
    };
    let reason = if admin.is_some() { EndReason::Admin } else { EndReason::Host };
    doors
        .switch
        .change(move |hub, now, out| {
            hub.end_room_named(&id, reason, now, out)?;
            if let Some(who) = admin {
                out.push(Effect::Store(Entry::Audit(RecordEntry::Audit {
                    unix_ms: now.unix_ms,
                    who,
                    action: "end-room".into(),
                    what: Some(id),
                    detail: None,
                })));
            }
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token for a room.
pub(super) async fn token(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    caller: Caller,
    Path(room): Path<String>,
    Body(wish): Body<TokenWish>,
) -> Result<Json<TokenIssued>, Refused> {
    if wish.expires_in_minutes.is_some_and(|minutes| !(1..=limits::ROOM_MINUTES).contains(&minutes)) {
        let message = format!("expiresInMinutes is a whole number from 1 to {}.", limits::ROOM_MINUTES);
        return Err(Refusal::new(ErrorCode::BadMessage, message).into());
    }
    let (id, password) = doors.switch.ask(move |hub, now, _| hub.lock_of(address, &room, now)).await?;
    doors.account_if_required(&caller)?;
    let trusted = caller.hosts(&id);
    if let (false, Some(hash)) = (trusted || wish.role != Role::Guest, password) {
        let Some(given) = wish.password.filter(|given| !given.is_empty()) else {
            return Err(Refusal::new(ErrorCode::PasswordNeeded, "This room has a password. Enter it to get in.").into());
        };
        let fits = doors.passwords.fits(&given, hash).await?;
        // Asked now, not before: many may have guessed while this one was looked at.
        doors.switch.ask(move |hub, now, _| hub.password_given(address, fits, now)).await?;
    }
    let order = TokenOrder {
        room: id,
        role: wish.role,
        name: wish.name,
        minutes: wish.expires_in_minutes,
        trusted,
        account: caller.account().map(str::to_owned),
    };
    Ok(Json(doors.switch.ask(move |hub, now, _| hub.order_token(&order, now)).await?))
}

/// The page that a web link opens.
pub(super) async fn invitation(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Response {
    match doors.switch.ask(move |hub, now, _| hub.room_info(address, &room, now)).await {
        Ok(info) => match info.code.parse() {
            Ok(code) => page::invitation(&doors.place(&headers), doors.is_secure(), &code, doors.app_url.as_ref())
                .into_response(),
            Err(_) => page::not_found().into_response(),
        },
        Err(refusal) if refusal.code == ErrorCode::UnknownRoom => {
            (Extension(Explained(ErrorCode::UnknownRoom)), page::not_found()).into_response()
        }
        Err(refusal) => Refused::from(refusal).into_response(),
    }
}

impl Doors {
    /// What people reach this server by: as it was configured, or as the client calls it.
    fn place(&self, headers: &HeaderMap) -> String {
        match &self.public_url {
            Some(url) => url.place().to_owned(),
            None => host(headers).unwrap_or_else(|| self.local_addr.to_string()),
        }
    }

    fn web(&self, headers: &HeaderMap) -> String {
        match &self.public_url {
            Some(url) => url.to_string(),
            None => format!("{}://{}", if self.tls { "https" } else { "http" }, self.place(headers)),
        }
    }

    /// People reach this server by TLS.
    fn is_secure(&self) -> bool {
        self.public_url.as_ref().map_or(self.tls, |url| url.as_str().starts_with("https:"))
    }
}

/// The `Host` header, if it is one that a link can have in it.
fn host(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::HOST)?.to_str().ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    (plain && !text.is_empty() && text.len() <= 255).then(|| text.to_owned())
}
