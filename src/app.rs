//! Puts the state together, and takes them apart again: the only place that picks a store.

use std::{net::SocketAddr, num::NonZeroU32, path::Path, sync::Arc, time::Duration};

use humantime::format_duration;
use thiserror::Error;
use tokio::net::TcpListener;

use crate::{
    alerts::AlertHub,
    clock::Clock,
    config::{ConfigError, Database, Limits, Settings},
    domain::rules::Policy,
    graphql::{Api, OperationLimits},
    http::{self, ConnectionLimiter},
    random::Random,
    service::{Dependencies, Error, FailureLimits, Service, ServiceConfig},
    shutdown::Shutdown,
    store::{
        OpenError, Store,
        mongo::{MongoStore, Report},
        sqlite::SqliteStore,
    },
};

/// How long a device's repeated conflicting attempts raise one alert.
const QUIET_FOR: Duration = Duration::from_mins(1);

/// Failed logins in a row before a number or an address has to wait, and for how long until the next try.
const FAILURES_PER_MOBILE: NonZeroU32 = NonZeroU32::new(10).unwrap();
const FAILURES_PER_ADDRESS: NonZeroU32 = NonZeroU32::new(100).unwrap();
const FAILURE_FORGIVEN_EVERY: Duration = Duration::from_secs(30);

/// How long the last writes may take once every request has ended.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Why a node cannot start, as a sentence for an operator.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigError>),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Service(#[from] Error),
}

/// One node, ready to serve: its store is open and its port is taken.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    state: http::AppState,
    /// Ends after every request has, with the last writes.
    maintenance: Shutdown,
    grace: Duration,
}

impl App {
    /// # Errors
    /// [`StartError`] where a setting is wrong, or the store or the port cannot be had.
    pub async fn start(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let service_key = settings.check().map_err(StartError::Config)?;
        let development_mode = service_key.is_none();
        let listener = listen(settings.listen).await?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: settings.listen,
            source,
        })?;
        let store = open(&settings.database, settings.retention).await?;
        let hub = Arc::new(AlertHub::new(Arc::clone(&store)));
        let maintenance = Shutdown::default();
        maintenance.spawn({
            let (hub, hints, token) = (Arc::clone(&hub), store.changes(), maintenance.token());
            async move { hub.run(hints, token).await }
        });
        let config = ServiceConfig {
            policy: Policy {
                idle_timeout: settings.idle_timeout,
                session_lifetime: settings.session_lifetime,
                approval_timeout: settings.approval_timeout,
                alert_cooldown: QUIET_FOR,
            },
            on_conflict: settings.on_conflict.into(),
            client_on_conflict: settings.client_on_conflict.0.clone(),
            service_key,
            failure_limits: FailureLimits {
                per_mobile: FAILURES_PER_MOBILE,
                per_address: FAILURES_PER_ADDRESS,
                every: FAILURE_FORGIVEN_EVERY,
            },
            hashes_at_once: std::thread::available_parallelism().map_or(1, usize::from),
            retention: settings.retention,
        };
        let service = Arc::new(Service::new(
            Dependencies {
                store,
                hub,
                clock,
                random,
            },
            config,
        )?);
        maintenance.spawn({
            let (service, token) = (Arc::clone(&service), maintenance.token());
            async move { service.maintenance(token).await }
        });
        let state = http::AppState {
            api: Api::new(
                Arc::clone(&service),
                &operation_limits(&settings.limits, development_mode),
            ),
            service,
            limits: settings.limits,
            sockets: Arc::new(ConnectionLimiter::new(
                settings.limits.max_sockets,
                settings.limits.max_sockets_per_address,
            )),
            allowed_origins: settings.allowed_origins.clone(),
            client_ip_source: settings.client_ip_source.into(),
            shutdown: Shutdown::default(),
        };
        if development_mode {
            tracing::warn!(
                "DEVELOPMENT MODE: no service key is set, so anyone who reaches {address} is trusted as the service"
            );
        }
        Ok(Self {
            listener,
            address,
            state,
            maintenance,
            grace: settings.shutdown_grace,
        })
    }

    /// The address that the node listens on, with the port that it was given.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins the shutdown, from anywhere.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.state.shutdown.clone()
    }

    /// Serves until the shutdown begins; then stops accepting, finishes what runs, closes the sockets, and writes what
    /// is still in memory.
    pub async fn run(self) {
        let Self {
            listener,
            address,
            state,
            maintenance,
            grace,
        } = self;
        tracing::info!("serving on http://{address}");
        let (requests, store) = (state.shutdown.clone(), Arc::clone(state.service.store()));
        http::serve(listener, state).await;
        if !requests.finished_within(grace).await {
            tracing::warn!("requests and sockets that still ran were cut off");
        }
        maintenance.begin();
        if !maintenance.finished_within(FLUSH_WITHIN).await {
            tracing::error!("the last writes did not end in time");
        }
        store.close().await;
        tracing::info!("stopped");
    }
}

