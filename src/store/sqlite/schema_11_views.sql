-- After all records were copied.
DROP TABLE alerts;
DROP TABLE sessions;
DROP TABLE users;

CREATE VIEW users AS
SELECT user AS id, mobile, username, password, created_at, version, commit_id, active, pending,
    last_alert, sessions_opened, recent_conflicts, alert_window_started_at, alert_window_count,
    folded_count, folded_attempt, folded_user_agent, folded_address, folded_at, summary_due_at,
    login_history, freeze, expiry_check_at, purge_check_at
FROM records WHERE part = 0 AND number = 0;

CREATE VIEW sessions AS
SELECT user, number, token_hash, key, is_numbered, mobile, username, device_id, user_agent, address,
    created_at, last_seen_at, idle_timeout, lifetime_ends_at, status, attempt, approve_by, matching,
    ended_at, end_reason, replaced_by, expires_at
FROM records WHERE part = 1;

CREATE VIEW alerts AS
SELECT user, number AS sequence, kind, created_at, session, attempt, attempt_session, user_agent,
    address, attempted_at, is_new_device, is_new_place, folded_count
FROM records WHERE part = 2;

CREATE UNIQUE INDEX users_by_mobile ON records (mobile) WHERE part = 0;

-- To list users without their sessions and alerts between them.
CREATE UNIQUE INDEX users_by_id ON records (user) WHERE part = 0;

CREATE INDEX users_summary_due ON records (summary_due_at) WHERE summary_due_at IS NOT NULL;
CREATE INDEX users_expiry_check ON records (expiry_check_at) WHERE expiry_check_at IS NOT NULL;
CREATE INDEX users_purge_check ON records (purge_check_at) WHERE purge_check_at IS NOT NULL;

-- The sessions whose keys do not contain their numbers.
CREATE UNIQUE INDEX sessions_by_key ON records (key) WHERE is_numbered = 0;

-- The tokens of users with many sessions. The first 64 sessions of a user are searched one by one.
CREATE UNIQUE INDEX sessions_by_token ON records (user, token_hash) WHERE part = 1 AND number > 64;

PRAGMA secure_delete = FAST;
