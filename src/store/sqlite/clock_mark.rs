//! The clock mark, which shows after a start that the clock was set back.

use rusqlite::{Connection, OptionalExtension};

use crate::{domain::Timestamp, store::ClockMark};

pub(super) fn load(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT mark FROM clock WHERE id = 1")?
        .query_row([], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

pub(super) fn save(connection: &Connection, mark: ClockMark) -> rusqlite::Result<()> {
    let (statement, mark) = match mark {
        ClockMark::At(mark) => (
            "INSERT INTO clock (id, mark) VALUES (1, ?) \
             ON CONFLICT (id) DO UPDATE SET mark = excluded.mark",
            mark,
        ),
        ClockMark::AtLeast(mark) => (
            "UPDATE clock SET mark = ?1 WHERE id = 1 AND mark < ?1",
            mark,
        ),
    };
    connection
        .prepare_cached(statement)?
        .execute([mark.as_millis()])
        .map(drop)
}
