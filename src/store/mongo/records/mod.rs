//! Converts documents to values of the domain, and back. Each value is checked when it is read.
//!
//! A missing field and null both mean `None`. Ids are BSON UUIDs. Instants are milliseconds since
//! the Unix epoch, and durations are milliseconds. Only the fields with a TTL index, and those of the
//! server's clock, are BSON dates.

mod alert;
mod event;
mod session;
mod stored_user;
mod user;

use bson::{Binary, Bson, DateTime, Document, RawDocument, RawDocumentBuf, spec::BinarySubtype};
use mongodb::Collection;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub(super) use self::{
    alert::AlertDocument,
    event::{DELETED, committed_of, event_of, last_alert_of, version_of},
    session::SessionDocument,
    stored_user::{DELETED_AT, StoredUser, decode_value},
    user::UserDocument,
};
use super::{collections::Collections, errors::damaged};
use crate::{
    domain::{AttemptId, Owner, SessionKey, Timestamp, UserId},
    store::{BoxError, StoreError},
};

/// A session or an alert: an entry in the tail of its user's document, or a document of a history.
pub(super) trait Entry: DeserializeOwned {
    type Value;
    /// The kind of record in error messages.
    const KIND: &'static str;
    /// The first character of the name of a tail entry. The number of the entry follows.
    const TAIL_PREFIX: char;
    /// The field that holds the entry's number among the entries of its user.
    const NUMBER: &'static str;

    /// The collection of the archived entries of this kind.
    fn history(collections: &Collections) -> &Collection<RawDocumentBuf>;

    /// Checks the fields. Fails if one of them breaks a rule of its type.
    fn into_value(self, owner: &Owner) -> Result<Self::Value, BoxError>;
}

/// Converts one entry of this user. Fails with [`StoreError::Damaged`].
pub(super) fn decode<E: Entry>(
    document: &RawDocument,
    owner: &Owner,
) -> Result<E::Value, StoreError> {
    bson::deserialize_from_slice::<E>(document.as_bytes())
        .map_err(BoxError::from)
        .and_then(|entry| entry.into_value(owner))
        .map_err(|error| damaged(E::KIND, error))
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

/// Returns the UUID in this field. `None` if the field has another type or is missing.
pub(super) fn uuid_in(document: &Document, field: &str) -> Option<bson::Uuid> {
    match document.get(field) {
        Some(Bson::Binary(binary)) => binary.to_uuid().ok(),
        _ => None,
    }
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
