-- One table has all records of a user beside each other: the user, its sessions and its alerts. A
-- login then changes one place of the file, and the end of the feed.
--
-- Deleted pages are overwritten, as by the deletion of a user: the old tables have personal data.
PRAGMA secure_delete = ON;

-- `part` is 0 for the user, 1 for a session and 2 for an alert. A column that another part has is
-- NULL. The views `users`, `sessions` and `alerts` have the columns of each part.
CREATE TABLE records (
    user                    BLOB    NOT NULL,
    part                    INTEGER NOT NULL,
    -- The number of a session, and the sequence of an alert. 0 for the user.
    number                  INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,

    -- Of the user, and of each session.
    mobile                  TEXT,
    username                TEXT,

    -- Of the user.
    password                TEXT,
    version                 INTEGER,
    commit_id               BLOB,
    -- The keys of the sessions recorded as active and as pending.
    active                  BLOB,
    pending                 BLOB,
    last_alert              INTEGER,
    sessions_opened         INTEGER,
    -- 24 bytes each: a fingerprint of the device, and the time of the alert.
    recent_conflicts        BLOB,
    alert_window_started_at INTEGER,
    alert_window_count      INTEGER,
    folded_attempt          BLOB,
    folded_user_agent       TEXT,
    folded_address          TEXT,
    folded_at               INTEGER,
    summary_due_at          INTEGER,
    login_history           TEXT,
    freeze                  TEXT,
    -- When maintenance looks whether a session of the user has expired: not later than the first of
    -- its open sessions expires. NULL if no session is open.
    expiry_check_at         INTEGER,
    -- Not later than the first alert was raised, and the first of the ended sessions ended. NULL if
    -- there is neither. Maintenance looks for old records of the user when this is old.
    purge_check_at          INTEGER,

    -- Of the user: the refused logins that no alert has reported yet. Of an alert: those that it
    -- reports.
    folded_count            INTEGER,

    -- Of a session, and of the attempt of an alert.
    attempt                 BLOB,
    user_agent              TEXT,
    address                 TEXT,

    -- Of a session.
    token_hash              BLOB,
    key                     BLOB,
    -- 1 if the key contains the number. Earlier versions made keys without it.
    is_numbered             INTEGER,
    device_id               TEXT,
    last_seen_at            INTEGER,
    idle_timeout            INTEGER,
    lifetime_ends_at        INTEGER,
    -- pending, active or ended.
    status                  TEXT,
    approve_by              INTEGER,
    matching                BLOB,
    ended_at                INTEGER,
    end_reason              TEXT,
    replaced_by             BLOB,
    -- When an open session expires.
    expires_at              INTEGER,

    -- Of an alert.
    kind                    TEXT,
    -- An empty blob in an alert about the user only.
    session                 BLOB,
    attempt_session         BLOB,
    attempted_at            INTEGER,
    is_new_device           INTEGER,
    is_new_place            INTEGER,

    PRIMARY KEY (user, part, number)
) STRICT, WITHOUT ROWID;
