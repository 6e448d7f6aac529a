-- The senders of webhooks. `id` is 128 bits of the hash of the receiver's URL.
CREATE TABLE webhook_receivers (
    id       BLOB    NOT NULL PRIMARY KEY,
    -- Each sender takes the next number, and only the last one can write.
    epoch    INTEGER NOT NULL,
    -- The position in the feed. NULL until the first sender has written.
    position TEXT
) STRICT, WITHOUT ROWID;

-- The users whose alerts from `next_alert` to `last_alert` wait for a receiver. The sender bounds
-- their number.
CREATE TABLE webhook_parked (
    receiver      BLOB    NOT NULL,
    user          BLOB    NOT NULL,
    next_alert    INTEGER NOT NULL,
    last_alert    INTEGER NOT NULL,
    failures      INTEGER NOT NULL,
    retry_at      INTEGER NOT NULL,
    waiting_since INTEGER NOT NULL,
    PRIMARY KEY (receiver, user)
) STRICT, WITHOUT ROWID;
