//! The use cases. Each authorizes the caller, loads the user, lets the rules decide, commits the
//! decision, and retries if another change was committed first.

mod accounts;
mod activity;
mod authentication;
mod breached_passwords;
mod commit;
mod error;
mod feed;
mod freezing;
mod ghosts;
mod listings;
mod login;
mod maintenance;
mod passwords;
mod presence;
mod queries;
mod recent_login;
mod registrations;
mod run_to_end;
mod sessions;
mod set_back;
mod subscriptions;
mod throttle;
mod unsaved_failures;
mod user_locks;

use std::{net::IpAddr, sync::Arc, time::Duration};

use uuid::Uuid;

pub use self::{
    accounts::{CreateUser, SetPassword},
    breached_passwords::{BreachedPasswords, BreachedPasswordsError},
    commit::NewSession,
    error::{Action, Error, Resource},
    feed::{EventCursor, SessionEvent, SessionEventKind, SessionEvents},
    freezing::Freezing,
    listings::ActiveSessions,
    login::{Login, LoginOutcome, LoginResult},
    presence::AwaySettings,
    queries::UserView,
    registrations::{Registration, RegistrationLimits},
    throttle::FailureLimits,
};
use self::{
    activity::ActivityTracker, ghosts::GhostSessions, passwords::Passwords,
    registrations::RegistrationLimiter, run_to_end::UseCases, throttle::Throttle,
    unsaved_failures::UnsavedFailures, user_locks::UserLocks,
};
pub use crate::store::{KnownSession, Page, ReadUser, Slice, Snapshot, StoreError};
use crate::{
    access::{Caller, ServiceKeys},
    alerts::AlertHub,
    clock::Clock,
    domain::{
        Device, DeviceId, InputRule, InvalidInput, Timestamp, UserAgent, parse_address,
        rules::{OnConflict, Policy},
    },
    ids::IdGenerator,
    places::{Place, Places},
    random::Random,
    shutdown::Shutdown,
    store::Store,
};

/// The settings of the use cases.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// The settings of the rules.
    pub policy: Policy,
    /// The conflict policy of a login that does not choose one.
    pub on_conflict: OnConflict,
    /// The conflict policies that callers other than the service may choose.
    pub client_on_conflict: Vec<OnConflict>,
    /// What decides if the device that holds the session is away.
    pub away: AwaySettings,
    /// The service keys. Without any source of keys, the node is in development mode: a request
    /// without credentials has the rights of the service.
    pub service_keys: Arc<ServiceKeys>,
    /// The limits on failed logins.
    pub failure_limits: FailureLimits,
    /// Who may register users.
    pub registration: Registration,
    /// The limits on registrations by callers other than the service.
    pub registration_limits: RegistrationLimits,
    /// The maximum number of passwords that are hashed at the same time. Each takes 19 MiB of
    /// memory.
    pub max_concurrent_hashes: usize,
    /// The passwords that nobody may choose, because they are known from breaches.
    pub breached_passwords: Option<Arc<BreachedPasswords>>,
    /// The time for which ended sessions and alerts are kept.
    pub retention: Duration,
}

/// The parts that the use cases depend on.
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
    /// The places of addresses.
    pub places: Arc<Places>,
    /// Tracks the use cases that run to their end even if the client hangs up.
    pub shutdown: Shutdown,
}

/// The use cases over one store. All requests of a node share it.
#[derive(Debug)]
pub struct Service {
    store: Arc<dyn Store>,
    hub: Arc<AlertHub>,
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    config: ServiceConfig,
    places: Arc<Places>,
    /// Identifies this node among those on the same database.
    node: Uuid,
    /// When the node started. Before that, it does not know which sessions listened.
    started_at: Timestamp,
    passwords: Passwords,
    throttle: Throttle,
    unsaved_failures: UnsavedFailures,
    registrations: RegistrationLimiter,
    use_cases: UseCases,
    ghosts: GhostSessions,
    activity: ActivityTracker,
    user_locks: UserLocks,
}

/// The client that sent a request, as its connection and its headers identify it.
#[derive(Debug, Clone)]
pub struct Client {
    /// The `User-Agent` header.
    pub user_agent: UserAgent,
    /// The address of the connection, or of the header that a trusted proxy sets.
    pub address: IpAddr,
}

/// The device properties in the input of a request. They take precedence over those of [`Client`].
#[derive(Debug, Clone, Default)]
pub struct DeviceInput {
    /// The id that the device chose for itself.
    pub id: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The IP address. Only the service may set it.
    pub address: Option<String>,
}

impl Service {
    /// Creates the service.
    ///
    /// # Errors
    /// Returns [`Error::Hashing`] if passwords cannot be hashed on this machine.
    pub fn new(dependencies: Dependencies, config: ServiceConfig) -> Result<Self, Error> {
        let Dependencies {
            store,
            hub,
            clock,
            random,
            places,
            shutdown,
        } = dependencies;
        let ids = IdGenerator::new(Arc::clone(&clock), random);
        Ok(Self {
            passwords: Passwords::new(
                config.max_concurrent_hashes,
                config.breached_passwords.clone(),
                ids.clone(),
            )?,
            throttle: Throttle::new(&config.failure_limits),
            unsaved_failures: UnsavedFailures::default(),
            registrations: RegistrationLimiter::new(config.registration_limits),
            ghosts: GhostSessions::new(shutdown.clone()),
            use_cases: UseCases::new(shutdown),
            activity: ActivityTracker::new(config.away.away_after),
            user_locks: UserLocks::new(),
            store,
            hub,
            started_at: clock.now(),
            clock,
            node: ids.node_id(),
            ids,
            config,
            places,
        })
    }

    /// Checks that the store is available.
    ///
    /// # Errors
    /// Returns [`Error::Store`] if it is not.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.store.ping().await?)
    }

    /// Closes the store after its accepted writes are finished. Call this after every request has
    /// ended.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &ServiceConfig {
        &self.config
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the place of an address, if it is known.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Option<Place> {
        self.places.find(address)
    }

    /// Returns whether a login from `address` comes from another country than the login of the
    /// active session, which came from `active`. `None` if a country is not known.
    #[must_use]
    pub fn is_new_place(&self, active: IpAddr, address: IpAddr) -> Option<bool> {
        self.places.are_apart(active, address)
    }

    /// Returns the device of a login. A property that the input leaves out is taken from `client`.
    fn device(caller: &Caller, client: &Client, input: DeviceInput) -> Result<Device, Error> {
        if input.address.is_some() && !caller.is_service() {
            return Err(Error::Forbidden(Action::SetAddress));
        }
        let user_agent = input
            .user_agent
            .map(|text| UserAgent::parse(&text))
            .transpose()?;
        let address = input.address.map(|text| parse_address(&text)).transpose()?;
        Ok(Device {
            id: input.id.map(|text| DeviceId::parse(&text)).transpose()?,
            user_agent: user_agent.unwrap_or_else(|| client.user_agent.clone()),
            address: address.unwrap_or(client.address),
        })
    }
}

fn required(field: &'static str) -> Error {
    Error::Invalid(InvalidInput::new(field, InputRule::Required))
}
