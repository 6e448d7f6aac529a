-- When maintenance looks whether a session of the user has expired: not later than the first of its
-- open sessions expires. NULL if no session is open. A login seldom moves it, unlike the index of
-- open sessions by the time of their expiry, which every login changed in two places.
ALTER TABLE users ADD COLUMN expiry_check_at INTEGER;

UPDATE users SET expiry_check_at =
    (SELECT min(expires_at) FROM sessions WHERE key IN (users.active, users.pending));

CREATE INDEX users_expiry_check ON users (expiry_check_at) WHERE expiry_check_at IS NOT NULL;
DROP INDEX sessions_open;
