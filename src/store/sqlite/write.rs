//! The statements of a commit. The writer runs them inside a savepoint.

mod user;

use rusqlite::{Connection, OptionalExtension, named_params, params};

use self::user::{insert_user, update_user};
use super::{errors::classify, records::ACTIVE_EXPIRES_AT};
use crate::{
    domain::{Alert, DeviceId, Session, SessionKey, Status, rules::SessionWrite},
    store::{
        Commit, CommitError,
        names::{alert_kind_name, end_reason_name},
    },
};

/// Applies a commit if the user still has the expected version. Does nothing if this commit was
/// applied already.
pub(super) fn commit(connection: &Connection, commit: &Commit) -> Result<(), CommitError> {
    let user = commit.user.owner.id;
    let recorded = connection
        .prepare_cached("SELECT version, commit_id FROM users WHERE id = ?")
        .and_then(|mut statement| {
            statement
                .query_row([user.as_uuid().as_bytes()], |row| {
                    Ok((
                        row.get::<_, u64>("version")?,
                        row.get::<_, [u8; 16]>("commit_id")?,
                    ))
                })
                .optional()
        })
        .map_err(classify("user"))?;
    match recorded {
        Some((_, id)) if id == *commit.id.as_uuid().as_bytes() => return Ok(()),
        Some((version, _)) if version == commit.expected_version => {
            update_user(connection, commit).map_err(classify("user"))?;
        }
        None if commit.expected_version == 0 => insert_user(connection, commit)?,
        _ => return Err(CommitError::Stale),
    }
    for write in &commit.sessions {
        match write {
            SessionWrite::Open(session) => {
                insert_session(connection, session).map_err(classify("session"))?;
            }
            SessionWrite::Change(session) => {
                update_session(connection, session).map_err(classify("session"))?;
            }
            SessionWrite::Renew(session) => {
                renew_session(connection, session).map_err(classify("session"))?;
            }
            SessionWrite::ExpireIdle(session) => expire_idle(connection, session)?,
            SessionWrite::SetBack(session) => {
                set_back_session(connection, session).map_err(classify("session"))?;
            }
        }
    }
    commit
        .alerts
        .iter()
        .try_for_each(|alert| insert_alert(connection, alert))
        .map_err(classify("alert"))?;
    Ok(())
}

fn insert_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let insert = "INSERT INTO sessions (user, token_hash, mobile, username, key, number, \
         device_id, user_agent, address, created_at, last_seen_at, idle_timeout, lifetime_ends_at, \
         status, attempt, approve_by, expires_at) \
         VALUES (:user, :token_hash, :mobile, :username, :key, :number, \
         :device_id, :user_agent, :address, :created_at, :last_seen_at, :idle_timeout, \
         :lifetime_ends_at, :status, :attempt, :approve_by, :expires_at)";
    let status = StatusColumns::of(session);
    connection.prepare_cached(insert)?.execute(named_params! {
        ":user": session.owner.id.as_uuid().as_bytes(),
        ":token_hash": session.token_hash.as_bytes(),
        ":mobile": session.owner.mobile.as_str(),
        ":username": session.owner.username.as_str(),
        ":key": bytes(&session.key),
        ":number": session.number,
        ":device_id": session.device.id.as_ref().map(DeviceId::as_str),
        ":user_agent": session.device.user_agent.as_str(),
        ":address": session.device.address.to_string(),
        ":created_at": session.created_at.as_millis(),
        ":last_seen_at": session.last_seen_at.as_millis(),
        ":idle_timeout": i64::try_from(session.idle_timeout.as_millis()).unwrap_or(i64::MAX),
        ":lifetime_ends_at": session.lifetime_ends_at.as_millis(),
        ":status": status.name,
        ":attempt": status.attempt,
        ":approve_by": status.approve_by,
        ":expires_at": session.expires_at().as_millis(),
    })?;
    Ok(())
}

/// Updates the status and the last-seen time of a session. Never moves the last-seen time back: a
/// touch may have recorded a later request than the one that the rules knew of.
///
/// `expires_at` gets the value for an active session. No commit changes a session that stays
/// pending, except [`renew_session`] and [`set_back_session`], and an ended session has no use for
/// the value.
fn update_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let update = format!(
        "UPDATE sessions SET status = :status, attempt = :attempt, approve_by = :approve_by, \
         ended_at = :ended_at, end_reason = :end_reason, replaced_by = :replaced_by, \
         last_seen_at = max(last_seen_at, :seen), expires_at = {ACTIVE_EXPIRES_AT} \
         WHERE user = :user AND token_hash = :token_hash"
    );
    let status = StatusColumns::of(session);
    connection.prepare_cached(&update)?.execute(named_params! {
        ":user": session.owner.id.as_uuid().as_bytes(),
        ":token_hash": session.token_hash.as_bytes(),
        ":status": status.name,
        ":attempt": status.attempt,
        ":approve_by": status.approve_by,
        ":ended_at": status.ended_at,
        ":end_reason": status.end_reason,
        ":replaced_by": status.replaced_by,
        ":seen": session.last_seen_at.as_millis(),
    })?;
    Ok(())
}

