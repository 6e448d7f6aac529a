//! Converts rows to values of the domain. Each value is checked when it is read.

use std::{net::IpAddr, time::Duration};

use rusqlite::{
    Row,
    types::{FromSql, ToSql, ToSqlOutput, Type, ValueRef},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::conflicts::decode_conflicts;
use crate::{
    domain::{
        Alert, AlertWindow, Attempt, AttemptId, Device, DeviceId, Ended, FoldedLogins,
        LoginHistory, Mobile, Newness, NumberMatch, Owner, PasswordHash, Session, SessionKey,
        Status, Timestamp, TokenHash, UserAgent, UserId, UserState, Username,
    },
    store::{
        BoxError,
        login_history::{StoredFreeze, StoredHistory},
        names::{alert_kind_from_name, end_reason_from_name},
    },
};

/// The values of the column `part`: what a row of the table `records` is. Statements that are
/// written out have the numbers, so that SQLite can use the indexes of one part.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// The user itself. Its `number` is 0.
    User = 0,
    Session = 1,
    Alert = 2,
}

impl ToSql for Part {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

/// [`Session::expires_at`] of an active session in SQL, after a request at `:seen`.
pub(super) const ACTIVE_EXPIRES_AT: &str =
    "min(max(last_seen_at, :seen) + idle_timeout, lifetime_ends_at)";

/// A column of a SELECT list.
trait Column: Copy {
    /// The column's position in the list.
    fn index(self) -> usize;
}

/// Declares the columns that a query selects. The list in SQL and the position of each column come
/// from the same declaration, so that a value is read by the name of its column without a
/// search. rusqlite's own look-up by name compares the column names one by one for each value: one
/// session takes a third longer to read with it, and a page of 20 sessions twice as long.
macro_rules! columns {
    ($columns:ident: $first:ident $(, $column:ident)* $(,)?) => {
        #[expect(non_camel_case_types, reason = "the variants are the names of columns")]
        #[derive(Clone, Copy)]
        pub(super) enum $columns { $first, $($column),* }

        impl $columns {
            /// The list for a SELECT statement.
            pub(super) const LIST: &str =
                concat!(stringify!($first) $(, ", ", stringify!($column))*);
        }

        impl Column for $columns {
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

columns!(
    UserColumn: id, mobile, username, password, created_at, version, active, pending, last_alert,
    sessions_opened, recent_conflicts, alert_window_started_at, alert_window_count, folded_count,
    folded_attempt, folded_user_agent, folded_address, folded_at, login_history, freeze,
);

columns!(
    SessionColumn: user, mobile, username, key, number, token_hash, device_id, user_agent, address,
    created_at, last_seen_at, idle_timeout, lifetime_ends_at, status, attempt, approve_by, matching,
    ended_at, end_reason, replaced_by,
);

columns!(
    AlertColumn: user, sequence, kind, created_at, session, attempt, attempt_session, user_agent,
    address, attempted_at, is_new_device, is_new_place, folded_count,
);

/// A row of `users`. `user` does not contain the active and the pending session yet.
pub(super) struct UserRow {
    pub user: UserState,
    pub active: Option<SessionKey>,
    pub pending: Option<SessionKey>,
}

/// Returns an error for a broken rule that concerns more than one column.
pub(super) fn damaged(problem: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, problem.into())
}

fn get<T: FromSql>(row: &Row<'_>, column: impl Column) -> rusqlite::Result<T> {
    row.get(column.index())
}

/// Reads a column, and parses its value into a checked type.
fn parse<T: FromSql, U, E: Into<BoxError>>(
    row: &Row<'_>,
    column: impl Column,
    parse: impl FnOnce(T) -> Result<U, E>,
) -> rusqlite::Result<U> {
    parse(get(row, column)?).map_err(|error| damaged_column(column, error))
}

/// Reads a text, and parses it into a checked type.
fn parse_text<U, E: Into<BoxError>>(
    row: &Row<'_>,
    column: impl Column,
    parse: impl FnOnce(&str) -> Result<U, E>,
) -> rusqlite::Result<U> {
    let text = row.get_ref(column.index())?.as_str();
    let text = text.map_err(|error| damaged_column(column, error))?;
    parse(text).map_err(|error| damaged_column(column, error))
}

/// Reads a text that may be NULL, and parses it into a checked type.
fn parse_text_option<U, E: Into<BoxError>>(
    row: &Row<'_>,
    column: impl Column,
    parse: impl FnOnce(&str) -> Result<U, E>,
) -> rusqlite::Result<Option<U>> {
    match row.get_ref(column.index())? {
        ValueRef::Null => Ok(None),
        _ => parse_text(row, column, parse).map(Some),
    }
}

fn damaged_column(column: impl Column, error: impl Into<BoxError>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column.index(), Type::Null, error.into())
}

fn instant(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Timestamp> {
    get(row, column).map(Timestamp::from_millis)
}

fn instant_option(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

fn uuid(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Uuid> {
    get(row, column).map(Uuid::from_bytes)
}

fn uuid_option(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Option<Uuid>> {
    Ok(get::<Option<[u8; 16]>>(row, column)?.map(Uuid::from_bytes))
}

fn session_key_option(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Option<SessionKey>> {
    Ok(uuid_option(row, column)?.map(SessionKey::new))
}

fn user_agent(row: &Row<'_>, column: impl Column) -> rusqlite::Result<UserAgent> {
    parse_text(row, column, UserAgent::from_stored)
}

fn address(row: &Row<'_>, column: impl Column) -> rusqlite::Result<IpAddr> {
    parse_text(row, column, |text| {
        text.parse::<IpAddr>().map(|address| address.to_canonical())
    })
}

fn owner<C: Column>(row: &Row<'_>, id: C, mobile: C, username: C) -> rusqlite::Result<Owner> {
    Ok(Owner {
        id: UserId::new(uuid(row, id)?),
        mobile: parse_text(row, mobile, Mobile::from_stored)?,
        username: parse_text(row, username, Username::from_stored)?,
    })
}

/// Reads the row of a user, selected as [`UserColumn::LIST`].
pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    let owner = owner(
        row,
        UserColumn::id,
        UserColumn::mobile,
        UserColumn::username,
    )?;
    Ok(UserRow {
        user: UserState {
            alert_window: alert_window(row, owner.id)?,
            owner,
            password: get::<Option<String>>(row, UserColumn::password)?.map(PasswordHash::new),
            created_at: instant(row, UserColumn::created_at)?,
            version: get(row, UserColumn::version)?,
            active: None,
            pending: None,
            last_alert: get(row, UserColumn::last_alert)?,
            sessions_opened: get(row, UserColumn::sessions_opened)?,
            recent_conflicts: parse(row, UserColumn::recent_conflicts, |bytes: Vec<u8>| {
                decode_conflicts(&bytes)
            })?,
            history: history(row)?,
            freeze: json_option(row, UserColumn::freeze, StoredFreeze::into_freeze)?,
        },
        active: session_key_option(row, UserColumn::active)?,
        pending: session_key_option(row, UserColumn::pending)?,
    })
}

fn history(row: &Row<'_>) -> rusqlite::Result<LoginHistory> {
    let stored = json_option(row, UserColumn::login_history, StoredHistory::into_history)?;
    Ok(stored.unwrap_or_default())
}

/// Reads a JSON text that may be NULL, and parses its stored form into a checked type.
fn json_option<S: DeserializeOwned, T>(
    row: &Row<'_>,
    column: impl Column,
    convert: impl FnOnce(S) -> Result<T, BoxError>,
) -> rusqlite::Result<Option<T>> {
    parse_text_option(row, column, |text| convert(serde_json::from_str(text)?))
}

fn alert_window(row: &Row<'_>, user: UserId) -> rusqlite::Result<Option<AlertWindow>> {
    let Some(started_at) = instant_option(row, UserColumn::alert_window_started_at)? else {
        return Ok(None);
    };
    let folded = match get(row, UserColumn::folded_count)? {
        None => None,
        Some(count) => Some(FoldedLogins {
            count,
            last: Attempt {
                id: AttemptId {
                    user,
                    id: uuid(row, UserColumn::folded_attempt)?,
                },
                session: None,
                user_agent: user_agent(row, UserColumn::folded_user_agent)?,
                address: address(row, UserColumn::folded_address)?,
                created_at: instant(row, UserColumn::folded_at)?,
                newness: Newness::default(),
            },
        }),
    };
    Ok(Some(AlertWindow {
        started_at,
        count: get(row, UserColumn::alert_window_count)?,
        folded,
    }))
}

/// Reads the row of a session, selected as [`SessionColumn::LIST`].
pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let owner = owner(
        row,
        SessionColumn::user,
        SessionColumn::mobile,
        SessionColumn::username,
    )?;
    let status = status(row, owner.id)?;
    Ok(Session {
        owner,
        key: SessionKey::new(uuid(row, SessionColumn::key)?),
        number: get(row, SessionColumn::number)?,
        token_hash: TokenHash::from_bytes(get(row, SessionColumn::token_hash)?),
        device: Device {
            id: parse_text_option(row, SessionColumn::device_id, DeviceId::from_stored)?,
            user_agent: user_agent(row, SessionColumn::user_agent)?,
            address: address(row, SessionColumn::address)?,
        },
        created_at: instant(row, SessionColumn::created_at)?,
        last_seen_at: instant(row, SessionColumn::last_seen_at)?,
        idle_timeout: Duration::from_millis(get(row, SessionColumn::idle_timeout)?),
        lifetime_ends_at: instant(row, SessionColumn::lifetime_ends_at)?,
        status,
    })
}

fn status(row: &Row<'_>, user: UserId) -> rusqlite::Result<Status> {
    let name = row.get_ref(SessionColumn::status.index())?.as_str();
    let name = name.map_err(|error| damaged_column(SessionColumn::status, error))?;
    let attempt = uuid_option(row, SessionColumn::attempt)?;
    let until = instant_option(row, SessionColumn::approve_by)?;
    let at = instant_option(row, SessionColumn::ended_at)?;
    let reason = parse_text_option(row, SessionColumn::end_reason, end_reason_from_name)?;
    let replaced_by = session_key_option(row, SessionColumn::replaced_by)?;
    match (name, attempt, until, at, reason) {
        ("active", ..) => Ok(Status::Active),
        ("pending", Some(id), Some(until), ..) => Ok(Status::Pending {
            attempt: AttemptId { user, id },
            until,
            matching: matching(row)?,
        }),
        ("ended", .., Some(at), Some(reason)) => Ok(Status::Ended(Ended {
            at,
            reason,
            replaced_by,
        })),
        _ => Err(damaged_column(
            SessionColumn::status,
            "a column that the status requires is NULL",
        )),
    }
}

/// Reads the number of a waiting session. It may be NULL.
fn matching(row: &Row<'_>) -> rusqlite::Result<Option<NumberMatch>> {
    let Some(bytes) = get::<Option<Vec<u8>>>(row, SessionColumn::matching)? else {
        return Ok(None);
    };
    let matching = NumberMatch::from_bytes(&bytes);
    let damaged = || damaged_column(SessionColumn::matching, "not a number and three choices");
    matching.map(Some).ok_or_else(damaged)
}

/// Reads the session of an alert, which is an empty blob if there is none.
fn alert_session(row: &Row<'_>) -> rusqlite::Result<Option<SessionKey>> {
    let bytes = row.get_ref(AlertColumn::session.index())?.as_blob();
    let bytes = bytes.map_err(|error| damaged_column(AlertColumn::session, error))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let key = Uuid::from_slice(bytes);
    key.map(|key| Some(SessionKey::new(key)))
        .map_err(|error| damaged_column(AlertColumn::session, error))
}

/// Reads the row of an alert, selected as [`AlertColumn::LIST`].
pub(super) fn alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let user = UserId::new(uuid(row, AlertColumn::user)?);
    let attempt = match uuid_option(row, AlertColumn::attempt)? {
        None => None,
        Some(id) => Some(Attempt {
            id: AttemptId { user, id },
            session: session_key_option(row, AlertColumn::attempt_session)?,
            user_agent: user_agent(row, AlertColumn::user_agent)?,
            address: address(row, AlertColumn::address)?,
            created_at: instant(row, AlertColumn::attempted_at)?,
            newness: Newness {
                device: get(row, AlertColumn::is_new_device)?,
                place: get(row, AlertColumn::is_new_place)?,
            },
        }),
    };
    Ok(Alert {
        user,
        sequence: get(row, AlertColumn::sequence)?,
        kind: parse_text(row, AlertColumn::kind, alert_kind_from_name)?,
        created_at: instant(row, AlertColumn::created_at)?,
        session: alert_session(row)?,
        attempt,
        folded_count: get(row, AlertColumn::folded_count)?,
    })
}
