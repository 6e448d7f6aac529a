//! Alerts: the fields of an alert in its user's document, and in the collection `alerts`.

use std::net::IpAddr;

use bson::{DateTime, RawDocumentBuf};
use mongodb::Collection;
use serde::{Deserialize, Serialize};

use super::{Entry, attempt_id, date, id, instant, instant_of, key, millis};
use crate::{
    domain::{Alert, Attempt, CommitId, Newness, Owner, UserAgent, UserId},
    store::{
        BoxError,
        mongo::collections::Collections,
        names::{alert_kind_from_name, alert_kind_name},
    },
};

/// The fields of one alert. The user is not one of them.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store::mongo) struct AlertDocument {
    sequence: i64,
    kind: String,
    /// Indexed for retention.
    created_at: DateTime,
    /// Absent if the alert is about the user only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<bson::Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<AttemptDocument>,
    /// Absent if it is 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    folded_count: i64,
    /// The commit that raised the alert: the evidence that the commit was applied. Absent in alerts
    /// of layout 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<bson::Uuid>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a field by reference"
)]
const fn is_zero(count: &i64) -> bool {
    *count == 0
}

/// A login attempt in an alert, or in the user's document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AttemptDocument {
    id: bson::Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<bson::Uuid>,
    user_agent: String,
    address: String,
    created_at: i64,
    /// Absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_new_device: Option<bool>,
    /// Absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_new_place: Option<bool>,
}

impl AttemptDocument {
    pub(super) fn of(attempt: &Attempt) -> Self {
        Self {
            id: id(&attempt.id.id),
            session: attempt.session.map(|key| id(key.as_uuid())),
            user_agent: attempt.user_agent.as_str().to_owned(),
            address: attempt.address.to_string(),
            created_at: millis(attempt.created_at),
            is_new_device: attempt.newness.device,
            is_new_place: attempt.newness.place,
        }
    }

    pub(super) fn into_attempt(self, user: UserId) -> Result<Attempt, BoxError> {
        Ok(Attempt {
            id: attempt_id(user, self.id),
            session: self.session.map(key),
            user_agent: UserAgent::from_stored(&self.user_agent)?,
            address: self.address.parse::<IpAddr>()?.to_canonical(),
            created_at: instant(self.created_at),
            newness: Newness {
                device: self.is_new_device,
                place: self.is_new_place,
            },
        })
    }
}

impl AlertDocument {
    pub(in crate::store::mongo) fn of(alert: &Alert, commit: CommitId) -> Result<Self, BoxError> {
        Ok(Self {
            sequence: alert.sequence.try_into()?,
            kind: alert_kind_name(alert.kind).to_owned(),
            created_at: date(alert.created_at),
            session: alert.session.map(|key| id(key.as_uuid())),
            attempt: alert.attempt.as_ref().map(AttemptDocument::of),
            folded_count: alert.folded_count.into(),
            commit: Some(id(commit.as_uuid())),
        })
    }
}

impl Entry for AlertDocument {
    type Value = Alert;
    const KIND: &'static str = "alert";
    const TAIL_PREFIX: char = 'a';
    const NUMBER: &'static str = "sequence";

    fn history(collections: &Collections) -> &Collection<RawDocumentBuf> {
        &collections.alerts
    }

    fn into_value(self, owner: &Owner) -> Result<Alert, BoxError> {
        let user = owner.id;
        let attempt = self.attempt.map(|attempt| attempt.into_attempt(user));
        Ok(Alert {
            user,
            sequence: self.sequence.try_into()?,
            kind: alert_kind_from_name(&self.kind)?,
            created_at: instant_of(self.created_at),
            session: self.session.map(key),
            attempt: attempt.transpose()?,
            folded_count: self.folded_count.try_into()?,
        })
    }
}
