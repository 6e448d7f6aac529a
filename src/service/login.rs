//! Logins: the check of credentials, the conflict policy, and the new session.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Action, Client, DeviceInput, Error, NewSession, Service,
    maintenance::{MAX_CONCURRENT_CHANGES, run_all},
    presence::Policies,
    run_to_end::Workload,
};
use crate::{
    access::{Caller, Scope},
    domain::{
        Device, Mobile, Password, Session, Token, TypedMobile, TypedUsername, UserState,
        rules::{self, OnConflict},
    },
    error_chain::ErrorChain,
    metrics::{self, LoginPolicy},
    store::FailedLogin,
};

/// The maximum number of mobile numbers whose failed logins are counted again after a restart. More
/// could not fail within the time in which failures count.
const MAX_RESTORED: usize = 100_000;

/// Input of [`Service::login`].
#[derive(Debug)]
pub struct Login {
    /// The user's mobile number.
    pub mobile: TypedMobile,
    /// The user's name.
    pub username: TypedUsername,
    /// The user's password. Only the service may leave it out.
    pub password: Option<Password>,
    /// The device that logs in.
    pub device: DeviceInput,
    /// The conflict policy. `None` selects the server's setting.
    pub on_conflict: Option<OnConflict>,
    /// The conflict policy if the holding device is away. `None` selects the server's setting.
    pub if_away: Option<OnConflict>,
}

/// Result of [`Service::login`].
#[derive(Debug)]
pub struct LoginResult {
    /// The outcome of the login.
    pub outcome: LoginOutcome,
    /// The user's state after the login.
    pub user: UserState,
}

/// The outcome of a login with valid credentials.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The login opened this session, which is active.
    LoggedIn(NewSession),
    /// The login was refused, because another device holds a valid session.
    Refused {
        /// How long this conflict policy stays refused, if a limit or a pause is the reason.
        retry_after: Option<Duration>,
    },
    /// The login opened or renewed this session, which is pending until it is approved.
    AwaitingApproval(NewSession),
}

impl LoginOutcome {
    /// The outcome that the rules decided. `token` is that of the new session.
    pub(super) fn new(outcome: rules::LoginOutcome, token: Token) -> Self {
        match outcome {
            rules::LoginOutcome::LoggedIn(session) => Self::LoggedIn(NewSession { session, token }),
            rules::LoginOutcome::Refused { retry_after } => Self::Refused { retry_after },
            rules::LoginOutcome::AwaitingApproval(session) => {
                Self::AwaitingApproval(NewSession { session, token })
            }
        }
    }
}

pub(super) struct Credentials {
    pub mobile: TypedMobile,
    pub username: TypedUsername,
    pub password: Option<Password>,
}

impl Credentials {
    /// Whether the service vouches for the user, so that no password is compared.
    pub(super) fn are_vouched_for(&self, caller: &Caller) -> bool {
        caller.is_service() && self.password.is_none()
    }
}

impl Service {
    /// Opens a session on a device, or applies `on_conflict` if another device holds a valid
    /// session. Runs to its end even if the client hangs up, so that a wrong password is counted
    /// and a committed login is logged.
    ///
    /// # Errors
    /// - [`Error::InvalidCredentials`] if the mobile number, the name or the password is wrong. The
    ///   error and its timing are the same for all three.
    /// - [`Error::RateLimited`] after too many failures.
    /// - [`Error::TooManyAlerts`] if the login would ask for approval, and the user has too many
    ///   alerts. The service is limited too: a stranger's logins may come through it.
    /// - [`Error::Frozen`] if the user is frozen. The credentials are checked first.
    /// - [`Error::MissingScope`] if the caller has a service key without [`Scope::Login`].
    /// - [`Error::Forbidden`] if the operator does not let clients choose this policy, or if
    ///   a caller other than the service sets an address.
    /// - [`Error::Invalid`] if a device property breaks a rule.
    /// - [`Error::Busy`], [`Error::Store`] or [`Error::Hashing`] if the server cannot carry out the
    ///   login.
    pub async fn login(
        self: &Arc<Self>,
        caller: &Caller,
        client: &Client,
        input: Login,
    ) -> Result<LoginResult, Error> {
        caller.require(Scope::Login)?;
        let workload = if input.password.is_none() && caller.is_service() {
            Workload::Store
        } else {
            Workload::Hash
        };
        let (caller, client) = (caller.clone(), client.clone());
        self.run_to_end(workload, |service| async move {
            let policy = input.on_conflict.unwrap_or(service.config.on_conflict);
            let result = service.log_in(&caller, &client, input).await;
            metrics::record(|metrics| metrics.login(policy.into(), outcome(&result)));
            result
        })
        .await
    }

