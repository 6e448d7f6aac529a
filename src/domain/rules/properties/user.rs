//! A user for tests of single rules: a holder on a phone, and logins of other devices.

use std::{num::NonZeroU32, time::Duration};

use super::model::{POLICY, new_ids, new_user};
use crate::domain::{
    Alert, AttemptId, Device, DeviceId, PasswordHash, Session, SessionKey, Timestamp, UserAgent,
    UserState,
    rules::{
        Actor, Context, DecideLogin, DecideLoginError, Decision, EndError, FreezeUser, Login,
        LoginError, LoginOutcome, NewIds, OnConflict, Policy, Transition, change_password,
        decide_login, expire, freeze_user, invalidate_session, log_in, register, report_folded,
    },
};

/// The state of a user, and the alerts of the last command.
#[derive(Clone)]
pub(super) struct TestUser {
    pub now: Timestamp,
    pub state: UserState,
    pub alerts: Vec<Alert>,
    pub policy: Policy,
    logins: u128,
    /// Whether the next logins come from another country than the one that waits.
    pub is_elsewhere: bool,
}

/// A device with this id.
pub(super) fn device_with_id(id: &str) -> Device {
    Device {
        id: Some(DeviceId::parse(id).unwrap()),
        user_agent: UserAgent::parse("App/1").unwrap(),
        address: [192, 0, 2, 1].into(),
    }
}

impl TestUser {
    /// A user who is logged in on the device `phone`.
    pub(super) fn register(max_alerts_per_minute: NonZeroU32) -> Self {
        let policy = Policy {
            max_alerts_per_minute,
            // The holder's session never ends by itself.
            idle_timeout: Duration::from_hours(24 * 365),
            session_lifetime: Duration::from_hours(24 * 365),
            ..POLICY
        };
        let now = Timestamp::from_millis(1_750_000_000_000);
        let context = Context {
            now,
            policy: &policy,
        };
        let (transition, _) = register(new_user(), device_with_id("phone"), new_ids(1), context);
        Self {
            now,
            state: transition.next,
            alerts: Vec::new(),
            policy,
            logins: 1,
            is_elsewhere: false,
        }
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// The ids of the last login.
    pub(super) fn last_ids(&self) -> NewIds {
        new_ids(self.logins)
    }

    /// A login by the service, to which no limit on take-overs and no pause applies.
    pub(super) fn log_in(
        &mut self,
        device: Device,
        on_conflict: OnConflict,
    ) -> Result<LoginOutcome, LoginError> {
        self.log_in_as(device, on_conflict, true)
    }

    pub(super) fn log_in_without_service(
        &mut self,
        device: Device,
        on_conflict: OnConflict,
    ) -> Result<LoginOutcome, LoginError> {
        self.log_in_as(device, on_conflict, false)
    }

    fn log_in_as(
        &mut self,
        device: Device,
        on_conflict: OnConflict,
        by_service: bool,
    ) -> Result<LoginOutcome, LoginError> {
        self.logins += 1;
        self.alerts.clear();
        let login = Login {
            device,
            on_conflict,
            by_service,
            is_new_place: None,
            is_elsewhere: self.is_elsewhere,
        };
        let (transition, outcome) = log_in(&self.state, login, self.last_ids(), self.context())?;
        self.apply(transition);
        Ok(outcome)
    }

    /// The number that the waiting device shows.
    pub(super) fn number(&self) -> Option<i32> {
        let matching = self.state.pending.as_ref().and_then(Session::matching);
        matching.map(|matching| matching.number().into())
    }

    /// Decides as the active session, with the right number.
    pub(super) fn decide(
        &mut self,
        attempt: AttemptId,
        decision: Decision,
    ) -> Result<Session, DecideLoginError> {
        self.alerts.clear();
        let command = DecideLogin {
            actor: Actor::Session(self.holder()),
            attempt,
            decision,
            number: self.number(),
        };
        let (transition, session, _) = decide_login(&self.state, command, self.context())?;
        self.apply(transition);
        Ok(session)
    }

    /// Approves the login that waits as the service.
    pub(super) fn approve_by_service(&mut self) {
        let command = DecideLogin {
            actor: Actor::Service,
            attempt: self.attempt(),
            decision: Decision::Approve,
            number: None,
        };
        let (transition, ..) = decide_login(&self.state, command, self.context())
            .expect("the service may approve without a number");
        self.apply(transition);
    }

    /// Ends the active session by itself.
    pub(super) fn log_out(&mut self) {
        let holder = self.holder();
        self.invalidate(holder, holder)
            .expect("a session may end itself");
    }

    /// Ends the waiting session with the active one.
    pub(super) fn end_waiting(&mut self) -> Result<(), EndError> {
        let waiting = self.state.pending.as_ref().expect("a login waits").key;
        self.invalidate(self.holder(), waiting)
    }

    /// Ends the waiting session by itself.
    pub(super) fn withdraw(&mut self) {
        let waiting = self.state.pending.as_ref().expect("a login waits").key;
        self.invalidate(waiting, waiting)
            .expect("a session may end itself");
    }

    fn invalidate(&mut self, by: SessionKey, session: SessionKey) -> Result<(), EndError> {
        self.alerts.clear();
        let by = Actor::Session(by);
        let transition = invalidate_session(&self.state, by, session, self.context())?;
        self.apply(transition);
        Ok(())
    }

    /// Changes the password with the active session.
    pub(super) fn change_password(&mut self) -> Result<(), EndError> {
        self.alerts.clear();
        let (by, hash) = (
            Actor::Session(self.holder()),
            PasswordHash::new("new".into()),
        );
        let transition = change_password(&self.state, by, hash, self.context())?;
        self.apply(transition);
        Ok(())
    }

    fn holder(&self) -> SessionKey {
        self.state.active.as_ref().expect("a session is active").key
    }

    /// The attempt of the login that waits.
    pub(super) fn attempt(&self) -> AttemptId {
        let pending = self.state.pending.as_ref().and_then(Session::attempt);
        pending.expect("a login waits")
    }

    /// Freezes the user as the service.
    pub(super) fn freeze(&mut self, until: Option<Timestamp>) {
        let command = FreezeUser {
            actor: Actor::Service,
            until,
            reason: None,
        };
        let transition =
            freeze_user(&self.state, command, self.context()).expect("the end has not passed");
        self.apply(transition);
    }

    /// Records the expiries, as the maintenance task does.
    pub(super) fn expire(&mut self) {
        let transition = expire(&self.state, self.context());
        self.apply(transition);
    }

    pub(super) fn report_folded(&mut self) {
        let transition = report_folded(&self.state, self.context());
        self.apply(transition);
    }

    /// The number of refused logins that no alert has reported yet.
    pub(super) fn unreported(&self) -> u32 {
        let window = self.state.alert_window.as_ref();
        let folded = window.and_then(|window| window.folded.as_ref());
        folded.map_or(0, |folded| folded.count)
    }

    const fn context(&self) -> Context<'_> {
        Context {
            now: self.now,
            policy: &self.policy,
        }
    }

    fn apply(&mut self, transition: Transition) {
        self.state = transition.next;
        self.alerts = transition.alerts;
    }
}
