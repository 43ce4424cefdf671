//! The format of the file: which steps lead from an empty one to the present one.
//!
//! Invariant: a step that was released is never changed; whatever an older program wrote is brought up to date by the
//! steps that came since, in one transaction, and no row is dropped.

use rusqlite::{Connection, TransactionBehavior};

use crate::table;

/// The format that this program reads and writes (`PRAGMA user_version`).
pub(crate) const LATEST: u32 = 3;

/// Marks a file as a history (`PRAGMA application_id`): "SLHi" in ASCII.
pub(crate) const APPLICATION_ID: i32 = 0x534c_4869;

/// One table's part in the step to a version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The version that the file has afterwards.
    pub(crate) version: u32,
    /// Statements.
    pub(crate) sql: &'static str,
}

/// Each table's steps, those first that others refer to.
const TABLES: [&[Step]; 11] = [
    table::call::STEPS,
    table::session::STEPS,
    table::stay::STEPS,
    table::track::STEPS,
    table::sample::STEPS,
    table::link_sample::STEPS,
    table::process_sample::STEPS,
    table::event::STEPS,
    table::breaks::STEPS,
    table::upload::STEPS,
    table::told::STEPS,
];

/// Names of the tables.
pub(crate) const TABLE_NAMES: [&str; 11] =
    ["call", "session", "stay", "track", "sample", "link_sample", "process_sample", "event", "break", "upload", "told"];

/// The version of the file; 0 for an empty one.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the file up to date.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate_with(connection, &TABLES, LATEST)
}

fn migrate_with(connection: &mut Connection, tables: &[&[Step]], latest: u32) -> rusqlite::Result<()> {
    if version(connection)? >= latest {
        return Ok(());
    }
    // Immediate, and the version read again inside: another process may be about to do the same.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for next in version(&transaction)? + 1..=latest {
        for step in tables.iter().flat_map(|steps| steps.iter()).filter(|step| step.version == next) {
            transaction.execute_batch(step.sql)?;
        }
        transaction.pragma_update(None, "user_version", next)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[Step] = &[Step { version: 1, sql: "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT) STRICT;" }];
    const NEW: &[Step] = &[
        OLD[0],
        Step { version: 2, sql: "ALTER TABLE thing ADD COLUMN size INTEGER;" },
        Step { version: 3, sql: "ALTER TABLE thing RENAME COLUMN name TO label;" },
    ];
    const LATER: &[Step] =
        &[Step { version: 3, sql: "CREATE TABLE part (thing INTEGER REFERENCES thing); INSERT INTO part VALUES (7);" }];
    const BROKEN: &[Step] =
        &[OLD[0], Step { version: 2, sql: "ALTER TABLE thing ADD COLUMN size INTEGER; SELECT * FROM nowhere;" }];

    fn old() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_with(&mut connection, &[OLD], 1).unwrap();
        connection.execute("INSERT INTO thing VALUES (7, 'kept')", []).unwrap();
        connection
    }

    #[test]
    fn an_older_file_is_upgraded_step_by_step_and_keeps_its_rows() {
        let mut connection = old();
        migrate_with(&mut connection, &[NEW, LATER], 3).unwrap();
        assert_eq!(version(&connection).unwrap(), 3);
        let row = connection.query_row("SELECT id, label, size FROM thing JOIN part ON thing = id", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?))
        });
        assert_eq!(row.unwrap(), (7, "kept".to_owned(), None));
        migrate_with(&mut connection, &[NEW, LATER], 3).unwrap();
        let parts: i64 = connection.query_row("SELECT count(*) FROM part", [], |row| row.get(0)).unwrap();
        assert_eq!(parts, 1, "a step is taken once");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut connection = old();
        migrate_with(&mut connection, &[BROKEN], 2).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 1);
        connection.query_row("SELECT size FROM thing", [], |_| Ok(())).expect_err("no half of a step");
        migrate_with(&mut connection, &[NEW], 2).expect("can be tried again");
    }

    #[test]
    fn a_new_file_goes_through_all_steps_of_all_tables() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), LATEST);
        for table in TABLE_NAMES {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |_| Ok(())).expect(table);
        }
        let steps = TABLES.iter().flat_map(|steps| steps.iter());
        assert!(steps.clone().all(|step| step.version <= LATEST), "a step past the latest version would never run");
    }
}
