//! The documents of the collection `alerts`.

use std::net::IpAddr;

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{Record, attempt_id, date, id, instant, instant_of, key, millis, user_id};
use crate::{
    domain::{Alert, Attempt, UserAgent},
    store::{
        BoxError,
        names::{alert_kind_from_name, alert_kind_name},
    },
};

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store::mongo) struct AlertDocument {
    user: bson::Uuid,
    sequence: i64,
    kind: String,
    /// Indexed for retention.
    created_at: DateTime,
    session: bson::Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<AttemptDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AttemptDocument {
    id: bson::Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<bson::Uuid>,
    user_agent: String,
    address: String,
    created_at: i64,
}

impl AlertDocument {
    pub(in crate::store::mongo) fn of(alert: &Alert) -> Result<Self, BoxError> {
        Ok(Self {
            user: id(alert.user.as_uuid()),
            sequence: alert.sequence.try_into()?,
            kind: alert_kind_name(alert.kind).to_owned(),
            created_at: date(alert.created_at),
            session: id(alert.session.as_uuid()),
            attempt: alert.attempt.as_ref().map(|attempt| AttemptDocument {
                id: id(&attempt.id.id),
                session: attempt.session.map(|key| id(key.as_uuid())),
                user_agent: attempt.user_agent.as_str().to_owned(),
                address: attempt.address.to_string(),
                created_at: millis(attempt.created_at),
            }),
        })
    }
}

impl Record for AlertDocument {
    type Value = Alert;
    const KIND: &'static str = "alert";

    fn into_value(self) -> Result<Alert, BoxError> {
        let user = user_id(self.user);
        let attempt = |attempt: AttemptDocument| -> Result<_, BoxError> {
            Ok(Attempt {
                id: attempt_id(user, attempt.id),
                session: attempt.session.map(key),
                user_agent: UserAgent::from_stored(&attempt.user_agent)?,
                address: attempt.address.parse::<IpAddr>()?.to_canonical(),
                created_at: instant(attempt.created_at),
            })
        };
        Ok(Alert {
            user,
            sequence: self.sequence.try_into()?,
            kind: alert_kind_from_name(&self.kind)?,
            created_at: instant_of(self.created_at),
            session: key(self.session),
            attempt: self.attempt.map(attempt).transpose()?,
        })
    }
}
