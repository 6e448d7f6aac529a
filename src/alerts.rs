//! Live delivery of alerts. Each user with subscribers has one `tokio::sync::broadcast` channel, which is
//! created with the first subscriber and dropped with the last.
//!
//! A channel only wakes its subscribers. They read every alert from the log in the store, in the order of
//! the sequence numbers. So a subscriber gets each alert once and in order, even if its channel has missed
//! notifications.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::{
    access::Visibility,
    backoff::Backoff,
    domain::{Alert, AlertKind, Session, SessionKey, Status, UserId},
    store::{ChangeNotification, Store, StoreError},
};

/// The capacity of a channel. One notification has the same effect as many, so a subscriber that lags
/// behind misses nothing.
const CHANNEL_CAPACITY: usize = 1;

/// The maximum number of alerts that a subscriber reads at once and holds in memory.
const MAX_BATCH_SIZE: usize = 64;

/// The first pause after the store was unavailable. Each further pause is twice as long.
const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The longest pause while the store is unavailable.
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(5);

const fn store_backoff() -> Backoff {
    Backoff::new(MIN_RETRY_INTERVAL, MAX_RETRY_INTERVAL)
}

/// Loads the session that an alert is about, for an alert that is being delivered to a subscriber. Retries
/// while the store is unavailable: if the delivery failed, the subscriber would never get this alert.
///
/// # Errors
/// Returns [`StoreError::Damaged`] if the stored session is damaged.
pub async fn load_session(store: &dyn Store, alert: &Alert) -> Result<Option<Session>, StoreError> {
    let mut backoff = store_backoff();
    loop {
        match store.session(alert.user, alert.session).await {
            Err(StoreError::Unavailable(_)) => backoff.wait().await,
            result => return result,
        }
    }
}

/// Forwards the change notifications of the store to the subscribers of the changed user.
#[derive(Debug)]
pub struct AlertHub {
    store: Arc<dyn Store>,
    channels: Mutex<HashMap<UserId, broadcast::Sender<()>>>,
}

impl AlertHub {
    /// Creates a hub without subscribers.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            channels: Mutex::default(),
        }
    }

    /// Forwards notifications until `shutdown` is cancelled.
    pub async fn run(
        &self,
        mut changes: BoxStream<'static, ChangeNotification>,
        shutdown: CancellationToken,
    ) {
        while let Some(Some(notification)) = shutdown.run_until_cancelled(changes.next()).await {
            let channels = self.channels.lock();
            // Sending fails only while the last receiver is about to drop the channel.
            match notification {
                ChangeNotification::Changed { user, .. } => {
                    if let Some(channel) = channels.get(&user) {
                        let _ = channel.send(());
                    }
                }
                ChangeNotification::Resync => {
                    for channel in channels.values() {
                        let _ = channel.send(());
                    }
                }
            }
        }
    }

    /// Returns the number of users who have subscribers.
    #[must_use]
    pub fn subscribed_users(&self) -> usize {
        self.channels.lock().len()
    }

    fn join(&self, user: UserId) -> broadcast::Receiver<()> {
        self.channels
            .lock()
            .entry(user)
            .or_insert_with(|| broadcast::Sender::new(CHANNEL_CAPACITY))
            .subscribe()
    }

    /// Drops a receiver, and the channel if this was its last receiver. Both happen under one lock, so that
    /// of two receivers that leave at the same time, one is the last.
    fn leave(&self, user: UserId, receiver: broadcast::Receiver<()>) {
        let mut channels = self.channels.lock();
        drop(receiver);
        if channels
            .get(&user)
            .is_some_and(|channel| channel.receiver_count() == 0)
        {
            channels.remove(&user);
        }
    }
}

/// The scope of a subscription.
#[derive(Debug, Clone, Copy)]
pub enum SubscriptionScope {
    /// A subscription of the service: all alerts of the user, until the user is deleted.
    User,
    /// A subscription of a session, until the session ends. While the session waits for approval, it gets
    /// only the alerts about itself. After it became active, it gets all alerts of its user.
    Session {
        /// The key of the session.
        key: SessionKey,
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
    /// `None` only while the subscriber is dropped.
    channel: Option<broadcast::Receiver<()>>,
    /// The sequence of the last alert that was read.
    cursor: u64,
    batch: VecDeque<Alert>,
    state: State,
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
    }
}

