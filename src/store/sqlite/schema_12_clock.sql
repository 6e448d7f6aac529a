-- The clock mark: a time that the clock has shown, about a minute before the last change at most. It is in
-- one row, whose id is 1. Without it, a start reads all users.
CREATE TABLE clock (
    id   INTEGER NOT NULL PRIMARY KEY,
    mark INTEGER NOT NULL
) STRICT;
