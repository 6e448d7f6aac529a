use super::{NewIds, OnConflict, Outcome, Policy, SessionWrite, Transition};
use crate::domain::{
    Alert, AlertKind, Attempt, AttemptId, Device, EndReason, Fingerprint, PasswordHash,
    RecentConflict, Session, SessionKey, Status, Timestamp, UserState,
};

/// A transition in the making. Each step keeps the user, the sessions to write and the alerts in agreement.
pub(super) struct Draft<'a> {
    next: UserState,
    sessions: Vec<SessionWrite>,
    alerts: Vec<Alert>,
    now: Timestamp,
    policy: &'a Policy,
}

impl<'a> Draft<'a> {
    pub(super) fn new(state: &UserState, now: Timestamp, policy: &'a Policy) -> Self {
        Self {
            next: state.clone(),
            sessions: Vec::new(),
            alerts: Vec::new(),
            now,
            policy,
        }
    }

    pub(super) fn finish(mut self, state: &UserState, outcome: Outcome) -> Transition {
        if self.next != *state {
            self.next.version += 1;
        }
        Transition {
            next: self.next,
            sessions: self.sessions,
            alerts: self.alerts,
            outcome,
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
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

    pub(super) fn waiting_attempt(&self) -> Option<AttemptId> {
        self.pending().and_then(Session::attempt)
    }

    pub(super) fn set_password(&mut self, hash: PasswordHash) {
        self.next.password = Some(hash);
    }

    pub(super) fn alert(&mut self, kind: AlertKind, session: SessionKey, attempt: Option<Attempt>) {
        self.alert_at(self.now, kind, session, attempt);
    }

    fn alert_at(
        &mut self,
        at: Timestamp,
        kind: AlertKind,
        session: SessionKey,
        attempt: Option<Attempt>,
    ) {
        self.next.last_alert += 1;
        self.alerts.push(Alert {
            user: self.next.owner.id,
            sequence: self.next.last_alert,
            kind,
            created_at: at,
            session,
            attempt,
        });
    }

    /// Opens the active session. Whatever was active has been ended before.
    pub(super) fn open_active(&mut self, device: Device, new_ids: &NewIds) -> Session {
        let session = self.new_session(device, new_ids, Status::Active);
        self.sessions.push(SessionWrite::Open(session.clone()));
        self.set_active(session.clone());
        session
    }

    /// A new holder has been told of nothing yet.
    fn set_active(&mut self, session: Session) {
        self.next.active = Some(session);
        self.next.recent_conflicts.clear();
    }

    /// Opens the pending session. Whatever was pending has been ended before.
    pub(super) fn open_pending(
        &mut self,
        device: Device,
        new_ids: &NewIds,
        attempt: AttemptId,
    ) -> Session {
        let until = self.now.plus(self.policy.approval_timeout);
        let session = self.new_session(device, new_ids, Status::Pending { attempt, until });
        self.sessions.push(SessionWrite::Open(session.clone()));
        self.next.pending = Some(session.clone());
        session
    }

    fn new_session(&mut self, device: Device, new_ids: &NewIds, status: Status) -> Session {
        self.next.sessions_opened += 1;
        Session {
            key: new_ids.session,
            number: self.next.sessions_opened,
            owner: self.next.owner.clone(),
            token_hash: new_ids.token_hash,
            device,
            created_at: self.now,
            last_seen_at: self.now,
            idle_timeout: self.policy.idle_timeout,
            lifetime_ends_at: self.now.plus(self.policy.session_lifetime),
            status,
        }
    }

    /// The pending session takes the active one's place.
    pub(super) fn activate_pending(&mut self) -> Option<Session> {
        let mut session = self.next.pending.take()?;
        let attempt = attempt_of(&session);
        session.status = Status::Active;
        session.touch(self.now);
        self.sessions.push(SessionWrite::Change(session.clone()));
        self.alert(AlertKind::LoginApproved, session.key, attempt.clone());
        self.replace_active(session.key, attempt);
        self.set_active(session.clone());
        Some(session)
    }

    /// Ends the active session, if any, in favour of `successor`.
    pub(super) fn replace_active(&mut self, successor: SessionKey, attempt: Option<Attempt>) {
        if let Some(old) = self.next.active.take() {
            let old = old.ended(self.now, EndReason::Replaced, Some(successor));
            self.alert(AlertKind::SessionReplaced, old.key, attempt);
            self.sessions.push(SessionWrite::Change(old));
        }
    }

    pub(super) fn end_active(
        &mut self,
        at: Timestamp,
        reason: EndReason,
        kind: AlertKind,
        attempt: Option<Attempt>,
    ) {
        if let Some(session) = self.next.active.take() {
            self.alert_at(at, kind, session.key, attempt);
            self.sessions
                .push(SessionWrite::Change(session.ended(at, reason, None)));
        }
    }

    pub(super) fn expire_active(&mut self, at: Timestamp) {
        if let Some(session) = self.next.active.take() {
            self.alert_at(at, AlertKind::SessionExpired, session.key, None);
            let unseen = at < session.lifetime_ends_at;
            let session = session.ended(at, EndReason::Expired, None);
            self.sessions.push(if unseen {
                SessionWrite::ExpireUnseen(session)
            } else {
                SessionWrite::Change(session)
            });
        }
    }

    /// Ends the pending session, if any; with `kind` absent, in silence.
    pub(super) fn end_pending(
        &mut self,
        at: Timestamp,
        reason: EndReason,
        kind: Option<AlertKind>,
    ) -> Option<Session> {
        let session = self.next.pending.take()?;
        if let Some(kind) = kind {
            self.alert_at(at, kind, session.key, attempt_of(&session));
        }
        let session = session.ended(at, reason, None);
        self.sessions.push(SessionWrite::Change(session.clone()));
        Some(session)
    }

    /// Whether an alert that was raised a short while ago told of this conflict, so that another would only repeat it.
    pub(super) fn was_told_of(&self, device: &Device, on_conflict: OnConflict) -> bool {
        let device = Fingerprint::of(device, on_conflict);
        let mut recent = self.next.recent_conflicts.iter();
        recent.any(|conflict| conflict.device == device && self.is_recent(conflict))
    }

    /// Notes that an alert tells of this conflict now.
    pub(super) fn note_told_of(&mut self, device: &Device, on_conflict: OnConflict) {
        /// How many devices are told apart: past that the oldest is forgotten, and may alert again early.
        const REMEMBERED: usize = 16;
        let device = Fingerprint::of(device, on_conflict);
        let mut recent = std::mem::take(&mut self.next.recent_conflicts);
        recent.retain(|conflict| conflict.device != device && self.is_recent(conflict));
        if recent.len() == REMEMBERED {
            recent.remove(0);
        }
        recent.push(RecentConflict {
            device,
            at: self.now,
        });
        self.next.recent_conflicts = recent;
    }

    fn is_recent(&self, conflict: &RecentConflict) -> bool {
        self.now < conflict.at.plus(self.policy.quiet_for)
    }
}

/// The attempt that a pending session waits under, as its alerts show it.
fn attempt_of(session: &Session) -> Option<Attempt> {
    Some(Attempt {
        id: session.attempt()?,
        session: Some(session.key),
        user_agent: session.device.user_agent.clone(),
        address: session.device.address,
        created_at: session.created_at,
    })
}
