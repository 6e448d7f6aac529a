//! Starts and stops a node: connects the parts according to the settings, and is the only place
//! that chooses a store.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::net::TcpListener;

use crate::{
    access::{KeySet, ServiceKeys},
    alerts::AlertHub,
    clock::Clock,
    config::{ConfigError, Database, Settings},
    domain::rules::Policy,
    graphql::Api,
    http::{self, ClientAddresses, ConnectionLimiter},
    random::Random,
    reload::Reload,
    service::{Dependencies, Error, FailureLimits, RegistrationLimits, Service, ServiceConfig},
    shutdown::Shutdown,
    store::{OpenError, Store, mongo::MongoStore, sqlite::SqliteStore},
};

/// Repeated conflicting logins of one device raise at most one alert in this time.
const ALERT_COOLDOWN: Duration = Duration::from_mins(1);

/// The time after which one more failed login is allowed, and one more registration.
const REFILL_INTERVAL: Duration = Duration::from_secs(30);

/// The time that the background tasks have for their last writes after all requests have ended.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The reason why a node cannot start, as a message for an operator.
#[derive(Debug, Error)]
pub enum StartError {
    /// The settings are invalid.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigError>),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The node cannot listen on the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address of the settings.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The service cannot be created.
    #[error(transparent)]
    Service(#[from] Error),
}

/// One node that is ready to serve. Its store is open, and it listens on its port.
///
/// # Examples
/// Starts a node on a free port, and stops it again:
/// ```
/// use std::sync::Arc;
///
/// use clap::Parser;
/// use sessiond::{app::App, clock::SystemClock, config::Cli, random::SystemRandom};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let database = format!("--database=sqlite:{}", folder.path().join("sessiond.db").display());
/// let settings = Cli::try_parse_from(["sessiond", "--listen=127.0.0.1:0", &database])?.settings;
/// let app = App::start(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
/// println!("the API is at http://{}/graphql", app.address());
///
/// app.shutdown().begin();
/// app.run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    state: http::AppState,
    /// The background tasks. They end after all requests have ended, and make the last writes.
    background: Shutdown,
    grace: Duration,
    reload: Arc<Reload>,
}

impl App {
    /// Opens the store, listens on the port and starts the background tasks.
    ///
    /// # Errors
    /// Returns a [`StartError`] if a setting is invalid, or if the store or the port is not
    /// available.
    pub async fn start(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let keys = settings.validate().map_err(StartError::Config)?;
        let development_mode = keys.is_none();
        keys.iter().for_each(log_keys);
        let service_keys = Arc::new(ServiceKeys::new(keys));
        let listener = listen(settings.listen).await?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: settings.listen,
            source,
        })?;
        let store = open(settings).await?;
        let background = Shutdown::default();
        let hub = Arc::new(AlertHub::new(Arc::clone(&store)));
        background.spawn({
            let (hub, changes, token) = (Arc::clone(&hub), store.changes(), background.token());
            async move { hub.run(changes, token).await }
        });
        let requests = Shutdown::default();
        let dependencies = Dependencies {
            store,
            hub,
            clock,
            random,
            shutdown: requests.clone(),
        };
        let config = service_config(settings, Arc::clone(&service_keys));
        let service = Arc::new(Service::new(dependencies, config)?);
        service.restore_failed_logins().await?;
        background.spawn({
            let (service, token) = (Arc::clone(&service), background.token());
            async move { service.maintenance(token).await }
        });
        if development_mode {
            tracing::warn!(
                %address,
                "DEVELOPMENT MODE: no service key is set, so requests without credentials have \
                 the rights of the service"
            );
        }
        Ok(Self {
            listener,
            address,
            state: app_state(settings, service, requests, development_mode),
            background,
            grace: settings.shutdown_grace,
            reload: reload(settings, service_keys),
        })
    }

    /// Returns the address that the node listens on. If the settings have port 0, the operating
    /// system has assigned the port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a handle that can begin the shutdown of this node.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.state.shutdown.clone()
    }

    /// Returns what this node reads again on SIGHUP.
    #[must_use]
    pub fn reload(&self) -> Arc<Reload> {
        Arc::clone(&self.reload)
    }

    /// Serves until the shutdown begins. Then stops accepting connections, finishes running
    /// requests, closes the sockets, and writes the last-seen times that are still in memory.
    pub async fn run(self) {
        let Self {
            listener,
            address,
            state,
            background,
            grace,
            reload: _,
        } = self;
        tracing::info!("serving on http://{address}");
        let (requests, service) = (state.shutdown.clone(), Arc::clone(&state.service));
        http::serve(listener, state).await;
        if !requests.finished_within(grace).await {
            tracing::warn!(
                ?grace,
                "some requests and sockets did not finish within the shutdown grace period"
            );
        }
        background.begin();
        if !background.finished_within(FLUSH_TIMEOUT).await {
            tracing::error!(timeout = ?FLUSH_TIMEOUT, "the last writes did not finish in time");
        }
        service.close().await;
        tracing::info!("stopped");
    }
}

