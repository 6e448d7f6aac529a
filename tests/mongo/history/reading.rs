//! Everything that a store returns about a user.

use sessiond::{
    domain::{Alert, AlertId, Session, UserId, UserState},
    store::{Page, Store},
};
use sessiond_test_support::StoreLists;

/// What a store returns about one user.
#[derive(Debug, Default, PartialEq)]
pub struct Reading {
    user: Option<UserState>,
    session_count: u64,
    sessions: Vec<Session>,
    alerts: Vec<Alert>,
    alerts_after: Vec<Alert>,
    by_id: Vec<Option<Alert>>,
    by_key: Vec<Option<Session>>,
    by_token: Vec<Option<Session>>,
}

impl Reading {
    /// The owner of a number.
    pub fn of_owner(user: Option<UserState>) -> Self {
        Self {
            user,
            ..Self::default()
        }
    }

    /// Reads everything about a user. `sessions` are those that anybody has ever opened.
    pub async fn of(store: &dyn Store, user: UserId, sessions: &[Session]) -> Self {
        let mut reading = Self {
            user: store.user(user).await.unwrap(),
            session_count: store.count_sessions(user).await.unwrap(),
            alerts_after: store.alerts_after(user, 3, 5).await.unwrap(),
            ..Self::default()
        };
        let keys: Vec<_> = sessions.iter().map(|session| session.key).collect();
        reading.by_key = store.sessions_by_key(&keys).await.unwrap();
        for session in sessions {
            let by_token = store.session_by_token(user, &session.token_hash).await;
            reading.by_token.push(by_token.unwrap());
            let by_user_and_key = store.session(user, session.key).await;
            reading.by_token.push(by_user_and_key.unwrap());
        }
        let mut page = Page {
            before: None,
            limit: 3,
        };
        loop {
            let slice = store.sessions(user, page).await.unwrap();
            page.before = slice.items.last().map(|session| session.number);
            reading.sessions.extend(slice.items);
            if !slice.has_more {
                break;
            }
        }
        page.before = None;
        loop {
            let slice = store.alerts(user, page).await.unwrap();
            page.before = slice.items.last().map(|alert| alert.sequence);
            reading.alerts.extend(slice.items);
            if !slice.has_more {
                break;
            }
        }
        let last = reading.alerts.first().map_or(0, |alert| alert.sequence);
        for sequence in 0..=last + 1 {
            let alert = store.alert(AlertId { user, sequence }).await;
            reading.by_id.push(alert.unwrap());
        }
        reading
    }
}
