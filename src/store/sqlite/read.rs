//! Queries for single users and alerts, for pages of them, and for what must be read in one snapshot.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, params, types::ToSql};
use uuid::Uuid;

use super::{
    records::{self, AlertColumn, UserColumn, UserRow},
    sessions::{self, session_of},
};
use crate::{
    domain::{Alert, AlertId, Mobile, Session, SessionKey, Status, TokenHash, UserId, UserState},
    store::Page,
};

/// A statement of which a part is only known at run time. It is put together once, because a text
/// is also the key of its prepared statement, and is needed for each query.
pub(super) type Sql = LazyLock<String>;

static USER_BY_ID: Sql = Sql::new(|| select_user("id"));
static USER_BY_MOBILE: Sql = Sql::new(|| select_user("mobile"));
static ALERTS: Sql =
    Sql::new(|| select_alert("user = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"));
static ALERTS_AFTER: Sql =
    Sql::new(|| select_alert("user = ? AND sequence > ? ORDER BY sequence LIMIT ?"));
static ALERT: Sql = Sql::new(|| select_alert("user = ? AND sequence = ?"));

fn select_user(column: &str) -> String {
    format!("SELECT {} FROM users WHERE {column} = ?", UserColumn::LIST)
}

fn select_alert(condition: &str) -> String {
    format!("SELECT {} FROM alerts WHERE {condition}", AlertColumn::LIST)
}

/// Runs several queries in one snapshot. The two statements are prepared once, unlike those of
/// rusqlite's `Transaction`.
pub(super) fn in_snapshot<T>(
    connection: &Connection,
    queries: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = queries();
    connection.prepare_cached("COMMIT")?.execute([])?;
    result
}

pub(super) fn user(connection: &Connection, id: UserId) -> rusqlite::Result<Option<UserState>> {
    in_snapshot(connection, || user_by_id(connection, id, None))
}

pub(super) fn user_by_mobile(
    connection: &Connection,
    mobile: &Mobile,
) -> rusqlite::Result<Option<UserState>> {
    in_snapshot(connection, || {
        user_where(connection, &USER_BY_MOBILE, &mobile.as_str(), None)
    })
}

pub(super) fn user_id_by_mobile(
    connection: &Connection,
    mobile: &Mobile,
) -> rusqlite::Result<Option<UserId>> {
    connection
        .prepare_cached("SELECT id FROM users WHERE mobile = ?")?
        .query_row([mobile.as_str()], |row| row.get(0))
        .optional()
        .map(|id| id.map(|bytes| UserId::new(Uuid::from_bytes(bytes))))
}

/// Returns the session that the token opens, and its user if the session has not ended. The session
/// is found even if the record of its user is damaged.
pub(super) fn session_and_user(
    connection: &Connection,
    id: UserId,
    hash: &TokenHash,
) -> rusqlite::Result<Option<(Session, Option<UserState>)>> {
    in_snapshot(connection, || {
        let Some(session) = sessions::session_by_token(connection, id, hash)? else {
            return Ok(None);
        };
        let user = match session.status {
            Status::Ended(_) => None,
            Status::Active | Status::Pending { .. } => {
                user_by_id(connection, id, Some(&session)).ok().flatten()
            }
        };
        Ok(Some((session, user)))
    })
}

/// Reads users in the descending order of their ids.
pub(super) fn users(
    connection: &Connection,
    before: Option<UserId>,
    limit: usize,
) -> rusqlite::Result<Vec<UserState>> {
    // No id is above 16 bytes of 255 and one more.
    let before = before.map_or_else(|| vec![u8::MAX; 17], |id| id.as_uuid().as_bytes().to_vec());
    in_snapshot(connection, || {
        let ids: Vec<UserId> = connection
            .prepare_cached(
                "SELECT user FROM records INDEXED BY users_by_id \
                 WHERE part = 0 AND user < ? ORDER BY user DESC LIMIT ?",
            )?
            .query_map(params![before, sql_limit(limit)], |row| {
                Ok(UserId::new(row.get(0).map(Uuid::from_bytes)?))
            })?
            .collect::<Result<_, _>>()?;
        let users = ids.into_iter().map(|id| user_by_id(connection, id, None));
        users.filter_map(Result::transpose).collect()
    })
}

fn user_by_id(
    connection: &Connection,
    id: UserId,
    known: Option<&Session>,
) -> rusqlite::Result<Option<UserState>> {
    user_where(connection, &USER_BY_ID, id.as_uuid().as_bytes(), known)
}

/// Reads a user and its sessions. They must be read in one snapshot, so that they are of the same
/// version. `known` is one of the sessions, if the same snapshot has read it already.
fn user_where(
    connection: &Connection,
    sql: &Sql,
    value: &dyn ToSql,
    known: Option<&Session>,
) -> rusqlite::Result<Option<UserState>> {
    let row = connection
        .prepare_cached(sql)?
        .query_row([value], records::user)
        .optional()?;
    let Some(UserRow {
        mut user,
        active,
        pending,
    }) = row
    else {
        return Ok(None);
    };
    let id = user.owner.id;
    let current = |key: Option<SessionKey>| {
        let Some(key) = key else { return Ok(None) };
        if let Some(session) = known.filter(|session| session.key == key) {
            return Ok(Some(session.clone()));
        }
        // A missing session is an error: if the user counted as logged out, a second session could
        // open.
        session_of(connection, id, key)?
            .map(Some)
            .ok_or_else(|| records::damaged("a current session is missing"))
    };
    user.active = current(active)?;
    user.pending = current(pending)?;
    Ok(Some(user))
}

pub(super) fn sessions_by_key(
    connection: &Connection,
    keys: &[SessionKey],
) -> rusqlite::Result<Vec<Option<Session>>> {
    let sessions = || {
        let keys = keys.iter();
        keys.map(|key| sessions::session_by_key(connection, *key))
    };
    in_snapshot(connection, || sessions().collect())
}

/// Reads one alert more than the page holds, which shows whether more follow.
pub(super) fn alerts(
    connection: &Connection,
    user: UserId,
    page: Page,
) -> rusqlite::Result<Vec<Alert>> {
    let (before, limit) = bounds(page);
    connection
        .prepare_cached(&ALERTS)?
        .query_map(
            params![user.as_uuid().as_bytes(), before, limit],
            records::alert,
        )?
        .collect()
}

pub(super) fn alerts_after(
    connection: &Connection,
    user: UserId,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Alert>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    connection
        .prepare_cached(&ALERTS_AFTER)?
        .query_map(
            params![user.as_uuid().as_bytes(), after, sql_limit(limit)],
            records::alert,
        )?
        .collect()
}

pub(super) fn alert(connection: &Connection, id: AlertId) -> rusqlite::Result<Option<Alert>> {
    let Ok(sequence) = i64::try_from(id.sequence) else {
        return Ok(None);
    };
    connection
        .prepare_cached(&ALERT)?
        .query_row(
            params![id.user.as_uuid().as_bytes(), sequence],
            records::alert,
        )
        .optional()
}

/// Returns the upper bound of a page's numbers, and a limit of one entry more than the page holds.
pub(super) fn bounds(page: Page) -> (i64, i64) {
    let before = page
        .before
        .and_then(|before| i64::try_from(before).ok())
        .unwrap_or(i64::MAX);
    (before, sql_limit(page.limit.saturating_add(1)))
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
