//! The user agents that the users in the cache share.
//!
//! Many devices send the same user agent, which is the longest text of a session. The first ones
//! that the cache sees are kept as long as the cache, and cost a user nothing. If a flood of different
//! user agents fills the places, later user agents are kept with each user, as all other texts are.

use std::collections::HashSet;

use parking_lot::RwLock;

use crate::domain::UserAgent;

/// The maximum number of shared user agents. They take at most 1.1 MB beside the users.
const CAPACITY: usize = 2048;

#[derive(Debug, Default)]
pub(super) struct UserAgents(RwLock<HashSet<UserAgent>>);

impl UserAgents {
    /// Replaces a user agent by the shared one with the same text. Keeps it if there is none yet and
    /// a place is free.
    pub(super) fn share(&self, user_agent: &mut UserAgent) {
        if let Some(shared) = self.0.read().get(user_agent) {
            return user_agent.clone_from(shared);
        }
        let mut shared = self.0.write();
        if let Some(shared) = shared.get(user_agent) {
            user_agent.clone_from(shared);
        } else if shared.len() < CAPACITY {
            shared.insert(user_agent.clone());
        }
    }

    /// Returns whether this is a shared user agent itself, which takes no memory of its own. The
    /// result for a user agent never changes after [`Self::share`].
    pub(super) fn has(&self, user_agent: &UserAgent) -> bool {
        let shared = self.0.read();
        let shared = shared.get(user_agent);
        shared.is_some_and(|shared| shared.is_same_text(user_agent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_agent(number: usize) -> UserAgent {
        UserAgent::parse(&format!("Browser {number}")).unwrap()
    }

    #[test]
    fn the_same_text_is_shared_until_no_place_is_free() {
        let all = UserAgents::default();
        for number in 0..CAPACITY {
            all.share(&mut user_agent(number));
        }
        for number in 0..2 * CAPACITY {
            let (mut first, mut second) = (user_agent(number), user_agent(number));
            all.share(&mut first);
            all.share(&mut second);
            let is_shared = number < CAPACITY;
            assert_eq!(first.is_same_text(&second), is_shared, "{number}");
            assert_eq!((all.has(&first), all.has(&second)), (is_shared, is_shared));
            assert!(!all.has(&user_agent(number)));
            assert_eq!(first, user_agent(number));
        }
    }
}
