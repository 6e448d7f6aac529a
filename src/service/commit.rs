//! Changes of a user: load, decide, commit, and retry if another change was committed first.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Error, Resource, Service};
use crate::{
    backoff::Backoff,
    domain::{
        AlertKind, EndReason, Ended, EndedBy, Session, Status, Token, UserId, UserState,
        rules::{Context, NewIds, SessionWrite, Transition},
    },
    metrics::{self, Answer, Metrics, Timer},
    store::{Commit, CommitError},
};

/// The time within which a change must start its last commit. It includes the wait for the user's
/// lock and all retries. A commit that has started is not abandoned, because it may be applied and
/// must then be logged. The store limits its time.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest first pause after another change was committed first. Each further pause may be
/// twice as long, up to [`MAX_STALE_INTERVAL`].
const FIRST_STALE_INTERVAL: Duration = Duration::from_millis(4);
const MAX_STALE_INTERVAL: Duration = Duration::from_millis(250);

/// After this many commits on a state that was loaded for them, and that another change outran, the
/// user is loaded with [`Store::fenced_user`](crate::store::Store::fenced_user).
const STALE_BEFORE_FENCE: u32 = 2;

/// A session that was just opened, with its token.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The token that opens the session.
    pub token: Token,
}

impl Service {
    /// Loads the user, calls `decide` and commits its transition. If another change was committed
    /// first, retries with the new state until [`CHANGE_TIMEOUT`].
    pub(super) async fn change<T>(
        &self,
        user: UserId,
        decide: impl Fn(&UserState, Context<'_>) -> Result<(Transition, T), Error> + Send + Sync,
    ) -> Result<(Transition, T), Error>
    where
        T: Send,
    {
        let deadline = Instant::now() + CHANGE_TIMEOUT;
        let _lock = timeout_at(deadline, self.user_locks.lock(user))
            .await
            .map_err(|_| Error::Busy)?;
        self.change_until(deadline, user, decide).await
    }

    /// Changes a user whom the caller has just read, as [`Service::change`] does. If no other
    /// change of the user is running, the first decision is made on `read`, which saves a read.
    ///
    /// `read` may have been replaced in the store since. The commit compares the version, so a
    /// decision that changes the user is safe. A refusal or a decision without a change is not
    /// compared with anything, so it is made again on the present state.
    pub(super) async fn change_read<T>(
        &self,
        read: UserState,
        decide: impl Fn(&UserState, Context<'_>) -> Result<(Transition, T), Error> + Send + Sync,
    ) -> Result<(Transition, T), Error>
    where
        T: Send,
    {
        let deadline = Instant::now() + CHANGE_TIMEOUT;
        let user = read.owner.id;
        let Some(_lock) = self.user_locks.try_lock(user) else {
            return self.change(user, decide).await;
        };
        let decided = |state: &UserState, context: Context<'_>| decide(state, context).ok();
        match self.commit_decision(read, decided).await? {
            Some(changed) => Ok(changed),
            None => self.change_until(deadline, user, decide).await,
        }
    }

    /// Decides on a state that may be outdated, as [`Service::change_read`] does, but only once.
    /// Returns `None` if nothing was committed: `decide` has returned `None` or a transition that
    /// changes nothing, another change of the user is running, or the state was outdated.
    pub(super) async fn change_if_current<T>(
        &self,
        state: UserState,
        decide: impl Fn(&UserState, Context<'_>) -> Option<(Transition, T)> + Send + Sync,
    ) -> Result<Option<(Transition, T)>, Error>
    where
        T: Send,
    {
        let Some(_lock) = self.user_locks.try_lock(state.owner.id) else {
            return Ok(None);
        };
        self.commit_decision(state, decide).await
    }

    /// Commits the decision on a state. Returns `None` if there is none, if it changes nothing, or if
    /// the state is outdated. The calling code must hold the user's lock.
    async fn commit_decision<T>(
        &self,
        state: UserState,
        decide: impl Fn(&UserState, Context<'_>) -> Option<(Transition, T)> + Send + Sync,
    ) -> Result<Option<(Transition, T)>, Error>
    where
        T: Send,
    {
        let state = self.with_activity(state);
        let decided = decide(&state, self.context());
        let Some((transition, result)) = decided.filter(|(next, _)| next.changes(&state)) else {
            return Ok(None);
        };
        match self.commit(&transition, state.version).await {
            Ok(()) => Ok(Some((transition, result))),
            Err(CommitError::Stale) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a user until the deadline. The calling code must hold the user's lock.
    async fn change_until<T>(
        &self,
        deadline: Instant,
        user: UserId,
        decide: impl Fn(&UserState, Context<'_>) -> Result<(Transition, T), Error> + Send + Sync,
    ) -> Result<(Transition, T), Error>
    where
        T: Send,
    {
        let mut backoff = Backoff::new(FIRST_STALE_INTERVAL, MAX_STALE_INTERVAL);
        let mut outrun_commits = 0;
        while Instant::now() < deadline {
            let is_outrun = outrun_commits >= STALE_BEFORE_FENCE;
            let state = timeout_at(deadline, self.load_to_change(user, is_outrun))
                .await
                .map_err(|_| Error::Busy)??
                .ok_or(Error::NotFound(Resource::User))?;
            let (transition, result) = decide(&state, self.context())?;
            if !transition.changes(&state) {
                return Ok((transition, result));
            }
            match self.commit(&transition, state.version).await {
                Ok(()) => return Ok((transition, result)),
                // Another node has changed the user. The lock of the user holds on this node only,
                // so a random pause keeps the nodes from meeting again and again.
                Err(CommitError::Stale) => {
                    outrun_commits += 1;
                    backoff.wait_fraction(self.ids.jitter()).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// The context of a command that runs now.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            now: self.now(),
            policy: &self.config.policy,
        }
    }

    /// Commits a transition and logs it.
    pub(super) async fn commit(
        &self,
        transition: &Transition,
        expected_version: u64,
    ) -> Result<(), CommitError> {
        let commit = Commit {
            id: self.ids.commit_id(),
            expected_version,
            user: transition.next.clone(),
            sessions: transition.sessions.clone(),
            alerts: transition.alerts.clone(),
            active_change: transition.active_change.clone(),
        };
        let timer = Timer::start();
        let result = self.store.commit(commit).await;
        timer.observe(|metrics| &metrics.commit_duration);
        match &result {
            Ok(()) => {
                metrics::record(|metrics| count_answers(transition, metrics));
                log_transition(transition);
            }
            Err(error) => {
                if matches!(error, CommitError::Stale) {
                    metrics::record(|metrics| metrics.commit_conflicts.inc());
                }
                self.watch_outcome(transition, expected_version, error);
            }
        }
        result
    }

    /// Loads a user, with the last-seen times that are not written to the store yet.
    pub(super) async fn load(&self, user: UserId) -> Result<Option<UserState>, Error> {
        self.load_to_change(user, false).await
    }

    /// Loads a user, and makes the commits of other nodes stale if these always came first.
    async fn load_to_change(
        &self,
        user: UserId,
        is_outrun: bool,
    ) -> Result<Option<UserState>, Error> {
        let found = if is_outrun {
            self.store.fenced_user(user).await?
        } else {
            self.store.user(user).await?
        };
        Ok(found.map(|state| self.with_activity(state)))
    }

    /// Adds the last-seen times that are not written to the store yet.
    pub(super) fn with_activity(&self, mut state: UserState) -> UserState {
        let now = self.now();
        for session in state.active.iter_mut().chain(&mut state.pending) {
            self.activity.apply_to(session, now);
        }
        state
    }

    /// Creates ids for the session that a login may open, and the session's token.
    pub(super) fn new_ids(&self, user: UserId) -> (NewIds, Token) {
        let token = Token::new(user, self.ids.secret());
        let new_ids = NewIds {
            session: self.ids.session_key(user),
            attempt: self.ids.attempt_id(),
            token_hash: token.hash(),
            match_seed: self.ids.match_seed(),
        };
        (new_ids, token)
    }
}

fn count_answers(transition: &Transition, metrics: &Metrics) {
    for alert in &transition.alerts {
        match alert.kind {
            AlertKind::LoginApproved => metrics.approvals.increment(Answer::Approved),
            AlertKind::LoginNotApproved => metrics.approvals.increment(Answer::NotApproved),
            _ => {}
        }
    }
}

/// Logs each session change, with ids only. Mobile numbers and addresses are personal data, which
/// does not belong in a log.
fn log_transition(transition: &Transition) {
    let user = transition.next.owner.id;
    for write in &transition.sessions {
        let session = write.session();
        let key = session.key;
        if let SessionWrite::Renew(_) = write {
            tracing::info!(%user, session = %key, "session awaits approval under a new token");
            continue;
        }
        match session.status {
            // A pending session whose instants were set back may also have been approved.
            Status::Active | Status::Pending { .. }
                if matches!(write, SessionWrite::SetBack(_)) && !transition.approves(key) =>
            {
                tracing::debug!(%user, session = %key, "session set back with the clock");
            }
            Status::Active => {
                if let Some(replaced) = transition.replaced_by(key) {
                    tracing::info!(%user, session = %key, %replaced, "session active");
                } else {
                    tracing::info!(%user, session = %key, "session active");
                }
            }
            Status::Pending { .. } => {
                tracing::info!(%user, session = %key, "session awaits approval");
            }
            // The line of the session that replaced it names it.
            Status::Ended(Ended {
                reason: EndReason::Replaced,
                replaced_by: Some(_),
                ..
            }) => {}
            Status::Ended(Ended { reason, .. }) => {
                let ended_by = reason.ended_by().map(EndedBy::as_str);
                tracing::info!(
                    %user,
                    session = %key,
                    reason = reason.as_str(),
                    ended_by,
                    "session ended"
                );
            }
        }
    }
    for refused in transition
        .alerts
        .iter()
        .filter(|alert| alert.kind == AlertKind::LoginRefused)
    {
        if let Some(active) = refused.session {
            tracing::info!(%user, session = %active, "login refused because this session is active");
        }
    }
}
