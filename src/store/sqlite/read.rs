//! Queries for single users, sessions and alerts, and for pages of them.

use rusqlite::{Connection, OptionalExtension, params, types::ToSql};

use super::records::{self, AlertColumn, SessionColumn, UserColumn, UserRow};
use crate::{
    domain::{Alert, AlertId, Mobile, Session, SessionKey, TokenHash, UserId, UserState},
    store::Page,
};

pub(super) fn user(connection: &Connection, id: UserId) -> rusqlite::Result<Option<UserState>> {
    user_where(connection, "id", id.as_uuid().as_bytes())
}

pub(super) fn user_by_mobile(
    connection: &Connection,
    mobile: &Mobile,
) -> rusqlite::Result<Option<UserState>> {
    user_where(connection, "mobile", &mobile.as_str())
}

fn user_where(
    connection: &Connection,
    column: &str,
    value: &dyn ToSql,
) -> rusqlite::Result<Option<UserState>> {
    // The user and its sessions are read in one snapshot, so that they are of the same version.
    let snapshot = connection.unchecked_transaction()?;
    let row = snapshot
        .prepare_cached(&format!(
            "SELECT {} FROM users WHERE {column} = ?",
            UserColumn::LIST
        ))?
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
    let current = |key: Option<SessionKey>| {
        let Some(key) = key else { return Ok(None) };
        // A missing session is an error: if the user counted as logged out, a second session could
        // open.
        session_by_key(&snapshot, key)?
            .map(Some)
            .ok_or_else(|| records::damaged("a current session is missing"))
    };
    user.active = current(active)?;
    user.pending = current(pending)?;
    Ok(Some(user))
}

pub(super) fn session_by_key(
    connection: &Connection,
    key: SessionKey,
) -> rusqlite::Result<Option<Session>> {
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM sessions WHERE key = ?",
            SessionColumn::LIST
        ))?
        .query_row([key.as_uuid().as_bytes()], records::session)
        .optional()
}

pub(super) fn session_by_token(
    connection: &Connection,
    user: UserId,
    hash: &TokenHash,
) -> rusqlite::Result<Option<Session>> {
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM sessions WHERE user = ? AND token_hash = ?",
            SessionColumn::LIST
        ))?
        .query_row(
            params![user.as_uuid().as_bytes(), hash.as_bytes()],
            records::session,
        )
        .optional()
}

/// Reads one session more than the page holds, which shows whether more follow.
pub(super) fn sessions(
    connection: &Connection,
    user: UserId,
    page: Page,
) -> rusqlite::Result<Vec<Session>> {
    let (before, limit) = bounds(page);
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM sessions WHERE user = ? AND number < ? ORDER BY number DESC LIMIT ?",
            SessionColumn::LIST
        ))?
        .query_map(
            params![user.as_uuid().as_bytes(), before, limit],
            records::session,
        )?
        .collect()
}

pub(super) fn count_sessions(connection: &Connection, user: UserId) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM sessions WHERE user = ?")?
        .query_row([user.as_uuid().as_bytes()], |row| row.get(0))
}

/// Reads one alert more than the page holds, which shows whether more follow.
pub(super) fn alerts(
    connection: &Connection,
    user: UserId,
    page: Page,
) -> rusqlite::Result<Vec<Alert>> {
    let (before, limit) = bounds(page);
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM alerts WHERE user = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
            AlertColumn::LIST
        ))?
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
        .prepare_cached(&format!(
            "SELECT {} FROM alerts WHERE user = ? AND sequence > ? ORDER BY sequence LIMIT ?",
            AlertColumn::LIST
        ))?
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
        .prepare_cached(&format!(
            "SELECT {} FROM alerts WHERE user = ? AND sequence = ?",
            AlertColumn::LIST
        ))?
        .query_row(
            params![id.user.as_uuid().as_bytes(), sequence],
            records::alert,
        )
        .optional()
}

/// Returns the upper bound of a page's numbers, and a limit of one entry more than the page holds.
fn bounds(page: Page) -> (i64, i64) {
    let before = page
        .before
        .and_then(|before| i64::try_from(before).ok())
        .unwrap_or(i64::MAX);
    (before, sql_limit(page.limit.saturating_add(1)))
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
