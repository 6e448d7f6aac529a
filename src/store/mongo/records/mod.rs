//! Converts documents to values of the domain, and back. Each value is checked when it is read.
//!
//! A missing field and null both mean `None`. Ids are BSON UUIDs. Instants are milliseconds since
//! the Unix epoch, and durations are milliseconds. Only the two fields with a TTL index are BSON
//! dates.

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

/// A document that is converted to a value of the domain.
pub(super) trait Record: DeserializeOwned {
    type Value;
    /// The kind of record in error messages.
    const KIND: &'static str;

    /// Checks the fields. Fails if one of them breaks a rule of its type.
    fn into_value(self) -> Result<Self::Value, BoxError>;
}

/// Converts one document. Fails with [`StoreError::Damaged`].
pub(super) fn decode<R: Record>(document: &RawDocument) -> Result<R::Value, StoreError> {
    bson::deserialize_from_slice::<R>(document.as_bytes())
        .map_err(BoxError::from)
        .and_then(R::into_value)
        .map_err(|error| damaged(R::KIND, error))
}

fn owner(id: bson::Uuid, mobile: &str, username: &str) -> Result<Owner, BoxError> {
    Ok(Owner {
        id: user_id(id),
        mobile: Mobile::from_stored(mobile)?,
        username: Username::from_stored(username)?,
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

/// Converts an instant to a BSON date. Only fields with a TTL index are dates, because TTL requires
/// it. Clients in many languages cannot read a date after the year 9999, but instants may be later.
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

/// Converts a number to the largest integer type of BSON. No stored number exceeds its maximum.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
