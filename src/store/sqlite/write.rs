//! The statements of a commit.

/// Declares a statement that inserts one row, and executes it. The columns and their values are one
/// list. Values are bound by position: rusqlite's look-ups of the parameters of a take-over by their
/// names took 28,000 instructions.
macro_rules! insert {
    ($statements:expr, $table:ident {
        $first:ident: $first_value:expr $(, $column:ident: $value:expr)* $(,)?
    }) => {
        $statements.execute(
            concat!(
                "INSERT INTO ", stringify!($table),
                " (", stringify!($first) $(, ", ", stringify!($column))*,
                ") VALUES (:", stringify!($first) $(, ", :", stringify!($column))*, ")",
            ),
            rusqlite::params![$first_value $(, $value)*],
        )
    };
}

/// Declares a statement that updates the rows with these values of the columns after `where`, and
/// executes it. Returns the number of rows. Values are bound as those of `insert!` are.
macro_rules! update {
    ($statements:expr, $table:ident {
        $first:ident: $first_value:expr $(, $column:ident: $value:expr)* $(,)?
    } where {
        $first_key:ident: $first_key_value:expr $(, $key:ident: $key_value:expr)* $(,)?
    }) => {
        $statements.execute(
            concat!(
                "UPDATE ", stringify!($table),
                " SET ", stringify!($first), " = ?" $(, ", ", stringify!($column), " = ?")*,
                " WHERE ", stringify!($first_key), " = ?"
                $(, " AND ", stringify!($key), " = ?")*,
            ),
            rusqlite::params![
                $first_value $(, $value)*, $first_key_value $(, $key_value)*
            ],
        )
    };
}

mod alert;
pub(super) mod feed;
mod session;
mod user;

use super::{errors::classify, prepared::Prepared};
use crate::{
    domain::{SessionKey, rules::SessionWrite},
    store::{Commit, CommitError, StoreError},
};

/// Applies a commit if the user still has the expected version. Does nothing if this commit was
/// applied already. If the result is an error, the commit has written nothing.
///
/// # Errors
/// The transaction must be rolled back: a part of the commit may have been written, or SQLite has
/// rolled the transaction back itself.
pub(super) fn commit(
    statements: &Prepared<'_>,
    commit: &Commit,
) -> Result<Result<(), CommitError>, StoreError> {
    match write_user(statements, commit) {
        Ok(Written::Now) => {}
        Ok(Written::Before) => return Ok(Ok(())),
        Err(CommitError::Store(error @ StoreError::Unavailable(_))) => return Err(error),
        Err(error) => return Ok(Err(error)),
    }
    for write in &commit.sessions {
        match write {
            SessionWrite::Open(opened) => session::insert(statements, opened),
            SessionWrite::Change(changed) | SessionWrite::ExpireIdle(changed) => {
                session::update(statements, changed)
            }
            SessionWrite::Renew(renewed) => session::renew(statements, renewed),
            SessionWrite::SetBack(session) => session::set_back(statements, session),
        }
        .map_err(classify("session"))?;
    }
    for alert in &commit.alerts {
        alert::insert(statements, alert).map_err(classify("alert"))?;
    }
    feed::append(statements, commit).map_err(classify("change"))?;
    Ok(Ok(()))
}

/// When the user of a commit was written.
enum Written {
    /// By this call.
    Now,
    /// The commit was applied before.
    Before,
}

/// Writes the user if the commit may be applied. Every reason to refuse a commit is found here,
/// before anything is written.
fn write_user(statements: &Prepared<'_>, commit: &Commit) -> Result<Written, CommitError> {
    let connection = statements.connection;
    for write in &commit.sessions {
        if let SessionWrite::ExpireIdle(session) = write
            && session::was_seen_later(connection, session).map_err(classify("session"))?
        {
            return Err(CommitError::Stale);
        }
    }
    if commit.expected_version > 0 && user::update(statements, commit).map_err(classify("user"))? {
        return Ok(Written::Now);
    }
    // The user is new, or has another version than the commit expects.
    let last = user::last_commit(connection, commit.user.owner.id).map_err(classify("user"))?;
    match last {
        Some(last) if last == *commit.id.as_uuid().as_bytes() => Ok(Written::Before),
        None if commit.expected_version == 0 => {
            if user::is_taken(connection, &commit.user.owner.mobile).map_err(classify("user"))? {
                return Err(CommitError::MobileTaken);
            }
            user::insert(statements, commit).map_err(classify("user"))?;
            Ok(Written::Now)
        }
        _ => Err(CommitError::Stale),
    }
}

const fn bytes(key: &SessionKey) -> &[u8; 16] {
    key.as_uuid().as_bytes()
}
