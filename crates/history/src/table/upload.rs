//! Uploads: the sessions that their user agreed to share, where to, and how far the server has them.
//!
//! Invariant: a session has a row here from its first moment on, or never.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::schema::Step;
use crate::{SessionId, Share};

/// The rows of samples and events are never changed, and those that come later have greater ids: of these tables it is
/// enough to keep the id of the last one that was acknowledged, and how many there were.
pub(crate) const STEPS: &[Step] = &[Step {
    version: 3,
    sql: "CREATE TABLE upload (
        id INTEGER PRIMARY KEY,
        session_id INTEGER NOT NULL UNIQUE REFERENCES session,
        upload_id TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        token TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'open',
        sample_id INTEGER NOT NULL DEFAULT 0,
        sample_count INTEGER NOT NULL DEFAULT 0,
        link_sample_id INTEGER NOT NULL DEFAULT 0,
        link_sample_count INTEGER NOT NULL DEFAULT 0,
        process_sample_id INTEGER NOT NULL DEFAULT 0,
        process_sample_count INTEGER NOT NULL DEFAULT 0,
        event_id INTEGER NOT NULL DEFAULT 0,
        event_count INTEGER NOT NULL DEFAULT 0,
        session_digest TEXT NOT NULL DEFAULT '',
        tries INTEGER NOT NULL DEFAULT 0,
        next_try_ms INTEGER NOT NULL DEFAULT 0,
        not_before_ms INTEGER NOT NULL DEFAULT 0,
        last_error TEXT,
        error_ms INTEGER,
        acknowledged_ms INTEGER
    ) STRICT;
    CREATE INDEX upload_open ON upload (next_try_ms) WHERE state = 'open';",
}];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM upload WHERE session_id = ?1";

/// Up to where a table is acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Id of the last row.
    pub(crate) id: i64,
    /// Rows of the session up to it.
    pub(crate) count: i64,
}

/// Up to where each table is acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) samples: Mark,
    pub(crate) links: Mark,
    pub(crate) process: Mark,
    pub(crate) events: Mark,
}

/// A session that is to be shared.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) session: SessionId,
    pub(crate) upload_id: String,
    pub(crate) share: Share,
    pub(crate) marks: Marks,
    /// Of what the server was last told about the session itself.
    pub(crate) session_digest: String,
    /// Failures since the last success.
    pub(crate) tries: u32,
}

const COLUMNS: &str = "session_id, upload_id, endpoint, token, sample_id, sample_count, link_sample_id, \
    link_sample_count, process_sample_id, process_sample_count, event_id, event_count, session_digest, tries";

fn read(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let mark = |at| Ok::<_, rusqlite::Error>(Mark { id: row.get(at)?, count: row.get(at + 1)? });
    Ok(Upload {
        session: row.get(0)?,
        upload_id: row.get(1)?,
        share: Share { endpoint: row.get(2)?, token: row.get(3)? },
        marks: Marks { samples: mark(4)?, links: mark(6)?, process: mark(8)?, events: mark(10)? },
        session_digest: row.get(12)?,
        tries: row.get(13)?,
    })
}

/// Sets down that a session is to be shared. Its id at the server is random: row ids say how many calls there were.
pub(crate) fn insert(connection: &Connection, session: SessionId, share: &Share) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO upload (session_id, upload_id, endpoint, token)
             VALUES (?1, lower(hex(randomblob(16))), ?2, ?3)",
        )?
        .execute(params![session, share.endpoint, share.token])?;
    Ok(())
}

/// A time that is further off than this is no time that was set: the clock was.
const FURTHEST_MS: i64 = 3_600_000;

/// When an open upload is due: at the time that was set, or at once where its session has ended and nothing went wrong
/// since; but no server is asked before the time that it named itself, for whichever session it did.
const DUE_MS: &str = "max(
    CASE WHEN upload.next_try_ms > :furthest OR (ended_ms IS NOT NULL AND upload.tries = 0) THEN 0
        ELSE upload.next_try_ms END,
    (SELECT max(CASE WHEN other.not_before_ms > :furthest THEN 0 ELSE other.not_before_ms END)
        FROM upload AS other WHERE other.state = 'open' AND other.endpoint = upload.endpoint))";

/// One that is due: those with the fewest failures first.
pub(crate) fn due(connection: &Connection, now_ms: i64) -> rusqlite::Result<Option<Upload>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM upload JOIN session ON session.id = session_id
         WHERE state = 'open' AND {DUE_MS} <= :now ORDER BY tries, next_try_ms, session_id LIMIT 1"
    );
    connection
        .prepare_cached(&sql)?
        .query_row(named_params! { ":now": now_ms, ":furthest": now_ms.saturating_add(FURTHEST_MS) }, read)
        .optional()
}

/// When the next one is due; `None` where nothing waits.
pub(crate) fn next_due_ms(connection: &Connection, now_ms: i64) -> rusqlite::Result<Option<i64>> {
    let sql = format!("SELECT min({DUE_MS}) FROM upload JOIN session ON session.id = session_id WHERE state = 'open'");
    connection
        .prepare_cached(&sql)?
        .query_row(named_params! { ":furthest": now_ms.saturating_add(FURTHEST_MS) }, |row| row.get(0))
}

/// All that wait.
pub(crate) fn open(connection: &Connection) -> rusqlite::Result<Vec<Upload>> {
    let sql = format!("SELECT {COLUMNS} FROM upload WHERE state = 'open' ORDER BY session_id");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([], read)?.collect()
}

