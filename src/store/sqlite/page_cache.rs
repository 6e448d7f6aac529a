//! The size of the page cache of the connection that writes.
//!
//! When a full page of a B-tree is divided, SQLite sorts the pages beside it by their numbers. For that,
//! it gives one of them the number of the lock page for a moment: the page that contains the byte at
//! 1 GiB, which is never used. The commit then removes all pages behind the end of the file from the
//! cache. In a file of less than 1 GiB, the lock page is behind the end, so SQLite searches its whole
//! cache. With 32 MiB, this took a quarter of the CPU time of logins that came one at a time
//! ([decision 63](../../../docs/decisions/0063-page-cache-of-the-writer.md)).

use rusqlite::Connection;

/// The position of the byte whose page is the lock page (`sqlite3PendingByte`).
const LOCK_BYTE: u64 = 1 << 30;

/// The size for a file that has no lock page, in KiB. It is SQLite's default.
const SMALL: i64 = 2 * 1024;

/// The size for a file that has a lock page, in KiB: enough for the inner pages of a file with several
/// million sessions.
const LARGE: i64 = 32 * 1024;

/// Sets the size that fits the present size of the file.
pub(super) fn fit(connection: &Connection) -> rusqlite::Result<()> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let length = number("page_count")? * number("page_size")?;
    connection.pragma_update(None, "cache_size", -size_for(length))
}

/// The size for a file of this length in bytes.
const fn size_for(length: u64) -> i64 {
    if length > LOCK_BYTE { LARGE } else { SMALL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_large_only_if_the_file_has_a_lock_page() {
        let page = 4096;
        assert_eq!(size_for(0), SMALL);
        assert_eq!(size_for(LOCK_BYTE - page), SMALL);
        assert_eq!(size_for(LOCK_BYTE), SMALL);
        assert_eq!(size_for(LOCK_BYTE + page), LARGE);
    }
}
