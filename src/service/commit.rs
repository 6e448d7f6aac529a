use std::time::Duration;

use super::{Error, Resource, Service};
use crate::{
    domain::{
        AlertKind, Ended, Session, Status, Token, UserId, UserState,
        rules::{self, Command, NewIds, SessionWrite, Transition},
    },
    store::{Commit, CommitError},
};

/// How long one change may take, its waiting for others and its further attempts included.
const DEADLINE: Duration = Duration::from_secs(15);

/// A session, and the token that opens it.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub session: Session,
    pub token: Token,
}

impl Service {
    /// Loads the user, decides and commits, again and again until nobody was faster.
    /// `command` is asked for the command anew with each state that is decided on.
    pub(super) async fn change(
        &self,
        user: UserId,
        command: impl Fn(&UserState) -> Result<Command, Error> + Send + Sync,
    ) -> Result<Transition, Error> {
        let change = async {
            let _turn = self.user_locks.lock(user).await;
            loop {
                let state = self
                    .load(user)
                    .await?
                    .ok_or(Error::NotFound(Resource::User))?;
                let command = command(&state)?;
                let transition = rules::decide(&state, command, self.now(), &self.config.policy)?;
                if !transition.changes(&state) {
                    return Ok(transition);
                }
                match self.commit(&transition, state.version).await {
                    Ok(()) => return Ok(transition),
                    Err(CommitError::Stale) => {}
                    Err(CommitError::MobileTaken) => return Err(Error::MobileTaken),
                    Err(CommitError::Store(error)) => return Err(error.into()),
                }
            }
        };
        tokio::time::timeout(DEADLINE, change)
            .await
            .unwrap_or(Err(Error::Busy))
    }

    pub(super) async fn commit(
        &self,
        transition: &Transition,
        expected_version: u64,
    ) -> Result<(), CommitError> {
        self.store
            .commit(Commit {
                id: self.ids.commit_id(),
                expected_version,
                user: transition.next.clone(),
                sessions: transition.sessions.clone(),
                alerts: transition.alerts.clone(),
            })
            .await?;
        note(transition);
        Ok(())
    }

    /// The user, with the last requests that only memory knows of.
    pub(super) async fn load(&self, user: UserId) -> Result<Option<UserState>, Error> {
        Ok(self
            .store
            .user(user)
            .await?
            .map(|state| self.with_activity(state)))
    }

    pub(super) fn with_activity(&self, mut state: UserState) -> UserState {
        for session in state.active.iter_mut().chain(&mut state.pending) {
            self.activity.apply_to(session);
        }
        state
    }

    /// What a login of this user may open, and the token that will open it.
    pub(super) fn new_ids(&self, user: UserId) -> (NewIds, Token) {
        let token = Token::new(user, self.ids.secret());
        let new_ids = NewIds {
            session: self.ids.session_key(),
            attempt: self.ids.attempt_id(),
            token_hash: token.hash(),
        };
        (new_ids, token)
    }
}

/// Tells an operator what became of sessions, by keys alone: a log is no place for who and where.
fn note(transition: &Transition) {
    let user = transition.next.owner.id;
    for session in transition.sessions.iter().map(SessionWrite::session) {
        let key = session.key;
        match session.status {
            Status::Active => tracing::info!(%user, session = %key, "session active"),
            Status::Pending { .. } => {
                tracing::info!(%user, session = %key, "session awaits approval");
            }
            Status::Ended(Ended { reason, .. }) => {
                tracing::info!(%user, session = %key, ?reason, "session ended");
            }
        }
    }
    for refused in transition
        .alerts
        .iter()
        .filter(|alert| alert.kind == AlertKind::LoginRefused)
    {
        tracing::info!(%user, session = %refused.session, "login refused, for this session is active");
    }
}
