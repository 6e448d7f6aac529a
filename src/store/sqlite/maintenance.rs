//! Last-seen times, overdue sessions, due summaries, and purging.

use std::ops::RangeInclusive;

use rusqlite::{Connection, Row, named_params, params};
use uuid::Uuid;

use super::{read::sql_limit, records::ACTIVE_EXPIRES_AT};
use crate::{
    domain::{Timestamp, UserId},
    store::{Purged, SeenAfter, Touch},
};

pub(super) fn touch(connection: &Connection, touches: &[Touch]) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(&format!(
        "UPDATE sessions SET last_seen_at = max(last_seen_at, :seen), \
         expires_at = CASE status WHEN 'active' THEN {ACTIVE_EXPIRES_AT} ELSE expires_at END \
         WHERE key = :key AND ended_at IS NULL"
    ))?;
    for touch in touches {
        update.execute(named_params! {
            ":key": touch.session.as_uuid().as_bytes(),
            ":seen": touch.at.as_millis(),
        })?;
    }
    Ok(())
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
    connection
        .prepare_cached(
            "SELECT id, expiry_check_at, \
             (SELECT min(expires_at) FROM sessions WHERE key IN (active, pending)) AS expires_at \
             FROM users \
             WHERE expiry_check_at <= ?1 AND (expiry_check_at, id) > (?2, ?3) \
             ORDER BY expiry_check_at, id LIMIT ?4",
        )?
        .query_map(
            params![now.as_millis(), after_due_at, after_user, sql_limit(limit)],
            |row| {
                Ok(ExpiryCheck {
                    user: user_id(row, "id")?,
                    due_at: row.get("expiry_check_at")?,
                    expires_at: row
                        .get::<_, Option<i64>>("expires_at")?
                        .map(Timestamp::from_millis),
                })
            },
        )?
        .collect()
}

/// Moves the expiry checks of these users to the time when the first of their open sessions expires.
pub(super) fn move_expiry_checks(
    connection: &Connection,
    users: &[UserId],
) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE users SET expiry_check_at = \
         (SELECT min(expires_at) FROM sessions WHERE key IN (users.active, users.pending)) \
         WHERE id = ?",
    )?;
    for user in users {
        update.execute([user.as_uuid().as_bytes()])?;
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
    let page: Vec<(UserId, Option<i64>)> = connection
        .prepare_cached(
            "SELECT id, (SELECT max(last_seen_at) FROM sessions WHERE key IN (active, pending)) \
             AS seen FROM users WHERE id > ? ORDER BY id LIMIT ?",
        )?
        .query_map(params![after, sql_limit(limit)], |row| {
            Ok((user_id(row, "id")?, row.get("seen")?))
        })?
        .collect::<Result<_, _>>()?;
    Ok(SeenAfter {
        next: (page.len() == limit)
            .then(|| page.last().map(|(user, _)| *user))
            .flatten(),
        users: page
            .into_iter()
            .filter(|(_, seen)| seen.is_some_and(|seen| seen > latest.as_millis()))
            .map(|(user, _)| user)
            .collect(),
    })
}

fn user_id(row: &Row<'_>, column: &str) -> rusqlite::Result<UserId> {
    row.get(column)
        .map(|bytes| UserId::new(Uuid::from_bytes(bytes)))
}

/// Returns what was deleted, and the users whose sessions were deleted.
pub(super) fn purge(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<(Purged, Vec<UserId>)> {
    let bounds = params![before.as_millis(), sql_limit(limit)];
    let alerts = connection
        .prepare_cached(
            "DELETE FROM alerts WHERE (user, sequence) IN \
             (SELECT user, sequence FROM alerts WHERE created_at < ? ORDER BY created_at LIMIT ?)",
        )?
        .execute(bounds)?;
    let users: Vec<_> = connection
        .prepare_cached(
            "DELETE FROM sessions WHERE (user, token_hash) IN \
             (SELECT user, token_hash FROM sessions WHERE ended_at < ? ORDER BY ended_at LIMIT ?) \
             RETURNING user",
        )?
        .query_map(bounds, |row| user_id(row, "user"))?
        .collect::<Result<_, _>>()?;
    let purged = Purged {
        sessions: users.len() as u64,
        alerts: alerts as u64,
    };
    Ok((purged, users))
}