    async fn log_in(
        &self,
        caller: &Caller,
        client: &Client,
        input: Login,
    ) -> Result<LoginResult, Error> {
        let device = Self::device(caller, client, input.device)?;
        let policies = self.permitted_policies(caller, input.on_conflict, input.if_away)?;
        let credentials = Credentials {
            mobile: input.mobile,
            username: input.username,
            password: input.password,
        };
        let is_vouched_for = credentials.are_vouched_for(caller);
        let recent = self.log_in_recent_user(caller, &credentials, &device, policies);
        if let Some(result) = recent.await? {
            return Ok(result);
        }
        let user = self
            .check_credentials(caller, client.address, credentials)
            .await?;
        let (new_ids, token) = self.new_ids(user.owner.id);
        let checked = (!is_vouched_for).then(|| user.password.clone());
        let presence = self.presence(&user, policies).await;
        let (transition, outcome) = self
            .change_read(user, |state, context| {
                // The given password, if any, was compared with `checked`. A hash that has changed
                // since needs a new check.
                if checked.as_ref().is_some_and(|hash| *hash != state.password) {
                    return Err(Error::InvalidCredentials);
                }
                let active = state.active.as_ref();
                let on_conflict = self.policy_now(policies, presence, active, context.now);
                let login = self.decision(caller, &device, on_conflict, state);
                let new_ids = new_ids.numbered(state.sessions_opened);
                Ok(rules::log_in(state, login, new_ids, context)?)
            })
            .await
            .map_err(|error| match error {
                // The user was deleted after the check. The response is the same as for an unknown
                // user.
                Error::NotFound(_) => Error::InvalidCredentials,
                error => error,
            })?;
        Ok(LoginResult {
            outcome: LoginOutcome::new(outcome, token),
            user: transition.next,
        })
    }

    /// The input of the rules for a login of this user.
    pub(super) fn decision(
        &self,
        caller: &Caller,
        device: &Device,
        on_conflict: OnConflict,
        state: &UserState,
    ) -> rules::Login {
        let address = |session: &Session| session.device.address;
        rules::Login {
            device: device.clone(),
            on_conflict,
            by_service: caller.is_service(),
            is_new_place: state
                .active
                .as_ref()
                .and_then(|active| self.is_new_place(address(active), device.address)),
            is_elsewhere: state
                .pending
                .as_ref()
                .is_some_and(|waiting| self.places.differ(address(waiting), device.address)),
        }
    }

    fn permitted_policies(
        &self,
        caller: &Caller,
        on_conflict: Option<OnConflict>,
        if_away: Option<OnConflict>,
    ) -> Result<Policies, Error> {
        let permitted = |chosen: Option<OnConflict>, default, permitted: &[OnConflict]| match chosen
        {
            None => Ok(default),
            Some(chosen) if caller.is_service() || permitted.contains(&chosen) => Ok(chosen),
            Some(_) => Err(Error::Forbidden(Action::ChooseOnConflict)),
        };
        let config = &self.config;
        let client_on_conflict = &config.client_on_conflict;
        let on_conflict = permitted(on_conflict, config.on_conflict, client_on_conflict)?;
        let away = &config.away;
        let default = away.if_away.unwrap_or(on_conflict);
        Ok(Policies {
            on_conflict,
            if_away: permitted(if_away, default, &away.client_if_away)?,
        })
    }

    /// Returns the user with these credentials. The service vouches for users whom it authenticated
    /// itself, so it may leave out the password. If it sends one, the password is checked, but
    /// failures are not rate limited.
    async fn check_credentials(
        &self,
        caller: &Caller,
        address: IpAddr,
        credentials: Credentials,
    ) -> Result<UserState, Error> {
        let found = self.find_by_mobile(&credentials.mobile).await?;
        // Failures count for the user, however the number was typed.
        let mobile = match &found {
            Some(user) => user.owner.mobile.clone(),
            None => credentials.mobile.number()?.clone(),
        };
        let found = found.filter(|user| credentials.username.matches(&user.owner.username));
        match credentials.password {
            None if caller.is_service() => {}
            Some(password) if caller.is_service() => {
                let slot = self.passwords.acquire_slot().await?;
                let verified = self.passwords.verify(slot, password, found.as_ref());
                let (matches, _slot) = verified.await?;
                if !matches {
                    return Err(Error::InvalidCredentials);
                }
            }
            password => {
                // A missing password takes as long to check as a wrong one.
                let password = password
                    .map_or_else(|| Password::for_verification("password", String::new()), Ok)?;
                self.check_password(&mobile, address, password, found.as_ref())
                    .await?;
            }
        }
        found.ok_or(Error::InvalidCredentials)
    }

