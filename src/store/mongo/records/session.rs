//! The documents of the collection `sessions`.

use std::{net::IpAddr, time::Duration};

use bson::{Binary, Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};

use super::{Record, attempt_id, binary, bytes, date, id, instant, instant_of, key, millis, owner};
use crate::{
    domain::{Device, DeviceId, Ended, Session, Status, TokenHash, UserAgent, UserId},
    store::{
        BoxError,
        names::{end_reason_from_name, end_reason_name},
    },
};

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store::mongo) struct SessionDocument {
    #[serde(rename = "_id")]
    key: bson::Uuid,
    user: bson::Uuid,
    mobile: String,
    username: String,
    number: i64,
    token_hash: Binary,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    user_agent: String,
    address: String,
    created_at: i64,
    last_seen_at: i64,
    /// Milliseconds.
    idle_timeout: i64,
    lifetime_ends_at: i64,
    status: String,
    /// `true` until the session has ended. This field and the next ones are absent if the status
    /// does not have them, because the indexes depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<bson::Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approve_by: Option<i64>,
    /// When the session expires. Absent after it has ended. The maintenance task finds overdue
    /// sessions by this field.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
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
            Status::Pending { attempt, until } => ("pending", Some((attempt, until)), None),
            Status::Ended(ended) => ("ended", None, Some(ended)),
        };
        Ok(Self {
            key: id(session.key.as_uuid()),
            user: id(session.owner.id.as_uuid()),
            mobile: session.owner.mobile.as_str().to_owned(),
            username: session.owner.username.as_str().to_owned(),
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
            open: ended.is_none().then_some(true),
            attempt: pending.map(|(attempt, _)| id(&attempt.id)),
            approve_by: pending.map(|(_, until)| millis(*until)),
            expires_at: ended.is_none().then(|| millis(session.expires_at())),
            ended_at: ended.map(|ended| date(ended.at)),
            end_reason: ended.map(|ended| end_reason_name(ended.reason).to_owned()),
            replaced_by: ended
                .and_then(|ended| ended.replaced_by)
                .map(|key| id(key.as_uuid())),
        })
    }

    /// Returns the update that sets a stored session to this status. It never moves the last-seen
    /// time back: a touch may have recorded a later request than the one that the rules knew of.
    pub(in crate::store::mongo) fn into_update(self) -> Vec<Document> {
        let mut set = doc! {
            "status": self.status.as_str(),
            "last_seen_at": { "$max": ["$last_seen_at", self.last_seen_at] },
        };
        let mut unset = Vec::new();
        let fields: [(_, Option<Bson>); 6] = [
            ("open", self.open.map(Into::into)),
            ("attempt", self.attempt.map(Into::into)),
            ("approve_by", self.approve_by.map(Into::into)),
            ("ended_at", self.ended_at.map(Into::into)),
            ("end_reason", self.end_reason.map(Into::into)),
            ("replaced_by", self.replaced_by.map(Into::into)),
        ];
        for (name, value) in fields {
            match value {
                Some(value) => {
                    set.insert(name, value);
                }
                None => unset.push(name),
            }
        }
        let mut stages = vec![doc! { "$set": set }];
        match (self.status.as_str(), self.expires_at) {
            ("active", _) => stages.push(doc! { "$set": { "expires_at": active_expires_at() } }),
            (_, Some(until)) => stages.push(doc! { "$set": { "expires_at": until } }),
            (_, None) => unset.push("expires_at"),
        }
        if !unset.is_empty() {
            stages.push(doc! { "$unset": unset });
        }
        stages
    }

    /// Returns the update that gives a pending session the token, user agent and address of a later
    /// login, and writes its instants.
    pub(in crate::store::mongo) fn into_renewal(self) -> Document {
        doc! { "$set": {
            "token_hash": self.token_hash,
            "user_agent": self.user_agent,
            "address": self.address,
            "created_at": self.created_at,
            "last_seen_at": self.last_seen_at,
            "lifetime_ends_at": self.lifetime_ends_at,
            "approve_by": self.approve_by,
            "expires_at": self.expires_at,
        } }
    }

    /// Returns the update that sets a stored session to this status and to these instants, even if
    /// the stored ones are later.
    pub(in crate::store::mongo) fn into_set_back(self) -> Vec<Document> {
        let mut instants = doc! {
            "created_at": self.created_at,
            "last_seen_at": self.last_seen_at,
            "lifetime_ends_at": self.lifetime_ends_at,
        };
        if let Some(expires_at) = self.expires_at {
            instants.insert("expires_at", expires_at);
        }
        let mut stages = self.into_update();
        stages.push(doc! { "$set": instants });
        stages
    }

    /// Returns the update that moves the last-seen time of the session with this key forward to
    /// `at`. It does not change a later time or another session.
    pub(in crate::store::mongo) fn touch(key: bson::Uuid, at: i64) -> [Document; 2] {
        let seen = doc! { "$cond": [
            { "$eq": ["$_id", key] },
            { "$max": ["$last_seen_at", at] },
            "$last_seen_at",
        ] };
        let expires_at = doc! { "$cond": [
            { "$eq": ["$status", "active"] },
            active_expires_at(),
            "$expires_at",
        ] };
        [
            doc! { "$set": { "last_seen_at": seen } },
            doc! { "$set": { "expires_at": expires_at } },
        ]
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

/// [`Session::expires_at`] of an active session, computed by the server from the stored last-seen
/// time.
fn active_expires_at() -> Document {
    doc! { "$min": [{ "$add": ["$last_seen_at", "$idle_timeout"] }, "$lifetime_ends_at"] }
}

impl Record for SessionDocument {
    type Value = Session;
    const KIND: &'static str = "session";

    fn into_value(self) -> Result<Session, BoxError> {
        let owner = owner(self.user, &self.mobile, &self.username)?;
        let status = self.status(owner.id)?;
        Ok(Session {
            key: key(self.key),
            number: self.number.try_into()?,
            owner,
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
