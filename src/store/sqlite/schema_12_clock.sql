-- The clock mark: a time that the clock has shown, at most a minute before the last change. It has one
-- row, whose id is 1, or none, if the clock may have been set back since the file was written.
CREATE TABLE clock (
    id   INTEGER NOT NULL PRIMARY KEY,
    mark INTEGER NOT NULL
) STRICT;
