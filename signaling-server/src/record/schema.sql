-- Rooms as they were, also after they ended. A call is a room that somebody was in. All times are Unix time in
-- milliseconds, by the server's clock.
CREATE TABLE room_record (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE, -- as it stands in links and tokens
    code       TEXT NOT NULL,
    name       TEXT,
    created_ms INTEGER NOT NULL,
    created_by TEXT,
    ended_ms   INTEGER,
    end_reason TEXT
) STRICT;
CREATE INDEX room_record_open ON room_record (code) WHERE ended_ms IS NULL;
CREATE INDEX room_record_by_end ON room_record (ended_ms);

-- One row per stay; who leaves and comes again has two.
CREATE TABLE stay (
    number    INTEGER PRIMARY KEY,
    room      INTEGER NOT NULL REFERENCES room_record,
    user      TEXT NOT NULL,
    account   TEXT,
    name      TEXT NOT NULL,
    role      TEXT NOT NULL,
    joined_ms INTEGER NOT NULL,
    left_ms   INTEGER,
    reason    TEXT
) STRICT;
CREATE INDEX stay_by_room ON stay (room, user);
CREATE UNIQUE INDEX stay_open ON stay (room, user) WHERE left_ms IS NULL;
CREATE INDEX stay_by_end ON stay (left_ms);

CREATE TABLE audit (
    number  INTEGER PRIMARY KEY,
    unix_ms INTEGER NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    what    TEXT,
    detail  TEXT
) STRICT;

-- Calls that were deleted: so that a second deletion, and records that come late, can be told so.
CREATE TABLE deleted_call (
    id         TEXT PRIMARY KEY,
    deleted_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the list of calls shows, kept up to date by whatever changes a call.
CREATE TABLE call_summary (
    room         INTEGER PRIMARY KEY REFERENCES room_record,
    started_ms   INTEGER NOT NULL,
    ended_ms     INTEGER NOT NULL, -- when last somebody left; means nothing while somebody is in it
    last_ms      INTEGER NOT NULL, -- when last anything was known of it
    present      INTEGER NOT NULL, -- stays that have not ended
    people       INTEGER NOT NULL, -- participants with a stay
    talk_ms      INTEGER NOT NULL, -- stays that have ended, added up
    sessions     INTEGER NOT NULL, -- uploaded
    reporters    INTEGER NOT NULL, -- participants with a session
    windows      INTEGER NOT NULL,
    good         INTEGER NOT NULL,
    spoilt       INTEGER NOT NULL, -- windows that were not good, of the session with most of them
    worst        TEXT,             -- what spoilt most in that session
    quality      INTEGER NOT NULL, -- 0 unknown, 1 good, 2 ok, 3 bad, 4 terrible
    share        REAL,             -- good / windows, where quality is known
    names        TEXT NOT NULL,    -- a line each
    search       TEXT NOT NULL,    -- code, room name and names in lower case
    reasons      TEXT NOT NULL     -- why stays, sessions and the room ended, a line each, a line feed around each
) STRICT;
CREATE INDEX call_summary_by_start ON call_summary (started_ms);

-- What clients upload. Session numbers are never given twice: rows of a deleted session may be there for a while.
CREATE TABLE log_session (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    room           INTEGER NOT NULL REFERENCES room_record,
    user           TEXT NOT NULL,
    name           TEXT NOT NULL,
    client_version TEXT NOT NULL,
    platform       TEXT NOT NULL,
    started_ms     INTEGER NOT NULL,
    ended_ms       INTEGER,
    end_reason     TEXT,
    signaling_ms   REAL,
    ice_ms         REAL,
    dtls_ms        REAL,
    first_frame_ms REAL,
    windows        INTEGER NOT NULL,
    good           INTEGER NOT NULL,
    worst          TEXT,
    path           INTEGER NOT NULL, -- of the first connection that told one
    sent_ms        INTEGER NOT NULL, -- of the latest batch, by the client's clock
    clock_ms       INTEGER NOT NULL, -- what was added to the client's times
    last_ms        INTEGER NOT NULL, -- the latest time in it
    row_count      INTEGER NOT NULL
) STRICT;
CREATE INDEX log_session_by_room ON log_session (room, user);
CREATE INDEX log_session_by_time ON log_session (last_ms);

CREATE TABLE log_batch (
    session INTEGER NOT NULL,
    id      TEXT NOT NULL,
    PRIMARY KEY (session, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_stay (
    session        INTEGER NOT NULL,
    stay           INTEGER NOT NULL,
    user           TEXT NOT NULL,
    name           TEXT,
    joined_ms      INTEGER NOT NULL,
    left_ms        INTEGER,
    leave_reason   TEXT,
    signaling_ms   REAL,
    ice_ms         REAL,
    dtls_ms        REAL,
    first_frame_ms REAL,
    path           INTEGER NOT NULL, -- the latest that was told
    sent_ms        INTEGER NOT NULL,
    PRIMARY KEY (session, stay)
) STRICT, WITHOUT ROWID;

-- The bulk. What is always read together is packed into cells (record/cells.rs).
CREATE TABLE log_sample (
    session     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    track       INTEGER NOT NULL, -- stay * 4 + 2 if video + 1 if outbound
    start_ms    INTEGER NOT NULL,
    length_ms   INTEGER NOT NULL,
    measured_ms INTEGER NOT NULL,
    cells       BLOB NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_link (
    session     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    track       INTEGER NOT NULL, -- the stay
    start_ms    INTEGER NOT NULL,
    length_ms   INTEGER NOT NULL,
    measured_ms INTEGER NOT NULL,
    cells       BLOB NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_process (
    session     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    track       INTEGER NOT NULL, -- 0
    start_ms    INTEGER NOT NULL,
    length_ms   INTEGER NOT NULL,
    measured_ms INTEGER NOT NULL,
    cells       BLOB NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_event (
    session INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    unix_ms INTEGER NOT NULL,
    peer    TEXT,
    event   TEXT NOT NULL, -- JSON
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_break (
    session  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    stay     INTEGER,
    start_ms INTEGER NOT NULL,
    end_ms   INTEGER,
    cause    TEXT NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

-- What totals are made of, per hour of a session and kind of path: a deleted session takes its share along.
CREATE TABLE log_rollup (
    hour    INTEGER NOT NULL, -- Unix time / 3600 s
    session INTEGER NOT NULL,
    path    INTEGER NOT NULL,
    cells   BLOB NOT NULL,    -- record/rollup.rs
    PRIMARY KEY (hour, session, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_rollup_by_session ON log_rollup (session);

-- Sessions that were deleted and whose rows are still to be removed, step by step.
CREATE TABLE log_doomed (session INTEGER PRIMARY KEY) STRICT;
