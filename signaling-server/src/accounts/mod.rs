//! People who have a name on this server for good: accounts, their sessions, whom they block, what they report, which
//! calls they missed; and, without storage, who is here ([`presence`]) and whose devices ring ([`ring`]).
//!
//! Invariants: no password and no session token is stored, only hashes. Once a session is revoked [`Accounts::who`] does
//! not know it any more, whatever runs at the same time. Every table is bounded.
//!
//! Methods that hash a password are async and do all their work on threads that may block, a few at a time. All others
//! block for as long as the database takes: well under a millisecond, or up to [`BUSY`] while another connection of this
//! process writes. [`Accounts::who`] seldom asks the database at all.

mod attempts;
mod error;
pub(crate) mod lists;
pub(crate) mod lookup;
pub(crate) mod name;
pub(crate) mod password;
mod person;
pub(crate) mod presence;
pub(crate) mod ring;
pub(crate) mod sessions;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::RngExt;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, named_params};

use crate::{hub::Now, store::StoreError, token::TokenHash};
use attempts::Attempts;
pub(crate) use error::AccountError;
use name::AccountName;
use password::{Password, Passwords, Turn};
pub(crate) use person::{Account, AccountId, Party, Person, SignedIn};
use sessions::Sessions;

/// How long the database may be busy with another connection before that is an error.
const BUSY: Duration = Duration::from_secs(5);

/// Accounts at most: with names, looks and a few sessions each about 100 MB of database. A small team's server that has
/// more is being filled.
pub(crate) const MAX_ACCOUNTS: i64 = 100_000;

/// All accounts of a server. A clone is another handle.
#[derive(Clone)]
pub(crate) struct Accounts(Arc<Shared>);

/// Where several locks are held, they were taken in this order.
struct Shared {
    database: Mutex<Connection>,
    sessions: Sessions,
    attempts: Mutex<Attempts>,
    passwords: Passwords,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

impl Accounts {
    /// Opens the server's database, which the store has checked and brought up to date before; without a file accounts
    /// live as long as the server does. Blocks.
    pub(crate) fn open(path: Option<&Path>, now: Now) -> Result<Self, StoreError> {
        Self::open_with(path, Passwords::new(), now)
    }

    fn open_with(path: Option<&Path>, passwords: Passwords, now: Now) -> Result<Self, StoreError> {
        let opened = match path {
            Some(path) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(path, flags).and_then(|connection| {
                    connection.pragma_update(None, "journal_mode", "WAL")?;
                    Ok(connection)
                })
            }
            None => Connection::open_in_memory().and_then(|connection| {
                connection.execute_batch(include_str!("schema.sql"))?;
                Ok(connection)
            }),
        };
        let connection = opened.and_then(prepared).map_err(|error| StoreError::Open {
            path: path.map_or_else(|| PathBuf::from(":memory:"), Path::to_owned),
            detail: error.to_string(),
        })?;
        Ok(Self(Arc::new(Shared {
            database: Mutex::new(connection),
            sessions: Sessions::default(),
            attempts: Mutex::new(Attempts::new(now.at)),
            passwords,
        })))
    }

    /// A new account, signed in.
    pub(crate) async fn register(
        &self,
        name: &str,
        password: &str,
        address: IpAddr,
        now: Now,
    ) -> Result<SignedIn, AccountError> {
        let name = AccountName::parse(name)?;
        let password = Password::parse(password)?;
        // Before a hash is paid for.
        self.0.is_free(&name)?;
        if !self.0.attempts().register(address, now.at) {
            return Err(AccountError::TooManyRegistrations);
        }
        self.hashing(move |shared, turn| {
            let hash = shared.hash(turn, &password)?;
            shared.insert(&name, &hash, now)
        })
        .await
    }

