-- The bound on alerts a minute: the alerts counted in a user's last minute, and the refused logins
-- that no alert has reported yet. All columns are NULL if no alert was ever counted.
ALTER TABLE users ADD COLUMN alert_window_started_at INTEGER;
ALTER TABLE users ADD COLUMN alert_window_count      INTEGER;
-- NULL if there are no such logins. The columns after it describe the last of them.
ALTER TABLE users ADD COLUMN folded_count            INTEGER;
ALTER TABLE users ADD COLUMN folded_attempt          BLOB;
ALTER TABLE users ADD COLUMN folded_user_agent       TEXT;
ALTER TABLE users ADD COLUMN folded_address          TEXT;
ALTER TABLE users ADD COLUMN folded_at               INTEGER;
-- When maintenance reports them. It searches by it.
ALTER TABLE users ADD COLUMN summary_due_at          INTEGER;

CREATE INDEX users_summary_due ON users (summary_due_at) WHERE summary_due_at IS NOT NULL;

ALTER TABLE alerts ADD COLUMN folded_count INTEGER NOT NULL DEFAULT 0;
