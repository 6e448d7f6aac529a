//! Sessions: the fields of a session in its user's document, and in the collection `sessions`.

use std::{net::IpAddr, time::Duration};

use bson::{Binary, DateTime, RawDocumentBuf};
use mongodb::Collection;
use serde::{Deserialize, Serialize};

use super::{Entry, attempt_id, binary, bytes, date, id, instant, instant_of, key, millis};
use crate::{
    domain::{
        Device, DeviceId, Ended, NumberMatch, Owner, Session, Status, TokenHash, UserAgent, UserId,
    },
    store::{
        BoxError,
        mongo::collections::Collections,
        names::{end_reason_from_name, end_reason_name},
    },
};

/// The fields of one session. The owner is not one of them: the user's document holds its number
/// and name once.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store::mongo) struct SessionDocument {
    /// The `_id` of the document if the session is archived.
    #[serde(alias = "_id")]
    key: bson::Uuid,
    number: i64,
    token_hash: Binary,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    user_agent: String,
    address: String,
    created_at: i64,
    /// Touches move it forward while the session is active.
    last_seen_at: i64,
    /// Milliseconds.
    idle_timeout: i64,
    lifetime_ends_at: i64,
    status: String,
    /// This field and the next ones are absent if the status does not have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<bson::Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approve_by: Option<i64>,
    /// The number that the waiting device shows, and the three choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matching: Option<Binary>,
    /// Indexed for retention.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<bson::Uuid>,
}

impl SessionDocument {
    pub(in crate::store::mongo) fn of(session: &Session) -> Result<Self, BoxError> {
        let (status, pending, ended) = match &session.status {
            Status::Active => ("active", None, None),
            Status::Pending {
                attempt,
                until,
                matching,
            } => ("pending", Some((attempt, until, matching)), None),
            Status::Ended(ended) => ("ended", None, Some(ended)),
        };
        Ok(Self {
            key: id(session.key.as_uuid()),
            number: session.number.try_into()?,
            token_hash: binary(session.token_hash.as_bytes()),
            device_id: session.device.id.as_ref().map(DeviceId::to_stored),
            user_agent: session.device.user_agent.as_str().to_owned(),
            address: session.device.address.to_string(),
            created_at: millis(session.created_at),
            last_seen_at: millis(session.last_seen_at),
            idle_timeout: i64::try_from(session.idle_timeout.as_millis()).unwrap_or(i64::MAX),
            lifetime_ends_at: millis(session.lifetime_ends_at),
            status: status.to_owned(),
            attempt: pending.map(|(attempt, ..)| id(&attempt.id)),
            approve_by: pending.map(|(_, until, _)| millis(*until)),
            matching: pending
                .and_then(|(.., matching)| matching.as_ref())
                .map(|matching| binary(&matching.to_bytes())),
            ended_at: ended.map(|ended| date(ended.at)),
            end_reason: ended.map(|ended| end_reason_name(ended.reason).to_owned()),
            replaced_by: ended
                .and_then(|ended| ended.replaced_by)
                .map(|key| id(key.as_uuid())),
        })
    }

    fn status(&self, user: UserId) -> Result<Status, BoxError> {
        match (
            self.status.as_str(),
            self.attempt,
            self.approve_by,
            self.ended_at,
            &self.end_reason,
        ) {
            ("active", ..) => Ok(Status::Active),
            ("pending", Some(id), Some(until), ..) => Ok(Status::Pending {
                attempt: attempt_id(user, id),
                until: instant(until),
                matching: self.matching.as_ref().map(number_match).transpose()?,
            }),
            ("ended", .., Some(at), Some(reason)) => Ok(Status::Ended(Ended {
                at: instant_of(at),
                reason: end_reason_from_name(reason)?,
                replaced_by: self.replaced_by.map(key),
            })),
            _ => Err("the status is unknown, or a field that it requires is missing".into()),
        }
    }
}

fn number_match(stored: &Binary) -> Result<NumberMatch, BoxError> {
    let matching = NumberMatch::from_bytes(&stored.bytes);
    matching.ok_or_else(|| "not a number and three choices".into())
}

impl Entry for SessionDocument {
    type Value = Session;
    const KIND: &'static str = "session";
    const TAIL_PREFIX: char = 's';
    const NUMBER: &'static str = "number";

    fn history(collections: &Collections) -> &Collection<RawDocumentBuf> {
        &collections.sessions
    }

    fn into_value(self, owner: &Owner) -> Result<Session, BoxError> {
        let status = self.status(owner.id)?;
        Ok(Session {
            key: key(self.key),
            number: self.number.try_into()?,
            owner: owner.clone(),
            token_hash: TokenHash::from_bytes(bytes(&self.token_hash)?),
            device: Device {
                id: self
                    .device_id
                    .map(|text| DeviceId::from_stored(&text))
                    .transpose()?,
                user_agent: UserAgent::from_stored(&self.user_agent)?,
                address: self.address.parse::<IpAddr>()?.to_canonical(),
            },
            created_at: instant(self.created_at),
            last_seen_at: instant(self.last_seen_at),
            idle_timeout: Duration::from_millis(self.idle_timeout.try_into()?),
            lifetime_ends_at: instant(self.lifetime_ends_at),
            status,
        })
    }
}
