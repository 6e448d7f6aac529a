//! Ghost sessions: sessions that a commit with an unknown outcome has opened.
//!
//! If the store cannot say whether it has applied a login, the client gets an error, and nobody has
//! the token of the session that the login may have opened. Such a session would be in the way of
//! the user's next login. It is therefore ended as soon as the store shows it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::Service;
use crate::{
    backoff::Backoff,
    clock::Clock,
    domain::{
        SessionKey, UserId,
        rules::{self, Actor, Context, Policy, SessionWrite, Transition},
    },
    ids::IdGenerator,
    shutdown::Shutdown,
    store::{Commit, CommitError, Store, StoreError},
};

/// The time for which the outcome of a commit is watched. A database that is reachable again shows
/// it at once. A session that appears later stays until its idle timeout, or until the next login
/// of the same device.
const WATCH_TIMEOUT: Duration = Duration::from_mins(2);

/// The pause before the first look at the outcome. Each further pause is twice as long, up to
/// [`MAX_INTERVAL`].
const FIRST_INTERVAL: Duration = Duration::from_millis(100);
const MAX_INTERVAL: Duration = Duration::from_secs(2);

/// The maximum number of commits that are watched at the same time. If more outcomes are unknown,
/// the others are not watched.
const MAX_WATCHED: usize = 1024;

/// Watches the outcomes of commits.
#[derive(Debug)]
pub(super) struct GhostSessions {
    permits: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// A session that a commit may have opened.
struct Ghost {
    user: UserId,
    session: SessionKey,
    /// The version that the commit was decided on. It cannot be applied on a later one.
    expected_version: u64,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    policy: Policy,
}

impl GhostSessions {
    /// The tasks are tracked by `shutdown`, and end when it begins.
    pub(super) fn new(shutdown: Shutdown) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_WATCHED)),
            shutdown,
        }
    }

    fn watch(&self, ghost: Ghost) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            tracing::warn!(
                user = %ghost.user,
                session = %ghost.session,
                "too many logins with an unknown outcome; this one is not watched"
            );
            return;
        };
        let token = self.shutdown.token();
        self.shutdown.spawn(async move {
            let _permit = permit;
            let _ = token.run_until_cancelled(ghost.end_if_opened()).await;
        });
    }
}

impl Service {
    /// Watches the outcome of a commit that failed, if it is unknown and the commit opens a session.
    pub(super) fn watch_outcome(
        &self,
        transition: &Transition,
        expected_version: u64,
        error: &CommitError,
    ) {
        if !matches!(error, CommitError::Store(StoreError::Unavailable(_))) {
            return;
        }
        let opened = transition.sessions.iter().find_map(|write| match write {
            SessionWrite::Open(session) => Some(session.key),
            _ => None,
        });
        let Some(session) = opened else { return };
        self.ghosts.watch(Ghost {
            user: transition.next.owner.id,
            session,
            expected_version,
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            ids: self.ids.clone(),
            policy: self.config.policy,
        });
    }
}

impl Ghost {
    async fn end_if_opened(self) {
        let deadline = Instant::now() + WATCH_TIMEOUT;
        let mut backoff = Backoff::new(FIRST_INTERVAL, MAX_INTERVAL);
        while Instant::now() < deadline {
            backoff.wait().await;
            if let Ok(Ok(true)) = timeout_at(deadline, self.is_settled()).await {
                return;
            }
        }
        let (user, session) = (self.user, self.session);
        tracing::warn!(%user, %session, "the outcome of a login is still unknown");
    }

    /// Looks at the outcome, and ends the session if the commit has opened it. Returns true if the
    /// session is not open and never will be.
    async fn is_settled(&self) -> Result<bool, CommitError> {
        let Some(state) = self.store.user(self.user).await? else {
            // A registration may still be applied. Every other user was deleted.
            return Ok(self.expected_version > 0);
        };
        if state.current(self.session).is_none() {
            return Ok(state.version > self.expected_version);
        }
        let context = Context {
            now: self.clock.now(),
            policy: &self.policy,
        };
        let ended = rules::invalidate_session(&state, Actor::Service, self.session, context);
        let Ok(transition) = ended else {
            return Ok(true);
        };
        let commit = Commit {
            id: self.ids.commit_id(),
            expected_version: state.version,
            user: transition.next,
            sessions: transition.sessions,
            alerts: transition.alerts,
            active_change: transition.active_change,
        };
        match self.store.commit(commit).await {
            Ok(()) => {}
            Err(CommitError::Stale) => return Ok(false),
            Err(error) => return Err(error),
        }
        let (user, session) = (self.user, self.session);
        tracing::info!(%user, %session, "session ended because nobody has received its token");
        Ok(true)
    }
}
