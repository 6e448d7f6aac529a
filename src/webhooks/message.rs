//! The messages: an alert as JSON, without anything personal.

use axum::body::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::domain::{Alert, AlertKind, Timestamp};

/// A message to a receiver. It is the same in each try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id, by which a receiver recognizes a repeated message.
    pub id: String,
    /// The JSON text.
    pub body: Bytes,
}

impl Message {
    /// The message about an alert. Its id is that of the alert.
    #[must_use]
    pub fn of_alert(alert: &Alert) -> Self {
        let (kind, id) = (kind_name(alert.kind), alert.id().to_string());
        let data = json!({
            "kind": kind,
            "userId": alert.user.to_string(),
            "sessionKey": alert.session.map(|key| key.to_string()),
            "alertId": id,
            "sequence": alert.sequence,
            "createdAt": rfc3339(alert.created_at),
        });
        let kind = format!("alert.{}", kind.to_ascii_lowercase());
        Self::new(id, &kind, alert.created_at, &data)
    }

    /// A message that says only that it is a test.
    #[must_use]
    pub fn test(now: Timestamp) -> Self {
        let id = format!("test_{}", now.as_millis());
        Self::new(id, "webhook.test", now, &json!({}))
    }

    fn new(id: String, kind: &str, at: Timestamp, data: &Value) -> Self {
        let body = json!({ "type": kind, "timestamp": rfc3339(at), "data": data });
        Self {
            id,
            body: body.to_string().into(),
        }
    }
}

fn rfc3339(instant: Timestamp) -> String {
    DateTime::<Utc>::from(instant).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The name of the kind in the GraphQL schema.
const fn kind_name(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::LoginRefused => "LOGIN_REFUSED",
        AlertKind::LoginPending => "LOGIN_PENDING",
        AlertKind::LoginApproved => "LOGIN_APPROVED",
        AlertKind::LoginNotApproved => "LOGIN_NOT_APPROVED",
        AlertKind::SessionReplaced => "SESSION_REPLACED",
        AlertKind::SessionInvalidated(_) => "SESSION_INVALIDATED",
        AlertKind::SessionExpired => "SESSION_EXPIRED",
        AlertKind::PasswordChanged => "PASSWORD_CHANGED",
        AlertKind::AccountFrozen => "ACCOUNT_FROZEN",
        AlertKind::AccountUnfrozen => "ACCOUNT_UNFROZEN",
    }
}
