//! Deleting what was recorded: one call, or all that is older than some days.
//!
//! Invariant: a session that is being recorded is never touched, by whichever process; all others go as a whole, one
//! transaction for each, so that a recorder of another call waits for one session's rows at most. What is deleted is
//! overwritten in the file; the file does not shrink, its space is used again.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::alive::is_alive;
use crate::file::open_for_writing;
use crate::table::{breaks, call, event, link_sample, process_sample, sample, session, stay, told, track, upload};
use crate::{CallId, HistoryError, SessionId};

const DAY_MS: i64 = 86_400_000;

/// Each table's part of a session (`?1`), those first that refer to others.
const DELETE_SESSION: [&str; 10] = [
    told::DELETE,
    upload::DELETE,
    sample::DELETE,
    link_sample::DELETE,
    process_sample::DELETE,
    event::DELETE,
    breaks::DELETE,
    track::DELETE,
    stay::DELETE,
    session::DELETE,
];

/// Deletes a call with all its sessions; one that is not there (any more) is deleted already.
///
/// # Errors
/// [`HistoryError::UnderWay`] where it is being recorded; it is then left as it is. Otherwise where the file is missing
/// or cannot be written.
pub fn delete_call(path: &Path, call: CallId) -> Result<(), HistoryError> {
    let said = |source| HistoryError::from_sqlite(path, source);
    let mut connection = open_to_delete(path)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
    // The locks are beside the file itself, by whichever name it was opened.
    let locks = |source| HistoryError::Lock { path: path.to_owned(), source };
    let file = path.canonicalize().map_err(locks)?;
    for token in session::open_of_call(&transaction, call).map_err(said)? {
        // One whose process died is no session under way.
        if is_alive(&file, &token).map_err(locks)? {
            return Err(HistoryError::UnderWay);
        }
    }
    for session in session::of_call(&transaction, call).map_err(said)? {
        delete_session(&transaction, session.id).map_err(said)?;
    }
    call::delete_if_empty(&transaction, call).map_err(said)?;
    transaction.commit().map_err(said)
}

/// Deletes the sessions that ended more than this many days ago, and the calls that have none left. 0 days is 'for
/// ever': nothing is deleted. Gives the number of sessions deleted.
///
/// # Errors
/// Where the file is missing or cannot be written; what was deleted before that stays deleted.
pub fn keep_for(path: &Path, days: u32, now_ms: i64) -> Result<u64, HistoryError> {
    if days == 0 {
        return Ok(0);
    }
    let said = |source| HistoryError::from_sqlite(path, source);
    let mut connection = open_to_delete(path)?;
    let before_ms = now_ms.saturating_sub(i64::from(days) * DAY_MS);
    let mut deleted = 0;
    for (session, call) in session::ended_before(&connection, before_ms).map_err(said)? {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
        delete_session(&transaction, session).map_err(said)?;
        call::delete_if_empty(&transaction, call).map_err(said)?;
        transaction.commit().map_err(said)?;
        deleted += 1;
    }
    Ok(deleted)
}

pub(crate) fn open_to_delete(path: &Path) -> Result<Connection, HistoryError> {
    if !path.exists() {
        return Err(HistoryError::Missing { path: path.to_owned() });
    }
    let connection = open_for_writing(path)?;
    let overwrite = connection.pragma_update(None, "secure_delete", true);
    overwrite.map_err(|source| HistoryError::from_sqlite(path, source))?;
    Ok(connection)
}

fn delete_session(to: &Transaction<'_>, session: SessionId) -> rusqlite::Result<()> {
    for sql in DELETE_SESSION {
        to.prepare_cached(sql)?.execute([session])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{TABLE_NAMES, migrate};

    #[test]
    fn no_deletion_looks_through_a_whole_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        for sql in DELETE_SESSION {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan = statement.query_map([1], |row| row.get::<_, String>("detail")).unwrap();
            let plan: Vec<String> = plan.map(Result::unwrap).collect();
            assert!(!plan.is_empty() && plan.iter().all(|step| !step.starts_with("SCAN")), "{sql}: {plan:?}");
        }
    }

    /// SQLite looks for the rows that refer to one that is deleted: through the whole table, where no index begins with
    /// the column that refers.
    #[test]
    fn every_reference_has_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        for table in TABLE_NAMES {
            let sql = "SELECT \"from\" FROM pragma_foreign_key_list(?1) AS key WHERE NOT EXISTS
                (SELECT 1 FROM pragma_index_list(?1) AS list JOIN pragma_index_info(list.name) AS info
                 WHERE list.partial = 0 AND info.seqno = 0 AND info.name = key.\"from\")";
            let mut statement = connection.prepare(sql).unwrap();
            let bare = statement.query_map([table], |row| row.get::<_, String>(0)).unwrap();
            let bare: Vec<String> = bare.map(Result::unwrap).collect();
            assert_eq!(bare, Vec::<String>::new(), "{table}");
        }
    }
}
