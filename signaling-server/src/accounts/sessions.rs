//! Sessions: who a bearer token stands for.
//!
//! Invariants: what is remembered in memory is in the database too, or was and has not been revoked: whoever changes one
//! changes the other before the database's lock is given up. Tokens are kept as SHA-256 only; they have 256 random bits,
//! so there is nothing to guess, and nothing to be learned from the time a look-up takes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rand::RngExt;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params};

use super::{Account, AccountError, AccountId, Shared, SignedIn, read};
use crate::{hub::Now, token::TokenHash};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A session ends when it was not used for so long.
pub(crate) const SESSION_MS: i64 = 30 * DAY_MS;

/// Sessions of one account; the one that was not used for longest makes room. More devices than that nobody has.
pub(crate) const MAX_SESSIONS: i64 = 32;

/// Sessions remembered in memory, of some 200 bytes: 3 MiB. With more the least lucky are read again.
const MAX_REMEMBERED: usize = 16_384;

/// Prefix of a session's token; a JWT begins with `ey`.
const PREFIX: char = 's';

/// What is remembered of the database.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Vec<u8>, Session>>);

#[derive(Clone)]
struct Session {
    account: Account,
    expires_ms: i64,
}

impl Session {
    fn is_over(&self, now: Now) -> bool {
        self.expires_ms <= now.unix_ms
    }

    /// Whether its end is to be moved: once a day is often enough, or after the clock was set back.
    fn is_to_be_extended(&self, now: Now) -> bool {
        (now.unix_ms + SESSION_MS - self.expires_ms).abs() >= DAY_MS
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Only while the database is locked.
    fn remember(&self, token: &TokenHash, session: Session) {
        let mut sessions = self.lock();
        if sessions.len() >= MAX_REMEMBERED {
            // Half of them, whichever: those in use come back at their next request.
            let mut keep = false;
            sessions.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        sessions.insert(token.as_bytes().to_vec(), session);
    }

    fn forget(&self, token: &TokenHash) {
        self.lock().remove(token.as_bytes());
    }

    /// All sessions of an account, good and revoked; the good ones are read again. Only while the database is locked.
    pub(super) fn forget_account(&self, id: AccountId) {
        self.lock().retain(|_, session| session.account.id != id);
    }
}

/// Refuses what is no session's token before it is hashed.
fn hash_of(token: &str) -> Option<TokenHash> {
    let digits = token.strip_prefix(PREFIX)?;
    (digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| TokenHash::of(token))
}

impl Shared {
    pub(super) fn who(&self, token: &str, now: Now) -> Result<Option<Account>, AccountError> {
        let Some(hash) = hash_of(token) else { return Ok(None) };
        let remembered = self.sessions.lock().get(hash.as_bytes()).cloned();
        if let Some(session) = remembered
            && !session.is_over(now)
            && !session.is_to_be_extended(now)
        {
            return Ok(Some(session.account));
        }
        let database = self.database();
        let sql = "SELECT id, name, admin, password, expires_ms FROM account_sessions
                   JOIN accounts ON accounts.id = account WHERE token = ?";
        let read = |row: &rusqlite::Row<'_>| Ok(Session { account: read(row)?.0, expires_ms: row.get(4)? });
        let found = database.prepare_cached(sql)?.query_row([hash.as_bytes()], read).optional()?;
        let Some(mut session) = found.filter(|session| !session.is_over(now)) else {
            self.sessions.forget(&hash);
            return Ok(None);
        };
        if session.is_to_be_extended(now) {
            let expires_ms = now.unix_ms + SESSION_MS;
            let sql = "UPDATE account_sessions SET expires_ms = :at WHERE token = :token";
            match database.execute(sql, named_params! {":at": expires_ms, ":token": hash.as_bytes()}) {
                Ok(_) => session.expires_ms = expires_ms,
                // It is good all the same, and this is tried again at the next request.
                Err(error) => tracing::warn!(%error, "a session could not be extended in the database"),
            }
        }
        let account = session.account.clone();
        self.sessions.remember(&hash, session);
        Ok(Some(account))
    }

    /// A session for one whose password was found to be the one behind `password_hash`, unless it was changed since.
    pub(super) fn new_session(
        &self,
        account: Account,
        password_hash: &str,
        now: Now,
    ) -> Result<SignedIn, AccountError> {
        let mut database = self.database();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let token = begin(&transaction, account.id, password_hash, now)?;
        transaction.commit()?;
        // Some may have made room.
        self.sessions.forget_account(account.id);
        Ok(SignedIn { account, token })
    }

    pub(super) fn has_session(&self, session: &TokenHash) -> Result<bool, AccountError> {
        let database = self.database();
        let mut sessions = database.prepare_cached("SELECT 1 FROM account_sessions WHERE token = ?")?;
        Ok(sessions.exists([session.as_bytes()])?)
    }

    pub(super) fn end_session(&self, token: &str) -> Result<bool, AccountError> {
        let Some(hash) = hash_of(token) else { return Ok(false) };
        let database = self.database();
        let ended = database.execute("DELETE FROM account_sessions WHERE token = ?", [hash.as_bytes()])? > 0;
        self.sessions.forget(&hash);
        Ok(ended)
    }
}

/// Begins a session in the database and gives its token. It is remembered at its first use.
pub(super) fn begin(
    transaction: &Transaction<'_>,
    id: AccountId,
    password_hash: &str,
    now: Now,
) -> Result<String, AccountError> {
    let mut rng = rand::rng();
    let token = format!("{PREFIX}{:032x}{:032x}", rng.random::<u128>(), rng.random::<u128>());
    transaction.execute("DELETE FROM account_sessions WHERE expires_ms <= ?", [now.unix_ms])?;
    transaction.execute(
        "DELETE FROM account_sessions WHERE token IN (SELECT token FROM account_sessions WHERE account = :account
         ORDER BY expires_ms DESC LIMIT -1 OFFSET :kept)",
        named_params! {":account": id.0, ":kept": MAX_SESSIONS - 1},
    )?;
    let begun = transaction.execute(
        "INSERT INTO account_sessions (token, account, expires_ms)
         SELECT :token, id, :at FROM accounts WHERE id = :account AND password = :password",
        named_params! {
            ":token": TokenHash::of(&token).as_bytes(), ":account": id.0, ":at": now.unix_ms + SESSION_MS,
            ":password": password_hash,
        },
    )?;
    if begun == 0 {
        return Err(AccountError::WrongPassword);
    }
    Ok(token)
}

/// Ends an account's sessions in the database; the caller has what is remembered forgotten.
pub(super) fn end_all_but(database: &Connection, id: AccountId, token: &str) -> rusqlite::Result<()> {
    let kept = TokenHash::of(token);
    let sql = "DELETE FROM account_sessions WHERE account = :id AND token <> :kept";
    database.execute(sql, named_params! {":id": id.0, ":kept": kept.as_bytes()})?;
    Ok(())
}
