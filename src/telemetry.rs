//! Logging to standard error.

mod log_lines;

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter,
    filter::{Directive, LevelFilter},
};

use self::log_lines::{JsonLines, TextLines};
use crate::config::LogFormat;

/// Limits on the levels of libraries, whatever `RUST_LOG` sets.
/// - Below `info`, `tungstenite` logs whole messages, which can hold tokens and passwords.
/// - At `info`, `rusqlite_migration` logs each new file, before the line that the node listens.
const LIBRARY_LEVELS: [&str; 2] = ["tungstenite=info", "rusqlite_migration=warn"];

fn library_levels() -> impl Iterator<Item = Directive> {
    LIBRARY_LEVELS
        .iter()
        .map(|level| level.parse().unwrap_or_else(|_| LevelFilter::INFO.into()))
}

/// Starts logging. `RUST_LOG` sets the log levels; the default level is `info`.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    let filter = library_levels().fold(filter, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // By default, tracing reports a failed write to standard error on standard error, and
        // panics.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => subscriber.event_format(TextLines::default()).init(),
        LogFormat::Json => subscriber.json().event_format(JsonLines::default()).init(),
    }
}
