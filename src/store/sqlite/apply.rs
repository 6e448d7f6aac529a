//! What the writer does, statement by statement, inside a savepoint of its own.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::{failed, rows};
use crate::{
    domain::{
        Alert, DeviceId, PasswordHash, Session, SessionKey, Status, Timestamp, UserId, UserState,
        rules::SessionWrite,
    },
    store::{Commit, CommitError, Purged, Touch, names},
};

pub(super) fn commit(connection: &Connection, commit: &Commit) -> Result<(), CommitError> {
    let user = commit.user.owner.id;
    let recorded = connection
        .prepare_cached("SELECT version, commit_id FROM users WHERE id = ?")
        .and_then(|mut statement| {
            statement
                .query_row([user.as_uuid().as_bytes()], |row| {
                    Ok((row.get::<_, u64>(0)?, row.get::<_, [u8; 16]>(1)?))
                })
                .optional()
        })
        .map_err(failed("user"))?;
    match recorded {
        Some((_, id)) if id == *commit.id.as_uuid().as_bytes() => return Ok(()),
        Some((version, _)) if version == commit.expected_version => {
            update_user(connection, commit).map_err(failed("user"))?;
        }
        None if commit.expected_version == 0 => insert_user(connection, commit)?,
        _ => return Err(CommitError::Stale),
    }
    for write in &commit.sessions {
        match write {
            SessionWrite::Open(session) => {
                insert_session(connection, session).map_err(failed("session"))?;
            }
            SessionWrite::Change(session) => {
                update_session(connection, session).map_err(failed("session"))?;
            }
            SessionWrite::ExpireUnseen(session) => expire_unseen(connection, session)?,
        }
    }
    commit
        .alerts
        .iter()
        .try_for_each(|alert| insert_alert(connection, alert))
        .map_err(failed("alert"))?;
    Ok(())
}

fn insert_user(connection: &Connection, commit: &Commit) -> Result<(), CommitError> {
    let taken = connection
        .prepare_cached("SELECT 1 FROM users WHERE mobile = ?")
        .and_then(|mut statement| statement.exists([commit.user.owner.mobile.as_str()]))
        .map_err(failed("user"))?;
    if taken {
        return Err(CommitError::MobileTaken);
    }
    let insert = "INSERT INTO users (id, mobile, username, created_at, password, version, commit_id, active, \
         pending, last_alert, sessions_opened, recent_conflicts) \
         VALUES (:id, :mobile, :username, :created_at, :password, :version, :commit_id, :active, :pending, \
         :last_alert, :sessions_opened, :recent_conflicts)";
    let owner = &commit.user.owner;
    connection
        .prepare_cached(insert)
        .and_then(|mut statement| {
            let user = UserColumns::of(&commit.user);
            statement.execute(named_params! {
                ":id": owner.id.as_uuid().as_bytes(),
                ":mobile": owner.mobile.as_str(),
                ":username": owner.username.as_str(),
                ":created_at": commit.user.created_at.as_millis(),
                ":password": user.password,
                ":version": commit.user.version,
                ":commit_id": commit.id.as_uuid().as_bytes(),
                ":active": user.active,
                ":pending": user.pending,
                ":last_alert": commit.user.last_alert,
                ":sessions_opened": commit.user.sessions_opened,
                ":recent_conflicts": user.recent_conflicts,
            })
        })
        .map_err(failed("user"))?;
    Ok(())
}

fn update_user(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let update = "UPDATE users SET password = :password, version = :version, commit_id = :commit_id, \
         active = :active, pending = :pending, last_alert = :last_alert, sessions_opened = :sessions_opened, \
         recent_conflicts = :recent_conflicts WHERE id = :id";
    let user = UserColumns::of(&commit.user);
    connection.prepare_cached(update)?.execute(named_params! {
        ":id": commit.user.owner.id.as_uuid().as_bytes(),
        ":password": user.password,
        ":version": commit.user.version,
        ":commit_id": commit.id.as_uuid().as_bytes(),
        ":active": user.active,
        ":pending": user.pending,
        ":last_alert": commit.user.last_alert,
        ":sessions_opened": commit.user.sessions_opened,
        ":recent_conflicts": user.recent_conflicts,
    })?;
    Ok(())
}

struct UserColumns<'a> {
    password: Option<&'a str>,
    active: Option<&'a [u8; 16]>,
    pending: Option<&'a [u8; 16]>,
    recent_conflicts: Vec<u8>,
}

impl<'a> UserColumns<'a> {
    fn of(user: &'a UserState) -> Self {
        Self {
            password: user.password.as_ref().map(PasswordHash::as_str),
            active: user.active.as_ref().map(|session| bytes(&session.key)),
            pending: user.pending.as_ref().map(|session| bytes(&session.key)),
            recent_conflicts: rows::conflicts_to(&user.recent_conflicts),
        }
    }
}

