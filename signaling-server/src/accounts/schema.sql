-- People who have a name on this server for good, and what is kept for them. Times are Unix milliseconds.
CREATE TABLE accounts (
    id         INTEGER PRIMARY KEY,   -- random, so that none is given twice and none tells how many there are
    name       TEXT NOT NULL,         -- as it is shown
    key        TEXT NOT NULL UNIQUE,  -- the same for all spellings of one name
    password   TEXT NOT NULL,         -- Argon2id, as a PHC string
    admin      INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
) STRICT;
-- What names look like: no two accounts share a look.
CREATE TABLE account_looks (
    look    TEXT PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX account_looks_of_account ON account_looks (account);
CREATE TABLE account_sessions (
    token      BLOB PRIMARY KEY,      -- SHA-256 of it
    account    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_sessions_of_account ON account_sessions (account, expires_ms);
CREATE INDEX account_sessions_by_expiry ON account_sessions (expires_ms);
CREATE TABLE account_blocks (
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    whom    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (account, whom)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_blocks_of_whom ON account_blocks (whom);
-- Who and whom are kept as they were: a report outlives both accounts.
CREATE TABLE account_reports (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    who       TEXT NOT NULL,
    who_name  TEXT NOT NULL,
    whom      TEXT NOT NULL,
    whom_name TEXT NOT NULL,
    room      TEXT NOT NULL,
    reason    TEXT NOT NULL,
    unix_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX account_reports_of_who ON account_reports (who, unix_ms);
CREATE TABLE missed_calls (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    caller      TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    room        TEXT NOT NULL,
    unix_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX missed_calls_of_account ON missed_calls (account, id);
