//! Queries for sessions.
//!
//! The table has the records of each user beside each other, and the sessions in the order of their
//! numbers. It is searched by number:
//!
//! - A key contains the number of its session. The keys of earlier versions do not, and have an
//!   index of their own (`sessions_by_key`).
//! - A token names its user only. The first 64 sessions of the user are compared with
//!   its hash, and those after them have an index (`sessions_by_token`). A look-up is therefore
//!   bounded, however many sessions a user has, and most users need no entry.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    read::{Sql, bounds},
    records::{self, SessionColumn},
};
use crate::{
    domain::{Session, SessionKey, TokenHash, UserId},
    store::Page,
};

/// The sessions of a user that no index of tokens has: those with a number up to this one. It is also
/// in the condition of `sessions_by_token`.
#[cfg(test)]
const SEARCHED_SESSIONS: u64 = 64;

static BY_NUMBER: Sql = Sql::new(|| select(WITH_NUMBER));
static BY_LISTED_KEY: Sql = Sql::new(|| select(WITH_LISTED_KEY));
static OF_POSSIBLE_USERS: Sql = Sql::new(|| {
    select(
        "user IN (SELECT user FROM records INDEXED BY users_by_id \
                  WHERE part = 0 AND user BETWEEN ? AND ?) \
         AND number = ? AND key = ?",
    )
});
// Without the name of the index, SQLite would search all later sessions of the user.
static BY_TOKEN: Sql = Sql::new(|| {
    select_from(
        "records INDEXED BY sessions_by_token",
        "part = 1 AND user = ? AND token_hash = ? AND number > 64",
    )
});
static BY_SEARCHED_TOKEN: Sql = Sql::new(|| select("user = ? AND token_hash = ? AND number <= 64"));
static PAGE: Sql = Sql::new(|| select("user = ? AND number < ? ORDER BY number DESC LIMIT ?"));

/// The condition for a session whose key contains its number.
pub(super) const WITH_NUMBER: &str = "user = ? AND number = ? AND key = ?";

/// The condition for any other session.
pub(super) const WITH_LISTED_KEY: &str = "key = ? AND is_numbered = 0";

fn select(condition: &str) -> String {
    select_from("sessions", condition)
}

fn select_from(table: &str, condition: &str) -> String {
    let columns = SessionColumn::LIST;
    format!("SELECT {columns} FROM {table} WHERE {condition}")
}

/// Finds the session of `user` with this key. The statements have the two conditions
/// [`WITH_NUMBER`] and [`WITH_LISTED_KEY`].
pub(super) fn find<T>(
    connection: &Connection,
    user: UserId,
    key: SessionKey,
    [with_number, with_listed_key]: [&str; 2],
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    if let Some(number) = key.number() {
        let found = connection
            .prepare_cached(with_number)?
            .query_row(
                params![user.as_uuid().as_bytes(), number, key.as_uuid().as_bytes()],
                &read,
            )
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    connection
        .prepare_cached(with_listed_key)?
        .query_row([key.as_uuid().as_bytes()], read)
        .optional()
}

/// Reads the session of `user` with this key. A session of another user may be returned.
pub(super) fn session_of(
    connection: &Connection,
    user: UserId,
    key: SessionKey,
) -> rusqlite::Result<Option<Session>> {
    let statements = [BY_NUMBER.as_str(), BY_LISTED_KEY.as_str()];
    find(connection, user, key, statements, records::session)
}

/// Reads the session with this key, of any user. Several users may have ids that begin as the key
/// does, but few: those who registered in the same millisecond.
pub(super) fn session_by_key(
    connection: &Connection,
    key: SessionKey,
) -> rusqlite::Result<Option<Session>> {
    if let (Some(number), Some(users)) = (key.number(), key.possible_users()) {
        let found = connection
            .prepare_cached(&OF_POSSIBLE_USERS)?
            .query_row(
                params![
                    users.start().as_uuid().as_bytes(),
                    users.end().as_uuid().as_bytes(),
                    number,
                    key.as_uuid().as_bytes()
                ],
                records::session,
            )
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    connection
        .prepare_cached(&BY_LISTED_KEY)?
        .query_row([key.as_uuid().as_bytes()], records::session)
        .optional()
}

/// Reads the session that the token opens.
pub(super) fn session_by_token(
    connection: &Connection,
    user: UserId,
    hash: &TokenHash,
) -> rusqlite::Result<Option<Session>> {
    for statement in [&BY_TOKEN, &BY_SEARCHED_TOKEN] {
        let found = connection
            .prepare_cached(statement)?
            .query_row(
                params![user.as_uuid().as_bytes(), hash.as_bytes()],
                records::session,
            )
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Reads one session more than the page holds, which shows whether more follow.
pub(super) fn page(
    connection: &Connection,
    user: UserId,
    page: Page,
) -> rusqlite::Result<Vec<Session>> {
    let (before, limit) = bounds(page);
    connection
        .prepare_cached(&PAGE)?
        .query_map(
            params![user.as_uuid().as_bytes(), before, limit],
            records::session,
        )?
        .collect()
}

pub(super) fn count(connection: &Connection, user: UserId) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM sessions WHERE user = ?")?
        .query_row([user.as_uuid().as_bytes()], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open;

    #[test]
    fn each_look_up_searches_a_tree_and_scans_none() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open::open_writer(&folder.path().join("sessiond.db")).unwrap();
        let plan = |statement: &str| -> Vec<String> {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap();
            let parameters = plan.parameter_count();
            let rows = plan.query_map(rusqlite::params_from_iter(vec![1; parameters]), |row| {
                row.get("detail")
            });
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        };
        for (statement, search) in [
            (
                &BY_NUMBER,
                "USING PRIMARY KEY (user=? AND part=? AND number=?)",
            ),
            (&BY_LISTED_KEY, "USING INDEX sessions_by_key (key=?)"),
            (
                &OF_POSSIBLE_USERS,
                "USING PRIMARY KEY (user=? AND part=? AND number=?)",
            ),
            (
                &BY_TOKEN,
                "USING INDEX sessions_by_token (user=? AND token_hash=?",
            ),
            (
                &BY_SEARCHED_TOKEN,
                "USING PRIMARY KEY (user=? AND part=? AND number<?)",
            ),
            (&PAGE, "USING PRIMARY KEY (user=? AND part=? AND number<?)"),
        ] {
            let plan = plan(statement);
            let first = &plan[0];
            assert!(first.contains(search), "{plan:?}");
            assert!(
                plan.iter().all(|step| !step.starts_with("SCAN")),
                "{plan:?}"
            );
        }
        for statement in [&BY_TOKEN, &BY_SEARCHED_TOKEN] {
            assert!(statement.contains(&SEARCHED_SESSIONS.to_string()));
        }
    }
}
