//! The rules: what a command does to one user.
//!
//! [`decide`] takes the user as loaded, the command, the time and new_ids ids, and answers a [`Transition`] or a
//! [`Refusal`]. It promises:
//! 1. At most one session of a user is active, and at most one is pending.
//! 2. A session whose idle or overall limit has passed is not valid from that instant, and never causes a conflict.
//! 3. A login without conflict opens its session; one from the device that holds the active session replaces its own.
//! 4. `REJECT` refuses the login, changes nothing else, and alerts.
//! 5. `TAKE_OVER` ends the old session and opens the new one in one transition, and alerts.
//! 6. `ASK` opens a pending session; the first answer in time counts, and a second `ASK` ends the one that waited.
//! 7. Ending a session clears the active one only if it was that one; twice is the same as once.
//! 8. Alert numbers rise by one, and a transition holds a state change together with its alerts.
//!
//! Repeated conflicting attempts of one device within [`Policy::quiet_for`] raise one alert. A device that asks
//! again while it waits keeps its attempt's id, so that the answer to the one alert reaches the login that waits now.

mod draft;
mod login;
#[cfg(test)]
mod properties;

use std::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use self::draft::Draft;
use super::{
    Alert, AlertKind, AttemptId, Device, EndReason, Mobile, Owner, PasswordHash, Session,
    SessionKey, Stage, Timestamp, TokenHash, UserId, UserState, Username,
};

/// How long things last.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long a session lives without a request.
    pub idle_timeout: Duration,
    /// How long a session lives however busy it is.
    pub session_lifetime: Duration,
    /// How long a login waits for approval.
    pub approval_timeout: Duration,
    /// How long a device's repeated conflicting attempts raise no further alert.
    pub quiet_for: Duration,
}

/// Ids and a token's hash that nothing else has, for what a command may open.
#[derive(Debug, Clone, Copy)]
pub struct NewIds {
    pub session: SessionKey,
    pub attempt: Uuid,
    pub token_hash: TokenHash,
}

/// Who gives a command: the service, or a session that must still be the one it takes itself for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    Service,
    Session(SessionKey),
}

/// What a login does where another device holds a valid session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnConflict {
    Reject,
    TakeOver,
    Ask,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Approve,
    Deny,
}

#[derive(Debug, Clone)]
pub enum Command {
    /// Opens a session on a device whose credentials have been checked.
    Login {
        device: Device,
        on_conflict: OnConflict,
        new_ids: NewIds,
    },
    /// Answers a login that waits.
    Decide {
        actor: Actor,
        attempt: AttemptId,
        decision: Decision,
    },
    /// Ends a session.
    Invalidate { actor: Actor, session: SessionKey },
    /// Sets the password and ends every session but the actor's own.
    ChangePassword { actor: Actor, hash: PasswordHash },
    /// Records what time has ended.
    Expire,
}

/// What a command does, to be committed whole or not at all.
#[derive(Debug, Clone)]
pub struct Transition {
    pub next: UserState,
    pub sessions: Vec<SessionWrite>,
    pub alerts: Vec<Alert>,
    pub outcome: Outcome,
}

impl Transition {
    /// Whether there is anything to commit.
    #[must_use]
    pub fn changes(&self, state: &UserState) -> bool {
        self.next.version != state.version
    }
}

/// A session as a transition leaves it.
#[derive(Debug, Clone)]
pub enum SessionWrite {
    Open(Session),
    Change(Session),
    /// Ends a session because nobody used it: void where the store has seen a later request than `last_seen_at`.
    ExpireUnseen(Session),
}

impl SessionWrite {
    #[must_use]
    pub const fn session(&self) -> &Session {
        match self {
            Self::Open(session) | Self::Change(session) | Self::ExpireUnseen(session) => session,
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The login opened this session.
    LoggedIn(Session),
    /// Another device holds a valid session, and keeps it.
    LoginRefused,
    /// This session waits for approval.
    AwaitingApproval(Session),
    /// The login that waited was answered; the session as it stands now.
    Decided(Session),
    /// Whatever else was to be done is done, or was already.
    Done,
}

/// Why a command cannot be done at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("the session that gave the command is no longer valid")]
    NotActive,
    #[error("no login waits under this id")]
    NoSuchAttempt,
}

/// A new user with a first, active session on `device`.
#[must_use]
pub fn register(
    user: NewUser,
    device: Device,
    now: Timestamp,
    new_ids: NewIds,
    policy: &Policy,
) -> Transition {
    let owner = Owner {
        id: user.id,
        mobile: user.mobile,
        username: user.username,
    };
    let state = UserState {
        owner,
        password: user.password,
        created_at: now,
        version: 0,
        active: None,
        pending: None,
        last_alert: 0,
        sessions_opened: 0,
        recent_conflicts: Vec::new(),
    };
    let mut draft = Draft::new(&state, now, policy);
    let session = draft.open_active(device, &new_ids);
    draft.finish(&state, Outcome::LoggedIn(session))
}

/// What a user is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub id: UserId,
    pub mobile: Mobile,
    pub username: Username,
    pub password: Option<PasswordHash>,
}

