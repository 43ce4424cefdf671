//! Why a request about accounts is refused, in words for those who asked.

use super::{
    lists::MAX_BLOCKS,
    name::NameError,
    password::{Crowded, PasswordError},
};

/// Why something was not done; nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("This name is taken. Choose another, or sign in if it is yours.")]
    NameTaken,
    #[error("This name looks like one that is taken. Choose one that cannot be mistaken for it.")]
    NameAlike,
    /// Does not say which of the two.
    #[error("The name or the password is wrong. Check both, and the Caps Lock key.")]
    WrongPassword,
    #[error("Nobody is signed in with this token. Sign in again.")]
    NotSignedIn,
    #[error("There is no account with this name. Check its spelling.")]
    UnknownAccount,
    #[error("Too many attempts with wrong passwords. Wait a minute, then try again.")]
    TooManyFailures,
    #[error("Too many new accounts from your address. Wait a minute.")]
    TooManyRegistrations,
    #[error("Too many reports from you. Wait a few minutes.")]
    TooManyReports,
    #[error("Too many people sign in at this moment. Try again in a few seconds.")]
    Crowded,
    #[error("This server has as many accounts as it may have. Ask whoever runs it.")]
    Full,
    #[error("You block {MAX_BLOCKS} people already. Unblock some first.")]
    TooManyBlocks,
    #[error("You cannot block yourself.")]
    Yourself,
    #[error("The {what} has more than {max} characters. Shorten it.")]
    TooLong { what: &'static str, max: usize },
    /// The source says what, for the server's log.
    #[error("The server cannot use its database. Try again; if it stays so, tell whoever runs the server.")]
    Database(#[from] rusqlite::Error),
    /// Hashing failed or its thread is gone.
    #[error("The server could not check the password. Try again; if it stays so, tell whoever runs the server.")]
    Hashing(String),
}

impl From<Crowded> for AccountError {
    fn from(Crowded: Crowded) -> Self {
        Self::Crowded
    }
}
