//! The migration that puts users, sessions and alerts into one table.

use rusqlite::{Connection, Transaction, params};
use rusqlite_migration::HookResult;

/// The number of users that are read at once.
const PAGE_SIZE: usize = 1000;

const COPY_USER: &str = "
    INSERT INTO records (user, part, number, created_at, mobile, username, password, version,
        commit_id, active, pending, last_alert, sessions_opened, recent_conflicts,
        alert_window_started_at, alert_window_count, folded_attempt, folded_user_agent,
        folded_address, folded_at, summary_due_at, login_history, freeze, expiry_check_at,
        folded_count, purge_check_at)
    SELECT id, 0, 0, created_at, mobile, username, password, version,
        commit_id, active, pending, last_alert, sessions_opened, recent_conflicts,
        alert_window_started_at, alert_window_count, folded_attempt, folded_user_agent,
        folded_address, folded_at, summary_due_at, login_history, freeze, expiry_check_at,
        folded_count, (SELECT min(at) FROM (
            SELECT ended_at AS at FROM sessions WHERE user = ?1
            UNION ALL SELECT created_at FROM alerts WHERE user = ?1))
    FROM users WHERE id = ?1";

const COPY_SESSIONS: &str = "
    INSERT INTO records (user, part, number, created_at, mobile, username, attempt, user_agent,
        address, token_hash, key, is_numbered, device_id, last_seen_at, idle_timeout,
        lifetime_ends_at, status, approve_by, matching, ended_at, end_reason, replaced_by,
        expires_at)
    SELECT user, 1, number, created_at, mobile, username, attempt, user_agent,
        address, token_hash, key, is_numbered, device_id, last_seen_at, idle_timeout,
        lifetime_ends_at, status, approve_by, matching, ended_at, end_reason, replaced_by,
        expires_at
    FROM sessions WHERE user = ?1 ORDER BY number";

const COPY_ALERTS: &str = "
    INSERT INTO records (user, part, number, created_at, folded_count, attempt, user_agent, address,
        kind, session, attempt_session, attempted_at, is_new_device, is_new_place)
    SELECT user, 2, sequence, created_at, folded_count, attempt, user_agent, address,
        kind, session, attempt_session, attempted_at, is_new_device, is_new_place
    FROM alerts WHERE user = ?1 ORDER BY sequence";

/// Copies the records in the order of the new table, so that its pages are written one after the
/// other, and then replaces the old tables by views.
pub(super) fn copy_all(transaction: &Transaction<'_>) -> HookResult {
    copy(transaction)?;
    transaction.execute_batch(include_str!("schema_11_views.sql"))?;
    Ok(())
}

fn copy(connection: &Connection) -> rusqlite::Result<()> {
    let mut page = connection.prepare("SELECT id FROM users WHERE id > ? ORDER BY id LIMIT ?")?;
    let mut copies = [COPY_USER, COPY_SESSIONS, COPY_ALERTS]
        .into_iter()
        .map(|copy| connection.prepare(copy))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    // Every id is above the empty blob.
    let mut last = Vec::new();
    loop {
        let users: Vec<Vec<u8>> = page
            .query_map(params![last, PAGE_SIZE], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let Some(end) = users.last() else {
            return Ok(());
        };
        last.clone_from(end);
        for user in &users {
            for copy in &mut copies {
                copy.execute([user])?;
            }
        }
    }
}
