//! What a node reads again on SIGHUP: the service keys, and the certificate with its key.

use std::sync::Arc;

use super::start_log::log_keys;
use crate::{
    access::ServiceKeys,
    config::Settings,
    error_chain::ErrorChain,
    http::{Tls, TlsError},
    reload::Reload,
};

/// Adds the service keys to what is read again. In development mode there is nothing to add, because
/// the mode is fixed at start.
pub(super) fn read_keys_again(settings: &Settings, keys: &Arc<ServiceKeys>, reload: &mut Reload) {
    if keys.is_development_mode() {
        return;
    }
    let (settings, keys) = (settings.clone(), Arc::clone(keys));
    reload.add("service keys", move || {
        let read = settings.read_service_keys();
        let read = read.map_err(|error| ErrorChain(&error).to_string())?;
        let read = read.unwrap_or_default();
        log_keys(&read);
        keys.replace(read);
        Ok(())
    });
}

/// Lets SIGHUP report the settings that have changed in the file of settings, because each of them
/// needs a restart.
pub(super) fn report_changed_settings(settings: &Settings, reload: &mut Reload) {
    if settings.config.is_none() {
        return;
    }
    let settings = settings.clone();
    reload.report(move || match settings.changed_in_file() {
        Ok(changed) if changed.is_empty() => {}
        Ok(changed) => tracing::warn!(
            settings = changed.join(", "),
            "settings have changed in the file and need a restart"
        ),
        Err(error) => tracing::error!(%error, "the next start would fail: correct the settings"),
    });
}

/// Reads the certificate, if there is one, and adds it to what is read again.
pub(crate) fn load_tls(
    settings: &Settings,
    reload: &mut Reload,
) -> Result<Option<Arc<Tls>>, TlsError> {
    let (Some(certificate), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Ok(None);
    };
    let tls = Arc::new(Tls::load(certificate, key)?);
    let reloaded = Arc::clone(&tls);
    reload.add("certificate", move || {
        reloaded.reload().map_err(|error| error.to_string())
    });
    Ok(Some(tls))
}