fn operation_limits(limits: &Limits, development_mode: bool) -> OperationLimits {
    OperationLimits {
        tokens: limits.max_query_tokens.get(),
        depth: limits.max_depth.get(),
        complexity: limits.max_complexity.get(),
        aliases: limits.max_aliases.get(),
        directives: limits.max_directives.get(),
        introspection: limits.introspection,
        // A name that exists is no secret while developing, and a hint to a stranger afterwards.
        suggestions: development_mode,
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

async fn open(database: &Database, retention: Duration) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match database {
        Database::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
        Database::Mongo(uri) => Arc::new(MongoStore::open(uri, retention).await?),
    })
}

/// What [`check`] found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// A line each.
    pub sound: Vec<String>,
    pub wrong: Vec<StartError>,
}

/// Tries the settings, the port and the store as [`App::start`] would: each of them, whatever is wrong with the others.
pub async fn check(settings: &Settings) -> CheckReport {
    let mut findings = CheckReport::default();
    findings.add(settings.check().map_err(StartError::Config).map(|key| {
        let mode = match key {
            Some(_) => "The service key is set.",
            None => {
                "No service key is set: development mode, where anyone is trusted as the service."
            }
        };
        vec![format!("The settings are sound. {mode}")]
    }));
    let port = listen(settings.listen).await;
    findings.add(port.map(|_| vec![format!("{} is free to listen on.", settings.listen)]));
    findings.add(check_database(settings).await.map_err(StartError::from));
    findings
}

impl CheckReport {
    fn add(&mut self, found: Result<Vec<String>, StartError>) {
        match found {
            Ok(lines) => self.sound.extend(lines),
            Err(error) => self.wrong.push(error),
        }
    }
}

/// Leaves no file behind where there was none; in MongoDB it makes what [`App::start`] would.
async fn check_database(settings: &Settings) -> Result<Vec<String>, OpenError> {
    match &settings.database {
        Database::Sqlite(path) => check_file(path).await.map(|found| vec![found]),
        Database::Mongo(uri) => {
            let store = MongoStore::open(uri, settings.retention).await?;
            let report = store.report().await;
            store.close().await;
            report
                .map(|report| describe(&report))
                .map_err(|error| OpenError(format!("{error}")))
        }
    }
}

async fn check_file(path: &Path) -> Result<String, OpenError> {
    if path.exists() {
        SqliteStore::open(path)?.close().await;
        return Ok(format!(
            "{} is a database of this version, and in nobody's use.",
            path.display()
        ));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(OpenError(format!(
            "the folder {} does not exist",
            folder.display()
        )));
    }
    Ok(format!(
        "{} does not exist yet, and will be made.",
        path.display()
    ))
}

/// The hosts and the credentials of the URI are no part of it.
fn describe(report: &Report) -> Vec<String> {
    let place = match &report.replica_set {
        Some(name) => format!("replica set {name}"),
        None => "a sharded cluster".to_owned(),
    };
    let mut lines = vec![format!(
        "The database {} answers, and has the collections and indexes of this version. The server says: version {}, {place}.",
        report.database, report.version
    )];
    for collection in &report.collections {
        lines.push(format!("{}:", collection.name));
        for index in &collection.indexes {
            let unique = if index.is_unique { ", unique" } else { "" };
            let forgets = index.forgets_after.map_or_else(String::new, |after| {
                format!(", forgotten after {}", format_duration(after))
            });
            lines.push(format!(
                "  {} ({}){unique}{forgets}",
                index.name,
                index.keys.join(", ")
            ));
        }
    }
    lines
}
