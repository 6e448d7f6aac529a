//! One subscriber of a user's alerts: reads the log, waits for notifications, and decides which
//! alerts its stream contains.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{AlertHub, AlertStreamError, store_backoff};
use crate::{
    access::Visibility,
    domain::{Alert, AlertKind, Session, SessionKey, TokenHash, UserId, UserState},
    metrics::InUse,
    store::StoreError,
};

/// The maximum number of alerts that a subscriber reads at once and holds in memory.
const MAX_BATCH_SIZE: usize = 64;

/// The scope of a subscription.
#[derive(Debug, Clone, Copy)]
pub enum SubscriptionScope {
    /// A subscription of the service: all alerts of the user, until the user is deleted.
    User,
    /// A subscription of a session, until the session ends. While the session waits for approval,
    /// it gets only the alerts about itself. After its approval, it gets all alerts of its user.
    Session {
        /// The key of the session.
        key: SessionKey,
        /// The hash of the token that opened the subscription. If the device asks again, its
        /// pending session gets another token, and the subscription ends.
        token_hash: TokenHash,
        /// True if the session is active, false if it waits for approval.
        is_active: bool,
    },
}

/// One subscriber of a user's alerts. Holds at most one batch of alerts.
#[derive(Debug)]
pub struct AlertSubscriber {
    hub: Arc<AlertHub>,
    user: UserId,
    scope: SubscriptionScope,
    /// `None` only while the subscriber is being dropped.
    channel: Option<broadcast::Receiver<()>>,
    /// The sequence of the last alert that was read.
    cursor: u64,
    batch: VecDeque<Alert>,
    state: State,
    _open: InUse,
}

/// The next step of a subscriber whose batch is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Read the log.
    Poll,
    /// Wait for a notification, and then read the log.
    Wait,
    /// End the stream.
    Complete,
}

impl Drop for AlertSubscriber {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            self.hub.leave(self.user, channel);
        }
        if let SubscriptionScope::Session { key, .. } = self.scope {
            self.hub.listeners.close(key, self.hub.clock.now());
        }
    }
}

impl AlertSubscriber {
    /// Joins the user's channel. From now on, every commit for this user wakes the subscriber.
    #[must_use]
    pub fn new(hub: Arc<AlertHub>, user: UserId, scope: SubscriptionScope) -> Self {
        let channel = Some(hub.join(user));
        if let SubscriptionScope::Session { key, .. } = scope {
            hub.listeners.open(key);
        }
        Self {
            hub,
            user,
            scope,
            channel,
            cursor: 0,
            batch: VecDeque::new(),
            state: State::Poll,
            _open: InUse::of(|metrics| &metrics.subscribers),
        }
    }

    /// Sets the user's active session. A login that was pending when its token was looked up may
    /// have been approved since then, and the log after the cursor may not contain that approval.
    #[must_use]
    pub fn with_active_session(mut self, active: Option<&Session>) -> Self {
        if let SubscriptionScope::Session {
            key,
            token_hash,
            is_active,
        } = &mut self.scope
        {
            *is_active |= active.is_some_and(|active| opens(token_hash, *key, active));
        }
        self
    }

