//! Logging to standard error.

mod log_lines;
mod log_output;

use std::{
    io::{IsTerminal, stderr},
    sync::Arc,
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::{
    log_lines::{JsonLines, TextLines},
    log_output::{LogOutput, StandardError},
};
use crate::config::LogFormat;

/// Limits on the levels of libraries, whatever `RUST_LOG` sets.
/// - Below `info`, `tungstenite` logs whole messages, which can hold tokens and passwords, and `h2`
///   paths that are malformed.
/// - At `info`, `rusqlite_migration` logs each new file, before the line that the node listens.
const LIBRARY_LEVELS: [(&str, Level); 3] = [
    ("tungstenite", Level::INFO),
    ("h2", Level::INFO),
    ("rusqlite_migration", Level::WARN),
];

/// Whether the limits on the levels of libraries permit a line.
fn is_permitted(metadata: &Metadata<'_>) -> bool {
    let module = metadata.target();
    LIBRARY_LEVELS.iter().all(|(library, level)| {
        let rest = module.strip_prefix(library);
        let is_of_library = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        !is_of_library || metadata.level() <= level
    })
}

/// How often dropped lines are reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The log of the process.
#[derive(Debug)]
pub struct Log(Arc<LogOutput<StandardError>>);

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
    let output = Arc::new(LogOutput::new(StandardError::open()));
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Arc::clone(&output))
        // By default, tracing reports a failed write to standard error on standard error, and
        // panics.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal());
    match format {
        LogFormat::Text => {
            let lines = subscriber.event_format(TextLines::default());
            lines.finish().with(filter_fn(is_permitted)).init();
        }
        LogFormat::Json => {
            let lines = subscriber.json().event_format(JsonLines::default());
            lines.finish().with(filter_fn(is_permitted)).init();
        }
    }
    Log(output)
}
