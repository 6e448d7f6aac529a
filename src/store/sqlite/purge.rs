//! Purging old alerts and ended sessions.
//!
//! A user has one purge check, not later than its first alert was raised and its first ended session
//! ended. A login adds later records and does not move the check, so it writes no index of old
//! records. A purge looks at the users whose check is old, deletes their old records, and moves the
//! check to the first record that is left.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::read::sql_limit;
use crate::{
    domain::{Timestamp, UserId},
    store::Purged,
};

/// Sessions end in the order of their numbers, except that a few stay open while later ones end: the
/// active one, and one that waits. The search for old sessions stops after it has met this many that
/// stay. There can be more than two if the clock was set back.
const MAX_KEPT_SESSIONS: usize = 8;

/// What a purge may still delete.
struct Budget {
    before: i64,
    sessions: usize,
    alerts: usize,
}

impl Budget {
    const fn is_used_up(&self) -> bool {
        self.sessions == 0 || self.alerts == 0
    }
}

/// Deletes at most `limit` sessions and as many alerts, those of the users with the oldest records
/// first. Returns what was deleted, and the users whose sessions were deleted.
pub(super) fn purge(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<(Purged, Vec<UserId>)> {
    let mut budget = Budget {
        before: before.as_millis(),
        sessions: limit,
        alerts: limit,
    };
    let mut users = Vec::new();
    while !budget.is_used_up() {
        let due = users_due(connection, budget.before, limit)?;
        if due.is_empty() {
            break;
        }
        for user in due {
            let sessions = budget.sessions;
            purge_user(connection, user, &mut budget)?;
            if budget.sessions < sessions {
                users.push(user);
            }
            if budget.is_used_up() {
                break;
            }
        }
    }
    let purged = Purged {
        sessions: (limit - budget.sessions) as u64,
        alerts: (limit - budget.alerts) as u64,
    };
    Ok((purged, users))
}

fn users_due(connection: &Connection, before: i64, limit: usize) -> rusqlite::Result<Vec<UserId>> {
    connection
        .prepare_cached(
            "SELECT id FROM users WHERE purge_check_at < ? ORDER BY purge_check_at, id LIMIT ?",
        )?
        .query_map(params![before, sql_limit(limit)], |row| {
            row.get(0).map(|bytes| UserId::new(Uuid::from_bytes(bytes)))
        })?
        .collect()
}

/// Deletes old records of a user, and moves the user's check.
fn purge_user(connection: &Connection, user: UserId, budget: &mut Budget) -> rusqlite::Result<()> {
    let first_alert = purge_alerts(connection, user, budget)?;
    let first_end = purge_sessions(connection, user, budget)?;
    let check_at = first_alert.into_iter().chain(first_end).min();
    connection
        .prepare_cached(
            "UPDATE records SET purge_check_at = ? WHERE user = ? AND part = 0 AND number = 0",
        )?
        .execute(params![check_at, user.as_uuid().as_bytes()])?;
    Ok(())
}

/// Deletes the old alerts at the start of the log. Returns the time of the first one that is left.
fn purge_alerts(
    connection: &Connection,
    user: UserId,
    budget: &mut Budget,
) -> rusqlite::Result<Option<i64>> {
    let user = user.as_uuid().as_bytes();
    let mut select = connection.prepare_cached(
        "SELECT sequence, created_at FROM alerts WHERE user = ? ORDER BY sequence",
    )?;
    let mut rows = select.query([user])?;
    let (mut last, mut first_left) = (None, None);
    while let Some(row) = rows.next()? {
        let created_at: i64 = row.get(1)?;
        if created_at >= budget.before || budget.alerts == 0 {
            first_left = Some(created_at);
            break;
        }
        budget.alerts -= 1;
        last = Some(row.get::<_, i64>(0)?);
    }
    drop(rows);
    if let Some(last) = last {
        connection
            .prepare_cached("DELETE FROM records WHERE user = ? AND part = 2 AND number <= ?")?
            .execute(params![user, last])?;
    }
    Ok(first_left)
}

/// Deletes sessions that have ended long ago. Returns when the first of those that are left ended.
fn purge_sessions(
    connection: &Connection,
    user: UserId,
    budget: &mut Budget,
) -> rusqlite::Result<Option<i64>> {
    let user = user.as_uuid().as_bytes();
    let mut select = connection
        .prepare_cached("SELECT number, ended_at FROM sessions WHERE user = ? ORDER BY number")?;
    let mut rows = select.query([user])?;
    let (mut old, mut kept, mut first_end) = (Vec::new(), 0, None);
    while kept < MAX_KEPT_SESSIONS
        && let Some(row) = rows.next()?
    {
        let ended_at: Option<i64> = row.get(1)?;
        let is_old = ended_at.is_some_and(|ended_at| ended_at < budget.before);
        if is_old && budget.sessions > 0 {
            budget.sessions -= 1;
            old.push(row.get::<_, i64>(0)?);
        } else {
            kept += 1;
            first_end = first_end.into_iter().chain(ended_at).min();
        }
    }
    drop(rows);
    let mut delete = connection
        .prepare_cached("DELETE FROM records WHERE user = ? AND part = 1 AND number = ?")?;
    for number in old {
        delete.execute(params![user, number])?;
    }
    Ok(first_end)
}
