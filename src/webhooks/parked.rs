//! The users whose alerts wait for a receiver, in the memory of its sender, which alone changes them.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{Timestamp, UserId},
    store::{FeedPosition, ParkedUser, WebhookProgress},
};

/// The number of parked users from which a sender reads no further in the feed. There may be a few
/// more: those of the changes that were read before.
pub(super) const MAX_PARKED: usize = 1000;

/// The parked users of a receiver, and which of them have changed since the last write.
#[derive(Debug)]
pub(super) struct ParkedUsers {
    users: HashMap<UserId, ParkedUser>,
    changed: HashSet<UserId>,
}

impl ParkedUsers {
    pub fn new(users: Vec<ParkedUser>) -> Self {
        Self {
            users: users.into_iter().map(|user| (user.user, user)).collect(),
            changed: HashSet::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.users.len()
    }

    pub fn is_full(&self) -> bool {
        self.users.len() >= MAX_PARKED
    }

    /// Whether something has changed since the last write.
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    pub fn put(&mut self, user: ParkedUser) {
        self.changed.insert(user.user);
        self.users.insert(user.user, user);
    }

    pub fn remove(&mut self, user: UserId) {
        if self.users.remove(&user).is_some() {
            self.changed.insert(user);
        }
    }

    /// Adds the alerts up to this one to those that wait. Returns false if the user is not parked.
    pub fn extend(&mut self, user: UserId, last: u64) -> bool {
        let Some(parked) = self.users.get_mut(&user) else {
            return false;
        };
        if last > parked.last {
            parked.last = last;
            self.changed.insert(user);
        }
        true
    }

    /// The users who are due, at most `limit`, those who are due longest first.
    pub fn due(&self, now: Timestamp, limit: usize) -> Vec<ParkedUser> {
        let users = self.users.values().filter(|user| user.retry_at <= now);
        let mut due: Vec<_> = users.copied().collect();
        due.sort_unstable_by_key(|user| user.retry_at);
        due.truncate(limit);
        due
    }

    /// When the next user is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.users.values().map(|user| user.retry_at).min()
    }

    /// The time of the oldest alert that waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.users.values().map(|user| user.waiting_since).min()
    }

    /// What is to be written, with this position.
    pub fn progress(&self, position: FeedPosition) -> WebhookProgress {
        let (parked, removed) = self.changed.iter().fold(
            (Vec::new(), Vec::new()),
            |(mut parked, mut removed), user| {
                match self.users.get(user) {
                    Some(user) => parked.push(*user),
                    None => removed.push(*user),
                }
                (parked, removed)
            },
        );
        WebhookProgress {
            position,
            parked,
            removed,
        }
    }

    /// Marks everything as written.
    pub fn written(&mut self) {
        self.changed.clear();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn parked(user: u128, retry_at: i64) -> ParkedUser {
        ParkedUser {
            user: UserId::new(Uuid::from_u128(user)),
            next: 1,
            last: 1,
            failures: 1,
            retry_at: Timestamp::from_millis(retry_at),
            waiting_since: Timestamp::from_millis(retry_at - 10),
        }
    }

    #[test]
    fn the_users_who_are_due_longest_come_first() {
        let users = ParkedUsers::new(vec![parked(1, 30), parked(2, 10), parked(3, 20)]);
        let due = users.due(Timestamp::from_millis(20), 9);
        assert_eq!(due, [parked(2, 10), parked(3, 20)]);
        assert_eq!(users.due(Timestamp::from_millis(20), 1).len(), 1);
        assert_eq!(users.next_due(), Some(Timestamp::from_millis(10)));
        assert_eq!(users.oldest(), Some(Timestamp::from_millis(0)));
    }

    #[test]
    fn only_what_has_changed_is_written() {
        let mut users = ParkedUsers::new(vec![parked(1, 10), parked(2, 10), parked(3, 10)]);
        assert!(!users.has_changed());
        users.remove(parked(1, 0).user);
        assert!(users.extend(parked(2, 0).user, 5));
        assert!(!users.extend(parked(9, 0).user, 5));
        users.remove(parked(9, 0).user);
        let position = FeedPosition::parse("a").unwrap();
        let progress = users.progress(position.clone());
        assert_eq!(progress.removed, [parked(1, 0).user]);
        assert_eq!(
            progress.parked,
            [ParkedUser {
                last: 5,
                ..parked(2, 10)
            }]
        );
        users.written();
        assert!(!users.has_changed());
        assert!(users.progress(position).parked.is_empty());
    }

    #[test]
    fn a_table_with_the_maximum_number_of_users_is_full() {
        let last = MAX_PARKED as u128;
        let mut users = ParkedUsers::new((1..last).map(|user| parked(user, 1)).collect());
        assert!(!users.is_full());
        users.put(parked(last, 1));
        assert!(users.is_full());
    }
}
