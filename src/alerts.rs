//! Live routing: one `tokio::sync::broadcast` channel a user, made with the first subscriber and dropped with the
//! last, and catch-up from the log. Channels only say "look": every alert is read from the store, by number, so
//! that a subscriber sees each one once and in order whatever its channel missed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::{
    access::Visibility,
    domain::{Alert, AlertKind, Session, SessionKey, Status, UserId},
    store::{ChangeNotification, Store, StoreError},
};

/// A channel's capacity. One "look" is as good as many, so a subscriber that lags has missed nothing.
const CAPACITY: usize = 1;

/// Alerts read at once: all that a subscriber holds in memory.
const BATCH: usize = 64;

/// How long until the store is read again after it could not be: doubled each time, up to [`RETRY_MOST`].
const RETRY_LEAST: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// Between attempts to read what a subscriber waits for.
#[derive(Debug)]
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(RETRY_LEAST)
    }
}

impl Pause {
    async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(RETRY_MOST);
    }
}

/// Reads a session for an alert that is on its way to a subscriber, until it can: an alert that fails for now would be
/// one that is never heard.
///
/// # Errors
/// [`StoreError::Damaged`].
pub async fn session_of(store: &dyn Store, alert: &Alert) -> Result<Option<Session>, StoreError> {
    let mut pause = Pause::default();
    loop {
        match store.session(alert.user, alert.session).await {
            Err(StoreError::Unavailable(_)) => pause.wait().await,
            done => return done,
        }
    }
}

/// Passes the store's hints on to whoever follows the user that they are about.
#[derive(Debug)]
pub struct AlertHub {
    store: Arc<dyn Store>,
    channels: Mutex<HashMap<UserId, broadcast::Sender<()>>>,
}

impl AlertHub {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            channels: Mutex::default(),
        }
    }

    /// Routes hints until `shutdown`.
    pub async fn run(
        &self,
        mut changes: BoxStream<'static, ChangeNotification>,
        shutdown: CancellationToken,
    ) {
        while let Some(Some(notification)) = shutdown.run_until_cancelled(changes.next()).await {
            let channels = self.channels();
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

    /// How many users are followed.
    #[must_use]
    pub fn followed(&self) -> usize {
        self.channels().len()
    }

    fn join(&self, user: UserId) -> broadcast::Receiver<()> {
        self.channels()
            .entry(user)
            .or_insert_with(|| broadcast::Sender::new(CAPACITY))
            .subscribe()
    }

    /// Drops a receiver, and with the last one the channel. Under one lock: of two that leave at once, one is last.
    fn leave(&self, user: UserId, receiver: broadcast::Receiver<()>) {
        let mut channels = self.channels();
        drop(receiver);
        if channels
            .get(&user)
            .is_some_and(|channel| channel.receiver_count() == 0)
        {
            channels.remove(&user);
        }
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<UserId, broadcast::Sender<()>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For whom a stream is.
#[derive(Debug, Clone, Copy)]
pub enum SubscriptionScope {
    /// For the service: everything, for as long as the user is there.
    User,
    /// For a session: everything from when it is active, before that what concerns it, until it ends.
    Session { key: SessionKey, is_active: bool },
}

/// One subscriber. Holds one batch of alerts at most.
#[derive(Debug)]
pub struct AlertSubscriber {
    hub: Arc<AlertHub>,
    user: UserId,
    follows: SubscriptionScope,
    /// There until the follower is dropped.
    channel: Option<broadcast::Receiver<()>>,
    /// The sequence of the last alert that was read.
    cursor: u64,
    batch: VecDeque<Alert>,
    next: Next,
}

/// What a follower does when its batch is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Look,
    Wait,
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
    /// Joins the user's channel: what is committed from here on will be noticed.
    #[must_use]
    pub fn new(hub: Arc<AlertHub>, user: UserId, follows: SubscriptionScope) -> Self {
        let channel = Some(hub.join(user));
        Self {
            hub,
            user,
            follows,
            channel,
            cursor: 0,
            batch: VecDeque::new(),
            next: Next::Look,
        }
    }

    /// Takes note of which session is the user's active one: a login that waited when its token was looked up may
    /// have been approved since, and the log after the cursor does not say so again.
    #[must_use]
    pub fn with_active_session(mut self, active: Option<SessionKey>) -> Self {
        if let SubscriptionScope::Session { key, is_active } = &mut self.follows {
            *is_active |= active == Some(*key);
        }
        self
    }

    /// The user's alerts with a sequence above `sequence`, then those to come.
    #[must_use]
    pub fn after(
        mut self,
        sequence: u64,
    ) -> BoxStream<'static, Result<(Alert, Visibility), StoreError>> {
        self.cursor = sequence;
        stream::unfold(self, async |mut follower| {
            let alert = follower.next().await?;
            Some((alert, follower))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<(Alert, Visibility), StoreError>> {
        loop {
            if let Some(alert) = self.batch.pop_front() {
                self.cursor = alert.sequence;
                let visibility = self.visibility_after(&alert);
                if visibility.shows_alert(&alert) {
                    return Some(Ok((alert, visibility)));
                }
                continue;
            }
            match self.next {
                Next::Complete => return None,
                Next::Look => {
                    if let Err(error) = self.look().await {
                        self.next = Next::Complete;
                        return Some(Err(error));
                    }
                }
                Next::Wait => match self.channel.as_mut()?.recv().await {
                    Ok(()) | Err(RecvError::Lagged(_)) => self.next = Next::Look,
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// How much of the user the stream shows, once note is taken of what the alert means for the session it is for.
    fn visibility_after(&mut self, alert: &Alert) -> Visibility {
        let SubscriptionScope::Session { key, is_active } = &mut self.follows else {
            return Visibility::Full;
        };
        if ends(alert, *key) {
            // What comes after its end is not for it.
            self.batch.clear();
            self.next = Next::Complete;
        } else if alert.session == *key && alert.kind == AlertKind::LoginApproved {
            *is_active = true;
        }
        if *is_active {
            Visibility::Full
        } else {
            Visibility::OnlySession(*key)
        }
    }

    /// Reads the log on from the cursor, until it can.
    async fn look(&mut self) -> Result<(), StoreError> {
        let mut pause = Pause::default();
        loop {
            match self.read().await {
                Err(StoreError::Unavailable(_)) => pause.wait().await,
                done => return done,
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let store = &self.hub.store;
        // First whether it is over, then the log: an end and its alert are committed together, so the log that is
        // read after the end was seen holds the alert. An end without an alert, and a deleted user, end in silence.
        let is_over = match self.follows {
            SubscriptionScope::Session { key, .. } => {
                let session = store.session(self.user, key).await?;
                session.is_none_or(|session| matches!(session.status, Status::Ended(_)))
            }
            SubscriptionScope::User => store.user(self.user).await?.is_none(),
        };
        self.batch = store
            .alerts_after(self.user, self.cursor, BATCH)
            .await?
            .into();
        self.next = match (self.batch.len() == BATCH, is_over) {
            (true, _) => Next::Look,
            (false, true) => Next::Complete,
            (false, false) => Next::Wait,
        };
        // An active session never ends in silence. Where what is left of the log does not hold its end, the stream
        // was joined after it, and what is there is not for it.
        if let (
            SubscriptionScope::Session {
                key,
                is_active: true,
            },
            Next::Complete,
        ) = (self.follows, self.next)
            && !self.batch.iter().any(|alert| ends(alert, key))
        {
            self.batch.clear();
        }
        Ok(())
    }
}

/// Whether the alert is of this session's end.
fn ends(alert: &Alert, session: SessionKey) -> bool {
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