/// Gives a pending session the token, user agent and address of a later login, and writes its
/// instants. The row moves within the table, because the table is clustered by the token.
/// `sessions.key` finds it under its previous token.
fn renew_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let update = "UPDATE sessions SET token_hash = :token_hash, user_agent = :user_agent, \
         address = :address WHERE user = :user AND key = :key";
    connection.prepare_cached(update)?.execute(named_params! {
        ":user": session.owner.id.as_uuid().as_bytes(),
        ":key": bytes(&session.key),
        ":token_hash": session.token_hash.as_bytes(),
        ":user_agent": session.device.user_agent.as_str(),
        ":address": session.device.address.to_string(),
    })?;
    set_back_session(connection, session)
}

/// Updates the status and all instants of a session, after the clock was set back.
fn set_back_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    update_session(connection, session)?;
    let update = "UPDATE sessions SET created_at = :created_at, last_seen_at = :seen, \
         lifetime_ends_at = :lifetime_ends_at, expires_at = :expires_at \
         WHERE user = :user AND token_hash = :token_hash";
    connection.prepare_cached(update)?.execute(named_params! {
        ":user": session.owner.id.as_uuid().as_bytes(),
        ":token_hash": session.token_hash.as_bytes(),
        ":created_at": session.created_at.as_millis(),
        ":seen": session.last_seen_at.as_millis(),
        ":lifetime_ends_at": session.lifetime_ends_at.as_millis(),
        ":expires_at": session.expires_at().as_millis(),
    })?;
    Ok(())
}

/// Ends a session because of its idle time, unless a touch has recorded a later request.
fn expire_idle(connection: &Connection, session: &Session) -> Result<(), CommitError> {
    let seen: Option<i64> = connection
        .prepare_cached("SELECT last_seen_at FROM sessions WHERE user = ? AND token_hash = ?")
        .and_then(|mut statement| {
            let key = params![
                session.owner.id.as_uuid().as_bytes(),
                session.token_hash.as_bytes()
            ];
            statement
                .query_row(key, |row| row.get("last_seen_at"))
                .optional()
        })
        .map_err(classify("session"))?;
    if seen.is_some_and(|seen| seen > session.last_seen_at.as_millis()) {
        return Err(CommitError::Stale);
    }
    update_session(connection, session).map_err(classify("session"))?;
    Ok(())
}

/// The values of the columns of `sessions` that depend on the status.
struct StatusColumns<'a> {
    name: &'static str,
    attempt: Option<&'a [u8; 16]>,
    approve_by: Option<i64>,
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
            ended_at: None,
            end_reason: None,
            replaced_by: None,
        };
        match &session.status {
            Status::Active => active,
            Status::Pending { attempt, until } => Self {
                name: "pending",
                attempt: Some(attempt.id.as_bytes()),
                approve_by: Some(until.as_millis()),
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

fn insert_alert(connection: &Connection, alert: &Alert) -> rusqlite::Result<()> {
    let insert = "INSERT INTO alerts (user, sequence, kind, created_at, session, attempt, \
         attempt_session, user_agent, address, attempted_at, folded_count) \
         VALUES (:user, :sequence, :kind, :created_at, :session, :attempt, \
         :attempt_session, :user_agent, :address, :attempted_at, :folded_count)";
    let attempt = alert.attempt.as_ref();
    connection.prepare_cached(insert)?.execute(named_params! {
        ":user": alert.user.as_uuid().as_bytes(),
        ":sequence": alert.sequence,
        ":kind": alert_kind_name(alert.kind),
        ":created_at": alert.created_at.as_millis(),
        ":session": bytes(&alert.session),
        ":attempt": attempt.map(|attempt| attempt.id.id.as_bytes()),
        ":attempt_session": attempt.and_then(|attempt| attempt.session.as_ref()).map(bytes),
        ":user_agent": attempt.map(|attempt| attempt.user_agent.as_str()),
        ":address": attempt.map(|attempt| attempt.address.to_string()),
        ":attempted_at": attempt.map(|attempt| attempt.created_at.as_millis()),
        ":folded_count": alert.folded_count,
    })?;
    Ok(())
}

const fn bytes(key: &SessionKey) -> &[u8; 16] {
    key.as_uuid().as_bytes()
}
