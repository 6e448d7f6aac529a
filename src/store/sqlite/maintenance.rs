//! Last-seen times, overdue sessions, and due summaries.

use std::{ops::RangeInclusive, sync::LazyLock};

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    read::{in_snapshot, sql_limit},
    records::ACTIVE_EXPIRES_AT,
    sessions::{self, WITH_LISTED_KEY, WITH_NUMBER},
};
use crate::{
    domain::{SessionKey, Timestamp, UserId},
    store::{SeenAfter, Touch},
};

pub(super) fn touch(connection: &Connection, touches: &[Touch]) -> rusqlite::Result<()> {
    static STATEMENTS: LazyLock<[String; 2]> = LazyLock::new(|| {
        [WITH_NUMBER, WITH_LISTED_KEY].map(|condition| {
            format!(
                "UPDATE records SET last_seen_at = max(last_seen_at, :seen), \
                 expires_at = CASE status WHEN 'active' THEN {ACTIVE_EXPIRES_AT} ELSE expires_at END \
                 WHERE part = 1 AND {condition} AND ended_at IS NULL"
            )
        })
    });
    let [with_number, with_listed_key] = &*STATEMENTS;
    let mut with_number = connection.prepare_cached(with_number)?;
    let mut with_listed_key = connection.prepare_cached(with_listed_key)?;
    for touch in touches {
        let (user, key) = (touch.user.as_uuid().as_bytes(), touch.session.as_uuid());
        let (key, seen) = (key.as_bytes(), touch.at.as_millis());
        let number = touch.session.number();
        if number.is_none() || with_number.execute(params![seen, user, number, key])? == 0 {
            with_listed_key.execute(params![seen, key])?;
        }
    }
    Ok(())
}

/// The columns of a user's row that name its current sessions.
const CURRENT: [&str; 2] = ["active", "pending"];

/// Selects a column of a session in each of the two ways to find it.
fn select(column: &str) -> [String; 2] {
    [WITH_NUMBER, WITH_LISTED_KEY]
        .map(|condition| format!("SELECT {column} FROM sessions WHERE {condition}"))
}

/// Reads an instant of each current session of a user, in whose row [`CURRENT`] is selected.
fn of_current(
    connection: &Connection,
    user: UserId,
    row: &Row<'_>,
    [with_number, with_listed_key]: &[String; 2],
) -> rusqlite::Result<Vec<Timestamp>> {
    let mut instants = Vec::new();
    for column in CURRENT {
        let Some(key) = row.get::<_, Option<[u8; 16]>>(column)? else {
            continue;
        };
        let key = SessionKey::new(Uuid::from_bytes(key));
        let statements = [with_number.as_str(), with_listed_key.as_str()];
        let instant = sessions::find(connection, user, key, statements, |row| row.get(0))?;
        instants.extend(instant.map(Timestamp::from_millis));
    }
    Ok(instants)
}

/// Returns when the first of the user's open sessions expires. `None` if no session is open.
fn first_expiry(
    connection: &Connection,
    user: UserId,
    row: &Row<'_>,
) -> rusqlite::Result<Option<Timestamp>> {
    static STATEMENTS: LazyLock<[String; 2]> = LazyLock::new(|| select("expires_at"));
    Ok(of_current(connection, user, row, &STATEMENTS)?
        .into_iter()
        .min())
}

/// Returns the latest recorded request of the user's open sessions.
fn last_seen(
    connection: &Connection,
    user: UserId,
    row: &Row<'_>,
) -> rusqlite::Result<Option<Timestamp>> {
    static STATEMENTS: LazyLock<[String; 2]> = LazyLock::new(|| select("last_seen_at"));
    Ok(of_current(connection, user, row, &STATEMENTS)?
        .into_iter()
        .max())
}

/// A user whose expiry check is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExpiryCheck {
    pub user: UserId,
    /// The time of the check.
    due_at: i64,
    /// When the first of the user's open sessions expires. `None` if no session is open.
    pub expires_at: Option<Timestamp>,
}

