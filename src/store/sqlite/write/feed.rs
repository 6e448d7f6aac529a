//! The statements that append to the feed.

use rusqlite::Connection;
use uuid::Uuid;

use super::bytes;
use crate::{
    domain::{Alert, Timestamp, UserId},
    store::{Commit, Committed, names::end_reason_name, sqlite::prepared::Prepared},
};

/// The values of `kind`.
pub(in crate::store::sqlite) const COMMITTED: &str = "committed";
pub(in crate::store::sqlite) const DELETED: &str = "deleted";

/// Appends a commit, unless the feed has nothing of it.
pub(super) fn append(statements: &Prepared<'_>, commit: &Commit) -> rusqlite::Result<()> {
    let Some(committed) = Committed::of(&commit.active_change, &commit.alerts) else {
        return Ok(());
    };
    let (ended, activated) = (
        committed.active_change.ended.as_ref(),
        committed.active_change.activated.as_ref(),
    );
    insert!(
        statements,
        feed {
            mark: mark_of(commit.id.as_uuid()),
            user: commit.user.owner.id.as_uuid().as_bytes(),
            kind: COMMITTED,
            at: latest(&committed, &commit.alerts).as_millis(),
            first_alert: committed.alerts.start,
            alerts: committed.alerts.end - committed.alerts.start,
            ended: ended.map(|ended| bytes(&ended.key)),
            ended_at: ended.map(|ended| ended.end.at.as_millis()),
            end_reason: ended.map(|ended| end_reason_name(ended.end.reason)),
            replaced_by: ended.and_then(|ended| ended.end.replaced_by.as_ref().map(bytes)),
            activated: activated.map(|session| bytes(&session.key)),
            expires_at: activated.map(|session| session.expires_at.as_millis()),
        }
    )
    .map(drop)
}

/// Appends a deletion. The caller of a deletion gives no time and no random id, so they come from
/// SQLite.
pub(in crate::store::sqlite) fn append_deletion(
    connection: &Connection,
    user: UserId,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO feed (mark, user, kind, at, first_alert, alerts) \
             VALUES (random(), ?, '{DELETED}', CAST(unixepoch('subsec') * 1000 AS INTEGER), 0, 0)"
        ))?
        .execute([user.as_uuid().as_bytes()])
        .map(drop)
}

/// 64 bits that depend on all of a random UUID.
fn mark_of(id: &Uuid) -> i64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low).cast_signed()
}

/// The time of the latest part of the commit. A session that expired while the server was down has
/// ended long before.
fn latest(committed: &Committed, alerts: &[Alert]) -> Timestamp {
    let change = &committed.active_change;
    let ended = change.ended.map(|ended| ended.end.at);
    let activated = change.activated.map(|session| session.at);
    let raised = alerts.iter().map(|alert| alert.created_at);
    let times = ended.into_iter().chain(activated).chain(raised);
    times.max().unwrap_or(Timestamp::from_millis(0))
}
