//! The stored form of a user's [`LoginHistory`] and [`Freeze`], which is the same in both stores: JSON
//! in SQLite, a subdocument in MongoDB.
//!
//! Each is one value, because it is always read and written whole, and no query searches by a part of
//! it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::BoxError;
use crate::domain::{
    Denials, DeviceHash, Freeze, FreezeReason, FrozenBy, LoginHistory, NumberMatch, RecentChoices,
    SessionKey, TakeOvers, TakenSession, Timestamp, Window, base64url,
};

/// The stored form of a [`LoginHistory`]. Instants are milliseconds since the Unix epoch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredHistory {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    denials: Option<StoredDenials>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    supersessions: Option<StoredWindow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    take_overs: Option<StoredTakeOvers>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    recent_choices: Vec<StoredChoices>,
    /// Each device in base64url.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    devices: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredDenials {
    count: i64,
    unanswered: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused_at: Option<i64>,
    last_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredWindow {
    started_at: i64,
    count: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredTakeOvers {
    window: StoredWindow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incumbent: Option<String>,
    /// Nil if the fight is over: earlier releases read this field, and know no session with this key.
    opened: String,
    /// A form without it is of a time when the limit was counted from the start of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken_at: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredChoices {
    at: i64,
    choices: Vec<i64>,
}

/// The stored form of a [`Freeze`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredFreeze {
    since: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    by: StoredFrozenBy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredFrozenBy {
    Service,
    Session,
}

impl StoredHistory {
    /// Returns `None` for a history that remembers nothing.
    pub(super) fn of(history: &LoginHistory) -> Option<Self> {
        if history.is_empty() {
            return None;
        }
        let device = |device: &DeviceHash| base64url::encode(device.as_bytes());
        let choices = |recent: &RecentChoices| StoredChoices {
            at: recent.at.as_millis(),
            choices: recent
                .choices
                .iter()
                .map(|choice| i64::from(*choice))
                .collect(),
        };
        Some(Self {
            denials: history.denials.as_ref().map(|denials| StoredDenials {
                count: denials.count.into(),
                unanswered: denials.unanswered.into(),
                paused_at: denials.paused_at.map(Timestamp::as_millis),
                last_at: denials.last_at.as_millis(),
            }),
            supersessions: history.supersessions.map(StoredWindow::of),
            take_overs: history
                .take_overs
                .as_ref()
                .map(|take_overs| StoredTakeOvers {
                    window: StoredWindow::of(take_overs.window),
                    incumbent: take_overs.incumbent.as_ref().map(device),
                    opened: take_overs
                        .opened
                        .map_or_else(Uuid::nil, |opened| *opened.key.as_uuid())
                        .to_string(),
                    taken_at: take_overs.opened.map(|opened| opened.taken_at.as_millis()),
                }),
            recent_choices: history.recent_choices.iter().map(choices).collect(),
            devices: history.devices.iter().map(device).collect(),
        })
    }

    pub(super) fn into_history(self) -> Result<LoginHistory, BoxError> {
        let choices = |stored: StoredChoices| -> Result<_, BoxError> {
            let numbers = stored.choices.into_iter().map(u8::try_from);
            let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
            let choices: [u8; NumberMatch::CHOICES] = numbers
                .try_into()
                .map_err(|_| "an attempt does not have three numbers")?;
            Ok(RecentChoices {
                at: Timestamp::from_millis(stored.at),
                choices,
            })
        };
        let take_overs = |stored: StoredTakeOvers| -> Result<_, BoxError> {
            let opened = Some(Uuid::parse_str(&stored.opened)?).filter(|key| !key.is_nil());
            let taken_at = stored.taken_at.unwrap_or(stored.window.started_at);
            Ok(TakeOvers {
                window: stored.window.into_window()?,
                incumbent: stored.incumbent.as_deref().map(device_hash).transpose()?,
                opened: opened.map(|key| TakenSession {
                    key: SessionKey::new(key),
                    taken_at: Timestamp::from_millis(taken_at),
                }),
            })
        };
        let devices = self.devices.iter().map(|device| device_hash(device));
        Ok(LoginHistory {
            denials: self.denials.map(StoredDenials::into_denials).transpose()?,
            supersessions: self
                .supersessions
                .map(StoredWindow::into_window)
                .transpose()?,
            take_overs: self.take_overs.map(take_overs).transpose()?,
            recent_choices: self
                .recent_choices
                .into_iter()
                .map(choices)
                .collect::<Result<_, _>>()?,
            devices: devices.collect::<Result<_, _>>()?,
        })
    }
}

impl StoredDenials {
    fn into_denials(self) -> Result<Denials, BoxError> {
        Ok(Denials {
            count: self.count.try_into()?,
            unanswered: self.unanswered.try_into()?,
            paused_at: self.paused_at.map(Timestamp::from_millis),
            last_at: Timestamp::from_millis(self.last_at),
        })
    }
}

impl StoredWindow {
    fn of(window: Window) -> Self {
        Self {
            started_at: window.started_at.as_millis(),
            count: window.count.into(),
        }
    }

    fn into_window(self) -> Result<Window, BoxError> {
        Ok(Window {
            started_at: Timestamp::from_millis(self.started_at),
            count: self.count.try_into()?,
        })
    }
}

fn device_hash(text: &str) -> Result<DeviceHash, BoxError> {
    let bytes = base64url::decode(text).ok_or("a device is not 16 bytes in base64url")?;
    Ok(DeviceHash::from_bytes(bytes))
}

impl StoredFreeze {
    pub(super) fn of(freeze: &Freeze) -> Self {
        Self {
            since: freeze.since.as_millis(),
            until: freeze.until.map(Timestamp::as_millis),
            by: match freeze.by {
                FrozenBy::Service => StoredFrozenBy::Service,
                FrozenBy::Session => StoredFrozenBy::Session,
            },
            reason: freeze
                .reason
                .as_ref()
                .map(|reason| reason.as_str().to_owned()),
        }
    }

    pub(super) fn into_freeze(self) -> Result<Freeze, BoxError> {
        Ok(Freeze {
            since: Timestamp::from_millis(self.since),
            until: self.until.map(Timestamp::from_millis),
            by: match self.by {
                StoredFrozenBy::Service => FrozenBy::Service,
                StoredFrozenBy::Session => FrozenBy::Session,
            },
            reason: self
                .reason
                .as_deref()
                .map(FreezeReason::parse)
                .transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_over_whose_fight_is_over_has_a_nil_session_and_an_earlier_form_is_still_read() {
        let key = SessionKey::new(Uuid::from_u128(7));
        let read = |take_overs: String| {
            let stored = format!(r#"{{"take_overs":{{{take_overs}}}}}"#);
            let stored: StoredHistory = serde_json::from_str(&stored).unwrap();
            let history = stored.into_history().unwrap();
            let again = serde_json::to_string(&StoredHistory::of(&history)).unwrap();
            (history.take_overs.unwrap().opened, again)
        };
        let window = r#""window":{"started_at":5,"count":2}"#;
        let (opened, again) = read(format!(r#"{window},"opened":"{key}""#));
        let taken_at = Timestamp::from_millis(5);
        assert_eq!(opened, Some(TakenSession { key, taken_at }));
        assert!(again.contains(r#""taken_at":5"#), "{again}");
        let nil = format!(r#""opened":"{}""#, Uuid::nil());
        let (opened, again) = read(format!("{window},{nil}"));
        assert_eq!(opened, None);
        assert!(again.contains(&nil), "{again}");
    }
}
