//! The first lines of the log.

use std::net::SocketAddr;

use crate::{
    access::{KeySet, ServiceKeys},
    config::Settings,
};

/// Logs where the node listens, as the first line of a start that succeeds, and then the service keys
/// or the mode that needs a warning. Connections wait in the listener's queue until
/// [`super::App::run`] accepts them.
pub(super) fn log_start(settings: &Settings, address: SocketAddr, keys: &ServiceKeys) {
    let mode = if keys.is_development_mode() {
        "development"
    } else {
        "production"
    };
    let scheme = if settings.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    tracing::info!(
        version = %env!("CARGO_PKG_VERSION"),
        %mode,
        store = %settings.database,
        "listening on {scheme}://{address}"
    );
    if keys.is_development_mode() {
        tracing::warn!(
            "DEVELOPMENT MODE: no service key is set, so requests without credentials have the \
             rights of the service; set a service key before you serve real users"
        );
    } else {
        log_keys(&keys.watch().borrow());
    }
    if let Some(domain) = &settings.browsers.cookie_domain {
        tracing::warn!(
            domain = domain.as_str(),
            "--cookie-domain: every host of the domain can read the tokens of sessions, and can \
             replace them"
        );
    }
}

/// Logs the names and scopes of the service keys, and never a key.
pub(super) fn log_keys(keys: &KeySet) {
    for key in keys.keys() {
        tracing::info!(key = %key.name, scopes = %key.scopes, "service key");
    }
    if keys.keys().is_empty() {
        tracing::warn!("there is no service key, so nobody is the service");
    }
}
