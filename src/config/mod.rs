//! The settings: the flag, environment variable, default and unit of each. Every setting is
//! validated before the server opens anything.
//!
//! Secrets come from an environment variable or a file and never from a flag, because `ps` shows
//! flags.

mod accounts;
mod asking;
mod byte_size;
mod database;
mod environment;
mod key_file;
mod limits;
mod service_keys;
mod sessions;
mod validation;
mod values;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};

pub use self::{
    accounts::{AccountSettings, Registration},
    asking::AskingSettings,
    byte_size::ByteSize,
    database::{Database, SqliteFile},
    environment::{Environment, UnknownVariable},
    key_file::entry_of,
    limits::{ConnectionLimits, FittedLimits, OperationLimits},
    sessions::SessionSettings,
    validation::ConfigError,
    values::{ClientIp, ClientOnConflict, LogFormat, OnConflict, Playground},
};
use self::{
    database::DatabaseParser,
    key_file::key_name,
    values::{duration, listen_address},
};
use crate::{access::Scope, origin::Origin};

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
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the server (the default)
    Serve,
    /// Print the GraphQL schema
    Schema,
    /// Check the settings, the port and the database, and report all problems
    Check,
    /// Migrate the database to the layout of this version, which a server does when it starts
    Migrate,
    /// Copy the SQLite database to a new file, also while the server runs
    ///
    /// The copy is the state of one instant, is verified, and can be read only by its owner. The
    /// command never overwrites a file.
    Backup {
        /// The file to create
        path: PathBuf,
    },
    /// Create the SQLite database from a backup
    ///
    /// The command never overwrites a database. Move the old one away first, with the files beside
    /// it whose names end in -wal and -shm.
    Restore {
        /// The file that `sessiond backup` has written
        path: PathBuf,
    },
    /// Print the manual page
    Man,
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Manage service keys
    #[command(subcommand)]
    Key(KeyCommand),
}

/// A command for service keys.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum KeyCommand {
    /// Make a service key: prints the key, which is shown only once, to the standard error, and its
    /// entry for the file of --service-keys to the standard output
    New {
        /// Name of the key, which the log shows: at most 64 letters, digits, dots, underscores and
        /// dashes
        #[arg(long, value_parser = key_name)]
        name: String,
        /// Scopes, separated by commas: check, read, login, manage or admin
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<Scope>,
        /// Time after which the key is no longer valid, such as 90d. Default: never
        #[arg(long, value_parser = duration)]
        expires_in: Option<Duration>,
    },
}

impl Cli {
    /// Reads the command and the settings of this process from its arguments and its environment,
    /// and returns the variables that have no effect. Like [`Parser::parse`], it ends the process
    /// if an argument is invalid, or asks for the help or the version.
    ///
    /// # Errors
    /// [`ConfigError::EmptyVariables`] if the variable of a setting is empty.
    pub fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<UnknownVariable>), ConfigError> {
        let Environment { empty, unknown } = Environment::inspect(variables);
        let parsed = Self::try_parse();
        let is_help = parsed.as_ref().is_err_and(|output| !output.use_stderr());
        if !empty.is_empty() && !is_help {
            return Err(ConfigError::EmptyVariables(empty.join(", ")));
        }
        Ok((parsed.unwrap_or_else(|error| error.exit()), unknown))
    }
}

/// The settings of a node.
#[derive(Debug, Clone, Args)]
pub struct Settings {
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
    #[arg(
        long,
        env = "SESSIOND_TLS_CERT",
        global = true,
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// File with the private key of the certificate, in PEM
    #[arg(
        long,
        env = "SESSIOND_TLS_KEY",
        global = true,
        value_name = "FILE",
        requires = "tls_cert"
    )]
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
    use clap::CommandFactory;

    use super::{service_keys::SERVICE_KEY_VARIABLE, *};

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
