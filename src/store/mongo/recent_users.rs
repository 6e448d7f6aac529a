//! The users whom this node has changed recently, in memory.
//!
//! Another node may have changed them since. A state from here is therefore only a first guess: a
//! login that is decided on it and opens a session needs one statement, the commit, instead of
//! three. The commit compares the version, so a guess that is wrong costs time and nothing else.
//!
//! The change stream removes the users whom other nodes change, so that wrong guesses are rare.

use quick_cache::sync::Cache;

use crate::domain::{Mobile, UserId, UserState};

/// The maximum number of users. The state of a user takes about a kilobyte, and less than eight.
const CAPACITY: usize = 10_000;

#[derive(Debug)]
pub(super) struct RecentUsers {
    users: Cache<UserId, UserState>,
    /// The user whom a number belonged to when it was inserted.
    numbers: Cache<Mobile, UserId>,
}

impl RecentUsers {
    pub(super) fn new() -> Self {
        Self {
            users: Cache::new(CAPACITY),
            numbers: Cache::new(CAPACITY),
        }
    }

    pub(super) fn by_mobile(&self, mobile: &Mobile) -> Option<UserState> {
        let id = self.numbers.get(mobile)?;
        let user = self.users.get(&id)?;
        (user.owner.mobile == *mobile).then_some(user)
    }

    /// Inserts the state after a commit of this node.
    pub(super) fn insert(&self, user: UserState) {
        let id = user.owner.id;
        if self.numbers.peek(&user.owner.mobile) != Some(id) {
            self.numbers.insert(user.owner.mobile.clone(), id);
        }
        self.users.insert(id, user);
    }

    pub(super) fn remove(&self, user: UserId) {
        self.users.remove(&user);
    }

    /// Removes a user whom a commit gave a later version, or none. This node's own commits are in
    /// the memory already.
    pub(super) fn changed(&self, user: UserId, version: Option<u64>) {
        let is_outdated = |known: &UserState| version.is_none_or(|version| known.version < version);
        self.users.remove_if(&user, is_outdated);
    }

    /// Removes all users, because some may have changed.
    pub(super) fn clear(&self) {
        self.users.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LoginHistory, Owner, Timestamp, Username};

    fn user(id: u128, version: u64) -> UserState {
        UserState {
            owner: Owner {
                id: UserId::new(uuid::Uuid::from_u128(id)),
                mobile: Mobile::parse("9012345601").unwrap(),
                username: Username::parse("Ada").unwrap(),
            },
            password: None,
            created_at: Timestamp::from_millis(0),
            version,
            active: None,
            pending: None,
            last_alert: 0,
            sessions_opened: 0,
            recent_conflicts: Vec::new(),
            alert_window: None,
            history: LoginHistory::default(),
            freeze: None,
        }
    }

    #[test]
    fn a_user_whom_another_node_has_changed_is_removed() {
        let recent = RecentUsers::new();
        let ada = user(1, 4);
        let (id, mobile) = (ada.owner.id, &ada.owner.mobile);
        recent.insert(ada.clone());
        for own in [3, 4] {
            recent.changed(id, Some(own));
            assert_eq!(recent.by_mobile(mobile), Some(ada.clone()));
        }
        recent.changed(id, Some(5));
        assert_eq!(recent.by_mobile(mobile), None);
    }

    #[test]
    fn a_deletion_and_a_lost_notification_remove_users() {
        let recent = RecentUsers::new();
        let ada = user(1, 4);
        recent.insert(ada.clone());
        recent.changed(ada.owner.id, None);
        assert_eq!(recent.by_mobile(&ada.owner.mobile), None);
        recent.insert(ada.clone());
        recent.clear();
        assert_eq!(recent.by_mobile(&ada.owner.mobile), None);
    }

    #[test]
    fn a_number_with_a_new_owner_returns_no_former_owner() {
        let recent = RecentUsers::new();
        let (former, owner) = (user(1, 4), user(2, 1));
        recent.insert(former);
        recent.insert(owner.clone());
        assert_eq!(recent.by_mobile(&owner.owner.mobile), Some(owner));
    }
}