impl AlertSubscriber {
    /// Joins the user's channel. From here on, every commit for this user wakes the subscriber.
    #[must_use]
    pub fn new(hub: Arc<AlertHub>, user: UserId, scope: SubscriptionScope) -> Self {
        let channel = Some(hub.join(user));
        Self {
            hub,
            user,
            scope,
            channel,
            cursor: 0,
            batch: VecDeque::new(),
            state: State::Poll,
        }
    }

    /// Sets the user's active session. A login that waited when its token was looked up may have been
    /// approved since then, and the log after the cursor does not contain that approval.
    #[must_use]
    pub fn with_active_session(mut self, active: Option<SessionKey>) -> Self {
        if let SubscriptionScope::Session { key, is_active } = &mut self.scope {
            *is_active |= active == Some(*key);
        }
        self
    }

    /// Returns the user's alerts with a sequence above `sequence`, and then each new alert, with the
    /// visibility that the subscriber has at that point of the log.
    #[must_use]
    pub fn after(
        mut self,
        sequence: u64,
    ) -> BoxStream<'static, Result<(Alert, Visibility), StoreError>> {
        self.cursor = sequence;
        stream::unfold(self, async |mut subscriber| {
            let alert = subscriber.next().await?;
            Some((alert, subscriber))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<(Alert, Visibility), StoreError>> {
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
                    if let Err(error) = self.poll().await {
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

    /// Applies the effect of an alert on the subscriber's own session. Returns the visibility that the
    /// subscriber has afterwards.
    fn apply(&mut self, alert: &Alert) -> Visibility {
        let SubscriptionScope::Session { key, is_active } = &mut self.scope else {
            return Visibility::Full;
        };
        if ends_session(alert, *key) {
            // Alerts after the end of the session are not for this subscriber.
            self.batch.clear();
            self.state = State::Complete;
        } else if alert.session == *key && alert.kind == AlertKind::LoginApproved {
            *is_active = true;
        }
        if *is_active {
            Visibility::Full
        } else {
            Visibility::OnlySession(*key)
        }
    }

    /// Reads the log from the cursor on, and retries while the store is unavailable.
    async fn poll(&mut self) -> Result<(), StoreError> {
        let mut backoff = store_backoff();
        loop {
            match self.read().await {
                Err(StoreError::Unavailable(_)) => backoff.wait().await,
                result => return result,
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let store = &self.hub.store;
        // Check first whether the subscription has ended, and read the log afterwards. An end and its alert
        // are committed together, so a log that is read after the end was seen contains the alert. Some ends
        // have no alert, and a deleted user has no log: then the stream ends without one.
        let has_ended = match self.scope {
            SubscriptionScope::Session { key, .. } => {
                let session = store.session(self.user, key).await?;
                session.is_none_or(|session| matches!(session.status, Status::Ended(_)))
            }
            SubscriptionScope::User => store.user(self.user).await?.is_none(),
        };
        self.batch = store
            .alerts_after(self.user, self.cursor, MAX_BATCH_SIZE)
            .await?
            .into();
        self.state = match (self.batch.len() == MAX_BATCH_SIZE, has_ended) {
            (true, _) => State::Poll,
            (false, true) => State::Complete,
            (false, false) => State::Wait,
        };
        // The end of an active session always raises an alert. If the rest of the log does not contain it,
        // the subscriber joined after the end, and the rest of the log is not for it.
        if let (
            SubscriptionScope::Session {
                key,
                is_active: true,
            },
            State::Complete,
        ) = (self.scope, self.state)
            && !self.batch.iter().any(|alert| ends_session(alert, key))
        {
            self.batch.clear();
        }
        Ok(())
    }
}

/// Returns true if the alert reports the end of this session.
fn ends_session(alert: &Alert, session: SessionKey) -> bool {
    use AlertKind::{
        LoginApproved, LoginNotApproved, LoginPending, LoginRefused, PasswordChanged,
        SessionExpired, SessionInvalidated, SessionReplaced,
    };
    alert.session == session
        && match alert.kind {
            LoginRefused | LoginPending | LoginApproved => false,
            LoginNotApproved | SessionReplaced | SessionInvalidated | SessionExpired
            | PasswordChanged => true,
        }
}
