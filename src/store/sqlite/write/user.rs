//! The statements that write the row of a user.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::bytes;
use crate::{
    domain::{Mobile, PasswordHash, Status, Timestamp, UserId, UserState},
    store::{
        Commit,
        login_history::{StoredFreeze, StoredHistory},
        sqlite::{conflicts::encode_conflicts, prepared::Prepared, records::Part},
    },
};

pub(super) fn insert(statements: &Prepared<'_>, commit: &Commit) -> rusqlite::Result<usize> {
    let UserState { owner, .. } = &commit.user;
    let window = WindowColumns::of(&commit.user);
    insert!(
        statements,
        records {
            user: owner.id.as_uuid().as_bytes(),
            part: Part::User,
            number: 0,
            mobile: owner.mobile.as_str(),
            username: owner.username.as_str(),
            created_at: commit.user.created_at.as_millis(),
            password: commit.user.password.as_ref().map(PasswordHash::as_str),
            version: commit.user.version,
            commit_id: commit.id.as_uuid().as_bytes(),
            active: commit
                .user
                .active
                .as_ref()
                .map(|session| bytes(&session.key)),
            pending: commit
                .user
                .pending
                .as_ref()
                .map(|session| bytes(&session.key)),
            last_alert: commit.user.last_alert,
            sessions_opened: commit.user.sessions_opened,
            recent_conflicts: encode_conflicts(&commit.user.recent_conflicts),
            alert_window_started_at: window.started_at,
            alert_window_count: window.count,
            folded_count: window.folded_count,
            folded_attempt: window.folded_attempt,
            folded_user_agent: window.folded_user_agent,
            folded_address: window.folded_address,
            folded_at: window.folded_at,
            summary_due_at: window.summary_due_at,
            login_history: login_history(&commit.user)?,
            freeze: freeze(&commit.user)?,
            expiry_check_at: expiry_check_at(&commit.user),
            purge_check_at: purge_check_at(commit),
        }
    )
}

/// The columns that a commit may change, and the positions of their values.
const COLUMNS: &str = "password = ?1, version = ?2, commit_id = ?3, active = ?4, pending = ?5, \
     last_alert = ?6, sessions_opened = ?7, recent_conflicts = ?8, alert_window_started_at = ?9, \
     alert_window_count = ?10, folded_count = ?11, folded_attempt = ?12, folded_user_agent = ?13, \
     folded_address = ?14, folded_at = ?15, summary_due_at = ?16, login_history = ?17, \
     freeze = ?18";

/// The condition for the user and its expected version.
const EXPECTED: &str = "user = ?19 AND part = 0 AND number = 0 AND version = ?20";

/// Updates a user whose checks come soon enough. SQLite writes the index of a column that a statement
/// sets even if its value stays the same, so this statement does not set them.
static UPDATE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE records SET {COLUMNS} WHERE {EXPECTED} AND expiry_check_at <= ?21 \
         AND (?22 IS NULL OR purge_check_at <= ?22)"
    )
});

/// Updates a user of whom a check must come sooner.
static UPDATE_WITH_CHECKS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE records SET {COLUMNS}, expiry_check_at = ?21, \
         purge_check_at = coalesce(min(purge_check_at, ?22), purge_check_at, ?22) WHERE {EXPECTED}"
    )
});

/// Updates the columns that a commit may change. Returns false, and changes nothing, if the user
/// does not exist or has another version than the commit expects.
pub(super) fn update(statements: &Prepared<'_>, commit: &Commit) -> rusqlite::Result<bool> {
    let window = WindowColumns::of(&commit.user);
    let (active, pending) = (&commit.user.active, &commit.user.pending);
    let (login_history, freeze) = (login_history(&commit.user)?, freeze(&commit.user)?);
    for sql in [&UPDATE, &UPDATE_WITH_CHECKS] {
        let params = params![
            commit.user.password.as_ref().map(PasswordHash::as_str),
            commit.user.version,
            commit.id.as_uuid().as_bytes(),
            active.as_ref().map(|session| bytes(&session.key)),
            pending.as_ref().map(|session| bytes(&session.key)),
            commit.user.last_alert,
            commit.user.sessions_opened,
            encode_conflicts(&commit.user.recent_conflicts),
            window.started_at,
            window.count,
            window.folded_count,
            window.folded_attempt,
            window.folded_user_agent,
            window.folded_address,
            window.folded_at,
            window.summary_due_at,
            login_history,
            freeze,
            commit.user.owner.id.as_uuid().as_bytes(),
            commit.expected_version,
            expiry_check_at(&commit.user),
            purge_check_at(commit),
        ];
        if statements.execute(sql.as_str(), params)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The JSON of what the rules remember of the logins.
fn login_history(user: &UserState) -> rusqlite::Result<Option<String>> {
    StoredHistory::of(&user.history)
        .map(|history| json(&history))
        .transpose()
}

/// The JSON of the freeze.
fn freeze(user: &UserState) -> rusqlite::Result<Option<String>> {
    let freeze = user.freeze.as_ref().map(StoredFreeze::of);
    freeze.map(|freeze| json(&freeze)).transpose()
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// When the first of the open sessions expires, if no request of it is recorded later.
fn expiry_check_at(user: &UserState) -> Option<i64> {
    let open = user.active.iter().chain(&user.pending);
    open.map(|session| session.expires_at().as_millis()).min()
}

/// The time of the oldest record that the commit adds and a purge will delete.
fn purge_check_at(commit: &Commit) -> Option<i64> {
    let ended = commit.sessions.iter().filter_map(|write| {
        let status = &write.session().status;
        match status {
            Status::Ended(ended) => Some(ended.at),
            Status::Active | Status::Pending { .. } => None,
        }
    });
    let raised = commit.alerts.iter().map(|alert| alert.created_at);
    ended.chain(raised).min().map(Timestamp::as_millis)
}

/// The id of the commit that wrote the user last.
pub(super) fn last_commit(
    connection: &Connection,
    user: UserId,
) -> rusqlite::Result<Option<[u8; 16]>> {
    connection
        .prepare_cached("SELECT commit_id FROM users WHERE id = ?")?
        .query_row([user.as_uuid().as_bytes()], |row| row.get(0))
        .optional()
}

/// Whether a user owns this number.
pub(super) fn is_taken(connection: &Connection, mobile: &Mobile) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM users WHERE mobile = ?")?
        .exists(params![mobile.as_str()])
}

/// The values of the columns of `users` that hold the alert window.
#[derive(Default)]
struct WindowColumns<'a> {
    started_at: Option<i64>,
    count: Option<u32>,
    summary_due_at: Option<i64>,
    folded_count: Option<u32>,
    folded_attempt: Option<&'a [u8; 16]>,
    folded_user_agent: Option<&'a str>,
    folded_address: Option<String>,
    folded_at: Option<i64>,
}

impl<'a> WindowColumns<'a> {
    fn of(user: &'a UserState) -> Self {
        let Some(window) = &user.alert_window else {
            return Self::default();
        };
        let counted = Self {
            started_at: Some(window.started_at.as_millis()),
            count: Some(window.count),
            summary_due_at: window.summary_due_at().map(Timestamp::as_millis),
            ..Self::default()
        };
        let Some(folded) = &window.folded else {
            return counted;
        };
        Self {
            folded_count: Some(folded.count),
            folded_attempt: Some(folded.last.id.id.as_bytes()),
            folded_user_agent: Some(folded.last.user_agent.as_str()),
            folded_address: Some(folded.last.address.to_string()),
            folded_at: Some(folded.last.created_at.as_millis()),
            ..counted
        }
    }
}
