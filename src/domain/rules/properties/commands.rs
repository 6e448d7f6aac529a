//! Runs the command of an event, and checks its effect.

use proptest::test_runner::TestCaseResult;
use uuid::Uuid;

use super::{
    ActorChoice, BEHIND, Event, NumberChoice, STEP_BACK, SessionChoice, decisions,
    devices::TestDevice, events, freezing, incumbents, logins, logins::TestLogin, model::History,
};
use crate::domain::{
    AttemptId, PasswordHash, Session, SessionKey, Status, Timestamp,
    rules::{
        Actor, DecideLogin, FreezeUser, Login, LoginOutcome, OnConflict, change_password,
        decide_login, expire, freeze_user, invalidate_session, log_in, unfreeze_user,
    },
};

impl History {
    /// Applies an event and checks its rules.
    pub(super) fn apply(&mut self, event: &Event) -> TestCaseResult {
        match event {
            Event::Login {
                device,
                on_conflict,
                by_service,
            } => self.log_in(*device, *on_conflict, *by_service),
            Event::Decide {
                by,
                attempt,
                decision,
                number,
            } => self.decide_login(DecideLogin {
                actor: self.actor(by),
                attempt: self.attempt(attempt),
                decision: *decision,
                number: self.number(*number),
            }),
            Event::Invalidate { by, session } => self.invalidate(self.actor(by), self.key(session)),
            Event::ChangePassword { by } => self.change_password(self.actor(by)),
            Event::Freeze { by, lasts } => {
                let until = lasts.map(|lasts| self.now.plus(lasts.duration()));
                self.freeze(self.actor(by), until)
            }
            Event::Unfreeze => self.unfreeze(),
            Event::Expire => self.expire(),
            Event::Request => {
                self.request();
                Ok(())
            }
            Event::SetBack => {
                self.set_clock_back(STEP_BACK);
                Ok(())
            }
            Event::FallBehind => {
                self.set_clock_back(BEHIND);
                Ok(())
            }
        }
    }

    fn log_in(
        &mut self,
        device: TestDevice,
        on_conflict: OnConflict,
        by_service: bool,
    ) -> TestCaseResult {
        let before = self.clone();
        let login = Login {
            device: device.device(),
            on_conflict,
            by_service,
            is_new_place: None,
            is_elsewhere: false,
        };
        let result = log_in(&self.state, login, self.next_ids(), self.context());
        let (transition, outcome) = match result {
            Ok(result) => result,
            Err(error) => return logins::rejected(&before, error),
        };
        logins::newness_is_right(&before, device, &transition)?;
        self.commit(&transition)?;
        self.record_conflict_alerts(device, &transition);
        if let LoginOutcome::LoggedIn(session) = &outcome {
            self.admitted.push(session.key);
        }
        let login = TestLogin {
            device,
            on_conflict,
            by_service,
        };
        incumbents::note_login(&before, login, self);
        logins::logged_in(&before, login, &outcome, self)
    }

    fn freeze(&mut self, actor: Actor, until: Option<Timestamp>) -> TestCaseResult {
        let before = self.clone();
        let command = FreezeUser {
            actor,
            until,
            reason: None,
        };
        let result = freeze_user(&self.state, command, self.context());
        if let Ok(transition) = &result {
            self.commit(transition)?;
        }
        freezing::frozen(&before, (actor, until), result.map(drop), self)
    }

    fn unfreeze(&mut self) -> TestCaseResult {
        let before = self.clone();
        let transition = unfreeze_user(&self.state, self.context());
        self.commit(&transition)?;
        freezing::unfrozen(&before, self)
    }

    fn decide_login(&mut self, command: DecideLogin) -> TestCaseResult {
        let before = self.clone();
        let result = decide_login(&self.state, command, self.context());
        if let Ok((transition, session, _)) = &result {
            self.commit(transition)?;
            if session.status == Status::Active {
                self.admitted.push(session.key);
                match command.actor {
                    Actor::Session(key) if self.taken == Some(key) => {
                        self.taken = Some(session.key);
                    }
                    Actor::Session(_) => {}
                    Actor::Service => self.taken = None,
                }
            }
        }
        let result = result.map(|(.., outcome)| outcome);
        decisions::decided(&before, command, result, self)
    }

    fn invalidate(&mut self, actor: Actor, session: SessionKey) -> TestCaseResult {
        let before = self.clone();
        let result = invalidate_session(&self.state, actor, session, self.context());
        if let Ok(transition) = &result {
            self.commit(transition)?;
        }
        events::invalidated(&before, (actor, session), result.map(drop), self)
    }

    fn change_password(&mut self, actor: Actor) -> TestCaseResult {
        let before = self.clone();
        let hash = PasswordHash::new(format!("hash {}", self.state.version));
        let result = change_password(&self.state, actor, hash, self.context());
        if let Ok(transition) = &result {
            self.commit(transition)?;
        }
        events::password_changed(&before, actor, result.map(drop), self)
    }

    fn expire(&mut self) -> TestCaseResult {
        let before = self.clone();
        let transition = expire(&self.state, self.context());
        self.commit(&transition)?;
        events::only_these_changed(&before, self, &[])
    }

    fn actor(&self, by: &ActorChoice) -> Actor {
        Actor::Session(match by {
            ActorChoice::Service => return Actor::Service,
            ActorChoice::Active => self.key(&SessionChoice::Active),
            ActorChoice::Pending => self.key(&SessionChoice::Pending),
            ActorChoice::Any(index) => self.key(&SessionChoice::Any(*index)),
            ActorChoice::Unknown => self.key(&SessionChoice::Unknown),
        })
    }

    /// The key of the chosen session as recorded, even if its limit has passed. An unknown key if
    /// there is no such session.
    fn key(&self, choice: &SessionChoice) -> SessionKey {
        let found = match choice {
            SessionChoice::Active => self.state.active.as_ref(),
            SessionChoice::Pending => self.state.pending.as_ref(),
            SessionChoice::Any(index) => Some(index.get(&self.sessions)),
            SessionChoice::Unknown => None,
        };
        found.map_or(SessionKey::new(Uuid::nil()), |session| session.key)
    }

    /// The number that the waiting device shows, or another one.
    fn number(&self, choice: NumberChoice) -> Option<i32> {
        let matching = self.state.pending.as_ref().and_then(Session::matching);
        let right = matching.map_or(10, |matching| matching.number().into());
        match choice {
            NumberChoice::Absent => None,
            NumberChoice::Right => Some(right),
            NumberChoice::Wrong => Some(if right == 99 { 10 } else { right + 1 }),
            // It has the same lowest eight bits.
            NumberChoice::Impossible => Some(right + 256),
        }
    }

    fn attempt(&self, choice: &SessionChoice) -> AttemptId {
        let key = self.key(choice);
        let index = self.sessions.iter().position(|session| session.key == key);
        index
            .and_then(|index| self.attempts[index])
            .unwrap_or(AttemptId {
                user: self.state.owner.id,
                id: Uuid::nil(),
            })
    }

    /// A request with the active session's token. It updates the last-seen time and nothing else.
    fn request(&mut self) {
        let now = self.now;
        if let Some(active) = self
            .state
            .active
            .as_mut()
            .filter(|session| session.is_valid(now))
        {
            active.touch(now);
            let stored = self
                .sessions
                .iter_mut()
                .find(|session| session.key == active.key);
            let stored = stored.expect("an active session is stored");
            stored.touch(now);
            self.stopwatch.used(stored.key);
        }
    }
}