    /// Whoever has this name and this password.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: IpAddr,
        now: Now,
    ) -> Result<SignedIn, AccountError> {
        // Nobody can have one that may not be had; there is nothing to find out by trying.
        let (Ok(name), Ok(password)) = (AccountName::parse(name), Password::parse(password)) else {
            return Err(AccountError::WrongPassword);
        };
        self.0.may_try(address, name.key(), now)?;
        self.hashing(move |shared, turn| {
            let (account, hash) = shared.proven(turn, name.key(), &password, address, now)?;
            shared.new_session(account, &hash, now)
        })
        .await
    }

    /// Ends the session of this token; whether there was one. Blocks.
    pub(crate) fn sign_out(&self, token: &str) -> Result<bool, AccountError> {
        self.0.end_session(token)
    }

    /// Whose token this is, if anybody's, and keeps the session alive. Asks the database for tokens it has not seen for a
    /// while, and once a day for each session. Blocks.
    pub(crate) fn who(&self, token: &str, now: Now) -> Result<Option<Account>, AccountError> {
        self.0.who(token, now)
    }

    /// Whether there is a session with this token, by its hash. Blocks.
    pub(crate) fn has_session(&self, session: &TokenHash) -> Result<bool, AccountError> {
        self.0.has_session(session)
    }

    /// Sets another password and ends all sessions but this one.
    pub(crate) async fn change_password(
        &self,
        token: &str,
        old: &str,
        new: &str,
        address: IpAddr,
        now: Now,
    ) -> Result<(), AccountError> {
        let new = Password::parse(new)?;
        let (key, old) = self.owner(token, old, address, now)?;
        let token = token.to_owned();
        self.hashing(move |shared, turn| {
            let (account, old_hash) = shared.proven(turn, &key, &old, address, now)?;
            let hash = shared.hash(turn, &new)?;
            shared.set_password(account.id, &old_hash, &hash, &token)
        })
        .await
    }

    /// Deletes the account of this token, with its sessions, blocks and missed calls. What was reported stays.
    pub(crate) async fn delete_account(
        &self,
        token: &str,
        password: &str,
        address: IpAddr,
        now: Now,
    ) -> Result<AccountId, AccountError> {
        let (key, password) = self.owner(token, password, address, now)?;
        self.hashing(move |shared, turn| {
            let (account, _) = shared.proven(turn, &key, &password, address, now)?;
            shared.remove(account.id)?;
            Ok(account.id)
        })
        .await
    }

    /// Deletes somebody's account, for an admin; whether there was one. Blocks.
    pub(crate) fn remove(&self, id: AccountId) -> Result<bool, AccountError> {
        self.0.remove(id)
    }

    /// The account with this name, in whatever case. Blocks.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Account>, AccountError> {
        let Ok(name) = AccountName::parse(name) else { return Ok(None) };
        Ok(find(&self.0.database(), name.key())?.map(|(account, _)| account))
    }

    /// Makes an account an admin, or no longer one. Blocks.
    pub(crate) fn set_admin(&self, name: &str, admin: bool) -> Result<Account, AccountError> {
        let name = AccountName::parse(name).map_err(|_| AccountError::UnknownAccount)?;
        let database = self.0.database();
        let sql = "UPDATE accounts SET admin = :admin WHERE key = :key RETURNING id, name, admin, password";
        let found = database.query_row(sql, named_params! {":admin": admin, ":key": name.key()}, read).optional()?;
        let (account, _) = found.ok_or(AccountError::UnknownAccount)?;
        self.0.sessions.forget_account(account.id);
        Ok(account)
    }

    /// How many passwords were hashed or tried, for the server's metrics.
    #[cfg(test)]
    pub(crate) fn hashed(&self) -> u64 {
        self.0.passwords.hashed()
    }

    /// The name behind a token, for one who must prove to be more than somebody who found it.
    fn owner(
        &self,
        token: &str,
        password: &str,
        address: IpAddr,
        now: Now,
    ) -> Result<(String, Password), AccountError> {
        let account = self.who(token, now)?.ok_or(AccountError::NotSignedIn)?;
        let password = Password::parse(password).map_err(|_| AccountError::WrongPassword)?;
        let key = AccountName::parse(&account.name)?.key().to_owned();
        self.0.may_try(address, &key, now)?;
        Ok((key, password))
    }

    /// Does something with a turn to hash, on a thread that may block. It is done even if nobody waits for it any more.
    async fn hashing<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Shared, &Turn) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let turn = self.0.passwords.turn().await?;
        let shared = self.0.clone();
        let done = tokio::task::spawn_blocking(move || job(&shared, &turn)).await;
        done.unwrap_or_else(|error| Err(AccountError::Hashing(error.to_string())))
    }
}