/// Moves the marks, never back; false where nothing is to be shared of this session any more.
pub(crate) fn acknowledge(
    connection: &Connection,
    upload: &Upload,
    marks: &Marks,
    session_digest: &str,
    now_ms: i64,
    next_try_ms: i64,
) -> rusqlite::Result<bool> {
    const SQL: &str = "UPDATE upload SET
        sample_count = max(sample_count, :sample_count), sample_id = max(sample_id, :sample_id),
        link_sample_count = max(link_sample_count, :link_count), link_sample_id = max(link_sample_id, :link_id),
        process_sample_count = max(process_sample_count, :process_count),
        process_sample_id = max(process_sample_id, :process_id),
        event_count = max(event_count, :event_count), event_id = max(event_id, :event_id),
        session_digest = :digest, acknowledged_ms = :now, next_try_ms = :next,
        tries = 0, not_before_ms = 0, last_error = NULL, error_ms = NULL
        WHERE session_id = :session AND upload_id = :upload AND state = 'open'";
    let changed = connection.prepare_cached(SQL)?.execute(named_params! {
        ":sample_id": marks.samples.id, ":sample_count": marks.samples.count,
        ":link_id": marks.links.id, ":link_count": marks.links.count,
        ":process_id": marks.process.id, ":process_count": marks.process.count,
        ":event_id": marks.events.id, ":event_count": marks.events.count,
        ":digest": session_digest, ":now": now_ms, ":next": next_try_ms,
        ":session": upload.session, ":upload": upload.upload_id,
    })?;
    Ok(changed > 0)
}

/// Looks at one again at this time.
pub(crate) fn look_again(connection: &Connection, upload: &Upload, next_try_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE upload SET next_try_ms = ?3 WHERE session_id = ?1 AND upload_id = ?2")?
        .execute(params![upload.session, upload.upload_id, next_try_ms])?;
    Ok(())
}

/// Sets down a failure: of this session only, or of all that wait for the same server.
pub(crate) fn postpone(
    connection: &Connection,
    upload: &Upload,
    whole_server: bool,
    error: &str,
    now_ms: i64,
    times: (i64, i64),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE upload SET tries = tries + 1, last_error = :error, error_ms = :now, next_try_ms = :next,
                not_before_ms = :not_before
             WHERE state = 'open' AND ((session_id = :session AND upload_id = :upload)
                OR (:whole AND endpoint = :endpoint))",
        )?
        .execute(named_params! {
            ":error": error, ":now": now_ms, ":next": times.0, ":not_before": times.1, ":session": upload.session,
            ":upload": upload.upload_id, ":whole": whole_server, ":endpoint": upload.share.endpoint,
        })?;
    Ok(())
}

/// Forgets how often it failed: the program was started again. What a server asked for still holds.
pub(crate) fn begin_again(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE upload SET tries = 0, next_try_ms = not_before_ms WHERE state = 'open'", [])?;
    Ok(())
}

/// The server will never take it.
pub(crate) fn refuse(connection: &Connection, upload: &Upload, error: &str, now_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE upload SET state = 'refused', last_error = ?3, error_ms = ?4
             WHERE session_id = ?1 AND upload_id = ?2 AND state = 'open'",
        )?
        .execute(params![upload.session, upload.upload_id, error, now_ms])?;
    Ok(())
}

/// The server has all of it. The token is of no use any more.
pub(crate) fn done(connection: &Connection, upload: &Upload) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE upload SET state = 'done', token = '', last_error = NULL, error_ms = NULL
             WHERE session_id = ?1 AND upload_id = ?2 AND state = 'open'",
        )?
        .execute(params![upload.session, upload.upload_id])?;
    Ok(())
}

/// Nothing more is shared of any session that there is.
pub(crate) fn stop(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE upload SET state = 'stopped', token = '', last_error = NULL, error_ms = NULL
         WHERE state IN ('open', 'refused')",
        [],
    )?;
    Ok(())
}

/// Another token for a session; what was refused is tried again.
pub(crate) fn renew(connection: &Connection, session: SessionId, token: &str) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE upload SET token = ?2, state = 'open', tries = 0, next_try_ms = not_before_ms, last_error = NULL,
                error_ms = NULL
             WHERE session_id = ?1 AND state IN ('open', 'refused')",
        )?
        .execute(params![session, token])?;
    Ok(changed > 0)
}

/// Sessions that wait, sessions that were refused, and the time of the last success.
pub(crate) fn numbers(connection: &Connection) -> rusqlite::Result<(u32, u32, Option<i64>)> {
    connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'refused'), \
            max(acknowledged_ms) FROM upload",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// The latest error that stands.
pub(crate) fn last_error(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT last_error FROM upload WHERE state IN ('open', 'refused') AND last_error IS NOT NULL
             ORDER BY error_ms DESC, id DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Rows of a session in the four tables of samples and events that lie after the marks.
pub(crate) fn waiting_rows(connection: &Connection, upload: &Upload) -> rusqlite::Result<u64> {
    const SQL: &str = "SELECT
        (SELECT count(*) FROM stay JOIN track ON track.stay_id = stay.id JOIN sample ON sample.track_id = track.id
            WHERE stay.session_id = ?1 AND +sample.id > ?2)
        + (SELECT count(*) FROM stay JOIN link_sample ON link_sample.stay_id = stay.id
            WHERE stay.session_id = ?1 AND +link_sample.id > ?3)
        + (SELECT count(*) FROM process_sample WHERE session_id = ?1 AND +id > ?4)
        + (SELECT count(*) FROM event WHERE session_id = ?1 AND +id > ?5)";
    let marks = upload.marks;
    let ids = params![upload.session, marks.samples.id, marks.links.id, marks.process.id, marks.events.id];
    connection.prepare_cached(SQL)?.query_row(ids, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}
