//! The settings: the flag, environment variable, default and unit of each. Every setting is
//! validated before the server opens anything.
//!
//! Secrets come from an environment variable or a file and never from a flag, because `ps` shows
//! flags.

mod accounts;
mod asking;
mod browsers;
mod byte_size;
mod command_line;
mod confidential;
mod database;
mod environment;
mod errors;
mod example;
mod key_file;
mod limits;
mod read;
mod service_keys;
mod sessions;
mod settings_file;
mod text_file;
mod validation;
mod values;
mod webhooks;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

pub use self::{
    accounts::{AccountSettings, Registration},
    asking::AskingSettings,
    browsers::{BrowserSettings, CookieDomain, LoginUrl},
    byte_size::ByteSize,
    command_line::{Cli, Command, ConfigCommand, KeyCommand, WebhookCommand},
    database::{Database, SqliteFile},
    environment::{Environment, UnknownVariable},
    errors::ConfigError,
    example::{example, schema},
    key_file::entry_of,
    limits::{ConnectionLimits, FittedLimits, OperationLimits},
    sessions::SessionSettings,
    settings_file::SettingsFile,
    values::{ClientIp, ClientOnConflict, LogFormat, OnConflict, Playground},
    webhooks::WebhookSettings,
};
use self::{
    confidential::Confidential,
    values::{duration, listen_address},
};
use crate::{origin::Origin, web_client::WebUrl};

/// The settings of a node.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// File of settings, in TOML. An environment variable and a flag override its value.
    /// `sessiond config example` prints one with every setting
    #[arg(long, env = "SESSIOND_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The values of the file of settings.
    #[arg(skip)]
    pub file: SettingsFile,

    /// Address and port to listen on. `localhost:PORT` and `:PORT` mean 127.0.0.1
    #[arg(
        long,
        env = "SESSIOND_LISTEN",
        global = true,
        default_value = "127.0.0.1:3000",
        value_parser = listen_address
    )]
    pub listen: SocketAddr,

    /// File with the certificate of the server and its chain, in PEM. Turns on TLS, with HTTP/2.
    /// SIGHUP reads it again
    #[arg(long, env = "SESSIOND_TLS_CERT", global = true, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// File with the private key of the certificate, in PEM
    #[arg(long, env = "SESSIOND_TLS_KEY", global = true, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Address and port of the metrics for Prometheus, at the path /metrics. Without it, nothing is
    /// measured. Let only your monitoring reach it
    #[arg(
        long,
        env = "SESSIOND_METRICS_LISTEN",
        global = true,
        value_name = "ADDRESS",
        value_parser = listen_address
    )]
    pub metrics_listen: Option<SocketAddr>,

    /// Base URL of an OpenTelemetry collector that accepts OTLP over HTTP, such as
    /// `http://127.0.0.1:4318`. Turns on traces of requests, operations and calls of the database
    #[arg(
        long,
        env = "SESSIOND_OTLP_ENDPOINT",
        global = true,
        hide_env_values = true,
        value_name = "URL",
        value_parser = Confidential::<WebUrl>::new()
    )]
    pub otlp_endpoint: Option<WebUrl>,

    /// Database for users, sessions and alerts: `sqlite:PATH`, `mongodb://…/NAME` or
    /// `mongodb+srv://…/NAME`
    ///
    /// If the connection string contains a password, set the environment variable or
    /// --database-file instead of the flag.
    #[arg(
        long,
        env = "SESSIOND_DATABASE",
        global = true,
        default_value = "sqlite:sessiond.db",
        hide_env_values = true,
        value_parser = Confidential::<Database>::new()
    )]
    pub database: Database,

    /// File that contains the value of --database, if that has a password
    #[arg(
        long,
        env = "SESSIOND_DATABASE_FILE",
        global = true,
        value_name = "FILE"
    )]
    pub database_file: Option<PathBuf>,

    /// Maximum memory for users and their current sessions, if the database is SQLite, such as
    /// 512KiB, 64MiB or 1GiB. 0 turns this cache off
    #[arg(
        long,
        env = "SESSIOND_CACHE_SIZE",
        global = true,
        value_name = "SIZE",
        default_value = "64MiB"
    )]
    pub cache_size: ByteSize,

    /// File that contains the service key (at least 32 characters). Alternatively, set
    /// SESSIOND_SERVICE_KEY
    ///
    /// The key has every scope. Without a key, the server runs in development mode: it listens on a loopback address only,
    /// and requests without credentials have the rights of the service. Pages of every web server
    /// on the same machine may use the API, and requests through a proxy are rejected.
    #[arg(
        long,
        env = "SESSIOND_SERVICE_KEY_FILE",
        global = true,
        value_name = "FILE"
    )]
    pub service_key_file: Option<PathBuf>,

    /// File with several service keys, each with a name, scopes and an optional expiry; read again on
    /// SIGHUP. `sessiond key new` makes a key and its entry
    ///
    /// The file may be used together with the one service key, which has every scope.
    #[arg(
        long,
        env = "SESSIOND_SERVICE_KEYS",
        global = true,
        value_name = "FILE"
    )]
    pub service_keys: Option<PathBuf>,

    /// The rules for logins and sessions.
    #[command(flatten)]
    pub sessions: SessionSettings,

    /// The settings for logins that ask the first device.
    #[command(flatten)]
    pub asking: AskingSettings,

    /// The settings for registration and failed logins.
    #[command(flatten)]
    pub accounts: AccountSettings,

    /// The settings of webhooks.
    #[command(flatten)]
    pub webhooks: WebhookSettings,

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

    /// Origin of web pages and of apps in web views that may use the API, in addition to the
    /// server's own, such as `https://app.example.com` or `capacitor://localhost`. Can be repeated
    #[arg(
        long = "allowed-origin",
        env = "SESSIOND_ALLOWED_ORIGIN",
        global = true,
        value_name = "ORIGIN",
        value_delimiter = ',',
        action = ArgAction::Append
    )]
    pub allowed_origins: Vec<Origin>,

    /// The settings for sessions in browsers.
    #[command(flatten)]
    pub browsers: BrowserSettings,

    /// Whether to serve the playground, a web page at `/`. `auto`: in development mode only
    #[arg(
        long,
        env = "SESSIOND_PLAYGROUND",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "auto"
    )]
    pub playground: Playground,

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
    use clap::{CommandFactory, Parser};

    use super::{service_keys::SERVICE_KEY_VARIABLE, webhooks::WEBHOOK_SECRET_VARIABLE, *};

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
        for variable in variables.chain([SERVICE_KEY_VARIABLE, WEBHOOK_SECRET_VARIABLE]) {
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
            ["--allowed-origin", "https://*.example.com"],
            ["--allowed-origin", "null"],
            ["--max-depth", "0"],
            ["--max-depth", "33"],
            ["--cache-size", "64"],
            ["--take-over-limit", "3"],
            ["--client-if-away", "maybe"],
        ] {
            let arguments = ["sessiond"].iter().chain(&flags);
            assert!(Cli::try_parse_from(arguments).is_err(), "{flags:?}");
        }
    }
}
