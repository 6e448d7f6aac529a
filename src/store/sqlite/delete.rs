//! Erases a user, and overwrites what deleted records leave in the file.

use rusqlite::Connection;

use super::write::feed::append_deletion;
use crate::domain::UserId;

/// Runs deletions that overwrite every page that becomes free. Other writes overwrite only the parts
/// of pages that stay in use (`secure_delete=FAST`), which costs no additional page.
pub(super) fn erase<T>(
    connection: &Connection,
    deletions: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.pragma_update(None, "secure_delete", "ON")?;
    let result = deletions(connection);
    connection.pragma_update(None, "secure_delete", "FAST")?;
    result
}

/// Deletes a user with all sessions and alerts. Returns false if the user does not exist.
pub(super) fn delete_user(connection: &Connection, user: UserId) -> rusqlite::Result<bool> {
    let id = [user.as_uuid().as_bytes()];
    connection
        .prepare_cached(
            "DELETE FROM failed_logins WHERE mobile = (SELECT mobile FROM users WHERE id = ?)",
        )?
        .execute(id)?;
    let is_deleted = connection
        .prepare_cached("DELETE FROM records WHERE user = ?")?
        .execute(id)?
        > 0;
    if is_deleted {
        append_deletion(connection, user)?;
    }
    Ok(is_deleted)
}
