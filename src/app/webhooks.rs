//! Starts the senders of webhooks.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::{
    clock::Clock,
    config::{ConfigError, Settings},
    error_chain::ErrorChain,
    ids::IdGenerator,
    random::Random,
    reload::Reload,
    shutdown::Shutdown,
    store::{Store, StoreError},
    webhooks::{Dependencies, Sender, Timing, WebhookSecrets},
};

/// The secrets of webhooks, which SIGHUP can replace.
pub(super) type SharedSecrets = Arc<RwLock<Arc<WebhookSecrets>>>;

/// Reads the secrets, if there are any, and adds their file to what is read again.
pub(super) fn load_secrets(
    settings: &Settings,
    reload: &mut Reload,
) -> Result<Option<SharedSecrets>, ConfigError> {
    let Some(secrets) = settings.read_webhook_secrets()? else {
        return Ok(None);
    };
    let secrets = Arc::new(RwLock::new(Arc::new(secrets)));
    if settings.webhooks.webhook_secret_file.is_some() {
        let (settings, reloaded) = (settings.clone(), Arc::clone(&secrets));
        reload.add("webhook secrets", move || {
            let read = settings.read_webhook_secrets();
            let read = read.map_err(|error| ErrorChain(&error).to_string())?;
            if let Some(read) = read {
                *reloaded.write() = Arc::new(read);
            }
            Ok(())
        });
    }
    Ok(Some(secrets))
}

/// Starts a sender for each receiver of the settings. A new receiver gets all alerts from this call
/// on.
pub(super) async fn start_senders(
    settings: &Settings,
    secrets: Option<SharedSecrets>,
    store: &Arc<dyn Store>,
    (clock, random): (&Arc<dyn Clock>, &Arc<dyn Random>),
    background: &Shutdown,
) -> Result<(), StoreError> {
    let Some(secrets) = secrets else {
        return Ok(());
    };
    let start = store.feed_end().await?;
    for (number, url) in (1..).zip(&settings.webhooks.webhook_url) {
        let dependencies = Dependencies {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            ids: IdGenerator::new(Arc::clone(clock), Arc::clone(random)),
            secrets: Arc::clone(&secrets),
            timing: Timing::default(),
        };
        tracing::info!(number, receiver = %url, "webhooks");
        let sender = Sender::new(url.clone(), number, start.clone(), dependencies);
        background.spawn(sender.run(background.token()));
    }
    Ok(())
}
