//! SIGHUP: reads again what may change while the server runs.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The things that are read again, each with its name for the log.
#[derive(Default)]
pub struct Reload(Vec<(&'static str, Box<Reader>)>);

/// Reads a thing again. If that fails, the thing stays as it was.
type Reader = dyn Fn() -> Result<(), String> + Send + Sync;

impl Reload {
    /// Adds a thing that is read again.
    pub fn add(
        &mut self,
        name: &'static str,
        reader: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.0.push((name, Box::new(reader)));
    }

    /// Reads everything again. One failure does not prevent the others.
    pub fn run(&self) {
        for (name, reader) in &self.0 {
            match reader() {
                Ok(()) => tracing::info!(name, "read again"),
                Err(error) => {
                    tracing::error!(name, error, "not read again, the old one stays in use");
                }
            }
        }
        tracing::info!("SIGHUP was handled; every other setting needs a restart");
    }
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// Installs a handler for SIGHUP, which would end the process otherwise.
///
/// # Errors
/// Returns an error if the operating system does not allow the handler.
pub fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
