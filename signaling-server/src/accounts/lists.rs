//! What is kept for accounts: whom they block, what was reported, which calls they missed. All of it blocks.
//!
//! Invariant: nobody can make a list grow beyond its bound, and nobody's list pushes out another's, save the oldest
//! reports when there are more than anybody reads.

use std::{collections::HashSet, net::IpAddr};

use rusqlite::{OptionalExtension, TransactionBehavior, named_params};
use sightline_protocol::{UserId, account::name_key, admin::AccountFilter, limits};

use super::{Account, AccountError, AccountId, Accounts, Party, Person, sessions::SESSION_MS};
use crate::hub::Now;

/// People whom one account blocks. It bounds what a look for a partner costs, too.
pub(crate) const MAX_BLOCKS: usize = 1000;

/// Missed calls kept for one account; the oldest go. Nobody calls back more.
pub(crate) const MAX_MISSED: i64 = 100;

/// Reports kept; the oldest go. At some 2 KiB each 20 MB, and more than an admin reads.
pub(crate) const MAX_REPORTS: i64 = 10_000;

/// Longest reason of a report, in characters: half a page.
pub(crate) const REASON_CHARS: usize = 2000;

/// Reports of one person in a day. Also counted by address, as one without an account is another person at each visit.
const REPORTS_A_DAY: i64 = 20;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Rows that are given at a time, whatever is asked for.
const MAX_PAGE: u32 = 500;

/// Accounts on a page where nothing is said.
const DEFAULT_PAGE: u32 = 50;

/// A call that nobody took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissedCall {
    /// Later calls have higher ones.
    pub(crate) id: i64,
    pub(crate) from: Party,
    /// The room's id.
    pub(crate) room: String,
    /// When it began to ring, in milliseconds since the Unix epoch.
    pub(crate) unix_ms: i64,
}

/// What somebody said about somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) id: i64,
    pub(crate) who: Party,
    pub(crate) whom: Party,
    /// The id of the room they met in.
    pub(crate) room: String,
    pub(crate) reason: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) unix_ms: i64,
}

/// An account, for admins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) account: Account,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: i64,
    /// When one of its sessions was last used, to a day, likewise.
    pub(crate) last_seen_ms: Option<i64>,
}

impl Accounts {
    /// A page of the accounts that have a text in their names, by name, and how many there are on all pages.
    pub(crate) fn list(&self, filter: &AccountFilter) -> Result<(Vec<Listed>, u64), AccountError> {
        let text = name_key(&filter.text);
        let limit = if filter.limit == 0 { DEFAULT_PAGE } else { filter.limit.min(MAX_PAGE) };
        let database = self.0.database();
        // Not LIKE: its wildcards would have to be escaped. An empty text is in every name.
        let total: i64 = database
            .prepare_cached("SELECT count(*) FROM accounts WHERE instr(key, ?)")?
            .query_row([&text], |row| row.get(0))?;
        let mut rows = database.prepare_cached(
            "SELECT id, name, admin, password, created_ms,
                (SELECT max(expires_ms) FROM account_sessions WHERE account = id)
             FROM accounts WHERE instr(key, :text) ORDER BY key LIMIT :limit OFFSET :offset",
        )?;
        let listed =
            rows.query_map(named_params! {":text": text, ":limit": limit, ":offset": filter.offset}, |row| {
                Ok(Listed {
                    account: super::read(row)?.0,
                    created_ms: row.get(4)?,
                    // Each use moves the end of a session, once a day.
                    last_seen_ms: row.get::<_, Option<i64>>(5)?.map(|expires_ms| expires_ms - SESSION_MS),
                })
            })?;
        Ok((listed.collect::<Result<_, _>>()?, total.unsigned_abs()))
    }

