//! Accounts over HTTP.

use axum::{Extension, Json, extract::State, http::StatusCode};
use sightline_protocol::{
    ErrorCode, Refusal,
    account::{Credentials, Me, Named, Names, PasswordChange, PasswordProof, SignedIn},
};

use super::{Address, Doors, body::Body, guard::SignedInAs, problem::Refused};
use crate::{
    accounts::{self, AccountError, AccountId},
    config::Accounts,
    switch,
    token::TokenHash,
};

/// A new account, and its first session.
pub(super) async fn register(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    Body(Credentials { name, password }): Body<Credentials>,
) -> Result<(StatusCode, Json<SignedIn>), Refused> {
    doors.accounts_there()?;
    let signed = doors.people.register(&name, &password, address, switch::now()).await.map_err(Refusal::from)?;
    Ok((StatusCode::CREATED, Json(signed_in(signed))))
}

/// Another session of an account.
pub(super) async fn sign_in(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    Body(Credentials { name, password }): Body<Credentials>,
) -> Result<Json<SignedIn>, Refused> {
    doors.accounts_there()?;
    let signed = doors.people.sign_in(&name, &password, address, switch::now()).await.map_err(Refusal::from)?;
    Ok(Json(signed_in(signed)))
}

/// Ends this session.
pub(super) async fn sign_out(
    State(doors): State<Doors>,
    SignedInAs { account, token }: SignedInAs,
) -> Result<StatusCode, Refused> {
    let (people, own) = (doors.people.clone(), TokenHash::of(&token));
    blocking(move || people.sign_out(&token)).await?;
    sign_out_devices(&doors, account.id, move |session| session.as_bytes() == own.as_bytes()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the password, and ends all other sessions.
pub(super) async fn change_password(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    SignedInAs { account, token }: SignedInAs,
    Body(PasswordChange { old, new }): Body<PasswordChange>,
) -> Result<StatusCode, Refused> {
    let changed = doors.people.change_password(&token, &old, &new, address, switch::now()).await;
    changed.map_err(Refusal::from)?;
    let own = TokenHash::of(&token);
    sign_out_devices(&doors, account.id, move |session| session.as_bytes() != own.as_bytes()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The devices of sessions that are over are nobody's any more.
async fn sign_out_devices(
    doors: &Doors,
    account: AccountId,
    is_over: impl Fn(&TokenHash) -> bool + Send + 'static,
) -> Result<(), Refusal> {
    doors
        .switch
        .ask(move |hub, now, out| {
            hub.signed_out(account, is_over, now, out);
            Ok(())
        })
        .await
}

/// Whose token this is.
pub(super) async fn me(SignedInAs { account, .. }: SignedInAs) -> Json<Me> {
    Json(Me { name: account.name, admin: account.admin })
}

/// Deletes the account.
pub(super) async fn delete(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    SignedInAs { token, .. }: SignedInAs,
    Body(PasswordProof { password }): Body<PasswordProof>,
) -> Result<StatusCode, Refused> {
    let gone = doors.people.delete_account(&token, &password, address, switch::now()).await;
    let id = gone.map_err(Refusal::from)?;
    doors
        .switch
        .ask(move |hub, now, out| {
            hub.account_gone(id, now, out);
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom the account blocks.
pub(super) async fn blocked(
    State(doors): State<Doors>,
    SignedInAs { account, .. }: SignedInAs,
) -> Result<Json<Names>, Refused> {
    let people = doors.people.clone();
    let list = blocking(move || people.block_list(account.id)).await?;
    Ok(Json(Names { names: list.into_iter().map(|account| account.name).collect() }))
}

/// Blocks an account: it cannot call this one, nor see it here, nor be its random partner.
pub(super) async fn block(
    State(doors): State<Doors>,
    SignedInAs { account, .. }: SignedInAs,
    Body(Named { name }): Body<Named>,
) -> Result<StatusCode, Refused> {
    let people = doors.people.clone();
    let whom = blocking(move || {
        let whom = people.find(&name)?.ok_or(AccountError::UnknownAccount)?;
        people.block(account.id, whom.id)?;
        Ok(whom.id)
    })
    .await?;
    doors
        .switch
        .ask(move |hub, _, _| {
            hub.blocks(account.id, whom, true);
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a block back.
pub(super) async fn unblock(
    State(doors): State<Doors>,
    SignedInAs { account, .. }: SignedInAs,
    Body(Named { name }): Body<Named>,
) -> Result<StatusCode, Refused> {
    let people = doors.people.clone();
    let whom = blocking(move || {
        let whom = people.find(&name)?.ok_or(AccountError::UnknownAccount)?;
        people.unblock(account.id, whom.id)?;
        Ok(whom.id)
    })
    .await?;
    doors
        .switch
        .ask(move |hub, _, _| {
            hub.blocks(account.id, whom, false);
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn signed_in(signed: accounts::SignedIn) -> SignedIn {
    SignedIn { token: signed.token, name: signed.account.name, admin: signed.account.admin }
}

/// Does something about accounts off the tasks that serve.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
) -> Result<T, Refused> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|error| Err(AccountError::Hashing(error.to_string())));
    Ok(done.map_err(Refusal::from)?)
}

impl Doors {
    /// Refuses where there are no accounts.
    pub(super) fn accounts_there(&self) -> Result<(), Refusal> {
        if self.accounts == Accounts::Off {
            return Err(Refusal::new(ErrorCode::NotFound, "This server has no accounts: nobody needs one here."));
        }
        Ok(())
    }
}
