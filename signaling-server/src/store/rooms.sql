-- Rooms with names, ends, doors and roles.
ALTER TABLE rooms ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE rooms SET id = 'r' || lower(hex(randomblob(8)));
CREATE UNIQUE INDEX rooms_by_id ON rooms (id);
ALTER TABLE rooms ADD COLUMN name TEXT NOT NULL DEFAULT 'Room';
ALTER TABLE rooms ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0; -- Unix time
UPDATE rooms SET created_ms = last_used_ms;
ALTER TABLE rooms ADD COLUMN expires_ms INTEGER;                    -- Unix time; NULL: when nobody uses it
ALTER TABLE rooms ADD COLUMN empty_s INTEGER NOT NULL DEFAULT 86400; -- ends when nobody was in it for so many seconds
ALTER TABLE rooms ADD COLUMN max_participants INTEGER NOT NULL DEFAULT 8;
ALTER TABLE rooms ADD COLUMN password TEXT;                         -- Argon2id, as a PHC string
ALTER TABLE rooms ADD COLUMN waiting_room INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN invited TEXT NOT NULL DEFAULT '[]';    -- JSON array of account names
ALTER TABLE rooms ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN pair INTEGER NOT NULL DEFAULT 0;
ALTER TABLE places ADD COLUMN role TEXT NOT NULL DEFAULT 'guest';
ALTER TABLE places ADD COLUMN jtis TEXT NOT NULL DEFAULT '[]';      -- JSON array: unique ids of its room tokens
ALTER TABLE places ADD COLUMN account TEXT;
-- Tokens that are good no more.
CREATE TABLE called_back (
    id   INTEGER PRIMARY KEY, -- in the order in which it happened
    room TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    jti  TEXT NOT NULL
) STRICT;
CREATE INDEX called_back_of_room ON called_back (room);
-- What this server signs with, where it was given nothing.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