impl Shared {
    /// A panic elsewhere rolled its transaction back; the connection is as good as before.
    fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_try(&self, address: IpAddr, name_key: &str, now: Now) -> Result<(), AccountError> {
        let may = self.attempts().may_try(address, name_key, now.at);
        may.then_some(()).ok_or(AccountError::TooManyFailures)
    }

    fn hash(&self, turn: &Turn, password: &Password) -> Result<String, AccountError> {
        self.passwords.hash(turn, password).map_err(|error| AccountError::Hashing(error.to_string()))
    }

    /// The account of this name and its stored hash, if the password is right. A failure is counted.
    fn proven(
        &self,
        turn: &Turn,
        name_key: &str,
        password: &Password,
        address: IpAddr,
        now: Now,
    ) -> Result<(Account, String), AccountError> {
        // Again: many may have asked at once and waited together.
        self.may_try(address, name_key, now)?;
        let found = find(&self.database(), name_key)?;
        let right = self.passwords.verify(turn, password, found.as_ref().map(|(_, hash)| hash.as_str()));
        found.filter(|_| right).ok_or_else(|| {
            self.attempts().failed(address, name_key, now.at);
            AccountError::WrongPassword
        })
    }

    fn is_free(&self, name: &AccountName) -> Result<(), AccountError> {
        is_free(&self.database(), name)
    }

    fn insert(&self, name: &AccountName, hash: &str, now: Now) -> Result<SignedIn, AccountError> {
        let id = AccountId(rand::rng().random_range(1..=i64::MAX));
        let mut database = self.database();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let count: i64 = transaction.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))?;
        if count >= MAX_ACCOUNTS {
            return Err(AccountError::Full);
        }
        // Somebody may have been faster while this one's password was hashed.
        is_free(&transaction, name)?;
        transaction.execute(
            "INSERT INTO accounts (id, name, key, password, created_ms) VALUES (:id, :name, :key, :hash, :at)",
            named_params! {":id": id.0, ":name": name.shown(), ":key": name.key(), ":hash": hash, ":at": now.unix_ms},
        )?;
        for look in name.looks() {
            transaction.execute("INSERT INTO account_looks (look, account) VALUES (?, ?)", (look, id.0))?;
        }
        let token = sessions::begin(&transaction, id, hash, now)?;
        transaction.commit()?;
        Ok(SignedIn { account: Account { id, name: name.shown().to_owned(), admin: false }, token })
    }

    fn set_password(&self, id: AccountId, old: &str, new: &str, token: &str) -> Result<(), AccountError> {
        let mut database = self.database();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "UPDATE accounts SET password = :new WHERE id = :id AND password = :old";
        if transaction.execute(sql, named_params! {":new": new, ":id": id.0, ":old": old})? == 0 {
            // Changed or deleted from another device at the same time.
            return Err(AccountError::WrongPassword);
        }
        sessions::end_all_but(&transaction, id, token)?;
        transaction.commit()?;
        self.sessions.forget_account(id);
        Ok(())
    }

    fn remove(&self, id: AccountId) -> Result<bool, AccountError> {
        let database = self.database();
        let removed = database.execute("DELETE FROM accounts WHERE id = ?", [id.0])? > 0;
        self.sessions.forget_account(id);
        Ok(removed)
    }
}

fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY)?;
    // As the store has it: a crash of the program loses nothing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A file without the tables is found now and not at the first sign-in.
    connection.query_row("SELECT count(*) FROM missed_calls", [], |_| Ok(()))?;
    Ok(connection)
}

fn is_free(database: &Connection, name: &AccountName) -> Result<(), AccountError> {
    if find(database, name.key())?.is_some() {
        return Err(AccountError::NameTaken);
    }
    let mut looks = database.prepare_cached("SELECT 1 FROM account_looks WHERE look = ?")?;
    for look in name.looks() {
        if looks.exists([look])? {
            return Err(AccountError::NameAlike);
        }
    }
    Ok(())
}

/// The account with this key, and its password's hash.
fn find(database: &Connection, name_key: &str) -> rusqlite::Result<Option<(Account, String)>> {
    let sql = "SELECT id, name, admin, password FROM accounts WHERE key = ?";
    database.prepare_cached(sql)?.query_row([name_key], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Account, String)> {
    Ok((Account { id: AccountId(row.get(0)?), name: row.get(1)?, admin: row.get(2)? }, row.get(3)?))
}
