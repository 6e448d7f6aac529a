//! A transition under construction.

mod alert_limit;
mod cooldown;
mod history;
mod set_back;
mod take_over_limit;

use super::{Actor, Context, NewIds, NotActive, SessionWrite, Transition};
use crate::domain::{
    Alert, AlertKind, Attempt, AttemptId, Device, DeviceHash, EndReason, Ended, Freeze,
    NumberMatch, PasswordHash, Session, SessionKey, Stage, Status, Timestamp, UserId, UserState,
};

/// A transition under construction. Each method keeps the user, the sessions to write and the
/// alerts consistent.
pub(super) struct Draft<'a> {
    before: &'a UserState,
    next: UserState,
    sessions: Vec<SessionWrite>,
    alerts: Vec<Alert>,
    /// The sessions whose instants were set back.
    set_back: Vec<SessionKey>,
    context: Context<'a>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(before: &'a UserState, context: Context<'a>) -> Self {
        Self {
            before,
            next: before.clone(),
            sessions: Vec::new(),
            alerts: Vec::new(),
            set_back: Vec::new(),
            context,
        }
    }

    pub(super) fn finish(mut self) -> Transition {
        self.write_set_back();
        if self.next != *self.before {
            self.next.version += 1;
        }
        Transition {
            next: self.next,
            sessions: self.sessions,
            alerts: self.alerts,
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.context.now
    }

    pub(super) const fn user(&self) -> UserId {
        self.next.owner.id
    }

    pub(super) const fn active(&self) -> Option<&Session> {
        self.next.active.as_ref()
    }

    pub(super) const fn pending(&self) -> Option<&Session> {
        self.next.pending.as_ref()
    }

    pub(super) fn is_active(&self, key: SessionKey) -> bool {
        self.active().is_some_and(|session| session.key == key)
    }

    pub(super) fn is_pending(&self, key: SessionKey) -> bool {
        self.pending().is_some_and(|session| session.key == key)
    }

    /// Checks that the actor may act for the whole user. Expiries must have been recorded.
    pub(super) fn authorize(&self, actor: Actor) -> Result<(), NotActive> {
        match actor {
            Actor::Session(key) if !self.is_active(key) => Err(NotActive),
            Actor::Session(_) | Actor::Service => Ok(()),
        }
    }

    pub(super) fn set_password(&mut self, password: PasswordHash) {
        self.next.password = Some(password);
    }

    /// The freeze of the user. Expiries must have been recorded.
    pub(super) const fn freeze(&self) -> Option<&Freeze> {
        self.next.freeze.as_ref()
    }

    pub(super) fn set_freeze(&mut self, freeze: Option<Freeze>) {
        self.next.freeze = freeze;
    }

    pub(super) fn alert(
        &mut self,
        kind: AlertKind,
        session: Option<SessionKey>,
        attempt: Option<Attempt>,
    ) {
        self.alert_at(self.now(), kind, session, attempt);
    }

    fn alert_at(
        &mut self,
        at: Timestamp,
        kind: AlertKind,
        session: Option<SessionKey>,
        attempt: Option<Attempt>,
    ) {
        self.next.last_alert += 1;
        let folded_count = self.take_folded();
        self.alerts.push(Alert {
            user: self.user(),
            sequence: self.next.last_alert,
            kind,
            created_at: at,
            session,
            attempt,
            folded_count,
        });
    }

    /// Opens the active session. The previous active session must have been ended before.
    pub(super) fn open_active(&mut self, device: Device, new_ids: &NewIds) -> Session {
        let session = self.new_session(device, new_ids, Status::Active);
        self.sessions.push(SessionWrite::Open(session.clone()));
        self.set_active(session.clone());
        session
    }

    /// Sets the active session. Clears the recent conflicts, because their alerts were about the
    /// previous active session.
    fn set_active(&mut self, session: Session) {
        if let Some(id) = &session.device.id {
            self.next.history.forget(DeviceHash::of(id));
        }
        self.next.active = Some(session);
        self.next.recent_conflicts.clear();
    }

    /// Opens the pending session. The previous pending session must have been ended before.
    pub(super) fn open_pending(
        &mut self,
        device: Device,
        new_ids: &NewIds,
        attempt: AttemptId,
        matching: Option<NumberMatch>,
    ) -> Session {
        let status = Status::Pending {
            attempt,
            until: self.now().plus(self.context.policy.approval_timeout),
            matching,
        };
        let session = self.new_session(device, new_ids, status);
        self.sessions.push(SessionWrite::Open(session.clone()));
        self.next.pending = Some(session.clone());
        session
    }

    /// Gives the pending session, if any, to a later login of the same device. Only the device's
    /// description and the token change: the decision on the attempt applies to this login, and its
    /// deadline stays.
    pub(super) fn renew_pending(&mut self, device: Device, new_ids: &NewIds) -> Option<Session> {
        let session = self.next.pending.as_mut()?;
        session.device = device;
        session.token_hash = new_ids.token_hash;
        self.sessions.push(SessionWrite::Renew(session.clone()));
        Some(session.clone())
    }

    fn new_session(&mut self, device: Device, new_ids: &NewIds, status: Status) -> Session {
        let Context { now, policy } = self.context;
        self.next.sessions_opened += 1;
        Session {
            key: new_ids.session,
            number: self.next.sessions_opened,
            owner: self.next.owner.clone(),
            token_hash: new_ids.token_hash,
            device,
            created_at: now,
            last_seen_at: now,
            idle_timeout: policy.idle_timeout,
            lifetime_ends_at: now.plus(policy.session_lifetime),
            status,
        }
    }

    /// Removes and returns the pending session if it has this attempt id. The caller must activate
    /// or end it.
    pub(super) fn take_pending(&mut self, attempt: AttemptId) -> Option<Session> {
        self.next
            .pending
            .take_if(|session| session.attempt() == Some(attempt))
    }

    /// Activates a session that was pending, and ends the session that was active. The idle timeout
    /// of the activated session starts now.
    pub(super) fn activate(&mut self, mut session: Session) -> Session {
        let attempt = attempt_of(&session);
        session.status = Status::Active;
        session.touch(self.now());
        self.sessions.push(self.change(session.clone()));
        self.alert(AlertKind::LoginApproved, Some(session.key), attempt.clone());
        self.replace_active(session.key, attempt);
        self.set_active(session.clone());
        self.forget_denials();
        session
    }

    /// Ends the active session, if any, because `successor` replaces it.
    pub(super) fn replace_active(&mut self, successor: SessionKey, attempt: Option<Attempt>) {
        if let Some(session) = self.next.active.take() {
            let ended = Ended {
                at: self.now(),
                reason: EndReason::Replaced,
                replaced_by: Some(successor),
            };
            self.alert_end(session.key, ended, attempt);
            self.write_end(session, ended);
        }
    }

    /// Ends the active session, if any, without a successor.
    pub(super) fn end_active(&mut self, reason: EndReason) {
        if let Some(session) = self.next.active.take() {
            self.end(session, reason);
            self.end_question();
        }
    }

    /// Ends the pending session, if any, because the active session has ended without a successor:
    /// nobody is left to decide.
    fn end_question(&mut self) {
        self.end_pending(EndReason::NotApproved);
    }

    /// Ends the pending session, if any.
    pub(super) fn end_pending(&mut self, reason: EndReason) {
        if let Some(session) = self.next.pending.take() {
            self.end(session, reason);
        }
    }

    /// Ends a session that has been removed from the user's state, and raises the alert about
    /// its end.
    pub(super) fn end(&mut self, session: Session, reason: EndReason) -> Session {
        self.end_as(session, Ended::new(self.now(), reason))
    }

    /// Ends each session whose limit has passed, at that limit, in the order of their limits.
    /// Before that, adapts the sessions to a clock that was set back.
    pub(super) fn record_expiries(&mut self) {
        self.set_back_current();
        let now = self.now();
        if self.next.freeze_at(now).is_none() {
            self.next.freeze = None;
        }
        let had_active = self.next.active.is_some();
        let mut expired: Vec<_> = [&mut self.next.pending, &mut self.next.active]
            .into_iter()
            .filter_map(|current| match current.as_ref()?.stage(now) {
                Stage::Ended(ended) => Some((current.take()?, ended)),
                Stage::Pending | Stage::Active => None,
            })
            .collect();
        expired.sort_by_key(|(_, ended)| ended.at);
        for (session, ended) in expired {
            if session.attempt().is_some() {
                self.count_unanswered(ended.at);
            }
            self.end_as(session, ended);
        }
        if had_active && self.next.active.is_none() {
            self.end_question();
        }
    }

    fn end_as(&mut self, session: Session, ended: Ended) -> Session {
        self.alert_end(session.key, ended, attempt_of(&session));
        self.write_end(session, ended)
    }

    fn alert_end(&mut self, session: SessionKey, ended: Ended, attempt: Option<Attempt>) {
        self.alert_at(ended.at, ended.reason.alert_kind(), Some(session), attempt);
    }

    fn write_end(&mut self, mut session: Session, ended: Ended) -> Session {
        if session.status == Status::Active {
            self.remember_device(&session.device);
        }
        let by_idle_timeout =
            ended.reason == EndReason::Expired && ended.at < session.lifetime_ends_at;
        session.status = Status::Ended(ended);
        self.sessions.push(if by_idle_timeout {
            SessionWrite::ExpireIdle(session.clone())
        } else {
            self.change(session.clone())
        });
        session
    }
}

/// The login attempt of a pending session.
fn attempt_of(session: &Session) -> Option<Attempt> {
    let id = session.attempt()?;
    Some(Attempt::new(
        id,
        Some(session.key),
        &session.device,
        session.created_at,
    ))
}
