//! Documents to values, each checked as it is read, and back. A field that is not there, or null, is `None`. Instants and
//! durations are milliseconds (but for the two that old records are forgotten by, which are dates), ids are BSON UUIDs.

mod alert;
mod session;
mod user;

use bson::{Binary, DateTime, RawDocument, spec::BinarySubtype};
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub(super) use self::{
    alert::AlertDocument,
    session::SessionDocument,
    user::{StoredUser, UserDocument},
};
use super::errors::damaged;
use crate::{
    domain::{AttemptId, Mobile, Owner, SessionKey, Timestamp, UserId, Username},
    store::{BoxError, StoreError},
};

/// A document that a value of the domain can be made of, where nothing in it is wrong.
pub(super) trait Stored: DeserializeOwned {
    type Value;
    const WHAT: &'static str;

    fn value(self) -> Result<Self::Value, BoxError>;
}

/// # Errors
/// [`StoreError::Damaged`], which is about this document alone.
pub(super) fn read<D: Stored>(document: &RawDocument) -> Result<D::Value, StoreError> {
    bson::deserialize_from_slice::<D>(document.as_bytes())
        .map_err(BoxError::from)
        .and_then(D::value)
        .map_err(|error| damaged(D::WHAT, error))
}

fn owner(id: bson::Uuid, mobile: &str, username: &str) -> Result<Owner, BoxError> {
    Ok(Owner {
        id: user_id(id),
        mobile: Mobile::parse(mobile)?,
        username: Username::parse(username)?,
    })
}

fn attempt_id(user: UserId, id: bson::Uuid) -> AttemptId {
    AttemptId {
        user,
        id: Uuid::from_bytes(id.bytes()),
    }
}

fn key(id: bson::Uuid) -> SessionKey {
    SessionKey::new(Uuid::from_bytes(id.bytes()))
}

pub(super) fn user_id(id: bson::Uuid) -> UserId {
    UserId::new(Uuid::from_bytes(id.bytes()))
}

pub(super) fn id(uuid: &Uuid) -> bson::Uuid {
    bson::Uuid::from_bytes(*uuid.as_bytes())
}

/// A BSON date only where the server itself forgets by it: clients in many languages read none past the year 9999, and
/// an instant has no such end.
pub(super) const fn date(instant: Timestamp) -> DateTime {
    DateTime::from_millis(instant.as_millis())
}

const fn instant_of(date: DateTime) -> Timestamp {
    Timestamp::from_millis(date.timestamp_millis())
}

pub(super) const fn millis(instant: Timestamp) -> i64 {
    instant.as_millis()
}

const fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

fn bytes<const N: usize>(binary: &Binary) -> Result<[u8; N], BoxError> {
    Ok(binary.bytes.as_slice().try_into()?)
}

/// A number as BSON has it; past its end there is nothing.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
