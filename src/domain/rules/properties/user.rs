//! A user for tests of single rules: a holder on a phone, and logins of other devices.

use std::{num::NonZeroU32, time::Duration};

use super::model::{POLICY, new_ids, new_user};
use crate::domain::{
    Alert, AttemptId, Device, DeviceId, Session, Timestamp, UserAgent, UserState,
    rules::{
        Actor, Context, DecideLogin, DecideLoginError, Decision, Login, LoginError, LoginOutcome,
        NewIds, OnConflict, Policy, Transition, decide_login, log_in, register, report_folded,
    },
};

/// The state of a user, and the alerts of the last command.
pub(super) struct TestUser {
    pub now: Timestamp,
    pub state: UserState,
    pub alerts: Vec<Alert>,
    policy: Policy,
    logins: u128,
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
        }
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// The ids of the last login.
    pub(super) fn last_ids(&self) -> NewIds {
        new_ids(self.logins)
    }

    pub(super) fn log_in(
        &mut self,
        device: Device,
        on_conflict: OnConflict,
    ) -> Result<LoginOutcome, LoginError> {
        self.logins += 1;
        self.alerts.clear();
        let login = Login {
            device,
            on_conflict,
            by_service: true,
            is_new_place: None,
        };
        let (transition, outcome) = log_in(&self.state, login, self.last_ids(), self.context())?;
        self.apply(transition);
        Ok(outcome)
    }

    /// The number that the waiting device shows.
    pub(super) fn number(&self) -> Option<u8> {
        let matching = self.state.pending.as_ref().and_then(Session::matching);
        matching.map(|matching| matching.number())
    }

    /// Decides as the active session, with the right number.
    pub(super) fn decide(
        &mut self,
        attempt: AttemptId,
        decision: Decision,
    ) -> Result<Session, DecideLoginError> {
        self.alerts.clear();
        let holder = self.state.active.as_ref().expect("a session is active").key;
        let command = DecideLogin {
            actor: Actor::Session(holder),
            attempt,
            decision,
            number: self.number(),
        };
        let (transition, session, _) = decide_login(&self.state, command, self.context())?;
        self.apply(transition);
        Ok(session)
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
