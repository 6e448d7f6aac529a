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

pub(super) fn overdue(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<UserId>> {
    connection
        .prepare_cached(
            "SELECT user FROM sessions WHERE ended_at IS NULL AND expires_at <= ? \
             ORDER BY expires_at LIMIT ?",
        )?
        .query_map(params![now.as_millis(), sql_limit(limit)], |row| {
            user_id(row, "user")
        })?
        .collect()
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
