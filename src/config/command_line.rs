//! The commands of the binary, and their arguments.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};

use super::{Settings, key_file::key_name, values::duration};
use crate::{access::Scope, web_client::WebUrl};

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
    /// Check the settings, the machine, the port, the certificate and the database, and report all
    /// problems, each with what to do
    ///
    /// The exit code is 0 if there is no problem, and 1 otherwise. A warning is not a problem.
    Check {
        /// URL of a path that a gateway protects, such as `https://app.example.com/orders`. Sends it
        /// requests without a valid token, which the gateway must reject. A server must be running
        /// behind the gateway
        #[arg(long, value_name = "URL")]
        gateway: Option<WebUrl>,
    },
    /// Migrate the database to the layout of this version, which a server does when it starts
    Migrate {
        /// Only print what would be migrated, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
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
    /// Print an example or the JSON Schema of the file of settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the manual page
    Man,
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Test the receivers of webhooks
    #[command(subcommand)]
    Webhook(WebhookCommand),
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

/// A command for webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum WebhookCommand {
    /// Send a signed test message to each receiver of --webhook-url, and print how it responds
    ///
    /// The exit code is 0 if all of them accept it, and 1 otherwise.
    Test,
}

/// A command for the file of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Print a file for --config that has every setting with its default, as a comment
    Example,
    /// Print the JSON Schema of the file, for an editor
    Schema,
}
