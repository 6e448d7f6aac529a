//! The `check` command: checks the settings, the port and the database without starting a node.

use std::path::Path;

use humantime::format_duration;

use crate::{
    app::{StartError, listen, load_tls},
    config::{ByteSize, Database, Settings, UnknownVariable},
    domain::rules::OnConflict,
    reload::Reload,
    service::{BreachedPasswords, Error},
    store::{
        OpenError, Store,
        mongo::{MongoStore, Report},
        sqlite::SqliteStore,
    },
};

/// The result of [`check`].
#[derive(Debug, Default)]
pub struct CheckReport {
    /// The warnings and the checks that passed, as lines of text for an operator.
    pub passed: Vec<String>,
    /// The checks that failed.
    pub failed: Vec<StartError>,
}

/// Checks the settings, the port and the database as [`App::start`](crate::app::App::start) would.
/// A failed check does not prevent the others. Also reports the `unknown` variables, which do not
/// fail the check.
///
/// A missing SQLite file is not created, but a file of an older version is migrated. A MongoDB
/// database of an older version is not migrated, because nodes of that version may use it, and the
/// check fails. Missing collections and indexes are created, and the TTL indexes are set to the
/// retention of the settings.
pub async fn check(settings: &Settings, unknown: &[UnknownVariable]) -> CheckReport {
    let mut report = CheckReport::default();
    let warnings = unknown
        .iter()
        .map(|variable| format!("Warning: {variable}"));
    report.passed.extend(warnings);
    report.add(check_settings(settings));
    report.add(check_certificate(settings));
    report.add(check_breached_passwords(settings));
    report.add(check_port(settings).await);
    report.add(check_database(settings).await.map_err(StartError::from));
    report
}

impl CheckReport {
    fn add(&mut self, result: Result<Vec<String>, StartError>) {
        match result {
            Ok(lines) => self.passed.extend(lines),
            Err(error) => self.failed.push(error),
        }
    }
}

fn check_settings(settings: &Settings) -> Result<Vec<String>, StartError> {
    let keys = settings.validate().map_err(StartError::Config)?;
    let development_mode = keys.is_none();
    let mode = keys.map_or_else(
        || {
            "No service key is set: in development mode, requests without credentials have the \
             rights of the service."
                .to_owned()
        },
        |keys| {
            let names = keys.keys().iter().map(|key| &*key.name).collect::<Vec<_>>();
            format!("Service keys: {}.", list(&names))
        },
    );
    let policies = settings.sessions.client_policies(development_mode);
    Ok(vec![
        format!("The settings are valid. {mode}"),
        describe_client_policies(&policies),
    ])
}

fn describe_client_policies(policies: &[OnConflict]) -> String {
    let names: Vec<_> = policies
        .iter()
        .map(|policy| match policy {
            OnConflict::Reject => "reject",
            OnConflict::Ask => "ask",
            OnConflict::TakeOver => "take-over",
        })
        .collect();
    format!(
        "Conflict policies that clients may choose for a login: {}.",
        list(&names)
    )
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn check_certificate(settings: &Settings) -> Result<Vec<String>, StartError> {
    let tls = load_tls(settings, &mut Reload::default())?;
    Ok(match tls {
        Some(_) => vec!["The certificate and its key can be used.".to_owned()],
        None => Vec::new(),
    })
}

fn check_breached_passwords(settings: &Settings) -> Result<Vec<String>, StartError> {
    let Some(path) = &settings.accounts.breached_passwords else {
        return Ok(Vec::new());
    };
    BreachedPasswords::open(path).map_err(Error::from)?;
    Ok(vec![
        "The list of breached passwords can be read.".to_owned(),
    ])
}

async fn check_port(settings: &Settings) -> Result<Vec<String>, StartError> {
    let mut free = Vec::new();
    for address in [settings.listen].into_iter().chain(settings.metrics_listen) {
        listen(address).await?;
        free.push(format!("{address} is free to listen on."));
    }
    Ok(free)
}

async fn check_database(settings: &Settings) -> Result<Vec<String>, OpenError> {
    match &settings.database {
        Database::Sqlite(file) => {
            let file = check_file(file.path()).await?;
            Ok(vec![file, describe_cache(settings.cache_size)])
        }
        Database::Mongo(uri) => {
            let store = MongoStore::open_migrated(uri, settings.sessions.retention).await?;
            let report = store.report().await;
            store.close().await;
            report
                .map(|report| describe(&report))
                .map_err(|error| OpenError(error.to_string()))
        }
    }
}

async fn check_file(path: &Path) -> Result<String, OpenError> {
    let file = path.display();
    if path.exists() {
        SqliteStore::open(path)?.close().await;
        return Ok(format!(
            "{file} is a valid sessiond database and is not in use."
        ));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Err(OpenError(
            format!("the folder {} does not exist", folder.display()),
        )),
        _ => Ok(format!("{file} does not exist and will be created.")),
    }
}

fn describe_cache(size: ByteSize) -> String {
    if size.bytes() == 0 {
        "The cache of users is turned off.".to_owned()
    } else {
        format!("The cache of users takes up to {size} of memory.")
    }
}

/// Describes the database without the hosts and the credentials of its connection string.
fn describe(report: &Report) -> Vec<String> {
    let topology = match &report.replica_set {
        Some(name) => format!("replica set {name}"),
        None => "a sharded cluster".to_owned(),
    };
    let mut lines = vec![format!(
        "The database {} is available and has the collections and indexes of this version. \
         Server: version {}, {topology}.",
        report.database, report.version
    )];
    for collection in &report.collections {
        lines.push(format!("{}:", collection.name));
        for index in &collection.indexes {
            let unique = if index.is_unique { ", unique" } else { "" };
            let expiry = index.expires_after.map_or_else(String::new, |after| {
                format!(", expires after {}", format_duration(after))
            });
            lines.push(format!(
                "  {} ({}){unique}{expiry}",
                index.name,
                index.keys.join(", ")
            ));
        }
    }
    lines
}
