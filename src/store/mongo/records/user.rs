//! The fields of a user, without its sessions and alerts.

use bson::Binary;
use serde::{Deserialize, Serialize};

use super::{alert::AttemptDocument, binary, bytes, instant, millis};
use crate::{
    domain::{
        AlertWindow, Fingerprint, FoldedLogins, Owner, PasswordHash, RecentConflict, UserId,
        UserState,
    },
    store::{
        BoxError,
        login_history::{StoredFreeze, StoredHistory},
    },
};

/// The fields that every commit writes, because a decision may have changed any of them.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store::mongo) struct UserDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    version: i64,
    last_alert: i64,
    sessions_opened: i64,
    recent_conflicts: Vec<ConflictDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_window: Option<AlertWindowDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_history: Option<StoredHistory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    freeze: Option<StoredFreeze>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AlertWindowDocument {
    started_at: i64,
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    folded: Option<FoldedDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FoldedDocument {
    count: i64,
    last: AttemptDocument,
    /// When maintenance reports the logins. It searches by this field.
    due_at: i64,
}

impl AlertWindowDocument {
    fn of(window: &AlertWindow) -> Self {
        let folded = |folded: &FoldedLogins| FoldedDocument {
            count: folded.count.into(),
            last: AttemptDocument::of(&folded.last),
            due_at: millis(window.ends_at()),
        };
        Self {
            started_at: millis(window.started_at),
            count: window.count.into(),
            folded: window.folded.as_ref().map(folded),
        }
    }

    fn into_window(self, user: UserId) -> Result<AlertWindow, BoxError> {
        let folded = |folded: FoldedDocument| -> Result<_, BoxError> {
            Ok(FoldedLogins {
                count: folded.count.try_into()?,
                last: folded.last.into_attempt(user)?,
            })
        };
        Ok(AlertWindow {
            started_at: instant(self.started_at),
            count: self.count.try_into()?,
            folded: self.folded.map(folded).transpose()?,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct ConflictDocument {
    device: Binary,
    at: i64,
}

impl UserDocument {
    pub(in crate::store::mongo) fn of(user: &UserState) -> Result<Self, BoxError> {
        let conflict = |conflict: &RecentConflict| ConflictDocument {
            device: binary(conflict.device.as_bytes()),
            at: millis(conflict.at),
        };
        Ok(Self {
            password: user.password.as_ref().map(|hash| hash.as_str().to_owned()),
            version: user.version.try_into()?,
            last_alert: user.last_alert.try_into()?,
            sessions_opened: user.sessions_opened.try_into()?,
            recent_conflicts: user.recent_conflicts.iter().map(conflict).collect(),
            alert_window: user.alert_window.as_ref().map(AlertWindowDocument::of),
            login_history: StoredHistory::of(&user.history),
            freeze: user.freeze.as_ref().map(StoredFreeze::of),
        })
    }

    /// The user without its open sessions.
    pub(super) fn into_state(self, owner: Owner, created_at: i64) -> Result<UserState, BoxError> {
        let conflict = |conflict: ConflictDocument| -> Result<_, BoxError> {
            let device = Fingerprint::from_bytes(bytes(&conflict.device)?);
            Ok(RecentConflict {
                device,
                at: instant(conflict.at),
            })
        };
        let alert_window = self.alert_window.map(|window| window.into_window(owner.id));
        let history = self.login_history.map(StoredHistory::into_history);
        let freeze = self.freeze.map(StoredFreeze::into_freeze);
        Ok(UserState {
            owner,
            password: self.password.map(PasswordHash::new),
            created_at: instant(created_at),
            version: self.version.try_into()?,
            active: None,
            pending: None,
            last_alert: self.last_alert.try_into()?,
            sessions_opened: self.sessions_opened.try_into()?,
            recent_conflicts: self
                .recent_conflicts
                .into_iter()
                .map(conflict)
                .collect::<Result<_, _>>()?,
            alert_window: alert_window.transpose()?,
            history: history.transpose()?.unwrap_or_default(),
            freeze: freeze.transpose()?,
        })
    }
}
