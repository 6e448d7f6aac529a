-- The failed logins of mobile numbers that still count. A number may belong to no user.
CREATE TABLE failed_logins (
    mobile      TEXT    NOT NULL PRIMARY KEY,
    count_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX failed_logins_by_time ON failed_logins (count_until);
