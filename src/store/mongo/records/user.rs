//! The documents of the collection `users`.

use bson::Binary;
use serde::{Deserialize, Serialize};

use super::{Record, alert::AttemptDocument, binary, bytes, id, instant, key, millis, owner};
use crate::{
    domain::{
        AlertWindow, Fingerprint, FoldedLogins, PasswordHash, RecentConflict, Session, SessionKey,
        UserId, UserState,
    },
    store::BoxError,
};

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store::mongo) struct UserDocument {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    mobile: String,
    username: String,
    password: Option<String>,
    created_at: i64,
    version: i64,
    active: Option<bson::Uuid>,
    pending: Option<bson::Uuid>,
    last_alert: i64,
    sessions_opened: i64,
    recent_conflicts: Vec<ConflictDocument>,
    /// Missing in documents of versions that did not count alerts.
    alert_window: Option<AlertWindowDocument>,
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

/// The contents of a user's document. `user` does not contain the active and the pending session
/// yet.
#[derive(Debug)]
pub(in crate::store::mongo) struct StoredUser {
    pub user: UserState,
    pub active: Option<SessionKey>,
    pub pending: Option<SessionKey>,
}

impl UserDocument {
    pub(in crate::store::mongo) fn of(user: &UserState) -> Result<Self, BoxError> {
        let key =
            |session: &Option<Session>| session.as_ref().map(|session| id(session.key.as_uuid()));
        let conflict = |conflict: &RecentConflict| ConflictDocument {
            device: binary(conflict.device.as_bytes()),
            at: millis(conflict.at),
        };
        Ok(Self {
            id: id(user.owner.id.as_uuid()),
            mobile: user.owner.mobile.as_str().to_owned(),
            username: user.owner.username.as_str().to_owned(),
            password: user.password.as_ref().map(|hash| hash.as_str().to_owned()),
            created_at: millis(user.created_at),
            version: user.version.try_into()?,
            active: key(&user.active),
            pending: key(&user.pending),
            last_alert: user.last_alert.try_into()?,
            sessions_opened: user.sessions_opened.try_into()?,
            recent_conflicts: user.recent_conflicts.iter().map(conflict).collect(),
            alert_window: user.alert_window.as_ref().map(AlertWindowDocument::of),
        })
    }
}

impl Record for UserDocument {
    type Value = StoredUser;
    const KIND: &'static str = "user";

    fn into_value(self) -> Result<StoredUser, BoxError> {
        let conflict = |conflict: ConflictDocument| -> Result<_, BoxError> {
            let device = Fingerprint::from_bytes(bytes(&conflict.device)?);
            Ok(RecentConflict {
                device,
                at: instant(conflict.at),
            })
        };
        let owner = owner(self.id, &self.mobile, &self.username)?;
        let alert_window = self.alert_window.map(|window| window.into_window(owner.id));
        Ok(StoredUser {
            user: UserState {
                owner,
                password: self.password.map(PasswordHash::new),
                created_at: instant(self.created_at),
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
            },
            active: self.active.map(key),
            pending: self.pending.map(key),
        })
    }
}
