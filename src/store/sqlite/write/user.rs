//! The statements that write the row of a user.

use rusqlite::{Connection, types::ToSql};

use super::bytes;
use crate::{
    domain::{AlertWindow, FoldedLogins, PasswordHash, Timestamp, UserState},
    store::{
        Commit, CommitError,
        sqlite::{conflicts::encode_conflicts, errors::classify},
    },
};

pub(super) fn insert_user(connection: &Connection, commit: &Commit) -> Result<(), CommitError> {
    let taken = connection
        .prepare_cached("SELECT 1 FROM users WHERE mobile = ?")
        .and_then(|mut statement| statement.exists([commit.user.owner.mobile.as_str()]))
        .map_err(classify("user"))?;
    if taken {
        return Err(CommitError::MobileTaken);
    }
    let insert = "INSERT INTO users (id, mobile, username, created_at, password, version, \
         commit_id, active, pending, last_alert, sessions_opened, recent_conflicts, \
         alert_window_started_at, alert_window_count, folded_count, folded_attempt, \
         folded_user_agent, folded_address, folded_at, summary_due_at) \
         VALUES (:id, :mobile, :username, :created_at, :password, :version, \
         :commit_id, :active, :pending, :last_alert, :sessions_opened, :recent_conflicts, \
         :alert_window_started_at, :alert_window_count, :folded_count, :folded_attempt, \
         :folded_user_agent, :folded_address, :folded_at, :summary_due_at)";
    let owner = &commit.user.owner;
    let columns = ChangingColumns::of(&commit.user);
    let mut values = columns.values(commit);
    let (mobile, username) = (owner.mobile.as_str(), owner.username.as_str());
    let created_at = commit.user.created_at.as_millis();
    values.extend([
        (":mobile", &mobile as &dyn ToSql),
        (":username", &username),
        (":created_at", &created_at),
    ]);
    connection
        .prepare_cached(insert)
        .and_then(|mut statement| statement.execute(values.as_slice()))
        .map_err(classify("user"))?;
    Ok(())
}

pub(super) fn update_user(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let update = "UPDATE users SET password = :password, version = :version, \
         commit_id = :commit_id, active = :active, pending = :pending, last_alert = :last_alert, \
         sessions_opened = :sessions_opened, recent_conflicts = :recent_conflicts, \
         alert_window_started_at = :alert_window_started_at, \
         alert_window_count = :alert_window_count, folded_count = :folded_count, \
         folded_attempt = :folded_attempt, folded_user_agent = :folded_user_agent, \
         folded_address = :folded_address, folded_at = :folded_at, \
         summary_due_at = :summary_due_at WHERE id = :id";
    let columns = ChangingColumns::of(&commit.user);
    connection
        .prepare_cached(update)?
        .execute(columns.values(commit).as_slice())?;
    Ok(())
}

/// The values of the columns of `users` that a commit may change, if they need a conversion.
struct ChangingColumns<'a> {
    password: Option<&'a str>,
    active: Option<&'a [u8; 16]>,
    pending: Option<&'a [u8; 16]>,
    recent_conflicts: Vec<u8>,
    window_started_at: Option<i64>,
    window_count: Option<u32>,
    summary_due_at: Option<i64>,
    folded_count: Option<u32>,
    folded_attempt: Option<&'a [u8; 16]>,
    folded_user_agent: Option<&'a str>,
    folded_address: Option<String>,
    folded_at: Option<i64>,
}

impl<'a> ChangingColumns<'a> {
    fn of(user: &'a UserState) -> Self {
        let window = user.alert_window.as_ref();
        let folded = window.and_then(|window| window.folded.as_ref());
        let last = folded.map(|folded: &FoldedLogins| &folded.last);
        Self {
            password: user.password.as_ref().map(PasswordHash::as_str),
            active: user.active.as_ref().map(|session| bytes(&session.key)),
            pending: user.pending.as_ref().map(|session| bytes(&session.key)),
            recent_conflicts: encode_conflicts(&user.recent_conflicts),
            window_started_at: window.map(|window| window.started_at.as_millis()),
            window_count: window.map(|window| window.count),
            summary_due_at: window
                .and_then(AlertWindow::summary_due_at)
                .map(Timestamp::as_millis),
            folded_count: folded.map(|folded| folded.count),
            folded_attempt: last.map(|login| login.id.id.as_bytes()),
            folded_user_agent: last.map(|login| login.user_agent.as_str()),
            folded_address: last.map(|login| login.address.to_string()),
            folded_at: last.map(|login| login.created_at.as_millis()),
        }
    }

    /// The parameters of both statements: the user's id, and the columns that a commit may change.
    fn values<'b>(&'b self, commit: &'b Commit) -> Vec<(&'static str, &'b dyn ToSql)> {
        let user = &commit.user;
        vec![
            (":id", user.owner.id.as_uuid().as_bytes()),
            (":password", &self.password),
            (":version", &user.version),
            (":commit_id", commit.id.as_uuid().as_bytes()),
            (":active", &self.active),
            (":pending", &self.pending),
            (":last_alert", &user.last_alert),
            (":sessions_opened", &user.sessions_opened),
            (":recent_conflicts", &self.recent_conflicts),
            (":alert_window_started_at", &self.window_started_at),
            (":alert_window_count", &self.window_count),
            (":folded_count", &self.folded_count),
            (":folded_attempt", &self.folded_attempt),
            (":folded_user_agent", &self.folded_user_agent),
            (":folded_address", &self.folded_address),
            (":folded_at", &self.folded_at),
            (":summary_due_at", &self.summary_due_at),
        ]
    }
}