    /// Compares a password with that of `user`, and enforces the limits on failures. The limits are
    /// checked before the wait for a hash slot, so that blocked guesses do not lengthen the wait of
    /// others, and again after a slot is acquired, so that concurrent guesses exceed the limits by
    /// less than the number of slots.
    pub(super) async fn check_password(
        &self,
        mobile: &Mobile,
        address: IpAddr,
        password: Password,
        user: Option<&UserState>,
    ) -> Result<(), Error> {
        self.throttle.check(mobile, address)?;
        let slot = self.passwords.acquire_slot().await?;
        self.throttle.check(mobile, address)?;
        let (matches, slot) = self.passwords.verify(slot, password, user).await?;
        if matches {
            return Ok(());
        }
        // The slot is still taken, so the next guess that gets it finds this failure counted.
        let failure = self.throttle.record_failure(mobile, address);
        drop(slot);
        self.store_failure(failure).await;
        tracing::info!(?mobile, "password check failed");
        Err(Error::InvalidCredentials)
    }

    /// Stores a failure before the caller learns of it, so that a restart does not give back the
    /// attempt. If the store fails, the failure counts in memory, and maintenance writes it later.
    async fn store_failure(&self, failure: FailedLogin) {
        let failure = self.unsaved_failures.with_kept(failure, Instant::now());
        if let Err(error) = self.save_failure(failure).await {
            let error = ErrorChain(&error);
            tracing::debug!(%error, "could not store a failed login");
        }
    }

    /// Writes a failure. The store returns the failures at other nodes too, which count here from now
    /// on. A failure that cannot be written is kept.
    async fn save_failure(&self, failure: FailedLogin) -> Result<(), Error> {
        match self.store.record_failed_login(&failure, self.now()).await {
            Ok(remaining) => {
                self.throttle.learn(&failure, remaining);
                Ok(())
            }
            Err(error) => {
                self.unsaved_failures.keep(failure, Instant::now());
                Err(error.into())
            }
        }
    }

    /// Writes the failures that could not be written before. After an error, the others keep waiting,
    /// because a store that is away lets each write wait for its timeout.
    pub(super) async fn save_kept_failures(&self) -> Result<(), Error> {
        let take = || {
            self.unsaved_failures
                .take(MAX_CONCURRENT_CHANGES, Instant::now())
        };
        while let Some(failures) = take() {
            run_all(
                failures
                    .into_iter()
                    .map(|failure| self.save_failure(failure)),
            )
            .await?;
        }
        Ok(())
    }

    /// Counts the failed logins that the store has kept from the time before this node was started.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if the store cannot be read.
    pub async fn restore_failed_logins(&self) -> Result<(), Error> {
        let now = self.now();
        let stored = self.store.failed_logins(now, MAX_RESTORED).await?;
        for failures in stored {
            self.throttle.restore(&failures.mobile, failures.remaining);
        }
        Ok(())
    }
}

impl From<OnConflict> for LoginPolicy {
    fn from(policy: OnConflict) -> Self {
        match policy {
            OnConflict::Reject => Self::Reject,
            OnConflict::TakeOver => Self::TakeOver,
            OnConflict::Ask => Self::Ask,
        }
    }
}

/// The outcome of a login for the metrics.
const fn outcome(result: &Result<LoginResult, Error>) -> metrics::LoginResult {
    use metrics::LoginResult as Outcome;
    match result {
        Ok(result) => match result.outcome {
            LoginOutcome::LoggedIn(_) => Outcome::LoggedIn,
            LoginOutcome::Refused { .. } => Outcome::Refused,
            LoginOutcome::AwaitingApproval(_) => Outcome::AwaitingApproval,
        },
        Err(Error::InvalidCredentials) => Outcome::InvalidCredentials,
        Err(Error::RateLimited { .. } | Error::TooManyAlerts(_)) => Outcome::RateLimited,
        Err(Error::Busy | Error::Store(_) | Error::Hashing(_) | Error::BreachedPasswords(_)) => {
            Outcome::Error
        }
        Err(_) => Outcome::Rejected,
    }
}
