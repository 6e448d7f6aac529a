-- The sessions of a user in the order of their numbers, so that the rows that a login changes are
-- beside each other. A session is found by its user and its number, which its key contains.
--
-- Deleted pages are overwritten, as by the deletion of a user: the old table has personal data.
PRAGMA secure_delete = ON;

ALTER TABLE sessions RENAME TO former_sessions;

CREATE TABLE sessions (
    user             BLOB    NOT NULL,
    number           INTEGER NOT NULL,
    token_hash       BLOB    NOT NULL,
    key              BLOB    NOT NULL,
    -- 1 if the key contains the number. Earlier versions made keys without it.
    is_numbered      INTEGER NOT NULL,
    mobile           TEXT    NOT NULL,
    username         TEXT    NOT NULL,
    device_id        TEXT,
    user_agent       TEXT    NOT NULL,
    address          TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    idle_timeout     INTEGER NOT NULL,
    lifetime_ends_at INTEGER NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('pending', 'active', 'ended')),
    attempt          BLOB,
    approve_by       INTEGER,
    matching         BLOB,
    ended_at         INTEGER,
    end_reason       TEXT,
    replaced_by      BLOB,
    -- When an open session expires. The maintenance task searches by it.
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (user, number)
) STRICT, WITHOUT ROWID;

-- In the order of the new table, so that its pages are written one after the other.
INSERT INTO sessions
SELECT user, number, token_hash, key, 0, mobile, username, device_id, user_agent, address, created_at,
    last_seen_at, idle_timeout, lifetime_ends_at, status, attempt, approve_by, matching, ended_at,
    end_reason, replaced_by, expires_at
FROM former_sessions ORDER BY user, number;

DROP TABLE former_sessions;

CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- The sessions whose keys do not contain their numbers.
CREATE UNIQUE INDEX sessions_by_key ON sessions (key) WHERE is_numbered = 0;

-- The tokens of users with many sessions. The first 64 sessions of a user are searched one by one.
CREATE UNIQUE INDEX sessions_by_token ON sessions (user, token_hash) WHERE number > 64;

PRAGMA secure_delete = FAST;