/// Returns the users whose expiry checks are due, in the order of the checks, after that of `after`.
pub(super) fn expiry_checks(
    connection: &Connection,
    now: Timestamp,
    after: Option<ExpiryCheck>,
    limit: usize,
) -> rusqlite::Result<Vec<ExpiryCheck>> {
    let after_due_at = after.map_or(i64::MIN, |check| check.due_at);
    let after_user = after.map(|check| check.user.as_uuid().into_bytes());
    // Every id is above the empty blob.
    let after_user: &[u8] = after_user.as_ref().map_or(&[], |bytes| bytes);
    in_snapshot(connection, || {
        connection
            .prepare_cached(
                "SELECT id, expiry_check_at, active, pending FROM users \
                 WHERE expiry_check_at <= ?1 AND (expiry_check_at, id) > (?2, ?3) \
                 ORDER BY expiry_check_at, id LIMIT ?4",
            )?
            .query_map(
                params![now.as_millis(), after_due_at, after_user, sql_limit(limit)],
                |row| {
                    let user = user_id(row, "id")?;
                    Ok(ExpiryCheck {
                        user,
                        due_at: row.get("expiry_check_at")?,
                        expires_at: first_expiry(connection, user, row)?,
                    })
                },
            )?
            .collect()
    })
}

/// Moves the expiry checks of these users to the time when the first of their open sessions expires.
pub(super) fn move_expiry_checks(
    connection: &Connection,
    users: &[UserId],
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached("SELECT active, pending FROM users WHERE id = ?")?;
    let mut update = connection.prepare_cached(
        "UPDATE records SET expiry_check_at = ? WHERE user = ? AND part = 0 AND number = 0",
    )?;
    for user in users {
        let id = user.as_uuid().as_bytes();
        let expires_at = select
            .query_row([id], |row| first_expiry(connection, *user, row))
            .optional()?;
        if let Some(expires_at) = expires_at {
            update.execute(params![expires_at.map(Timestamp::as_millis), id])?;
        }
    }
    Ok(())
}

pub(super) fn summaries_due(
    connection: &Connection,
    due: &RangeInclusive<Timestamp>,
    limit: usize,
) -> rusqlite::Result<Vec<UserId>> {
    let (first, last) = (due.start().as_millis(), due.end().as_millis());
    connection
        .prepare_cached(
            "SELECT id FROM users WHERE summary_due_at BETWEEN ? AND ? \
             ORDER BY summary_due_at LIMIT ?",
        )?
        .query_map(params![first, last, sql_limit(limit)], |row| {
            user_id(row, "id")
        })?
        .collect()
}

pub(super) fn seen_after(
    connection: &Connection,
    latest: Timestamp,
    after: Option<UserId>,
    limit: usize,
) -> rusqlite::Result<SeenAfter> {
    let after = after.map(|user| user.as_uuid().into_bytes());
    // Every id is above the empty blob.
    let after: &[u8] = after.as_ref().map_or(&[], |bytes| bytes);
    let page: Vec<(UserId, Option<Timestamp>)> = in_snapshot(connection, || {
        connection
            .prepare_cached(
                "SELECT user AS id, active, pending FROM records INDEXED BY users_by_id \
                 WHERE part = 0 AND user > ? ORDER BY user LIMIT ?",
            )?
            .query_map(params![after, sql_limit(limit)], |row| {
                let user = user_id(row, "id")?;
                Ok((user, last_seen(connection, user, row)?))
            })?
            .collect()
    })?;
    Ok(SeenAfter {
        next: (page.len() == limit)
            .then(|| page.last().map(|(user, _)| *user))
            .flatten(),
        users: page
            .into_iter()
            .filter(|(_, seen)| seen.is_some_and(|seen| seen > latest))
            .map(|(user, _)| user)
            .collect(),
    })
}

fn user_id(row: &Row<'_>, column: &str) -> rusqlite::Result<UserId> {
    row.get(column)
        .map(|bytes| UserId::new(Uuid::from_bytes(bytes)))
}
