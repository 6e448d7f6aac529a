//! The ids of users, sessions, commits, login attempts and alerts.

use std::fmt;

use uuid::Uuid;

use super::base64url;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// Parses the hyphenated form that [`fmt::Display`] writes. `None` for any other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == uuid::fmt::Hyphenated::LENGTH)
                    .then(|| Uuid::try_parse(text).ok())
                    .flatten()
                    .map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// The id of a user.
    UserId
}
uuid_id! {
    /// The public id of a session. It is not a secret: only the session's [`Token`](super::Token)
    /// opens the session.
    SessionKey
}
uuid_id! {
    /// The id of a commit. It makes a commit idempotent: if a store's response was lost, the store
    /// can find out whether it applied the commit.
    CommitId
}

/// The id of a login attempt. It contains the user's id, so that a look-up reads the records of
/// that user only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId {
    /// The user whose credentials the attempt used.
    pub user: UserId,
    /// The attempt's unique id.
    pub id: Uuid,
}

impl AttemptId {
    /// Parses the form that [`fmt::Display`] writes. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = base64url::decode(text)?;
        let (user, id) = bytes.split_at(16);
        Some(Self {
            user: UserId(Uuid::from_slice(user).ok()?),
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [*self.user.0.as_bytes(), *self.id.as_bytes()].concat();
        f.write_str(&base64url::encode(&bytes))
    }
}

/// The id of an alert, unique among the alerts of all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertId {
    /// The user whose log holds the alert.
    pub user: UserId,
    /// The alert's number in that log.
    pub sequence: u64,
}

impl AlertId {
    /// Parses the form that [`fmt::Display`] writes. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = base64url::decode(text)?;
        let (user, sequence) = bytes.split_at(16);
        Some(Self {
            user: UserId(Uuid::from_slice(user).ok()?),
            sequence: u64::from_be_bytes(sequence.try_into().ok()?),
        })
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(self.user.0.as_bytes());
        bytes[16..].copy_from_slice(&self.sequence.to_be_bytes());
        f.write_str(&base64url::encode(&bytes))
    }
}
