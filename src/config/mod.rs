//! The settings: the flag, environment variable, default and unit of each. Every setting is
//! validated before the server opens anything.
//!
//! Secrets come from an environment variable or a file and never from a flag, because `ps` shows
//! flags.

mod accounts;
mod limits;
mod service_key;
mod sessions;
mod validation;
mod values;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};

use self::values::{DatabaseParser, duration};
pub use self::{
    accounts::{AccountSettings, Registration},
    limits::{ConnectionLimits, OperationLimits},
    sessions::SessionSettings,
    validation::ConfigError,
    values::{ClientIp, ClientOnConflict, Database, LogFormat, OnConflict, Origin},
};

/// The session server: one user, one active session, and a live alert when a second device tries to
/// log in.
///
/// Without a command, sessiond runs the server.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// The command to run. `None` runs the server.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings, which every command accepts.
    #[command(flatten)]
    pub settings: Settings,
}

/// A command of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the server (the default)
    Serve,
    /// Print the GraphQL schema
    Schema,
    /// Check the settings, the port and the database, and report all problems
    Check,
}

/// The settings of a node.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address and port to listen on
    #[arg(
        long,
        env = "SESSIOND_LISTEN",
        global = true,
        default_value = "127.0.0.1:3000"
    )]
    pub listen: SocketAddr,

    /// Database for users, sessions and alerts: `sqlite:PATH`, `mongodb://…/NAME` or
    /// `mongodb+srv://…/NAME`
    ///
    /// If the connection string contains a password, set the environment variable instead of the
    /// flag.
    #[arg(
        long,
        env = "SESSIOND_DATABASE",
        global = true,
        default_value = "sqlite:sessiond.db",
        hide_env_values = true,
        value_parser = DatabaseParser
    )]
    pub database: Database,

    /// File that contains the service key (at least 32 characters). Alternatively, set
    /// SESSIOND_SERVICE_KEY
    ///
    /// Without a key, the server runs in development mode: it listens on a loopback address only,
    /// and requests without credentials have the rights of the service.
    #[arg(
        long,
        env = "SESSIOND_SERVICE_KEY_FILE",
        global = true,
        value_name = "FILE"
    )]
    pub service_key_file: Option<PathBuf>,

    /// The rules for logins and sessions.
    #[command(flatten)]
    pub sessions: SessionSettings,

    /// The settings for registration and failed logins.
    #[command(flatten)]
    pub accounts: AccountSettings,

    /// Source of a client's address: the connection, or a header that your own proxy sets
    #[arg(
        long,
        env = "SESSIOND_CLIENT_IP_SOURCE",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "peer"
    )]
    pub client_ip_source: ClientIp,

    /// Origin of web pages that may use the API, in addition to the server's own. Can be repeated
    #[arg(
        long = "allowed-origin",
        env = "SESSIOND_ALLOWED_ORIGIN",
        global = true,
        value_name = "ORIGIN",
        value_delimiter = ',',
        action = ArgAction::Append
    )]
    pub allowed_origins: Vec<Origin>,

    /// Time that running requests have to finish after SIGTERM
    #[arg(
        long,
        env = "SESSIOND_SHUTDOWN_GRACE",
        global = true,
        default_value = "30s",
        value_parser = duration
    )]
    pub shutdown_grace: Duration,

    /// Format of log lines. `RUST_LOG` sets the log levels
    #[arg(
        long,
        env = "SESSIOND_LOG_FORMAT",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// The limits on operations.
    #[command(flatten)]
    pub operation_limits: OperationLimits,

    /// The limits on connections.
    #[command(flatten)]
    pub connection_limits: ConnectionLimits,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{service_key::SERVICE_KEY_VARIABLE, *};

    #[test]
    fn the_command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_example_environment_file_lists_every_setting() {
        let example = include_str!("../../.env.example");
        let command = Cli::command();
        let variables = command
            .get_arguments()
            .filter_map(|argument| argument.get_env()?.to_str());
        for variable in variables.chain([SERVICE_KEY_VARIABLE]) {
            assert!(
                example.contains(&format!("{variable}=")),
                ".env.example lacks {variable}"
            );
        }
    }

    #[test]
    fn a_malformed_value_is_rejected() {
        for flags in [
            ["--listen", "localhost"],
            ["--database", "postgres://x"],
            ["--database", "sqlite:"],
            ["--idle-timeout", "0s"],
            ["--idle-timeout", "20years"],
            ["--client-on-conflict", "reject,maybe"],
            ["--allowed-origin", "https://app.example.com/path"],
            ["--allowed-origin", "*"],
        ] {
            let arguments = ["sessiond"].iter().chain(&flags);
            assert!(Cli::try_parse_from(arguments).is_err(), "{flags:?}");
        }
    }
}
