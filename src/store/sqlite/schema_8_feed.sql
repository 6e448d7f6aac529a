-- The feed of all users: one row for each commit that activated or ended a session, or raised an
-- alert, and for each deletion. `number` never falls, because the last row is never deleted.
CREATE TABLE feed (
    number      INTEGER NOT NULL PRIMARY KEY,
    -- 64 bits of the commit's random id. A position names them, so that a position of another file,
    -- or from after a backup that was restored, is recognized.
    mark        INTEGER NOT NULL,
    user        BLOB    NOT NULL,
    kind        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    -- The alerts of the commit.
    first_alert INTEGER NOT NULL,
    alerts      INTEGER NOT NULL,
    -- The session that was active and has ended.
    ended       BLOB,
    ended_at    INTEGER,
    end_reason  TEXT,
    replaced_by BLOB,
    -- The session that became active.
    activated   BLOB,
    expires_at  INTEGER
) STRICT;
