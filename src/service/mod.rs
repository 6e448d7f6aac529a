//! The use cases: who may, load, decide, commit, and again where another was faster.

mod accounts;
mod activity;
mod commit;
mod error;
mod login;
mod maintenance;
mod passwords;
mod queries;
mod sessions;
mod throttle;
mod user_locks;

use std::{net::IpAddr, sync::Arc, time::Duration};

pub use self::{
    accounts::{CreateUser, SetPassword},
    commit::NewSession,
    error::{Action, Error, Resource},
    login::{Login, LoginAnswer, LoginOutcome},
    throttle::FailureLimits,
};
use self::{
    activity::ActivityTracker, passwords::Passwords, throttle::Throttle, user_locks::UserLocks,
};
use crate::{
    access::{Caller, ServiceKey},
    alerts::AlertHub,
    clock::Clock,
    domain::{
        Device, DeviceId, InputRule, InvalidInput, Session, Timestamp, Token, UserAgent,
        parse_address,
        rules::{OnConflict, Policy},
    },
    ids::IdGenerator,
    random::Random,
    store::Store,
};

/// What the operator chose for the use cases.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    pub policy: Policy,
    /// What a login does in a conflict where it does not say.
    pub on_conflict: OnConflict,
    /// What a caller other than the service may choose.
    pub client_on_conflict: Vec<OnConflict>,
    /// `None` is development mode: who sends nothing is the service.
    pub service_key: Option<ServiceKey>,
    pub failure_limits: FailureLimits,
    /// Passwords hashed at once, each in 19 MiB of memory.
    pub hashes_at_once: usize,
    /// How long ended sessions and alerts are kept.
    pub retention: Duration,
}

/// What the use cases are built on.
#[derive(Debug)]
pub struct Dependencies {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Live alerts.
    pub hub: Arc<AlertHub>,
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The source of ids and secrets.
    pub random: Arc<dyn Random>,
}

/// The use cases over one store. Shared by every request of a node.
#[derive(Debug)]
pub struct Service {
    store: Arc<dyn Store>,
    hub: Arc<AlertHub>,
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    config: ServiceConfig,
    passwords: Passwords,
    throttle: Throttle,
    activity: ActivityTracker,
    user_locks: UserLocks,
}

/// Where a request comes from, as the connection tells it.
#[derive(Debug, Clone)]
pub struct Client {
    pub user_agent: UserAgent,
    pub address: IpAddr,
}

/// What a caller says of the device instead.
#[derive(Debug, Clone, Default)]
pub struct StatedDevice {
    pub id: Option<String>,
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

impl Service {
    /// # Errors
    /// [`Error::Hashing`] where no password can be hashed on this machine.
    pub fn new(dependencies: Dependencies, config: ServiceConfig) -> Result<Self, Error> {
        let Dependencies {
            store,
            hub,
            clock,
            random,
        } = dependencies;
        let ids = IdGenerator::new(Arc::clone(&clock), random);
        Ok(Self {
            passwords: Passwords::new(config.hashes_at_once, ids.clone())?,
            throttle: Throttle::new(&config.failure_limits),
            activity: ActivityTracker::default(),
            user_locks: UserLocks::new(),
            store,
            hub,
            clock,
            ids,
            config,
        })
    }

    /// The store, to ask whether it answers.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    #[must_use]
    pub fn config(&self) -> &ServiceConfig {
        &self.config
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who sends `credentials`: the text after `Bearer`, where there is one. A request with a valid token
    /// counts as its session's last request.
    ///
    /// # Errors
    /// [`Error::Store`] where the token cannot be looked up.
    pub async fn authenticate(&self, credentials: Option<&str>) -> Result<Caller, Error> {
        let Some(credentials) = credentials else {
            let development_mode = self.config.service_key.is_none();
            return Ok(if development_mode {
                Caller::Service
            } else {
                Caller::Anonymous
            });
        };
        if let Some(token) = Token::parse(credentials) {
            return Ok(self
                .session_of(&token)
                .await?
                .map_or(Caller::InvalidCredentials, |session| {
                    Caller::Session(session.into())
                }));
        }
        let is_service = self
            .config
            .service_key
            .as_ref()
            .is_some_and(|key| key.opens(credentials));
        Ok(if is_service {
            Caller::Service
        } else {
            Caller::InvalidCredentials
        })
    }

    async fn session_of(&self, token: &Token) -> Result<Option<Session>, Error> {
        let Some(mut session) = self
            .store
            .session_by_token(token.user(), &token.hash())
            .await?
        else {
            return Ok(None);
        };
        self.activity.apply_to(&mut session);
        let now = self.now();
        if session.is_valid(now) {
            self.activity.record(&mut session, now);
        }
        Ok(Some(session))
    }

    /// The device that a login is for: as stated, and where nothing is stated, as the connection tells it.
    fn device(caller: &Caller, client: &Client, stated: StatedDevice) -> Result<Device, Error> {
        if stated.address.is_some() && !caller.is_service() {
            return Err(Error::Forbidden(Action::StateAddress));
        }
        let user_agent = stated
            .user_agent
            .map(|text| UserAgent::parse(&text))
            .transpose()?;
        let address = stated
            .address
            .map(|text| parse_address(&text))
            .transpose()?;
        Ok(Device {
            id: stated.id.map(|text| DeviceId::parse(&text)).transpose()?,
            user_agent: user_agent.unwrap_or_else(|| client.user_agent.clone()),
            address: address.unwrap_or(client.address),
        })
    }
}

fn required(field: &'static str) -> Error {
    Error::Invalid(InvalidInput::new(field, InputRule::Required))
}
