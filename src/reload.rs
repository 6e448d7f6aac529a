//! SIGHUP: reads again what may change while the server runs.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The things that are read again, each with its name for the log.
#[derive(Default)]
pub struct Reload {
    readers: Vec<(&'static str, Box<Reader>)>,
    reports: Vec<Box<dyn Fn() + Send + Sync>>,
}

/// Reads a thing again. If that fails, the thing stays as it was.
type Reader = dyn Fn() -> Result<(), String> + Send + Sync;

impl Reload {
    /// Adds a thing that is read again.
    pub fn add(
        &mut self,
        name: &'static str,
        reader: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.readers.push((name, Box::new(reader)));
    }

    /// Adds a report on what cannot be read again.
    pub fn report(&mut self, report: impl Fn() + Send + Sync + 'static) {
        self.reports.push(Box::new(report));
    }

    /// Reads everything again, and logs what was read and what was not. One failure does not prevent
    /// the others.
    pub fn run(&self) {
        let mut read_again = Vec::new();
        for (name, reader) in &self.readers {
            match reader() {
                Ok(()) => {
                    tracing::info!(name, "read again");
                    read_again.push(*name);
                }
                Err(error) => {
                    tracing::error!(name, error, "not read again, the old one stays in use");
                }
            }
        }
        self.reports.iter().for_each(|report| report());
        let read_again = if read_again.is_empty() {
            "nothing".to_owned()
        } else {
            read_again.join(", ")
        };
        tracing::info!(
            read_again,
            "SIGHUP was handled; every other setting needs a restart"
        );
    }
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.readers.iter().map(|(name, _)| name);
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
