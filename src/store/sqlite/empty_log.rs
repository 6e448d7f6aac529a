//! The files of the write-ahead log, which a connection that only reads creates, and cannot remove.

use std::path::Path;

use super::{lock::Lock, open::beside};

/// The files that SQLite keeps beside a database, and that belong to that database alone.
pub(super) const LOG_ENDINGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Runs `read`, which reads the database of a server or of nobody. If there was no log before, removes
/// the empty one that was left.
pub(super) fn leaving_no_log<T>(database: &Path, read: impl FnOnce() -> T) -> T {
    let had_log = LOG_ENDINGS
        .iter()
        .any(|ending| beside(database, ending).exists());
    let result = read();
    if !had_log {
        remove(database);
    }
    result
}

/// The lock excludes a server, to which the log would belong.
fn remove(database: &Path) {
    let log = beside(database, "-wal");
    let is_empty = || log.metadata().is_ok_and(|file| file.len() == 0);
    if !is_empty() {
        return;
    }
    let Ok(lock) = Lock::acquire(database) else {
        return;
    };
    if is_empty() {
        // A log that stays is harmless: the next start uses it.
        let _ = std::fs::remove_file(&log);
        let _ = std::fs::remove_file(beside(database, "-shm"));
    }
    lock.release_rejected();
}