    /// Returns the user's alerts with a sequence above `sequence`, and then each new alert, with
    /// the visibility that the subscriber has at that point of the log. Fails with
    /// [`AlertStreamError::Purged`] rather than leave a gap.
    #[must_use]
    pub fn after(
        mut self,
        sequence: u64,
    ) -> BoxStream<'static, Result<(Alert, Visibility), AlertStreamError>> {
        self.cursor = sequence;
        stream::unfold(self, async |mut subscriber| {
            let alert = subscriber.next().await?;
            Some((alert, subscriber))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<(Alert, Visibility), AlertStreamError>> {
        loop {
            if let Some(alert) = self.batch.pop_front() {
                self.cursor = alert.sequence;
                let visibility = self.apply(&alert);
                if visibility.shows_alert(&alert) {
                    return Some(Ok((alert, visibility)));
                }
                continue;
            }
            match self.state {
                State::Complete => return None,
                State::Poll => {
                    // In a box, so that an idle subscriber does not hold the memory for it.
                    if let Err(error) = Box::pin(self.poll()).await {
                        self.state = State::Complete;
                        return Some(Err(error));
                    }
                }
                State::Wait => match self.channel.as_mut()?.recv().await {
                    Ok(()) | Err(RecvError::Lagged(_)) => self.state = State::Poll,
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Applies the effect of an alert on the subscriber's own session. Returns the visibility that
    /// the subscriber has afterwards.
    fn apply(&mut self, alert: &Alert) -> Visibility {
        let SubscriptionScope::Session { key, is_active, .. } = &mut self.scope else {
            return Visibility::Full;
        };
        if ends_session(alert, *key) {
            // Alerts after the end of the session are not for this subscriber.
            self.batch.clear();
            self.state = State::Complete;
        } else if alert.concerns(*key) && alert.kind == AlertKind::LoginApproved {
            *is_active = true;
        }
        if *is_active {
            Visibility::Full
        } else {
            Visibility::OnlySession(*key)
        }
    }

    /// Reads the log from the cursor on, and retries while the store is unavailable.
    async fn poll(&mut self) -> Result<(), AlertStreamError> {
        let mut backoff = store_backoff();
        loop {
            match self.read().await {
                Err(AlertStreamError::Store(StoreError::Unavailable(_))) => backoff.wait().await,
                result => return result,
            }
        }
    }

    /// Reads the user, and then the log up to the user's last alert. A commit changes the user and
    /// the log together, so this is the log as it was when the user was read. It contains the end
    /// of a session that the user no longer has. It contains no approval after a renewal that the
    /// user does not show yet.
    async fn read(&mut self) -> Result<(), AlertStreamError> {
        let store = &self.hub.store;
        let Some(read) = store.read_user(self.user).await? else {
            // The log was deleted with the user.
            self.state = State::Complete;
            return Ok(());
        };
        let user = &read.state;
        if self.has_lost_its_session(user) {
            self.state = State::Complete;
            return Ok(());
        }
        let unread = user.last_alert.saturating_sub(self.cursor);
        let limit =
            usize::try_from(unread).map_or(MAX_BATCH_SIZE, |unread| unread.min(MAX_BATCH_SIZE));
        if limit > 0 {
            let alerts = store.alerts_after_of(self.user, &read.snapshot, self.cursor, limit);
            self.batch = alerts.await?.into();
            // If older alerts were purged, this may have read alerts of a later commit.
            self.batch.retain(|alert| alert.sequence <= user.last_alert);
            if self.has_gap(limit) {
                self.batch.clear();
                // The log may have been deleted with the user since the user was read.
                if store.user(self.user).await?.is_none() {
                    self.state = State::Complete;
                    return Ok(());
                }
                return Err(AlertStreamError::Purged);
            }
        }
        let has_ended = match self.scope {
            SubscriptionScope::User => false,
            SubscriptionScope::Session { key, .. } => open_session(user, key).is_none(),
        };
        // If the session ended without an alert, the stream ends without one.
        self.state = match (self.batch.len() == MAX_BATCH_SIZE, has_ended) {
            (true, _) => State::Poll,
            (false, true) => State::Complete,
            (false, false) => State::Wait,
        };
        // The end of an active session always raises an alert. If the rest of the log does not
        // contain that alert, the subscriber joined after the end and must not receive the rest.
        if let (
            SubscriptionScope::Session {
                key,
                is_active: true,
                ..
            },
            State::Complete,
        ) = (self.scope, self.state)
            && !self.batch.iter().any(|alert| ends_session(alert, key))
        {
            self.batch.clear();
        }
        Ok(())
    }

    /// Returns true if the batch is not the next `expected` alerts of the log.
    fn has_gap(&self, expected: usize) -> bool {
        let sequences = self.batch.iter().map(|alert| alert.sequence);
        self.batch.len() != expected || !sequences.eq((self.cursor + 1..).take(expected))
    }

    /// Returns true if another login of the same device has renewed the pending session, so that
    /// the token of this subscription opens nothing any more. The token of an active session never
    /// changes.
    fn has_lost_its_session(&self, user: &UserState) -> bool {
        let SubscriptionScope::Session {
            key,
            ref token_hash,
            is_active: false,
        } = self.scope
        else {
            return false;
        };
        open_session(user, key).is_some_and(|session| !opens(token_hash, key, session))
    }
}

/// Returns the user's active or pending session if it has this key.
fn open_session(user: &UserState, key: SessionKey) -> Option<&Session> {
    let mut open = user.active.iter().chain(&user.pending);
    open.find(|session| session.key == key)
}

/// Returns true if the token with this hash opens the session with this key, as `session` records
/// it.
fn opens(token_hash: &TokenHash, key: SessionKey, session: &Session) -> bool {
    session.key == key && session.token_hash == *token_hash
}

/// Returns true if the alert reports the end of this session.
fn ends_session(alert: &Alert, session: SessionKey) -> bool {
    alert.concerns(session) && alert.kind.end_reason().is_some()
}
