//! Freezes of users.

use async_graphql::{Enum, SimpleObject};

use super::scalars::DateTime;
use crate::domain;

/// The freeze of a user: no session of the user is valid, and no login succeeds.
#[derive(SimpleObject)]
pub(super) struct UserFreeze {
    /// The time when `by` froze the user first. If the service freezes a user whom a session has
    /// frozen, this is the time at which the service did.
    since: DateTime,
    /// The time when the freeze ends by itself. Null if only `unfreezeUser` ends it.
    until: Option<DateTime>,
    /// Who froze the user.
    by: FrozenBy,
    /// The reason, if one was given.
    reason: Option<String>,
}

/// Who froze a user. Values may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::FrozenBy")]
pub(super) enum FrozenBy {
    /// The service.
    Service,
    /// The device that had the user's active session.
    Session,
}

impl From<&domain::Freeze> for UserFreeze {
    fn from(freeze: &domain::Freeze) -> Self {
        Self {
            since: DateTime(freeze.since),
            until: freeze.until.map(DateTime),
            by: freeze.by.into(),
            reason: freeze
                .reason
                .as_ref()
                .map(|reason| reason.as_str().to_owned()),
        }
    }
}
