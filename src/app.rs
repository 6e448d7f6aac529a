//! Starts and stops a node: connects the parts according to the settings, and is the only place
//! that chooses a store.

mod listening;
mod reloads;
mod start_log;
mod webhooks;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{net::TcpListener, signal::unix::Signal};

use self::{
    listening::advice,
    reloads::{read_keys_again, report_changed_settings},
    start_log::log_start,
    webhooks::{load_secrets, start_senders},
};
pub(crate) use self::{
    listening::{LISTEN, METRICS_LISTEN, listen},
    reloads::{load_places, load_tls},
};
use crate::{
    access::ServiceKeys,
    alerts::AlertHub,
    clock::Clock,
    config::{ConfigError, Database, Settings},
    domain::rules::Policy,
    graphql::Api,
    http::{self, ClientAddresses, SocketLimiter, TlsError},
    metrics,
    places::PlacesError,
    random::Random,
    reload::Reload,
    request_id::RequestIds,
    service::{
        BreachedPasswords, Dependencies, Error, FailureLimits, RegistrationLimits, Service,
        ServiceConfig,
    },
    shutdown::Shutdown,
    store::{OpenError, Store, TracedStore, mongo::MongoStore, sqlite::SqliteStore},
    systemd, traces,
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
    #[error("cannot listen on {address} ({flag}): {source}; {}", advice(source))]
    Listen {
        /// The setting.
        flag: &'static str,
        /// The address of the setting.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of places cannot be used.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// The metrics cannot be created.
    #[error("cannot create the metrics: {0}")]
    Metrics(String),
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
    reload: Arc<Reload>,
    /// The background tasks. They end after all requests have ended, and make the last writes.
    background: Shutdown,
    grace: Duration,
}

impl App {
    /// Opens the store, listens on the port, starts the background tasks, and logs the address.
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
        let service_keys = Arc::new(ServiceKeys::new(keys));
        let mut reload = Reload::default();
        read_keys_again(settings, &service_keys, &mut reload);
        let tls = load_tls(settings, &mut reload)?;
        let places = load_places(settings, &mut reload)?;
        let secrets = load_secrets(settings, &mut reload);
        let secrets = secrets.map_err(|error| StartError::Config(vec![error]))?;
        report_changed_settings(settings, &mut reload);
        let listener = listen(LISTEN, settings.listen).await?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            flag: LISTEN,
            address: settings.listen,
            source,
        })?;
        let metrics = match settings.metrics_listen {
            Some(address) => Some(start_metrics(address).await?),
            None => None,
        };
        let metrics_address = metrics.as_ref().map(TcpListener::local_addr);
        let store = open(settings).await?;
        let background = Shutdown::default();
        if let Some(listener) = metrics {
            background.spawn(metrics::serve(listener, background.clone()));
        }
        let hub = Arc::new(AlertHub::new(Arc::clone(&store), Arc::clone(&clock)));
        hub.listen();
        let requests = Shutdown::default();
        let dependencies = Dependencies {
            store: Arc::clone(&store),
            hub,
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            places,
            shutdown: requests.clone(),
        };
        let config = service_config(settings, Arc::clone(&service_keys))?;
        let service = Arc::new(Service::new(dependencies, config)?);
        service.restore_failed_logins().await?;
        background.spawn({
            let (service, token) = (Arc::clone(&service), background.token());
            async move { service.maintenance(token).await }
        });
        let request_ids = RequestIds::new(&*random);
        let mut state = app_state(settings, service, requests, request_ids);
        state.tls = tls;
        log_start(settings, address, &service_keys);
        start_senders(settings, secrets, &store, (&clock, &random), &background)
            .await
            .map_err(Error::from)?;
        if let Some(Ok(address)) = metrics_address {
            tracing::info!("metrics at http://{address}/metrics");
        }
        Ok(Self {
            listener,
            address,
            state,
            reload: Arc::new(reload),
            background,
            grace: settings.shutdown_grace,
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

    /// Returns the state of the endpoints, for a front door in memory.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn into_state(self) -> http::AppState {
        self.state
    }

    /// Reads again what may change while the server runs, with each signal.
    pub fn reload_on(&self, mut hangups: Signal) {
        let (reload, stop) = (self.reload(), self.shutdown().token());
        self.background.spawn(async move {
            while let Some(Some(())) = stop.run_until_cancelled(hangups.recv()).await {
                reload.run();
            }
        });
    }

    /// Serves until the shutdown begins. Then stops accepting connections, finishes running
    /// requests, closes the sockets, and writes the last-seen times that are still in memory.
    pub async fn run(self) {
        let Self {
            listener,
            state,
            background,
            grace,
            ..
        } = self;
        let (requests, service) = (state.shutdown.clone(), Arc::clone(&state.service));
        systemd::ready(&background);
        http::serve(listener, state).await;
        systemd::stopping();
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

fn service_config(
    settings: &Settings,
    service_keys: Arc<ServiceKeys>,
) -> Result<ServiceConfig, StartError> {
    let development_mode = service_keys.is_development_mode();
    let (sessions, accounts) = (&settings.sessions, &settings.accounts);
    let asking = &settings.asking;
    let breached_passwords = accounts.breached_passwords.as_deref();
    let breached_passwords = breached_passwords.map(BreachedPasswords::open).transpose();
    Ok(ServiceConfig {
        policy: Policy {
            idle_timeout: sessions.idle_timeout,
            session_lifetime: sessions.session_lifetime,
            approval_timeout: sessions.approval_timeout,
            alert_cooldown: ALERT_COOLDOWN,
            max_alerts_per_minute: sessions.max_alerts_per_minute,
            match_numbers: asking.match_numbers,
            take_over_limit: asking.take_over_limit,
            max_self_freeze: asking.max_self_freeze,
        },
        on_conflict: sessions.on_conflict.into(),
        client_on_conflict: sessions.client_policies(development_mode),
        away: asking.away(development_mode),
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
        max_concurrent_hashes: accounts.max_concurrent_hashes(),
        breached_passwords: breached_passwords.map_err(Error::from)?.map(Arc::new),
        retention: sessions.retention,
    })
}

fn app_state(
    settings: &Settings,
    service: Arc<Service>,
    shutdown: Shutdown,
    request_ids: RequestIds,
) -> http::AppState {
    let limits = settings.connection_limits;
    let development_mode = service.config().service_keys.is_development_mode();
    http::AppState {
        api: Api::new(
            Arc::clone(&service),
            settings.operation_limits,
            development_mode,
        ),
        service,
        limits,
        sockets: Arc::new(SocketLimiter::new(
            limits.max_sockets,
            limits.max_sockets_per_address,
        )),
        playground: settings.playground.is_on(development_mode),
        allowed_origins: settings.allowed_origins.clone(),
        request_ids,
        browsers: settings.browsers.clone(),
        tls: None,
        client_addresses: Arc::new(ClientAddresses::new(settings.client_ip_source)),
        shutdown,
    }
}

/// Turns the metrics on, and listens for their scrapes.
async fn start_metrics(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = listen(METRICS_LISTEN, address).await?;
    metrics::start().map_err(|error| StartError::Metrics(error.to_string()))?;
    Ok(listener)
}

async fn open(settings: &Settings) -> Result<Arc<dyn Store>, OpenError> {
    let (store, system): (Arc<dyn Store>, _) = match &settings.database {
        Database::Sqlite(file) => {
            let cache_size = settings.cache_size.bytes();
            let store = SqliteStore::open_with_cache(file.path(), cache_size)?;
            (Arc::new(store), "sqlite")
        }
        Database::Mongo(uri) => {
            let store = MongoStore::open(uri, settings.sessions.retention).await?;
            (Arc::new(store), "mongodb")
        }
    };
    Ok(if traces::are_on() {
        Arc::new(TracedStore::new(store, system))
    } else {
        store
    })
}