fn insert_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let insert = "INSERT INTO sessions (user, token_hash, mobile, username, key, number, device_id, user_agent, \
         address, created_at, last_seen_at, idle_timeout, lifetime_ends_at, status, attempt, approve_by, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let status = StatusColumns::of(session);
    connection.prepare_cached(insert)?.execute(params![
        session.owner.id.as_uuid().as_bytes(),
        session.token_hash.as_bytes(),
        session.owner.mobile.as_str(),
        session.owner.username.as_str(),
        bytes(&session.key),
        session.number,
        session.device.id.as_ref().map(DeviceId::as_str),
        session.device.user_agent.as_str(),
        session.device.address.to_string(),
        session.created_at.as_millis(),
        session.last_seen_at.as_millis(),
        i64::try_from(session.idle_timeout.as_millis()).unwrap_or(i64::MAX),
        session.lifetime_ends_at.as_millis(),
        status.name,
        status.attempt,
        status.approve_by,
        session.expires_at().as_millis(),
    ])?;
    Ok(())
}

/// A touch may have moved the last request past what the decision knew: it is never moved back.
fn update_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let update = "UPDATE sessions SET status = :status, attempt = :attempt, approve_by = :approve_by, \
         ended_at = :ended_at, end_reason = :end_reason, replaced_by = :replaced_by, \
         last_seen_at = max(last_seen_at, :seen), \
         expires_at = min(max(last_seen_at, :seen) + idle_timeout, lifetime_ends_at) \
         WHERE user = :user AND token_hash = :token_hash";
    let status = StatusColumns::of(session);
    connection.prepare_cached(update)?.execute(named_params! {
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

fn expire_unseen(connection: &Connection, session: &Session) -> Result<(), CommitError> {
    let seen: Option<i64> = connection
        .prepare_cached("SELECT last_seen_at FROM sessions WHERE user = ? AND token_hash = ?")
        .and_then(|mut statement| {
            let key = params![
                session.owner.id.as_uuid().as_bytes(),
                session.token_hash.as_bytes()
            ];
            statement.query_row(key, |row| row.get(0)).optional()
        })
        .map_err(failed("session"))?;
    if seen.is_some_and(|seen| seen > session.last_seen_at.as_millis()) {
        return Err(CommitError::Stale);
    }
    update_session(connection, session).map_err(failed("session"))?;
    Ok(())
}

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
                end_reason: Some(names::end_reason_to(ended.reason)),
                replaced_by: ended.replaced_by.as_ref().map(bytes),
                ..active
            },
        }
    }
}

fn insert_alert(connection: &Connection, alert: &Alert) -> rusqlite::Result<()> {
    let attempt = alert.attempt.as_ref();
    connection
        .prepare_cached(&format!(
            "INSERT INTO alerts ({}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows::ALERT
        ))?
        .execute(params![
            alert.user.as_uuid().as_bytes(),
            alert.sequence,
            names::alert_kind_to(alert.kind),
            alert.created_at.as_millis(),
            bytes(&alert.session),
            attempt.map(|attempt| attempt.id.id.as_bytes()),
            attempt
                .and_then(|attempt| attempt.session.as_ref())
                .map(bytes),
            attempt.map(|attempt| attempt.user_agent.as_str()),
            attempt.map(|attempt| attempt.address.to_string()),
            attempt.map(|attempt| attempt.created_at.as_millis()),
        ])?;
    Ok(())
}

pub(super) fn delete_user(connection: &Connection, user: UserId) -> rusqlite::Result<bool> {
    let id = [user.as_uuid().as_bytes()];
    connection
        .prepare_cached("DELETE FROM alerts WHERE user = ?")?
        .execute(id)?;
    connection
        .prepare_cached("DELETE FROM sessions WHERE user = ?")?
        .execute(id)?;
    Ok(connection
        .prepare_cached("DELETE FROM users WHERE id = ?")?
        .execute(id)?
        > 0)
}

pub(super) fn touch(connection: &Connection, touches: &[Touch]) -> rusqlite::Result<()> {
    let update = "UPDATE sessions SET last_seen_at = max(last_seen_at, :seen), \
         expires_at = CASE status WHEN 'active' \
             THEN min(max(last_seen_at, :seen) + idle_timeout, lifetime_ends_at) ELSE expires_at END \
         WHERE key = :key AND ended_at IS NULL";
    let mut update = connection.prepare_cached(update)?;
    for touch in touches {
        update.execute(
            named_params! { ":key": bytes(&touch.session), ":seen": touch.at.as_millis() },
        )?;
    }
    Ok(())
}

pub(super) fn purge(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<Purged> {
    let bounds = params![before.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)];
    let alerts = connection
        .prepare_cached(
            "DELETE FROM alerts WHERE (user, sequence) IN \
             (SELECT user, sequence FROM alerts WHERE created_at < ? ORDER BY created_at LIMIT ?)",
        )?
        .execute(bounds)?;
    let sessions = connection
        .prepare_cached(
            "DELETE FROM sessions WHERE (user, token_hash) IN \
             (SELECT user, token_hash FROM sessions WHERE ended_at < ? ORDER BY ended_at LIMIT ?)",
        )?
        .execute(bounds)?;
    Ok(Purged {
        sessions: sessions as u64,
        alerts: alerts as u64,
    })
}

const fn bytes(key: &SessionKey) -> &[u8; 16] {
    key.as_uuid().as_bytes()
}