/// What `command` does to `state` at `now`.
///
/// # Errors
/// [`Refusal`], with nothing to commit.
pub fn decide(
    state: &UserState,
    command: Command,
    now: Timestamp,
    policy: &Policy,
) -> Result<Transition, Refusal> {
    let mut draft = Draft::new(state, now, policy);
    draft.record_what_time_ended();
    let outcome = match command {
        Command::Login {
            device,
            on_conflict,
            new_ids,
        } => login::login(&mut draft, device, on_conflict, &new_ids),
        Command::Decide {
            actor,
            attempt,
            decision,
        } => answer(&mut draft, actor, attempt, decision)?,
        Command::Invalidate { actor, session } => invalidate(&mut draft, actor, session)?,
        Command::ChangePassword { actor, hash } => change_password(&mut draft, actor, hash)?,
        Command::Expire => Outcome::Done,
    };
    Ok(draft.finish(state, outcome))
}

/// The first answer counts: an attempt that no longer waits is not there.
fn answer(
    draft: &mut Draft,
    actor: Actor,
    attempt: AttemptId,
    decision: Decision,
) -> Result<Outcome, Refusal> {
    if let Actor::Session(key) = actor
        && !draft.is_active(key)
    {
        return Err(Refusal::NotActive);
    }
    if draft.waiting_attempt() != Some(attempt) {
        return Err(Refusal::NoSuchAttempt);
    }
    let session = match decision {
        Decision::Approve => draft.activate_pending(),
        Decision::Deny => draft.end_pending(
            draft.now(),
            EndReason::NotApproved,
            Some(AlertKind::LoginNotApproved),
        ),
    };
    session.map(Outcome::Decided).ok_or(Refusal::NoSuchAttempt)
}

fn invalidate(draft: &mut Draft, actor: Actor, session: SessionKey) -> Result<Outcome, Refusal> {
    if let Actor::Session(key) = actor
        && key != session
        && !draft.is_active(key)
    {
        return Err(Refusal::NotActive);
    }
    let (now, reason, kind) = (
        draft.now(),
        EndReason::Invalidated,
        AlertKind::SessionInvalidated,
    );
    if draft.is_active(session) {
        draft.end_active(now, reason, kind, None);
    } else if draft.is_pending(session) {
        draft.end_pending(now, reason, Some(kind));
    }
    Ok(Outcome::Done)
}

fn change_password(
    draft: &mut Draft,
    actor: Actor,
    hash: PasswordHash,
) -> Result<Outcome, Refusal> {
    let (now, reason, kind) = (
        draft.now(),
        EndReason::PasswordChanged,
        AlertKind::PasswordChanged,
    );
    match actor {
        Actor::Session(key) if !draft.is_active(key) => return Err(Refusal::NotActive),
        Actor::Session(_) => {
            draft.end_pending(now, reason, Some(kind));
        }
        Actor::Service => {
            draft.end_pending(now, reason, Some(kind));
            draft.end_active(now, reason, kind, None);
        }
    }
    draft.set_password(hash);
    Ok(Outcome::Done)
}

impl Draft<'_> {
    /// Ends what has passed its limit, at that limit, the earlier first.
    fn record_what_time_ended(&mut self) {
        let now = self.now();
        let limit = |session: Option<&Session>| match session.map(|session| session.stage(now)) {
            Some(Stage::Ended(ended)) => Some(ended.at),
            _ => None,
        };
        let pending = limit(self.pending());
        let active = limit(self.active());
        let end_pending = |draft: &mut Self, at| {
            draft.end_pending(
                at,
                EndReason::NotApproved,
                Some(AlertKind::LoginNotApproved),
            );
        };
        match (pending, active) {
            (Some(waited_until), Some(lived_until)) if waited_until > lived_until => {
                self.expire_active(lived_until);
                end_pending(self, waited_until);
            }
            (waited_until, lived_until) => {
                if let Some(at) = waited_until {
                    end_pending(self, at);
                }
                if let Some(at) = lived_until {
                    self.expire_active(at);
                }
            }
        }
    }
}
