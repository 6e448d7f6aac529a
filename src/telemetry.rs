//! Logging to standard error.

mod log_lines;
mod log_output;

use std::{
    io::{IsTerminal, Stderr, stderr},
    sync::Arc,
    time::Duration,
};

use tracing_subscriber::{
    EnvFilter,
    filter::{Directive, LevelFilter},
};

use self::{
    log_lines::{JsonLines, TextLines},
    log_output::LogOutput,
};
use crate::config::LogFormat;

/// Limits on the levels of libraries, whatever `RUST_LOG` sets.
/// - Below `info`, `tungstenite` logs whole messages, which can hold tokens and passwords, and `h2`
///   paths that are malformed.
/// - At `info`, `rusqlite_migration` logs each new file, before the line that the node listens.
const LIBRARY_LEVELS: [&str; 3] = ["tungstenite=info", "h2=info", "rusqlite_migration=warn"];

fn library_levels() -> impl Iterator<Item = Directive> {
    LIBRARY_LEVELS
        .iter()
        .map(|level| level.parse().unwrap_or_else(|_| LevelFilter::INFO.into()))
}

/// How often dropped lines are reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The log of the process.
#[derive(Debug)]
pub struct Log(Arc<LogOutput<Stderr>>);

impl Log {
    /// Reports the lines that were dropped because nobody read them. Never completes.
    pub async fn report_dropped_lines(self) {
        loop {
            tokio::time::sleep(REPORT_INTERVAL).await;
            if let Some(count) = self.0.take_dropped() {
                tracing::warn!(
                    count,
                    "log lines were dropped, because standard error was not read"
                );
            }
        }
    }
}

/// Starts logging. `RUST_LOG` sets the log levels; the default level is `info`.
pub fn start(format: LogFormat) -> Log {
    let output = Arc::new(LogOutput::new(stderr()));
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    let filter = library_levels().fold(filter, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Arc::clone(&output))
        // By default, tracing reports a failed write to standard error on standard error, and
        // panics.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal());
    match format {
        LogFormat::Text => subscriber.event_format(TextLines::default()).init(),
        LogFormat::Json => subscriber.json().event_format(JsonLines::default()).init(),
    }
    Log(output)
}
