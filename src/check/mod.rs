//! The `check` command: checks the settings, the machine, the port, the certificate, the database, the
//! receivers of webhooks and a gateway without starting a node. Each finding says what to do.

mod certificate;
mod database;
mod gateway;
mod machine;
mod webhooks;

pub use self::webhooks::test_webhooks;
use self::{
    certificate::check_certificate,
    database::check_database,
    gateway::check_gateway,
    machine::{check_disk, check_open_files},
    webhooks::check_webhooks,
};
use crate::{
    app::{LISTEN, METRICS_LISTEN, listen, load_places},
    clock::Clock,
    config::{ConfigError, Settings, UnknownVariable},
    domain::rules::OnConflict,
    reload::Reload,
    service::BreachedPasswords,
    web_client::WebUrl,
};

/// The result of [`check`].
#[derive(Debug, Default)]
pub struct CheckReport {
    /// The warnings and the checks that passed, as lines of text for an operator.
    pub passed: Vec<String>,
    /// The problems of the checks that failed, each with what to do.
    pub failed: Vec<String>,
}

impl CheckReport {
    fn pass(&mut self, line: impl Into<String>) {
        self.passed.push(line.into());
    }

    /// Adds a finding that does not fail the check.
    fn warn(&mut self, finding: impl std::fmt::Display) {
        self.passed.push(format!("Warning: {finding}"));
    }

    fn fail(&mut self, problem: impl Into<String>) {
        self.failed.push(problem.into());
    }

    fn add(&mut self, result: Result<String, impl std::error::Error>) {
        match result {
            Ok(line) => self.pass(line),
            Err(error) => self.fail(error.to_string()),
        }
    }
}

/// Checks the settings, the machine, the port, the certificate and the database as
/// [`App::start`](crate::app::App::start) would. A failed check does not prevent the others. The
/// check also fails for each of the `unknown` variables, with which a node would start: the setting
/// that the operator meant has no effect.
///
/// Each receiver of webhooks gets a signed test message, unless the settings have a problem.
///
/// With a `gateway`, the check asks it as a client does, and a server must be running behind it. So
/// the port and an SQLite file may be in use then.
///
/// A missing SQLite file is not created. A database of an older version is not migrated, because that
/// version could no longer use it. For MongoDB, the check fails then. Missing collections and indexes
/// are created, and the TTL indexes are set to the retention of the settings.
pub async fn check(
    settings: &Settings,
    unknown: &[UnknownVariable],
    gateway: Option<&WebUrl>,
    clock: &dyn Clock,
) -> CheckReport {
    let mut report = CheckReport::default();
    for variable in unknown {
        report.fail(variable.to_string());
    }
    let are_valid = check_settings(settings, &mut report);
    check_open_files(settings, &mut report);
    check_certificate(settings, clock.now(), &mut report);
    check_places(settings, &mut report);
    check_breached_passwords(settings, &mut report);
    if gateway.is_none() {
        check_ports(settings, &mut report).await;
    }
    check_database(settings, gateway.is_some(), clock, &mut report).await;
    check_disk(settings, &mut report);
    if let Some(gateway) = gateway {
        check_gateway(gateway, &mut report).await;
    }
    if are_valid {
        check_webhooks(settings, clock, &mut report).await;
    }
    report
}

/// Returns whether a node could start with these settings.
fn check_settings(settings: &Settings, report: &mut CheckReport) -> bool {
    let keys = match settings.validate() {
        Ok(keys) => keys,
        Err(errors) => {
            let problems = errors.iter().map(ConfigError::to_string);
            report.failed.extend(problems);
            return false;
        }
    };
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
    report.pass(format!("The settings are valid. {mode}"));
    let policies = settings.sessions.client_policies(development_mode);
    report.pass(describe_client_policies(&policies));
    if let Some(domain) = &settings.browsers.cookie_domain {
        report.warn(format!(
            "--cookie-domain: every host of {} can read the tokens of sessions, and can replace them",
            domain.as_str()
        ));
    }
    true
}

fn check_places(settings: &Settings, report: &mut CheckReport) {
    let Some(file) = &settings.asking.geoip_file else {
        return;
    };
    match load_places(settings, &mut Reload::default()) {
        Ok(_) => report.pass(format!("{} has the places of addresses.", file.display())),
        Err(error) => report.fail(error.to_string()),
    }
}

fn check_breached_passwords(settings: &Settings, report: &mut CheckReport) {
    let Some(path) = &settings.accounts.breached_passwords else {
        return;
    };
    match BreachedPasswords::open(path) {
        Ok(_) => report.pass("The list of breached passwords can be read."),
        Err(error) => report.fail(error.to_string()),
    }
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

/// Listens on both addresses at the same time, so that one port does not count as free for both.
async fn check_ports(settings: &Settings, report: &mut CheckReport) {
    let mut listeners = Vec::new();
    // One address for both is a mistake of the settings, which has been reported.
    let metrics = settings.metrics_listen;
    let metrics = metrics.filter(|metrics| *metrics != settings.listen || metrics.port() == 0);
    let metrics = metrics.map(|address| (METRICS_LISTEN, address));
    for (flag, address) in [(LISTEN, settings.listen)].into_iter().chain(metrics) {
        match listen(flag, address).await {
            Ok(listener) => {
                listeners.push(listener);
                report.pass(format!("{address} is free to listen on."));
            }
            Err(error) => report.fail(error.to_string()),
        }
    }
}