    /// `who` does not want to hear of `whom` again. Twice is as good as once.
    pub(crate) fn block(&self, who: AccountId, whom: AccountId) -> Result<(), AccountError> {
        if who == whom {
            return Err(AccountError::Yourself);
        }
        let mut database = self.0.database();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (blocked, has_it): (i64, bool) = transaction.query_row(
            "SELECT count(*), coalesce(max(whom = :whom), 0) FROM account_blocks WHERE account = :who",
            named_params! {":who": who.0, ":whom": whom.0},
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if has_it {
            return Ok(());
        }
        if blocked >= MAX_BLOCKS as i64 {
            return Err(AccountError::TooManyBlocks);
        }
        let both: i64 = transaction.query_row(
            "SELECT count(*) FROM accounts WHERE id IN (:who, :whom)",
            named_params! {":who": who.0, ":whom": whom.0},
            |row| row.get(0),
        )?;
        if both < 2 {
            return Err(AccountError::UnknownAccount);
        }
        transaction.execute("INSERT INTO account_blocks (account, whom) VALUES (?, ?)", (who.0, whom.0))?;
        transaction.commit()?;
        Ok(())
    }

    /// Takes a block back; whether there was one.
    pub(crate) fn unblock(&self, who: AccountId, whom: AccountId) -> Result<bool, AccountError> {
        let sql = "DELETE FROM account_blocks WHERE account = ? AND whom = ?";
        Ok(self.0.database().execute(sql, (who.0, whom.0))? > 0)
    }

    /// Whom `who` blocks.
    pub(crate) fn blocked(&self, who: AccountId) -> Result<HashSet<AccountId>, AccountError> {
        Ok(self.block_list(who)?.into_iter().map(|account| account.id).collect())
    }

    /// Whom `who` blocks, by name, for them to see.
    pub(crate) fn block_list(&self, who: AccountId) -> Result<Vec<Account>, AccountError> {
        let database = self.0.database();
        let mut rows = database.prepare_cached(
            "SELECT id, name, admin, password FROM account_blocks JOIN accounts ON id = whom
             WHERE account = ? ORDER BY key",
        )?;
        let accounts = rows.query_map([who.0], |row| Ok(super::read(row)?.0))?;
        Ok(accounts.collect::<Result<_, _>>()?)
    }

    /// Whether either blocks the other.
    pub(crate) fn is_blocked(&self, one: AccountId, other: AccountId) -> Result<bool, AccountError> {
        let database = self.0.database();
        let mut blocks = database.prepare_cached(
            "SELECT 1 FROM account_blocks WHERE (account, whom) = (:one, :other) OR (account, whom) = (:other, :one)",
        )?;
        let found = blocks.query_row(named_params! {":one": one.0, ":other": other.0}, |_| Ok(())).optional()?;
        Ok(found.is_some())
    }

    /// Keeps a report for the admin.
    pub(crate) fn report(
        &self,
        who: &Party,
        whom: &Party,
        room: &str,
        reason: &str,
        address: IpAddr,
        now: Now,
    ) -> Result<(), AccountError> {
        if reason.chars().nth(REASON_CHARS).is_some() {
            return Err(AccountError::TooLong { what: "reason", max: REASON_CHARS });
        }
        if !self.0.attempts().report(address, now.at) {
            return Err(AccountError::TooManyReports);
        }
        let mut database = self.0.database();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let lately: i64 = transaction.query_row(
            "SELECT count(*) FROM account_reports WHERE who = ? AND unix_ms > ?",
            (who.person.to_string(), now.unix_ms - DAY_MS),
            |row| row.get(0),
        )?;
        if lately >= REPORTS_A_DAY {
            return Err(AccountError::TooManyReports);
        }
        transaction.execute(
            "INSERT INTO account_reports (who, who_name, whom, whom_name, room, reason, unix_ms)
             VALUES (:who, :who_name, :whom, :whom_name, :room, :reason, :at)",
            named_params! {
                ":who": who.person.to_string(), ":who_name": short(&who.name), ":whom": whom.person.to_string(),
                ":whom_name": short(&whom.name), ":room": short(room), ":reason": reason, ":at": now.unix_ms,
            },
        )?;
        let last = transaction.last_insert_rowid();
        transaction.execute("DELETE FROM account_reports WHERE id <= ?", [last - MAX_REPORTS])?;
        transaction.commit()?;
        Ok(())
    }

    /// Reports, the newest first.
    pub(crate) fn reports(&self, limit: u32, offset: u32) -> Result<Vec<Report>, AccountError> {
        let database = self.0.database();
        let mut rows = database.prepare_cached(
            "SELECT id, who, who_name, whom, whom_name, room, reason, unix_ms FROM account_reports
             ORDER BY id DESC LIMIT ? OFFSET ?",
        )?;
        let reports = rows.query_map([limit.min(MAX_PAGE), offset], |row| {
            Ok(Report {
                id: row.get(0)?,
                who: Party { person: person(row.get(1)?), name: row.get(2)? },
                whom: Party { person: person(row.get(3)?), name: row.get(4)? },
                room: row.get(5)?,
                reason: row.get(6)?,
                unix_ms: row.get(7)?,
            })
        })?;
        Ok(reports.collect::<Result<_, _>>()?)
    }

    /// Deletes a report that an admin has dealt with; whether there was one.
    pub(crate) fn delete_report(&self, id: i64) -> Result<bool, AccountError> {
        Ok(self.0.database().execute("DELETE FROM account_reports WHERE id = ?", [id])? > 0)
    }

    /// Keeps a call that `account` did not take. An account that was deleted meanwhile misses nothing.
    pub(crate) fn missed(
        &self,
        account: AccountId,
        from: &Party,
        room: &str,
        unix_ms: i64,
    ) -> Result<(), AccountError> {
        let mut database = self.0.database();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO missed_calls (account, caller, caller_name, room, unix_ms)
             SELECT id, :caller, :name, :room, :at FROM accounts WHERE id = :account",
            named_params! {
                ":account": account.0, ":caller": from.person.to_string(), ":name": short(&from.name),
                ":room": short(room), ":at": unix_ms,
            },
        )?;
        transaction.execute(
            "DELETE FROM missed_calls WHERE id IN (SELECT id FROM missed_calls WHERE account = :account
             ORDER BY id DESC LIMIT -1 OFFSET :kept)",
            named_params! {":account": account.0, ":kept": MAX_MISSED},
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The calls that an account missed, the oldest first. They stay until [`Self::missed_seen`]: what is on its way to a
    /// client may be lost.
    pub(crate) fn missed_calls(&self, account: AccountId) -> Result<Vec<MissedCall>, AccountError> {
        let database = self.0.database();
        let mut rows = database.prepare_cached(
            "SELECT id, caller, caller_name, room, unix_ms FROM missed_calls WHERE account = ? ORDER BY id",
        )?;
        let calls = rows.query_map([account.0], |row| {
            Ok(MissedCall {
                id: row.get(0)?,
                from: Party { person: person(row.get(1)?), name: row.get(2)? },
                room: row.get(3)?,
                unix_ms: row.get(4)?,
            })
        })?;
        Ok(calls.collect::<Result<_, _>>()?)
    }

    /// A client has the missed calls up to this one. Gives how many are forgotten.
    pub(crate) fn missed_seen(&self, account: AccountId, up_to: i64) -> Result<usize, AccountError> {
        let sql = "DELETE FROM missed_calls WHERE account = ? AND id <= ?";
        Ok(self.0.database().execute(sql, (account.0, up_to))?)
    }
}

/// Names and room ids are bounded where they come in; this keeps the tables bounded whatever comes.
fn short(text: &str) -> String {
    text.chars().take(limits::NAME_CHARS).collect()
}

fn person(text: String) -> Person {
    AccountId::parse(&text).map_or(Person::Guest(UserId(text)), Person::Account)
}
