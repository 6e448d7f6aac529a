//! What a running node reads again on SIGHUP. An item that cannot be read is logged, and stays as it
//! was.

use std::{fmt, sync::Arc};

use crate::{error_chain::ErrorChain, shutdown::Shutdown};

type Read = Box<dyn Fn() -> Result<(), Box<dyn std::error::Error>> + Send + Sync>;

/// The items that are read again, in order.
#[derive(Default)]
pub struct Reload(Vec<(&'static str, Read)>);

impl Reload {
    /// Adds an item. `read` reads it and puts it into effect, as a whole or not at all.
    #[must_use]
    pub fn with<E: std::error::Error + 'static>(
        mut self,
        item: &'static str,
        read: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.0.push((item, Box::new(move || Ok(read()?))));
        self
    }

    /// Reads every item again.
    pub fn run(&self) {
        for (item, read) in &self.0 {
            match read() {
                Ok(()) => tracing::info!(item, "read again"),
                Err(error) => {
                    let error = ErrorChain(&*error);
                    tracing::error!(item, %error, "could not read again, the previous one stays");
                }
            }
        }
    }

    /// Reads every item again on each SIGHUP, until the shutdown begins.
    ///
    /// # Errors
    /// Returns an error if the operating system does not allow the handler.
    pub fn run_on_hangup(self: Arc<Self>, shutdown: &Shutdown) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup())?;
        let token = shutdown.token();
        shutdown.spawn(async move {
            while let Some(Some(())) = token.run_until_cancelled(hangup.recv()).await {
                self.run();
            }
        });
        Ok(())
    }
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.0.iter().map(|(item, _)| item);
        f.debug_list().entries(items).finish()
    }
}
