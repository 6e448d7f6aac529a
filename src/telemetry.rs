//! Log lines, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter,
    filter::{Directive, LevelFilter},
};

use crate::config::LogFormat;

/// At its lowest level this library writes whole messages, and with them tokens and passwords: whatever `RUST_LOG`
/// asks for, it does not get to.
fn silent_messages() -> Directive {
    "tungstenite=info"
        .parse()
        .unwrap_or_else(|_| LevelFilter::INFO.into())
}

/// Starts logging. `RUST_LOG` says what is logged; `info` and above where it says nothing.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy()
        .add_directive(silent_messages());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would say on standard error that standard error cannot be written to, and panic over that.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