/// Returns what is read again on SIGHUP: the service keys. In development mode there is nothing,
/// because the mode is fixed at start.
fn reload(settings: &Settings, keys: Arc<ServiceKeys>) -> Arc<Reload> {
    if keys.is_development_mode() {
        return Arc::default();
    }
    let settings = settings.clone();
    let read_keys = move || {
        let read = settings.read_service_keys()?.unwrap_or_default();
        log_keys(&read);
        keys.replace(read);
        Ok::<_, ConfigError>(())
    };
    Arc::new(Reload::default().with("service keys", read_keys))
}

fn log_keys(keys: &KeySet) {
    for key in keys.keys() {
        tracing::info!(key = %key.name, scopes = ?key.scopes, "service key");
    }
    if keys.keys().is_empty() {
        tracing::warn!("there is no service key, so nobody is the service");
    }
}

fn service_config(settings: &Settings, service_keys: Arc<ServiceKeys>) -> ServiceConfig {
    let development_mode = service_keys.is_development_mode();
    let (sessions, accounts) = (&settings.sessions, &settings.accounts);
    ServiceConfig {
        policy: Policy {
            idle_timeout: sessions.idle_timeout,
            session_lifetime: sessions.session_lifetime,
            approval_timeout: sessions.approval_timeout,
            alert_cooldown: ALERT_COOLDOWN,
            max_alerts_per_minute: sessions.max_alerts_per_minute,
        },
        on_conflict: sessions.on_conflict.into(),
        client_on_conflict: sessions.client_policies(development_mode),
        service_keys,
        failure_limits: FailureLimits {
            per_mobile: accounts.max_failed_logins_per_mobile,
            per_address: accounts.max_failed_logins_per_address,
            refill_interval: REFILL_INTERVAL,
        },
        registration: accounts.registration.into(),
        registration_limits: RegistrationLimits {
            per_address: accounts.max_registrations_per_address,
            refill_interval: REFILL_INTERVAL,
        },
        max_concurrent_hashes: std::thread::available_parallelism().map_or(1, usize::from),
        retention: sessions.retention,
    }
}

fn app_state(
    settings: &Settings,
    service: Arc<Service>,
    shutdown: Shutdown,
    development_mode: bool,
) -> http::AppState {
    let limits = settings.connection_limits;
    http::AppState {
        api: Api::new(
            Arc::clone(&service),
            settings.operation_limits,
            development_mode,
        ),
        service,
        limits,
        sockets: Arc::new(ConnectionLimiter::new(
            limits.max_sockets,
            limits.max_sockets_per_address,
        )),
        playground: settings.playground.is_on(development_mode),
        allowed_origins: settings.allowed_origins.clone(),
        client_addresses: Arc::new(ClientAddresses::new(settings.client_ip_source)),
        shutdown,
    }
}

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

async fn open(settings: &Settings) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match &settings.database {
        Database::Sqlite(file) => {
            let cache_size = settings.cache_size.bytes();
            Arc::new(SqliteStore::open_with_cache(file.path(), cache_size)?)
        }
        Database::Mongo(uri) => Arc::new(MongoStore::open(uri, settings.sessions.retention).await?),
    })
}
