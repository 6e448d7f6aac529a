//! Rows to values, each checked as it is read, and back.

use std::{cell::Cell, net::IpAddr, time::Duration};

use rusqlite::{
    Row,
    types::{FromSql, Type},
};
use uuid::Uuid;

use crate::{
    domain::{
        Alert, Attempt, AttemptId, Device, DeviceId, Ended, Fingerprint, Mobile, Owner,
        PasswordHash, RecentConflict, Session, SessionKey, Status, Timestamp, TokenHash, UserAgent,
        UserId, UserState, Username,
    },
    store::{
        BoxError,
        names::{alert_kind_from, end_reason_from},
    },
};

pub(super) const USER: &str = "id, mobile, username, password, created_at, version, active, pending, \
     last_alert, sessions_opened, recent_conflicts";

pub(super) const SESSION: &str = "user, mobile, username, key, number, token_hash, device_id, user_agent, \
     address, created_at, last_seen_at, idle_timeout, lifetime_ends_at, status, attempt, approve_by, \
     ended_at, end_reason, replaced_by";

pub(super) const ALERT: &str = "user, sequence, kind, created_at, session, attempt, attempt_session, user_agent, address, attempted_at";

/// A user as its own row tells it: the sessions are still to be read.
pub(super) struct UserRow {
    pub user: UserState,
    pub active: Option<SessionKey>,
    pub pending: Option<SessionKey>,
}

/// Says that what was read breaks a rule that no single column tells.
pub(super) fn damaged(problem: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, problem.into())
}

/// Reads a row's columns in the order in which they were asked for.
struct Columns<'row> {
    row: &'row Row<'row>,
    next: Cell<usize>,
}

impl<'row> Columns<'row> {
    const fn of(row: &'row Row<'row>) -> Self {
        Self {
            row,
            next: Cell::new(0),
        }
    }

    fn take<T: FromSql>(&self) -> rusqlite::Result<T> {
        let index = self.next.get();
        self.next.set(index + 1);
        self.row.get(index)
    }

    /// Reads a column and makes a value of it that cannot be wrong.
    fn parse<T: FromSql, U, E: Into<BoxError>>(
        &self,
        make: impl FnOnce(T) -> Result<U, E>,
    ) -> rusqlite::Result<U> {
        make(self.take()?).map_err(|error| self.damaged(error))
    }

    fn parse_some<T: FromSql, U, E: Into<BoxError>>(
        &self,
        make: impl FnOnce(T) -> Result<U, E>,
    ) -> rusqlite::Result<Option<U>> {
        self.take::<Option<T>>()?
            .map(make)
            .transpose()
            .map_err(|error| self.damaged(error))
    }

    fn damaged(&self, error: impl Into<BoxError>) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(self.next.get() - 1, Type::Null, error.into())
    }

    fn instant(&self) -> rusqlite::Result<Timestamp> {
        self.take().map(Timestamp::from_millis)
    }

    fn key(&self) -> rusqlite::Result<Option<SessionKey>> {
        Ok(self
            .take::<Option<[u8; 16]>>()?
            .map(|bytes| SessionKey::new(Uuid::from_bytes(bytes))))
    }

    fn user_id(&self) -> rusqlite::Result<UserId> {
        self.take()
            .map(|bytes| UserId::new(Uuid::from_bytes(bytes)))
    }

    fn owner(&self) -> rusqlite::Result<Owner> {
        Ok(Owner {
            id: self.user_id()?,
            mobile: self.parse(|text: String| Mobile::parse(&text))?,
            username: self.parse(|text: String| Username::parse(&text))?,
        })
    }
}

pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    let columns = Columns::of(row);
    let owner = columns.owner()?;
    let password = columns.take::<Option<String>>()?.map(PasswordHash::new);
    let created_at = columns.instant()?;
    let version = columns.take()?;
    let (active, pending) = (columns.key()?, columns.key()?);
    Ok(UserRow {
        user: UserState {
            owner,
            password,
            created_at,
            version,
            active: None,
            pending: None,
            last_alert: columns.take()?,
            sessions_opened: columns.take()?,
            recent_conflicts: columns.parse(|bytes: Vec<u8>| conflicts_from(&bytes))?,
        },
        active,
        pending,
    })
}

pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let columns = Columns::of(row);
    let owner = columns.owner()?;
    let user = owner.id;
    Ok(Session {
        owner,
        key: SessionKey::new(Uuid::from_bytes(columns.take()?)),
        number: columns.take()?,
        token_hash: TokenHash::from_bytes(columns.take()?),
        device: Device {
            id: columns.parse_some(|text: String| DeviceId::parse(&text))?,
            user_agent: columns.parse(|text: String| UserAgent::parse(&text))?,
            address: columns.parse(|text: String| text.parse::<IpAddr>())?,
        },
        created_at: columns.instant()?,
        last_seen_at: columns.instant()?,
        idle_timeout: Duration::from_millis(columns.take()?),
        lifetime_ends_at: columns.instant()?,
        status: status(&columns, user)?,
    })
}

fn status(columns: &Columns<'_>, user: UserId) -> rusqlite::Result<Status> {
    let status: String = columns.take()?;
    let attempt = columns.take::<Option<[u8; 16]>>()?;
    let until = columns.take::<Option<i64>>()?.map(Timestamp::from_millis);
    let at = columns.take::<Option<i64>>()?.map(Timestamp::from_millis);
    let reason = columns.parse_some(|text: String| end_reason_from(&text))?;
    let replaced_by = columns.key()?;
    match (status.as_str(), attempt, until, at, reason) {
        ("active", ..) => Ok(Status::Active),
        ("pending", Some(id), Some(until), ..) => Ok(Status::Pending {
            attempt: AttemptId {
                user,
                id: Uuid::from_bytes(id),
            },
            until,
        }),
        ("ended", .., Some(at), Some(reason)) => Ok(Status::Ended(Ended {
            at,
            reason,
            replaced_by,
        })),
        _ => Err(columns.damaged("the status lacks its columns")),
    }
}

pub(super) fn alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let columns = Columns::of(row);
    let user = columns.user_id()?;
    Ok(Alert {
        user,
        sequence: columns.take()?,
        kind: columns.parse(|text: String| alert_kind_from(&text))?,
        created_at: columns.instant()?,
        session: SessionKey::new(Uuid::from_bytes(columns.take()?)),
        attempt: match columns.take::<Option<[u8; 16]>>()? {
            None => None,
            Some(id) => Some(Attempt {
                id: AttemptId {
                    user,
                    id: Uuid::from_bytes(id),
                },
                session: columns.key()?,
                user_agent: columns.parse(|text: String| UserAgent::parse(&text))?,
                address: columns.parse(|text: String| text.parse::<IpAddr>())?,
                created_at: columns.instant()?,
            }),
        },
    })
}

pub(super) fn conflicts_to(conflicts: &[RecentConflict]) -> Vec<u8> {
    conflicts
        .iter()
        .flat_map(|conflict| {
            conflict
                .device
                .as_bytes()
                .iter()
                .copied()
                .chain(conflict.at.as_millis().to_be_bytes())
        })
        .collect()
}

fn conflicts_from(bytes: &[u8]) -> Result<Vec<RecentConflict>, &'static str> {
    let (entries, rest) = bytes.as_chunks::<24>();
    if !rest.is_empty() {
        return Err("the recent conflicts are cut off");
    }
    let entry = |bytes: &[u8; 24]| {
        let (device, at) = bytes.split_first_chunk::<16>()?;
        Some(RecentConflict {
            device: Fingerprint::from_bytes(*device),
            at: Timestamp::from_millis(i64::from_be_bytes(at.try_into().ok()?)),
        })
    };
    entries
        .iter()
        .map(entry)
        .collect::<Option<_>>()
        .ok_or("a recent conflict is cut off")
}
