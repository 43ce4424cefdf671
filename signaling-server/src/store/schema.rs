//! The tables, their version, and what is looked at before a file is used.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
use sightline_protocol::{MediaState, Role, RoomCode, UserId};

use super::{Restored, RestoredMember, StoreError, explain};
use crate::{hub::Terms, record, switch, token::TokenHash};

/// `PRAGMA application_id` of a file of this server: 'SLsv'.
const APPLICATION_ID: i32 = 0x534c_7376;

/// Step `n` brings a file of version `n` to version `n + 1`. Steps that were released never change.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE rooms (
        code         TEXT PRIMARY KEY,
        last_used_ms INTEGER NOT NULL -- Unix time
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE places (
        id    INTEGER PRIMARY KEY, -- in the order of joining
        user  TEXT NOT NULL UNIQUE,
        code  TEXT NOT NULL REFERENCES rooms (code) ON DELETE CASCADE,
        name  TEXT NOT NULL,
        audio INTEGER NOT NULL,
        video INTEGER NOT NULL,
        token BLOB NOT NULL        -- SHA-256 of the resume token
    ) STRICT;
    CREATE INDEX places_of_room ON places (code);
",
    include_str!("rooms.sql"),
    include_str!("../accounts/schema.sql"),
    include_str!("../record/schema.sql"),
];

/// Statements that the hub's entries need, with those of the record.
const STATEMENTS: usize = 64;

/// How long a connection waits for another one's transaction: those of this server take milliseconds. What takes longer is
/// another program's.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// A new file is its owner's alone: the secret that signs tokens may be in it.
fn private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Where it exists it is left as its owner has it; where it cannot be made, opening it says why.
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).ok();
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Opens or creates a file, brings it up to date and reads it.
pub(super) fn open(path: &Path) -> Result<(Connection, Vec<Restored>), StoreError> {
    // Root may write to a file that is marked read-only; whoever marked it so did not mean it to be written.
    if path.metadata().is_ok_and(|metadata| metadata.permissions().readonly()) {
        return Err(StoreError::ReadOnly(path.to_owned()));
    }
    private(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| explain(path, &error))?;
    connection.busy_timeout(BUSY).map_err(|error| explain(path, &error))?;
    check(&connection, path)?;
    let restored = prepare(&mut connection).and_then(|()| read(&connection)).map_err(|error| explain(path, &error))?;
    Ok((connection, restored))
}

/// Refuses what is not ours to use, before anything is changed.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let looked = || -> rusqlite::Result<(i32, i32, i64, String)> {
        let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let health = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((number("application_id")?, number("user_version")?, tables, health))
    };
    let (application, version, tables, health) = looked().map_err(|error| explain(path, &error))?;
    if health != "ok" {
        return Err(StoreError::Corrupt { path: path.to_owned(), detail: health });
    }
    let is_new = tables == 0 && application == 0 && version == 0;
    if application != APPLICATION_ID && !is_new {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    let known = MIGRATIONS.len() as i32;
    if version > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    Ok(())
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of the program loses nothing that was committed; a loss of power may lose the last moments, and keeps the
    // file whole.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let transaction = connection.transaction()?;
    for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    // Written also where nothing is to be migrated: so a file that cannot be written is found now, not in mid-call.
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i32)?;
    // What a crash left open in the record.
    record::close_open(&transaction, switch::now().unix_ms)?;
    transaction.commit()
}

fn read(connection: &Connection) -> rusqlite::Result<Vec<Restored>> {
    let mut rooms = connection.prepare(
        "SELECT code, last_used_ms, id, name, created_ms, expires_ms, empty_s, max_participants, password, waiting_room,
            invited, locked, pair FROM rooms",
    )?;
    let mut places = connection.prepare(
        "SELECT user, name, audio, video, token, role, jtis, account FROM places WHERE code = ? ORDER BY id",
    )?;
    let mut called_back = connection.prepare("SELECT jti FROM called_back WHERE room = ? ORDER BY id")?;
    let mut restored = Vec::new();
    let mut rows = rooms.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let Some(code) = RoomCode::parse(&text) else {
            tracing::warn!("a room in the database has no readable code; it is left out");
            continue;
        };
        let members = places.query_map([&text], |row| {
            let token: Vec<u8> = row.get(4)?;
            Ok(RestoredMember {
                user: UserId(row.get(0)?),
                name: row.get(1)?,
                media: MediaState { audio: row.get(2)?, video: row.get(3)? },
                token: TokenHash::from_bytes(&token).ok_or(rusqlite::Error::InvalidQuery)?,
                role: role(&row.get::<_, String>(5)?),
                jtis: list(&row.get::<_, String>(6)?),
                account: row.get(7)?,
            })
        })?;
        let terms = Terms {
            id: row.get(2)?,
            name: row.get(3)?,
            created_ms: row.get(4)?,
            expires_ms: row.get(5)?,
            empty: Duration::from_secs(row.get::<_, u32>(6)?.into()),
            max_participants: row.get(7)?,
            password: row.get(8)?,
            waiting_room: row.get(9)?,
            invited: list(&row.get::<_, String>(10)?).into_iter().collect(),
            locked: row.get(11)?,
            pair: row.get(12)?,
        };
        let removed = called_back.query_map([&terms.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let members = members.collect::<Result<_, _>>()?;
        restored.push(Restored { code, terms, last_used_ms: row.get(1)?, members, removed });
    }
    Ok(restored)
}

/// The least that one can be, where a later program wrote something else.
fn role(text: &str) -> Role {
    [Role::Host, Role::Observer].into_iter().find(|role| role.as_str() == text).unwrap_or(Role::Guest)
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|error| {
        tracing::warn!(%error, "a list in the database cannot be read; it is taken for empty");
        Vec::new()
    })
}

/// The secret that was made at the first start, or now.
pub(super) fn secret(connection: &Connection, name: &str, fresh: &[u8]) -> rusqlite::Result<Vec<u8>> {
    connection.execute("INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING", (name, fresh))?;
    connection.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))
}
