-- The question to the first device. Earlier versions cannot read the new kinds of alerts, so they must
-- refuse the file.

-- What the rules remember of a user's logins, and its freeze: JSON, because each is always read and
-- written whole. NULL if there is nothing.
ALTER TABLE users ADD COLUMN login_history TEXT;
ALTER TABLE users ADD COLUMN freeze        TEXT;

-- Four bytes of a waiting session: the number that its device shows, and the three choices. NULL if
-- number matching was off.
ALTER TABLE sessions ADD COLUMN matching BLOB;

-- What was new about the login of an alert. NULL if it is not known.
--
-- `session` is an empty blob in an alert about the user only. The column stays NOT NULL: SQLite would
-- have to copy the whole log to change that.
ALTER TABLE alerts ADD COLUMN is_new_device INTEGER;
ALTER TABLE alerts ADD COLUMN is_new_place  INTEGER;
