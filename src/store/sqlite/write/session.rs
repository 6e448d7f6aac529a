//! The statements that write the row of a session.

use std::sync::LazyLock;

use rusqlite::{Connection, params};

use super::bytes;
use crate::{
    domain::{DeviceId, NumberMatch, Session, Status},
    store::{
        names::end_reason_name,
        sqlite::{
            prepared::Prepared,
            records::{ACTIVE_EXPIRES_AT, Part},
        },
    },
};

pub(super) fn insert(statements: &Prepared<'_>, session: &Session) -> rusqlite::Result<usize> {
    let status = StatusColumns::of(session);
    insert!(
        statements,
        records {
            user: session.owner.id.as_uuid().as_bytes(),
            part: Part::Session,
            number: session.number,
            token_hash: session.token_hash.as_bytes(),
            key: bytes(&session.key),
            is_numbered: session.key.number() == Some(session.number),
            mobile: session.owner.mobile.as_str(),
            username: session.owner.username.as_str(),
            device_id: session.device.id.as_ref().map(DeviceId::to_stored),
            user_agent: session.device.user_agent.as_str(),
            address: session.device.address.to_string(),
            created_at: session.created_at.as_millis(),
            last_seen_at: session.last_seen_at.as_millis(),
            idle_timeout: i64::try_from(session.idle_timeout.as_millis()).unwrap_or(i64::MAX),
            lifetime_ends_at: session.lifetime_ends_at.as_millis(),
            status: status.name,
            attempt: status.attempt,
            approve_by: status.approve_by,
            matching: status.matching,
            expires_at: session.expires_at().as_millis(),
        }
    )
}

/// Updates the status and the last-seen time of a session. Never moves the last-seen time back: a
/// touch may have recorded a later request than the one that the rules knew of.
///
/// `expires_at` gets the value for an active session. No commit changes a session that stays
/// pending, except [`renew`] and [`set_back`], and an ended session has no use for the value.
pub(super) fn update(statements: &Prepared<'_>, session: &Session) -> rusqlite::Result<usize> {
    // The order of the values is that in which their names first appear in the statement.
    static UPDATE: LazyLock<String> = LazyLock::new(|| {
        format!(
            "UPDATE records SET status = :status, attempt = :attempt, approve_by = :approve_by, \
             matching = :matching, ended_at = :ended_at, end_reason = :end_reason, replaced_by = :replaced_by, \
             last_seen_at = max(last_seen_at, :seen), expires_at = {ACTIVE_EXPIRES_AT} \
             WHERE user = :user AND part = 1 AND number = :number"
        )
    });
    let status = StatusColumns::of(session);
    statements.execute(
        UPDATE.as_str(),
        params![
            status.name,
            status.attempt,
            status.approve_by,
            status.matching,
            status.ended_at,
            status.end_reason,
            status.replaced_by,
            session.last_seen_at.as_millis(),
            session.owner.id.as_uuid().as_bytes(),
            session.number,
        ],
    )
}

/// Gives a pending session the token, user agent and address of a later login, and writes its
/// instants.
pub(super) fn renew(statements: &Prepared<'_>, session: &Session) -> rusqlite::Result<usize> {
    update!(statements, records {
        token_hash: session.token_hash.as_bytes(),
        user_agent: session.device.user_agent.as_str(),
        address: session.device.address.to_string(),
    } where {
        user: session.owner.id.as_uuid().as_bytes(),
        part: Part::Session,
        number: session.number,
    })?;
    set_back(statements, session)
}

/// Updates the status and all instants of a session, after the clock was set back.
pub(super) fn set_back(statements: &Prepared<'_>, session: &Session) -> rusqlite::Result<usize> {
    update(statements, session)?;
    update!(statements, records {
        created_at: session.created_at.as_millis(),
        last_seen_at: session.last_seen_at.as_millis(),
        lifetime_ends_at: session.lifetime_ends_at.as_millis(),
        expires_at: session.expires_at().as_millis(),
    } where {
        user: session.owner.id.as_uuid().as_bytes(),
        part: Part::Session,
        number: session.number,
    })
}

/// Whether a touch has recorded a later request of the session than its last-seen time.
pub(super) fn was_seen_later(connection: &Connection, session: &Session) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM sessions WHERE user = ? AND number = ? AND last_seen_at > ?",
        )?
        .exists(params![
            session.owner.id.as_uuid().as_bytes(),
            session.number,
            session.last_seen_at.as_millis(),
        ])
}

/// The values of the columns of `sessions` that depend on the status.
struct StatusColumns<'a> {
    name: &'static str,
    attempt: Option<&'a [u8; 16]>,
    approve_by: Option<i64>,
    matching: Option<[u8; NumberMatch::CHOICES + 1]>,
    ended_at: Option<i64>,
    end_reason: Option<&'static str>,
    replaced_by: Option<&'a [u8; 16]>,
}

impl<'a> StatusColumns<'a> {
    fn of(session: &'a Session) -> Self {
        let active = Self {
            name: "active",
            attempt: None,
            approve_by: None,
            matching: None,
            ended_at: None,
            end_reason: None,
            replaced_by: None,
        };
        match &session.status {
            Status::Active => active,
            Status::Pending {
                attempt,
                until,
                matching,
            } => Self {
                name: "pending",
                attempt: Some(attempt.id.as_bytes()),
                approve_by: Some(until.as_millis()),
                matching: matching.as_ref().map(NumberMatch::to_bytes),
                ..active
            },
            Status::Ended(ended) => Self {
                name: "ended",
                ended_at: Some(ended.at.as_millis()),
                end_reason: Some(end_reason_name(ended.reason)),
                replaced_by: ended.replaced_by.as_ref().map(bytes),
                ..active
            },
        }
    }
}
