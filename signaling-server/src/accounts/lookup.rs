//! What the hub has to know of accounts for a message, asked before it gets the message; and what it wants kept.
//!
//! Invariant: all of it runs off the tasks that serve.

use std::collections::HashSet;

use sightline_protocol::{ClientMessage, ErrorCode, PeopleAction, Refusal};

use super::{Account, AccountError, AccountId, Accounts, presence::MAX_WATCHED};
use crate::{
    hub::{Deed, Device, Known, Now},
    switch,
    token::TokenHash,
};

/// Of one connection.
pub(crate) struct Lookup {
    accounts: Accounts,
    /// Whose device the connection is.
    own: Option<AccountId>,
}

impl Lookup {
    pub(crate) fn new(accounts: Accounts) -> Self {
        Self { accounts, own: None }
    }

    /// What the accounts say about a message; nothing about most.
    ///
    /// # Errors
    /// `unauthorized` for a hello with a token that is not good; or the database cannot be asked.
    pub(crate) async fn known(&mut self, message: &ClientMessage) -> Result<Option<Box<Known>>, Refusal> {
        match message {
            ClientMessage::Hello { account_token: Some(token), .. } => {
                let (accounts, token) = (self.accounts.clone(), token.clone());
                let device = blocking(move || accounts.device(&token, switch::now())).await?;
                self.own = Some(device.account.id);
                Ok(Some(Box::new(Known { device: Some(device), ..Known::default() })))
            }
            ClientMessage::People(PeopleAction::Watch { names }) => {
                if names.len() > MAX_WATCHED {
                    let message = format!("At most {MAX_WATCHED} people can be watched.");
                    return Err(Refusal::new(ErrorCode::TooLarge, message));
                }
                self.named(names.clone()).await
            }
            ClientMessage::People(PeopleAction::Ring { name, .. }) => self.named(vec![name.clone()]).await,
            _ => Ok(None),
        }
    }

    /// Whether the session by which a device said hello is over. Asked once more when the hub knows the device: who signs
    /// out in between finds none there to sign out.
    pub(crate) async fn is_over(&self, session: TokenHash) -> bool {
        let accounts = self.accounts.clone();
        // Where it cannot be told, it is as it was found a moment ago.
        blocking(move || accounts.has_session(&session)).await.is_ok_and(|has_it| !has_it)
    }

    async fn named(&self, names: Vec<String>) -> Result<Option<Box<Known>>, Refusal> {
        let (accounts, own) = (self.accounts.clone(), self.own);
        blocking(move || {
            let found: Vec<Account> =
                names.iter().filter_map(|name| accounts.find(name).transpose()).collect::<Result<_, _>>()?;
            let mut blocked = HashSet::new();
            if let Some(own) = own {
                for other in &found {
                    if accounts.is_blocked(own, other.id)? || accounts.is_blocked(other.id, own)? {
                        blocked.insert(other.id);
                    }
                }
            }
            Ok(Some(Box::new(Known { device: None, accounts: found, blocked })))
        })
        .await
    }
}

impl Accounts {
    /// What the hub has to know of a device.
    fn device(&self, token: &str, now: Now) -> Result<Device, AccountError> {
        let account = self.who(token, now)?.ok_or(AccountError::NotSignedIn)?;
        let (blocked, missed) = (self.blocked(account.id)?, self.missed_calls(account.id)?);
        Ok(Device { account, session: TokenHash::of(token), blocked, missed })
    }

    /// Keeps what the hub wants kept, in the background, and calls `then` with what came of it.
    pub(crate) fn follow(&self, deed: Deed, now: Now, then: impl FnOnce(Result<(), AccountError>) + Send + 'static) {
        let accounts = self.clone();
        tokio::task::spawn_blocking(move || {
            then(match deed {
                Deed::Missed { callee, caller, room, unix_ms } => accounts.missed(callee, &caller, &room, unix_ms),
                Deed::MissedSeen { account, up_to } => accounts.missed_seen(account, up_to).map(drop),
                Deed::Block { who, whom } => accounts.block(who, whom),
                Deed::Report { conn: _, who, whom, room, reason, address } => {
                    accounts.report(&who, &whom, &room, &reason, address, now)
                }
            });
        });
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Refusal::from),
        Err(error) => {
            tracing::error!(%error, "a look at the accounts broke");
            Err(Refusal::new(ErrorCode::Internal, "Something broke inside the server. Try again."))
        }
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        let code = match &error {
            AccountError::Name(_) | AccountError::Password(_) | AccountError::Yourself => ErrorCode::BadMessage,
            AccountError::NameTaken | AccountError::NameAlike => ErrorCode::NameTaken,
            AccountError::WrongPassword => ErrorCode::WrongPassword,
            AccountError::NotSignedIn => ErrorCode::Unauthorized,
            AccountError::UnknownAccount => ErrorCode::UnknownPerson,
            AccountError::TooManyFailures
            | AccountError::TooManyRegistrations
            | AccountError::TooManyReports
            | AccountError::Crowded => ErrorCode::TooFast,
            AccountError::Full => ErrorCode::ServerFull,
            AccountError::TooManyBlocks | AccountError::TooLong { .. } => ErrorCode::TooLarge,
            AccountError::Database(source) => {
                tracing::error!(error = %source, "the accounts' database");
                ErrorCode::Unavailable
            }
            AccountError::Hashing(source) => {
                tracing::error!(error = %source, "hashing a password");
                ErrorCode::Internal
            }
        };
        Self::new(code, error.to_string())
    }
}
