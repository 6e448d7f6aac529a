-- Instants are milliseconds since the Unix epoch in UTC, durations are milliseconds, ids are 16
-- bytes.

CREATE TABLE users (
    id               BLOB    NOT NULL PRIMARY KEY,
    mobile           TEXT    NOT NULL UNIQUE,
    username         TEXT    NOT NULL,
    password         TEXT,
    created_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    commit_id        BLOB    NOT NULL,
    -- The keys of the sessions recorded as active and as pending.
    active           BLOB,
    pending          BLOB,
    last_alert       INTEGER NOT NULL,
    sessions_opened  INTEGER NOT NULL,
    -- 24 bytes each: a fingerprint of the device, and the time of the alert.
    recent_conflicts BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Clustered by the contents of a token (user id and hash), so that a token check searches a single
-- B-tree.
CREATE TABLE sessions (
    user             BLOB    NOT NULL,
    token_hash       BLOB    NOT NULL,
    mobile           TEXT    NOT NULL,
    username         TEXT    NOT NULL,
    key              BLOB    NOT NULL UNIQUE,
    number           INTEGER NOT NULL,
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
    ended_at         INTEGER,
    end_reason       TEXT,
    replaced_by      BLOB,
    -- When an open session expires. The maintenance task searches by it.
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (user, token_hash)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX sessions_by_number ON sessions (user, number);
CREATE INDEX sessions_open ON sessions (expires_at, user) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE alerts (
    user             BLOB    NOT NULL,
    sequence         INTEGER NOT NULL,
    kind             TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    session          BLOB    NOT NULL,
    attempt          BLOB,
    attempt_session  BLOB,
    user_agent       TEXT,
    address          TEXT,
    attempted_at     INTEGER,
    PRIMARY KEY (user, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_by_age ON alerts (created_at);
